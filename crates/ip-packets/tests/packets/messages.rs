//! One packet of every message there is, whole and cut at every length.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use wirecraft_ip_packets::{
    AddressMask, DomainName, ExtendedEchoCode, ExtendedEchoReply, ExtendedEchoRequest, GroupRecord,
    GroupRecordKind, IPV4_HEADER_LEN, IcmpObject, Icmpv4Kind, Icmpv4Message, Icmpv4ParameterCode,
    Icmpv4PhoturisCode, Icmpv4RedirectCode, Icmpv4RouterCode, Icmpv4Unreachable, Icmpv6Kind,
    Icmpv6Message, Icmpv6ParameterCode, Icmpv6Unreachable, IgmpKind, IgmpMessage,
    InterfaceInformation, InterfaceRole, IpPacket, MldQuery, MplsLabel, NdpOption, NdpRedirect,
    NeighborAdvertisement, NeighborFlags, NeighborSolicitation, NeighborState, Pref64, PrefixFlags,
    PrefixInformation, RouteInformation, RouterAdvertisement, RouterEntry, RouterFlags,
    RouterPreference, SctpChunk, SctpChunkType, Sequence, SourceQuery, Timestamps, Transport, ip,
    v4, v6,
};

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const NEIGHBOR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 0);

const LABELS: [MplsLabel; 1] = [MplsLabel {
    label: 16_001,
    traffic_class: 5,
    bottom: true,
    ttl: 1,
}];
const OBJECTS: [IcmpObject<'_>; 2] = [
    IcmpObject::MplsLabels(Sequence::new(&LABELS)),
    IcmpObject::Interface(InterfaceInformation {
        role: InterfaceRole::Incoming,
        index: Some(7),
        address: Some(IpAddr::V4(ROUTER)),
        name: Some(b"ge-0/0/1"),
        mtu: Some(9000),
    }),
];
const REQUEST: ExtendedEchoRequest<'_> = ExtendedEchoRequest {
    identifier: 1,
    sequence: 2,
    local: true,
    objects: Sequence::new(&[IcmpObject::InterfaceName(b"eth0.7")]),
};
const REPLY: ExtendedEchoReply = ExtendedEchoReply {
    code: ExtendedEchoCode::NO_ERROR,
    identifier: 1,
    sequence: 2,
    state: NeighborState::REACHABLE,
    active: true,
    ipv4: true,
    ipv6: false,
};

fn icmpv4() -> Vec<Vec<u8>> {
    let lost = v4(SOURCE, DESTINATION).ttl(1).udp(40_000, 33_434).build();
    let routers = [RouterEntry {
        address: ROUTER,
        preference: -2,
    }];
    let times = Timestamps {
        identifier: 1,
        sequence: 2,
        originate: 3,
        receive: 4,
        transmit: 5,
    };
    let mask = AddressMask {
        identifier: 1,
        sequence: 2,
        mask: Ipv4Addr::new(255, 255, 255, 0),
    };
    let photuris = Icmpv4Kind::Photuris {
        code: Icmpv4PhoturisCode::BAD_SPI,
        pointer: 20,
        quoted: &lost,
    };
    let advertisement = Icmpv4Kind::RouterAdvertisement {
        code: Icmpv4RouterCode::NORMAL,
        lifetime: 1800,
        routers: Sequence::new(&routers),
    };
    let kinds = [
        Icmpv4Kind::SourceQuench { quoted: &lost },
        advertisement,
        Icmpv4Kind::RouterSolicitation,
        Icmpv4Kind::TimestampRequest(times),
        Icmpv4Kind::TimestampReply(times),
        Icmpv4Kind::InformationRequest {
            identifier: 1,
            sequence: 2,
        },
        Icmpv4Kind::AddressMaskRequest(mask),
        Icmpv4Kind::AddressMaskReply(mask),
        photuris,
        Icmpv4Kind::ExtendedEchoRequest(REQUEST),
        Icmpv4Kind::ExtendedEchoReply(REPLY),
    ];
    let ip = v4(ROUTER, SOURCE);
    let mut packets: Vec<Vec<u8>> = kinds.iter().map(|kind| ip.icmpv4(*kind).build()).collect();
    let (gateway, pointer) = (Icmpv4RedirectCode::HOST, Icmpv4ParameterCode::POINTER);
    packets.extend([
        ip.icmp_time_exceeded(&lost).extensions(&OBJECTS).build(),
        ip.icmp_unreachable(Icmpv4Unreachable::HOST, &lost).build(),
        ip.icmp_parameter_problem(pointer, 20, &lost).build(),
        ip.icmp_redirect(gateway, ROUTER, &lost).build(),
        ip.icmp_packet_too_big(1400, &lost).build(),
        ip.icmp_echo_request(1, 2).payload(b"ping").build(),
    ]);
    packets
}

