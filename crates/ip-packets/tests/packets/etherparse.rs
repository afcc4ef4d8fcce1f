//! etherparse reads what was built, and reads any bytes as this crate does.

use etherparse::{IpSlice, NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use wirecraft_ip_packets::{IpPacket, IpVersion, TcpSegment};

use crate::strategies::{UpperSpec, damaged, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn built_packets_are_read_alike(spec in spec(200)) {
        let bytes = spec.build();
        let packet = IpPacket::parse(&bytes).unwrap();
        let sliced = SlicedPacket::from_ip(&bytes).unwrap();
        compare_addresses(&packet, &sliced);
        match (&spec.upper, sliced.transport) {
            (UpperSpec::Tcp(_), Some(TransportSlice::Tcp(theirs))) => {
                compare_tcp(&packet.tcp().unwrap(), &theirs);
            }
            (UpperSpec::Udp { .. }, Some(TransportSlice::Udp(theirs))) => {
                let ours = packet.udp().unwrap();
                prop_assert_eq!(ours.source_port(), theirs.source_port());
                prop_assert_eq!(ours.destination_port(), theirs.destination_port());
                prop_assert_eq!(ours.checksum(), theirs.checksum());
                prop_assert_eq!(ours.payload(), theirs.payload());
            }
            (UpperSpec::EchoRequest { .. }, Some(TransportSlice::Icmpv4(theirs))) => {
                prop_assert_eq!(theirs.payload(), &spec.payload[..]);
            }
            (UpperSpec::EchoRequest { .. }, Some(TransportSlice::Icmpv6(theirs))) => {
                prop_assert_eq!(theirs.payload(), &spec.payload[..]);
            }
            (UpperSpec::Bare(_), None) => {}
            (ours, theirs) => panic!("{ours:?} came out as {theirs:?}"),
        }
    }

    #[test]
    fn damaged_packets_are_refused_or_read_alike(bytes in damaged()) {
        // Where IPv6 says it has no payload, etherparse takes all that follows for it.
        let is_jumbo = bytes.first().is_some_and(|byte| byte >> 4 == 6) && bytes.get(4..6) == Some(&[0, 0]);
        // It understands other extension headers, and authentication headers in IPv4.
        let theirs = IpSlice::from_slice(&bytes);
        if let (Ok(theirs), false) = (&theirs, is_jumbo) {
            let ours = IpPacket::parse(&bytes);
            prop_assert!(ours.is_ok(), "refused: {ours:?}");
            let ours = ours.unwrap();
            prop_assert_eq!(ours.source(), theirs.source_addr());
            prop_assert_eq!(ours.destination(), theirs.destination_addr());
            prop_assert_eq!(ours.is_fragment(), theirs.is_fragmenting_payload());
            if ours.protocol().number() == theirs.payload().ip_number.0 {
                prop_assert_eq!(ours.payload(), theirs.payload().payload);
            } else {
                prop_assert!(matches!(ours.protocol().number(), 0 | 43 | 44 | 51 | 60 | 135 | 139 | 140));
            }
        } else if let Ok(ours) = IpPacket::parse(&bytes) {
            // What they refuse and this crate reads: extension headers out of place or cut off.
            let is_known = is_jumbo
                || ours.version() == IpVersion::V4 && ours.protocol().number() == 51
                || matches!(&ours, IpPacket::V6(ours) if ours.extension_headers().count() > 0
                    || matches!(ours.protocol().number(), 135 | 139 | 140));
            prop_assert!(is_known, "read: {ours:?}, refused by etherparse: {theirs:?}");
        }
    }
}

fn compare_addresses(packet: &IpPacket<'_>, sliced: &SlicedPacket<'_>) {
    match sliced.net.as_ref().unwrap() {
        NetSlice::Ipv4(theirs) => {
            let header = theirs.header();
            assert_eq!(packet.source(), header.source_addr());
            assert_eq!(packet.destination(), header.destination_addr());
            assert_eq!(packet.hop_limit(), header.ttl());
            assert_eq!(
                header.header_checksum(),
                header.to_header().calc_header_checksum()
            );
        }
        NetSlice::Ipv6(theirs) => {
            let header = theirs.header();
            assert_eq!(packet.source(), header.source_addr());
            assert_eq!(packet.destination(), header.destination_addr());
            assert_eq!(packet.hop_limit(), header.hop_limit());
        }
        NetSlice::Arp(_) => panic!("this is no ARP"),
    }
}

fn compare_tcp(ours: &TcpSegment<'_>, theirs: &etherparse::TcpSlice<'_>) {
    assert_eq!(ours.source_port(), theirs.source_port());
    assert_eq!(ours.destination_port(), theirs.destination_port());
    assert_eq!(ours.seq(), theirs.sequence_number());
    assert_eq!(ours.ack(), theirs.acknowledgment_number());
    assert_eq!(ours.window(), theirs.window_size());
    assert_eq!(ours.checksum(), theirs.checksum());
    assert_eq!(ours.urgent_pointer(), theirs.urgent_pointer());
    assert_eq!(ours.options().as_bytes(), theirs.options());
    assert_eq!(ours.payload(), theirs.payload());
    let flags = [
        theirs.fin(),
        theirs.syn(),
        theirs.rst(),
        theirs.psh(),
        theirs.ack(),
        theirs.urg(),
        theirs.ece(),
        theirs.cwr(),
        theirs.ns(),
    ];
    let bits = flags
        .iter()
        .rev()
        .fold(0, |bits, flag| bits << 1 | u16::from(*flag));
    assert_eq!(ours.flags().bits(), bits);
}
