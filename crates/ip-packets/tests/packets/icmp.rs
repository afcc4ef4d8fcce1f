//! ICMP messages for IPv4, extensions and what both versions share.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wirecraft_ip_packets::{
    AddressMask, ExtendedEchoCode, ExtendedEchoReply, ExtendedEchoRequest, Field, IPV4_HEADER_LEN,
    IPV6_HEADER_LEN, IcmpExtensions, IcmpObject, IcmpObjectClass, Icmpv4Kind, Icmpv4Message,
    Icmpv4ParameterCode, Icmpv4PhoturisCode, Icmpv4RedirectCode, Icmpv4RouterCode, Icmpv4Type,
    Icmpv4Unreachable, Icmpv6Kind, Icmpv6Message, Icmpv6ParameterCode, Icmpv6Unreachable,
    InterfaceInformation, InterfaceRole, Layer, MplsLabel, NeighborState, ParseError, Payload,
    RouterEntry, Sequence, TimeExceededCode, Timestamps, v4, v6,
};

const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

const LABELS: [MplsLabel; 2] = [
    MplsLabel {
        label: 16_001,
        traffic_class: 5,
        bottom: false,
        ttl: 1,
    },
    MplsLabel {
        label: 0xf_ffff,
        traffic_class: 0,
        bottom: true,
        ttl: 255,
    },
];

/// Writes a message alone: no IP header, the checksum left out.
fn message_v4(kind: Icmpv4Kind<'_>) -> Vec<u8> {
    let mut bytes = v4(SOURCE, DESTINATION).icmpv4(kind).build();
    bytes.drain(..IPV4_HEADER_LEN);
    assert!(Icmpv4Message::parse(&bytes).unwrap().checksum_is_valid());
    bytes[2..4].fill(0);
    bytes
}

#[track_caller]
fn assert_bytes_v4(kind: Icmpv4Kind<'_>, bytes: &[u8]) {
    assert_eq!(message_v4(kind), bytes);
    assert_eq!(Icmpv4Message::parse(bytes).unwrap().kind(), kind);
}

#[test]
fn timestamps_have_three_times() {
    let times = Timestamps {
        identifier: 0x0102,
        sequence: 0x0304,
        originate: 1,
        receive: 2,
        transmit: 0x8000_0003,
    };
    let bytes = [
        14, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0, 0, 3,
    ];
    assert_bytes_v4(Icmpv4Kind::TimestampReply(times), &bytes);
}

#[test]
fn address_masks_are_read_and_written() {
    let mask = AddressMask {
        identifier: 1,
        sequence: 2,
        mask: Ipv4Addr::new(255, 255, 240, 0),
    };
    let bytes = [17, 0, 0, 0, 0, 1, 0, 2, 255, 255, 240, 0];
    assert_bytes_v4(Icmpv4Kind::AddressMaskRequest(mask), &bytes);
}

#[test]
fn router_advertisements_list_routers_with_signed_preferences() {
    let routers = [
        RouterEntry {
            address: ROUTER,
            preference: -2,
        },
        RouterEntry {
            address: SOURCE,
            preference: i32::MIN,
        },
    ];
    let kind = Icmpv4Kind::RouterAdvertisement {
        code: Icmpv4RouterCode::NO_COMMON_TRAFFIC,
        lifetime: 1800,
        routers: Sequence::new(&routers),
    };
    let bytes = [
        9, 16, 0, 0, 2, 2, 7, 8, 192, 0, 2, 1, 255, 255, 255, 254, 10, 0, 0, 1, 0x80, 0, 0, 0,
    ];
    assert_bytes_v4(kind, &bytes);
}

#[test]
fn router_entries_of_another_size_are_kept_raw() {
    let bytes = [
        9, 0, 0, 0, 1, 3, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ];
    let message = Icmpv4Message::parse(&bytes).unwrap();
    let other = Icmpv4Kind::Other {
        message_type: Icmpv4Type::ROUTER_ADVERTISEMENT,
        code: 0,
        word: [1, 3, 0, 9],
        body: &bytes[8..],
    };
    assert_eq!(message.kind(), other);
}

