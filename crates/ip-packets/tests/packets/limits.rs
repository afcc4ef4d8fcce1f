//! What a field cannot say is refused, and never written as something else unasked.

use std::net::{Ipv4Addr, Ipv6Addr};

use wirecraft_ip_packets::{
    AuthenticationHeader, BuildError, DomainName, GroupRecord, GroupRecordKind, IcmpObject,
    IcmpObjectClass, Icmpv4Kind, Icmpv4RouterCode, Icmpv6Kind, IgmpKind, InterfaceInformation,
    Ipv4Builder, Ipv6Builder, Ipv6Extension, Ipv6Fragment, Ipv6Option, Ipv6Options,
    Ipv6RoutingKind, Layer, MldQuery, NdpOption, NdpOptionKind, Protocol, RouterEntry,
    RoutingHeader, SctpChunk, SctpChunkType, Sequence, SourceQuery, TcpOption, UserTimeout, v4, v6,
};

fn four() -> Ipv4Builder<'static> {
    v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
}

/// A header whose own length is set by hand, so that only what is within can be refused.
fn long_four() -> Ipv4Builder<'static> {
    four().total_len(20)
}

fn six() -> Ipv6Builder<'static> {
    v6([1; 16].into(), [2; 16].into())
}

const fn too_long(layer: Layer, len: usize, max: usize) -> Option<BuildError> {
    Some(BuildError::TooLong { layer, len, max })
}

const fn too_many(layer: Layer, count: usize, max: usize) -> Option<BuildError> {
    Some(BuildError::TooMany { layer, count, max })
}

const fn too_great(layer: Layer, value: usize, max: usize) -> Option<BuildError> {
    Some(BuildError::TooGreat { layer, value, max })
}

fn refused(extension: Ipv6Extension<'_>) -> Option<BuildError> {
    let headers = [extension];
    let packet = v6([1; 16].into(), [2; 16].into()).extensions(&headers);
    packet.udp(1, 2).try_build().err()
}

#[test]
fn data_of_an_ipv6_option_is_at_most_255_bytes() {
    let with = |len: usize| {
        let data = vec![7; len];
        let options = [Ipv6Option::Unknown {
            kind: 0x1e,
            data: &data,
        }];
        let options = Ipv6Options::new(&options);
        [
            refused(Ipv6Extension::HopByHop(options)),
            refused(Ipv6Extension::Destination(options)),
        ]
    };
    assert_eq!(with(255), [None; 2]);
    assert_eq!(with(256), [too_long(Layer::Ipv6Extension, 256, 255); 2]);
}

#[test]
fn an_ipv6_extension_header_is_at_most_2048_bytes() {
    let options = |count| {
        let pads = vec![Ipv6Option::PadN(0); count];
        refused(Ipv6Extension::HopByHop(Ipv6Options::new(&pads)))
    };
    assert_eq!(options(1023), None);
    assert_eq!(options(1024), too_long(Layer::Ipv6Extension, 2056, 2048));
    let routing = |len: usize| {
        let data = vec![7; len];
        refused(Ipv6Extension::Routing(RoutingHeader::Unknown {
            kind: Ipv6RoutingKind::new(200),
            segments_left: 0,
            data: &data,
        }))
    };
    assert_eq!(routing(2044), None);
    assert_eq!(routing(2045), too_long(Layer::Ipv6Extension, 2056, 2048));
}

#[test]
fn a_fragment_offset_is_at_most_13_bits_of_8_bytes() {
    let with = |offset| {
        refused(Ipv6Extension::Fragment(Ipv6Fragment {
            offset,
            more: false,
            identification: 1,
        }))
    };
    assert_eq!(with(65_528), None);
    assert_eq!(
        with(65_536),
        too_great(Layer::Ipv6Extension, 65_536, 65_528)
    );
}

#[test]
fn an_authentication_header_is_at_most_1028_bytes() {
    let with = |len: usize| {
        let icv = vec![7; len];
        refused(Ipv6Extension::Authentication(AuthenticationHeader {
            spi: 1,
            sequence: 2,
            icv: &icv,
        }))
    };
    assert_eq!(with(1016), None);
    assert_eq!(with(1017), too_long(Layer::Authentication, 1032, 1028));
}

