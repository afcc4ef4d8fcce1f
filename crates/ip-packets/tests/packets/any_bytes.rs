//! Nothing that arrives makes anything panic, and every reader agrees with the others.

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    Ecn, Header, Icmpv4Message, Icmpv6Message, IpPacket, IpPacketMut, QuotedPacket, Reassembler,
    TcpOptions, TcpSegment, Transport, UdpDatagram, destination_address, ecn, packet_len, set_ecn,
    source_address,
};
use wirecraft_time::Instant;

use crate::strategies::{damaged, spec};

/// Asks for everything that a reader of `bytes` could ask for.
fn read_everything(bytes: &[u8]) {
    let _ = Header::read(bytes);
    let _ = (
        packet_len(bytes),
        source_address(bytes),
        destination_address(bytes),
        ecn(bytes),
    );
    let _ = QuotedPacket::parse(bytes)
        .map(|packet| (packet.ports(), packet.tcp_seq(), packet.echo_request()));
    let _ = TcpSegment::parse(bytes).map(|segment| (segment.mss(), segment.options().count()));
    let _ = UdpDatagram::parse(bytes).map(|datagram| datagram.payload());
    let _ = Icmpv4Message::parse(bytes).map(|message| (message.kind(), message.quoted_packet()));
    let _ = Icmpv6Message::parse(bytes).map(|message| (message.kind(), message.quoted_packet()));
    let _ = TcpOptions::new(bytes).count();
    if let Ok(packet) = IpPacket::parse(bytes) {
        read_packet(packet);
    }
    if let Ok(packet) = IpPacket::parse_lenient(bytes) {
        read_packet(packet.read);
    }
}

fn read_packet(packet: IpPacket<'_>) {
    let pseudo_header = packet.pseudo_header();
    if let Transport::Tcp(segment) = packet.transport_lenient().read {
        let _ = (segment.mss(), segment.options().count());
    }
    match packet.transport() {
        Ok(Transport::Tcp(segment)) => {
            let _ = (
                segment.checksum_is_valid(&pseudo_header),
                segment.flags().to_string(),
            );
        }
        Ok(Transport::Udp(datagram)) => {
            let _ = datagram.checksum_is_valid(&pseudo_header);
        }
        Ok(Transport::Icmpv4(message)) => {
            let _ = (
                message.kind(),
                message.quoted_packet(),
                message.checksum_is_valid(),
            );
        }
        Ok(Transport::Icmpv6(message)) => {
            let _ = (message.kind(), message.quoted_packet());
        }
        Ok(_) | Err(_) => {}
    }
    match packet {
        IpPacket::V4(packet) => {
            let _ = packet.checksum_is_valid();
            for fragment in packet.fragments(68).into_iter().flatten() {
                assert_eq!(fragment.to_vec().len(), fragment.len());
            }
        }
        IpPacket::V6(packet) => {
            let _ = (
                packet.extension_headers().count(),
                packet.final_destination(),
            );
            for fragment in packet.fragments(100, 7).into_iter().flatten() {
                assert_eq!(fragment.to_vec().len(), fragment.len());
            }
        }
    }
    let _ = Reassembler::default().push(Instant::ORIGIN, packet);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in vec(any::<u8>(), 0..120)) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_packets_are_read_without_a_panic(bytes in damaged()) {
        read_everything(&bytes);
    }

    #[test]
    fn damaged_packets_are_rewritten_without_a_panic(mut bytes in damaged()) {
        let _ = set_ecn(&mut bytes, Ecn::Ce);
        if let Ok(mut packet) = IpPacketMut::parse(&mut bytes) {
            packet.set_hop_limit(1);
            let _ = packet.set_source(([1, 2, 3, 4], 5).into());
            let _ = packet.set_destination_address([7_u8; 16].into());
            let _ = packet.set_source_port(1);
            let _ = packet.set_tcp_seq(1);
        }
    }

    #[test]
    fn a_packet_that_parses_has_a_header_that_says_the_same(bytes in damaged()) {
        if let Ok(packet) = IpPacket::parse(&bytes) {
            let header = Header::read(&bytes).unwrap();
            prop_assert_eq!(header.total_len, packet.as_bytes().len());
            prop_assert_eq!(header.total_len, packet_len(&bytes).unwrap());
            prop_assert_eq!(header.version, packet.version());
            prop_assert_eq!(header.source, packet.source());
            prop_assert_eq!(header.destination, packet.destination());
            prop_assert_eq!(header.ecn, packet.ecn());
            prop_assert_eq!(source_address(&bytes), Ok(packet.source()));
            prop_assert_eq!(destination_address(&bytes), Ok(packet.destination()));
        }
    }

    #[test]
    fn no_packet_parses_that_is_cut_anywhere(spec in spec(40)) {
        let packet = spec.build();
        for len in 0..packet.len() {
            read_everything(&packet[..len]);
            prop_assert!(IpPacket::parse(&packet[..len]).is_err());
            prop_assert!(Header::read(&packet[..len]).is_err());
        }
    }

    #[test]
    fn what_follows_a_packet_is_left_out(spec in spec(40), padding in 0..32_usize) {
        let packet = spec.build();
        let mut padded = packet.clone();
        padded.resize(packet.len() + padding, 0);
        prop_assert_eq!(IpPacket::parse(&padded).unwrap().as_bytes(), &packet[..]);
    }
}
