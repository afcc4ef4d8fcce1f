//! pnet's side.

use super::{
    DESTINATION_PORT, DESTINATION_V4, DESTINATION_V6, PAYLOAD, SEQ, SOURCE_PORT, SOURCE_V4,
    SOURCE_V6, Seen, Side, TTL, WINDOW,
};
use pnet_packet::ip::{IpNextHeaderProtocol, IpNextHeaderProtocols};
use pnet_packet::ipv4::{self, Ipv4Flags, Ipv4Packet, MutableIpv4Packet};
use pnet_packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet_packet::tcp::{self, MutableTcpPacket, TcpFlags, TcpOption, TcpPacket};
use pnet_packet::udp::{self, MutableUdpPacket, UdpPacket};
use pnet_packet::{Packet, util};
use std::hint::black_box;

const IPV4_HEADER_LEN: usize = 20;
const IPV6_HEADER_LEN: usize = 40;
const TCP_LEN: usize = 24 + PAYLOAD.len();
const UDP_LEN: usize = 8 + PAYLOAD.len();

/// A word that is not there, so that none is left out of a sum.
const NO_WORD: usize = usize::MAX;

pub(crate) const SIDE: Side = Side {
    name: "pnet",
    parse: [
        |bytes| v4(bytes, tcp),
        |bytes| v4(bytes, udp),
        |bytes| v6(bytes, tcp),
        |bytes| v6(bytes, udp),
    ],
    build: [build_tcp_v4, build_udp_v4, build_tcp_v6, build_udp_v6],
    checksum: |bytes| util::checksum(bytes, NO_WORD),
};

type Upper = fn(&[u8], u8) -> Option<Seen>;

fn v4(bytes: &[u8], upper: Upper) -> Option<Seen> {
    let packet = Ipv4Packet::new(bytes)?;
    upper(packet.payload(), packet.get_ttl())
}

fn v6(bytes: &[u8], upper: Upper) -> Option<Seen> {
    let packet = Ipv6Packet::new(bytes)?;
    upper(packet.payload(), packet.get_hop_limit())
}

#[inline]
fn tcp(bytes: &[u8], hop_limit: u8) -> Option<Seen> {
    let segment = TcpPacket::new(bytes)?;
    Some(Seen {
        hop_limit,
        source_port: segment.get_source(),
        destination_port: segment.get_destination(),
        seq: segment.get_sequence(),
        payload_len: segment.payload().len(),
    })
}

#[inline]
fn udp(bytes: &[u8], hop_limit: u8) -> Option<Seen> {
    let datagram = UdpPacket::new(bytes)?;
    Some(Seen {
        hop_limit,
        source_port: datagram.get_source(),
        destination_port: datagram.get_destination(),
        seq: 0,
        payload_len: datagram.payload().len(),
    })
}

fn build_tcp_v4(buf: &mut [u8]) -> usize {
    let len = IPV4_HEADER_LEN + TCP_LEN;
    set_v4(&mut buf[..len], IpNextHeaderProtocols::Tcp);
    let mut segment = set_tcp(&mut buf[IPV4_HEADER_LEN..len]);
    let sum = tcp::ipv4_checksum(&segment.to_immutable(), &SOURCE_V4, &DESTINATION_V4);
    segment.set_checksum(sum);
    len
}

fn build_udp_v4(buf: &mut [u8]) -> usize {
    let len = IPV4_HEADER_LEN + UDP_LEN;
    set_v4(&mut buf[..len], IpNextHeaderProtocols::Udp);
    let mut datagram = set_udp(&mut buf[IPV4_HEADER_LEN..len]);
    let sum = udp::ipv4_checksum(&datagram.to_immutable(), &SOURCE_V4, &DESTINATION_V4);
    datagram.set_checksum(sum);
    len
}

fn build_tcp_v6(buf: &mut [u8]) -> usize {
    let len = IPV6_HEADER_LEN + TCP_LEN;
    set_v6(&mut buf[..len], IpNextHeaderProtocols::Tcp);
    let mut segment = set_tcp(&mut buf[IPV6_HEADER_LEN..len]);
    let sum = tcp::ipv6_checksum(&segment.to_immutable(), &SOURCE_V6, &DESTINATION_V6);
    segment.set_checksum(sum);
    len
}

fn build_udp_v6(buf: &mut [u8]) -> usize {
    let len = IPV6_HEADER_LEN + UDP_LEN;
    set_v6(&mut buf[..len], IpNextHeaderProtocols::Udp);
    let mut datagram = set_udp(&mut buf[IPV6_HEADER_LEN..len]);
    let sum = udp::ipv6_checksum(&datagram.to_immutable(), &SOURCE_V6, &DESTINATION_V6);
    datagram.set_checksum(sum);
    len
}

fn set_v4(buf: &mut [u8], protocol: IpNextHeaderProtocol) {
    let len = u16::try_from(buf.len()).expect("it is short");
    let mut packet = MutableIpv4Packet::new(buf).expect("there is room");
    packet.set_version(4);
    packet.set_header_length(5);
    packet.set_total_length(len);
    packet.set_flags(Ipv4Flags::DontFragment);
    packet.set_ttl(TTL);
    packet.set_next_level_protocol(protocol);
    packet.set_source(black_box(SOURCE_V4));
    packet.set_destination(black_box(DESTINATION_V4));
    let sum = ipv4::checksum(&packet.to_immutable());
    packet.set_checksum(sum);
}

fn set_v6(buf: &mut [u8], protocol: IpNextHeaderProtocol) {
    let len = u16::try_from(buf.len() - IPV6_HEADER_LEN).expect("it is short");
    let mut packet = MutableIpv6Packet::new(buf).expect("there is room");
    packet.set_version(6);
    packet.set_payload_length(len);
    packet.set_next_header(protocol);
    packet.set_hop_limit(TTL);
    packet.set_source(black_box(SOURCE_V6));
    packet.set_destination(black_box(DESTINATION_V6));
}

fn set_tcp(buf: &mut [u8]) -> MutableTcpPacket<'_> {
    let mut segment = MutableTcpPacket::new(buf).expect("there is room");
    segment.set_source(black_box(SOURCE_PORT));
    segment.set_destination(DESTINATION_PORT);
    segment.set_sequence(black_box(SEQ));
    segment.set_data_offset(6);
    segment.set_flags(TcpFlags::SYN);
    segment.set_window(WINDOW);
    segment.set_options(&[TcpOption::mss(1380)]);
    segment.set_payload(&PAYLOAD);
    segment
}

fn set_udp(buf: &mut [u8]) -> MutableUdpPacket<'_> {
    let len = u16::try_from(buf.len()).expect("it is short");
    let mut datagram = MutableUdpPacket::new(buf).expect("there is room");
    datagram.set_source(black_box(SOURCE_PORT));
    datagram.set_destination(DESTINATION_PORT);
    datagram.set_length(len);
    datagram.set_payload(&PAYLOAD);
    datagram
}