#[test]
fn a_quote_before_extensions_is_at_most_255_words_unless_the_word_is_set() {
    let objects = [IcmpObject::InterfaceIndex(7)];
    let quote = vec![7; 2044];
    let with = |len: usize| {
        let v4 = four().icmp(11, 0).payload(&quote[..len]);
        v4.extensions_unlimited(&objects)
    };
    assert_eq!(with(1020).try_build().err(), None);
    let error = too_long(Layer::Icmpv4, 1024, 1020);
    assert_eq!(with(1021).try_build().err(), error);
    assert_eq!(with(1021).word([0, 9, 0, 0]).try_build().err(), None);
    let six = |len: usize| {
        let message = six().icmp(1, 0).payload(&quote[..len]);
        message.extensions_unlimited(&objects).try_build().err()
    };
    assert_eq!(six(2040), None);
    assert_eq!(six(2041), too_long(Layer::Icmpv6, 2048, 2040));
}

#[test]
fn an_object_of_an_icmp_extension_is_at_most_65535_bytes() {
    let with = |len: usize| {
        let data = vec![7; len];
        let objects = [IcmpObject::Unknown {
            class: IcmpObjectClass::new(9),
            kind: 1,
            data: &data,
        }];
        let message = long_four().icmp(11, 0).extensions_unlimited(&objects);
        message.try_build().err()
    };
    assert_eq!(with(65_531), None);
    assert_eq!(with(65_532), too_long(Layer::IcmpExtension, 65_536, 65_535));
}

#[test]
fn a_name_of_an_interface_is_at_most_63_bytes() {
    let with = |len: usize| {
        let name = vec![b'x'; len];
        let information = InterfaceInformation {
            name: Some(&name),
            ..InterfaceInformation::default()
        };
        let objects = [IcmpObject::Interface(information)];
        let message = four().icmp(11, 0).extensions(&objects);
        message.try_build().err()
    };
    assert_eq!(with(63), None);
    assert_eq!(with(64), too_long(Layer::IcmpExtension, 64, 63));
}

#[test]
fn a_domain_name_has_labels_of_1_to_63_bytes_and_255_at_most() {
    let with = |name: &str| {
        let domains = [DomainName::new(name)];
        let options = [NdpOption::DnsSearchList {
            lifetime: 1,
            domains: Sequence::new(&domains),
        }];
        let options = Sequence::new(&options);
        let message = Icmpv6Kind::RouterSolicitation { options };
        six().icmpv6(message).try_build().err()
    };
    let label = "x".repeat(63);
    assert_eq!(with("corp.example."), None);
    assert_eq!(with(&label), None);
    let error = too_long(Layer::Icmpv6, 64, 63);
    assert_eq!(with(&format!("a.{label}x.b")), error);
    for name in ["", ".", "corp..example", ".example", "example.."] {
        let layer = Layer::Icmpv6;
        assert_eq!(with(name), Some(BuildError::Empty { layer }), "{name}");
    }
    let three = [&label[..]; 3].join(".");
    assert_eq!(with(&format!("{three}.{}", &label[..61])), None);
    let error = too_long(Layer::Icmpv6, 256, 255);
    assert_eq!(with(&format!("{three}.{}", &label[..62])), error);
}

#[test]
fn an_ndp_option_is_at_most_2040_bytes() {
    let with = |len: usize| {
        let data = vec![7; len];
        let options = [NdpOption::Unknown {
            kind: NdpOptionKind::new(200),
            data: &data,
        }];
        let options = Sequence::new(&options);
        let message = Icmpv6Kind::RouterSolicitation { options };
        v6([1; 16].into(), [2; 16].into())
            .icmpv6(message)
            .try_build()
            .err()
    };
    assert_eq!(with(2038), None);
    assert_eq!(with(2039), too_long(Layer::Icmpv6, 2048, 2040));
}

#[test]
fn an_sctp_chunk_is_at_most_65535_bytes() {
    let with = |len: usize| {
        let value = vec![7; len];
        let chunks = [SctpChunk {
            chunk_type: SctpChunkType::DATA,
            flags: 0,
            value: &value,
        }];
        long_four().sctp(1, 2).chunks(&chunks).try_build().err()
    };
    assert_eq!(with(65_531), None);
    assert_eq!(with(65_532), too_long(Layer::Sctp, 65_536, 65_535));
}

