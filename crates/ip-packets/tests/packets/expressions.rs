//! Packets from text.

use proptest::prelude::*;
use wirecraft_ip_packets::{
    Defaults, Expression, ExpressionError, ExpressionProblem, IcmpObject, Icmpv4Kind,
    Icmpv4Message, Icmpv6Message, IpPacket, Protocol, TcpFlags, TcpOption, Transport, v4, v6,
};

const DEFAULTS: Defaults = Defaults {
    source_v4: std::net::Ipv4Addr::new(10, 0, 0, 9),
    destination_v4: std::net::Ipv4Addr::new(10, 0, 0, 10),
    source_v6: std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9),
    destination_v6: std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 10),
};

fn parsed(text: &str) -> Expression {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn built(text: &str) -> Vec<u8> {
    parsed(text)
        .build(&DEFAULTS)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> ExpressionError {
    match text.parse::<Expression>() {
        Err(error) => error,
        Ok(expression) => panic!("taken: {expression}"),
    }
}

/// One of everything that there is, each as it is shown.
const EXPRESSIONS: &[&str] = &[
    r#"ip(dst=10.0.0.1,ttl=3,options=[rr(3)])/tcp(dport=80,flags=S,mss=1380)/"payload""#,
    r#"ip(src=10.0.0.1,dst=10.0.0.2,tos=0xb8,id=7,flags=MF,frag=185,proto=udp)/hex(00ff)"#,
    r#"ip(dscp=ef,ecn=ce)/udp(sport=1000,dport=53)/"a\n\"\\\x00b""#,
    r#"ip(len=99,ihl=6,chksum=0x1234,version=5)/udp(len=3,chksum=0)"#,
    r#"ip(options=[eol,nop,lsrr([10.0.0.3,10.0.0.4]),opt(200,"xy")])/icmp(type=echo-reply,id=1,seq=2)"#,
    r#"ip(options=[ssrr([10.0.0.3],8)])/icmp()"#,
    r#"ip(options=[ts(1,[10.0.0.3,5],9,2),ra(0)])/icmp(type=13,id=1,seq=2,ori=1,rx=2,tx=3)"#,
    r#"ip(options=[sec("123456789"),opt(3,"",1)])/"x""#,
    r#"ip()/icmp(type=3,code=3)/ip(src=10.0.0.2,dst=10.0.0.1)/udp(sport=1000,dport=53)"#,
    r#"ip()/icmp(type=3,code=4,mtu=1280)/ip()/tcp()"#,
    r#"ip()/icmp(type=redirect,gw=10.0.0.7)/ip()/udp()"#,
    r#"ip()/icmp(type=11)/ip()/udp()/ext([mpls(16000,5,1,3),object(2,1,hex(0a))])"#,
    r#"ip()/icmp(type=12,ptr=9)/zeros(28)"#,
    r#"ip()/ip(src=10.1.0.1,dst=10.1.0.2)/tcp(flags=SA,ack=1)"#,
    r#"ip()/ip6(src=fd00::1,dst=fd00::2)/udp()/repeat(10,0x61)"#,
    r#"ip()/gre(key=7,seq=9,chksum=auto)/ip()/udp()"#,
    r#"ip()/gre(proto=0x6558,version=1)/"x""#,
    r#"ip()/sctp(sport=1,dport=2,tag=3,chunks=[chunk(1,0,hex(0000000100002000000a000a00000001)),chunk(3,0,"abc",9)])"#,
    r#"ip()/udplite(sport=1,dport=2,cscov=8)/"not covered""#,
    r#"ip()/udplite()/"covered""#,
    r#"ip()/igmp(type=0x16,group=224.0.0.251)"#,
    r#"ip()/igmp(type=0x11,mrt=100,group=224.1.1.1,sources=[10.0.0.1])"#,
    r#"ip()/igmp3r([record(4,224.0.0.251),record(1,232.1.1.1,[10.0.0.1,10.0.0.2],"ab")])"#,
    r#"ip()/ah(spi=1,seq=2)/udp()"#,
    r#"ip()/esp(spi=1,seq=2)/hex(0011223344556677)"#,
    r#"ip6(dst=fd00::1,hlim=3,tc=2,fl=0xabcde)/tcp(flags=SAFRPUECN,seq=1,ack=2,window=9,urgptr=7,reserved=5)"#,
    r#"ip6(plen=7,nh=udp,version=4)/udp()"#,
    r#"ip6()/tcp(options=[mss(1380),nop,wscale(7),sackok(),ts(1,2),sack([1,2,3,4])])"#,
    r#"ip6()/tcp(options=[md5(zeros(16)),ao(1,2,hex(00112233445566778899aabb))])"#,
    r#"ip6()/tcp(options=[uto(30,1),tfo(hex(0011223344556677)),mptcp(0,hex(01010011223344556677)),eol])"#,
    r#"ip6()/tcp(options=[accecn0(1,2,3),accecn1(1),exp(254,0xf989,"ab"),opt(99,"z",7)],dataofs=15,chksum=1)"#,
    r#"ip6()/tcp(mss=1220,sackok=1,ts=[5,6],wscale=7)"#,
    r#"ip6()/frag(offset=10,m=1,id=9)/"body""#,
    r#"ip6()/frag(m=1,id=9)/udp()/"body""#,
    r#"ip6()/hbh([ra(0),jumbo(70000)])/dstopts([home(fd00::5),padn(4),pad1,opt(0x1e,"x")])/udp()"#,
    r#"ip6()/routing(type=2,segleft=1,addresses=[fd00::7])/udp()"#,
    r#"ip6()/routing(type=3,data=hex(00000000))/udp()"#,
    r#"ip6()/srh([fd00::7,fd00::8],tag=5)/tcp()"#,
    r#"ip6()/icmp6(type=128,id=1,seq=2)/"ping""#,
    r#"ip6()/icmp6(type=packet-too-big,mtu=1280)/ip6()/udp()"#,
    r#"ip6()/icmp6(type=4,code=1,ptr=6)/ip6()/udp()"#,
    r#"ip6()/icmp6(type=1,code=4)/ip6()/udp()/ext([mpls(16)])"#,
    r#"ip6(hlim=255)/rs([slla(02:00:00:00:00:01)])"#,
    r#"ip6(hlim=255)/ra(hlim=64,flags=MO,lifetime=1800,options=[prefix(fd00::,64,100,50,LA),mtu(1420),rdnss(60,[fd00::53]),dnssl(60,hex(016100)),route(fd01::,48,60,1)])"#,
    r#"ip6(hlim=255)/ns(fd00::1,[slla(02:00:00:00:00:01),nonce("123456")])"#,
    r#"ip6(hlim=255)/na(target=fd00::1,flags=RSO,options=[tlla(02:00:00:00:00:01),opt(200,"123456")])"#,
    r#"ip6(hlim=255)/redirect(target=fd00::1,dst=fd00::2,options=[quoted("12345678")])"#,
    r#"ip6(hlim=255)/ra(options=[dnssl(60,["example.org","lan"]),captive("https://example.org"),pref64(64:ff9b::,600,0)])"#,
    r#"ip6()/icmp6(type=3)/ip6()/udp()/ext([iface(2,7,10.0.0.1,"eth0",1500),iface(index=1,address=fd00::1)])"#,
    r#"ip()/icmp(type=42,id=1)/ext([ifname("eth0")])"#,
    r#"ip6()/icmp6(type=160)/ext([ifindex(7),ifaddr(fd00::1)])"#,
    r#"ip()/icmp(type=18,mask=255.255.255.0)"#,
    r#"ip6(hlim=1)/icmp6(type=152)"#,
    r#"ip(ttl=1)/igmp(type=0x32)"#,
    r#"ip6()/routing(type=srh,addresses=[fd00::7,fd00::8])/udp()"#,
    r#"ip6(hlim=1)/hbh([ra(0)])/mldq(delay=1000)"#,
    r#"ip6(hlim=1)/hbh([ra(0)])/mldq(group=ff02::fb,delay=1000,flags=2,qqic=125,sources=[fd00::1])"#,
    r#"ip6(hlim=1)/hbh([ra(0)])/mldr(ff02::fb)"#,
    r#"ip6(hlim=1)/hbh([ra(0)])/mldd(ff02::fb)"#,
    r#"ip6(hlim=1)/hbh([ra(0)])/mld2r([record(4,ff02::fb),record(1,ff3e::1,[fd00::1])])"#,
];

#[test]
fn every_layer_and_option_is_reached_and_shown_as_it_was_written() {
    for text in EXPRESSIONS {
        let expression = parsed(text);
        assert_eq!(expression.to_string(), *text);
        assert_eq!(parsed(&expression.to_string()), expression);
        assert!(!expression.build(&DEFAULTS).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn the_builders_build_the_same() {
    let (near, far) = ([10, 0, 0, 9].into(), [10, 0, 0, 1].into());
    let ours = built(r#"ip(dst=10.0.0.1,ttl=3)/tcp(sport=40000,dport=80,seq=7,mss=1380)/"hi""#);
    let theirs = v4(near, far)
        .ttl(3)
        .tcp(40_000, 80)
        .seq(7)
        .syn()
        .mss(1380)
        .payload(b"hi");
    assert_eq!(ours, theirs.build());
    let ours = built(r#"ip6(hlim=9,fl=5)/icmp6(id=1,seq=2)/"ping""#);
    let theirs = v6(DEFAULTS.source_v6, DEFAULTS.destination_v6)
        .hop_limit(9)
        .flow_label(5)
        .icmp_echo_request(1, 2)
        .payload(b"ping");
    assert_eq!(ours, theirs.build());
}

#[test]
fn addresses_left_out_are_the_callers() {
    let packet = built("ip6()/udp()");
    let packet = IpPacket::parse(&packet).unwrap();
    assert_eq!(packet.source(), DEFAULTS.source_v6);
    assert_eq!(packet.destination(), DEFAULTS.destination_v6);
    let expression = parsed("ip(dst=10.0.0.1)/ip6(src=fd00::1)");
    assert_eq!(expression.destination(), Some([10, 0, 0, 1].into()));
    assert_eq!(expression.source(), None);
}

#[test]
fn checksums_are_right_where_nothing_else_is_said() {
    for text in EXPRESSIONS {
        let bytes = built(text);
        let Ok(packet) = IpPacket::parse(&bytes) else {
            continue;
        };
        let pseudo_header = packet.pseudo_header();
        let is_valid = match packet.transport() {
            Ok(Transport::Tcp(segment)) => segment.checksum_is_valid(&pseudo_header),
            Ok(Transport::Udp(datagram)) => datagram.checksum_is_valid(&pseudo_header),
            Ok(Transport::Icmpv4(message)) => message.checksum_is_valid(),
            Ok(Transport::Icmpv6(message)) => message.checksum_is_valid(&pseudo_header),
            _ => continue,
        };
        assert_eq!(is_valid, !text.contains("chksum=1"), "{text}");
    }
}

#[test]
fn tcp_options_read_back_as_what_they_were_called() {
    let bytes = built("ip()/tcp(flags=SA,options=[mss(1380),nop,wscale(7),sackok,ts(1,2)])");
    let packet = IpPacket::parse(&bytes).unwrap();
    let segment = packet.tcp().unwrap();
    assert_eq!(segment.flags(), TcpFlags::SYN | TcpFlags::ACK);
    let options: Vec<_> = segment.options().map(Result::unwrap).collect();
    let expected = [
        TcpOption::Mss(1380),
        TcpOption::Nop,
        TcpOption::WindowScale(7),
        TcpOption::SackPermitted,
        TcpOption::Timestamps { value: 1, echo: 2 },
    ];
    assert_eq!(options, expected);
}

#[test]
fn an_error_quotes_the_packet_behind_it() {
    let bytes = built("ip()/icmp(type=3,code=4,mtu=1280)/ip(dst=10.9.9.9)/udp(sport=7,dport=9)");
    let packet = IpPacket::parse(&bytes).unwrap();
    let message = Icmpv4Message::parse(packet.payload()).unwrap();
    let quoted = message.quoted_packet().unwrap();
    assert_eq!(quoted.destination(), std::net::IpAddr::from([10, 9, 9, 9]));
    assert_eq!(quoted.ports().map(|ports| ports.destination), Some(9));
}

#[test]
fn an_extension_stands_behind_128_bytes_of_quote() {
    let bytes = built("ip()/icmp(type=11)/ip()/udp()/ext([mpls(16000)])");
    assert_eq!(bytes.len(), 20 + 8 + 128 + 4 + 8);
    assert_eq!(bytes[20 + 5], 32);
    assert_eq!(bytes[20 + 8 + 128], 0x20);
}

#[test]
fn an_extension_belongs_to_the_innermost_message_that_can_have_it() {
    let bytes = built("ip()/icmp(type=11)/ip()/icmp(type=8)/ext([mpls(16000)])");
    let packet = IpPacket::parse(&bytes).unwrap();
    let error = Icmpv4Message::parse(packet.payload()).unwrap();
    assert_eq!(bytes.len(), 20 + 8 + 128 + 4 + 8);
    assert_eq!(error.word()[1], 32);
    assert_eq!(error.extensions().unwrap().unwrap().objects().len(), 1);
    let bytes = built("ip6()/icmp6(type=3)/ip6()/icmp6(type=128)/ext([mpls(16000)])");
    let error = Icmpv6Message::parse(&bytes[40..]).unwrap();
    assert_eq!(error.extensions().unwrap().unwrap().objects().len(), 1);
    let both = "ip()/icmp(type=11)/ip()/icmp(type=3)/ip()/udp()/ext([mpls(1)])/ext([mpls(2)])";
    let bytes = built(both);
    let outer = Icmpv4Message::parse(&bytes[20..]).unwrap();
    let label = |message: Icmpv4Message<'_>| {
        let objects = message.extensions().unwrap().unwrap().objects();
        match objects.iter().next() {
            Some(IcmpObject::MplsLabels(labels)) => labels.iter().next().unwrap().label,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(label(outer), 2);
    let inner = IpPacket::parse_lenient(outer.kind().quoted().unwrap()).unwrap();
    assert_eq!(
        label(Icmpv4Message::parse(inner.read.payload()).unwrap()),
        1
    );
}

#[test]
fn options_stand_where_they_must() {
    let bytes = built("ip6()/dstopts([home(fd00::5)])/udp()");
    assert_eq!(bytes[40..48], [17, 2, 1, 2, 0, 0, 0xc9, 16]);
    let bytes = built("ip6()/hbh([pad1,jumbo(70000)])/udp()");
    assert_eq!(bytes[40..48], [17, 1, 0, 1, 1, 0, 0xc2, 4]);
}

#[test]
fn two_routes_and_the_checksum_agree() {
    let text =
        "ip6()/routing(type=0,addresses=[fd00::7])/routing(type=0,addresses=[fd00::8])/udp()";
    let bytes = built(text);
    let packet = IpPacket::parse(&bytes).unwrap();
    let datagram = packet.udp().unwrap();
    assert!(datagram.checksum_is_valid(&packet.pseudo_header()));
}

#[test]
fn an_extended_echo_asks_about_an_interface() {
    for (text, object) in [
        ("ifname(\"eth0\")", IcmpObject::InterfaceName(b"eth0")),
        ("ifindex(7)", IcmpObject::InterfaceIndex(7)),
        (
            "ifaddr(10.0.0.1)",
            IcmpObject::InterfaceAddress([10, 0, 0, 1].into()),
        ),
    ] {
        let bytes = built(&format!("ip()/icmp(type=42,word=0x00010201)/ext([{text}])"));
        let message = Icmpv4Message::parse(&bytes[20..]).unwrap();
        let Icmpv4Kind::ExtendedEchoRequest(request) = message.kind() else {
            panic!("this is {:?}", message.kind());
        };
        assert_eq!((request.identifier, request.sequence), (1, 2));
        assert!(request.local);
        assert!(request.objects.iter().eq([object]));
    }
}

#[test]
fn times_and_masks_stand_at_their_places_where_others_are_left_out() {
    let times = |text: &str| match Icmpv4Message::parse(&built(text)[20..]).unwrap().kind() {
        Icmpv4Kind::TimestampRequest(it) => [it.originate, it.receive, it.transmit],
        other => panic!("this is {other:?}"),
    };
    assert_eq!(times("ip()/icmp(type=13,rx=5)"), [0, 5, 0]);
    assert_eq!(times("ip()/icmp(type=13,tx=5)"), [0, 0, 5]);
    assert_eq!(times("ip()/icmp(type=13)"), [0; 3]);
    assert_eq!(
        times("ip()/icmp(type=13)/hex(000000010000000200000003)"),
        [1, 2, 3]
    );
    let mask = |text: &str| match Icmpv4Message::parse(&built(text)[20..]).unwrap().kind() {
        Icmpv4Kind::AddressMaskReply(it) => it.mask.octets(),
        other => panic!("this is {other:?}"),
    };
    assert_eq!(
        mask("ip()/icmp(type=18,mask=255.255.0.0)"),
        [255, 255, 0, 0]
    );
    assert_eq!(mask("ip()/icmp(type=18)"), [0; 4]);
}

#[test]
fn headers_of_ipv6_say_what_follows() {
    let bytes = built("ip6()/hbh([ra(0)])/frag(id=7)/dstopts()/udp(dport=53)");
    let IpPacket::V6(packet) = IpPacket::parse(&bytes).unwrap() else {
        panic!("this is version 6");
    };
    let chain: Vec<Protocol> = packet
        .extension_headers()
        .map(|header| header.protocol)
        .collect();
    let expected = [
        Protocol::HOP_BY_HOP_OPTIONS,
        Protocol::FRAGMENT,
        Protocol::DESTINATION_OPTIONS,
    ];
    assert_eq!(chain, expected);
    assert_eq!(packet.protocol(), Protocol::UDP);
}

#[test]
fn a_solicitation_is_one() {
    let bytes = built("ip6(hlim=255)/ns(fd00::1,[slla(02:00:00:00:00:01)])");
    let message = Icmpv6Message::parse(&bytes[40..]).unwrap();
    assert_eq!(message.message_type().number(), 135);
    assert_eq!(bytes.len(), 40 + 24 + 8);
    assert_eq!(bytes[64..], [1, 1, 2, 0, 0, 0, 0, 1]);
}

#[test]
fn case_and_space_do_not_matter() {
    let one = parsed("IP( dst = 10.0.0.1 ) / TCP(\n dport=80 , flags=S )");
    assert_eq!(one, parsed("ip(dst=10.0.0.1)/tcp(dport=80,flags=S)"));
    assert_eq!(parsed("ip/udp"), parsed("ip()/udp()"));
}

#[test]
fn errors_point_at_the_column() {
    let cases = [
        ("", 1, "expected a layer"),
        ("ip(dst=10.0.0.1", 16, "expected `,` or `)`"),
        ("ip()tcp()", 5, "expected `/` or the end"),
        ("ip()/bogus()", 6, "unknown name, expected one of: ip, ip6"),
        (
            "ip(colour=1)",
            4,
            "unknown field, expected one of: src, dst",
        ),
        ("ip(dst=10.0.0)", 8, "expected an IPv4 address"),
        ("ip(ttl=256)", 8, "expected a number from 0 to 255"),
        ("ip(ttl=1,ttl=2)", 10, "the field is set twice"),
        ("ip()/tcp(flags=SX)", 16, "expected flags"),
        (
            "ip()/tcp(options=[bogus])",
            19,
            "unknown name, expected one of: eol",
        ),
        ("ip()/tcp(options=[mss])", 19, "the field mss is missing"),
        ("ip()/\"text", 11, "expected a closing `\"`"),
        ("ip()/\"a\\q\"", 8, "expected one of \\n"),
        ("ip()/hex(0)", 11, "expected another hexadecimal digit"),
        ("ip()/hex(0g)", 11, "expected hexadecimal digits or `)`"),
        ("ip()/zeros(70000)", 12, "expected a number from 0 to 65535"),
        ("ip()/zeros(1,2)", 14, "too many values, 1 at most"),
        ("ip(options=[opt(9,zeros(60))])", 1, "room for 40 bytes"),
        (
            "ip()/zeros(65530)",
            1,
            "cannot say that it is 65550 bytes long",
        ),
        ("ip()\n/tcp(seq=x)", 10, "expected a number"),
        ("ip(src=[[[[[[[[[1]]]]]]]]])", 16, "nested too deep"),
        ("ip6()/icmp6(type=1,gw=10.0.0.1)", 20, "unknown field"),
        ("ip6()/icmp6(type=13,ori=1)", 21, "unknown field"),
        ("ip6()/icmp6(mtu=1280,ptr=7)", 26, "set twice"),
        ("ip()/icmp(type=3,code=4,mtu=70000)", 29, "from 0 to 65535"),
        ("ip6()/hbh([padn(1)])", 17, "at least 2"),
        ("ip6()/hbh([padn(258)])", 17, "from 0 to 257"),
        ("ip6()/rs([dnssl(60,[hex(00)])])", 21, "a domain"),
        ("ip()/tcp(ts=[1,2,3])", 13, "[value, echo]"),
        (
            "ip(options=[rr([10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1,10.0.0.1])])",
            16,
            "at most 9",
        ),
    ];
    for (text, column, start) in cases {
        let error = refused(text);
        assert!(
            error.problem().to_string().contains(start),
            "{text}: {error}"
        );
        assert_eq!(error.column(), column, "{error}");
    }
}

#[test]
fn an_extension_that_no_message_takes_is_refused_where_it_stands() {
    let cases = [
        ("ip()/udp()/ext([mpls(16)])", 12),
        ("ip()/icmp(type=8)/ext()", 19),
        (
            "ip()/icmp(type=11)/ip()/udp()/ext([mpls(16)])/ext([mpls(17)])",
            47,
        ),
    ];
    for (text, column) in cases {
        let error = refused(text);
        assert_eq!(error.problem(), ExpressionProblem::NoSuchError);
        assert_eq!(error.column(), column, "{error}");
    }
}

#[test]
fn an_error_is_shown_with_its_line_and_a_caret() {
    let error = refused("ip()\n/tcp(dport=70000)");
    assert_eq!(
        error.problem(),
        ExpressionProblem::TooGreat { most: 65_535 }
    );
    let expected =
        "expected a number from 0 to 65535 (column 12)\n  /tcp(dport=70000)\n             ^";
    assert_eq!(error.to_string(), expected);
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|number| number.to_string()),
        any::<u16>().prop_map(|number| format!("{number:#x}")),
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
        "[a-zA-Z]{1,4}",
        "\"[ -!#-\\[\\]-~]{0,8}\"",
        Just("[nop,mss(5)]".to_owned()),
        Just("hex(00 ff)".to_owned()),
    ]
}

/// Layers with fields, right and wrong.
fn text() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "ip", "ip6", "tcp", "udp", "icmp", "icmp6", "frag", "hbh", "gre", "ns", "IP", "hex",
    ]);
    let field = prop::sample::select(vec![
        "src", "dst", "ttl", "id", "flags", "options", "type", "seq", "dport", "target",
    ]);
    let argument = (field, value()).prop_map(|(field, value)| format!("{field} = {value}"));
    let arguments = prop::collection::vec(argument, 0..3);
    let layer = (name, arguments).prop_map(|(name, it)| format!("{name}({})", it.join(" , ")));
    prop::collection::vec(layer, 1..4).prop_map(|layers| layers.join(" / "))
}

#[test]
fn lists_that_make_more_than_a_packet_are_refused_at_the_element_too_much() {
    let lists = [
        ("ip(options=[", "zeros(65535)"),
        ("ip6()/hbh(options=[", "opt(1,zeros(255))"),
        ("ip()/tcp(options=[", "repeat(65535,1)"),
        ("ip6()/ra(options=[", "nonce(zeros(2000))"),
        ("ip()/sctp(chunks=[", "chunk(1,0,zeros(65000))"),
        ("ip()/icmp(type=11)/ext([", "object(1,1,zeros(65000))"),
        ("ip()/igmp3r([", "record(4,224.0.0.1,aux=zeros(1000))"),
        ("ip6()/mld2r([", "record(4,ff02::1,aux=zeros(1000))"),
    ];
    for (start, element) in lists {
        let text = format!("{start}{}])", [element; 1000].join(","));
        let error = refused(&text);
        assert!(
            matches!(error.problem(), ExpressionProblem::TooLong { .. }),
            "{error}"
        );
        let before = error.column() - 1 - start.len();
        assert_eq!(
            before % (element.len() + 1),
            0,
            "{start}: {}",
            error.column()
        );
        assert!(
            before / (element.len() + 1) <= 0x2_0000 / 257,
            "{start}: {before}"
        );
    }
}

#[test]
fn a_text_longer_than_any_packet_needs_is_refused_unread() {
    let bytes = "\\x00".repeat(65_000);
    assert!(format!("\"{bytes}\"").parse::<Expression>().is_ok());
    let error = refused(&"é".repeat(0x4_0001));
    assert!(matches!(
        error.problem(),
        ExpressionProblem::TextTooLong { .. }
    ));
    assert_eq!(error.to_string().lines().count(), 3);
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn a_name_without_brackets_says_the_same_as_one_with_none_between() {
    for (bare, called) in [
        ("hex", "hex()"),
        ("ip()/hex", "ip()/HEX ( )"),
        ("ip", "ip()"),
    ] {
        let expression = parsed(bare);
        assert_eq!(expression, parsed(called), "{bare}");
        assert_eq!(expression, parsed(&expression.to_string()), "{bare}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_parses_is_shown_so_that_it_parses_to_the_same(text in text()) {
        if let Ok(expression) = text.parse::<Expression>() {
            let shown = expression.to_string();
            let again = parsed(&shown);
            prop_assert_eq!(&again, &expression);
            prop_assert_eq!(again.to_string(), shown);
            prop_assert_eq!(again.build(&DEFAULTS), expression.build(&DEFAULTS));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[ipt6cudhex()\\[\\],=/\"\\\\0-9a-z. :é]{0,60}") {
        let _ = text.parse::<Expression>().map_err(|error| error.to_string());
    }

    #[test]
    fn expressions_cut_anywhere_are_refused_at_a_column_of_theirs(
        index in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = EXPRESSIONS[index.index(EXPRESSIONS.len())];
        let cut = &text[..cut.index(text.len())];
        if let Err(error) = cut.parse::<Expression>() {
            prop_assert!(error.column() <= cut.len() + 1, "{}", error);
        }
    }
}
