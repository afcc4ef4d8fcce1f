//! Neighbor discovery and multicast listener discovery.

use std::net::Ipv6Addr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    DomainName, Field, GroupRecord, GroupRecordKind, IPV4_HEADER_LEN, IPV6_HEADER_LEN,
    Icmpv4Message, Icmpv6Kind, Icmpv6Message, Layer, MldQuery, NdpOption, NdpOptionKind,
    NdpOptions, NdpRedirect, NeighborAdvertisement, NeighborFlags, NeighborSolicitation,
    ParseError, Pref64, PrefixFlags, PrefixInformation, RouteInformation, RouterAdvertisement,
    RouterFlags, RouterPreference, Sequence, SourceQuery, v4, v6,
};

const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const NEIGHBOR: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 0);

/// Writes a message alone: no IP header, the checksum left out.
fn message(kind: Icmpv6Kind<'_>) -> Vec<u8> {
    let mut bytes = v6(HOST, NEIGHBOR).hop_limit(255).icmpv6(kind).build();
    bytes.drain(..IPV6_HEADER_LEN);
    bytes[2..4].fill(0);
    assert_eq!(Icmpv6Message::parse(&bytes).unwrap().kind(), kind);
    bytes
}

/// Writes a router solicitation with one option and returns the option.
fn option_bytes(option: NdpOption<'_>) -> Vec<u8> {
    let options = [option];
    let options = Sequence::new(&options);
    message(Icmpv6Kind::RouterSolicitation { options })[8..].to_vec()
}

