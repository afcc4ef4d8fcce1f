//! A packet in one line, as tcpdump has it.

use core::fmt::{self, Write};

use super::{DEPTH_MAX, icmp, tcp};
use crate::header::IpVersion;
use crate::{GrePacket, IgmpKind, IgmpMessage, IpPacket, Protocol, SctpPacket, Transport};

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
        Transport::UdpLite(it) => {
            let ports = (it.source_port(), it.destination_port());
            write!(f, "{source}.{} > {destination}.{}: ", ports.0, ports.1)?;
        }
        Transport::Sctp(it) => {
            let ports = (it.source_port(), it.destination_port());
            write!(f, "{source}.{} > {destination}.{}: ", ports.0, ports.1)?;
        }
        _ => write!(f, "{source} > {destination}: ")?,
    }
    match &upper {
        Transport::Gre(packet) => gre(f, packet, depth),
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
        Transport::UdpLite(it) => {
            write!(f, "{} > {}: ", it.source_port(), it.destination_port())?;
        }
        Transport::Sctp(it) => write!(f, "{} > {}: ", it.source_port(), it.destination_port())?,
        _ => {}
    }
    rest(f, upper)
}

/// Shows what stands behind addresses and ports.
fn rest(f: &mut fmt::Formatter<'_>, upper: &Transport<'_>) -> fmt::Result {
    match upper {
        Transport::Tcp(segment) => tcp::line(f, segment),
        Transport::Udp(datagram) => write!(f, "UDP, length {}", datagram.payload().len()),
        Transport::UdpLite(it) => write!(f, "UDP-Lite, length {}", it.payload().len()),
        Transport::Icmpv4(message) => icmp::line_v4(f, message),
        Transport::Icmpv6(message) => icmp::line_v6(f, message),
        Transport::Igmp(message) => igmp(f, message),
        Transport::Gre(packet) => gre(f, packet, DEPTH_MAX),
        Transport::Sctp(packet) => sctp(f, packet),
        Transport::Authenticated(packet) => {
            let (spi, sequence) = (packet.header.spi, packet.header.sequence);
            write!(f, "AH(spi={spi:#010x},seq={sequence:#x}): ")?;
            other(f, packet.protocol, packet.payload, DEPTH_MAX)
        }
        Transport::Encapsulated(packet) => {
            let (spi, sequence) = (packet.spi, packet.sequence);
            write!(
                f,
                "ESP(spi={spi:#010x},seq={sequence:#x}), length {}",
                packet.sealed.len() + 8
            )
        }
        Transport::Fragment(payload) => write!(f, "fragment, length {}", payload.len()),
        Transport::Other(protocol, payload) => other(f, *protocol, payload, DEPTH_MAX),
    }
}

fn gre(f: &mut fmt::Formatter<'_>, gre: &GrePacket<'_>, depth: usize) -> fmt::Result {
    write!(f, "GREv{}", gre.flags() & 0b111)?;
    if let Some(key) = gre.key() {
        write!(f, ", key={key:#x}")?;
    }
    if let Some(sequence) = gre.sequence() {
        write!(f, ", seq {sequence}")?;
    }
    write!(f, ", length {}: ", gre.as_bytes().len())?;
    match gre.ip_packet() {
        Ok(Some(inner)) if depth < DEPTH_MAX => packet(f, &inner, depth + 1),
        Err(error) => write!(f, "[{error}]"),
        _ => write!(f, "gre-proto-{:#x}", gre.protocol().0),
    }
}

fn sctp(f: &mut fmt::Formatter<'_>, packet: &SctpPacket<'_>) -> fmt::Result {
    f.write_str("sctp")?;
    for (index, chunk) in packet.chunks().iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        write!(f, "{separator} ({}) [{}]", index + 1, chunk.chunk_type)?;
    }
    write!(f, ", length {}", packet.as_bytes().len())
}

fn igmp(f: &mut fmt::Formatter<'_>, message: &IgmpMessage<'_>) -> fmt::Result {
    match message.kind() {
        IgmpKind::Query { v3: Some(_), .. } => f.write_str("igmp query v3")?,
        IgmpKind::Query {
            maximum_response: 0,
            ..
        } => f.write_str("igmp query v1")?,
        IgmpKind::Query { .. } => f.write_str("igmp query v2")?,
        IgmpKind::V1Report { group } => write!(f, "igmp v1 report {group}")?,
        IgmpKind::V2Report { group } => write!(f, "igmp v2 report {group}")?,
        IgmpKind::Leave { group } => write!(f, "igmp leave {group}")?,
        IgmpKind::V3Report { records } => {
            write!(
                f,
                "igmp v3 report, {} group record(s)",
                records.iter().count()
            )?;
        }
        other => write!(f, "igmp-{}", other.message_type().number())?,
    }
    write!(f, ", length {}", message.as_bytes().len())
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
