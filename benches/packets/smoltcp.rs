//! smoltcp's side.

use super::{
    DESTINATION_PORT, DESTINATION_V4, DESTINATION_V6, PAYLOAD, SEQ, SOURCE_PORT, SOURCE_V4,
    SOURCE_V6, Seen, Side, TTL, WINDOW,
};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, TcpControl, TcpPacket,
    TcpRepr, TcpSeqNumber, UdpPacket, UdpRepr, checksum,
};
use std::hint::black_box;

const IPV4_HEADER_LEN: usize = 20;
const IPV6_HEADER_LEN: usize = 40;

pub(crate) const SIDE: Side = Side {
    name: "smoltcp",
    parse: [
        |bytes| v4(bytes, tcp),
        |bytes| v4(bytes, udp),
        |bytes| v6(bytes, tcp),
        |bytes| v6(bytes, udp),
    ],
    build: [build_tcp_v4, build_udp_v4, build_tcp_v6, build_udp_v6],
    checksum: checksum::data,
};

type Upper = fn(&[u8], u8) -> Option<Seen>;

fn v4(bytes: &[u8], upper: Upper) -> Option<Seen> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    upper(packet.payload(), packet.hop_limit())
}

fn v6(bytes: &[u8], upper: Upper) -> Option<Seen> {
    let packet = Ipv6Packet::new_checked(bytes).ok()?;
    upper(packet.payload(), packet.hop_limit())
}

#[inline]
fn tcp(bytes: &[u8], hop_limit: u8) -> Option<Seen> {
    let segment = TcpPacket::new_checked(bytes).ok()?;
    let TcpSeqNumber(seq) = segment.seq_number();
    Some(Seen {
        hop_limit,
        source_port: segment.src_port(),
        destination_port: segment.dst_port(),
        seq: seq.cast_unsigned(),
        payload_len: segment.payload().len(),
    })
}

#[inline]
fn udp(bytes: &[u8], hop_limit: u8) -> Option<Seen> {
    let datagram = UdpPacket::new_checked(bytes).ok()?;
    Some(Seen {
        hop_limit,
        source_port: datagram.src_port(),
        destination_port: datagram.dst_port(),
        seq: 0,
        payload_len: datagram.payload().len(),
    })
}

fn tcp_repr() -> TcpRepr<'static> {
    TcpRepr {
        src_port: black_box(SOURCE_PORT),
        dst_port: DESTINATION_PORT,
        control: TcpControl::Syn,
        seq_number: TcpSeqNumber(black_box(SEQ).cast_signed()),
        ack_number: None,
        window_len: WINDOW,
        window_scale: None,
        max_seg_size: Some(1380),
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &PAYLOAD,
    }
}

fn build_tcp_v4(buf: &mut [u8]) -> usize {
    let tcp = tcp_repr();
    let len = tcp.buffer_len();
    let (source, destination) = emit_v4(buf, IpProtocol::Tcp, len);
    emit_tcp(&tcp, &mut buf[IPV4_HEADER_LEN..], len, source, destination);
    IPV4_HEADER_LEN + len
}

fn build_udp_v4(buf: &mut [u8]) -> usize {
    let len = 8 + PAYLOAD.len();
    let (source, destination) = emit_v4(buf, IpProtocol::Udp, len);
    emit_udp(&mut buf[IPV4_HEADER_LEN..], len, source, destination);
    IPV4_HEADER_LEN + len
}

fn build_tcp_v6(buf: &mut [u8]) -> usize {
    let tcp = tcp_repr();
    let len = tcp.buffer_len();
    let (source, destination) = emit_v6(buf, IpProtocol::Tcp, len);
    emit_tcp(&tcp, &mut buf[IPV6_HEADER_LEN..], len, source, destination);
    IPV6_HEADER_LEN + len
}

fn build_udp_v6(buf: &mut [u8]) -> usize {
    let len = 8 + PAYLOAD.len();
    let (source, destination) = emit_v6(buf, IpProtocol::Udp, len);
    emit_udp(&mut buf[IPV6_HEADER_LEN..], len, source, destination);
    IPV6_HEADER_LEN + len
}

fn emit_v4(buf: &mut [u8], next_header: IpProtocol, len: usize) -> (IpAddress, IpAddress) {
    let ip = Ipv4Repr {
        src_addr: black_box(SOURCE_V4),
        dst_addr: black_box(DESTINATION_V4),
        next_header,
        payload_len: len,
        hop_limit: TTL,
    };
    let mut packet = Ipv4Packet::new_unchecked(buf);
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    (ip.src_addr.into(), ip.dst_addr.into())
}

fn emit_v6(buf: &mut [u8], next_header: IpProtocol, len: usize) -> (IpAddress, IpAddress) {
    let ip = Ipv6Repr {
        src_addr: black_box(SOURCE_V6),
        dst_addr: black_box(DESTINATION_V6),
        next_header,
        payload_len: len,
        hop_limit: TTL,
    };
    ip.emit(&mut Ipv6Packet::new_unchecked(buf));
    (ip.src_addr.into(), ip.dst_addr.into())
}

fn emit_tcp(
    tcp: &TcpRepr<'_>,
    buf: &mut [u8],
    len: usize,
    source: IpAddress,
    destination: IpAddress,
) {
    tcp.emit(
        &mut TcpPacket::new_unchecked(&mut buf[..len]),
        &source,
        &destination,
        &ChecksumCapabilities::default(),
    );
}

fn emit_udp(buf: &mut [u8], len: usize, source: IpAddress, destination: IpAddress) {
    let udp = UdpRepr {
        src_port: black_box(SOURCE_PORT),
        dst_port: DESTINATION_PORT,
    };
    udp.emit(
        &mut UdpPacket::new_unchecked(&mut buf[..len]),
        &source,
        &destination,
        PAYLOAD.len(),
        |room| room.copy_from_slice(&PAYLOAD),
        &ChecksumCapabilities::default(),
    );
}