fn ndp_options() -> Vec<NdpOption<'static>> {
    const SERVERS: [Ipv6Addr; 2] = [HOST, NEIGHBOR];
    const DOMAINS: [DomainName<'_>; 2] = [DomainName::new("example.org"), DomainName::new("lan")];
    vec![
        NdpOption::SourceLinkLayer(&[2, 0, 0, 0, 0, 1]),
        NdpOption::Mtu(1420),
        NdpOption::Prefix(PrefixInformation {
            prefix_len: 64,
            flags: PrefixFlags::ON_LINK.with(PrefixFlags::AUTONOMOUS),
            valid_lifetime: 100,
            preferred_lifetime: 50,
            prefix: PREFIX,
        }),
        NdpOption::Route(RouteInformation {
            prefix_len: 48,
            preference: RouterPreference::Low,
            lifetime: 600,
            prefix: PREFIX,
            prefix_octets: 8,
        }),
        NdpOption::RecursiveDns {
            lifetime: 1200,
            servers: Sequence::new(&SERVERS),
        },
        NdpOption::DnsSearchList {
            lifetime: 1200,
            domains: Sequence::new(&DOMAINS),
        },
        NdpOption::Nonce(&[1, 2, 3, 4, 5, 6]),
        NdpOption::CaptivePortal(b"https://example.org/api"),
        NdpOption::Pref64(Pref64 {
            lifetime: 600,
            prefix_len_code: 0,
            prefix: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0),
        }),
    ]
}

fn neighbor_discovery() -> Vec<Vec<u8>> {
    let lost = v6(HOST, NEIGHBOR).udp(40_000, 33_434).build();
    let options = ndp_options();
    let redirected = [
        NdpOption::TargetLinkLayer(&[2, 0, 0, 0, 0, 1]),
        NdpOption::RedirectedHeader(&lost),
    ];
    let advertisement = RouterAdvertisement {
        hop_limit: 64,
        flags: RouterFlags::MANAGED.with_preference(RouterPreference::High),
        lifetime: 1800,
        reachable_time: 1,
        retransmit_timer: 2,
        options: Sequence::new(&options),
    };
    let kinds = [
        Icmpv6Kind::RouterSolicitation {
            options: Sequence::new(&options[..1]),
        },
        Icmpv6Kind::RouterAdvertisement(advertisement),
        Icmpv6Kind::NeighborSolicitation(NeighborSolicitation {
            target: NEIGHBOR,
            options: Sequence::new(&options[..1]),
        }),
        Icmpv6Kind::NeighborAdvertisement(NeighborAdvertisement {
            flags: NeighborFlags::SOLICITED,
            target: NEIGHBOR,
            options: Sequence::new(&redirected[..1]),
        }),
        Icmpv6Kind::Redirect(NdpRedirect {
            target: NEIGHBOR,
            destination: PREFIX,
            options: Sequence::new(&redirected),
        }),
    ];
    let ip = v6(HOST, NEIGHBOR).hop_limit(255);
    kinds.iter().map(|kind| ip.icmpv6(*kind).build()).collect()
}

