//! Sends each request by another exit: `ip_hopping 10.0.0.1 one.conf two.conf ..`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::timeout;
use wirecraft::{Config, PoolOptions, TunnelPool};

/// Requests that are sent.
const REQUESTS: usize = 6;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let host: IpAddr = args().nth(1).ok_or("which host?")?.parse()?;
    // Each connection gets the next exit; one that falls silent is left out until it answers.
    let pool = TunnelPool::new(PoolOptions::default());
    for config in args().skip(2) {
        pool.add(&config, Config::load(&config)?).await?;
    }
    pool.settle(Duration::from_secs(5)).await;
    for _ in 0..REQUESTS {
        let exit = timeout(Duration::from_secs(5), pool.pick(None)).await??;
        let reply = exit.tunnel().ping(host).await?;
        println!("{} answered by way of {}", reply.from, exit.name());
    }
    pool.close().await;
    Ok(())
}
