//! What builders write, right and wrong on purpose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use wirecraft_ip_packets::{
    BuildError, Dscp, Ecn, IpPacket, Ipv4Packet, Layer, Protocol, SackBlock, TcpFlags, TcpOption,
    Transport, ip, v4, v6,
};

use crate::strategies::{IpSpec, Spec, TcpSpec, UpperSpec, spec};

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_field_is_read_as_it_was_written(spec in spec(200)) {
        let bytes = spec.build();
        let packet = IpPacket::parse(&bytes).unwrap();
        prop_assert_eq!(packet.as_bytes().len(), bytes.len());
        prop_assert_eq!(packet.hop_limit(), spec.hop_limit);
        prop_assert_eq!(packet.dscp().number(), spec.traffic_class >> 2);
        prop_assert_eq!(packet.ecn(), Ecn::from_traffic_class(spec.traffic_class));
        check_ip(&spec, &packet);
        check_upper(&spec, &packet);
    }
}

fn check_ip(spec: &Spec, packet: &IpPacket<'_>) {
    match (&spec.ip, packet) {
        (
            IpSpec::V4 {
                source,
                destination,
                identification,
                dont_fragment,
                options,
            },
            IpPacket::V4(packet),
        ) => {
            assert_eq!(
                (packet.source(), packet.destination()),
                (*source, *destination)
            );
            assert_eq!(packet.identification(), *identification);
            assert_eq!(packet.dont_fragment(), *dont_fragment);
            assert!(packet.checksum_is_valid());
            let read: Vec<_> = packet.options().map(Result::unwrap).collect();
            let expected: Vec<_> = options.iter().map(|option| option.option()).collect();
            assert_eq!(read, expected);
        }
        (
            IpSpec::V6 {
                source,
                destination,
                flow_label,
            },
            IpPacket::V6(packet),
        ) => {
            assert_eq!(
                (packet.source(), packet.destination()),
                (*source, *destination)
            );
            assert_eq!(packet.flow_label(), *flow_label);
        }
        _ => panic!("another version came out"),
    }
}

fn check_upper(spec: &Spec, packet: &IpPacket<'_>) {
    let pseudo_header = packet.pseudo_header();
    let payload = match (&spec.upper, packet.transport().unwrap()) {
        (UpperSpec::Tcp(tcp), Transport::Tcp(segment)) => {
            assert!(segment.checksum_is_valid(&pseudo_header));
            check_tcp(tcp, &segment);
            segment.payload()
        }
        (
            UpperSpec::Udp {
                source_port,
                destination_port,
            },
            Transport::Udp(datagram),
        ) => {
            assert!(datagram.checksum_is_valid(&pseudo_header));
            assert_ne!(datagram.checksum(), 0);
            assert_eq!(datagram.source_port(), *source_port);
            assert_eq!(datagram.destination_port(), *destination_port);
            datagram.payload()
        }
        (UpperSpec::EchoRequest { .. }, Transport::Icmpv4(message)) => {
            assert!(message.checksum_is_valid());
            &message.as_bytes()[8..]
        }
        (UpperSpec::EchoRequest { .. }, Transport::Icmpv6(message)) => {
            assert!(message.checksum_is_valid(&pseudo_header));
            &message.as_bytes()[8..]
        }
        (UpperSpec::Bare(protocol), Transport::Other(found, payload)) => {
            assert_eq!(found, *protocol);
            payload
        }
        (expected, found) => panic!("{expected:?} came out as {found:?}"),
    };
    assert_eq!(payload, spec.payload);
}

fn check_tcp(tcp: &TcpSpec, segment: &wirecraft_ip_packets::TcpSegment<'_>) {
    assert_eq!(segment.source_port(), tcp.source_port);
    assert_eq!(segment.destination_port(), tcp.destination_port);
    assert_eq!((segment.seq(), segment.ack()), (tcp.seq, tcp.ack));
    assert_eq!(segment.flags(), tcp.flags);
    assert_eq!(segment.window(), tcp.window);
    assert_eq!(segment.urgent_pointer(), tcp.urgent_pointer);
    let options: Vec<_> = segment.options().map(Result::unwrap).collect();
    let expected: Vec<_> = tcp.options.iter().map(|option| option.option()).collect();
    assert_eq!(options, expected);
}

