//! Every packet of the corpora, cut off at every byte, in every reader.

use std::fs;
use std::path::Path;

use wirecraft_ip_packets::{
    Icmpv4Message, Icmpv6Message, IpPacket, QuotedPacket, TcpSegment, Transport, UdpDatagram,
};

/// The corpora whose inputs are packets.
const CORPORA: [&str; 3] = ["ip_header", "ip_packet", "packet_text"];

fn packets() -> Vec<Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files = CORPORA
        .iter()
        .flat_map(|name| fs::read_dir(corpus.join(name)).expect("the corpus is there"));
    files
        .map(|file| fs::read(file.expect("the corpus can be read").path()))
        .map(|bytes| bytes.expect("an input can be read"))
        .collect()
}

/// Reads all that there is of an upper layer.
fn read_upper(upper: &Transport<'_>, packet: &IpPacket<'_>) {
    let pseudo_header = packet.pseudo_header();
    match upper {
        Transport::Tcp(segment) => {
            let _ = segment.checksum_is_valid(&pseudo_header);
            assert!(segment.options().count() <= 40);
        }
        Transport::Udp(datagram) => {
            let _ = datagram.checksum_is_valid(&pseudo_header);
        }
        Transport::Icmpv4(message) => {
            let _ = (message.kind(), message.quoted_packet());
        }
        Transport::Icmpv6(message) => {
            let _ = (message.kind(), message.quoted_packet());
        }
        _ => {}
    }
}

fn read_strictly(bytes: &[u8]) {
    if let Ok(packet) = IpPacket::parse(bytes) {
        if let Ok(upper) = packet.transport() {
            read_upper(&upper, &packet);
        }
        assert!(!packet.to_string().is_empty());
    }
    // The start of a packet is the start of anything else as well.
    let _ = QuotedPacket::parse(bytes).map(|quoted| (quoted.ports(), quoted.tcp_seq()));
    let _ = TcpSegment::parse(bytes).map(|segment| segment.options().count());
    let _ = UdpDatagram::parse(bytes).map(|datagram| datagram.payload().len());
    let _ = Icmpv4Message::parse(bytes).map(|message| message.quoted_packet());
    let _ = Icmpv6Message::parse(bytes).map(|message| message.quoted_packet());
}

/// What is read leniently agrees with what is read strictly.
fn read_leniently(bytes: &[u8]) {
    let Ok(packet) = IpPacket::parse_lenient(bytes) else {
        assert!(IpPacket::parse(bytes).is_err());
        return;
    };
    assert_eq!(packet.strict(), IpPacket::parse(bytes));
    assert!(packet.read.as_bytes().len() <= bytes.len());
    if let Ok(upper) = packet.read.transport() {
        read_upper(&upper, &packet.read);
    }
    assert!(!packet.read.to_string().is_empty());
}

#[test]
fn every_truncation_of_every_packet_parses_or_fails() {
    let packets = packets();
    assert!(packets.len() > 80, "{} packets", packets.len());
    for packet in packets {
        for len in 0..=packet.len() {
            read_strictly(&packet[..len]);
            read_leniently(&packet[..len]);
        }
    }
}
