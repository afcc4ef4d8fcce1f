//! What stands on IP beside TCP, UDP and ICMP, and the options that headers carry.

use wirecraft_ip_packets::{
    AuthenticatedPacket, EncapsulatedPayload, GrePacket, IPV4_HEADER_LEN, IPV6_HEADER_LEN,
    IcmpExtensions, Icmpv6Kind, IgmpMessage, Ipv4Options, Ipv6Extension, Ipv6Options, Ipv6Packet,
    Lenient, NdpOptions, ParseError, Protocol, SctpPacket, UdpLiteDatagram, v4, v6,
};

use crate::reserved::clear_igmp;

/// A message that parses can be built anew, and lenient parsing finds wrong what strict parsing does.
///
/// The first byte chooses the protocol, the rest is the message.
pub fn upper_message(input: &[u8]) {
    let Some((protocol, bytes)) = input.split_first() else {
        return;
    };
    match protocol % 9 {
        0 => igmp(bytes),
        1 => gre(bytes),
        2 => sctp(bytes),
        3 => udp_lite(bytes),
        4 => authenticated(bytes),
        5 => encapsulated(bytes),
        6 => ipv4_options(bytes),
        7 => ipv6_options(bytes),
        _ => sequences(bytes),
    }
}

/// Holds both ways of parsing against each other, and returns what can be read.
fn agreed<T: Copy + PartialEq + core::fmt::Debug>(
    strict: Result<T, ParseError>,
    lenient: Result<Lenient<T>, ParseError>,
) -> Option<T> {
    match lenient {
        Ok(lenient) => {
            assert_eq!(lenient.strict(), strict);
            Some(lenient.read)
        }
        Err(error) => {
            assert_eq!(strict, Err(error));
            None
        }
    }
}

/// Takes the IPv4 header off a packet.
fn upper(packet: &[u8]) -> &[u8] {
    &packet[IPV4_HEADER_LEN..]
}

fn igmp(bytes: &[u8]) {
    let (strict, lenient) = (IgmpMessage::parse(bytes), IgmpMessage::parse_lenient(bytes));
    let Some(message) = agreed(strict, lenient) else {
        return;
    };
    let ip = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let raw = ip.bare(Protocol::IGMP).payload(bytes).build();
    assert_eq!(upper(&raw), bytes);
    let kind = message.kind();
    let typed = ip.igmp(kind).build();
    let typed = IgmpMessage::parse_lenient(upper(&typed)).expect("it was built");
    assert_eq!(typed.read.kind(), kind);
    assert!(typed.read.checksum_is_valid());
    if strict.is_ok() {
        let (mut typed, mut bytes) = (typed.read.as_bytes().to_vec(), bytes.to_vec());
        assert_eq!(typed.len(), bytes.len(), "{kind:?}");
        for bytes in [&mut typed, &mut bytes] {
            clear_igmp(&message, bytes);
            bytes[2..4].fill(0);
        }
        assert_eq!(typed, bytes, "{kind:?}");
    }
    assert!(!format!("{message} {message:#}").is_empty());
}

fn gre(bytes: &[u8]) {
    let Some(packet) = agreed(GrePacket::parse(bytes), GrePacket::parse_lenient(bytes)) else {
        return;
    };
    assert!(bytes.ends_with(packet.payload()));
    if GrePacket::parse(bytes).is_err() {
        return;
    }
    let ip = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let mut builder = ip.gre().protocol(packet.protocol()).flags(packet.flags());
    if let Some(sum) = packet.checksum() {
        builder = builder.checksum(sum);
    }
    if let Some(key) = packet.key() {
        builder = builder.key(key);
    }
    if let Some(sequence) = packet.sequence() {
        builder = builder.sequence(sequence);
    }
    let rebuilt = builder.payload(packet.payload()).build();
    let (mut rebuilt, mut bytes) = (upper(&rebuilt).to_vec(), bytes.to_vec());
    if packet.checksum().is_some() {
        // What stands beside the checksum is reserved.
        rebuilt[6..8].fill(0);
        bytes[6..8].fill(0);
    }
    assert_eq!(rebuilt, bytes);
}

fn sctp(bytes: &[u8]) {
    let (strict, lenient) = (SctpPacket::parse(bytes), SctpPacket::parse_lenient(bytes));
    let Some(packet) = agreed(strict, lenient) else {
        return;
    };
    let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .sctp(packet.source_port(), packet.destination_port())
        .verification_tag(packet.verification_tag())
        .payload(packet.payload());
    let rebuilt = builder.checksum(packet.checksum()).build();
    assert_eq!(upper(&rebuilt), bytes);
    let checked = builder.build();
    let checked = SctpPacket::parse_lenient(upper(&checked)).expect("it was built");
    assert!(checked.read.checksum_is_valid());
    let chunks: Vec<_> = packet.chunks().iter().collect();
    let typed = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).sctp(1, 2);
    let typed = typed.chunks(&chunks).build();
    let typed = SctpPacket::parse(upper(&typed)).expect("chunks that were read can be written");
    assert!(typed.chunks().iter().eq(chunks));
}

