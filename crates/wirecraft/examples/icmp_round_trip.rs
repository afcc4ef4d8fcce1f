//! Pings a host through a tunnel: `icmp_round_trip wg0.conf 10.0.0.1`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;

use wirecraft::{Config, Tunnel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = args().nth(1).ok_or("which configuration?")?;
    let host = args().nth(2).ok_or("which host?")?.parse()?;

    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let reply = tunnel.ping(host).await?;
    println!("{} answered in {:?}", reply.from, reply.round_trip);
    tunnel.close().await?;
    Ok(())
}
