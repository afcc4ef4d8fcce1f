//! Changes in place of what stands above IP: ports, segment sizes, the numbers of ICMP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wirecraft_ip_packets::{
    AuthenticationHeader, IpPacket, IpPacketMut, Protocol, RewriteError, SctpChunk, SctpChunkType,
    v4, v6,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

fn packet(bytes: &mut [u8]) -> IpPacketMut<'_> {
    IpPacketMut::parse(bytes).unwrap()
}

/// Cuts a packet, which may be cut, and returns its first fragment of `mtu` bytes at most.
fn first_fragment(bytes: &[u8], mtu: usize) -> Vec<u8> {
    match IpPacket::parse(bytes).unwrap() {
        IpPacket::V4(packet) => packet.fragments(mtu).unwrap().next().unwrap().to_vec(),
        IpPacket::V6(packet) => packet.fragments(mtu, 7).unwrap().next().unwrap().to_vec(),
    }
}

#[test]
fn a_first_fragment_of_icmp_under_the_wrong_version_keeps_its_payload() {
    for protocol in [Protocol::ICMPV6, Protocol::ICMPV4] {
        let four = |source| {
            let ip = v4(source, DESTINATION).more_fragments(true);
            ip.bare(protocol).payload(&[7; 16]).build()
        };
        let mut bytes = four(SOURCE);
        packet(&mut bytes).set_source_address(OTHER.into()).unwrap();
        if protocol == Protocol::ICMPV6 {
            assert_eq!(bytes, four(OTHER));
            let error = packet(&mut bytes).set_icmp_identifier(1).unwrap_err();
            let field = "identifier";
            assert_eq!(error, RewriteError::NoSuchField { protocol, field });
        }
    }
    let six = |source| {
        let fragment = [Protocol::ICMPV4.number(), 0, 0, 1, 0, 0, 0, 9];
        let ip = v6(source, DESTINATION_V6).extension_headers(Protocol::FRAGMENT, &fragment);
        ip.bare(Protocol::ICMPV4).payload(&[7; 16]).build()
    };
    let mut bytes = six(SOURCE_V6);
    packet(&mut bytes)
        .set_source_address(DESTINATION_V6.into())
        .unwrap();
    assert_eq!(bytes, six(DESTINATION_V6));
}

const AUTHENTICATION: AuthenticationHeader<'_> = AuthenticationHeader {
    spi: 1,
    sequence: 2,
    icv: &[9; 12],
};

/// Puts an authentication header before what a packet of IPv4 carries.
fn authenticated(bytes: &[u8]) -> Vec<u8> {
    let IpPacket::V4(packet) = IpPacket::parse(bytes).unwrap() else {
        panic!("not IPv4");
    };
    let ip = v4(packet.source(), packet.destination()).options(packet.options().as_bytes());
    ip.ah(AUTHENTICATION)
        .next_header(packet.protocol())
        .payload(packet.payload())
        .build()
}

#[test]
fn what_stands_behind_an_authentication_header_changes_as_it_does_without() {
    let tcp = |source, port, mss| v4(source, DESTINATION).tcp(port, 80).syn().mss(mss).build();
    let mut bytes = authenticated(&tcp(SOURCE, 1, 1460));
    let mut changed = packet(&mut bytes);
    changed.set_source((OTHER, 9).into()).unwrap();
    assert_eq!(changed.clamp_tcp_mss(1280), Some(1460));
    assert_eq!(bytes, authenticated(&tcp(OTHER, 9, 1280)));

    let udp = |source, port| {
        v4(source, DESTINATION)
            .udp(port, 53)
            .payload(b"odd")
            .build()
    };
    let mut bytes = authenticated(&udp(SOURCE, 1));
    packet(&mut bytes).set_source((OTHER, 9).into()).unwrap();
    assert_eq!(bytes, authenticated(&udp(OTHER, 9)));

    let echo = |source, id| v4(source, DESTINATION).icmp_echo_request(id, 1).build();
    let mut bytes = authenticated(&echo(SOURCE, 1));
    let mut changed = packet(&mut bytes);
    changed.set_source_address(OTHER.into()).unwrap();
    changed.set_icmp_identifier(9).unwrap();
    assert_eq!(bytes, authenticated(&echo(OTHER, 9)));
}

