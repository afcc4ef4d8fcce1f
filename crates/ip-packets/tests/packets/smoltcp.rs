//! smoltcp finds every checksum right, and builds the packets this crate builds.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Packet, Icmpv6Packet, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, TcpPacket,
    UdpPacket, UdpRepr,
};
use wirecraft_ip_packets::v4;

use crate::strategies::{IpSpec, UpperSpec, spec};

/// Says where a packet ends its way: smoltcp takes the address that it is given, and knows no source
/// routes. The plain reading of RFC 791 §3.1, p. 18: kind, length, a pointer that counts from the
/// kind, which is 1, and addresses, of which the last is the end unless the pointer is greater than the length.
fn end_of_route(mut options: &[u8], destination: Ipv4Addr) -> Ipv4Addr {
    while let [kind, rest @ ..] = options {
        match (kind, rest) {
            (0, _) => break,
            (1, _) => options = rest,
            (131 | 137, [len, pointer, ..]) if len >= &7 && pointer <= len => {
                let end = usize::from(*len);
                let octets: [u8; 4] = options[end - 4..end].try_into().unwrap();
                return octets.into();
            }
            (_, [len, ..]) => options = &options[usize::from(*len)..],
            (_, []) => panic!("an option without a length was built"),
        }
    }
    destination
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn checksums_of_built_packets_are_right(spec in spec(300)) {
        let bytes = spec.build();
        let (source, destination, payload): (IpAddress, IpAddress, &[u8]) = match spec.ip {
            IpSpec::V4 { source, destination, .. } => {
                let packet = Ipv4Packet::new_checked(&bytes[..]).unwrap();
                prop_assert!(packet.verify_checksum());
                let header_len = usize::from(packet.header_len());
                let destination = end_of_route(&bytes[20..header_len], destination);
                (source.into(), destination.into(), packet.payload())
            }
            IpSpec::V6 { source, destination, .. } => {
                let packet = Ipv6Packet::new_checked(&bytes[..]).unwrap();
                (source.into(), destination.into(), packet.payload())
            }
        };
        match (&spec.upper, source, destination) {
            (UpperSpec::Tcp(_), ..) => {
                let segment = TcpPacket::new_checked(payload).unwrap();
                prop_assert!(segment.verify_checksum(&source, &destination));
            }
            (UpperSpec::Udp { .. }, ..) => {
                let datagram = UdpPacket::new_checked(payload).unwrap();
                prop_assert!(datagram.verify_checksum(&source, &destination));
            }
            (UpperSpec::EchoRequest { .. }, IpAddress::Ipv6(source), IpAddress::Ipv6(destination)) => {
                let message = Icmpv6Packet::new_checked(payload).unwrap();
                prop_assert!(message.verify_checksum(&source, &destination));
            }
            (UpperSpec::EchoRequest { .. }, ..) => {
                prop_assert!(Icmpv4Packet::new_checked(payload).unwrap().verify_checksum());
            }
            (UpperSpec::Bare(_), ..) => prop_assert_eq!(payload, &spec.payload[..]),
        }
    }

    #[test]
    fn udp_is_built_alike(
        source: [u8; 4],
        destination: [u8; 4],
        ports in any::<(u16, u16)>(),
        // smoltcp has no port 0.
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let udp = UdpRepr { src_port: ports.0.max(1), dst_port: ports.1.max(1) };
        let ip = Ipv4Repr {
            src_addr: source.into(),
            dst_addr: destination.into(),
            next_header: IpProtocol::Udp,
            payload_len: udp.header_len() + payload.len(),
            hop_limit: 64,
        };
        let checksums = ChecksumCapabilities::default();
        let mut theirs = vec![0; ip.buffer_len() + ip.payload_len];
        ip.emit(&mut Ipv4Packet::new_unchecked(&mut theirs), &checksums);
        udp.emit(
            &mut UdpPacket::new_unchecked(&mut theirs[20..]),
            &ip.src_addr.into(),
            &ip.dst_addr.into(),
            payload.len(),
            |room| room.copy_from_slice(&payload),
            &checksums,
        );
        let ours = v4(source.into(), destination.into())
            .udp(udp.src_port, udp.dst_port)
            .payload(&payload)
            .build();
        prop_assert_eq!(ours, theirs);
    }
}
