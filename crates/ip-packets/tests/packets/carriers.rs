//! IGMP, GRE and SCTP.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    EtherType, Expected, Field, GrePacket, GroupRecord, GroupRecordKind, IPV4_HEADER_LEN, IgmpKind,
    IgmpMessage, IgmpType, IpPacket, Layer, ParseError, Protocol, SctpChunk, SctpChunkType,
    SctpPacket, Sequence, SourceQuery, Transport, UnknownName, v4, v6,
};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// Writes an IGMP message alone, the checksum left out.
fn igmp(kind: IgmpKind<'_>) -> Vec<u8> {
    let packet = v4(SOURCE, GROUP).ttl(1).igmp(kind).build();
    let Ok(Transport::Igmp(message)) = IpPacket::parse(&packet).unwrap().transport() else {
        panic!("not IGMP")
    };
    assert!(message.checksum_is_valid());
    assert_eq!(message.kind(), kind);
    let mut bytes = packet[IPV4_HEADER_LEN..].to_vec();
    bytes[2..4].fill(0);
    bytes
}

#[test]
fn each_version_of_igmp_has_its_query() {
    let query = |maximum_response, v3| IgmpKind::Query {
        maximum_response,
        group: GROUP,
        v3,
    };
    let time = |bytes: &[u8]| IgmpMessage::parse(bytes).unwrap().maximum_response_time();
    let first = igmp(query(0, None));
    assert_eq!(first, [0x11, 0, 0, 0, 224, 0, 0, 251]);
    assert_eq!(time(&first), Duration::from_secs(10));
    let second = igmp(query(200, None));
    assert_eq!(time(&second), Duration::from_secs(20));
    let sources = [SOURCE, DESTINATION];
    let third = igmp(query(
        0x8f,
        Some(SourceQuery {
            suppress: false,
            robustness: 7,
            interval_code: 125,
            sources: Sequence::new(&sources),
        }),
    ));
    assert_eq!(third[8..], [7, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2]);
    // RFC 9776 §4.1.1: (mantissa | 0x10) << (exponent + 3), in tenths of a second.
    assert_eq!(time(&third), Duration::from_millis((0x1f << 3) * 100));
}

#[test]
fn reports_and_leaves_name_their_group() {
    assert_eq!(igmp(IgmpKind::V1Report { group: GROUP })[0], 0x12);
    assert_eq!(igmp(IgmpKind::V2Report { group: GROUP })[0], 0x16);
    assert_eq!(
        igmp(IgmpKind::Leave { group: GROUP }),
        [0x17, 0, 0, 0, 224, 0, 0, 251]
    );
    let sources = [SOURCE];
    let records = [
        GroupRecord {
            kind: GroupRecordKind::MODE_IS_INCLUDE,
            group: GROUP,
            sources: Sequence::new(&sources),
            auxiliary: &[],
        },
        GroupRecord {
            kind: GroupRecordKind::new(77),
            group: SOURCE,
            sources: Sequence::EMPTY,
            auxiliary: &[1, 2, 3, 4],
        },
    ];
    let bytes = igmp(IgmpKind::V3Report {
        records: Sequence::new(&records),
    });
    assert_eq!(
        bytes,
        [
            0x22, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 1, 224, 0, 0, 251, 10, 0, 0, 1, 77, 1, 0, 0, 10, 0,
            0, 1, 1, 2, 3, 4
        ]
    );
    let cut = IgmpMessage::parse_lenient(&bytes[..31]).unwrap();
    let error = cut.stopped.unwrap();
    assert_eq!(
        (error.layer(), error.field(), error.offset()),
        (Layer::Igmp, Field::GroupRecord, 20)
    );
    assert!(
        matches!(cut.read.kind(), IgmpKind::V3Report { records: read } if read.iter().eq([records[0]]))
    );
}

