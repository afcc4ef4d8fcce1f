//! Fetches a page by HTTP or HTTPS: `https wg0.conf https://example.org/ [CA.pem]`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;

use wirecraft::http::{HttpClient, Request, Trust};
use wirecraft::{Config, Tunnel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = args().nth(1).ok_or("which configuration?")?;
    let url = args().nth(2).ok_or("which page?")?;
    let trust = args()
        .nth(3)
        .map_or(Trust::Host, |file| Trust::File(file.into()));

    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let client = HttpClient::new(tunnel.dialer().clone(), trust);
    let mut response = client.send(Request::get(&url)?).await?;
    println!("{}", response.status());
    while let Some(piece) = response.chunk().await? {
        print!("{}", String::from_utf8_lossy(&piece));
    }
    tunnel.close().await?;
    Ok(())
}
