//! Every layer and field of a packet on a line of its own.

use core::fmt;

use super::tcp_options::Words;
use super::{DEPTH_MAX, hexdump, layers, message, options};
use crate::checksum::PseudoHeader;
use crate::sequence::{Element, Sequence};
use crate::{
    ExtensionHeader, Icmpv4Kind, Icmpv4Message, Icmpv6Kind, Icmpv6Message, IpPacket, Ipv4Packet,
    Ipv6Extension, Ipv6Options, Ipv6Packet, Protocol, TcpSegment, Transport, UdpDatagram,
};

/// Spaces by which the lines of an inner packet are moved.
const INDENT: usize = 2;

/// Shows a packet; `depth` is how many are around it.
pub(super) fn packet(
    f: &mut fmt::Formatter<'_>,
    packet: &IpPacket<'_>,
    depth: usize,
) -> fmt::Result {
    match packet {
        IpPacket::V4(packet) => header_v4(f, packet, depth)?,
        IpPacket::V6(packet) => header_v6(f, packet, depth)?,
    }
    match packet.transport() {
        Ok(transport) => {
            f.write_str("\n")?;
            upper(f, &transport, Some(&packet.pseudo_header()), depth)
        }
        Err(error) => line(f, depth, "error", error),
    }
}

pub(super) fn title(f: &mut fmt::Formatter<'_>, depth: usize, name: &str) -> fmt::Result {
    write!(f, "{:1$}{name}", "", depth * INDENT)
}

/// Starts a line with a field.
pub(super) fn line(
    f: &mut fmt::Formatter<'_>,
    depth: usize,
    name: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    write!(f, "\n{:1$}{name}: {value}", "", (depth + 1) * INDENT)
}

/// Starts a line with a checksum and whether it is right.
pub(super) fn sum(
    f: &mut fmt::Formatter<'_>,
    depth: usize,
    sum: u16,
    is_valid: Option<bool>,
) -> fmt::Result {
    let verdict = match is_valid {
        Some(true) => " (right)",
        Some(false) => " (wrong)",
        None => "",
    };
    line(f, depth, "checksum", format_args!("{sum:#06x}{verdict}"))
}

fn header_v4(f: &mut fmt::Formatter<'_>, packet: &Ipv4Packet<'_>, depth: usize) -> fmt::Result {
    title(f, depth, "IPv4")?;
    line(f, depth, "source", packet.source())?;
    line(f, depth, "destination", packet.destination())?;
    let bytes = packet.as_bytes();
    let header_len = usize::from(bytes.first().map_or(0, |octet| octet & 0x0f)) * 4;
    line(
        f,
        depth,
        "header length",
        Stated(header_len, packet.header_len()),
    )?;
    line(f, depth, "dscp", packet.dscp())?;
    line(f, depth, "ecn", packet.ecn().bits())?;
    line(
        f,
        depth,
        "total length",
        Stated(word(bytes, 2), bytes.len()),
    )?;
    line(
        f,
        depth,
        "identification",
        format_args!("{:#06x}", packet.identification()),
    )?;
    let flags = [
        (packet.reserved_flag(), " reserved"),
        (packet.dont_fragment(), " DF"),
        (packet.more_fragments(), " MF"),
    ];
    write!(f, "\n{:1$}flags:", "", (depth + 1) * INDENT)?;
    for (_, name) in flags.iter().filter(|(is_set, _)| *is_set) {
        f.write_str(name)?;
    }
    line(f, depth, "fragment offset", packet.fragment_offset())?;
    line(f, depth, "ttl", packet.ttl())?;
    line(f, depth, "protocol", Named(packet.protocol()))?;
    sum(
        f,
        depth,
        packet.checksum(),
        Some(packet.checksum_is_valid()),
    )?;
    for option in packet.options() {
        match option {
            Ok(option) => line(f, depth, "option", options::V4(option))?,
            Err(error) => line(f, depth, "option", error)?,
        }
    }
    match packet.options().padding() {
        [] => Ok(()),
        padding => line(f, depth, "end of options", Bytes(padding)),
    }
}

