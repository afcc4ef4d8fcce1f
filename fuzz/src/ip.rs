//! Headers and views of IP packets.

use wirecraft_ip_packets::{
    Ecn, Header, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpPacket, IpVersion, Ipv4Packet, Ipv6Packet,
    Protocol, QuotedPacket, Transport, destination_address, ecn, packet_len, set_ecn,
    source_address, v4, v6,
};

use crate::checksums::residue;
use crate::{clear_reserved, rebuilt_in_types};

/// The short readers agree with each other, and a congestion mark changes nothing but itself.
pub fn ip_header(input: &[u8]) {
    match Header::read(input) {
        Ok(header) => {
            let least = match header.version {
                IpVersion::V4 => IPV4_HEADER_LEN,
                IpVersion::V6 => IPV6_HEADER_LEN,
            };
            assert!((least..=input.len()).contains(&header.total_len));
            assert_eq!(packet_len(input), Ok(header.total_len));
            assert_eq!(source_address(input), Ok(header.source));
            assert_eq!(destination_address(input), Ok(header.destination));
            assert_eq!(ecn(input), Ok(header.ecn));
            let cut = Header::read(&input[..header.total_len]);
            assert_eq!(cut, Ok(header), "what follows the packet does not matter");
            assert!(Header::read(&input[..header.total_len - 1]).is_err());
        }
        Err(error) => {
            assert_eq!(packet_len(input), Err(error));
            assert!(!error.to_string().is_empty());
        }
    }
    for mark in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
        check_mark(input, mark);
    }
}

fn check_mark(input: &[u8], mark: Ecn) {
    let mut marked = input.to_vec();
    let result = set_ecn(&mut marked, mark);
    assert_eq!(result.is_ok(), ecn(input).is_ok());
    if result.is_err() {
        assert_eq!(marked, input, "what cannot be marked stays as it is");
        return;
    }
    assert_eq!(ecn(&marked), Ok(mark));
    assert_eq!(marked[2..10], input[2..10]);
    assert_eq!(marked[12..], input[12..]);
    let before = Header::read(input);
    let after = Header::read(&marked);
    assert_eq!(
        after,
        before.map(|header| Header {
            ecn: mark,
            ..header
        })
    );
    if input[0] >> 4 == 4 {
        let header = |bytes: &[u8]| residue(&bytes[..IPV4_HEADER_LEN]);
        assert_eq!(header(&marked), header(input), "the checksum follows");
    } else {
        assert_eq!(marked[10..12], input[10..12]);
    }
}

