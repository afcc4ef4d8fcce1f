//! Extension headers of IPv6, typed both ways.

use std::net::{IpAddr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{
    AuthenticationHeader, EncapsulatedPayload, Expected, Field, IpPacket, IpPacketMut,
    Ipv6Extension, Ipv6Fragment, Ipv6Option, Ipv6Options, Ipv6Packet, Ipv6RoutingKind, Layer,
    ParseError, Protocol, RoutingHeader, RplRoute, Transport, UnknownOptionAction, v6,
};

const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const LAST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);

/// An extension header that owns what it is made of.
#[derive(Clone, Debug)]
enum Spec {
    HopByHop(Vec<OptionSpec>),
    Destination(Vec<OptionSpec>),
    Source(u8, Vec<[u8; 16]>),
    Home(u8, Ipv6Addr),
    Rpl(u8, Vec<[u8; 16]>),
    Segments(u8, u8, u16, Vec<[u8; 16]>, Vec<[u8; 8]>),
    UnknownRouting(u8, u8, [u8; 12]),
    AtomicFragment(u32),
    Authentication(u32, u32, [u8; 12]),
}

#[derive(Clone, Debug)]
enum OptionSpec {
    Owned(Ipv6Option<'static>),
    Unknown(u8, Vec<u8>),
}

impl OptionSpec {
    fn option(&self) -> Ipv6Option<'_> {
        match self {
            Self::Owned(option) => *option,
            Self::Unknown(kind, data) => Ipv6Option::Unknown { kind: *kind, data },
        }
    }
}

impl Spec {
    /// Calls `with` with the header, whose options it collects meanwhile.
    fn options(&self) -> Vec<Ipv6Option<'_>> {
        match self {
            Self::HopByHop(options) | Self::Destination(options) => {
                options.iter().map(OptionSpec::option).collect()
            }
            _ => Vec::new(),
        }
    }

    fn header<'a>(&'a self, options: &'a [Ipv6Option<'a>]) -> Ipv6Extension<'a> {
        let routing = match self {
            Self::HopByHop(_) => return Ipv6Extension::HopByHop(Ipv6Options::new(options)),
            Self::Destination(_) => return Ipv6Extension::Destination(Ipv6Options::new(options)),
            Self::AtomicFragment(identification) => {
                return Ipv6Extension::Fragment(Ipv6Fragment {
                    offset: 0,
                    more: false,
                    identification: *identification,
                });
            }
            Self::Authentication(spi, sequence, icv) => {
                return Ipv6Extension::Authentication(AuthenticationHeader {
                    spi: *spi,
                    sequence: *sequence,
                    icv,
                });
            }
            Self::Source(segments_left, addresses) => RoutingHeader::Source {
                segments_left: *segments_left,
                addresses,
            },
            Self::Home(segments_left, address) => RoutingHeader::Home {
                segments_left: *segments_left,
                address: *address,
            },
            Self::Rpl(segments_left, addresses) => {
                RoutingHeader::Rpl(RplRoute::whole(*segments_left, addresses))
            }
            Self::Segments(segments_left, flags, tag, segments, tlvs) => RoutingHeader::Segments {
                segments_left: *segments_left,
                last_entry: u8::try_from(segments.len() - 1).unwrap(),
                flags: *flags,
                tag: *tag,
                segments,
                tlvs: tlvs.as_flattened(),
            },
            Self::UnknownRouting(kind, segments_left, data) => RoutingHeader::Unknown {
                kind: Ipv6RoutingKind::new(*kind),
                segments_left: *segments_left,
                data,
            },
        };
        Ipv6Extension::Routing(routing)
    }
}

fn option() -> impl Strategy<Value = OptionSpec> {
    prop_oneof![
        Just(OptionSpec::Owned(Ipv6Option::Pad1)),
        (0..8_u8).prop_map(|zeros| OptionSpec::Owned(Ipv6Option::PadN(zeros))),
        any::<u16>().prop_map(|value| OptionSpec::Owned(Ipv6Option::RouterAlert(value))),
        any::<u32>().prop_map(|len| OptionSpec::Owned(Ipv6Option::JumboPayload(len))),
        any::<Ipv6Addr>().prop_map(|home| OptionSpec::Owned(Ipv6Option::HomeAddress(home))),
        (0x30..=0xc0_u8, vec(any::<u8>(), 0..20))
            .prop_map(|(kind, data)| OptionSpec::Unknown(kind, data)),
    ]
}

