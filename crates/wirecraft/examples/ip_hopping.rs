//! Sends each request by another exit: `ip_hopping 10.0.0.1 one.conf two.conf ..`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;
use std::net::IpAddr;

use wirecraft::{Config, Tunnel};

/// Requests that are sent.
const REQUESTS: usize = 6;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let host: IpAddr = args().nth(1).ok_or("which host?")?.parse()?;
    let mut exits = Vec::new();
    for config in args().skip(2) {
        // An exit that does not answer is left out.
        match Tunnel::connect(Config::load(&config)?).await {
            Ok(tunnel) => exits.push((config, tunnel)),
            Err(error) => println!("{config}: {error}"),
        }
    }
    if exits.is_empty() {
        return Err("no exit answers".into());
    }
    for (config, tunnel) in exits.iter().cycle().take(REQUESTS) {
        let reply = tunnel.ping(host).await?;
        println!("{} answered by way of {config}", reply.from);
    }
    for (_, tunnel) in exits {
        tunnel.close().await?;
    }
    Ok(())
}
