//! What a router reads of a packet.

use wirecraft_ip_packets::{
    Ecn, Expected, Field, Header, Ipv4Packet, Layer, ParseError, destination_address, ecn, set_ecn,
    source_address, v4, v6,
};

fn v4_packet() -> Vec<u8> {
    v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .udp(1, 2)
        .payload(b"hello")
        .build()
}

fn v6_packet() -> Vec<u8> {
    v6([1; 16].into(), [2; 16].into())
        .udp(1, 2)
        .payload(b"hello")
        .build()
}

#[test]
fn nothing_has_no_version() {
    let error = ParseError::Truncated {
        layer: Layer::Ip,
        field: Field::Version,
        offset: 0,
        needed: 1,
        available: 0,
    };
    assert_eq!(Header::read(&[]), Err(error));
}

#[test]
fn version_5_is_refused_and_the_error_says_what_was_expected() {
    let error = ParseError::Invalid {
        layer: Layer::Ip,
        field: Field::Version,
        offset: 0,
        found: 5,
        expected: Expected::Either(4, 6),
    };
    assert_eq!(Header::read(&[0x50; 40]), Err(error));
    assert_eq!(
        error.to_string(),
        "IP has 5 as its version (byte 0), expected 4 or 6"
    );
}

#[test]
fn v4_total_length_below_a_header_is_refused() {
    let mut packet = v4_packet();
    packet[2..4].copy_from_slice(&19_u16.to_be_bytes());
    let error = ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::TotalLen,
        offset: 2,
        found: 19,
        expected: Expected::AtLeast(20),
    };
    assert_eq!(Header::read(&packet), Err(error));
}

#[test]
fn v4_total_length_beyond_what_arrived_is_refused() {
    let mut packet = v4_packet();
    let available = packet.len();
    packet[2..4].copy_from_slice(&34_u16.to_be_bytes());
    let error = ParseError::Truncated {
        layer: Layer::Ipv4,
        field: Field::TotalLen,
        offset: 2,
        needed: 34,
        available,
    };
    assert_eq!(Header::read(&packet), Err(error));
}

#[test]
fn v6_payload_length_is_added_wider_than_16_bits() {
    let mut packet = v6_packet();
    packet[4..6].copy_from_slice(&0xffff_u16.to_be_bytes());
    let error = ParseError::Truncated {
        layer: Layer::Ipv6,
        field: Field::PayloadLen,
        offset: 4,
        needed: 65_575,
        available: packet.len(),
    };
    assert_eq!(Header::read(&packet), Err(error));
    packet.resize(65_575, 0);
    assert_eq!(
        Header::read(&packet).map(|header| header.total_len),
        Ok(65_575)
    );
}

#[test]
fn v6_header_that_is_cut_off_is_refused() {
    let error = ParseError::Truncated {
        layer: Layer::Ipv6,
        field: Field::FixedHeader,
        offset: 0,
        needed: 40,
        available: 39,
    };
    assert_eq!(Header::read(&v6_packet()[..39]), Err(error));
    assert_eq!(source_address(&v6_packet()[..39]), Err(error));
}

#[test]
fn addresses_are_read_from_a_bare_header() {
    let packet = v4_packet();
    assert_eq!(source_address(&packet[..20]), Ok([10, 0, 0, 1].into()));
    assert_eq!(destination_address(&packet[..20]), Ok([10, 0, 0, 2].into()));
    let packet = v6_packet();
    assert_eq!(source_address(&packet[..40]), Ok([1_u8; 16].into()));
    assert_eq!(destination_address(&packet[..40]), Ok([2_u8; 16].into()));
}

#[test]
fn v4_checksum_stays_right_under_every_change_of_ecn() {
    for from in [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce] {
        for to in [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce] {
            let mut packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
                .ecn(from)
                .udp(1, 2)
                .build();
            set_ecn(&mut packet, to).unwrap();
            let expected = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
                .ecn(to)
                .udp(1, 2)
                .build();
            assert_eq!(packet, expected);
            assert_eq!(ecn(&packet), Ok(to));
            assert!(Ipv4Packet::parse(&packet).unwrap().checksum_is_valid());
        }
    }
}

#[test]
fn v6_flow_label_and_dscp_stay_under_a_change_of_ecn() {
    let builder = v6([1; 16].into(), [2; 16].into())
        .dscp(0b10_1101.into())
        .flow_label(0xf_1234);
    let mut packet = builder.udp(1, 2).build();
    set_ecn(&mut packet, Ecn::Ce).unwrap();
    assert_eq!(packet, builder.ecn(Ecn::Ce).udp(1, 2).build());
}

#[test]
fn a_packet_without_a_version_is_left_as_it_was() {
    let mut bytes = [0x70; 40];
    assert!(set_ecn(&mut bytes, Ecn::Ce).is_err());
    assert_eq!(bytes, [0x70; 40]);
}