#[test]
fn errors_say_pointer_gateway_and_mtu() {
    let lost = v4(SOURCE, DESTINATION).udp(5, 6).build();
    let problem = Icmpv4Kind::ParameterProblem {
        code: Icmpv4ParameterCode::POINTER,
        pointer: 20,
        quoted: &lost,
    };
    let bytes = message_v4(problem);
    assert_eq!(bytes[..8], [12, 0, 0, 0, 20, 0, 0, 0]);
    let redirect = Icmpv4Kind::Redirect {
        code: Icmpv4RedirectCode::HOST,
        gateway: ROUTER,
        quoted: &lost,
    };
    assert_eq!(message_v4(redirect)[..8], [5, 1, 0, 0, 192, 0, 2, 1]);
    let too_big = Icmpv4Kind::DestinationUnreachable {
        code: Icmpv4Unreachable::FRAGMENTATION_NEEDED,
        next_hop_mtu: 1400,
        quoted: &lost,
    };
    assert_eq!(message_v4(too_big)[..8], [3, 4, 0, 0, 0, 0, 5, 120]);
    let photuris = Icmpv4Kind::Photuris {
        code: Icmpv4PhoturisCode::DECRYPTION_FAILED,
        pointer: 300,
        quoted: &lost,
    };
    assert_eq!(message_v4(photuris)[..8], [40, 3, 0, 0, 0, 0, 1, 44]);
}

#[test]
fn shorthands_write_what_the_kinds_say() {
    let lost = v4(SOURCE, DESTINATION).udp(5, 6).build();
    let (code, gateway) = (Icmpv4RedirectCode::NETWORK, ROUTER);
    let quoted = &lost[..];
    let answer = v4(ROUTER, SOURCE);
    assert_eq!(
        answer.icmp_redirect(code, gateway, quoted).build(),
        answer
            .icmpv4(Icmpv4Kind::Redirect {
                code,
                gateway,
                quoted
            })
            .build()
    );
    let (code, pointer) = (Icmpv4ParameterCode::BAD_LENGTH, 3);
    assert_eq!(
        answer.icmp_parameter_problem(code, pointer, quoted).build(),
        answer
            .icmpv4(Icmpv4Kind::ParameterProblem {
                code,
                pointer,
                quoted
            })
            .build()
    );
    let (code, pointer) = (Icmpv6ParameterCode::UNRECOGNIZED_OPTION, 40);
    let answer = v6(DESTINATION_V6, SOURCE_V6);
    assert_eq!(
        answer.icmp_parameter_problem(code, pointer, quoted).build(),
        answer
            .icmpv6(Icmpv6Kind::ParameterProblem {
                code,
                pointer,
                quoted
            })
            .build()
    );
}

#[test]
fn an_error_may_quote_a_packet_in_the_making() {
    let lost = v4(SOURCE, DESTINATION).ttl(1).udp(5, 6).payload(b"probe");
    let error = v4(ROUTER, SOURCE)
        .icmp_time_exceeded(&[])
        .nest(lost)
        .build();
    let bytes = lost.build();
    assert_eq!(error, v4(ROUTER, SOURCE).icmp_time_exceeded(&bytes).build());
}

#[test]
fn a_packet_in_the_making_is_quoted_as_its_bytes_are() {
    let payload = vec![7; 2000];
    let lost = v6(SOURCE_V6, DESTINATION_V6).udp(5, 6).payload(&payload);
    let bytes = lost.build();
    let error = v6(DESTINATION_V6, SOURCE_V6);
    let quoted = error.icmp_packet_too_big(1280, &[]).quote(lost);
    assert_eq!(
        quoted.build(),
        error.icmp_packet_too_big(1280, &bytes).build()
    );
    let whole = error.icmp_packet_too_big(1280, &[]).nest(lost);
    assert_eq!(whole.len(), 40 + 8 + bytes.len());
}

#[test]
fn what_a_message_means_is_said_by_type_and_code() {
    let meaning = |message_type, code| {
        let bytes = [message_type, code, 0, 0, 0, 0, 0, 0];
        let message = Icmpv4Message::parse_lenient(&bytes).unwrap().read;
        (message.code_name(), message.meaning())
    };
    assert_eq!(
        meaning(3, 3),
        (
            Some("port unreachable"),
            Some("Nobody listens at the port.")
        )
    );
    assert_eq!(meaning(11, 0).1, Some("The packet ran out of hops."));
    assert_eq!(
        meaning(8, 0),
        (None, Some("Plea for an answer with the same payload."))
    );
    assert_eq!(meaning(8, 1), (None, None));
    assert_eq!(meaning(3, 200), (None, None));
    assert_eq!(meaning(200, 0), (None, None));
    let too_long = [1, 8, 0, 0, 0, 0, 0, 0];
    let message = Icmpv6Message::parse(&too_long).unwrap();
    assert_eq!(message.code_name(), Some("headers too long"));
    assert_eq!(
        message.meaning(),
        Some("The headers are longer than can be handled.")
    );
}

