//! Whole packets, built anew of nothing but what their views say in types.

use wirecraft_ip_packets::{
    AuthenticatedPacket, GrePacket, IcmpExtensions, Icmpv4Message, Icmpv6Message, IpBuilder,
    IpPacket, Ipv4Builder, Ipv4Option, Ipv4Packet, Ipv6Builder, Ipv6Extension, Ipv6Packet,
    ParseError, SctpChunk, SctpPacket, TcpOption, TcpSegment, Transport, v4, v6,
};

/// The least length of a quote before extensions, in bytes. RFC 4884 §5.
const QUOTE_LEN_MIN: usize = 128;

/// Builds a packet anew of its typed options, extension headers and messages.
///
/// `None` where types cannot say it: options that cannot be read, padding that is not zero, an upper
/// layer that is malformed, extensions of an error whose checksum is wrong or whose quote is short.
/// Bits that are reserved come out as zero: see [`clear_reserved`](crate::clear_reserved).
#[must_use]
pub fn rebuilt_in_types(packet: &IpPacket<'_>) -> Option<Vec<u8>> {
    let upper = packet.transport().ok()?;
    match packet {
        IpPacket::V4(packet) => {
            let ip = v4_header(packet)?;
            match upper {
                Transport::Icmpv4(message) => icmpv4(ip, &message),
                upper => upper_layer(ip.into(), &upper, packet.payload()),
            }
        }
        IpPacket::V6(packet) => {
            let headers: Vec<Ipv6Extension<'_>> = packet
                .extension_headers()
                .map(|header| header.content())
                .collect();
            let ip = v6_header(packet).extensions(&headers);
            match upper {
                Transport::Icmpv6(message) => icmpv6(ip, &message),
                upper => upper_layer(ip.into(), &upper, packet.payload()),
            }
        }
    }
}

fn v4_header<'a>(packet: &Ipv4Packet<'a>) -> Option<Ipv4Builder<'a>> {
    let mut ip = v4(packet.source(), packet.destination())
        .ttl(packet.ttl())
        .dscp(packet.dscp())
        .ecn(packet.ecn())
        .identification(packet.identification())
        .reserved_flag(packet.reserved_flag())
        .dont_fragment(packet.dont_fragment())
        .more_fragments(packet.more_fragments())
        .fragment_offset(u16::try_from(packet.fragment_offset()).ok()?);
    let options = packet.options();
    let padding = zeros(options.padding())?;
    for option in options {
        ip = ip.option(option.ok()?);
    }
    for _ in 0..padding {
        ip = ip.option(Ipv4Option::End);
    }
    Some(ip.checksum(packet.checksum()))
}

fn v6_header<'a>(packet: &Ipv6Packet<'a>) -> Ipv6Builder<'a> {
    v6(packet.source(), packet.destination())
        .hop_limit(packet.hop_limit())
        .dscp(packet.dscp())
        .ecn(packet.ecn())
        .flow_label(packet.flow_label())
}

/// Counts zeros, and nothing else.
fn zeros(bytes: &[u8]) -> Option<usize> {
    bytes.iter().all(|byte| *byte == 0).then_some(bytes.len())
}

fn upper_layer(ip: IpBuilder<'_>, upper: &Transport<'_>, payload: &[u8]) -> Option<Vec<u8>> {
    Some(match upper {
        Transport::Tcp(segment) => return tcp(ip, segment),
        Transport::Udp(datagram) => ip
            .udp(datagram.source_port(), datagram.destination_port())
            .length(u16::from_be_bytes([payload[4], payload[5]]))
            .checksum(datagram.checksum())
            .payload(&payload[8..])
            .build(),
        Transport::UdpLite(datagram) => ip
            .udp_lite(datagram.source_port(), datagram.destination_port())
            .coverage(datagram.coverage())
            .checksum(datagram.checksum())
            .payload(datagram.payload())
            .build(),
        Transport::Igmp(message) => {
            let builder = ip.igmp(message.kind());
            builder.checksum(message.checksum()).build()
        }
        Transport::Gre(gre) => return gre_packet(ip, gre),
        Transport::Sctp(packet) => return sctp(ip, packet),
        Transport::Authenticated(inner) => authenticated(ip, inner),
        Transport::Encapsulated(inner) => ip
            .esp(inner.spi, inner.sequence)
            .payload(inner.sealed)
            .build(),
        Transport::Fragment(_) => return None,
        Transport::Other(protocol, payload) => ip.bare(*protocol).payload(payload).build(),
        _ => return None,
    })
}

