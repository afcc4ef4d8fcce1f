//! This workspace's side.

use super::{
    DESTINATION_PORT, DESTINATION_V4, DESTINATION_V6, PAYLOAD, SEQ, SOURCE_PORT, SOURCE_V4,
    SOURCE_V6, Seen, Side, TTL, WINDOW,
};
use std::hint::black_box;
use wirecraft_ip_packets::{IpPacket, Transport, checksum, v4, v6};

pub(crate) const SIDE: Side = Side {
    name: "wirecraft",
    parse: [parse; 4],
    build: [tcp_v4, udp_v4, tcp_v6, udp_v6],
    checksum: checksum::checksum,
};

fn parse(bytes: &[u8]) -> Option<Seen> {
    let packet = IpPacket::parse(bytes).ok()?;
    match packet.transport().ok()? {
        Transport::Tcp(segment) => Some(Seen {
            hop_limit: packet.hop_limit(),
            source_port: segment.source_port(),
            destination_port: segment.destination_port(),
            seq: segment.seq(),
            payload_len: segment.payload().len(),
        }),
        Transport::Udp(datagram) => Some(Seen {
            hop_limit: packet.hop_limit(),
            source_port: datagram.source_port(),
            destination_port: datagram.destination_port(),
            seq: 0,
            payload_len: datagram.payload().len(),
        }),
        _ => None,
    }
}

fn tcp_v4(buf: &mut [u8]) -> usize {
    v4(black_box(SOURCE_V4), black_box(DESTINATION_V4))
        .ttl(TTL)
        .tcp(black_box(SOURCE_PORT), DESTINATION_PORT)
        .seq(black_box(SEQ))
        .syn()
        .window(WINDOW)
        .mss(1380)
        .payload(&PAYLOAD)
        .write(buf)
        .expect("there is room")
}

/// A SYN as systems send it, without a payload.
pub(crate) fn syn(buf: &mut [u8]) -> usize {
    v4(black_box(SOURCE_V4), black_box(DESTINATION_V4))
        .ttl(TTL)
        .tcp(black_box(SOURCE_PORT), DESTINATION_PORT)
        .seq(black_box(SEQ))
        .syn()
        .window(WINDOW)
        .mss(1380)
        .sack_permitted()
        .timestamps(black_box(SEQ), 0)
        .nop()
        .window_scale(7)
        .write(buf)
        .expect("there is room")
}

fn udp_v4(buf: &mut [u8]) -> usize {
    v4(black_box(SOURCE_V4), black_box(DESTINATION_V4))
        .ttl(TTL)
        .udp(black_box(SOURCE_PORT), DESTINATION_PORT)
        .payload(&PAYLOAD)
        .write(buf)
        .expect("there is room")
}

fn tcp_v6(buf: &mut [u8]) -> usize {
    v6(black_box(SOURCE_V6), black_box(DESTINATION_V6))
        .hop_limit(TTL)
        .tcp(black_box(SOURCE_PORT), DESTINATION_PORT)
        .seq(black_box(SEQ))
        .syn()
        .window(WINDOW)
        .mss(1380)
        .payload(&PAYLOAD)
        .write(buf)
        .expect("there is room")
}

fn udp_v6(buf: &mut [u8]) -> usize {
    v6(black_box(SOURCE_V6), black_box(DESTINATION_V6))
        .hop_limit(TTL)
        .udp(black_box(SOURCE_PORT), DESTINATION_PORT)
        .payload(&PAYLOAD)
        .write(buf)
        .expect("there is room")
}