#[test]
fn what_is_too_short_for_its_type_is_refused_but_read_leniently() {
    let bytes = [13, 0, 0, 0, 1, 2, 3, 4, 5, 6];
    let error = ParseError::Truncated {
        layer: Layer::Icmpv4,
        field: Field::FixedHeader,
        offset: 0,
        needed: 20,
        available: 10,
    };
    assert_eq!(Icmpv4Message::parse(&bytes), Err(error));
    let lenient = Icmpv4Message::parse_lenient(&bytes).unwrap();
    assert_eq!(lenient.stopped, Some(error));
    let other = Icmpv4Kind::Other {
        message_type: Icmpv4Type::TIMESTAMP_REQUEST,
        code: 0,
        word: [1, 2, 3, 4],
        body: &[5, 6],
    };
    assert_eq!(lenient.read.kind(), other);
}

#[test]
fn extended_echoes_name_an_interface() {
    let objects = [IcmpObject::InterfaceName(b"eth0.7")];
    let kind = Icmpv4Kind::ExtendedEchoRequest(ExtendedEchoRequest {
        identifier: 0x0a0b,
        sequence: 7,
        local: true,
        objects: Sequence::new(&objects),
    });
    let bytes = message_v4(kind);
    assert_eq!(bytes[..8], [42, 0, 0, 0, 0x0a, 0x0b, 7, 1]);
    assert_eq!(bytes[8..10], [0x20, 0]);
    assert_eq!(bytes[12..], *b"\x00\x0c\x03\x01eth0.7\0\0");
    let message = Icmpv4Message::parse(&bytes).unwrap();
    assert_eq!(message.kind(), kind);
    assert!(message.extensions().unwrap().unwrap().checksum_is_valid());
}

#[test]
fn extended_echo_replies_say_the_state_of_the_interface() {
    let reply = ExtendedEchoReply {
        code: ExtendedEchoCode::NO_ERROR,
        identifier: 1,
        sequence: 2,
        state: NeighborState::REACHABLE,
        active: true,
        ipv4: false,
        ipv6: true,
    };
    let bytes = [43, 0, 0, 0, 0, 1, 2, 0b0100_0101];
    assert_bytes_v4(Icmpv4Kind::ExtendedEchoReply(reply), &bytes);
    let bytes_v6 = [161, 0, 0, 0, 0, 1, 2, 0b0100_0101];
    let message = Icmpv6Message::parse(&bytes_v6).unwrap();
    assert_eq!(message.kind(), Icmpv6Kind::ExtendedEchoReply(reply));
}

#[test]
fn label_stacks_stand_behind_a_quote_of_128_bytes() {
    let lost = v4(SOURCE, DESTINATION).udp(5, 6).build();
    let objects = [IcmpObject::MplsLabels(Sequence::new(&LABELS))];
    let error = v4(ROUTER, SOURCE)
        .icmp_time_exceeded(&lost)
        .extensions(&objects)
        .build();
    let bytes = &error[IPV4_HEADER_LEN..];
    // RFC 4884 §4.3: the second octet of the word counts words of 4 bytes.
    assert_eq!(bytes[5], 32);
    assert_eq!(bytes[8 + lost.len()..136], [0; 100]);
    assert_eq!(bytes[136..138], [0x20, 0]);
    // RFC 4950 §4: label, traffic class, bottom of stack, TTL.
    assert_eq!(
        bytes[140..],
        [0, 12, 1, 1, 0x03, 0xe8, 0x1a, 1, 0xff, 0xff, 0xf1, 0xff]
    );
    let message = Icmpv4Message::parse(bytes).unwrap();
    assert!(message.checksum_is_valid());
    let extensions = message.extensions().unwrap().unwrap();
    assert!(extensions.checksum_is_valid());
    assert_eq!(extensions.objects(), Sequence::new(&objects));
    assert_eq!(message.kind().quoted().unwrap().len(), 128);
}

#[test]
fn long_quotes_are_cut_so_that_extensions_fit_into_an_error() {
    let long = vec![0x45; 3000];
    let objects = [IcmpObject::MplsLabels(Sequence::new(&LABELS))];
    let v4_error = v4(ROUTER, SOURCE).icmp_time_exceeded(&long);
    assert_eq!(v4_error.extensions(&objects).len(), 576);
    let error = v6(DESTINATION_V6, SOURCE_V6)
        .icmp_unreachable(Icmpv6Unreachable::PORT, &long)
        .extensions(&objects)
        .build();
    // The quote ends at a multiple of 8 bytes.
    assert_eq!(error.len(), 40 + 8 + 1216 + 16);
    let message = Icmpv6Message::parse(&error[IPV6_HEADER_LEN..]).unwrap();
    assert_eq!(message.word(), Some([152, 0, 0, 0]));
    assert_eq!(message.kind().quoted().unwrap().len(), 1216);
    let objects_read = message.extensions().unwrap().unwrap().objects();
    assert_eq!(objects_read, Sequence::new(&objects));
    let whole = v4_error.payload(&long).extensions_unlimited(&objects);
    assert_eq!(whole.len(), 20 + 8 + 3000 + 16);
}

