//! Forwards a local port through a tunnel: `forward wg0.conf 127.0.0.1:8080 10.0.0.1:80`.

#![expect(clippy::print_stderr, reason = "a program may talk to its user")]

use std::error::Error;

use tokio::net::TcpListener;
use wirecraft::relay::{Relayed, both_ways};
use wirecraft::{Config, Tunnel};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
    let (file, local, remote) = (next("FILE")?, next("LOCAL")?, next("REMOTE")?);
    let tunnel = Tunnel::connect(Config::load(file)?).await?;
    let listener = TcpListener::bind(local).await?;
    loop {
        let (mut caller, from) = listener.accept().await?;
        let (tunnel, remote) = (tunnel.clone(), remote.clone());
        tokio::spawn(async move {
            let relayed = async {
                let stream = tunnel.tcp_connect(remote).await?;
                both_ways(&stream, &mut caller, &Relayed::default()).await?;
                Ok::<_, Box<dyn Error + Send + Sync>>(())
            };
            if let Err(error) = relayed.await {
                eprintln!("{from}: {error}");
            }
        });
    }
}
