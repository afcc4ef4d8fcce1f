//! Lenient parsing returns what could be read, and the error of strict parsing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use wirecraft_ip_packets::{
    AuthenticationHeader, Expected, Field, IcmpExtensions, Icmpv4Kind, Icmpv4Message, Icmpv6Kind,
    Icmpv6Message, IpPacket, Ipv4Packet, Ipv6Extension, Ipv6Packet, Layer, Lenient, ParseError,
    Protocol, TcpSegment, Transport, UdpDatagram, v4, v6,
};

use crate::strategies::{damaged, spec};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// Holds both ways of parsing against each other.
fn agree<T: PartialEq + std::fmt::Debug>(
    strict: Result<T, ParseError>,
    lenient: Result<Lenient<T>, ParseError>,
) {
    match lenient {
        Ok(lenient) => assert_eq!(lenient.strict(), strict),
        Err(error) => assert_eq!(strict, Err(error)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lenient_and_strict_parsing_agree_on_what_is_wrong(bytes in damaged()) {
        agree(IpPacket::parse(&bytes), IpPacket::parse_lenient(&bytes));
        agree(Ipv4Packet::parse(&bytes), Ipv4Packet::parse_lenient(&bytes));
        agree(Ipv6Packet::parse(&bytes), Ipv6Packet::parse_lenient(&bytes));
        agree(TcpSegment::parse(&bytes), TcpSegment::parse_lenient(&bytes));
        agree(UdpDatagram::parse(&bytes), UdpDatagram::parse_lenient(&bytes));
        if let Ok(packet) = IpPacket::parse_lenient(&bytes) {
            agree(packet.read.transport(), Ok(packet.read.transport_lenient()));
        }
    }

    #[test]
    fn every_packet_cut_behind_its_ip_header_keeps_its_addresses(spec in spec(40)) {
        let bytes = spec.build();
        let whole = IpPacket::parse(&bytes).unwrap();
        for len in whole.header_len()..bytes.len() {
            let cut = IpPacket::parse_lenient(&bytes[..len]).unwrap();
            prop_assert!(cut.stopped.is_some());
            prop_assert_eq!(cut.read.destination(), whole.destination());
            prop_assert_eq!(cut.read.payload(), &whole.payload()[..len - whole.header_len()]);
        }
    }
}

#[test]
fn a_segment_whose_payload_is_cut_off_keeps_what_is_there() {
    let bytes = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .seq(7)
        .payload(b"hello")
        .build();
    let packet = IpPacket::parse_lenient(&bytes[..43]).unwrap();
    let error = ParseError::Truncated {
        layer: Layer::Ipv4,
        field: Field::TotalLen,
        offset: 2,
        needed: 45,
        available: 43,
    };
    assert_eq!(packet.stopped, Some(error));
    let Transport::Tcp(segment) = packet.read.transport().unwrap() else {
        panic!("not TCP")
    };
    assert_eq!((segment.seq(), segment.payload()), (7, &b"hel"[..]));
}

#[test]
fn a_total_length_of_zero_is_taken_for_all_there_is() {
    let bytes = v4(SOURCE, DESTINATION)
        .total_len(0)
        .udp(1, 2)
        .payload(b"hello")
        .build();
    let packet = IpPacket::parse_lenient(&bytes).unwrap();
    assert_eq!(
        packet.stopped.map(|error| error.field()),
        Some(Field::TotalLen)
    );
    assert_eq!(packet.read.udp().unwrap().payload(), b"hello");
}

#[test]
fn a_header_length_too_small_is_taken_for_the_fixed_header() {
    let bytes = v4(SOURCE, DESTINATION).header_len(16).udp(1, 2).build();
    let packet = Ipv4Packet::parse_lenient(&bytes).unwrap();
    let error = ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::HeaderLen,
        offset: 0,
        found: 16,
        expected: Expected::AtLeast(20),
    };
    assert_eq!(packet.stopped, Some(error));
    assert_eq!(packet.read.header_len(), 20);
}

#[test]
fn a_header_length_beyond_the_packet_leaves_options_and_no_payload() {
    let bytes = v4(SOURCE, DESTINATION).header_len(60).udp(1, 2).build();
    let packet = Ipv4Packet::parse_lenient(&bytes).unwrap().read;
    let options_len = packet.options().as_bytes().len();
    assert_eq!((options_len, packet.payload().len()), (8, 0));
    let bytes = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .header_len(60)
        .payload(b"hello")
        .build();
    let Transport::Tcp(segment) = transport(&bytes).read else {
        panic!("not TCP")
    };
    assert_eq!(
        (segment.options().as_bytes(), segment.payload().len()),
        (&b"hello"[..], 0)
    );
}

#[test]
fn a_data_offset_too_small_is_taken_for_the_fixed_header() {
    let bytes = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .header_len(8)
        .payload(b"hello")
        .build();
    let transport = transport(&bytes);
    assert_eq!(transport.stopped.map(|error| error.offset()), Some(12));
    let Transport::Tcp(segment) = transport.read else {
        panic!("not TCP")
    };
    assert_eq!(segment.payload(), b"hello");
}

#[test]
fn a_udp_length_that_cannot_be_is_taken_for_all_there_is() {
    for length in [3, 1000] {
        let bytes = v4(SOURCE, DESTINATION)
            .udp(1, 2)
            .length(length)
            .payload(b"hello")
            .build();
        let transport = transport(&bytes);
        assert_eq!(
            transport.stopped.map(|error| error.field()),
            Some(Field::Length)
        );
        let Transport::Udp(datagram) = transport.read else {
            panic!("not UDP")
        };
        assert_eq!(datagram.payload(), b"hello");
    }
}

#[test]
fn a_transport_header_that_is_cut_off_is_bytes_of_its_protocol() {
    let bytes = v4(SOURCE, DESTINATION).tcp(1, 2).build();
    let packet = IpPacket::parse_lenient(&bytes[..28]).unwrap().read;
    let transport = packet.transport_lenient();
    assert_eq!(
        transport.read,
        Transport::Other(Protocol::TCP, &bytes[20..28])
    );
    assert_eq!(
        transport.stopped.map(|error| error.field()),
        Some(Field::FixedHeader)
    );
}

#[test]
fn an_extension_header_that_is_cut_off_is_the_payload() {
    let bytes = v6(SOURCE_V6, DESTINATION_V6)
        .extension_headers(Protocol::DESTINATION_OPTIONS, &[17, 3, 1, 4, 0, 0, 0, 0])
        .udp(1, 2)
        .build();
    let packet = IpPacket::parse_lenient(&bytes).unwrap();
    assert_eq!(
        packet.stopped.map(|error| error.field()),
        Some(Field::ExtensionHeader)
    );
    assert_eq!(packet.read.destination(), IpAddr::from(DESTINATION_V6));
    assert_eq!(packet.read.protocol(), Protocol::DESTINATION_OPTIONS);
    assert_eq!(packet.read.payload(), &bytes[40..]);
}

#[test]
fn another_version_is_read_by_whoever_asks_for_it() {
    let bytes = v4(SOURCE, DESTINATION).version(5).udp(1, 2).build();
    assert!(IpPacket::parse_lenient(&bytes).is_err());
    let packet = Ipv4Packet::parse_lenient(&bytes).unwrap();
    assert_eq!(
        packet.stopped.map(|error| error.field()),
        Some(Field::Version)
    );
    assert_eq!(packet.read.destination(), DESTINATION);
}

fn transport(bytes: &[u8]) -> Lenient<Transport<'_>> {
    IpPacket::parse(bytes).unwrap().transport_lenient()
}

