//! Every packet of the corpora, cut off at every byte, in every reader.

use std::fs;
use std::path::Path;

use wirecraft_ip_packets::{
    AuthenticatedPacket, EncapsulatedPayload, GrePacket, IcmpExtensions, Icmpv4Message,
    Icmpv6Message, IgmpMessage, IpPacket, Ipv4Options, Ipv6Extension, Ipv6Options, Lenient,
    NdpOptions, ParseError, QuotedPacket, SctpPacket, TcpOptions, TcpSegment, Transport,
    UdpDatagram, UdpLiteDatagram,
};

/// The corpora whose inputs are packets or messages, and how many bytes stand before those.
const CORPORA: [(&str, usize); 12] = [
    ("fragmentation", 3),
    ("icmp_message", 1),
    ("inner_packet", 4),
    ("ip_header", 0),
    ("ip_packet", 0),
    ("packet_text", 0),
    ("reassembler", 0),
    ("rewrite", 24),
    ("scan_answers", 0),
    ("tcp_segment", 0),
    ("udp_datagram", 0),
    ("upper_message", 1),
];

/// Longer inputs are cut at every so many bytes behind this length.
const EVERY_BYTE_LEN: usize = 256;

fn packets(name: &str, skip: usize) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = fs::read_dir(corpus).expect("the corpus is there");
    files
        .map(|file| fs::read(file.expect("the corpus can be read").path()))
        .map(|bytes| bytes.expect("an input can be read"))
        .filter_map(|bytes| bytes.get(skip..).map(<[u8]>::to_vec))
        .collect()
}

/// Reads all that there is of a packet: every iterator to its end, and both forms of its text.
fn read_packet(packet: &IpPacket<'_>) {
    match packet {
        IpPacket::V4(packet) => {
            assert!(packet.options().count() <= 41);
            let _ = (packet.checksum_is_valid(), packet.final_destination());
        }
        IpPacket::V6(packet) => {
            for header in packet.extension_headers() {
                if let Ipv6Extension::HopByHop(options) | Ipv6Extension::Destination(options) =
                    header.content()
                {
                    assert!(options.iter().count() <= header.bytes.len());
                }
            }
            let _ = (packet.home_address(), packet.final_destination());
        }
    }
    if let Ok(upper) = packet.transport() {
        read_upper(&upper, packet);
    }
    let upper = packet.transport_lenient();
    assert_eq!(upper.strict(), packet.transport());
    read_upper(&upper.read, packet);
    assert_eq!(packet.to_string().lines().count(), 1);
    assert!(format!("{packet:#}").lines().count() > 8);
}

fn read_upper(upper: &Transport<'_>, packet: &IpPacket<'_>) {
    let pseudo_header = packet.pseudo_header();
    match upper {
        Transport::Tcp(segment) => {
            let _ = segment.checksum_is_valid(&pseudo_header);
            assert!(segment.options().count() <= 41);
        }
        Transport::Udp(datagram) => {
            let _ = datagram.checksum_is_valid(&pseudo_header);
        }
        Transport::UdpLite(datagram) => {
            let _ = (
                datagram.covered(),
                datagram.checksum_is_valid(&pseudo_header),
            );
        }
        Transport::Icmpv4(message) => read_icmpv4(message),
        Transport::Icmpv6(message) => read_icmpv6(message),
        Transport::Igmp(message) => {
            let _ = (message.kind(), message.maximum_response_time());
        }
        Transport::Gre(packet) => {
            let _ = (packet.ip_packet(), packet.key(), packet.sequence());
        }
        Transport::Sctp(packet) => {
            let _ = (packet.chunks().iter().count(), packet.checksum_is_valid());
        }
        _ => {}
    }
}

fn read_icmpv4(message: &Icmpv4Message<'_>) {
    let _ = format!("{:?} {:?}", message.kind(), message.quoted_packet());
    read_extensions(message.extensions());
}

fn read_icmpv6(message: &Icmpv6Message<'_>) {
    let kind = message.kind();
    let _ = format!("{kind:?} {:?}", message.quoted_packet());
    if let Some(options) = kind.ndp_options() {
        let _ = (options.iter().count(), options.stopped());
    }
    read_extensions(message.extensions());
}