#[test]
fn routers_of_an_advertisement_are_at_most_255_unless_the_word_is_set() {
    let entry = RouterEntry {
        address: Ipv4Addr::LOCALHOST,
        preference: 0,
    };
    let entries = vec![entry; 256];
    let with = |count: usize| {
        v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).icmpv4(Icmpv4Kind::RouterAdvertisement {
            code: Icmpv4RouterCode::new(0),
            lifetime: 9,
            routers: Sequence::new(&entries[..count]),
        })
    };
    assert_eq!(with(255).try_build().err(), None);
    assert_eq!(
        with(256).try_build().err(),
        too_many(Layer::Icmpv4, 256, 255)
    );
    assert_eq!(with(256).word([0, 2, 0, 9]).try_build().err(), None);
}

fn record<'s, A>(group: A, sources: &'s [A], auxiliary: &'static [u8]) -> GroupRecord<'s, A>
where
    A: for<'a> wirecraft_ip_packets::Element<'a>,
{
    GroupRecord {
        kind: GroupRecordKind::MODE_IS_INCLUDE,
        group,
        sources: Sequence::new(sources),
        auxiliary,
    }
}

#[test]
fn a_multicast_report_counts_records_sources_and_words_of_data() {
    static DATA: [u8; 1024] = [7; 1024];
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let with = |records: &[GroupRecord<'_, Ipv4Addr>]| {
        let records = Sequence::new(records);
        let report = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).total_len(20);
        report
            .igmp(IgmpKind::V3Report { records })
            .try_build()
            .err()
    };
    assert_eq!(with(&[record(group, &[], &DATA[..1020])]), None);
    let error = too_long(Layer::Igmp, 1024, 1020);
    assert_eq!(with(&[record(group, &[], &DATA[..1021])]), error);
    let sources = vec![group; 65_536];
    assert_eq!(with(&[record(group, &sources[1..], &[])]), None);
    let error = too_many(Layer::Igmp, 65_536, 65_535);
    assert_eq!(with(&[record(group, &sources, &[])]), error);
    let records = vec![record(group, &[], &[]); 65_536];
    assert_eq!(with(&records[1..]), None);
    assert_eq!(with(&records), error);
}

#[test]
fn a_multicast_query_counts_its_sources() {
    let sources = vec![Ipv6Addr::LOCALHOST; 65_536];
    let with = |count: usize| {
        let v2 = SourceQuery {
            suppress: false,
            robustness: 2,
            interval_code: 9,
            sources: Sequence::new(&sources[..count]),
        };
        let query = v6([1; 16].into(), [2; 16].into()).payload_len(0);
        let message = query.icmpv6(Icmpv6Kind::MldQuery(MldQuery {
            maximum_response: 1,
            group: Ipv6Addr::LOCALHOST,
            v2: Some(v2),
        }));
        message.try_build().err()
    };
    assert_eq!(with(65_535), None);
    assert_eq!(with(65_536), too_many(Layer::Icmpv6, 65_536, 65_535));
}

#[test]
fn a_user_timeout_is_at_most_15_bits() {
    let with = |timeout| {
        let option = TcpOption::UserTimeout(timeout);
        four().tcp(1, 2).option(option).try_build().err()
    };
    assert_eq!(with(UserTimeout::Seconds(0x7fff)), None);
    let error = too_great(Layer::Tcp, 40_000, 0x7fff);
    assert_eq!(with(UserTimeout::Seconds(40_000)), error);
    assert_eq!(with(UserTimeout::Minutes(40_000)), error);
}

#[test]
fn an_error_that_quotes_what_cannot_be_written_cannot_be_either() {
    let data = [7; 256];
    let options = [Ipv6Option::Unknown {
        kind: 0x1e,
        data: &data,
    }];
    let headers = [Ipv6Extension::HopByHop(Ipv6Options::new(&options))];
    let lost = v6([1; 16].into(), [2; 16].into()).extensions(&headers);
    let error = six()
        .icmp_time_exceeded(&[])
        .quote(lost.bare(Protocol::UDP));
    assert_eq!(
        error.try_build().err(),
        too_long(Layer::Ipv6Extension, 256, 255)
    );
    assert_eq!(error.build().len(), error.len());
    let whole = six().icmp_time_exceeded(&[]).quote(six().udp(1, 2));
    assert_eq!(whole.try_build().err(), None);
}