/// Reads a length field of 16 bits.
fn word(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
    usize::from(word.map_or(0, |word| u16::from_be_bytes(*word)))
}

/// A length as its field has it, and what is there of it where that is something else.
struct Stated(usize, usize);

impl fmt::Display for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(stated, there) = self;
        match stated == there {
            true => write!(f, "{stated}"),
            false => write!(f, "{stated} ({there} there)"),
        }
    }
}

fn header_v6(f: &mut fmt::Formatter<'_>, packet: &Ipv6Packet<'_>, depth: usize) -> fmt::Result {
    title(f, depth, "IPv6")?;
    line(f, depth, "source", packet.source())?;
    line(f, depth, "destination", packet.destination())?;
    line(f, depth, "dscp", packet.dscp())?;
    line(f, depth, "ecn", packet.ecn().bits())?;
    line(
        f,
        depth,
        "flow label",
        format_args!("{:#07x}", packet.flow_label()),
    )?;
    let bytes = packet.as_bytes();
    let payload_len = Stated(word(bytes, 4), bytes.len().saturating_sub(40));
    line(f, depth, "payload length", payload_len)?;
    line(f, depth, "next header", Named(packet.next_header()))?;
    line(f, depth, "hop limit", packet.hop_limit())?;
    for header in packet.extension_headers() {
        f.write_str("\n")?;
        title(f, depth, "IPv6 ")?;
        write!(f, "{}", header.protocol)?;
        let next = header
            .bytes
            .first()
            .copied()
            .map_or(Protocol::NO_NEXT_HEADER, Protocol::new);
        line(f, depth, "next header", Named(next))?;
        line(f, depth, "length", header.bytes.len())?;
        extension(f, &header, depth)?;
    }
    Ok(())
}

fn extension(
    f: &mut fmt::Formatter<'_>,
    header: &ExtensionHeader<'_>,
    depth: usize,
) -> fmt::Result {
    match header.content() {
        Ipv6Extension::HopByHop(them) | Ipv6Extension::Destination(them) => {
            ipv6_options(f, &them, depth)
        }
        Ipv6Extension::Routing(routing) => {
            line(f, depth, "type", Named(routing.kind()))?;
            line(f, depth, "segments left", routing.segments_left())?;
            line(f, depth, "route", options::Routing(routing))
        }
        Ipv6Extension::Fragment(fragment) => {
            line(f, depth, "offset", fragment.offset)?;
            line(f, depth, "more", fragment.more)?;
            let identification = format_args!("{:#010x}", fragment.identification);
            line(f, depth, "identification", identification)
        }
        Ipv6Extension::Authentication(it) => {
            line(f, depth, "spi", format_args!("{:#010x}", it.spi))?;
            line(f, depth, "sequence number", it.sequence)?;
            line(f, depth, "icv", Bytes(it.icv))
        }
        Ipv6Extension::Other { rest, .. } => line(f, depth, "content", Bytes(rest)),
    }
}

fn ipv6_options(f: &mut fmt::Formatter<'_>, them: &Ipv6Options<'_>, depth: usize) -> fmt::Result {
    for option in them.iter() {
        match option {
            Ok(option) => line(f, depth, "option", options::V6(option))?,
            Err(error) => line(f, depth, "option", error)?,
        }
    }
    Ok(())
}