#[test]
fn behind_a_source_route_and_an_authentication_header_the_end_of_the_way_counts() {
    let route = [131, 7, 4, 10, 0, 0, 9, 0];
    let udp = |to| v4(SOURCE, to).options(&route).udp(1, 2).build();
    let before = authenticated(&udp(DESTINATION));
    let mut bytes = before.clone();
    packet(&mut bytes)
        .set_destination_address(OTHER.into())
        .unwrap();
    // The checksum covers the last address of the route, which stayed.
    assert_eq!(bytes[28..], before[28..]);
    assert_eq!(bytes, authenticated(&udp(OTHER)));
}

#[test]
fn a_malformed_upper_layer_changes_in_its_ip_header_alone() {
    let tcp = |source| v4(source, DESTINATION).tcp(1, 2).header_len(60).build();
    let mut bytes = tcp(SOURCE);
    let before = bytes.clone();
    let mut changed = packet(&mut bytes);
    changed.set_source_address(OTHER.into()).unwrap();
    let error = changed.set_source_port(9).unwrap_err();
    let expected = "no port to change in a packet of protocol TCP";
    assert_eq!(error.to_string(), expected);
    assert_eq!(bytes[20..], before[20..]);
}

#[test]
fn the_ports_of_sctp_change_with_its_crc() {
    let value = [7; 33];
    let chunks = [SctpChunk {
        chunk_type: SctpChunkType::DATA,
        flags: 3,
        value: &value,
    }];
    let four = |source, from, to| {
        let sctp = v4(source, DESTINATION).sctp(from, to).verification_tag(5);
        sctp.chunks(&chunks).build()
    };
    let six = |source, from, to| {
        let sctp = v6(source, DESTINATION_V6).sctp(from, to);
        sctp.chunks(&chunks).build()
    };
    let mut bytes = four(SOURCE, 1, 2);
    let mut changed = packet(&mut bytes);
    changed.set_source((OTHER, 0xfedc).into()).unwrap();
    changed.set_destination_port(0x1234).unwrap();
    assert_eq!(bytes, four(OTHER, 0xfedc, 0x1234));
    let mut bytes = six(SOURCE_V6, 1, 2);
    packet(&mut bytes)
        .set_source(SocketAddr::new(DESTINATION_V6.into(), 77))
        .unwrap();
    assert_eq!(bytes, six(DESTINATION_V6, 77, 2));
    let wrong = |port| v4(SOURCE, DESTINATION).sctp(port, 2).checksum(5).build();
    let mut bytes = wrong(1);
    packet(&mut bytes).set_source_port(9).unwrap();
    packet(&mut bytes).set_source_port(1).unwrap();
    assert_eq!(bytes, wrong(1), "a wrong one stays wrong by as much");
    let none = |port| v4(SOURCE, DESTINATION).sctp(port, 2).checksum(0).build();
    let mut bytes = none(1);
    packet(&mut bytes).set_source_port(9).unwrap();
    assert_eq!(bytes, none(9), "none stays none");
}

#[test]
fn a_first_fragment_of_sctp_refuses_ports() {
    let whole = v4(SOURCE, DESTINATION).dont_fragment(false).sctp(1, 2);
    let mut bytes = first_fragment(&whole.payload(&[0; 64]).build(), 52);
    let error = packet(&mut bytes).set_source_port(9).unwrap_err();
    let (protocol, field) = (Protocol::SCTP, "port");
    assert_eq!(error, RewriteError::NoSuchField { protocol, field });
}

/// A SYN of either version with the options.
fn syns(options: &[u8]) -> [Vec<u8>; 2] {
    [
        v4(SOURCE, DESTINATION)
            .dont_fragment(false)
            .tcp(1, 2)
            .syn()
            .raw_options(options)
            .payload(&[5; 100])
            .build(),
        v6(SOURCE_V6, DESTINATION_V6)
            .tcp(1, 2)
            .syn()
            .raw_options(options)
            .payload(&[5; 100])
            .build(),
    ]
}

