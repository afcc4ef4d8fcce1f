//! Every packet of the corpora, cut off at every byte, in every reader.

use std::fs;
use std::path::Path;

use wirecraft_fuzz::{capture_file, rewritten_packet};
use wirecraft_ip_packets::{
    AuthenticatedPacket, CaptureReader, Defaults, EncapsulatedPayload, Expression, GrePacket,
    IcmpExtensions, Icmpv4Message, Icmpv6Message, IgmpMessage, IpPacket, Ipv4Options,
    Ipv6Extension, Ipv6Options, Lenient, NdpOptions, ParseError, QuotedPacket, SctpPacket,
    TcpOptions, TcpSegment, Transport, UdpDatagram, UdpLiteDatagram,
};
use wirecraft_testing::Packets;

/// The corpora whose inputs are packets or messages behind so many bytes.
const CORPORA: [(&str, usize); 9] = [
    ("fragmentation", 3),
    ("icmp_message", 1),
    ("inner_packet", 4),
    ("ip_header", 0),
    ("ip_packet", 0),
    ("packet_text", 0),
    ("tcp_segment", 0),
    ("udp_datagram", 0),
    ("upper_message", 1),
];

/// How many generated packets are cut, and the most bytes of those.
const GENERATED: (usize, usize) = (400, 300);

fn inputs(name: &str) -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = fs::read_dir(corpus).expect("the corpus is there");
    let files = files.map(|file| fs::read(file.expect("the corpus can be read").path()));
    let inputs: Vec<_> = files.map(|it| it.expect("an input can be read")).collect();
    assert!(!inputs.is_empty(), "{name}");
    inputs
}

/// Cuts a packet off at every byte, and takes what is left for everything it could be.
fn cut_everywhere(packet: &[u8]) {
    for len in 0..=packet.len() {
        read_as_anything(&packet[..len]);
    }
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
        for input in inputs(name) {
            cut_everywhere(input.get(skip..).unwrap_or_default());
        }
    }
}

#[test]
fn every_truncation_of_every_packet_behind_changes_parses_or_fails() {
    let mut packets = 0;
    for input in inputs("rewrite") {
        let packet = rewritten_packet(&input);
        packets += usize::from(IpPacket::parse(packet).is_ok());
        cut_everywhere(packet);
    }
    assert!(packets >= 20, "{packets} inputs change a packet");
}

#[test]
fn every_truncation_of_every_file_and_of_its_packets_parses_or_fails() {
    let mut packets = 0;
    for file in inputs("capture_file") {
        for len in 0..=file.len() {
            capture_file(&file[..len]);
        }
        let reader = CaptureReader::new(&file[..]).into_iter().flatten();
        for captured in reader.flatten() {
            packets += usize::from(captured.packet().is_some());
            cut_everywhere(captured.packet().unwrap_or(&captured.data));
        }
    }
    assert!(packets > 0, "no file has a packet");
}

#[test]
fn every_truncation_of_generated_packets_parses_or_fails() {
    let (count, len_max) = GENERATED;
    for text in Packets::new(0xc07).take(count) {
        let expression: Expression = text.parse().expect("generated packets are expressions");
        let packet = expression.build(&Defaults::default());
        let packet = packet.expect("generated packets can be built");
        cut_everywhere(packet.get(..len_max).unwrap_or(&packet));
    }
}
