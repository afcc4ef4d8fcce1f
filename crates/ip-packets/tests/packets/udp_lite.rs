//! UDP-Lite, and checksums of UDP that are not there.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    Expected, Field, IpPacket, IpPacketMut, Layer, ParseError, Transport, UdpLiteDatagram, v4, v6,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// Reads the datagram in a packet that is right.
fn udp_lite(bytes: &[u8]) -> UdpLiteDatagram<'_> {
    let packet = IpPacket::parse(bytes).unwrap();
    let Transport::UdpLite(datagram) = packet.transport().unwrap() else {
        panic!("not UDP-Lite")
    };
    assert!(datagram.checksum_is_valid(&packet.pseudo_header()));
    datagram
}

proptest! {
    #[test]
    fn only_what_is_covered_counts(payload in vec(any::<u8>(), 1..60), coverage in 8..68_u16) {
        let coverage = coverage.min(u16::try_from(8 + payload.len()).unwrap());
        let builder = v6(SOURCE_V6, DESTINATION_V6).udp_lite(1, 2).coverage(coverage);
        let mut bytes = builder.payload(&payload).build();
        let datagram = udp_lite(&bytes);
        prop_assert_eq!((datagram.source_port(), datagram.destination_port()), (1, 2));
        prop_assert_eq!((datagram.coverage(), datagram.payload()), (coverage, &payload[..]));
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let packet = IpPacket::parse(&bytes).unwrap();
        let datagram = UdpLiteDatagram::parse(packet.payload()).unwrap();
        let is_covered = usize::from(coverage) == datagram.as_bytes().len();
        prop_assert_eq!(datagram.checksum_is_valid(&packet.pseudo_header()), !is_covered);
    }

    #[test]
    fn a_changed_datagram_equals_one_built_that_way(payload in vec(any::<u8>(), 0..20), port: u16) {
        let builder = |source, port| v4(source, DESTINATION).udp_lite(port, 2).coverage(8);
        let mut bytes = builder(SOURCE, 1).payload(&payload).build();
        let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
        packet.set_source(([9, 9, 9, 9], port).into()).unwrap();
        prop_assert_eq!(bytes, builder([9, 9, 9, 9].into(), port).payload(&payload).build());
    }
}

#[test]
fn a_coverage_of_zero_is_all() {
    let bytes = v4(SOURCE, DESTINATION)
        .udp_lite(1, 2)
        .payload(b"hello")
        .build();
    let datagram = udp_lite(&bytes);
    assert_eq!(datagram.covered(), datagram.as_bytes());
}

#[test]
fn a_coverage_that_cannot_be_is_refused_and_read_leniently() {
    for (coverage, expected) in [(7, Expected::AtLeast(8)), (14, Expected::AtMost(13))] {
        let builder = v4(SOURCE, DESTINATION).udp_lite(1, 2).coverage(coverage);
        let bytes = builder.payload(b"hello").build();
        let packet = IpPacket::parse(&bytes).unwrap();
        let error = ParseError::Invalid {
            layer: Layer::UdpLite,
            field: Field::Coverage,
            offset: 4,
            found: coverage.into(),
            expected,
        };
        assert_eq!(packet.transport(), Err(error));
        let lenient = packet.transport_lenient();
        assert_eq!(lenient.stopped, Some(error));
        assert!(matches!(lenient.read, Transport::UdpLite(it) if it.payload() == b"hello"));
    }
}

#[test]
fn udp_lite_without_a_checksum_is_wrong_and_udp_only_over_v6() {
    let lite = v4(SOURCE, DESTINATION).udp_lite(1, 2).checksum(0).build();
    let packet = IpPacket::parse(&lite).unwrap();
    let datagram = UdpLiteDatagram::parse(packet.payload()).unwrap();
    assert!(!datagram.checksum_is_valid(&packet.pseudo_header()));
    let is_valid = |bytes: &[u8]| {
        let packet = IpPacket::parse(bytes).unwrap();
        packet
            .udp()
            .unwrap()
            .checksum_is_valid(&packet.pseudo_header())
    };
    assert!(is_valid(
        &v4(SOURCE, DESTINATION).udp(1, 2).checksum(0).build()
    ));
    assert!(!is_valid(
        &v6(SOURCE_V6, DESTINATION_V6).udp(1, 2).checksum(0).build()
    ));
}