#[test]
fn extensions_of_senders_that_say_no_length_are_found_by_their_checksum() {
    let lost = v4(SOURCE, DESTINATION).udp(5, 6).build();
    let objects = [IcmpObject::MplsLabels(Sequence::new(&LABELS))];
    let old = v4(ROUTER, SOURCE)
        .icmp_time_exceeded(&lost)
        .extensions(&objects)
        .word([0; 4])
        .build();
    let bytes = &old[IPV4_HEADER_LEN..];
    let message = Icmpv4Message::parse(bytes).unwrap();
    let found = message.extensions().unwrap().unwrap();
    assert_eq!(found.objects(), Sequence::new(&objects));
    let mut damaged = bytes.to_vec();
    damaged[145] ^= 1;
    let message = Icmpv4Message::parse(&damaged).unwrap();
    assert_eq!(message.extensions(), Ok(None));
}

#[test]
fn malformed_extensions_are_refused_where_they_are() {
    let mut bytes = vec![11, 0, 0, 0, 0, 32, 0, 0];
    bytes.resize(136, 0);
    bytes.extend([0x20, 0, 0, 0, 0, 3, 1, 1]);
    let message = Icmpv4Message::parse(&bytes).unwrap();
    let error = message.extensions().unwrap_err();
    assert_eq!(
        (error.field(), error.offset()),
        (Field::ExtensionObject, 140)
    );
    bytes[136] = 0x10;
    let message = Icmpv4Message::parse(&bytes).unwrap();
    let error = message.extensions().unwrap_err();
    assert_eq!((error.field(), error.offset()), (Field::Version, 136));
}

#[test]
fn interfaces_are_described_by_what_there_is_of_them() {
    let whole = InterfaceInformation {
        role: InterfaceRole::Outgoing,
        index: Some(7),
        address: Some(IpAddr::V4(ROUTER)),
        name: Some(b"ge-0/0/1"),
        mtu: Some(9000),
    };
    let next_hop = InterfaceInformation {
        role: InterfaceRole::NextHop,
        address: Some(IpAddr::V6(SOURCE_V6)),
        ..InterfaceInformation::default()
    };
    let objects = [
        IcmpObject::Interface(whole),
        IcmpObject::Interface(next_hop),
        IcmpObject::InterfaceIndex(9),
        IcmpObject::InterfaceAddress(IpAddr::V6(SOURCE_V6)),
        IcmpObject::Unknown {
            class: IcmpObjectClass::new(200),
            kind: 3,
            data: &[1, 2, 3],
        },
    ];
    let error = v4(ROUTER, SOURCE)
        .icmp_time_exceeded(&[])
        .extensions(&objects);
    let bytes = error.build();
    let message = Icmpv4Message::parse(&bytes[IPV4_HEADER_LEN..]).unwrap();
    let extensions = message.extensions().unwrap().unwrap();
    assert!(extensions.objects().iter().eq(objects));
    // RFC 5837 §4: role 2, all four parts; index, address, name, MTU.
    let first = &extensions.as_bytes()[4..36];
    assert_eq!(first[..12], [0, 32, 2, 0x8f, 0, 0, 0, 7, 0, 1, 0, 0]);
    assert_eq!(first[16..28], *b"\x0cge-0/0/1\0\0\0");
    assert_eq!(first[28..], [0, 0, 0x23, 0x28]);
}

#[test]
fn objects_shorter_than_their_class_asks_for_are_kept_raw() {
    for (class, kind) in [(1, 1), (2, 0x0f), (3, 2), (3, 3)] {
        let bytes = [0x20, 0, 0, 0, 0, 6, class, kind, 1, 2];
        let extensions = IcmpExtensions::parse(&bytes).unwrap();
        let unknown = IcmpObject::Unknown {
            class: IcmpObjectClass::new(class),
            kind,
            data: &[1, 2],
        };
        assert!(extensions.objects().iter().eq([unknown]), "{class} {kind}");
    }
}

#[test]
fn codes_and_checksums_of_typed_messages_can_be_wrong() {
    let lost = [0x45; 8];
    let kind = Icmpv4Kind::TimeExceeded {
        code: TimeExceededCode::new(77),
        quoted: &lost,
    };
    let packet = v4(SOURCE, DESTINATION)
        .icmpv4(kind)
        .checksum(0xdead)
        .message_type(99)
        .word([1, 2, 3, 4]);
    let bytes = packet.build();
    assert_eq!(bytes[20..28], [99, 77, 0xde, 0xad, 1, 2, 3, 4]);
    assert_eq!(packet.encoded_len(), 36);
}