fn extension() -> impl Strategy<Value = Spec> {
    let addresses = || vec(any::<[u8; 16]>(), 1..4);
    prop_oneof![
        vec(option(), 0..5).prop_map(Spec::HopByHop),
        vec(option(), 0..5).prop_map(Spec::Destination),
        (0..3_u8, addresses()).prop_map(|(left, addresses)| Spec::Source(left, addresses)),
        any::<(bool, Ipv6Addr)>().prop_map(|(left, home)| Spec::Home(u8::from(left), home)),
        (0..3_u8, addresses()).prop_map(|(left, addresses)| Spec::Rpl(left, addresses)),
        (
            0..3_u8,
            any::<(u8, u16)>(),
            addresses(),
            vec(any::<[u8; 8]>(), 0..2)
        )
            .prop_map(|(left, (flags, tag), segments, tlvs)| Spec::Segments(
                left, flags, tag, segments, tlvs
            )),
        (5..=255_u8, any::<(u8, [u8; 12])>())
            .prop_map(|(kind, (left, data))| Spec::UnknownRouting(kind, left, data)),
        any::<(u32, u32, [u8; 12])>()
            .prop_map(|(spi, sequence, icv)| Spec::Authentication(spi, sequence, icv)),
    ]
}

/// Headers in any order, at most one of them a fragment header.
fn extensions() -> impl Strategy<Value = Vec<Spec>> {
    let fragment = prop::option::of(any::<u32>().prop_map(Spec::AtomicFragment));
    (vec(extension(), 0..4), fragment).prop_map(|(mut headers, fragment)| {
        headers.extend(fragment);
        headers
    })
}

/// Builds a datagram behind the headers.
fn build(specs: &[Spec]) -> Vec<u8> {
    let options: Vec<_> = specs.iter().map(Spec::options).collect();
    let headers: Vec<_> = specs
        .iter()
        .zip(&options)
        .map(|(spec, options)| spec.header(options))
        .collect();
    v6(SOURCE, DESTINATION)
        .extensions(&headers)
        .udp(1, 2)
        .payload(b"hello")
        .try_build()
        .unwrap()
}

fn without_padding<'a>(options: &Ipv6Options<'a>) -> Vec<Ipv6Option<'a>> {
    let is_padding = |it: &Ipv6Option<'_>| matches!(it, Ipv6Option::Pad1 | Ipv6Option::PadN(_));
    let read = options.iter().map(Result::unwrap);
    read.filter(|option| !is_padding(option)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn headers_read_as_they_were_built(specs in extensions()) {
        let bytes = build(&specs);
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let udp = IpPacket::from(packet).udp().unwrap();
        prop_assert!(udp.checksum_is_valid(&packet.pseudo_header()));
        prop_assert_eq!(udp.payload(), b"hello");
        let read: Vec<_> = packet.extension_headers().map(|header| header.content()).collect();
        prop_assert_eq!(read.len(), specs.len());
        for (read, spec) in read.iter().zip(&specs) {
            let options = spec.options();
            let written = spec.header(&options);
            match (read, &written) {
                (Ipv6Extension::HopByHop(read), Ipv6Extension::HopByHop(written))
                | (Ipv6Extension::Destination(read), Ipv6Extension::Destination(written)) => {
                    prop_assert_eq!(without_padding(read), without_padding(written));
                }
                _ => prop_assert_eq!(read, &written),
            }
        }
    }

    #[test]
    fn a_packet_emits_byte_for_byte_from_what_was_read(specs in extensions()) {
        let bytes = build(&specs);
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let headers: Vec<_> = packet.extension_headers().map(|header| header.content()).collect();
        let again = v6(SOURCE, DESTINATION).extensions(&headers).udp(1, 2).payload(b"hello");
        prop_assert_eq!(again.len(), bytes.len());
        prop_assert_eq!(again.build(), bytes);
    }

    #[test]
    fn no_packet_with_headers_parses_that_is_cut_anywhere(specs in extensions()) {
        let bytes = build(&specs);
        for len in 0..bytes.len() {
            prop_assert!(IpPacket::parse(&bytes[..len]).is_err());
            if let Ok(packet) = Ipv6Packet::parse_lenient(&bytes[..len]) {
                prop_assert!(packet.stopped.is_some());
                read_everything(&packet.read);
            }
        }
    }

    #[test]
    fn damaged_headers_write_as_they_were_read(
        specs in extensions(),
        changes in vec((40..120_usize, any::<u8>()), 0..6),
    ) {
        let mut bytes = build(&specs);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        let Ok(packet) = Ipv6Packet::parse(&bytes) else {
            return Ok(());
        };
        read_everything(&packet);
        let headers: Vec<_> = packet.extension_headers().map(|header| header.content()).collect();
        let again = v6(SOURCE, DESTINATION)
            .extensions(&headers)
            .bare(packet.protocol())
            .payload(packet.payload());
        prop_assert_eq!(&again.build()[40..], &packet.as_bytes()[40..]);
    }

    #[test]
    fn a_new_destination_leaves_the_checksum_right(specs in extensions(), to: Ipv6Addr) {
        let mut bytes = build(&specs);
        IpPacketMut::parse(&mut bytes).unwrap().set_destination_address(to.into()).unwrap();
        let packet = IpPacket::parse(&bytes).unwrap();
        prop_assert_eq!(packet.destination(), IpAddr::from(to));
        prop_assert!(packet.udp().unwrap().checksum_is_valid(&packet.pseudo_header()));
    }
}

