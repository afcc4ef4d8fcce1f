//! A packet in one line, as tcpdump has it.

use core::fmt::{self, Write};

use super::{DEPTH_MAX, icmp, tcp};
use crate::header::IpVersion;
use crate::{IpPacket, Protocol, Transport};

pub(super) fn packet(
    f: &mut fmt::Formatter<'_>,
    packet: &IpPacket<'_>,
    depth: usize,
) -> fmt::Result {
    f.write_str(match packet.version() {
        IpVersion::V4 => "IP ",
        IpVersion::V6 => "IP6 ",
    })?;
    let (source, destination) = (packet.source(), packet.destination());
    let upper = match packet.transport() {
        Ok(upper) => upper,
        Err(error) => return write!(f, "{source} > {destination}: [{error}]"),
    };
    match &upper {
        Transport::Tcp(it) => {
            let ports = (it.source_port(), it.destination_port());
            write!(f, "{source}.{} > {destination}.{}: ", ports.0, ports.1)?;
        }
        Transport::Udp(it) => {
            let ports = (it.source_port(), it.destination_port());
            write!(f, "{source}.{} > {destination}.{}: ", ports.0, ports.1)?;
        }
        _ => write!(f, "{source} > {destination}: ")?,
    }
    match &upper {
        Transport::Fragment(payload) => fragment(f, packet, payload.len()),
        Transport::Other(protocol, payload) => other(f, *protocol, payload, depth),
        upper => rest(f, upper),
    }
}

/// Shows an upper layer without a packet around it.
pub(super) fn alone(f: &mut fmt::Formatter<'_>, upper: &Transport<'_>) -> fmt::Result {
    match upper {
        Transport::Tcp(it) => write!(f, "{} > {}: ", it.source_port(), it.destination_port())?,
        Transport::Udp(it) => write!(f, "{} > {}: ", it.source_port(), it.destination_port())?,
        _ => {}
    }
    rest(f, upper)
}

/// Shows what stands behind addresses and ports.
fn rest(f: &mut fmt::Formatter<'_>, upper: &Transport<'_>) -> fmt::Result {
    match upper {
        Transport::Tcp(segment) => tcp::line(f, segment),
        Transport::Udp(datagram) => write!(f, "UDP, length {}", datagram.payload().len()),
        Transport::Icmpv4(message) => icmp::line_v4(f, message),
        Transport::Icmpv6(message) => icmp::line_v6(f, message),
        Transport::Fragment(payload) => write!(f, "fragment, length {}", payload.len()),
        Transport::Other(protocol, payload) => other(f, *protocol, payload, DEPTH_MAX),
    }
}

fn other(
    f: &mut fmt::Formatter<'_>,
    protocol: Protocol,
    payload: &[u8],
    depth: usize,
) -> fmt::Result {
    if let (Protocol::IPV4 | Protocol::IPV6, 0..DEPTH_MAX) = (protocol, depth) {
        return match IpPacket::parse(payload) {
            Ok(inner) => packet(f, &inner, depth + 1),
            Err(error) => write!(f, "[{error}]"),
        };
    }
    name(f, protocol)?;
    write!(f, ", length {}", payload.len())
}

/// Shows the name of a protocol, or `ip-proto-` and its number.
fn name(f: &mut fmt::Formatter<'_>, protocol: Protocol) -> fmt::Result {
    match protocol.name() {
        Some(name) => f.write_str(name),
        None => write!(f, "ip-proto-{}", protocol.number()),
    }
}

fn fragment(f: &mut fmt::Formatter<'_>, packet: &IpPacket<'_>, len: usize) -> fmt::Result {
    let (identification, offset, more) = match packet {
        IpPacket::V4(it) => (
            u32::from(it.identification()),
            it.fragment_offset(),
            it.more_fragments(),
        ),
        IpPacket::V6(it) => match it.fragment() {
            Some(it) => (it.identification, it.offset, it.more),
            None => (0, 0, false),
        },
    };
    f.write_str("frag (")?;
    write!(f, "{identification:#x}:{offset}|{len}")?;
    if more {
        f.write_char('+')?;
    }
    f.write_str(") ")?;
    name(f, packet.protocol())
}
