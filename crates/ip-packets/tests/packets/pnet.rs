//! pnet reads what was built, field by field, and computes the checksums that are in it.

use std::net::IpAddr;

use pnet_packet::icmp::{self, IcmpPacket};
use pnet_packet::icmpv6::{self, Icmpv6Packet};
use pnet_packet::ipv4::{self, Ipv4Packet};
use pnet_packet::ipv6::Ipv6Packet;
use pnet_packet::tcp::{self, TcpPacket};
use pnet_packet::udp::{self, UdpPacket};
use pnet_packet::{Packet, util};
use proptest::collection::vec;
use proptest::prelude::*;
use wirecraft_ip_packets::{IpPacket, Transport, checksum};

use crate::strategies::spec;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn built_packets_are_read_alike(spec in spec(200)) {
        let bytes = spec.build();
        let ours = IpPacket::parse(&bytes).unwrap();
        compare_ip(&ours);
        match ours.transport().unwrap() {
            Transport::Tcp(segment) => compare_tcp(&ours, &segment),
            Transport::Udp(datagram) => compare_udp(&ours, &datagram),
            Transport::Icmpv4(message) => {
                let theirs = IcmpPacket::new(message.as_bytes()).unwrap();
                prop_assert_eq!(theirs.get_icmp_type().0, message.message_type().number());
                prop_assert_eq!(theirs.get_icmp_code().0, message.code());
                prop_assert_eq!(icmp::checksum(&theirs), message.checksum());
            }
            Transport::Icmpv6(message) => {
                let theirs = Icmpv6Packet::new(message.as_bytes()).unwrap();
                let (IpAddr::V6(source), IpAddr::V6(destination)) = (ours.source(), ours.destination()) else {
                    panic!("ICMPv6 over IPv4");
                };
                prop_assert_eq!(theirs.get_icmpv6_type().0, message.message_type().number());
                prop_assert_eq!(icmpv6::checksum(&theirs, &source, &destination), message.checksum());
            }
            Transport::Other(protocol, _) => prop_assert!(protocol.number() >= 253),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn checksums_of_any_bytes_are_the_same(bytes in vec(any::<u8>(), 1..300)) {
        prop_assert_eq!(checksum::checksum(&bytes), util::checksum(&bytes, usize::MAX));
    }
}

fn compare_ip(ours: &IpPacket<'_>) {
    match ours {
        IpPacket::V4(ours) => {
            let theirs = Ipv4Packet::new(ours.as_bytes()).unwrap();
            assert_eq!(theirs.get_source(), ours.source());
            assert_eq!(theirs.get_destination(), ours.destination());
            assert_eq!(theirs.get_ttl(), ours.ttl());
            assert_eq!(theirs.get_dscp(), ours.dscp().number());
            assert_eq!(theirs.get_ecn(), ours.ecn().bits());
            assert_eq!(theirs.get_identification(), ours.identification());
            assert_eq!(
                usize::from(theirs.get_total_length()),
                ours.as_bytes().len()
            );
            assert_eq!(theirs.get_next_level_protocol().0, ours.protocol().number());
            assert_eq!(ipv4::checksum(&theirs), ours.checksum());
            assert_eq!(theirs.payload(), ours.payload());
        }
        IpPacket::V6(ours) => {
            let theirs = Ipv6Packet::new(ours.as_bytes()).unwrap();
            assert_eq!(theirs.get_source(), ours.source());
            assert_eq!(theirs.get_destination(), ours.destination());
            assert_eq!(theirs.get_hop_limit(), ours.hop_limit());
            assert_eq!(theirs.get_traffic_class(), ours.traffic_class());
            assert_eq!(theirs.get_flow_label(), ours.flow_label());
            assert_eq!(theirs.get_next_header().0, ours.next_header().number());
            assert_eq!(theirs.payload(), ours.payload());
        }
    }
}

/// The reader takes the addresses that it is given: it knows no source routes.
fn final_destination(packet: &IpPacket<'_>) -> IpAddr {
    match packet {
        IpPacket::V4(packet) => packet.final_destination().into(),
        IpPacket::V6(packet) => packet.final_destination().into(),
    }
}

fn compare_tcp(packet: &IpPacket<'_>, ours: &wirecraft_ip_packets::TcpSegment<'_>) {
    let theirs = TcpPacket::new(ours.as_bytes()).unwrap();
    assert_eq!(theirs.get_source(), ours.source_port());
    assert_eq!(theirs.get_destination(), ours.destination_port());
    assert_eq!(theirs.get_sequence(), ours.seq());
    assert_eq!(theirs.get_acknowledgement(), ours.ack());
    assert_eq!(usize::from(theirs.get_data_offset()) * 4, ours.header_len());
    // It has eight flags.
    assert_eq!(u16::from(theirs.get_flags()), ours.flags().bits() & 0xff);
    assert_eq!(theirs.get_window(), ours.window());
    assert_eq!(theirs.get_urgent_ptr(), ours.urgent_pointer());
    assert_eq!(theirs.payload(), ours.payload());
    let sum = match (packet.source(), final_destination(packet)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            tcp::ipv4_checksum(&theirs, &source, &destination)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            tcp::ipv6_checksum(&theirs, &source, &destination)
        }
        mixed => panic!("{mixed:?}"),
    };
    assert_eq!(sum, ours.checksum());
}

fn compare_udp(packet: &IpPacket<'_>, ours: &wirecraft_ip_packets::UdpDatagram<'_>) {
    let theirs = UdpPacket::new(ours.as_bytes()).unwrap();
    assert_eq!(theirs.get_source(), ours.source_port());
    assert_eq!(theirs.get_destination(), ours.destination_port());
    assert_eq!(usize::from(theirs.get_length()), ours.as_bytes().len());
    assert_eq!(theirs.payload(), ours.payload());
    let sum = match (packet.source(), final_destination(packet)) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            udp::ipv4_checksum(&theirs, &source, &destination)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            udp::ipv6_checksum(&theirs, &source, &destination)
        }
        mixed => panic!("{mixed:?}"),
    };
    // It leaves the sum 0 as it is, which would say that there is none.
    assert_eq!(if sum == 0 { 0xffff } else { sum }, ours.checksum());
}