fn icmpv6() -> Vec<Vec<u8>> {
    let lost = v6(HOST, PREFIX).udp(40_000, 33_434).build();
    let sources = [HOST];
    let record = |kind, sources| GroupRecord {
        kind,
        group: GROUP_V6,
        sources,
        auxiliary: &[],
    };
    let records = [
        record(GroupRecordKind::CHANGE_TO_EXCLUDE, Sequence::EMPTY),
        record(GroupRecordKind::ALLOW_NEW_SOURCES, Sequence::new(&sources)),
    ];
    let query = |v2| {
        Icmpv6Kind::MldQuery(MldQuery {
            maximum_response: 1000,
            group: GROUP_V6,
            v2,
        })
    };
    let newer = SourceQuery {
        suppress: true,
        robustness: 2,
        interval_code: 125,
        sources: Sequence::new(&sources),
    };
    let kinds = [
        query(None),
        query(Some(newer)),
        Icmpv6Kind::MldReport { group: GROUP_V6 },
        Icmpv6Kind::MldDone { group: GROUP_V6 },
        Icmpv6Kind::Mld2Report {
            records: Sequence::new(&records),
        },
        Icmpv6Kind::MulticastRouterAdvertisement {
            interval: 20,
            query_interval: 125,
            robustness: 2,
        },
        Icmpv6Kind::MulticastRouterSolicitation,
        Icmpv6Kind::MulticastRouterTermination,
        Icmpv6Kind::ExtendedEchoRequest(REQUEST),
        Icmpv6Kind::ExtendedEchoReply(REPLY),
    ];
    let ip = v6(HOST, GROUP_V6).hop_limit(1);
    let mut packets: Vec<Vec<u8>> = kinds.iter().map(|kind| ip.icmpv6(*kind).build()).collect();
    let problem = Icmpv6ParameterCode::UNRECOGNIZED_NEXT_HEADER;
    packets.extend([
        ip.icmp_time_exceeded(&lost).extensions(&OBJECTS).build(),
        ip.icmp_unreachable(Icmpv6Unreachable::PORT, &lost).build(),
        ip.icmp_parameter_problem(problem, 6, &lost).build(),
        ip.icmp_packet_too_big(1280, &lost).build(),
        ip.icmp_echo_reply(1, 2).payload(b"ping").build(),
    ]);
    packets
}

fn others() -> Vec<Vec<u8>> {
    let sources = [SOURCE];
    let records = [GroupRecord {
        kind: GroupRecordKind::MODE_IS_INCLUDE,
        group: GROUP,
        sources: Sequence::new(&sources),
        auxiliary: &[],
    }];
    let query = |maximum_response, v3| IgmpKind::Query {
        maximum_response,
        group: GROUP,
        v3,
    };
    let newest = SourceQuery {
        suppress: false,
        robustness: 2,
        interval_code: 125,
        sources: Sequence::new(&sources),
    };
    let kinds = [
        query(0, None),
        query(100, None),
        query(100, Some(newest)),
        IgmpKind::V1Report { group: GROUP },
        IgmpKind::V2Report { group: GROUP },
        IgmpKind::Leave { group: GROUP },
        IgmpKind::V3Report {
            records: Sequence::new(&records),
        },
        IgmpKind::RouterAdvertisement {
            interval: 20,
            query_interval: 125,
            robustness: 2,
        },
        IgmpKind::RouterSolicitation,
        IgmpKind::RouterTermination,
    ];
    let chunk = |chunk_type, value| SctpChunk {
        chunk_type,
        flags: 0,
        value,
    };
    let chunks = [
        chunk(SctpChunkType::HEARTBEAT, &[0, 1, 0, 8, 1, 2, 3, 4][..]),
        chunk(SctpChunkType::PAD, b"odd"),
    ];
    let (ip, ip_v6) = (v4(SOURCE, GROUP).ttl(1), v6(HOST, NEIGHBOR));
    let mut packets: Vec<Vec<u8>> = kinds.iter().map(|kind| ip.igmp(*kind).build()).collect();
    let gre = ip.gre().key(7).sequence(8).with_checksum();
    packets.extend([
        gre.nest(ip_v6.udp(9, 10).payload(b"inner")).build(),
        ip_v6.gre().nest(ip.tcp(1, 2).syn()).build(),
        ip.sctp(1000, 2905)
            .verification_tag(77)
            .chunks(&chunks)
            .build(),
        ip_v6.sctp(1000, 2905).chunks(&chunks).build(),
    ]);
    packets
}

/// One packet of every message.
fn all() -> Vec<Vec<u8>> {
    [icmpv4(), neighbor_discovery(), icmpv6(), others()].concat()
}