#[test]
fn a_check_value_that_is_cut_off_keeps_what_is_there() {
    let header = AuthenticationHeader {
        spi: 1,
        sequence: 2,
        icv: &[7; 12],
    };
    let bytes = v4(SOURCE, DESTINATION).ah(header).build();
    let cut = AuthenticationHeader::parse_lenient(&bytes[20..40]).unwrap();
    assert_eq!((cut.read.spi, cut.read.icv), (1, &[7; 8][..]));
    let error = AuthenticationHeader::parse(&bytes[20..40]);
    assert_eq!(cut.strict(), error);
    assert_eq!(
        error.map_err(|error| error.layer()),
        Err(Layer::Authentication)
    );
}

#[test]
fn extensions_of_another_version_and_cut_ones_are_read_as_far_as_it_goes() {
    let mut bytes = vec![0x10, 0, 0, 0, 0, 8, 1, 1, 0, 1, 1, 9, 0, 8, 1];
    let read = IcmpExtensions::parse_lenient(&bytes).unwrap();
    assert_eq!(read.read.objects().iter().count(), 1);
    assert_eq!(
        read.stopped.map(|error| error.field()),
        Some(Field::Version)
    );
    bytes[0] = 0x20;
    let read = IcmpExtensions::parse_lenient(&bytes).unwrap();
    let error = read.stopped.unwrap();
    assert_eq!((error.layer(), error.offset()), (Layer::IcmpExtension, 12));
}