/// Shows what a packet carries; without a pseudo header, checksums over one are not judged.
pub(super) fn upper(
    f: &mut fmt::Formatter<'_>,
    upper: &Transport<'_>,
    pseudo_header: Option<&PseudoHeader>,
    depth: usize,
) -> fmt::Result {
    match upper {
        Transport::Tcp(segment) => show_tcp(f, segment, pseudo_header, depth),
        Transport::Udp(datagram) => show_udp(f, datagram, pseudo_header, depth),
        Transport::UdpLite(it) => layers::udp_lite(f, it, pseudo_header, depth),
        Transport::Icmpv4(message) => show_icmpv4(f, message, depth),
        Transport::Icmpv6(message) => show_icmpv6(f, message, pseudo_header, depth),
        Transport::Igmp(message) => layers::igmp(f, message, depth),
        Transport::Gre(packet) => layers::gre(f, packet, depth),
        Transport::Sctp(packet) => layers::sctp(f, packet, depth),
        Transport::Authenticated(packet) => {
            title(f, depth, "AH")?;
            line(f, depth, "next header", Named(packet.protocol))?;
            line(f, depth, "spi", format_args!("{:#010x}", packet.header.spi))?;
            line(f, depth, "sequence number", packet.header.sequence)?;
            line(f, depth, "icv", Bytes(packet.header.icv))?;
            f.write_str("\n")?;
            show_other(f, packet.protocol, packet.payload, depth)
        }
        Transport::Encapsulated(packet) => {
            title(f, depth, "ESP")?;
            line(f, depth, "spi", format_args!("{:#010x}", packet.spi))?;
            line(f, depth, "sequence number", packet.sequence)?;
            payload(f, packet.sealed, depth)
        }
        Transport::Fragment(bytes) => {
            title(f, depth, "fragment")?;
            payload(f, bytes, depth)
        }
        Transport::Other(protocol, bytes) => show_other(f, *protocol, bytes, depth),
    }
}

fn show_other(
    f: &mut fmt::Formatter<'_>,
    protocol: Protocol,
    bytes: &[u8],
    depth: usize,
) -> fmt::Result {
    let is_ip = matches!(protocol, Protocol::IPV4 | Protocol::IPV6);
    if let (true, Ok(inner)) = (is_ip && depth < DEPTH_MAX, IpPacket::parse(bytes)) {
        return packet(f, &inner, depth + 1);
    }
    title(f, depth, "protocol ")?;
    write!(f, "{}", Named(protocol))?;
    payload(f, bytes, depth)
}

fn show_tcp(
    f: &mut fmt::Formatter<'_>,
    segment: &TcpSegment<'_>,
    pseudo_header: Option<&PseudoHeader>,
    depth: usize,
) -> fmt::Result {
    title(f, depth, "TCP")?;
    line(f, depth, "source port", segment.source_port())?;
    line(f, depth, "destination port", segment.destination_port())?;
    line(f, depth, "sequence number", segment.seq())?;
    line(f, depth, "acknowledgment number", segment.ack())?;
    let offset = segment.as_bytes().get(12).map_or(0, |octet| octet >> 4);
    let stated = Stated(usize::from(offset) * 4, segment.header_len());
    line(f, depth, "header length", stated)?;
    line(f, depth, "reserved", segment.reserved())?;
    line(f, depth, "flags", segment.flags())?;
    line(f, depth, "window", segment.window())?;
    let is_valid = pseudo_header.map(|it| segment.checksum_is_valid(it));
    sum(f, depth, segment.checksum(), is_valid)?;
    line(f, depth, "urgent pointer", segment.urgent_pointer())?;
    for option in segment.options() {
        match option {
            Ok(option) => line(f, depth, "option", Words(option))?,
            Err(error) => line(f, depth, "option", error)?,
        }
    }
    let padding = segment.options().padding();
    if !padding.is_empty() {
        line(f, depth, "end of options", Bytes(padding))?;
    }
    payload(f, segment.payload(), depth)
}

fn show_udp(
    f: &mut fmt::Formatter<'_>,
    datagram: &UdpDatagram<'_>,
    pseudo_header: Option<&PseudoHeader>,
    depth: usize,
) -> fmt::Result {
    title(f, depth, "UDP")?;
    line(f, depth, "source port", datagram.source_port())?;
    line(f, depth, "destination port", datagram.destination_port())?;
    let bytes = datagram.as_bytes();
    line(f, depth, "length", Stated(word(bytes, 4), bytes.len()))?;
    let is_valid = pseudo_header.map(|it| datagram.checksum_is_valid(it));
    sum(f, depth, datagram.checksum(), is_valid)?;
    payload(f, datagram.payload(), depth)
}