#[test]
fn solicitations_and_advertisements_carry_link_layer_addresses() {
    let options = [NdpOption::SourceLinkLayer(&[2, 0, 0, 0, 0, 1])];
    let solicitation = message(Icmpv6Kind::NeighborSolicitation(NeighborSolicitation {
        target: NEIGHBOR,
        options: Sequence::new(&options),
    }));
    assert_eq!(solicitation[..8], [135, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(solicitation[8..24], NEIGHBOR.octets());
    assert_eq!(solicitation[24..], [1, 1, 2, 0, 0, 0, 0, 1]);
    let flags = NeighborFlags::SOLICITED.with(NeighborFlags::OVERRIDE);
    let advertisement = message(Icmpv6Kind::NeighborAdvertisement(NeighborAdvertisement {
        flags,
        target: NEIGHBOR,
        options: Sequence::new(&[NdpOption::TargetLinkLayer(&[2, 0, 0, 0, 0, 2])]),
    }));
    assert_eq!(advertisement[..8], [136, 0, 0, 0, 0x60, 0, 0, 0]);
    assert_eq!(advertisement[24..], [2, 1, 2, 0, 0, 0, 0, 2]);
    assert!(!flags.contains(NeighborFlags::ROUTER));
}

#[test]
fn router_advertisements_have_all_their_fields_and_options() {
    let options = [NdpOption::Mtu(1420)];
    let advertisement = RouterAdvertisement {
        hop_limit: 64,
        flags: RouterFlags::MANAGED.with_preference(RouterPreference::High),
        lifetime: 1800,
        reachable_time: 30_000,
        retransmit_timer: 1000,
        options: Sequence::new(&options),
    };
    assert_eq!(advertisement.flags.preference(), RouterPreference::High);
    let bytes = message(Icmpv6Kind::RouterAdvertisement(advertisement));
    assert_eq!(
        bytes,
        [
            134, 0, 0, 0, 64, 0x88, 7, 8, 0, 0, 0x75, 0x30, 0, 0, 3, 0xe8, 5, 1, 0, 0, 0, 0, 5,
            0x8c
        ]
    );
}

#[test]
fn redirects_carry_the_packet_that_was_redirected() {
    let lost = v6(HOST, PREFIX).udp(1, 2).payload(b"probes").build();
    let options = [NdpOption::RedirectedHeader(&lost)];
    let redirect = NdpRedirect {
        target: NEIGHBOR,
        destination: PREFIX,
        options: Sequence::new(&options),
    };
    let packet = v6(NEIGHBOR, HOST)
        .icmpv6(Icmpv6Kind::Redirect(redirect))
        .build();
    let read = Icmpv6Message::parse(&packet[IPV6_HEADER_LEN..]).unwrap();
    let Icmpv6Kind::Redirect(read) = read.kind() else {
        panic!("not a redirect")
    };
    assert_eq!((read.target, read.destination), (NEIGHBOR, PREFIX));
    // The option is as long as a multiple of 8 bytes: two of padding follow the packet.
    let Some(NdpOption::RedirectedHeader(quoted)) = read.options.iter().next() else {
        panic!("no redirected header")
    };
    assert_eq!((&quoted[..54], &quoted[54..]), (&lost[..], &[0, 0][..]));
}

#[test]
fn prefixes_and_routes_are_as_their_documents_say() {
    let prefix = NdpOption::Prefix(PrefixInformation {
        prefix_len: 64,
        flags: PrefixFlags::ON_LINK.with(PrefixFlags::AUTONOMOUS),
        valid_lifetime: u32::MAX,
        preferred_lifetime: 604_800,
        prefix: PREFIX,
    });
    let bytes = option_bytes(prefix);
    assert_eq!(
        bytes[..16],
        [
            3, 4, 64, 0xc0, 255, 255, 255, 255, 0, 9, 0x3a, 0x80, 0, 0, 0, 0
        ]
    );
    assert_eq!(bytes[16..], PREFIX.octets());
    let route = RouteInformation {
        prefix_len: 48,
        preference: RouterPreference::Low,
        lifetime: 600,
        prefix: PREFIX,
        prefix_octets: RouteInformation::octets_for(48),
    };
    let bytes = option_bytes(NdpOption::Route(route));
    assert_eq!(bytes[..8], [24, 2, 48, 0x18, 0, 0, 2, 0x58]);
    assert_eq!(bytes[8..], PREFIX.octets()[..8]);
    let default = RouteInformation {
        prefix_len: 0,
        prefix: Ipv6Addr::UNSPECIFIED,
        prefix_octets: 0,
        ..route
    };
    assert_eq!(option_bytes(NdpOption::Route(default)).len(), 8);
    let host = RouteInformation {
        prefix_len: 128,
        prefix: HOST,
        prefix_octets: RouteInformation::octets_for(128),
        ..route
    };
    assert_eq!(option_bytes(NdpOption::Route(host)).len(), 24);
}

#[test]
fn a_route_keeps_the_length_it_came_with() {
    for units in 1..=3_u8 {
        let mut option = vec![24, units, 0, 0x08, 0, 0, 0, 9];
        option.resize(usize::from(units) * 8, 0);
        let Some(NdpOption::Route(route)) = NdpOptions::from_bytes(&option).iter().next() else {
            panic!("no route")
        };
        assert_eq!(option_bytes(NdpOption::Route(route)), option);
    }
}

#[test]
fn name_servers_and_search_lists_are_read_and_written() {
    let servers = [HOST, NEIGHBOR];
    let option = NdpOption::RecursiveDns {
        lifetime: 1200,
        servers: Sequence::new(&servers),
    };
    let bytes = option_bytes(option);
    assert_eq!(bytes[..8], [25, 5, 0, 0, 0, 0, 4, 0xb0]);
    assert_eq!(bytes[24..], NEIGHBOR.octets());
    let domains = [DomainName::new("example.org"), DomainName::new("lan.")];
    let bytes = option_bytes(NdpOption::DnsSearchList {
        lifetime: 1200,
        domains: Sequence::new(&domains),
    });
    assert_eq!(bytes[..2], [31, 4]);
    assert_eq!(bytes[8..], *b"\x07example\x03org\0\x03lan\0\0\0\0\0\0\0");
    let options = NdpOptions::from_bytes(&bytes);
    let Some(NdpOption::DnsSearchList { domains, .. }) = options.iter().next() else {
        panic!("no search list")
    };
    let names: Vec<String> = domains.iter().map(|name| name.to_string()).collect();
    assert_eq!(names, ["example.org", "lan"]);
}

#[test]
fn portals_nonces_and_prefixes_of_nat64_are_read_and_written() {
    let portal = NdpOption::CaptivePortal(b"https://example.org/api");
    let bytes = option_bytes(portal);
    assert_eq!(
        (bytes.len(), bytes[1], bytes[25..].to_vec()),
        (32, 4, vec![0; 7])
    );
    assert_eq!(
        option_bytes(NdpOption::Nonce(&[1, 2, 3, 4, 5, 6])),
        [14, 1, 1, 2, 3, 4, 5, 6]
    );
    let well_known = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);
    let pref64 = Pref64 {
        lifetime: 65_528,
        prefix_len_code: 0,
        prefix: well_known,
    };
    assert_eq!(pref64.prefix_len(), Some(96));
    let bytes = option_bytes(NdpOption::Pref64(pref64));
    assert_eq!(bytes[..4], [38, 2, 0xff, 0xf8]);
    assert_eq!(bytes[4..], well_known.octets()[..12]);
}

#[test]
fn options_of_another_length_than_their_kind_has_are_kept_raw() {
    for (kind, units) in [(3, 1), (5, 2), (24, 4), (25, 2), (38, 1)] {
        let mut bytes = vec![kind, units];
        bytes.resize(usize::from(units) * 8, 0xff);
        let options = NdpOptions::from_bytes(&bytes);
        let unknown = NdpOption::Unknown {
            kind: NdpOptionKind::new(kind),
            data: &bytes[2..],
        };
        assert!(options.iter().eq([unknown]), "{kind}");
    }
}

#[test]
fn a_search_list_that_is_no_list_of_names_is_kept_raw() {
    for names in [
        *b"\x09example\0\0\0\0\0\0\0\0",
        *b"\x01a\0\0\x01b\0\0\0\0\0\0\0\0\0\0",
    ] {
        let mut bytes = vec![31, 3, 0, 0, 0, 0, 0, 1];
        bytes.extend(names);
        bytes[8 + 15] = 1;
        let options = NdpOptions::from_bytes(&bytes);
        let Some(NdpOption::Unknown { kind, .. }) = options.iter().next() else {
            panic!("{names:?} is no list")
        };
        assert_eq!(kind, NdpOptionKind::DNS_SEARCH_LIST);
    }
}

#[test]
fn options_without_length_are_refused_and_read_leniently_up_to_there() {
    let mut bytes = message(Icmpv6Kind::RouterSolicitation {
        options: Sequence::new(&[NdpOption::Mtu(1280)]),
    });
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    let error = Icmpv6Message::parse(&bytes).unwrap_err();
    assert_eq!(
        (error.layer(), error.field(), error.offset()),
        (Layer::Icmpv6, Field::Option, 16)
    );
    let lenient = Icmpv6Message::parse_lenient(&bytes).unwrap();
    assert_eq!(lenient.stopped, Some(error));
    let options = lenient.read.kind().ndp_options().unwrap();
    assert!(options.iter().eq([NdpOption::Mtu(1280)]));
}

#[test]
fn options_that_are_cut_off_say_how_much_is_missing() {
    let bytes = [133, 0, 0, 0, 0, 0, 0, 0, 3, 4, 64];
    let error = ParseError::Truncated {
        layer: Layer::Icmpv6,
        field: Field::Option,
        offset: 8,
        needed: 40,
        available: 11,
    };
    assert_eq!(Icmpv6Message::parse(&bytes), Err(error));
}

#[test]
fn queries_of_both_versions_are_told_by_their_length() {
    let old = message(Icmpv6Kind::MldQuery(MldQuery {
        maximum_response: 10_000,
        group: GROUP,
        v2: None,
    }));
    assert_eq!(old.len(), 24);
    assert_eq!(old[..8], [130, 0, 0, 0, 0x27, 0x10, 0, 0]);
    let sources = [HOST, NEIGHBOR];
    let query = MldQuery {
        maximum_response: 0x8fff,
        group: GROUP,
        v2: Some(SourceQuery {
            suppress: true,
            robustness: 2,
            interval_code: 0x8f,
            sources: Sequence::new(&sources),
        }),
    };
    let new = message(Icmpv6Kind::MldQuery(query));
    assert_eq!(new[24..28], [0x0a, 0x8f, 0, 2]);
    assert_eq!(new[28..44], HOST.octets());
    // RFC 9777 §5.1.3 and §5.1.9: (mantissa | leading one) << (exponent + 3).
    assert_eq!(
        query.maximum_response_delay(),
        Duration::from_millis(0x1fff << 3)
    );
    assert_eq!(query.v2.unwrap().interval(), Duration::from_secs(0x1f << 3));
    let mut between = old;
    between.extend([0, 0]);
    assert!(Icmpv6Message::parse(&between).is_err());
}

#[test]
fn reports_have_a_record_for_each_group() {
    let sources = [HOST];
    let records = [
        GroupRecord {
            kind: GroupRecordKind::CHANGE_TO_EXCLUDE,
            group: GROUP,
            sources: Sequence::EMPTY,
            auxiliary: &[],
        },
        GroupRecord {
            kind: GroupRecordKind::ALLOW_NEW_SOURCES,
            group: GROUP,
            sources: Sequence::new(&sources),
            auxiliary: &[1, 2, 3, 4],
        },
    ];
    let bytes = message(Icmpv6Kind::Mld2Report {
        records: Sequence::new(&records),
    });
    assert_eq!(bytes[..12], [143, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 0]);
    assert_eq!(bytes[28..32], [5, 1, 0, 1]);
    assert_eq!(bytes[64..], [1, 2, 3, 4]);
    let cut = Icmpv6Message::parse_lenient(&bytes[..66]).unwrap();
    let error = cut.stopped.unwrap();
    assert_eq!((error.field(), error.offset()), (Field::GroupRecord, 28));
    let Icmpv6Kind::Mld2Report { records: read } = cut.read.kind() else {
        panic!("not a report")
    };
    assert!(read.iter().eq([records[0]]));
    for (number, kind) in [(131, "report"), (132, "done")] {
        let mut bytes = vec![number, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(GROUP.octets());
        let group = match Icmpv6Message::parse(&bytes).unwrap().kind() {
            Icmpv6Kind::MldReport { group } | Icmpv6Kind::MldDone { group } => group,
            other => panic!("{other:?} is no {kind}"),
        };
        assert_eq!(group, GROUP);
    }
}

/// Bytes of a message whose type is one of those that mean something.
fn any_message(types: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let small = prop_oneof![3 => 0..6_u8, 1 => any::<u8>()];
    let body = prop_oneof![vec(any::<u8>(), 0..90), vec(small, 0..90)];
    (prop::sample::select(types), any::<u8>(), body).prop_map(|(message_type, code, body)| {
        let mut bytes = vec![message_type, code, 0, 0];
        bytes.extend(body);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn what_a_v6_message_says_is_said_again_by_what_is_built_of_it(
        bytes in any_message((1..=4).chain(128..=161).collect()),
    ) {
        let lenient = Icmpv6Message::parse_lenient(&bytes).unwrap();
        prop_assert_eq!(Icmpv6Message::parse(&bytes), lenient.strict());
        let _ = (lenient.read.extensions(), lenient.read.quoted_packet());
        let kind = lenient.read.kind();
        if bytes.len() >= 8 {
            let built = v6(HOST, NEIGHBOR).icmpv6(kind).try_build().unwrap();
            let again = Icmpv6Message::parse_lenient(&built[IPV6_HEADER_LEN..]).unwrap();
            prop_assert_eq!(again.read.kind(), kind);
        }
    }

    #[test]
    fn what_a_v4_message_says_is_said_again_by_what_is_built_of_it(
        bytes in any_message((0..=44).collect()),
    ) {
        if let Ok(lenient) = Icmpv4Message::parse_lenient(&bytes) {
            prop_assert_eq!(Icmpv4Message::parse(&bytes), lenient.strict());
            let _ = (lenient.read.extensions(), lenient.read.quoted_packet());
            let kind = lenient.read.kind();
            let ip = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
            let built = ip.icmpv4(kind).try_build().unwrap();
            let again = Icmpv4Message::parse_lenient(&built[IPV4_HEADER_LEN..]).unwrap();
            prop_assert_eq!(again.read.kind(), kind);
        }
    }

    #[test]
    fn options_that_read_are_written_as_they_were_read(
        bytes in vec(prop_oneof![0..5_u8, 14..39_u8, any::<u8>()], 0..80),
    ) {
        let options = NdpOptions::from_bytes(&bytes);
        let given: Vec<NdpOption<'_>> = options.iter().collect();
        prop_assert_eq!(Sequence::new(&given), options);
        let kind = Icmpv6Kind::RouterSolicitation { options };
        prop_assert_eq!(&message(kind), &message(Icmpv6Kind::RouterSolicitation {
            options: Sequence::new(&given),
        }));
    }
}
