//! What strict parsing refuses, and what views say.

use wirecraft_ip_packets::{
    Dscp, Echo, Ecn, Expected, Field, Icmpv4Kind, Icmpv4Type, Icmpv4Unreachable, Icmpv6Kind,
    Icmpv6Message, Icmpv6Type, IpPacket, Ipv4Packet, Layer, ParseError, Protocol, TcpFlags,
    TcpSegment, Transport, UdpDatagram, v4, v6,
};

const SOURCE: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 2);

#[test]
fn every_v4_field_is_read_from_its_place() {
    // A packet written by hand, field for field of RFC 791 §3.1.
    let bytes = [
        0x46, 0xb9, 0, 26, 0x12, 0x34, 0xa0, 0x05, 7, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, //
        0x94, 4, 0, 0, 0xaa, 0xbb, 0xcc,
    ];
    let packet = Ipv4Packet::parse(&bytes).unwrap();
    assert_eq!(packet.header_len(), 24);
    assert_eq!(packet.dscp(), Dscp::EF);
    assert_eq!(packet.ecn(), Ecn::Ect1);
    assert_eq!(packet.identification(), 0x1234);
    assert!(packet.reserved_flag() && !packet.dont_fragment() && packet.more_fragments());
    assert_eq!(packet.fragment_offset(), 40);
    assert_eq!(packet.ttl(), 7);
    assert_eq!(packet.protocol(), Protocol::new(253));
    assert_eq!(
        (packet.source(), packet.destination()),
        (SOURCE, DESTINATION)
    );
    assert_eq!(packet.options().as_bytes(), [0x94, 4, 0, 0]);
    assert_eq!(packet.payload(), [0xaa, 0xbb]);
}

#[test]
fn v4_header_length_below_20_is_refused() {
    let packet = v4(SOURCE, DESTINATION).header_len(16).udp(1, 2).build();
    let error = ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::HeaderLen,
        offset: 0,
        found: 16,
        expected: Expected::AtLeast(20),
    };
    assert_eq!(IpPacket::parse(&packet), Err(error));
}

#[test]
fn v4_header_length_beyond_the_total_length_is_refused() {
    let packet = v4(SOURCE, DESTINATION).header_len(32).udp(1, 2).build();
    let error = ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::HeaderLen,
        offset: 0,
        found: 32,
        expected: Expected::AtMost(28),
    };
    assert_eq!(IpPacket::parse(&packet), Err(error));
}

#[test]
fn v4_packet_of_just_a_header_has_an_empty_payload() {
    let packet = v4(SOURCE, DESTINATION).bare(Protocol::new(253)).build();
    assert!(IpPacket::parse(&packet).unwrap().payload().is_empty());
}

#[test]
fn wrong_v4_checksum_is_parsed_and_told() {
    let packet = v4(SOURCE, DESTINATION).checksum(0xdead).udp(1, 2).build();
    let packet = Ipv4Packet::parse(&packet).unwrap();
    assert_eq!(packet.checksum(), 0xdead);
    assert!(!packet.checksum_is_valid());
}

#[test]
fn udp_length_below_a_header_is_refused() {
    let packet = v4(SOURCE, DESTINATION).udp(1, 2).length(7).build();
    let error = ParseError::Invalid {
        layer: Layer::Udp,
        field: Field::Length,
        offset: 4,
        found: 7,
        expected: Expected::AtLeast(8),
    };
    assert_eq!(IpPacket::parse(&packet).unwrap().transport(), Err(error));
}

#[test]
fn udp_length_beyond_the_packet_is_refused() {
    let packet = v4(SOURCE, DESTINATION).udp(1, 2).length(9).build();
    let error = ParseError::Truncated {
        layer: Layer::Udp,
        field: Field::Length,
        offset: 4,
        needed: 9,
        available: 8,
    };
    assert_eq!(IpPacket::parse(&packet).unwrap().udp(), Err(error));
}

#[test]
fn udp_is_trimmed_to_its_length() {
    let datagram = [0, 1, 0, 2, 0, 9, 0, 0, 0xaa, 0xbb];
    assert_eq!(UdpDatagram::parse(&datagram).unwrap().payload(), [0xaa]);
}

#[test]
fn udp_without_a_checksum_is_valid_over_v4_only() {
    let v4 = v4(SOURCE, DESTINATION).udp(1, 2).checksum(0).build();
    let v4 = IpPacket::parse(&v4).unwrap();
    assert!(v4.udp().unwrap().checksum_is_valid(&v4.pseudo_header()));
    let v6 = v6([1; 16].into(), [2; 16].into())
        .udp(1, 2)
        .checksum(0)
        .build();
    let v6 = IpPacket::parse(&v6).unwrap();
    assert!(!v6.udp().unwrap().checksum_is_valid(&v6.pseudo_header()));
}

#[test]
fn tcp_data_offset_is_checked_at_both_ends() {
    let short = v4(SOURCE, DESTINATION).tcp(1, 2).header_len(16).build();
    let error = ParseError::Invalid {
        layer: Layer::Tcp,
        field: Field::HeaderLen,
        offset: 12,
        found: 16,
        expected: Expected::AtLeast(20),
    };
    assert_eq!(IpPacket::parse(&short).unwrap().tcp(), Err(error));
    let long = v4(SOURCE, DESTINATION).tcp(1, 2).header_len(24).build();
    let error = ParseError::Truncated {
        layer: Layer::Tcp,
        field: Field::HeaderLen,
        offset: 12,
        needed: 24,
        available: 20,
    };
    assert_eq!(IpPacket::parse(&long).unwrap().tcp(), Err(error));
}

