//! Packets as text, compared by hand with what `tcpdump -nn -S` 4.99 prints of the same bytes.

use wirecraft_ip_packets::{Hexdump, IpPacket, Protocol, SackBlock, v4, v6};

use crate::strategies::{damaged, spec};
use proptest::prelude::*;

fn line(bytes: &[u8]) -> String {
    IpPacket::parse(bytes).unwrap().to_string()
}

fn four() -> wirecraft_ip_packets::Ipv4Builder<'static> {
    v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
}

fn six() -> wirecraft_ip_packets::Ipv6Builder<'static> {
    v6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap())
}

#[test]
fn tcp_is_shown_with_flags_and_options() {
    let syn = four()
        .tcp(40_000, 443)
        .seq(7)
        .syn()
        .mss(1380)
        .sack_permitted()
        .timestamps(9, 0)
        .nop()
        .window_scale(7)
        .build();
    assert_eq!(
        line(&syn),
        "IP 10.0.0.1.40000 > 10.0.0.2.443: Flags [S], seq 7, win 65535, \
         options [mss 1380,sackOK,TS val 9 ecr 0,nop,wscale 7], length 0"
    );
    let data = six()
        .tcp(40_000, 443)
        .seq(7)
        .ack(9)
        .psh()
        .payload(b"hello")
        .build();
    assert_eq!(
        line(&data),
        "IP6 fd00::1.40000 > fd00::2.443: Flags [P.], seq 7:12, ack 9, win 65535, length 5"
    );
    let blocks = [
        SackBlock { left: 1, right: 2 },
        SackBlock { left: 5, right: 9 },
    ];
    let ack = four()
        .tcp(1, 2)
        .ack(9)
        .nop()
        .nop()
        .sack(&blocks)
        .urg(3)
        .build();
    assert_eq!(
        line(&ack),
        "IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.U], ack 9, win 65535, urg 3, \
         options [nop,nop,sack 2 {1:2}{5:9}], length 0"
    );
    assert!(line(&four().tcp(1, 2).build()).contains("Flags [none], win"));
}

#[test]
fn datagrams_and_echoes_are_shown() {
    let datagram = four().udp(40_000, 40_001).payload(b"hi").build();
    assert_eq!(
        line(&datagram),
        "IP 10.0.0.1.40000 > 10.0.0.2.40001: UDP, length 2"
    );
    let echo = four().icmp_echo_request(1, 2).payload(b"ping").build();
    assert_eq!(
        line(&echo),
        "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 12"
    );
    let reply = six().icmp_echo_reply(1, 2).build();
    assert_eq!(
        line(&reply),
        "IP6 fd00::1 > fd00::2: ICMP6, echo reply, id 1, seq 2, length 8"
    );
}

