//! Sends a packet that another library made, and reads the answer with it:
//! `foreign_packets wg0.conf 10.0.0.1`.
//!
//! Raw sockets take and give whole IP packets as bytes: any library that makes such bytes will do.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use etherparse::{Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use tokio::time::timeout;
use wirecraft::{Config, Filter, Tunnel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = args().nth(1).ok_or("which configuration?")?;
    let host: std::net::Ipv4Addr = args().nth(2).ok_or("which host?")?.parse()?;

    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let mut own = tunnel.addresses().iter().map(|address| address.addr());
    let Some(IpAddr::V4(source)) = own.find(IpAddr::is_ipv4) else {
        return Err("the tunnel has no IPv4 address".into());
    };
    let raw = tunnel.raw(Filter::icmp()).await?;
    let builder = PacketBuilder::ipv4(source.octets(), host.octets(), 64);
    let mut packet = Vec::new();
    builder
        .icmpv4_echo_request(7, 1)
        .write(&mut packet, b"made by etherparse")?;
    raw.send(&packet).await?;

    let reply = timeout(Duration::from_secs(5), raw.recv()).await??;
    let sliced = SlicedPacket::from_ip(&reply)?;
    if let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Icmpv4(icmp))) =
        (sliced.net, sliced.transport)
        && let Icmpv4Type::EchoReply(echo) = icmp.icmp_type()
    {
        let text = String::from_utf8_lossy(icmp.payload());
        println!(
            "{} answered {}: {text}",
            ip.header().source_addr(),
            echo.seq
        );
    }
    tunnel.close().await?;
    Ok(())
}
