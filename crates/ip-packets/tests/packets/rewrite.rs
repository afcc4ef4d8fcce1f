//! Changes in place.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use proptest::prelude::*;
use wirecraft_ip_packets::{
    Dscp, Ecn, Field, IpPacket, IpPacketBuf, IpPacketMut, Protocol, RewriteError, TcpFlags, v4, v6,
};

use crate::strategies::{IpSpec, Spec, UpperSpec, spec};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// A packet and what becomes of the parts of it that can be changed.
fn changed() -> impl Strategy<Value = (Spec, Spec)> {
    (spec(60), spec(0), any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(
        |(before, other, source, destination)| {
            let mut after = before.clone();
            after.hop_limit = other.hop_limit;
            after.traffic_class = other.traffic_class;
            match &mut after.ip {
                IpSpec::V4 {
                    source: old_source,
                    destination: old_destination,
                    ..
                } => {
                    *old_source = Ipv4Addr::from(*source.first_chunk::<4>().unwrap());
                    *old_destination = Ipv4Addr::from(*destination.first_chunk::<4>().unwrap());
                }
                IpSpec::V6 {
                    source: old_source,
                    destination: old_destination,
                    flow_label,
                } => {
                    *flow_label = !*flow_label & 0xf_ffff;
                    *old_source = source.into();
                    *old_destination = destination.into();
                }
            }
            let ports = u32::from_be_bytes(*source.last_chunk::<4>().unwrap());
            match &mut after.upper {
                UpperSpec::Tcp(tcp) => {
                    [tcp.source_port, tcp.destination_port] =
                        [ports >> 16, ports & 0xffff].map(|port| u16::try_from(port).unwrap());
                    tcp.seq = !ports;
                    tcp.ack = ports.rotate_left(7);
                    tcp.window = !tcp.window;
                    tcp.flags = TcpFlags::from_bits(!tcp.flags.bits());
                }
                UpperSpec::Udp {
                    source_port,
                    destination_port,
                } => {
                    [*source_port, *destination_port] =
                        [ports >> 16, ports & 0xffff].map(|port| u16::try_from(port).unwrap());
                }
                _ => {}
            }
            (before, after)
        },
    )
}

/// Changes `packet` field by field to what `after` says.
fn apply(packet: &mut IpPacketMut<'_>, after: &Spec) {
    packet.set_hop_limit(after.hop_limit);
    packet.set_dscp(Dscp::new(after.traffic_class >> 2));
    packet.set_ecn(Ecn::from_traffic_class(after.traffic_class));
    let (source, destination): (IpAddr, IpAddr) = match after.ip {
        IpSpec::V4 {
            source,
            destination,
            ..
        } => (source.into(), destination.into()),
        IpSpec::V6 {
            source,
            destination,
            ..
        } => (source.into(), destination.into()),
    };
    packet.set_source_address(source).unwrap();
    packet.set_destination_address(destination).unwrap();
    if let IpSpec::V6 { flow_label, .. } = after.ip {
        packet.set_flow_label(flow_label).unwrap();
    }
    match &after.upper {
        UpperSpec::Tcp(tcp) => {
            packet.set_source_port(tcp.source_port).unwrap();
            packet.set_destination_port(tcp.destination_port).unwrap();
            packet.set_tcp_seq(tcp.seq).unwrap();
            packet.set_tcp_ack(tcp.ack).unwrap();
            packet.set_tcp_window(tcp.window).unwrap();
            packet.set_tcp_flags(tcp.flags).unwrap();
        }
        UpperSpec::Udp {
            source_port,
            destination_port,
        } => {
            packet.set_source_port(*source_port).unwrap();
            packet.set_destination_port(*destination_port).unwrap();
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_changed_packet_equals_one_built_that_way((before, after) in changed()) {
        let mut bytes = before.build();
        apply(&mut IpPacketMut::parse(&mut bytes).unwrap(), &after);
        prop_assert_eq!(bytes, after.build());
    }
}

#[test]
fn a_udp_datagram_without_a_checksum_stays_without() {
    let builder = v4(SOURCE, DESTINATION).udp(1, 2).checksum(0);
    let mut bytes = builder.build();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    packet
        .set_source(SocketAddr::from(([9, 9, 9, 9], 99)))
        .unwrap();
    assert_eq!(
        bytes,
        v4([9, 9, 9, 9].into(), DESTINATION)
            .udp(99, 2)
            .checksum(0)
            .build()
    );
}

#[test]
fn a_wrong_checksum_is_not_made_right() {
    let mut bytes = v4(SOURCE, DESTINATION).tcp(1, 2).checksum(0xdead).build();
    IpPacketMut::parse(&mut bytes)
        .unwrap()
        .set_source_port(7)
        .unwrap();
    let packet = IpPacket::parse(&bytes).unwrap();
    assert!(
        !packet
            .tcp()
            .unwrap()
            .checksum_is_valid(&packet.pseudo_header())
    );
}

#[test]
fn an_address_of_the_other_version_is_refused_and_nothing_changes() {
    let mut bytes = v4(SOURCE, DESTINATION).udp(1, 2).build();
    let before = bytes.clone();
    let address = IpAddr::from([1_u8; 16]);
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    let error = RewriteError::WrongVersion { address };
    assert_eq!(
        packet.set_destination(SocketAddr::new(address, 7)),
        Err(error)
    );
    assert_eq!(bytes, before);
}

#[test]
fn a_packet_without_ports_refuses_them_and_keeps_its_address() {
    let mut bytes = v4(SOURCE, DESTINATION).icmp_echo_request(1, 2).build();
    let before = bytes.clone();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    let error = RewriteError::NoSuchField {
        protocol: Protocol::ICMPV4,
        field: "port",
    };
    assert_eq!(
        packet.set_source(SocketAddr::from(([9, 9, 9, 9], 99))),
        Err(error)
    );
    assert_eq!(bytes, before);
}

#[test]
fn the_checksum_of_a_whole_datagram_stays_right_in_its_first_fragment() {
    let whole = |source| {
        v4(source, DESTINATION)
            .dont_fragment(false)
            .udp(1, 2)
            .payload(&[5; 100])
    };
    let mut first = first_fragment(&whole(SOURCE).build());
    IpPacketMut::parse(&mut first)
        .unwrap()
        .set_source_address([9, 9, 9, 9].into())
        .unwrap();
    assert_eq!(first, first_fragment(&whole([9, 9, 9, 9].into()).build()));
}

fn first_fragment(packet: &[u8]) -> Vec<u8> {
    let IpPacket::V4(packet) = IpPacket::parse(packet).unwrap() else {
        panic!("not IPv4")
    };
    packet.fragments(68).unwrap().next().unwrap().to_vec()
}

#[test]
fn only_the_ip_header_of_a_later_fragment_changes() {
    let builder = |source| {
        v4(source, DESTINATION)
            .fragment_offset(64)
            .bare(Protocol::TCP)
            .payload(&[7; 24])
    };
    let mut bytes = builder(SOURCE).build();
    IpPacketMut::parse(&mut bytes)
        .unwrap()
        .set_source_address([9, 9, 9, 9].into())
        .unwrap();
    assert_eq!(bytes, builder([9, 9, 9, 9].into()).build());
}

#[test]
fn a_steered_destination_does_not_change_the_checksum() {
    let mut headers = vec![17, 2, 0, 1, 0, 0, 0, 0];
    headers.extend([3; 16]);
    let mut bytes = v6([1; 16].into(), [3; 16].into())
        .extension_headers(Protocol::ROUTING, &headers)
        .udp(1, 2)
        .build();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    packet.set_destination_address([9_u8; 16].into()).unwrap();
    let packet = IpPacket::parse(&bytes).unwrap();
    assert_eq!(packet.destination(), IpAddr::from([9_u8; 16]));
    assert!(
        packet
            .udp()
            .unwrap()
            .checksum_is_valid(&packet.pseudo_header())
    );
}

#[test]
fn fields_of_another_protocol_or_version_are_refused() {
    let no_such = |field| {
        Err(RewriteError::NoSuchField {
            protocol: Protocol::UDP,
            field,
        })
    };
    let mut bytes = v4(SOURCE, DESTINATION).udp(1, 2).build();
    let before = bytes.clone();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    assert_eq!(packet.set_tcp_ack(1), no_such("acknowledgment number"));
    assert_eq!(packet.set_tcp_window(1), no_such("window"));
    assert_eq!(packet.set_tcp_flags(TcpFlags::SYN), no_such("flag"));
    assert_eq!(packet.set_flow_label(1), no_such("flow label"));
    assert_eq!(bytes, before);
}

#[test]
fn the_numbers_of_an_echo_change_with_its_checksum() {
    let v6_address = std::net::Ipv6Addr::LOCALHOST;
    let built = |identifier, sequence| {
        [
            v4(SOURCE, DESTINATION)
                .icmp_echo_request(identifier, sequence)
                .payload(b"odd")
                .build(),
            v6(v6_address, v6_address)
                .icmp_echo_reply(identifier, sequence)
                .payload(b"odd")
                .build(),
        ]
    };
    for (mut bytes, expected) in built(1, 2).into_iter().zip(built(0xfffe, 0x1234)) {
        let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
        packet.set_icmp_identifier(0xfffe).unwrap();
        packet.set_icmp_sequence(0x1234).unwrap();
        assert_eq!(bytes, expected);
    }
}

#[test]
fn the_addresses_of_a_v4_message_are_not_in_its_checksum() {
    let echo = |source, destination| v4(source, destination).icmp_echo_request(1, 2).build();
    let mut bytes = echo(SOURCE, DESTINATION);
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    packet.set_source_address(DESTINATION.into()).unwrap();
    packet.set_destination_address(SOURCE.into()).unwrap();
    assert_eq!(bytes, echo(DESTINATION, SOURCE));
}

#[test]
fn an_error_has_no_identifier_and_an_extended_echo_a_sequence_of_one_octet() {
    let mut bytes = v4(SOURCE, DESTINATION).icmp(3, 1).payload(&[0; 28]).build();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    let refused = |field| RewriteError::NoSuchField {
        protocol: Protocol::ICMPV4,
        field,
    };
    assert_eq!(packet.set_icmp_identifier(1), Err(refused("identifier")));
    let mut bytes = v4(SOURCE, DESTINATION).icmp(43, 0).build();
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    assert_eq!(packet.set_icmp_identifier(7), Ok(()));
    let sequence = packet.set_icmp_sequence(1);
    assert_eq!(sequence, Err(refused("sequence number of two octets")));
    assert_eq!(
        bytes,
        v4(SOURCE, DESTINATION)
            .icmp(43, 0)
            .word([0, 7, 0, 0])
            .build()
    );
}

#[test]
fn a_segment_size_is_lowered_at_even_and_odd_places_and_never_raised() {
    for odd in [false, true] {
        let built = |mss| {
            let syn = v4(SOURCE, DESTINATION).tcp(1, 2).syn();
            let syn = if odd { syn.nop() } else { syn };
            syn.mss(mss).sack_permitted().payload(b"!").build()
        };
        let mut bytes = built(1460);
        let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
        assert_eq!(packet.clamp_tcp_mss(1461), None);
        assert_eq!(packet.clamp_tcp_mss(1281), Some(1460));
        assert_eq!(packet.clamp_tcp_mss(1281), None);
        assert_eq!(bytes, built(1281), "odd: {odd}");
    }
}

#[test]
fn packets_without_a_segment_size_stay_as_they_are() {
    let packets = [
        v4(SOURCE, DESTINATION).udp(1, 2).build(),
        v4(SOURCE, DESTINATION).tcp(1, 2).timestamps(1, 2).build(),
        v4(SOURCE, DESTINATION)
            .tcp(1, 2)
            .raw_options(&[2, 3, 9, 0])
            .build(),
    ];
    for before in packets {
        let mut bytes = before.clone();
        let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
        assert_eq!(packet.clamp_tcp_mss(0), None);
        assert_eq!(bytes, before);
    }
}

#[test]
fn fragmentation_and_the_urgent_pointer_change_with_their_checksums() {
    let built = |set, pointer| {
        v4(SOURCE, DESTINATION)
            .dont_fragment(set)
            .tcp(1, 2)
            .urgent_pointer(pointer)
            .build()
    };
    let mut bytes = built(true, 0);
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    packet.set_dont_fragment(false).unwrap();
    packet.set_tcp_urgent_pointer(77).unwrap();
    assert_eq!(bytes, built(false, 77));
    let mut packet = IpPacketMut::parse(&mut bytes).unwrap();
    packet.set_dont_fragment(true).unwrap();
    assert_eq!(bytes, built(true, 77));
}

#[test]
fn a_kept_packet_is_changed_in_place_and_trimmed() {
    let builder = |port| v4(SOURCE, DESTINATION).udp(1, port);
    let mut bytes = builder(2).build();
    bytes.push(0);
    let mut kept = IpPacketBuf::new(bytes).unwrap();
    kept.view_mut().set_destination_port(9).unwrap();
    assert_eq!(kept.view().udp().unwrap().destination_port(), 9);
    assert_eq!(IpPacketBuf::try_from(kept.view()), Ok(kept.clone()));
    assert_eq!(kept.into_bytes(), builder(9).build());
    assert!(IpPacketBuf::new(vec![0x45; 19]).is_err());
}

#[test]
fn bytes_that_are_no_packet_cannot_be_rewritten() {
    let error = IpPacketMut::parse(&mut [0x45; 19]).unwrap_err();
    assert_eq!(error.field(), Field::FixedHeader);
}