#[test]
fn errors_say_which_packet_they_are_about() {
    let quoted = four().udp(1000, 33_434).build();
    let cases = [
        (
            four().icmp_port_unreachable(&quoted).build(),
            "ICMP 10.0.0.2 udp port 33434 unreachable, length 36",
        ),
        (
            four().icmp_packet_too_big(1280, &quoted).build(),
            "ICMP 10.0.0.2 unreachable - need to frag (mtu 1280), length 36",
        ),
        (
            four().icmp_time_exceeded(&quoted).build(),
            "ICMP time exceeded in-transit, length 36",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(line(&bytes), format!("IP 10.0.0.1 > 10.0.0.2: {expected}"));
    }
    let quoted = six().udp(1000, 33_434).build();
    let bytes = six().icmp_packet_too_big(1280, &quoted).build();
    let expected = "IP6 fd00::1 > fd00::2: ICMP6, packet too big, mtu 1280, length 56";
    assert_eq!(line(&bytes), expected);
}

#[test]
fn codes_of_errors_are_told_apart_as_tcpdump_does() {
    let quoted = four().udp(1000, 53).build();
    let cases = [
        (5, 0, [10, 0, 0, 9], "redirect 10.0.0.2 to net 10.0.0.9"),
        (5, 1, [10, 0, 0, 9], "redirect 10.0.0.2 to host 10.0.0.9"),
        (5, 2, [10, 0, 0, 9], "redirect-tos 10.0.0.2 to net 10.0.0.9"),
        (
            5,
            3,
            [10, 0, 0, 9],
            "redirect-tos 10.0.0.2 to host 10.0.0.9",
        ),
        (5, 4, [10, 0, 0, 9], "redirect-#4 10.0.0.2 to 10.0.0.9"),
        (11, 1, [0; 4], "ip reassembly time exceeded"),
        (11, 2, [0; 4], "time exceeded-#2"),
        (12, 0, [9, 0, 0, 0], "parameter problem - octet 9"),
        (12, 2, [9, 0, 0, 0], "parameter problem - code 2"),
        (3, 5, [0; 4], "10.0.0.2 unreachable - source route failed"),
        (3, 6, [0; 4], "net 10.0.0.2 unreachable - unknown"),
        (3, 9, [0; 4], "net 10.0.0.2 unreachable - admin prohibited"),
        (3, 12, [0; 4], "host 10.0.0.2 unreachable - tos prohibited"),
        (
            3,
            13,
            [0; 4],
            "host 10.0.0.2 unreachable - admin prohibited filter",
        ),
        (3, 16, [0; 4], "10.0.0.2 unreachable - #16"),
    ];
    for (kind, code, word, expected) in cases {
        let bytes = four().icmp(kind, code).word(word).payload(&quoted).build();
        let expected = format!("IP 10.0.0.1 > 10.0.0.2: ICMP {expected}, length 36");
        assert_eq!(line(&bytes), expected);
    }
    let quoted = six().udp(1000, 53).build();
    let cases = [
        (1, 0, "destination unreachable, unreachable route fd00::2"),
        (
            1,
            2,
            "destination unreachable, beyond scope fd00::2, source address fd00::1",
        ),
        (1, 3, "destination unreachable, unreachable address fd00::2"),
        (
            1,
            4,
            "destination unreachable, unreachable port, fd00::2 udp port 53",
        ),
        (3, 0, "time exceeded in-transit for fd00::2"),
        (3, 1, "time exceeded in-transit (reassembly)"),
        (3, 2, "time exceeded in-transit, unknown code (2)"),
        (4, 1, "parameter problem, next header - octet 6"),
        (4, 3, "parameter problem, incomplete header chain - octet 6"),
    ];
    for (kind, code, expected) in cases {
        let message = six().icmp(kind, code);
        let pointer = if kind == 4 { 6 } else { 0 };
        let bytes = message.word([0, 0, 0, pointer]).payload(&quoted).build();
        let expected = format!("IP6 fd00::1 > fd00::2: ICMP6, {expected}, length 56");
        assert_eq!(line(&bytes), expected);
    }
}

#[test]
fn queries_of_icmp_are_shown_with_their_numbers() {
    let times = [1_u32, 3_600_000, 7_325_004].map(u32::to_be_bytes).concat();
    let routers = [10, 0, 0, 5, 0, 0, 0, 7].repeat(2);
    let cases: [(u8, [u8; 4], &[u8], &str); 5] = [
        (13, [0, 1, 0, 2], &[0; 12], "time stamp query id 1 seq 2"),
        (
            14,
            [0, 1, 0, 2],
            &times,
            "time stamp reply id 1 seq 2: org 00:00:00.001, recv 01:00:00.000, \
             xmit 02:02:05.004",
        ),
        (
            18,
            [0, 1, 0, 2],
            &[255, 255, 255, 0],
            "address mask is 0xffffff00",
        ),
        (
            9,
            [2, 2, 28, 157],
            &routers,
            "router advertisement lifetime 2:02:05 2: {10.0.0.5 7} {10.0.0.5 7}",
        ),
        (15, [0, 1, 0, 2], &[], "information request"),
    ];
    for (kind, word, body, expected) in cases {
        let bytes = four().icmp(kind, 0).word(word).payload(body).build();
        let len = 8 + body.len();
        let expected = format!("IP 10.0.0.1 > 10.0.0.2: ICMP {expected}, length {len}");
        assert_eq!(line(&bytes), expected);
    }
}

#[test]
fn packets_in_packets_are_shown_one_behind_the_other() {
    let inner = six().udp(1, 2).build();
    let bytes = four().bare(Protocol::IPV6).payload(&inner).build();
    let expected = "IP 10.0.0.1 > 10.0.0.2: IP6 fd00::1.1 > fd00::2.2: UDP, length 0";
    assert_eq!(line(&bytes), expected);
}

#[test]
fn packets_in_packets_without_end_are_given_up() {
    let mut bytes = four().udp(1, 2).build();
    for _ in 0..1000 {
        bytes = four().bare(Protocol::IPV4).payload(&bytes).build();
    }
    assert!(line(&bytes).len() < 300);
    assert!(format!("{:#}", IpPacket::parse(&bytes).unwrap()).len() < 200_000);
}

#[test]
fn the_long_form_has_every_field_on_its_line() {
    let bytes = four()
        .ttl(3)
        .tcp(40_000, 443)
        .seq(7)
        .syn()
        .mss(1380)
        .payload(b"hi")
        .build();
    let text = format!("{:#}", IpPacket::parse(&bytes).unwrap());
    let expected = "\
IPv4
  source: 10.0.0.1
  destination: 10.0.0.2
  header length: 20
  dscp: CS0
  ecn: 0
  total length: 46
  identification: 0x0000
  flags: DF
  fragment offset: 0
  ttl: 3
  protocol: 6 (TCP)
";
    assert!(text.starts_with(expected), "{text}");
    for line in [
        "\nTCP\n  source port: 40000\n",
        "  sequence number: 7\n",
        "  flags: SYN\n",
        " (right)\n  urgent pointer: 0\n  option: maximum segment size, 1380 bytes\n  payload: 2 bytes\n",
        "    0000  68 69                                             hi",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

fn long(text: &str) -> String {
    let expression: wirecraft_ip_packets::Expression = text.parse().unwrap();
    let bytes = expression.build(&wirecraft_ip_packets::Defaults::default());
    format!("{:#}", IpPacket::parse(&bytes.unwrap()).unwrap())
}

#[test]
fn the_long_form_has_every_option_and_field_of_a_message() {
    let cases = [
        (
            "ip(options=[rr([10.0.0.3,0.0.0.0],8),ra(0),ts(1,[10.0.0.3,5],13)])/udp()",
            "\n  option: record route, pointer 8, addresses 10.0.0.3 0.0.0.0\n  option: router alert, value 0\n  option: timestamp, pointer 13, overflow 0, times 10.0.0.3@5\n  end of options: 00",
        ),
        (
            "ip6()/hbh([ra(0),jumbo(70000)])/dstopts([home(fd00::5)])/udp()",
            "\n  option: router alert, value 0\n  option: jumbo payload, 70000 bytes\n  option: PadN, 4 bytes",
        ),
        (
            "ip6()/srh([fd00::7,fd00::8],tag=5)/udp()",
            "\n  type: 4 (segment routing)\n  segments left: 1\n  route: last entry 1, flags 0x00, tag 0x0005, segments fd00::7 fd00::8",
        ),
        (
            "ip6()/ra(options=[slla(02:00:00:00:00:01),prefix(fd00::,64,100,50),rdnss(60,[fd00::53])])",
            "\n  lifetime: 1800\n  reachable time: 0\n  retransmit timer: 0\n  option: source link-layer address, 02:00:00:00:00:01\n  option: prefix information, fd00::/64, flags 0xc0, valid 100 s, preferred 50 s\n  option: recursive DNS server, lifetime 60 s, servers fd00::53",
        ),
        (
            "ip6()/mld2r([record(4,ff02::fb),record(1,ff3e::1,[fd00::1])])",
            "\n  record: change to exclude mode, ff02::fb, sources -\n  record: mode is include, ff3e::1, sources fd00::1",
        ),
        (
            "ip()/igmp(type=0x11,mrt=100,group=224.1.1.1,sources=[10.0.0.1])",
            "\n  group: 224.1.1.1\n  suppress: false\n  robustness: 2\n  query interval: 0 s\n  sources: 10.0.0.1",
        ),
        (
            "ip()/udplite(sport=1,dport=2,cscov=8)/\"x\"",
            "UDP-Lite\n  source port: 1\n  destination port: 2\n  checksum coverage: 8\n",
        ),
        (
            "ip()/icmp(type=13,id=1,seq=2,ori=3,rx=4,tx=5)",
            "\n  identifier: 1\n  sequence: 2\n  originate: 3\n  receive: 4\n  transmit: 5",
        ),
        (
            "ip()/icmp(type=11)/ip()/udp()/ext([mpls(16,0,1,9)])",
            "\n  extension object: MPLS label stack, label 16, traffic class 0, bottom, ttl 9",
        ),
        (
            "ip()/ah(spi=1,seq=2)/udp()",
            "AH\n  next header: 17 (UDP)\n  spi: 0x00000001\n  sequence number: 2\n  icv: 000000000000000000000000\n",
        ),
    ];
    for (text, expected) in cases {
        let shown = long(text);
        assert!(shown.contains(expected), "{expected}\nis not in\n{shown}");
    }
}

/// Options of TCP that are rare: as `tcpdump -nn` 4.99 shows them but for what it leaves out, and in words.
const RARE_OPTIONS: &[(&str, &str, &str)] = &[
    (
        "md5(hex(000102030405060708090a0b0c0d0e0f))",
        "md5 000102030405060708090a0b0c0d0e0f",
        "MD5 signature, digest 000102030405060708090a0b0c0d0e0f",
    ),
    (
        "ao(1,2,hex(0a0b))",
        "tcp-ao keyid 1 rnextkeyid 2 mac 0x0a0b",
        "authentication, key 1, next key 2, mac 0a0b",
    ),
    ("uto(30)", "uto 30s", "user timeout, 30 s"),
    ("uto(30,1)", "uto 30m", "user timeout, 30 min"),
    (
        "tfo(hex(0a0b0c0d))",
        "tfo cookie 0a0b0c0d",
        "fast open cookie, cookie 0a0b0c0d",
    ),
    ("tfo()", "tfo cookiereq", "fast open cookie, request"),
    (
        "exp(254,0xf989,hex(0a0b0c0d))",
        "exp-tfo cookie 0a0b0c0d",
        "experiment 2, identifier 0xf989, data 0a0b0c0d",
    ),
    (
        "exp(253,0x1234,hex(0a))",
        "exp-1234 0x0a",
        "experiment 1, identifier 0x1234, data 0a",
    ),
    (
        "accecn0(1,2,3)",
        "accecn0 ect0 1 ce 2 ect1 3",
        "accurate ECN order 0, ect0 1, ce 2, ect1 3",
    ),
    (
        "accecn1(1,2)",
        "accecn1 ect1 1 ce 2",
        "accurate ECN order 1, ect1 1, ce 2",
    ),
    (
        "mpcapable(sender=7,receiver=8,len=9,csum=10)",
        "mptcp 24 capable v1 {0x7,0x8} len 9 csum 0xa",
        "multipath TCP, capable, version 1, flags 0x01, sender's key 0x0000000000000007, receiver's key 0x0000000000000008, 9 bytes, checksum 0x000a",
    ),
    (
        "mpcapable(flags=0x81,sender=7)",
        "mptcp 12 capable v1 csum {0x7}",
        "flags 0x81, sender's key",
    ),
    (
        "mpcapable(version=0,flags=0x20)",
        "mptcp 4 capable v0 flags 0x20",
        "version 0, flags 0x20",
    ),
    (
        "mpjoin(1,5,token=7,nonce=9)",
        "mptcp 12 join backup id 5 token 0x7 nonce 0x9",
        "multipath TCP, join, backup, address 5, token 0x00000007, nonce 0x00000009",
    ),
    (
        "mpjoin(id=5,hmac=7,nonce=9)",
        "mptcp 16 join id 5 hmac 0x7 nonce 0x9",
        "join, no backup, address 5, hmac 0x0000000000000007, nonce 0x00000009",
    ),
    (
        "mpjoin(hmac=repeat(20,1))",
        "mptcp 24 join hmac 0x0101010101010101010101010101010101010101",
        "join, hmac 0101010101010101010101010101010101010101",
    ),
    (
        "dss(ack=7,seq64=8,subseq=9,len=10,csum=11,fin=1)",
        "mptcp 24 dss fin ack 7 seq 8 subseq 9 len 10 csum 0xb",
        "data sequence, fin, acknowledgment 7 of 32 bits, sequence number 8, subflow 9, 10 bytes, checksum 0x000b",
    ),
    (
        "addaddr(7,10.0.0.1,80,9)",
        "mptcp 18 add-addr v1 id 7 10.0.0.1:80 hmac 0x9",
        "add address 7, 10.0.0.1, port 80, hmac 0000000000000009",
    ),
    (
        "addaddr(7,fd00::1)",
        "mptcp 20 add-addr v1-echo id 7 fd00::1",
        "add address 7, fd00::1, echo",
    ),
    (
        "remaddr([1,2])",
        "mptcp 5 rem-addr id 1 2",
        "remove addresses 1 2",
    ),
    ("mpprio(1)", "mptcp 3 prio backup", "priority, backup"),
    (
        "mpprio(0,3)",
        "mptcp 4 prio non-backup id 3",
        "priority, no backup, address 3",
    ),
    ("mpfail(7)", "mptcp 12 fail seq 7", "fail, data sequence 7"),
    (
        "fastclose(7)",
        "mptcp 12 fast-close key 0x7",
        "fast close, key 0x0000000000000007",
    ),
    (
        "mpreset(2,1)",
        "mptcp 4 reset flags 0x1 reason 2",
        "reset, flags 0x1, reason 2",
    ),
    (
        "opt(69,hex(01))",
        "unknown-69 0x01",
        "encryption negotiation, data 01",
    ),
    ("sack([1,2])", "sack 1 {1:2}", "SACK, blocks 1..2"),
    ("ts(1,2)", "TS val 1 ecr 2", "timestamps, value 1, echo 2"),
];

#[test]
fn every_option_of_tcp_is_shown_short_and_in_words() {
    for (option, short, words) in RARE_OPTIONS {
        let text = format!("ip()/tcp(options=[{option}])");
        let expression: wirecraft_ip_packets::Expression = text.parse().unwrap();
        let bytes = expression.build(&wirecraft_ip_packets::Defaults::default());
        let line = line(&bytes.unwrap());
        let shown = line.split_once("options [").unwrap().1;
        assert!(
            shown.starts_with(&format!("{short}]")) || shown.starts_with(&format!("{short},eol")),
            "{line}"
        );
        let long = long(&text);
        assert!(long.contains(words), "{words}\nis not in\n{long}");
    }
}

#[test]
fn the_long_form_has_lengths_as_their_fields_say_them() {
    let bytes = four()
        .total_len(99)
        .udp(1, 2)
        .length(50)
        .payload(b"x")
        .build();
    let packet = IpPacket::parse_lenient(&bytes).unwrap().read;
    let text = format!("{packet:#}");
    assert!(text.contains("total length: 99 (29 there)"), "{text}");
}

#[test]
fn a_wrong_checksum_is_called_wrong() {
    let bytes = six().udp(1, 2).checksum(1).build();
    let text = format!("{:#}", IpPacket::parse(&bytes).unwrap());
    assert!(text.contains("checksum: 0x0001 (wrong)"), "{text}");
}

#[test]
fn a_hexdump_has_no_line_for_nothing() {
    assert_eq!(Hexdump(&[]).to_string(), "");
    assert_eq!(Hexdump(&[0; 33]).to_string().lines().count(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn one_line_is_one_line_and_the_long_form_names_the_layer(spec in spec(100)) {
        let bytes = spec.build();
        let packet = IpPacket::parse(&bytes).unwrap();
        prop_assert_eq!(packet.to_string().lines().count(), 1);
        let long = format!("{packet:#}");
        prop_assert!(long.starts_with("IPv4\n") || long.starts_with("IPv6\n"));
        prop_assert!(!long.contains("(wrong)"), "{}", long);
    }

    #[test]
    fn damaged_packets_are_shown_without_a_panic(bytes in damaged()) {
        if let Ok(packet) = IpPacket::parse(&bytes) {
            let _ = (packet.to_string(), format!("{packet:#}"));
        }
    }
}