#[test]
fn a_segment_size_is_lowered_over_both_versions_behind_other_options() {
    let cases: [(&[u8], &[u8]); 4] = [
        (&[2, 4, 5, 180], &[2, 4, 5, 0]),
        (&[1, 2, 4, 5, 180, 1, 1, 1], &[1, 2, 4, 5, 0, 1, 1, 1]),
        // An unknown option before, and one that is not as long as its kind asks for.
        (&[77, 3, 0, 2, 4, 5, 180, 0], &[77, 3, 0, 2, 4, 5, 0, 0]),
        (&[2, 3, 0, 2, 4, 5, 180, 0], &[2, 3, 0, 2, 4, 5, 0, 0]),
    ];
    for (before, after) in cases {
        for (mut bytes, expected) in syns(before).into_iter().zip(syns(after)) {
            assert_eq!(packet(&mut bytes).clamp_tcp_mss(1280), Some(1460));
            assert_eq!(bytes, expected, "{before:?}");
            assert_eq!(packet(&mut bytes).clamp_tcp_mss(1280), None);
            assert_eq!(bytes, expected, "{before:?}");
        }
    }
}

#[test]
fn of_two_segment_sizes_the_first_is_lowered() {
    let before = [2, 4, 5, 180, 2, 4, 5, 181];
    let after = [2, 4, 5, 0, 2, 4, 5, 181];
    for (mut bytes, expected) in syns(&before).into_iter().zip(syns(&after)) {
        assert_eq!(packet(&mut bytes).clamp_tcp_mss(1280), Some(1460));
        assert_eq!(bytes, expected);
    }
}

#[test]
fn a_segment_size_behind_an_option_that_cannot_be_read_or_the_end_stays() {
    for options in [
        [5, 1, 2, 4, 5, 180, 1, 1],
        [77, 99, 2, 4, 5, 180, 1, 1],
        [0, 1, 2, 4, 5, 180, 1, 1],
    ] {
        for before in syns(&options) {
            let mut bytes = before.clone();
            assert_eq!(packet(&mut bytes).clamp_tcp_mss(1), None);
            assert_eq!(bytes, before);
        }
    }
}

#[test]
fn first_fragments_change_as_their_packets_do() {
    let changed = |mut bytes: Vec<u8>| {
        let mut packet = packet(&mut bytes);
        assert_eq!(packet.clamp_tcp_mss(1280), Some(1460));
        packet.set_tcp_urgent_pointer(77).unwrap();
        packet.set_source_port(9).unwrap();
        bytes
    };
    for (whole, mtu) in syns(&[1, 2, 4, 5, 180, 1, 1, 1]).into_iter().zip([68, 88]) {
        let first = first_fragment(&whole, mtu);
        assert!(IpPacket::parse(&first).unwrap().is_fragment());
        assert_eq!(changed(first), first_fragment(&changed(whole), mtu));
    }
}

#[test]
fn a_first_fragment_whose_options_are_cut_off_keeps_its_segment_size() {
    let options = [1; 24];
    let options = [&options[..], &[2, 4, 5, 180]].concat();
    for (whole, mtu) in syns(&options).into_iter().zip([52, 72]) {
        let before = first_fragment(&whole, mtu);
        let mut bytes = before.clone();
        let mut packet = packet(&mut bytes);
        assert_eq!(packet.clamp_tcp_mss(1280), None);
        packet.set_tcp_window(0x1234).unwrap();
        let len = before.len();
        assert_eq!(bytes[len - 4..], before[len - 4..]);
    }
}

#[test]
fn a_later_fragment_has_no_segment_size_no_urgent_pointer_and_no_identifier() {
    for protocol in [Protocol::TCP, Protocol::ICMPV4] {
        let ip = v4(SOURCE, DESTINATION).fragment_offset(64);
        let before = ip.bare(protocol).payload(&[2; 24]).build();
        let mut bytes = before.clone();
        let mut packet = packet(&mut bytes);
        assert_eq!(packet.clamp_tcp_mss(0), None);
        assert!(packet.set_tcp_urgent_pointer(1).is_err());
        assert!(packet.set_icmp_identifier(1).is_err());
        assert!(packet.set_icmp_sequence(1).is_err());
        assert_eq!(bytes, before);
    }
}

