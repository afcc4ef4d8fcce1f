//! Extension headers of IPv6.

use std::net::Ipv6Addr;

use wirecraft_ip_packets::{
    ExtensionHeader, Field, IpPacket, Ipv6Fragment, Ipv6Packet, Layer, ParseError, Protocol,
    Transport, v6,
};

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const LAST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);

/// Hop-by-hop options, routing, fragment, authentication, destination options, then UDP.
fn every_extension() -> Vec<u8> {
    let mut headers = vec![43, 0, 1, 4, 0, 0, 0, 0];
    headers.extend([44, 2, 0, 0, 0, 0, 0, 0]);
    headers.extend(LAST.octets());
    headers.extend([51, 0, 0, 0, 0, 0, 0, 9]);
    headers.extend([60, 4]);
    headers.extend([0; 22]);
    headers.extend([17, 1, 1, 12]);
    headers.extend([0; 12]);
    headers
}

#[test]
fn the_upper_layer_is_found_behind_every_kind_of_extension() {
    let headers = every_extension();
    let bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::HOP_BY_HOP_OPTIONS, &headers)
        .udp(1, 2)
        .payload(b"hello")
        .build();
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    assert_eq!(packet.next_header(), Protocol::HOP_BY_HOP_OPTIONS);
    assert_eq!(packet.protocol(), Protocol::UDP);
    assert_eq!(packet.header_len(), 40 + headers.len());
    let fragment = Ipv6Fragment {
        offset: 0,
        more: false,
        identification: 9,
    };
    assert_eq!(packet.fragment(), Some(fragment));
    assert!(!packet.is_fragment(), "an atomic fragment is whole");
    assert_eq!(IpPacket::from(packet).udp().unwrap().payload(), b"hello");

    let kinds: Vec<(Protocol, usize)> = packet
        .extension_headers()
        .map(|ExtensionHeader { protocol, bytes }| (protocol, bytes.len()))
        .collect();
    let expected = [
        (Protocol::HOP_BY_HOP_OPTIONS, 8),
        (Protocol::ROUTING, 24),
        (Protocol::FRAGMENT, 8),
        (Protocol::AH, 24),
        (Protocol::DESTINATION_OPTIONS, 16),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn an_extension_header_that_is_cut_off_is_refused() {
    let bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::DESTINATION_OPTIONS, &[17, 3, 1, 4, 0, 0, 0, 0])
        .udp(1, 2)
        .build();
    let error = ParseError::Truncated {
        layer: Layer::Ipv6,
        field: Field::ExtensionHeader,
        offset: 40,
        needed: 72,
        available: 56,
    };
    assert_eq!(IpPacket::parse(&bytes), Err(error));
}

#[test]
fn a_jumbogram_is_refused() {
    let bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::HOP_BY_HOP_OPTIONS, &[17, 0, 0xc2, 4, 0, 1, 0, 0])
        .payload_len(0)
        .udp(1, 2)
        .build();
    assert_eq!(
        IpPacket::parse(&bytes).map_err(|error| error.field()),
        Err(Field::ExtensionHeader)
    );
}

#[test]
fn what_a_later_fragment_carries_is_not_taken_for_headers() {
    // Next header says destination options, the bytes say a length far beyond the packet.
    let bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::FRAGMENT, &[60, 0, 0, 8, 0, 0, 0, 1])
        .bare(Protocol::DESTINATION_OPTIONS)
        .payload(&[17, 255, 0, 0, 0, 0, 0, 0])
        .build();
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    assert!(packet.is_fragment());
    assert_eq!(packet.protocol(), Protocol::DESTINATION_OPTIONS);
    let transport = IpPacket::from(packet).transport();
    assert_eq!(
        transport,
        Ok(Transport::Fragment(&[17, 255, 0, 0, 0, 0, 0, 0]))
    );
}

#[test]
fn the_checksum_covers_the_last_address_of_a_routing_header() {
    let mut headers = vec![17, 2, 0, 1, 0, 0, 0, 0];
    headers.extend(LAST.octets());
    // The sender sums over the last address while the header has the first.
    let mut bytes = v6(SOURCE, LAST)
        .extension_headers(Protocol::ROUTING, &headers)
        .udp(1, 2)
        .payload(b"hello")
        .build();
    bytes[24..40].copy_from_slice(&DESTINATION.octets());
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    assert_eq!(
        (packet.destination(), packet.final_destination()),
        (DESTINATION, LAST)
    );
    let udp = IpPacket::from(packet).udp().unwrap();
    assert!(udp.checksum_is_valid(&packet.pseudo_header()));
}

#[test]
fn segment_routing_ends_at_the_first_of_its_list() {
    let mut headers = vec![17, 4, 4, 1, 1, 0, 0, 0];
    headers.extend(LAST.octets());
    headers.extend(DESTINATION.octets());
    let bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::ROUTING, &headers)
        .udp(1, 2)
        .build();
    assert_eq!(Ipv6Packet::parse(&bytes).unwrap().final_destination(), LAST);
}

#[test]
fn a_routing_header_without_segments_left_steers_nothing() {
    let mut headers = vec![17, 2, 0, 0, 0, 0, 0, 0];
    headers.extend(LAST.octets());
    let bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::ROUTING, &headers)
        .udp(1, 2)
        .build();
    assert_eq!(
        Ipv6Packet::parse(&bytes).unwrap().final_destination(),
        DESTINATION
    );
}
