//! Packets inside of packets.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use wirecraft_ip_packets::{BuildError, IpPacket, Layer, Payload, Protocol, Transport, v4, v6};

use crate::strategies::spec;

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

proptest! {
    #[test]
    fn a_payload_by_nesting_is_the_payload_by_bytes(spec in spec(60)) {
        let inner = spec.build();
        let by_bytes = v6(SOURCE_V6, DESTINATION_V6).udp(1, 2).payload(&inner);
        let by_nesting = v6(SOURCE_V6, DESTINATION_V6).udp(1, 2).nest(&inner);
        prop_assert_eq!(by_nesting.len(), by_bytes.len());
        prop_assert_eq!(by_nesting.build(), by_bytes.build());
    }
}

#[test]
fn ip_in_ip_has_the_protocol_of_the_inner_version() {
    let inner = v4(SOURCE, DESTINATION).udp(1, 2).payload(b"hi");
    let inner_v6 = v6(SOURCE_V6, DESTINATION_V6).udp(1, 2);
    let bytes = v6(SOURCE_V6, DESTINATION_V6).encapsulate(inner).build();
    let packet = IpPacket::parse(&bytes).unwrap();
    let transport = packet.transport().unwrap();
    assert_eq!(transport, Transport::Other(Protocol::IPV4, &inner.build()));
    let bytes = v4(SOURCE, DESTINATION).encapsulate(inner_v6).build();
    assert_eq!(IpPacket::parse(&bytes).unwrap().protocol(), Protocol::IPV6);
}

#[test]
fn checksums_cover_what_is_nested_to_any_depth() {
    let innermost = v4(SOURCE, DESTINATION).tcp(1, 2).syn().payload(b"odd");
    let middle = v6(SOURCE_V6, DESTINATION_V6)
        .udp(4789, 4789)
        .nest(innermost);
    let bytes = v4(SOURCE, DESTINATION).udp(9, 9).nest(middle).build();
    let packet = IpPacket::parse(&bytes).unwrap();
    let udp = packet.udp().unwrap();
    assert!(udp.checksum_is_valid(&packet.pseudo_header()));
    let packet = IpPacket::parse(udp.payload()).unwrap();
    let udp = packet.udp().unwrap();
    assert!(udp.checksum_is_valid(&packet.pseudo_header()));
    let packet = IpPacket::parse(udp.payload()).unwrap();
    let tcp = packet.tcp().unwrap();
    assert!(tcp.checksum_is_valid(&packet.pseudo_header()));
    assert_eq!(tcp.payload(), b"odd");
}

#[test]
fn fields_can_be_set_after_nesting() {
    let nested = v4(SOURCE, DESTINATION).tcp(1, 2).nest("text").syn().seq(7);
    let bytes = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .syn()
        .seq(7)
        .payload(b"text");
    assert_eq!(nested.build(), bytes.build());
}

#[test]
fn two_payloads_follow_each_other() {
    let pair = (b"one".as_slice(), ("two", vec![3_u8; 3]));
    let bytes = v4(SOURCE, DESTINATION).udp(1, 2).nest(pair).build();
    let packet = IpPacket::parse(&bytes).unwrap();
    assert_eq!(packet.udp().unwrap().payload(), b"onetwo\x03\x03\x03");
}

#[test]
fn a_boxed_payload_keeps_its_protocol() {
    let inner: Box<dyn Payload> = Box::new(v6(SOURCE_V6, DESTINATION_V6).udp(1, 2));
    let bytes = v4(SOURCE, DESTINATION).encapsulate(inner).build();
    assert_eq!(IpPacket::parse(&bytes).unwrap().protocol(), Protocol::IPV6);
}

#[test]
fn what_is_wrong_inside_is_refused_outside() {
    let inner = v4(SOURCE, DESTINATION).options(&[1; 41]).udp(1, 2);
    let error = BuildError::OptionsTooLong {
        layer: Layer::Ipv4,
        len: 41,
        max: 40,
    };
    let outer = v4(SOURCE, DESTINATION).encapsulate(inner);
    assert_eq!(outer.try_build(), Err(error));
    assert_eq!(outer.write(&mut [0; 100]), Err(error));
}
