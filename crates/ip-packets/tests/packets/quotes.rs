//! The packets that ICMP errors quote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wirecraft_ip_packets::{
    EchoId, Icmpv4Kind, Icmpv6Kind, Icmpv6Unreachable, IpPacket, Ports, Protocol, QuotedPacket,
    TimeExceededCode, Transport, v4, v6,
};

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

#[test]
fn eight_bytes_of_tcp_are_enough_for_ports_and_sequence_number() {
    let probe = v4(SOURCE, DESTINATION)
        .tcp(40_000, 443)
        .seq(0x0102_0304)
        .syn()
        .build();
    let quoted = QuotedPacket::parse(&probe[..28]).unwrap();
    assert_eq!(quoted.source(), IpAddr::V4(SOURCE));
    assert_eq!(quoted.destination(), IpAddr::V4(DESTINATION));
    assert_eq!(
        quoted.ports(),
        Some(Ports {
            source: 40_000,
            destination: 443
        })
    );
    assert_eq!(quoted.tcp_seq(), Some(0x0102_0304));
}

#[test]
fn seven_bytes_of_tcp_have_ports_but_no_sequence_number() {
    let probe = v4(SOURCE, DESTINATION).tcp(40_000, 443).build();
    let quoted = QuotedPacket::parse(&probe[..27]).unwrap();
    assert!(quoted.ports().is_some());
    assert_eq!(quoted.tcp_seq(), None);
}

#[test]
fn lengths_and_checksums_of_a_quote_do_not_matter() {
    let probe = v4(SOURCE, DESTINATION)
        .total_len(9)
        .checksum(1)
        .ttl(0)
        .udp(5, 6)
        .build();
    let quoted = QuotedPacket::parse(&probe).unwrap();
    assert_eq!(
        quoted.ports(),
        Some(Ports {
            source: 5,
            destination: 6
        })
    );
}

#[test]
fn a_later_fragment_has_no_ports() {
    let probe = v4(SOURCE, DESTINATION).fragment_offset(8).udp(5, 6).build();
    assert_eq!(QuotedPacket::parse(&probe).unwrap().ports(), None);
}

#[test]
fn an_echo_request_is_told_by_identifier_and_sequence() {
    let probe = v6(SOURCE_V6, DESTINATION_V6)
        .icmp_echo_request(3, 4)
        .build();
    let quoted = QuotedPacket::parse(&probe).unwrap();
    assert_eq!(
        quoted.echo_request(),
        Some(EchoId {
            identifier: 3,
            sequence: 4
        })
    );
    let reply = v6(SOURCE_V6, DESTINATION_V6).icmp_echo_reply(3, 4).build();
    assert_eq!(QuotedPacket::parse(&reply).unwrap().echo_request(), None);
}

#[test]
fn v6_quotes_are_read_behind_extension_headers_and_up_to_the_cut() {
    let options = [6, 0, 1, 4, 0, 0, 0, 0];
    let probe = v6(SOURCE_V6, DESTINATION_V6)
        .extension_headers(Protocol::DESTINATION_OPTIONS, &options)
        .tcp(1, 2)
        .seq(3)
        .build();
    let whole = QuotedPacket::parse(&probe).unwrap();
    assert_eq!(
        (whole.protocol(), whole.tcp_seq()),
        (Protocol::TCP, Some(3))
    );
    let cut = QuotedPacket::parse(&probe[..44]).unwrap();
    assert_eq!(
        (cut.protocol(), cut.ports()),
        (Protocol::DESTINATION_OPTIONS, None)
    );
}

#[test]
fn errors_quote_at_most_what_fits_into_their_smallest_mtu() {
    let long = vec![0x45; 3000];
    assert_eq!(v4(ROUTER, SOURCE).icmp_time_exceeded(&long).len(), 576);
    assert_eq!(
        v4(ROUTER, SOURCE)
            .options(&[1; 4])
            .icmp_port_unreachable(&long)
            .len(),
        576
    );
    assert_eq!(
        v6(DESTINATION_V6, SOURCE_V6)
            .icmp_packet_too_big(1280, &long)
            .len(),
        1280
    );
}

#[test]
fn extensions_behind_a_quote_are_left_out_of_it() {
    let mut body = v4(SOURCE, DESTINATION).udp(5, 6).build();
    body.resize(128, 0);
    body.extend(b"extension structure");
    // RFC 4884 §4.1: the second byte of the word counts words of 4 bytes, here 128 / 4.
    let packet = v4(ROUTER, SOURCE)
        .icmp(11, 0)
        .word([0, 32, 0, 0])
        .payload(&body)
        .build();
    let Ok(Transport::Icmpv4(message)) = IpPacket::parse(&packet).unwrap().transport() else {
        panic!("not ICMP");
    };
    let Icmpv4Kind::TimeExceeded {
        code: TimeExceededCode::HOP_LIMIT,
        quoted,
    } = message.kind()
    else {
        panic!("not time exceeded");
    };
    assert_eq!(quoted, &body[..128]);
    assert_eq!(
        message.quoted_packet().unwrap().ports(),
        Some(Ports {
            source: 5,
            destination: 6
        })
    );
}

#[test]
fn v6_errors_carry_their_code_mtu_and_quote() {
    let probe = v6(SOURCE_V6, DESTINATION_V6).udp(5, 6).build();
    let answer = v6(DESTINATION_V6, SOURCE_V6);
    let refused = answer
        .icmp_unreachable(Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED, &probe)
        .build();
    let too_big = answer.icmp_packet_too_big(70_000, &probe).build();
    let kinds = [&refused, &too_big].map(|bytes| {
        let packet = IpPacket::parse(bytes).unwrap();
        let Ok(Transport::Icmpv6(message)) = packet.transport() else {
            panic!("not ICMPv6")
        };
        assert!(message.checksum_is_valid(&packet.pseudo_header()));
        message.kind()
    });
    let code = Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED;
    assert_eq!(
        kinds[0],
        Icmpv6Kind::DestinationUnreachable {
            code,
            quoted: &probe
        }
    );
    assert_eq!(
        kinds[1],
        Icmpv6Kind::PacketTooBig {
            mtu: 70_000,
            quoted: &probe
        }
    );
}
