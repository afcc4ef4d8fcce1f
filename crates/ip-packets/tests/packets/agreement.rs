//! An expression and a builder that say the same make the same bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use wirecraft_ip_packets::{
    AuthenticationHeader, Defaults, Expression, ExpressionProblem, IcmpObject, IcmpObjectClass,
    Icmpv6Kind, IgmpKind, IpPacket, IpPacketMut, Ipv6Extension, Ipv6Option, Ipv6Options, MplsLabel,
    Protocol, RoutingHeader, RplRoute, Sequence, Transport, v4, v6,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::LOCALHOST;
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

const DEFAULTS: Defaults = Defaults {
    source_v4: SOURCE,
    destination_v4: DESTINATION,
    source_v6: SOURCE_V6,
    destination_v6: DESTINATION_V6,
};

fn built(text: &str) -> Vec<u8> {
    let expression: Expression = text.parse().unwrap();
    expression.build(&DEFAULTS).unwrap()
}

#[test]
fn an_sctp_checksum_is_the_number_that_views_read() {
    let text = built("ip()/sctp(sport=1,dport=2,chksum=0x01020304)");
    let builder = v4(SOURCE, DESTINATION).sctp(1, 2).checksum(0x0102_0304);
    assert_eq!(text, builder.build());
    let Ok(Transport::Sctp(packet)) = IpPacket::parse(&text).unwrap().transport() else {
        panic!("not SCTP");
    };
    assert_eq!(packet.checksum(), 0x0102_0304);
}