/// A packet that parses agrees with its header and its quote, and can be built anew.
pub fn ip_packet(input: &[u8]) {
    check_lenient(input);
    let packet = match IpPacket::parse(input) {
        Ok(packet) => packet,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    check_extent(input, &packet);
    check_quote(&packet);
    check_transport(&packet);
    let rebuilt = match &packet {
        IpPacket::V4(packet) => rebuilt_v4(packet),
        IpPacket::V6(packet) => rebuilt_v6(packet),
    };
    assert_eq!(rebuilt, packet.as_bytes());
    check_typed(&packet);
}

/// What a packet says in types makes the same bytes, but for bits that are reserved.
fn check_typed(packet: &IpPacket<'_>) {
    let Some(mut rebuilt) = rebuilt_in_types(packet) else {
        return;
    };
    let mut bytes = packet.as_bytes().to_vec();
    assert_eq!(rebuilt.len(), bytes.len(), "{packet:?}");
    clear_reserved(packet, &mut rebuilt);
    clear_reserved(packet, &mut bytes);
    assert_eq!(rebuilt, bytes, "{packet:?}");
}

/// What is read leniently is wrong where strict parsing says so.
fn check_lenient(input: &[u8]) {
    let strict = IpPacket::parse(input);
    match IpPacket::parse_lenient(input) {
        Ok(lenient) => {
            assert_eq!(lenient.strict(), strict);
            let transport = lenient.read.transport_lenient();
            assert_eq!(transport.strict(), lenient.read.transport());
        }
        Err(error) => assert_eq!(strict, Err(error)),
    }
}

fn check_extent(input: &[u8], packet: &IpPacket<'_>) {
    let bytes = packet.as_bytes();
    assert_eq!(bytes, &input[..bytes.len()]);
    assert_eq!(packet.header_len() + packet.payload().len(), bytes.len());
    assert_eq!(packet.payload(), &bytes[packet.header_len()..]);
    let header = Header::read(input).expect("a packet that parses has a header");
    assert_eq!(header.total_len, bytes.len());
    assert_eq!(header.version, packet.version());
    assert_eq!(header.source, packet.source());
    assert_eq!(header.destination, packet.destination());
    assert_eq!(header.ecn, packet.ecn());
    assert_eq!(
        IpPacket::parse(bytes),
        Ok(*packet),
        "padding does not matter"
    );
    if let IpPacket::V6(packet) = packet {
        let extensions = packet.extension_headers();
        let extensions_len: usize = extensions.map(|header| header.bytes.len()).sum();
        assert_eq!(IPV6_HEADER_LEN + extensions_len, packet.header_len());
    }
}

/// A whole packet can be quoted in full.
fn check_quote(packet: &IpPacket<'_>) {
    let quoted = QuotedPacket::parse(packet.as_bytes()).expect("the fixed header is there");
    assert_eq!(quoted.version(), packet.version());
    assert_eq!(quoted.source(), packet.source());
    assert_eq!(quoted.destination(), packet.destination());
    assert_eq!(quoted.protocol(), packet.protocol());
    let ports = quoted.ports();
    match packet.transport() {
        Ok(Transport::Tcp(segment)) => {
            let ports = ports.expect("TCP has ports");
            assert_eq!(ports.source, segment.source_port());
            assert_eq!(ports.destination, segment.destination_port());
            assert_eq!(quoted.tcp_seq(), Some(segment.seq()));
        }
        Ok(Transport::Udp(datagram)) => {
            let ports = ports.expect("UDP has ports");
            assert_eq!(ports.source, datagram.source_port());
            assert_eq!(ports.destination, datagram.destination_port());
        }
        Ok(Transport::Icmpv4(_) | Transport::Icmpv6(_) | Transport::Other(..)) => {
            assert_eq!(ports, None);
        }
        Ok(_) | Err(_) => {}
    }
}

fn check_transport(packet: &IpPacket<'_>) {
    let transport = packet.transport();
    let is_fragment = matches!(transport, Ok(Transport::Fragment(_)));
    assert_eq!(is_fragment, packet.is_fragment());
    let (tcp, udp) = (packet.tcp(), packet.udp());
    match transport {
        Ok(Transport::Tcp(segment)) => assert_eq!(tcp, Ok(segment)),
        Ok(Transport::Udp(datagram)) => assert_eq!(udp, Ok(datagram)),
        Ok(_) => assert!(tcp.is_err() && udp.is_err()),
        Err(error) => {
            let upper = [
                Protocol::TCP,
                Protocol::UDP,
                Protocol::UDP_LITE,
                Protocol::ESP,
                Protocol::AH,
                Protocol::ICMPV4,
                Protocol::ICMPV6,
                Protocol::IGMP,
                Protocol::GRE,
                Protocol::SCTP,
            ];
            assert!(upper.contains(&packet.protocol()), "{error}");
        }
    }
}

fn rebuilt_v4(packet: &Ipv4Packet<'_>) -> Vec<u8> {
    let offset = u16::try_from(packet.fragment_offset()).expect("13 bits times 8");
    v4(packet.source(), packet.destination())
        .ttl(packet.ttl())
        .dscp(packet.dscp())
        .ecn(packet.ecn())
        .identification(packet.identification())
        .reserved_flag(packet.reserved_flag())
        .dont_fragment(packet.dont_fragment())
        .more_fragments(packet.more_fragments())
        .fragment_offset(offset)
        .options(packet.options().as_bytes())
        .checksum(packet.checksum())
        .bare(packet.protocol())
        .payload(packet.payload())
        .build()
}

fn rebuilt_v6(packet: &Ipv6Packet<'_>) -> Vec<u8> {
    let extensions = &packet.as_bytes()[IPV6_HEADER_LEN..packet.header_len()];
    v6(packet.source(), packet.destination())
        .hop_limit(packet.hop_limit())
        .dscp(packet.dscp())
        .ecn(packet.ecn())
        .flow_label(packet.flow_label())
        .extension_headers(packet.next_header(), extensions)
        .bare(packet.protocol())
        .payload(packet.payload())
        .build()
}