fn show_icmpv4(
    f: &mut fmt::Formatter<'_>,
    message: &Icmpv4Message<'_>,
    depth: usize,
) -> fmt::Result {
    title(f, depth, "ICMP")?;
    line(f, depth, "type", Named(message.message_type()))?;
    line(f, depth, "code", Coded(message.code(), message.code_name()))?;
    sum(
        f,
        depth,
        message.checksum(),
        Some(message.checksum_is_valid()),
    )?;
    let kind = message.kind();
    message::icmpv4(f, &kind, depth)?;
    message::extensions(f, message.extensions(), depth)?;
    match kind {
        Icmpv4Kind::EchoRequest(it) | Icmpv4Kind::EchoReply(it) => payload(f, it.payload, depth),
        Icmpv4Kind::Other { word, body, .. } => {
            line(f, depth, "word", Bytes(&word))?;
            payload(f, body, depth)
        }
        other => other.quoted().map_or(Ok(()), |it| quote(f, it, depth)),
    }
}

fn show_icmpv6(
    f: &mut fmt::Formatter<'_>,
    message: &Icmpv6Message<'_>,
    pseudo_header: Option<&PseudoHeader>,
    depth: usize,
) -> fmt::Result {
    title(f, depth, "ICMPv6")?;
    line(f, depth, "type", Named(message.message_type()))?;
    line(f, depth, "code", Coded(message.code(), message.code_name()))?;
    let is_valid = pseudo_header.map(|it| message.checksum_is_valid(it));
    sum(f, depth, message.checksum(), is_valid)?;
    let kind = message.kind();
    message::icmpv6(f, &kind, depth)?;
    message::extensions(f, message.extensions(), depth)?;
    match kind {
        Icmpv6Kind::EchoRequest(it) | Icmpv6Kind::EchoReply(it) => payload(f, it.payload, depth),
        Icmpv6Kind::Other { body, .. } => payload(f, body, depth),
        other => other.quoted().map_or(Ok(()), |it| quote(f, it, depth)),
    }
}

/// Shows the packet that a message quotes, as far as that goes, or bytes.
fn quote(f: &mut fmt::Formatter<'_>, bytes: &[u8], depth: usize) -> fmt::Result {
    if depth < DEPTH_MAX
        && let Ok(quoted) = IpPacket::parse_lenient(bytes)
    {
        f.write_str("\n")?;
        return packet(f, &quoted.read, depth + 1);
    }
    payload(f, bytes, depth)
}

/// Shows bytes sixteen to a line.
pub(super) fn payload(f: &mut fmt::Formatter<'_>, bytes: &[u8], depth: usize) -> fmt::Result {
    line(f, depth, "payload", format_args!("{} bytes", bytes.len()))?;
    for (index, bytes) in bytes.chunks(16).enumerate() {
        write!(f, "\n{:1$}{2:04x} ", "", (depth + 2) * INDENT, index * 16)?;
        hexdump::show_line(f, bytes)?;
    }
    Ok(())
}

/// Bytes in hexadecimal, on one line.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Elements with spaces between; a dash if there are none.
pub(super) struct Listed<'a, T>(pub(super) Sequence<'a, T>);

impl<'a, T: Element<'a> + fmt::Display> fmt::Display for Listed<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        for (index, element) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{element}")?;
        }
        Ok(())
    }
}

/// A registered number with its name.
pub(super) struct Named<T>(pub(super) T);

impl<T: Copy + Into<u8> + fmt::Display> fmt::Display for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number: u8 = self.0.into();
        write!(f, "{number} ({})", self.0)
    }
}

/// A code with its name, where it has one.
struct Coded(u8, Option<&'static str>);

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}