#[test]
fn gre_over_bytes_says_ipv4() {
    let builder = v4(SOURCE, DESTINATION).gre().payload(b"bytes");
    assert_eq!(built(r#"ip()/gre()/"bytes""#), builder.build());
}

#[test]
fn extensions_leave_the_word_alone_where_no_octet_of_it_is_a_length() {
    let labels = [MplsLabel {
        label: 16,
        traffic_class: 0,
        bottom: true,
        ttl: 1,
    }];
    let objects = [IcmpObject::MplsLabels(Sequence::new(&labels))];
    let redirect = v4(SOURCE, DESTINATION).icmp(5, 1).word([10, 9, 8, 7]);
    let text = built(r#"ip()/icmp(type=5,code=1,gw=10.9.8.7)/"quoted"/ext([mpls(16)])"#);
    let payload = redirect.payload(b"quoted");
    assert_eq!(text, payload.extensions(&objects).build());
    let too_big = v6(SOURCE_V6, DESTINATION_V6).icmp(2, 0).word([0, 0, 5, 0]);
    let text = built(r#"ip6()/icmp6(type=2,mtu=1280)/"quoted"/ext([mpls(16)])"#);
    let payload = too_big.payload(b"quoted");
    assert_eq!(text, payload.extensions(&objects).build());
    let expired = v4(SOURCE, DESTINATION).icmp(11, 0).payload(b"quoted");
    let text = built(r#"ip()/icmp(type=11)/"quoted"/ext([mpls(16)])"#);
    assert_eq!(text, expired.extensions(&objects).build());
}

#[test]
fn a_quote_too_long_for_its_octet_is_refused_unless_the_octet_is_given() {
    let refused = |text: &str| {
        let expression = text.parse::<Expression>();
        let error = expression.and_then(|it| it.build(&DEFAULTS)).unwrap_err();
        match error.problem() {
            ExpressionProblem::Build(error) => error,
            other => panic!("{other:?}"),
        }
    };
    let quote = [0; 1024];
    let objects = [IcmpObject::InterfaceIndex(7)];
    let four = v4(SOURCE, DESTINATION).icmp(11, 0).payload(&quote);
    let four = four.extensions_unlimited(&objects);
    let text = "ip()/icmp(type=11)/zeros(1024)/ext([ifindex(7)])";
    assert_eq!(Some(refused(text)), four.try_build().err());
    let six = v6(SOURCE_V6, DESTINATION_V6).icmp(1, 0);
    let long = [0; 2048];
    let six = six.payload(&long).extensions_unlimited(&objects);
    let text = "ip6()/icmp6(type=1)/zeros(2048)/ext([ifindex(7)])";
    assert_eq!(Some(refused(text)), six.try_build().err());
    let given = built("ip()/icmp(type=11,length=9)/zeros(1024)/ext([ifindex(7)])");
    assert_eq!(given, four.word([0, 9, 0, 0]).build());
    let given = built("ip()/icmp(type=11,word=0x00090000)/zeros(1024)/ext([ifindex(7)])");
    assert_eq!(given, four.word([0, 9, 0, 0]).build());
    let most = four.word([0; 4]).build().len() - 4;
    let whole = built("ip()/icmp(type=11)/zeros(1020)/ext([ifindex(7)])");
    assert_eq!((whole.len(), whole[25]), (most, 255));
}

#[test]
fn names_that_cannot_be_written_are_refused_in_expressions_too() {
    let long = "x".repeat(64);
    for text in [
        r#"ip6()/ra(options=[dnssl(60,["corp..example"])])"#.to_owned(),
        format!(r#"ip6()/ra(options=[dnssl(60,["{long}.example"])])"#),
        format!(r#"ip()/icmp(type=11)/ext([iface(name="{long}")])"#),
    ] {
        let expression = text.parse::<Expression>();
        let error = expression.and_then(|it| it.build(&DEFAULTS)).unwrap_err();
        let is_refused = matches!(error.problem(), ExpressionProblem::Build(_));
        assert!(is_refused, "{error}");
    }
}

#[test]
fn an_extension_checksum_of_zero_is_written_as_ones() {
    // All words of the structure add up to 0xffff.
    let data = [0xd6, 0xf7, 0, 0];
    let class = IcmpObjectClass::new(9);
    let objects = [IcmpObject::Unknown {
        class,
        kind: 0,
        data: &data,
    }];
    let builder = v4(SOURCE, DESTINATION).icmp(11, 0).payload(b"quoted");
    let text = built(r#"ip()/icmp(type=11)/"quoted"/ext([object(9,0,hex(d6f70000))])"#);
    assert_eq!(text, builder.extensions(&objects).build());
    assert_eq!(text[20 + 8 + 128 + 2..][..2], [0xff, 0xff]);
}

#[test]
fn routing_headers_are_laid_out_by_their_type() {
    let (first, last) = (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 7), DESTINATION_V6);
    let octets = [first.octets(), last.octets()];
    let ip = v6(SOURCE_V6, DESTINATION_V6);
    let cases = [
        (
            "type=0,addresses=[fd00::7,fd00::2]",
            RoutingHeader::Source {
                segments_left: 2,
                addresses: &octets,
            },
        ),
        (
            "type=2,addresses=[fd00::7]",
            RoutingHeader::Home {
                segments_left: 1,
                address: first,
            },
        ),
        (
            "type=3,addresses=[fd00::7,fd00::2]",
            RoutingHeader::Rpl(RplRoute::whole(2, &octets)),
        ),
        (
            "type=srh,addresses=[fd00::7,fd00::2]",
            RoutingHeader::Segments {
                segments_left: 1,
                last_entry: 1,
                flags: 0,
                tag: 0,
                segments: &octets,
                tlvs: &[],
            },
        ),
    ];
    for (text, header) in cases {
        let extensions = [Ipv6Extension::Routing(header)];
        let builder = ip.extensions(&extensions).udp(53, 53).build();
        assert_eq!(
            built(&format!("ip6()/routing({text})/udp()")),
            builder,
            "{text}"
        );
    }
}

#[test]
fn checksums_cover_the_home_address_of_the_sender() {
    let home = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 5);
    // It must stand 6 bytes behind a multiple of 8 in its header. RFC 6275 §6.3.
    let options = [Ipv6Option::PadN(2), Ipv6Option::HomeAddress(home)];
    let extensions = [Ipv6Extension::Destination(Ipv6Options::new(&options))];
    let packet = v6(SOURCE_V6, DESTINATION_V6)
        .extensions(&extensions)
        .udp(53, 53);
    let bytes = packet.build();
    assert_eq!(built("ip6()/dstopts([home(fd00::5)])/udp()"), bytes);
    let view = IpPacket::parse(&bytes).unwrap();
    assert!(view.udp().unwrap().checksum_is_valid(&view.pseudo_header()));
    let plain = v6(home, DESTINATION_V6).udp(53, 53).build();
    assert_eq!(bytes[bytes.len() - 8..], plain[plain.len() - 8..]);
    let mut moved = bytes.clone();
    let mut rewritten = IpPacketMut::parse(&mut moved).unwrap();
    rewritten.set_source_address(DESTINATION_V6.into()).unwrap();
    assert_eq!(moved[bytes.len() - 8..], bytes[bytes.len() - 8..]);
}

#[test]
fn an_authentication_header_stands_over_either_version() {
    let header = AuthenticationHeader {
        spi: 1,
        sequence: 2,
        icv: &[0; 12],
    };
    let udp = v4(SOURCE, DESTINATION).udp(53, 53).build();
    let builder = v4(SOURCE, DESTINATION).ah(header);
    let builder = builder.next_header(Protocol::UDP).payload(&udp[20..]);
    let bytes = built("ip()/ah(spi=1,seq=2)/udp()");
    assert_eq!(bytes, builder.build());
    let packet = IpPacket::parse(&bytes).unwrap();
    let Ok(Transport::Authenticated(read)) = packet.transport() else {
        panic!("not authenticated");
    };
    assert_eq!((read.header, read.protocol), (header, Protocol::UDP));
    assert_eq!(read.payload, &udp[20..]);
    let whole = v4(SOURCE, DESTINATION)
        .ah(header)
        .nest(v4(SOURCE, DESTINATION).udp(1, 2));
    assert_eq!(whole.build()[20], Protocol::IPV4.number());
}

#[test]
fn messages_about_multicast_routers_end_behind_the_checksum() {
    let bytes = built("ip()/igmp(type=0x31)");
    let builder = v4(SOURCE, DESTINATION).igmp(IgmpKind::RouterSolicitation);
    assert_eq!((bytes.len(), &bytes), (24, &builder.build()));
    let bytes = built("ip6()/icmp6(type=153)");
    let builder = v6(SOURCE_V6, DESTINATION_V6).icmpv6(Icmpv6Kind::MulticastRouterTermination);
    assert_eq!((bytes.len(), &bytes), (44, &builder.build()));
    let raw = v6(SOURCE_V6, DESTINATION_V6).icmp(153, 0).without_word();
    assert_eq!(raw.build(), bytes);
}

#[test]
fn options_by_number_may_be_named() {
    for (named, numbered) in [
        (
            "ip(options=[opt(security,hex(00))])",
            "ip(options=[opt(130,hex(00))])",
        ),
        (
            "ip()/tcp(options=[opt(mss,hex(05b4))])",
            "ip()/tcp(options=[opt(2,hex(05b4))])",
        ),
        (
            "ip6()/ra(options=[opt(card-request,hex(000102030405))])",
            "ip6()/ra(options=[opt(138,hex(000102030405))])",
        ),
    ] {
        assert_eq!(built(named), built(numbered), "{named}");
    }
}

#[test]
fn many_payloads_behind_each_other_are_put_together_in_their_order() {
    let texts: Vec<String> = (0..20_000_u32)
        .map(|at| format!("hex({:02x})", at % 251))
        .collect();
    let bytes = built(&format!("ip()/udp()/{}", texts.join("/")));
    let expected: Vec<u8> = (0..20_000_u32)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    assert_eq!(bytes[28..], expected);
    let mixed = built(r#"ip()/udp()/"a"/hex(62)/"c"/zeros(1)"#);
    assert_eq!(mixed[28..], *b"abc\0");
}