#[test]
fn a_syn_is_the_bytes_it_should_be() {
    let packet = v4(SOURCE, DESTINATION)
        .ttl(3)
        .tcp(40_000, 443)
        .seq(7)
        .syn()
        .mss(1380)
        .build();
    // tshark 4 calls both checksums right, and reads DF, SYN, sequence number 7 and MSS 1380.
    let expected = [
        0x45, 0, 0, 44, 0, 0, 0x40, 0, 3, 6, 0x63, 0xca, 10, 0, 0, 1, 10, 0, 0, 2, //
        0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 7, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0xe6, 0x71, 0,
        0, //
        2, 4, 0x05, 0x64,
    ];
    assert_eq!(packet, expected);
}

#[test]
fn every_length_and_checksum_can_be_overridden() {
    let bytes = v4(SOURCE, DESTINATION)
        .version(7)
        .header_len(40)
        .total_len(1)
        .protocol(Protocol::GRE)
        .checksum(0xdead)
        .tcp(1, 2)
        .header_len(60)
        .reserved(0b111)
        .checksum(0xbeef)
        .build();
    assert_eq!(bytes.len(), 40);
    assert_eq!(bytes[0], 0x7a);
    assert_eq!(bytes[2..4], [0, 1]);
    assert_eq!(bytes[9], 47);
    assert_eq!(bytes[10..12], [0xde, 0xad]);
    assert_eq!(bytes[32], 0xfe);
    assert_eq!(bytes[36..38], [0xbe, 0xef]);

    let bytes = v6([1; 16].into(), [2; 16].into())
        .version(5)
        .payload_len(9)
        .next_header(Protocol::TCP)
        .udp(1, 2)
        .length(3)
        .checksum(0)
        .build();
    assert_eq!(bytes[0] >> 4, 5);
    assert_eq!(bytes[4..7], [0, 9, 6]);
    assert_eq!(bytes[44..48], [0, 3, 0, 0]);
}

#[test]
fn writing_past_the_buffer_is_refused_and_leaves_it_alone() {
    let mut buf = [7; 27];
    let error = BuildError::BufferTooSmall {
        needed: 28,
        available: 27,
    };
    assert_eq!(
        v4(SOURCE, DESTINATION).udp(1, 2).write(&mut buf),
        Err(error)
    );
    assert_eq!(buf, [7; 27]);
}

#[test]
fn what_a_buffer_held_before_does_not_show() {
    let builder = v4(SOURCE, DESTINATION)
        .options(&[7])
        .tcp(1, 2)
        .window_scale(2)
        .payload(b"x");
    let mut dirty = [0xff; 80];
    let len = builder.write(&mut dirty).unwrap();
    assert_eq!(dirty[..len], builder.build());
    assert_eq!(dirty[len..], [0xff; 80][len..]);
}

#[test]
fn a_packet_too_long_for_its_field_is_refused_unless_the_field_is_set() {
    let payload = vec![0; 65_508];
    let error = BuildError::TooLong {
        layer: Layer::Ipv4,
        len: 65_536,
        max: 65_535,
    };
    assert_eq!(
        v4(SOURCE, DESTINATION)
            .udp(1, 2)
            .payload(&payload)
            .try_build(),
        Err(error)
    );
    let forced = v4(SOURCE, DESTINATION)
        .total_len(0)
        .udp(1, 2)
        .payload(&payload)
        .try_build();
    assert_eq!(forced.map(|packet| packet.len()), Ok(65_536));
    let wrapped = v4(SOURCE, DESTINATION).udp(1, 2).payload(&payload).build();
    assert_eq!((wrapped.len(), &wrapped[2..4]), (65_536, &[0, 0][..]));

    let error = BuildError::TooLong {
        layer: Layer::Ipv6,
        len: 65_536,
        max: 65_535,
    };
    let packet = v6([1; 16].into(), [2; 16].into()).bare(Protocol::GRE);
    assert_eq!(packet.payload(&[0; 65_536]).try_build(), Err(error));
    assert!(packet.payload(&[0; 65_535]).try_build().is_ok());
}

