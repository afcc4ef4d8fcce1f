//! Asks a name server by a datagram of its own making: `dns_round_trip wg0.conf 10.0.0.1 example.org`.
//!
//! `Tunnel::resolver` does this with retries and caching; here is what it comes down to.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;
use std::net::Ipv4Addr;
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
    let len = loop {
        let received = timeout(Duration::from_secs(5), socket.recv_from(&mut answer)).await??;
        // Whatever answers another question is passed over.
        if answer.starts_with(&ID) && received.from.ip() == server {
            break received.len;
        }
    };
    let addresses = addresses(&answer[..len]).ok_or("the answer is broken")?;
    println!("{name}: {} addresses in {len} bytes", addresses.len());
    for address in addresses {
        println!("{address}");
    }
    tunnel.close().await?;
    Ok(())
}

/// The number that question and answer share.
const ID: [u8; 2] = [0x57, 0x43];

/// The IPv4 addresses among the answers of a message (RFC 1035 §4); `None` if it is broken.
fn addresses(message: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let word = |at: usize| {
        Some(u16::from_be_bytes([
            *message.get(at)?,
            *message.get(at + 1)?,
        ]))
    };
    let (questions, answers) = (word(4)?, word(6)?);
    let mut at = 12;
    for _ in 0..questions {
        at = after_name(message, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..answers {
        at = after_name(message, at)?;
        let (kind, len) = (word(at)?, usize::from(word(at + 8)?));
        let data = message.get(at + 10..at + 10 + len)?;
        // Aliases stand between the question and its addresses.
        if let (1, &[a, b, c, d]) = (kind, data) {
            found.push(Ipv4Addr::new(a, b, c, d));
        }
        at += 10 + len;
    }
    Some(found)
}

/// Where a name ends: with an empty label, or with a pointer to another name.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len if len >= 0xc0 => return Some(at + 2),
            len => at += 1 + usize::from(len),
        }
    }
}

/// A question for the IPv4 address of a name (RFC 1035 §4).
fn query(name: &str) -> Vec<u8> {
    let [first, second] = ID;
    let mut query = vec![first, second, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(u8::try_from(label.len().min(63)).unwrap_or(63));
        query.extend(label.bytes().take(63));
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}