#[test]
fn errors_in_extensions_name_them_and_count_from_the_message() {
    let quoted = [0x60; 128];
    let mut bytes = v6(SOURCE_V6, DESTINATION_V6)
        .icmp(3, 0)
        .word([16, 0, 0, 0])
        .payload(&quoted)
        .build();
    bytes.extend([0x20, 0, 0, 0, 0, 3, 1, 1]);
    let message = Icmpv6Message::parse(&bytes[40..]).unwrap();
    let error = message.extensions().unwrap_err();
    assert_eq!(
        (error.layer(), error.offset()),
        (Layer::IcmpExtension, 8 + 128 + 4)
    );
    let mut bytes = v6(SOURCE_V6, DESTINATION_V6)
        .icmp(3, 0)
        .word([16, 0, 0, 0])
        .payload(&quoted)
        .build();
    bytes.extend([0x10, 0, 0, 0]);
    let message = Icmpv6Message::parse(&bytes[40..]).unwrap();
    let expected = "ICMP extension has 1 as its version (byte 136), expected 2";
    assert_eq!(message.extensions().unwrap_err().to_string(), expected);
}

#[test]
fn an_extended_echo_whose_structure_is_cut_off_says_so_and_stays_a_message() {
    let expected = "ICMP extension is cut off at its fixed header (byte 8): \
                    12 bytes needed, 9 there";
    let four = v4(SOURCE, DESTINATION).icmp(42, 0).payload(&[0x20]).build();
    let six = v6(SOURCE_V6, DESTINATION_V6).icmp(160, 0);
    let six = six.payload(&[0x20]).build();
    for bytes in [four, six] {
        let read = transport(&bytes);
        assert_eq!(read.stopped.unwrap().to_string(), expected);
        let is_message = matches!(read.read, Transport::Icmpv4(_) | Transport::Icmpv6(_));
        assert!(is_message, "{read:?}");
    }
}

#[test]
fn an_advertisement_with_fewer_routers_than_it_counts_is_other() {
    let entries = [7; 16];
    let message = |count| {
        let message = v4(SOURCE, DESTINATION).icmp(9, 0).word([count, 2, 0, 9]);
        message.payload(&entries).build()
    };
    let read = |bytes: &[u8]| {
        Icmpv4Message::parse_lenient(&bytes[20..])
            .map(|it| matches!(it.read.kind(), Icmpv4Kind::Other { .. }))
    };
    assert_eq!(read(&message(2)), Ok(false));
    assert_eq!(read(&message(3)), Ok(true));
    assert_eq!(read(&message(1)), Ok(true));
}

#[test]
fn a_query_for_listeners_whose_sources_are_cut_off_is_of_no_version() {
    let message = |behind: &[u8]| {
        let body = [&[1; 16], behind].concat();
        let message = v6(SOURCE_V6, DESTINATION_V6).icmp(130, 0);
        message.word([0x90, 0, 0, 0]).payload(&body).build()
    };
    let delay = |bytes: &[u8]| {
        let message = Icmpv6Message::parse_lenient(&bytes[40..]).unwrap().read;
        match message.kind() {
            Icmpv6Kind::MldQuery(query) => Some(query.maximum_response_delay().as_millis()),
            Icmpv6Kind::Other { .. } => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(delay(&message(&[])), Some(0x9000));
    assert_eq!(delay(&message(&[2, 0, 0, 0])), Some(65_536));
    assert_eq!(delay(&message(&[2])), None);
    assert_eq!(delay(&message(&[2, 0, 0, 1, 7])), None);
}

#[test]
fn errors_in_options_count_from_their_extension_header() {
    let bytes = v6(SOURCE_V6, DESTINATION_V6)
        .extension_headers(Protocol::HOP_BY_HOP_OPTIONS, &[17, 0, 5, 9, 0, 0, 0, 0])
        .udp(1, 2)
        .build();
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    let header = packet.extension_headers().next().unwrap();
    let Ipv6Extension::HopByHop(options) = header.content() else {
        panic!("no options")
    };
    let error = options.iter().next().unwrap().unwrap_err();
    assert_eq!((error.layer(), error.offset()), (Layer::Ipv6Extension, 2));
}