fn read_extensions(extensions: Result<Option<IcmpExtensions<'_>>, ParseError>) {
    if let Ok(Some(extensions)) = extensions {
        let _ = (
            extensions.objects().iter().count(),
            extensions.checksum_is_valid(),
        );
    }
}

/// Holds both ways of parsing against each other, and hands what can be read to `read`.
fn both<T: Copy + PartialEq + core::fmt::Debug>(
    strict: Result<T, ParseError>,
    lenient: Result<Lenient<T>, ParseError>,
    read: impl Fn(&T),
) {
    match lenient {
        Ok(lenient) => {
            assert_eq!(lenient.strict(), strict);
            read(&lenient.read);
        }
        Err(error) => assert_eq!(strict, Err(error)),
    }
}

/// Takes bytes for every kind of message there is: the start of one is the start of any other.
fn read_as_anything(it: &[u8]) {
    both(
        IpPacket::parse(it),
        IpPacket::parse_lenient(it),
        read_packet,
    );
    both(TcpSegment::parse(it), TcpSegment::parse_lenient(it), |it| {
        let _ = (it.options().count(), it.to_string(), format!("{it:#}"));
    });
    both(
        UdpDatagram::parse(it),
        UdpDatagram::parse_lenient(it),
        |it| {
            let _ = (it.payload(), it.to_string(), format!("{it:#}"));
        },
    );
    let lenient = UdpLiteDatagram::parse_lenient(it);
    both(UdpLiteDatagram::parse(it), lenient, |it| {
        let _ = (it.covered(), it.to_string(), format!("{it:#}"));
    });
    both(
        Icmpv4Message::parse(it),
        Icmpv4Message::parse_lenient(it),
        |it| {
            read_icmpv4(it);
            let _ = (it.to_string(), format!("{it:#}"));
        },
    );
    both(
        Icmpv6Message::parse(it),
        Icmpv6Message::parse_lenient(it),
        |it| {
            read_icmpv6(it);
            let _ = (it.to_string(), format!("{it:#}"));
        },
    );
    read_as_anything_else(it);
}

fn read_as_anything_else(it: &[u8]) {
    both(
        IgmpMessage::parse(it),
        IgmpMessage::parse_lenient(it),
        |it| {
            let _ = (it.kind(), it.to_string(), format!("{it:#}"));
        },
    );
    both(GrePacket::parse(it), GrePacket::parse_lenient(it), |it| {
        let _ = (it.ip_packet(), it.to_string(), format!("{it:#}"));
    });
    both(SctpPacket::parse(it), SctpPacket::parse_lenient(it), |it| {
        let _ = (it.chunks().len(), it.to_string(), format!("{it:#}"));
    });
    let lenient = AuthenticatedPacket::parse_lenient(it);
    both(AuthenticatedPacket::parse(it), lenient, |_| {});
    let lenient = EncapsulatedPayload::parse_lenient(it);
    both(EncapsulatedPayload::parse(it), lenient, |_| {});
    both(
        IcmpExtensions::parse(it),
        IcmpExtensions::parse_lenient(it),
        |it| {
            read_extensions(Ok(Some(*it)));
        },
    );
    let _ = QuotedPacket::parse(it).map(|it| (it.ports(), it.tcp_seq(), it.echo_request()));
    let counts = [
        TcpOptions::new(it).count(),
        Ipv4Options::new(it).count(),
        Ipv6Options::from_bytes(it).iter().count(),
        NdpOptions::from_bytes(it).iter().count(),
    ];
    assert!(counts.iter().all(|count| *count <= it.len() + 1));
}

#[test]
fn every_truncation_of_every_packet_parses_or_fails() {
    for (name, skip) in CORPORA {
        let packets = packets(name, skip);
        assert!(!packets.is_empty(), "{name}");
        for packet in packets {
            for len in 0..=packet.len() {
                if len < EVERY_BYTE_LEN || len % 61 == 0 || len == packet.len() {
                    read_as_anything(&packet[..len]);
                }
            }
        }
    }
}