fn udp_lite(bytes: &[u8]) {
    let lenient = UdpLiteDatagram::parse_lenient(bytes);
    let Some(datagram) = agreed(UdpLiteDatagram::parse(bytes), lenient) else {
        return;
    };
    let rebuilt = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp_lite(datagram.source_port(), datagram.destination_port())
        .coverage(datagram.coverage())
        .checksum(datagram.checksum())
        .payload(datagram.payload())
        .build();
    assert_eq!(upper(&rebuilt), bytes);
    assert!(bytes.starts_with(datagram.covered()));
}

fn authenticated(bytes: &[u8]) {
    let lenient = AuthenticatedPacket::parse_lenient(bytes);
    let Some(packet) = agreed(AuthenticatedPacket::parse(bytes), lenient) else {
        return;
    };
    if AuthenticatedPacket::parse(bytes).is_err() {
        return;
    }
    let rebuilt = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .ah(packet.header)
        .next_header(packet.protocol)
        .payload(packet.payload)
        .build();
    let mut bytes = bytes.to_vec();
    // Two bytes are reserved.
    bytes[2..4].fill(0);
    assert_eq!(upper(&rebuilt), bytes);
}

fn encapsulated(bytes: &[u8]) {
    let lenient = EncapsulatedPayload::parse_lenient(bytes);
    let Some(packet) = agreed(EncapsulatedPayload::parse(bytes), lenient) else {
        return;
    };
    let rebuilt = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .esp(packet.spi, packet.sequence)
        .payload(packet.sealed)
        .build();
    assert_eq!(upper(&rebuilt), bytes);
}

/// Options that are read write back to their bytes, up to the end or the first that cannot be read.
fn ipv4_options(bytes: &[u8]) {
    let options = Ipv4Options::new(bytes.get(..40).unwrap_or(bytes));
    let mut written = Vec::new();
    for option in options.clone().map_while(Result::ok) {
        let mut buf = [0; 40];
        let len = option
            .write(&mut buf)
            .expect("it was as long when it was read");
        assert_eq!(len, option.encoded_len());
        written.extend_from_slice(&buf[..len]);
    }
    assert!(options.as_bytes().starts_with(&written));
    if let Some(Err(error)) = options.clone().last() {
        assert_eq!(error.offset(), IPV4_HEADER_LEN + written.len());
    } else {
        let end = options.as_bytes().len() - options.padding().len();
        assert_eq!(written.len(), end);
    }
}

/// Extension headers that are read write back to their bytes.
fn ipv6_options(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let ip = v6([1; 16].into(), [2; 16].into());
    let packet = ip.extension_headers(Protocol::new(*first), bytes);
    let packet = packet.bare(Protocol::NO_NEXT_HEADER).build();
    let Ok(packet) = Ipv6Packet::parse(&packet) else {
        return;
    };
    let headers: Vec<Ipv6Extension<'_>> = packet
        .extension_headers()
        .map(|header| header.content())
        .collect();
    let rebuilt = ip.extensions(&headers).bare(packet.protocol());
    let rebuilt = rebuilt.payload(packet.payload()).build();
    assert_eq!(
        rebuilt[IPV6_HEADER_LEN..],
        packet.as_bytes()[IPV6_HEADER_LEN..]
    );
    let options = Ipv6Options::from_bytes(bytes);
    let taken: Vec<_> = options.iter().map_while(Result::ok).collect();
    assert!(options.iter().count() <= taken.len() + 1);
}

/// Options of neighbor discovery and objects of ICMP, each as it was after writing and reading.
fn sequences(bytes: &[u8]) {
    let options: Vec<_> = NdpOptions::from_bytes(bytes).iter().collect();
    let packet = v6([1; 16].into(), [2; 16].into());
    let message = Icmpv6Kind::RouterSolicitation {
        options: NdpOptions::new(&options),
    };
    let packet = packet.icmpv6(message).build();
    let again = NdpOptions::from_bytes(&packet[IPV6_HEADER_LEN + 8..]);
    assert!(again.iter().eq(options));
    let (strict, lenient) = (
        IcmpExtensions::parse(bytes),
        IcmpExtensions::parse_lenient(bytes),
    );
    if let Some(extensions) = agreed(strict, lenient) {
        assert_eq!(extensions.as_bytes(), bytes);
        assert!(extensions.objects().iter().count() <= bytes.len() / 4);
    }
}
