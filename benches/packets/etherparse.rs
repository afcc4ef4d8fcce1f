//! etherparse's side.

use super::{
    DESTINATION_PORT, DESTINATION_V4, DESTINATION_V6, PAYLOAD, SEQ, SOURCE_PORT, SOURCE_V4,
    SOURCE_V6, Seen, Side, TTL, WINDOW,
};
use etherparse::checksum::u64_16bit_word::{add_slice, ones_complement};
use etherparse::{
    IpHeaders, Ipv4Header, NetSlice, PacketBuilder, PacketBuilderStep, SlicedPacket,
    TcpOptionElement, TransportSlice,
};
use std::hint::black_box;

pub(crate) const SIDE: Side = Side {
    name: "etherparse",
    parse: [parse; 4],
    build: [
        |buf| tcp(ip_v4(), buf),
        |buf| udp(ip_v4(), buf),
        |buf| tcp(ip_v6(), buf),
        |buf| udp(ip_v6(), buf),
    ],
    checksum: |bytes| ones_complement(add_slice(0, bytes)),
};

fn parse(bytes: &[u8]) -> Option<Seen> {
    let packet = SlicedPacket::from_ip(bytes).ok()?;
    let hop_limit = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => ip.header().ttl(),
        NetSlice::Ipv6(ip) => ip.header().hop_limit(),
        NetSlice::Arp(_) => return None,
    };
    match packet.transport? {
        TransportSlice::Tcp(segment) => Some(Seen {
            hop_limit,
            source_port: segment.source_port(),
            destination_port: segment.destination_port(),
            seq: segment.sequence_number(),
            payload_len: segment.payload().len(),
        }),
        TransportSlice::Udp(datagram) => Some(Seen {
            hop_limit,
            source_port: datagram.source_port(),
            destination_port: datagram.destination_port(),
            seq: 0,
            payload_len: datagram.payload().len(),
        }),
        _ => None,
    }
}

fn ip_v4() -> PacketBuilderStep<IpHeaders> {
    let mut header = Ipv4Header {
        time_to_live: TTL,
        source: black_box(SOURCE_V4).octets(),
        destination: black_box(DESTINATION_V4).octets(),
        ..Ipv4Header::default()
    };
    header.dont_fragment = true;
    PacketBuilder::ip(IpHeaders::Ipv4(header, Default::default()))
}

fn ip_v6() -> PacketBuilderStep<IpHeaders> {
    PacketBuilder::ipv6(
        black_box(SOURCE_V6).octets(),
        black_box(DESTINATION_V6).octets(),
        TTL,
    )
}

fn tcp(ip: PacketBuilderStep<IpHeaders>, buf: &mut [u8]) -> usize {
    ip.tcp(
        black_box(SOURCE_PORT),
        DESTINATION_PORT,
        black_box(SEQ),
        WINDOW,
    )
    .syn()
    .options(&[TcpOptionElement::MaximumSegmentSize(1380)])
    .expect("there is room")
    .write_to_slice(buf, &PAYLOAD)
    .expect("there is room")
}

/// A SYN as systems send it, without a payload.
pub(crate) fn syn(buf: &mut [u8]) -> usize {
    ip_v4()
        .tcp(
            black_box(SOURCE_PORT),
            DESTINATION_PORT,
            black_box(SEQ),
            WINDOW,
        )
        .syn()
        .options(&[
            TcpOptionElement::MaximumSegmentSize(1380),
            TcpOptionElement::SelectiveAcknowledgementPermitted,
            TcpOptionElement::Timestamp(black_box(SEQ), 0),
            TcpOptionElement::Noop,
            TcpOptionElement::WindowScale(7),
        ])
        .expect("there is room")
        .write_to_slice(buf, &[])
        .expect("there is room")
}

fn udp(ip: PacketBuilderStep<IpHeaders>, buf: &mut [u8]) -> usize {
    ip.udp(black_box(SOURCE_PORT), DESTINATION_PORT)
        .write_to_slice(buf, &PAYLOAD)
        .expect("there is room")
}