#[test]
fn a_udp_length_that_does_not_fit_is_refused_by_its_own_layer() {
    let payload = vec![0; 65_528];
    let packet = v6([1; 16].into(), [2; 16].into()).payload_len(0).udp(1, 2);
    let error = BuildError::TooLong {
        layer: Layer::Udp,
        len: 65_536,
        max: 65_535,
    };
    assert_eq!(packet.payload(&payload).try_build(), Err(error));
}

#[test]
fn options_beyond_40_bytes_are_refused_and_left_out() {
    let tcp = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .option(TcpOption::Unknown {
            kind: 99,
            data: &[0; 40],
        });
    let error = BuildError::OptionsTooLong {
        layer: Layer::Tcp,
        len: 42,
        max: 40,
    };
    assert_eq!(tcp.try_build(), Err(error));
    assert_eq!(tcp.build().len(), 40);

    let sack = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .sack(&[SackBlock::default(); 5]);
    assert_eq!(sack.try_build(), Err(error));

    let ip = v4(SOURCE, DESTINATION).options(&[1; 41]).udp(1, 2);
    let error = BuildError::OptionsTooLong {
        layer: Layer::Ipv4,
        len: 41,
        max: 40,
    };
    assert_eq!(ip.try_build(), Err(error));
    assert_eq!(ip.build().len(), 28);
}

#[test]
fn options_are_filled_up_with_zeros() {
    let packet = v4(SOURCE, DESTINATION)
        .options(&[1])
        .tcp(1, 2)
        .raw_options(&[2, 2, 9])
        .build();
    let packet = Ipv4Packet::parse(&packet).unwrap();
    assert_eq!(packet.options().as_bytes(), [1, 0, 0, 0]);
    let segment = IpPacket::from(packet).tcp().unwrap();
    assert_eq!(segment.options().as_bytes(), [2, 2, 9, 0]);
}

#[test]
fn flags_add_up_and_ack_carries_its_number() {
    let builder = v4(SOURCE, DESTINATION)
        .tcp(1, 2)
        .syn()
        .ack(9)
        .ece()
        .cwr()
        .ae()
        .psh()
        .fin()
        .rst();
    let packet = builder.urg(5).build();
    let segment_flags = IpPacket::parse(&packet).unwrap().tcp().unwrap().flags();
    assert_eq!(segment_flags, TcpFlags::from_bits(0x1ff));
    let packet = builder.flags(TcpFlags::NONE).build();
    let packet = IpPacket::parse(&packet).unwrap();
    assert_eq!(
        (packet.tcp().unwrap().flags(), packet.tcp().unwrap().ack()),
        (TcpFlags::NONE, 9)
    );
}

#[test]
fn addresses_of_two_versions_are_refused() {
    let (one, other) = (IpAddr::V4(SOURCE), IpAddr::V6(Ipv6Addr::LOCALHOST));
    assert_eq!(ip(one, other).map(|_| ()), Err(BuildError::MixedVersions));
}

#[test]
fn the_builder_of_either_version_writes_what_that_of_the_version_does() {
    let general = ip(SOURCE.into(), DESTINATION.into()).unwrap();
    let general = general.hop_limit(9).dscp(Dscp::EF).ecn(Ecn::Ect0);
    let special = v4(SOURCE, DESTINATION).ttl(9).dscp(Dscp::EF).ecn(Ecn::Ect0);
    assert_eq!(general.udp(1, 2).build(), special.udp(1, 2).build());
    assert_eq!(
        general.icmp_echo_request(1, 2).payload(b"x").build(),
        special.icmp(8, 0).word([0, 1, 0, 2]).payload(b"x").build()
    );
}

#[test]
fn a_udp_checksum_that_sums_to_zero_is_written_as_ones() {
    let zeroed = v4(SOURCE, DESTINATION).udp(0, 0).payload(&[0, 0]).build();
    let sum = IpPacket::parse(&zeroed).unwrap().udp().unwrap().checksum();
    // With its own checksum for payload the datagram sums up to zero.
    let packet = v4(SOURCE, DESTINATION)
        .udp(0, 0)
        .payload(&sum.to_be_bytes())
        .build();
    assert_eq!(
        IpPacket::parse(&packet).unwrap().udp().unwrap().checksum(),
        0xffff
    );
}
