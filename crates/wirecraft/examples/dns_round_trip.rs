//! Asks a name server by a datagram of its own making: `dns_round_trip wg0.conf 10.0.0.1 example.org`.
//!
//! `Tunnel::resolver` does this with retries and caching; here is what it comes down to.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;
use std::time::Duration;

use tokio::time::timeout;
use wirecraft::{Config, Tunnel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = args().nth(1).ok_or("which configuration?")?;
    let server: std::net::IpAddr = args().nth(2).ok_or("which server?")?.parse()?;
    let name = args().nth(3).ok_or("which name?")?;

    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let socket = tunnel.udp_bind(0).await?;
    socket.send_to(&query(&name), (server, 53).into()).await?;
    let mut answer = [0; 512];
    let received = timeout(Duration::from_secs(5), socket.recv_from(&mut answer)).await??;
    let len = received.len;
    let count = u16::from_be_bytes([answer[6], answer[7]]);
    println!("{name}: {count} answers in {len} bytes");
    // The last four bytes of the answer are the address of the last record.
    if count > 0 && len > 4 {
        let [.., a, b, c, d] = answer[..len] else {
            return Err("the answer is cut off".into());
        };
        println!("{a}.{b}.{c}.{d}");
    }
    tunnel.close().await?;
    Ok(())
}

/// A question for the IPv4 address of a name (RFC 1035 §4).
fn query(name: &str) -> Vec<u8> {
    let mut query = vec![0x57, 0x43, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(u8::try_from(label.len().min(63)).unwrap_or(63));
        query.extend(label.bytes().take(63));
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}