fn tcp(ip: IpBuilder<'_>, segment: &TcpSegment<'_>) -> Option<Vec<u8>> {
    let mut builder = ip
        .tcp(segment.source_port(), segment.destination_port())
        .seq(segment.seq())
        .ack_number(segment.ack())
        .flags(segment.flags())
        .reserved(segment.reserved())
        .window(segment.window())
        .urgent_pointer(segment.urgent_pointer());
    let options = segment.options();
    let padding = zeros(options.padding())?;
    for option in options {
        builder = builder.option(option.ok()?);
    }
    for _ in 0..padding {
        builder = builder.option(TcpOption::End);
    }
    let builder = builder.checksum(segment.checksum());
    Some(builder.payload(segment.payload()).build())
}

fn gre_packet(ip: IpBuilder<'_>, gre: &GrePacket<'_>) -> Option<Vec<u8>> {
    let mut builder = ip.gre().protocol(gre.protocol()).flags(gre.flags());
    if let Some(sum) = gre.checksum() {
        builder = builder.checksum(sum);
    }
    if let Some(key) = gre.key() {
        builder = builder.key(key);
    }
    if let Some(sequence) = gre.sequence() {
        builder = builder.sequence(sequence);
    }
    (!gre.has_routing()).then(|| builder.payload(gre.payload()).build())
}

fn sctp(ip: IpBuilder<'_>, packet: &SctpPacket<'_>) -> Option<Vec<u8>> {
    let chunks: Vec<SctpChunk<'_>> = packet.chunks().iter().collect();
    let builder = ip
        .sctp(packet.source_port(), packet.destination_port())
        .verification_tag(packet.verification_tag())
        .checksum(packet.checksum());
    let built = builder.chunks(&chunks).build();
    // The padding of a chunk is zero, and there behind the last one too.
    built.ends_with(packet.payload()).then_some(built)
}

fn authenticated(ip: IpBuilder<'_>, inner: &AuthenticatedPacket<'_>) -> Vec<u8> {
    ip.ah(inner.header)
        .next_header(inner.protocol)
        .payload(inner.payload)
        .build()
}

/// The extensions of an error, if there are any and they can be written as they are.
fn extensions_of<'a>(
    found: Result<Option<IcmpExtensions<'a>>, ParseError>,
    is_said: bool,
    quote_len: usize,
) -> Option<Option<IcmpExtensions<'a>>> {
    match found.ok()? {
        None if is_said => None,
        Some(it) if is_said => {
            let is_sealed = it.checksum() != 0 && it.checksum_is_valid();
            let is_long = quote_len >= QUOTE_LEN_MIN;
            (is_sealed && is_long && !it.objects().is_empty()).then_some(Some(it))
        }
        // Who does not say how long the quote is has all of it in there.
        _ => Some(None),
    }
}

fn icmpv4(ip: Ipv4Builder<'_>, message: &Icmpv4Message<'_>) -> Option<Vec<u8>> {
    let (kind, word) = (message.kind(), message.word());
    let is_said = matches!(message.message_type().number(), 3 | 11 | 12) && word[1] != 0;
    let sum = message.checksum();
    if let Some(quoted) = kind.quoted()
        && let Some(it) = extensions_of(message.extensions(), is_said, quoted.len())?
    {
        let objects: Vec<_> = it.objects().iter().collect();
        let builder = ip.icmp(message.message_type().number(), message.code());
        let builder = builder.word(word).payload(quoted).checksum(sum);
        return Some(builder.extensions_unlimited(&objects).build());
    }
    Some(ip.icmpv4(kind).checksum(sum).build())
}

fn icmpv6(ip: Ipv6Builder<'_>, message: &Icmpv6Message<'_>) -> Option<Vec<u8>> {
    let (kind, word) = (message.kind(), message.word().unwrap_or_default());
    let is_said = matches!(message.message_type().number(), 1 | 3) && word[0] != 0;
    let sum = message.checksum();
    if let Some(quoted) = kind.quoted()
        && let Some(it) = extensions_of(message.extensions(), is_said, quoted.len())?
    {
        let objects: Vec<_> = it.objects().iter().collect();
        let builder = ip.icmp(message.message_type().number(), message.code());
        let builder = builder.word(word).payload(quoted).checksum(sum);
        return Some(builder.extensions_unlimited(&objects).build());
    }
    Some(ip.icmpv6(kind).checksum(sum).build())
}