#[test]
fn every_tcp_field_is_read_from_its_place() {
    let bytes = [
        0, 80, 0x9c, 0x40, 1, 2, 3, 4, 5, 6, 7, 8, 0x6b, 0x51, 0x10, 0, 0xaa, 0xbb, 0, 9, //
        1, 1, 1, 0, 0x77,
    ];
    let segment = TcpSegment::parse(&bytes).unwrap();
    assert_eq!(
        (segment.source_port(), segment.destination_port()),
        (80, 40_000)
    );
    assert_eq!((segment.seq(), segment.ack()), (0x0102_0304, 0x0506_0708));
    assert_eq!(segment.header_len(), 24);
    assert_eq!(segment.reserved(), 0b101);
    assert_eq!(
        segment.flags(),
        TcpFlags::FIN | TcpFlags::ACK | TcpFlags::AE | TcpFlags::ECE
    );
    assert_eq!(segment.window(), 0x1000);
    assert_eq!(segment.checksum(), 0xaabb);
    assert_eq!(segment.urgent_pointer(), 9);
    assert_eq!(segment.payload(), [0x77]);
}

#[test]
fn asking_a_udp_packet_for_tcp_names_the_protocol_field() {
    let packet = v4(SOURCE, DESTINATION).udp(1, 2).build();
    let error = ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::Protocol,
        offset: 9,
        found: 17,
        expected: Expected::Exactly(6),
    };
    assert_eq!(IpPacket::parse(&packet).unwrap().tcp(), Err(error));
}

#[test]
fn a_first_fragment_is_not_taken_for_a_datagram() {
    let packet = v4(SOURCE, DESTINATION)
        .more_fragments(true)
        .dont_fragment(false)
        .udp(1, 2)
        .build();
    let packet = IpPacket::parse(&packet).unwrap();
    assert_eq!(
        packet.transport(),
        Ok(Transport::Fragment(packet.payload()))
    );
    let error = ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::Fragment,
        offset: 6,
        found: 0x2000,
        expected: Expected::Exactly(0),
    };
    assert_eq!(packet.udp(), Err(error));
}

#[test]
fn icmp_of_the_other_version_is_another_protocol() {
    let packet = v4(SOURCE, DESTINATION)
        .bare(Protocol::ICMPV6)
        .payload(&[128, 0, 0, 0])
        .build();
    let transport = IpPacket::parse(&packet).unwrap().transport();
    assert_eq!(
        transport,
        Ok(Transport::Other(Protocol::ICMPV6, &[128, 0, 0, 0]))
    );
}

#[test]
fn echoes_are_read_under_both_versions() {
    let packet = v4(SOURCE, DESTINATION)
        .icmp_echo_request(7, 8)
        .payload(b"x")
        .build();
    let Ok(Transport::Icmpv4(message)) = IpPacket::parse(&packet).unwrap().transport() else {
        panic!("not ICMP");
    };
    let echo = Echo {
        identifier: 7,
        sequence: 8,
        payload: b"x",
    };
    assert_eq!(message.kind(), Icmpv4Kind::EchoRequest(echo));
    assert!(message.checksum_is_valid());

    let packet = v6([1; 16].into(), [2; 16].into())
        .icmp_echo_reply(7, 8)
        .payload(b"x")
        .build();
    let packet = IpPacket::parse(&packet).unwrap();
    let Ok(Transport::Icmpv6(message)) = packet.transport() else {
        panic!("not ICMPv6")
    };
    assert_eq!(message.kind(), Icmpv6Kind::EchoReply(echo));
    assert!(message.checksum_is_valid(&packet.pseudo_header()));
}

#[test]
fn icmpv6_of_four_bytes_is_read_where_the_type_has_no_more() {
    let message = Icmpv6Message::parse(&[155, 0, 0, 0]).unwrap();
    let other = Icmpv6Kind::Other {
        message_type: Icmpv6Type::RPL_CONTROL,
        code: 0,
        body: &[],
    };
    assert_eq!(message.kind(), other);
    let error = ParseError::Truncated {
        layer: Layer::Icmpv6,
        field: Field::FixedHeader,
        offset: 0,
        needed: 8,
        available: 4,
    };
    assert_eq!(Icmpv6Message::parse(&[128, 0, 0, 0]), Err(error));
}

#[test]
fn next_hop_mtu_of_fragmentation_needed_is_read() {
    let quoted = v4(DESTINATION, SOURCE).udp(5, 6).build();
    let packet = v4(SOURCE, DESTINATION)
        .icmp_packet_too_big(1280, &quoted)
        .build();
    let Ok(Transport::Icmpv4(message)) = IpPacket::parse(&packet).unwrap().transport() else {
        panic!("not ICMP");
    };
    let Icmpv4Kind::DestinationUnreachable {
        code,
        next_hop_mtu,
        quoted: read,
    } = message.kind()
    else {
        panic!("not unreachable");
    };
    assert_eq!(
        (code, next_hop_mtu),
        (Icmpv4Unreachable::FRAGMENTATION_NEEDED, 1280)
    );
    assert_eq!(read, quoted);
}

#[test]
fn unnamed_numbers_are_kept() {
    let packet = v4(SOURCE, DESTINATION)
        .icmp(200, 3)
        .word([1, 2, 3, 4])
        .payload(b"?")
        .build();
    let Ok(Transport::Icmpv4(message)) = IpPacket::parse(&packet).unwrap().transport() else {
        panic!("not ICMP");
    };
    assert_eq!(message.message_type(), Icmpv4Type::new(200));
    assert_eq!(message.message_type().name(), None);
    assert_eq!(
        message.kind(),
        Icmpv4Kind::Other {
            message_type: Icmpv4Type::new(200),
            code: 3,
            word: [1, 2, 3, 4],
            body: b"?"
        }
    );
}