/// Shows everything that a transport has to say.
fn shown(transport: &Transport<'_>) -> String {
    match transport {
        Transport::Icmpv4(message) => {
            format!("{:?} {:?}", message.kind(), message.extensions())
        }
        Transport::Icmpv6(message) => {
            format!("{:?} {:?}", message.kind(), message.extensions())
        }
        Transport::Igmp(message) => format!("{:?}", message.kind()),
        Transport::Gre(packet) => format!(
            "{:?} {:?} {:?} {:?}",
            packet.payload(),
            packet.key(),
            packet.sequence(),
            packet.ip_packet()
        ),
        Transport::Sctp(packet) => format!("{:?}", packet.chunks()),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_message_reads_strictly_with_a_right_checksum() {
    for bytes in all() {
        let packet = IpPacket::parse(&bytes).unwrap();
        let is_right = match packet.transport().unwrap() {
            Transport::Icmpv4(message) => message.checksum_is_valid(),
            Transport::Icmpv6(message) => message.checksum_is_valid(&packet.pseudo_header()),
            Transport::Igmp(message) => message.checksum_is_valid(),
            Transport::Gre(gre) => gre.checksum_is_valid(),
            Transport::Sctp(sctp) => sctp.checksum_is_valid(),
            other => panic!("{other:?} is of no protocol of these"),
        };
        assert!(is_right, "{bytes:02x?}");
    }
}

#[test]
fn what_is_built_of_a_message_that_was_read_is_the_same_bytes() {
    for bytes in all() {
        let packet = IpPacket::parse(&bytes).unwrap();
        let rebuilt = match (packet, packet.transport().unwrap()) {
            (IpPacket::V4(ip), Transport::Icmpv4(message)) => {
                let ip = v4(ip.source(), ip.destination()).ttl(ip.ttl());
                let message = ip.icmpv4(message.kind());
                match packet.payload()[5] {
                    // The quote has extensions behind it.
                    32 => message.extensions_unlimited(&OBJECTS).build(),
                    _ => message.build(),
                }
            }
            (IpPacket::V4(ip), Transport::Igmp(message)) => v4(ip.source(), ip.destination())
                .ttl(ip.ttl())
                .igmp(message.kind())
                .build(),
            (IpPacket::V6(ip), Transport::Icmpv6(message))
                if packet.payload().get(4) != Some(&16) =>
            {
                v6(ip.source(), ip.destination())
                    .hop_limit(ip.hop_limit())
                    .icmpv6(message.kind())
                    .build()
            }
            _ => continue,
        };
        assert_eq!(rebuilt, bytes);
    }
}

#[test]
fn every_truncation_reads_or_fails_without_a_panic() {
    for bytes in all() {
        let whole = IpPacket::parse(&bytes).unwrap();
        let header_len = whole.header_len();
        for len in 0..bytes.len() {
            if let Ok(packet) = IpPacket::parse_lenient(&bytes[..len]) {
                assert!(packet.stopped.is_some());
                let transport = packet.read.transport_lenient();
                let _ = shown(&transport.read);
            }
            // The same cut where the IP header says so: nothing but the message is wrong.
            let Some(payload) = bytes.get(header_len..len) else {
                continue;
            };
            let ip = ip(whole.source(), whole.destination()).unwrap();
            let cut = ip.bare(whole.protocol()).payload(payload).build();
            let cut = IpPacket::parse(&cut).unwrap();
            let lenient = cut.transport_lenient();
            assert_eq!(cut.transport(), lenient.strict());
            let _ = shown(&lenient.read);
        }
    }
}

#[test]
fn a_message_that_is_written_to_a_used_buffer_is_the_same() {
    let options = ndp_options();
    let options = Sequence::new(&options);
    let message = v6(HOST, NEIGHBOR).icmpv6(Icmpv6Kind::RouterSolicitation { options });
    let mut buf = [0xff; 1500];
    let len = message.write(&mut buf).unwrap();
    assert_eq!(buf[..len], message.build());
    let quote = [0x45; IPV4_HEADER_LEN];
    let error = v4(ROUTER, SOURCE)
        .icmp_time_exceeded(&quote)
        .extensions(&OBJECTS);
    buf.fill(0xff);
    let len = error.write(&mut buf).unwrap();
    assert_eq!(buf[..len], error.build());
}

#[test]
fn a_code_of_zero_is_ten_seconds_before_version_3_and_no_time_in_it() {
    let query = |body: &[u8]| {
        let bytes = [&[0x11, 0, 0, 0, 0, 0, 0, 0], body].concat();
        IgmpMessage::parse(&bytes).unwrap().maximum_response_time()
    };
    assert_eq!(query(&[]), Duration::from_secs(10));
    assert_eq!(query(&[0; 4]), Duration::ZERO);
}

/// Messages with bytes behind what their type has, and with objects of other lengths than their class has.
#[cfg(feature = "text")]
const UNTYPED: &[&str] = &[
    "ip()/icmp(type=13)/hex(000000010000000200000003ff)",
    "ip()/icmp(type=17)/hex(ffffff0000)",
    "ip()/icmp(type=10)/hex(00)",
    "ip()/icmp(type=15)/hex(00)",
    "ip()/icmp(type=9,word=0x01020708)/hex(0a00000100000001ffff)",
    "ip()/icmp(type=43)/hex(00)",
    "ip()/icmp(type=42)/ext()",
    "ip()/igmp(type=0x16)/hex(00)",
    "ip()/igmp(type=0x17)/hex(00)",
    "ip()/igmp(type=0x11,qqic=1)/hex(00)",
    "ip()/igmp3r([record(4,224.0.0.1)])/hex(00)",
    "ip6()/mldr(ff02::1)/hex(00)",
    "ip6()/mldd(ff02::1)/hex(00)",
    "ip6()/mldq(qqic=1)/hex(00)",
    "ip6()/mld2r([record(4,ff02::1)])/hex(00)",
    "ip6()/icmp6(type=161)/hex(00)",
    "ip6()/icmp6(type=160)/ext()",
];

#[cfg(feature = "text")]
#[test]
fn what_a_type_would_lose_is_none_of_it_and_writes_back_the_same() {
    for text in UNTYPED {
        let expression: wirecraft_ip_packets::Expression = text.parse().unwrap();
        let bytes = expression.build(&wirecraft_ip_packets::Defaults::default());
        let bytes = bytes.unwrap();
        let packet = IpPacket::parse(&bytes).unwrap();
        let four = v4([0, 0, 0, 0].into(), [0, 0, 0, 0].into());
        let six = v6([0; 16].into(), [0; 16].into());
        let rebuilt = match packet.transport().unwrap() {
            Transport::Icmpv4(message) => {
                assert!(matches!(message.kind(), Icmpv4Kind::Other { .. }), "{text}");
                four.icmpv4(message.kind()).build()
            }
            Transport::Icmpv6(message) => {
                assert!(matches!(message.kind(), Icmpv6Kind::Other { .. }), "{text}");
                six.icmpv6(message.kind()).build()
            }
            Transport::Igmp(message) => {
                assert!(matches!(message.kind(), IgmpKind::Other { .. }), "{text}");
                four.igmp(message.kind()).build()
            }
            other => panic!("{text} is {other:?}"),
        };
        assert_eq!(rebuilt, bytes, "{text}");
    }
}

#[test]
fn a_malformed_structure_of_an_extended_echo_is_an_error_and_kept() {
    let body = [0x20, 0, 0, 0, 0, 2, 3, 1];
    let bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
        .icmp(42, 0)
        .payload(&body)
        .build();
    let error = Icmpv4Message::parse(&bytes[20..]).unwrap_err();
    assert_eq!(error.offset(), 8 + 4);
    let lenient = Icmpv4Message::parse_lenient(&bytes[20..]).unwrap();
    assert!(matches!(lenient.read.kind(), Icmpv4Kind::Other { body: it, .. } if it == body));
    let bytes = v6([1; 16].into(), [2; 16].into())
        .icmp(160, 0)
        .payload(&body)
        .build();
    assert_eq!(
        Icmpv6Message::parse(&bytes[40..]).unwrap_err().offset(),
        8 + 4
    );
}

#[test]
fn an_address_of_another_length_than_its_family_has_is_of_no_interface() {
    let object = |data: &'static [u8]| IcmpObject::Unknown {
        class: wirecraft_ip_packets::IcmpObjectClass::INTERFACE_IDENTIFICATION,
        kind: 3,
        data,
    };
    for data in [
        &[0, 1, 16, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[0, 1, 4, 0, 1, 2, 3, 4, 9, 9, 9, 9],
    ] {
        let objects = [object(data)];
        let written = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .icmp_time_exceeded(&[])
            .extensions(&objects)
            .build();
        let message = Icmpv4Message::parse(&written[20..]).unwrap();
        let read = message.extensions().unwrap().unwrap().objects();
        assert!(read.iter().eq(objects), "{read:?}");
    }
}