fn read_everything(packet: &Ipv6Packet<'_>) {
    let _ = (
        packet.final_destination(),
        IpPacket::from(*packet).transport_lenient(),
    );
    for header in packet.extension_headers() {
        if let Ipv6Extension::HopByHop(options) | Ipv6Extension::Destination(options) =
            header.content()
        {
            let _ = options.iter().count();
        }
    }
}

/// Builds a packet with one header and returns the header as it is on the wire.
fn wire(header: Ipv6Extension<'_>) -> Vec<u8> {
    let bytes = v6(SOURCE, DESTINATION)
        .extensions(&[header])
        .udp(1, 2)
        .build();
    assert_eq!(Protocol::new(bytes[6]), header.protocol());
    bytes[40..bytes.len() - 8].to_vec()
}

#[test]
fn options_are_filled_up_to_a_multiple_of_eight() {
    let options = |options| wire(Ipv6Extension::HopByHop(Ipv6Options::new(options)));
    assert_eq!(options(&[]), [17, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!(
        options(&[Ipv6Option::RouterAlert(0)]),
        [17, 0, 5, 2, 0, 0, 1, 0]
    );
    assert_eq!(
        options(&[Ipv6Option::JumboPayload(0x0001_0000)]),
        [17, 0, 0xc2, 4, 0, 1, 0, 0]
    );
    let five = [Ipv6Option::PadN(1), Ipv6Option::Pad1, Ipv6Option::Pad1];
    assert_eq!(options(&five), [17, 0, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn every_routing_header_is_the_bytes_it_should_be() {
    let list = [LAST.octets()];
    let routing = |header| wire(Ipv6Extension::Routing(header));
    let source = RoutingHeader::Source {
        segments_left: 1,
        addresses: &list,
    };
    assert_eq!(
        routing(source),
        [&[17, 2, 0, 1, 0, 0, 0, 0], &list[0][..]].concat()
    );
    let home = RoutingHeader::Home {
        segments_left: 1,
        address: LAST,
    };
    assert_eq!(
        routing(home),
        [&[17, 2, 2, 1, 0, 0, 0, 0], &list[0][..]].concat()
    );
    let rpl = RoutingHeader::Rpl(RplRoute {
        segments_left: 2,
        elided: 15,
        elided_in_last: 14,
        padding: 5,
        addresses: &[7, 8, 9, 0, 0, 0, 0, 0],
    });
    assert_eq!(
        routing(rpl),
        [17, 1, 3, 2, 0xfe, 0x50, 0, 0, 7, 8, 9, 0, 0, 0, 0, 0]
    );
    let segments = RoutingHeader::Segments {
        segments_left: 0,
        last_entry: 0,
        flags: 8,
        tag: 0x1234,
        segments: &list,
        tlvs: &[4, 6, 0, 0, 0, 0, 0, 0],
    };
    let expected = [
        &[17, 3, 4, 0, 0, 8, 0x12, 0x34],
        &list[0][..],
        &[4, 6, 0, 0, 0, 0, 0, 0],
    ];
    assert_eq!(routing(segments), expected.concat());
}

#[test]
fn addresses_that_leave_out_octets_are_completed_from_the_destination() {
    let route = RplRoute {
        segments_left: 2,
        elided: 15,
        elided_in_last: 14,
        padding: 5,
        addresses: &[7, 8, 9, 0, 0, 0, 0, 0],
    };
    let completed: Vec<_> = route.completed(DESTINATION).collect();
    let expected = ["fd00::7", "fd00::809"].map(|it| it.parse::<Ipv6Addr>().unwrap());
    assert_eq!(completed, expected);
    let header = RoutingHeader::Rpl(route);
    assert_eq!(header.final_destination(DESTINATION), Some(expected[1]));
    let too_padded = RplRoute {
        padding: 15,
        ..route
    };
    assert_eq!(too_padded.completed(DESTINATION).count(), 0);
}

#[test]
fn the_builder_sums_over_the_address_where_the_packet_ends() {
    let list = [LAST.octets(), DESTINATION.octets()];
    let extensions = [Ipv6Extension::Routing(RoutingHeader::Segments {
        segments_left: 1,
        last_entry: 1,
        flags: 0,
        tag: 0,
        segments: &list,
        tlvs: &[],
    })];
    let bytes = v6(SOURCE, DESTINATION)
        .extensions(&extensions)
        .tcp(1, 2)
        .build();
    let direct = v6(SOURCE, LAST).tcp(1, 2).build();
    assert_eq!(bytes[bytes.len() - 20..], direct[40..]);
}

#[test]
fn a_destination_under_an_unknown_routing_header_stays_covered() {
    let mut headers = vec![17, 2, 99, 1, 0, 0, 0, 0];
    headers.extend(LAST.octets());
    let mut bytes = v6(SOURCE, DESTINATION)
        .extension_headers(Protocol::ROUTING, &headers)
        .udp(1, 2)
        .build();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    packet.set_destination_address(LAST.into()).unwrap();
    let packet = IpPacket::parse(&bytes).unwrap();
    assert!(
        packet
            .udp()
            .unwrap()
            .checksum_is_valid(&packet.pseudo_header())
    );
}

#[test]
fn the_high_bits_of_an_option_say_what_to_do_about_it() {
    let action = |kind| {
        let option = Ipv6Option::Unknown { kind, data: &[] };
        (option.action(), option.may_change())
    };
    assert_eq!(action(0x1e), (UnknownOptionAction::Skip, false));
    assert_eq!(action(0x7e), (UnknownOptionAction::Discard, true));
    assert_eq!(action(0x9e), (UnknownOptionAction::Report, false));
    assert_eq!(action(0xfe), (UnknownOptionAction::ReportUnicast, true));
}

#[test]
fn an_option_cut_off_says_where_in_its_header() {
    let error = ParseError::Truncated {
        layer: Layer::Ipv6Extension,
        field: Field::Option,
        offset: 3,
        needed: 10,
        available: 8,
    };
    let read: Vec<_> = Ipv6Options::from_bytes(&[0, 30, 5, 1, 2, 3])
        .iter()
        .collect();
    assert_eq!(read, [Ok(Ipv6Option::Pad1), Err(error)]);
}

#[test]
fn reserved_bits_keep_a_fragment_header_from_being_typed() {
    let header = |bytes: &[u8]| {
        let bytes = v6(SOURCE, DESTINATION)
            .extension_headers(Protocol::FRAGMENT, bytes)
            .udp(1, 2)
            .build();
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let content = packet.extension_headers().next().unwrap().content();
        matches!(content, Ipv6Extension::Fragment(_))
    };
    assert!(header(&[17, 0, 0, 0, 0, 0, 0, 1]));
    assert!(!header(&[17, 1, 0, 0, 0, 0, 0, 1]));
    assert!(!header(&[17, 0, 0, 2, 0, 0, 0, 1]));
}

#[test]
fn an_authentication_header_says_when_it_is_too_short() {
    let error = ParseError::Invalid {
        layer: Layer::Authentication,
        field: Field::HeaderLen,
        offset: 1,
        found: 8,
        expected: Expected::AtLeast(12),
    };
    assert_eq!(
        AuthenticationHeader::parse(&[6, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]),
        Err(error)
    );
}

#[test]
fn an_encapsulated_payload_is_read_as_far_as_it_is_open() {
    let bytes = v6(SOURCE, DESTINATION).esp(7, 9).payload(b"sealed").build();
    let packet = IpPacket::parse(&bytes).unwrap();
    let expected = EncapsulatedPayload {
        spi: 7,
        sequence: 9,
        sealed: b"sealed",
    };
    assert_eq!(packet.transport(), Ok(Transport::Encapsulated(expected)));
    assert_eq!(packet.protocol(), Protocol::ESP);
}

#[test]
fn the_last_of_several_routing_headers_says_where_a_packet_ends_its_way() {
    let (first, last) = ([[7; 16]], [[9; 16]]);
    let route = |addresses| {
        Ipv6Extension::Routing(RoutingHeader::Source {
            segments_left: 1,
            addresses,
        })
    };
    let headers = [route(&first), route(&last)];
    let bytes = v6([1; 16].into(), [2; 16].into())
        .extensions(&headers)
        .udp(1, 2)
        .build();
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    assert_eq!(packet.final_destination(), Ipv6Addr::from([9; 16]));
}

#[test]
fn a_route_that_does_not_fill_its_header_says_how_much_is_padding() {
    let route = RplRoute {
        segments_left: 1,
        elided: 10,
        elided_in_last: 10,
        padding: 0,
        addresses: &[1, 2, 3, 4, 5, 6],
    };
    let headers = [Ipv6Extension::Routing(RoutingHeader::Rpl(route))];
    let bytes = v6([1; 16].into(), [2; 16].into())
        .extensions(&headers)
        .udp(1, 2)
        .build();
    let packet = Ipv6Packet::parse(&bytes).unwrap();
    let mut expected = [2; 16];
    expected[10..].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
    assert_eq!(packet.final_destination(), Ipv6Addr::from(expected));
}