#[test]
fn unknown_types_of_igmp_are_kept_raw() {
    let kind = IgmpKind::Other {
        message_type: IgmpType::DVMRP,
        code: 2,
        rest: &[1, 2, 3, 4, 5, 6],
    };
    assert_eq!(igmp(kind), [0x13, 2, 0, 0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn igmp_can_be_wrong_in_every_field() {
    let bytes = v4(SOURCE, GROUP)
        .igmp(IgmpKind::Leave { group: GROUP })
        .message_type(1)
        .code(2)
        .checksum(0x0304)
        .word([5, 6, 7, 8])
        .nest(b"more")
        .build();
    assert_eq!(bytes[20..], *b"\x01\x02\x03\x04\x05\x06\x07\x08more");
}

#[test]
fn igmp_under_ipv6_is_another_protocol() {
    let bytes = v6(SOURCE_V6, DESTINATION_V6)
        .igmp(IgmpKind::Leave { group: GROUP })
        .build();
    let packet = IpPacket::parse(&bytes).unwrap();
    assert!(matches!(
        packet.transport(),
        Ok(Transport::Other(Protocol::IGMP, _))
    ));
}

#[test]
fn gre_carries_a_packet_and_says_which_version() {
    let inner = v6(SOURCE_V6, DESTINATION_V6).udp(1, 2).payload(b"odd");
    let outer = v4(SOURCE, DESTINATION).gre().nest(inner);
    let bytes = outer.build();
    assert_eq!(bytes[20..24], [0, 0, 0x86, 0xdd]);
    let Ok(Transport::Gre(packet)) = IpPacket::parse(&bytes).unwrap().transport() else {
        panic!("not GRE")
    };
    assert_eq!(packet.payload(), inner.build());
    let inner = packet.ip_packet().unwrap().unwrap();
    assert!(
        inner
            .udp()
            .unwrap()
            .checksum_is_valid(&inner.pseudo_header())
    );
    let fields = (packet.checksum(), packet.key(), packet.sequence());
    assert_eq!(fields, (None, None, None));
}

#[test]
fn the_parts_of_a_gre_header_stand_in_order() {
    let packet = v4(SOURCE, DESTINATION)
        .gre()
        .protocol(EtherType::MPLS)
        .sequence(0x0102_0304)
        .key(0xaabb_ccdd)
        .with_checksum()
        .payload(b"odd");
    let bytes = packet.build();
    assert_eq!(bytes[20..24], [0xb0, 0, 0x88, 0x47]);
    assert_eq!(bytes[26..36], [0, 0, 0xaa, 0xbb, 0xcc, 0xdd, 1, 2, 3, 4]);
    let gre = GrePacket::parse(&bytes[20..]).unwrap();
    assert!(gre.checksum_is_valid());
    assert_eq!(
        (gre.key(), gre.sequence()),
        (Some(0xaabb_ccdd), Some(0x0102_0304))
    );
    assert_eq!((gre.header_len(), gre.payload()), (16, &b"odd"[..]));
    assert_eq!(gre.ip_packet(), Ok(None));
    let wrong = packet.checksum(0xdead).build();
    let gre = GrePacket::parse(&wrong[20..]).unwrap();
    assert_eq!(gre.checksum(), Some(0xdead));
    assert!(!gre.checksum_is_valid());
}

#[test]
fn gre_of_other_versions_and_with_routing_is_refused() {
    let with_flags = |flags| v4(SOURCE, DESTINATION).gre().key(7).flags(flags).build();
    let invalid = |field, found| ParseError::Invalid {
        layer: Layer::Gre,
        field,
        offset: 0,
        found,
        expected: Expected::Exactly(0),
    };
    let pptp = with_flags(0x2001);
    assert_eq!(
        GrePacket::parse(&pptp[20..]),
        Err(invalid(Field::Version, 1))
    );
    let routed = with_flags(0x6000);
    let lenient = GrePacket::parse_lenient(&routed[20..]).unwrap();
    assert_eq!(lenient.stopped, Some(invalid(Field::Flags, 0x4000)));
    assert!(lenient.read.has_routing());
    // Bits that receivers shall ignore do not matter.
    let reserved = with_flags(0x2208);
    assert_eq!(GrePacket::parse(&reserved[20..]).unwrap().key(), Some(7));
}

#[test]
fn numbers_of_what_gre_carries_parse_by_name() {
    assert_eq!("ipv6".parse(), Ok(EtherType::IPV6));
    assert_eq!("0x88be".parse(), Ok(EtherType::ERSPAN));
    assert_eq!("2048".parse(), Ok(EtherType::IPV4));
    assert_eq!(
        "0x10000".parse::<EtherType>(),
        Err(UnknownName { most: 65_535 })
    );
    assert_eq!(EtherType(0x1234).to_string(), "0x1234");
    assert_eq!(EtherType::PPP.to_string(), "PPP");
}

#[test]
fn sctp_has_a_checksum_over_header_and_chunks() {
    let chunks = [
        SctpChunk {
            chunk_type: SctpChunkType::INIT,
            flags: 0,
            value: &[0, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1],
        },
        SctpChunk {
            chunk_type: SctpChunkType::PAD,
            flags: 3,
            value: b"odd",
        },
    ];
    let packet = v4(SOURCE, DESTINATION)
        .sctp(1000, 2905)
        .verification_tag(0x0a0b_0c0d)
        .chunks(&chunks);
    let bytes = packet.build();
    let Ok(Transport::Sctp(sctp)) = IpPacket::parse(&bytes).unwrap().transport() else {
        panic!("not SCTP")
    };
    assert!(sctp.checksum_is_valid());
    assert_eq!((sctp.source_port(), sctp.destination_port()), (1000, 2905));
    assert_eq!(sctp.verification_tag(), 0x0a0b_0c0d);
    assert!(sctp.chunks().iter().eq(chunks));
    assert_eq!(bytes[52..], *b"\x84\x03\x00\x07odd\0");
    let damaged = packet.checksum(sctp.checksum() ^ 1).build();
    assert!(
        !SctpPacket::parse(&damaged[20..])
            .unwrap()
            .checksum_is_valid()
    );
}

#[test]
fn a_chunk_that_is_cut_off_ends_the_packet_but_missing_padding_does_not() {
    let chunk = SctpChunk {
        chunk_type: SctpChunkType::DATA,
        flags: 0,
        value: b"a",
    };
    let bytes = v4(SOURCE, DESTINATION).sctp(1, 2).chunks(&[chunk]).build();
    let sctp = &bytes[IPV4_HEADER_LEN..];
    let unpadded = SctpPacket::parse(&sctp[..17]).unwrap();
    assert!(unpadded.chunks().iter().eq([chunk]));
    let error = ParseError::Truncated {
        layer: Layer::Sctp,
        field: Field::Chunk,
        offset: 12,
        needed: 17,
        available: 16,
    };
    assert_eq!(SctpPacket::parse(&sctp[..16]), Err(error));
    let lenient = SctpPacket::parse_lenient(&sctp[..16]).unwrap();
    assert_eq!(lenient.stopped, Some(error));
    assert!(lenient.read.chunks().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_an_igmp_message_says_is_said_again_by_what_is_built_of_it(
        message_type in prop_oneof![
            Just(0x11_u8), Just(0x12), Just(0x16), Just(0x17), Just(0x22), any::<u8>()
        ],
        body in vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 7..60),
    ) {
        let mut bytes = vec![message_type];
        bytes.extend(body);
        let lenient = IgmpMessage::parse_lenient(&bytes).unwrap();
        prop_assert_eq!(IgmpMessage::parse(&bytes), lenient.strict());
        let kind = lenient.read.kind();
        let built = v4(SOURCE, GROUP).igmp(kind).try_build().unwrap();
        let again = IgmpMessage::parse_lenient(&built[IPV4_HEADER_LEN..]).unwrap();
        prop_assert!(again.read.checksum_is_valid());
        prop_assert_eq!(again.read.kind(), kind);
    }

    #[test]
    fn gre_of_any_bytes_is_read_without_a_panic(bytes in vec(any::<u8>(), 0..40)) {
        if let Ok(lenient) = GrePacket::parse_lenient(&bytes) {
            prop_assert_eq!(GrePacket::parse(&bytes), lenient.strict());
            let packet = lenient.read;
            let _ = (packet.checksum_is_valid(), packet.key(), packet.sequence());
            let _ = (packet.payload(), packet.ip_packet());
        }
    }

    #[test]
    fn gre_is_read_as_it_was_written(
        (protocol, key, sequence, checksum) in
            any::<(u16, Option<u32>, Option<u32>, bool)>(),
        payload in vec(any::<u8>(), 0..40),
    ) {
        let mut builder = v4(SOURCE, DESTINATION).gre().protocol(EtherType(protocol));
        if let Some(key) = key {
            builder = builder.key(key);
        }
        if let Some(sequence) = sequence {
            builder = builder.sequence(sequence);
        }
        if checksum {
            builder = builder.with_checksum();
        }
        let bytes = builder.payload(&payload).build();
        for len in 20..bytes.len() {
            let _ = GrePacket::parse_lenient(&bytes[20..len]);
        }
        let packet = GrePacket::parse(&bytes[20..]).unwrap();
        prop_assert_eq!(packet.protocol(), EtherType(protocol));
        prop_assert_eq!((packet.key(), packet.sequence()), (key, sequence));
        prop_assert_eq!(packet.checksum().is_some(), checksum);
        prop_assert!(packet.checksum_is_valid());
        prop_assert_eq!(packet.payload(), &payload);
    }

    #[test]
    fn chunks_are_read_as_they_were_written(
        chunks in vec((any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..20)), 0..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let chunks: Vec<SctpChunk<'_>> = chunks
            .iter()
            .map(|(chunk_type, flags, value)| SctpChunk {
                chunk_type: SctpChunkType::new(*chunk_type),
                flags: *flags,
                value,
            })
            .collect();
        let bytes = v6(SOURCE_V6, DESTINATION_V6).sctp(7, 8).chunks(&chunks).build();
        let sctp = SctpPacket::parse(&bytes[40..]).unwrap();
        prop_assert!(sctp.checksum_is_valid());
        prop_assert!(sctp.chunks().iter().eq(chunks.iter().copied()));
        let end = 40 + cut.index(bytes.len() - 40);
        if let Ok(lenient) = SctpPacket::parse_lenient(&bytes[40..end]) {
            let read: Vec<SctpChunk<'_>> = lenient.read.chunks().iter().collect();
            prop_assert!(chunks.starts_with(&read));
        }
    }
}