#[test]
fn only_ipv4_says_whether_routers_may_fragment() {
    let mut bytes = v6(SOURCE_V6, DESTINATION_V6).udp(1, 2).build();
    let error = packet(&mut bytes).set_dont_fragment(true).unwrap_err();
    let (protocol, field) = (Protocol::UDP, "don't fragment flag");
    assert_eq!(error, RewriteError::NoSuchField { protocol, field });
    let error = packet(&mut bytes).set_tcp_urgent_pointer(1).unwrap_err();
    let field = "urgent pointer";
    assert_eq!(error, RewriteError::NoSuchField { protocol, field });
}

/// A message of a type with its numbers, under the version that has the type.
fn message(is_v4: bool, number: u8, identifier: u16, sequence: u16) -> Vec<u8> {
    let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence.to_be_bytes());
    // An extended echo request has an extension structure or nothing.
    let body: &[u8] = match number {
        42 | 160 => &[],
        _ => &[3; 13],
    };
    if is_v4 {
        let ip = v4(SOURCE, DESTINATION);
        return ip.icmp(number, 0).word([a, b, c, d]).payload(body).build();
    }
    let ip = v6(SOURCE_V6, DESTINATION_V6);
    ip.icmp(number, 0).word([a, b, c, d]).payload(body).build()
}

#[test]
fn every_query_and_reply_has_an_identifier_and_all_but_extended_echoes_a_sequence() {
    let v4_numbers = [0, 8, 13, 14, 15, 16, 17, 18].map(|it| (true, it));
    let v6_numbers = [128, 129].map(|it| (false, it));
    for (is_v4, number) in v4_numbers.into_iter().chain(v6_numbers) {
        let mut bytes = message(is_v4, number, 1, 2);
        packet(&mut bytes).set_icmp_identifier(0xfffe).unwrap();
        packet(&mut bytes).set_icmp_sequence(0x8001).unwrap();
        assert_eq!(bytes, message(is_v4, number, 0xfffe, 0x8001), "{number}");
    }
    for (is_v4, number) in [(true, 42), (true, 43), (false, 160), (false, 161)] {
        let mut bytes = message(is_v4, number, 1, 2);
        packet(&mut bytes).set_icmp_identifier(0xfffe).unwrap();
        assert!(packet(&mut bytes).set_icmp_sequence(1).is_err());
        assert_eq!(bytes, message(is_v4, number, 0xfffe, 2), "{number}");
    }
}

#[test]
fn all_other_messages_have_neither() {
    let queries: [&[u8]; 2] = [
        &[128, 129, 160, 161],
        &[0, 8, 13, 14, 15, 16, 17, 18, 42, 43],
    ];
    for is_v4 in [false, true] {
        for number in 0..=255 {
            if queries[usize::from(is_v4)].contains(&number) {
                continue;
            }
            let before = message(is_v4, number, 1, 2);
            let mut bytes = before.clone();
            let mut packet = packet(&mut bytes);
            assert!(packet.set_icmp_identifier(9).is_err(), "{number}");
            assert!(packet.set_icmp_sequence(9).is_err(), "{number}");
            assert_eq!(bytes, before);
        }
    }
}

#[test]
fn an_address_of_either_version_changes_below_any_query() {
    let mut bytes = message(false, 128, 1, 2);
    let to = IpAddr::from(SOURCE_V6);
    packet(&mut bytes).set_destination_address(to).unwrap();
    let view = IpPacket::parse(&bytes).unwrap();
    let Ok(wirecraft_ip_packets::Transport::Icmpv6(read)) = view.transport() else {
        panic!("not ICMPv6");
    };
    assert!(read.checksum_is_valid(&view.pseudo_header()));
}
