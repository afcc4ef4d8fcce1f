//! Packets cut and put together: the two undo each other, and every checksum is right.

use std::io::IoSlice;
use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use rustix::io::Errno;
use wirecraft_ip_packets::checksum::Sum;
use wirecraft_ip_packets::{IpPacket, TcpFlags, Transport, v4, v6};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, Device};

use super::coalesce::{Coalescer, Written};
use super::split::{Malformed, Rest};
use super::virtio::{self, ChecksumPlace, Cut, Todo, VIRTIO_HEADER_LEN};
use crate::entropy::SystemEntropy;

const NEAR_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FAR_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const NEAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

const ACK: TcpFlags = TcpFlags::ACK;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    TcpV4,
    TcpV6,
    UdpV4,
    UdpV6,
}

const FLOWS: [Flow; 4] = [Flow::TcpV4, Flow::TcpV6, Flow::UdpV4, Flow::UdpV6];

impl Flow {
    fn is_tcp(self) -> bool {
        matches!(self, Self::TcpV4 | Self::TcpV6)
    }

    fn is_v4(self) -> bool {
        matches!(self, Self::TcpV4 | Self::UdpV4)
    }

    /// A packet from `port`.
    fn packet_from(self, port: u16, seq: u32, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
        let tcp_v4 = v4(NEAR_V4, FAR_V4).dont_fragment(true).tcp(port, 5001);
        let tcp_v6 = v6(NEAR_V6, FAR_V6).flow_label(0x1234).tcp(port, 5001);
        match self {
            Self::TcpV4 | Self::TcpV6 => {
                let tcp = if self.is_v4() { tcp_v4 } else { tcp_v6 };
                tcp.seq(seq)
                    .ack(4_000_000_000)
                    .flags(flags)
                    .nop()
                    .nop()
                    .timestamps(77, 88)
                    .payload(payload)
                    .build()
            }
            Self::UdpV4 => v4(NEAR_V4, FAR_V4)
                .dont_fragment(true)
                .udp(port, 5001)
                .payload(payload)
                .build(),
            Self::UdpV6 => v6(NEAR_V6, FAR_V6)
                .flow_label(0x1234)
                .udp(port, 5001)
                .payload(payload)
                .build(),
        }
    }

    fn packet(self, seq: u32, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
        self.packet_from(1000, seq, flags, payload)
    }

    fn transport_at(self) -> usize {
        if self.is_v4() { 20 } else { 40 }
    }

    fn header_len(self) -> usize {
        self.transport_at() + if self.is_tcp() { 32 } else { 8 }
    }

    fn checksum(self) -> ChecksumPlace {
        let start = self.transport_at();
        let field = start + if self.is_tcp() { 16 } else { 6 };
        ChecksumPlace { start, field }
    }

    /// What the kernel hands down of a large packet.
    fn read(self, packet: &[u8], segment_len: usize) -> Vec<u8> {
        let cut = Cut {
            transport: match self {
                Self::TcpV4 => virtio::Transport::TcpV4,
                Self::TcpV6 => virtio::Transport::TcpV6,
                Self::UdpV4 | Self::UdpV6 => virtio::Transport::Udp,
            },
            header_len: self.header_len(),
            segment_len,
            checksum: self.checksum(),
        };
        with_header(Todo::Split(cut), &self.with_pseudo_sum(packet))
    }

    /// The packet with its checksum left to others.
    fn with_pseudo_sum(self, packet: &[u8]) -> Vec<u8> {
        let ChecksumPlace { start, field } = self.checksum();
        let addresses = if self.is_v4() { 12..20 } else { 8..40 };
        let len = u32::try_from(packet.len() - start).unwrap();
        let sum = Sum::new()
            .add_bytes(&packet[addresses])
            .add_u16(if self.is_tcp() { 6 } else { 17 })
            .add_u32(len);
        let mut packet = packet.to_vec();
        packet[field..field + 2].copy_from_slice(&(!sum.finish()).to_be_bytes());
        packet
    }
}

fn with_header(todo: Todo, packet: &[u8]) -> Vec<u8> {
    [&todo.to_bytes()[..], packet].concat()
}

/// Cuts a read through an arena that is emptied whenever it is full.
fn cut(mut read: Vec<u8>, arena_len: usize) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut packets = Vec::new();
    let mut arena = Arena::new(arena_len, 1420);
    let mut device = Device::new(1420, SystemEntropy::default());
    let mut rest = Rest::of(&mut read)?;
    loop {
        let done = rest.write_into(&read, &mut arena);
        // A device without peers refuses all packets: so they come to light.
        device.send_batch(Instant::ORIGIN, &mut arena);
        packets.extend(arena.failures().map(|(packet, _)| packet.to_vec()));
        assert!(done || !arena.is_empty(), "not even one packet has room");
        arena.clear();
        if done {
            return Ok(packets);
        }
    }
}

/// What is written for some packets, slices put one behind the other.
fn written(coalescer: &mut Coalescer, packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut writes = Vec::new();
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let written = coalescer.write_all(Instant::ORIGIN, &packets, |slices| {
        writes.push(slices.iter().flat_map(|slice| slice.to_vec()).collect());
        Ok(())
    });
    assert_eq!(written, Written::default());
    writes
}

fn put_together(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    written(&mut Coalescer::new(true, true), packets)
}

fn alone(packet: &[u8]) -> Vec<u8> {
    with_header(Todo::Nothing, packet)
}

fn assert_checksums(packet: &[u8]) {
    let parsed = IpPacket::parse(packet).unwrap();
    if let IpPacket::V4(packet) = &parsed {
        assert!(packet.checksum_is_valid());
    }
    let pseudo_header = parsed.pseudo_header();
    match parsed.transport().unwrap() {
        Transport::Tcp(tcp) => assert!(tcp.checksum_is_valid(&pseudo_header)),
        Transport::Udp(udp) => {
            assert!(udp.checksum_is_valid(&pseudo_header));
            assert_ne!(udp.checksum(), 0);
        }
        other => panic!("{other:?}"),
    }
}

fn flow() -> impl Strategy<Value = Flow> {
    proptest::sample::select(&FLOWS[..])
}

proptest! {
    #[test]
    fn packets_that_are_cut_have_right_checksums_and_put_together_are_what_they_were(
        flow in flow(),
        payload in vec(any::<u8>(), 1..8000),
        segment_len in 1_usize..1500,
        seq: u32,
        psh: bool,
        arena_len in 4000_usize..20_000,
    ) {
        // More segments than are looked at together.
        prop_assume!(payload.len().div_ceil(segment_len) <= 64);
        let flags = if psh { ACK | TcpFlags::PSH } else { ACK };
        let packet = flow.packet(seq, flags, &payload);
        let read = flow.read(&packet, segment_len);

        let segments = cut(read.clone(), arena_len).unwrap();

        prop_assert_eq!(segments.len(), payload.len().div_ceil(segment_len));
        for segment in &segments {
            assert_checksums(segment);
        }
        if segments.len() == 1 {
            prop_assert_eq!(&segments[0], &packet);
        } else {
            prop_assert_eq!(put_together(&segments), [read]);
        }
    }

    #[test]
    fn no_read_makes_the_cut_fail_in_any_other_way_than_by_saying_so(
        header: [u8; VIRTIO_HEADER_LEN],
        packet in vec(any::<u8>(), 0..200),
        is_v6: bool,
    ) {
        let mut read = [&header[..], &packet].concat();
        if let Some(first) = read.get_mut(VIRTIO_HEADER_LEN) {
            *first = if is_v6 { 0x60 } else { 0x45 };
        }
        let _ = cut(read.clone(), 70_000);
        // The kinds that are cut, with places inside the packet.
        read[..2].copy_from_slice(&[1, header[1] % 6]);
        read[6..8].copy_from_slice(&u16::from(header[6] % 64).to_ne_bytes());
        read[8..10].copy_from_slice(&u16::from(header[8] % 20).to_ne_bytes());
        let _ = cut(read, 70_000);
    }

    #[test]
    fn noise_is_written_as_it_is(packets in vec(vec(any::<u8>(), 0..100), 0..100)) {
        let expected: Vec<Vec<u8>> = packets.iter().map(|packet| alone(packet)).collect();
        prop_assert_eq!(put_together(&packets), expected);
    }

    /// Segments of some flows in any order: put together or not, each flow's bytes come in order.
    #[test]
    fn no_packet_is_lost_or_overtakes_another_of_its_flow(
        picks in vec((0_u16..5, 0_usize..3, any::<bool>(), 0_u8..10), 1..100),
    ) {
        let mut seqs = [0_u32; 5];
        let packets: Vec<Vec<u8>> = picks
            .iter()
            .map(|&(port, len, psh, chance)| {
                let flow = FLOWS[usize::from(port) % 4];
                let payload = vec![chance; len * 100];
                let flags = if psh { ACK | TcpFlags::PSH } else { ACK };
                let seq = &mut seqs[usize::from(port)];
                let packet = flow.packet_from(port, *seq, flags, &payload);
                // Now and then one is missing.
                *seq += u32::try_from(payload.len()).unwrap() + u32::from(chance == 0);
                packet
            })
            .collect();
        let mut again: Vec<Vec<u8>> = Vec::new();
        for write in put_together(&packets) {
            again.extend(cut(write, 200_000).unwrap());
        }
        let of_port = |packets: &[Vec<u8>], port: u16| -> Vec<Vec<u8>> {
            let mut all = packets.to_vec();
            all.retain(|packet| IpPacket::parse(packet).unwrap().transport().is_ok_and(|it| match it {
                Transport::Tcp(tcp) => tcp.source_port() == port,
                Transport::Udp(udp) => udp.source_port() == port,
                _ => false,
            }));
            // The identification of IPv4 counts on where it means nothing.
            for packet in all.iter_mut().filter(|packet| packet[0] >> 4 == 4) {
                packet[4..6].fill(0);
                packet[10..12].fill(0);
            }
            all
        };
        for port in 0..5 {
            prop_assert_eq!(of_port(&again, port), of_port(&packets, port));
        }
    }
}

#[test]
fn the_last_segment_alone_keeps_fin_and_psh_and_the_first_one_cwr() {
    let all = ACK | TcpFlags::FIN | TcpFlags::PSH | TcpFlags::CWR;
    let packet = Flow::TcpV4.packet(7, all, &[1; 2500]);
    let segments = cut(Flow::TcpV4.read(&packet, 1000), 10_000).unwrap();
    let flags: Vec<TcpFlags> = segments
        .iter()
        .map(|segment| IpPacket::parse(segment).unwrap().tcp().unwrap().flags())
        .collect();
    let last = ACK | TcpFlags::FIN | TcpFlags::PSH;
    assert_eq!(flags, [ACK | TcpFlags::CWR, ACK, last]);
}

#[test]
fn the_identification_counts_on_from_segment_to_segment() {
    let mut packet = Flow::UdpV4.packet(0, ACK, &[1; 250]);
    packet[4..6].copy_from_slice(&[0xff, 0xff]);
    let segments = cut(Flow::UdpV4.read(&packet, 100), 10_000).unwrap();
    let ids: Vec<&[u8]> = segments.iter().map(|segment| &segment[4..6]).collect();
    assert_eq!(ids, [[0xff, 0xff], [0, 0], [0, 1]]);
}

#[test]
fn a_checksum_that_was_left_to_us_is_completed() {
    for flow in FLOWS {
        let packet = flow.packet(5, ACK, b"odd");
        let todo = Todo::Checksum(flow.checksum());
        let read = with_header(todo, &flow.with_pseudo_sum(&packet));
        assert_eq!(cut(read, 1000).unwrap(), [packet], "{flow:?}");
    }
}

#[test]
fn a_cut_that_does_not_fit_the_packet_is_refused() {
    let packet = Flow::TcpV4.packet(5, ACK, &[1; 300]);
    let read = Flow::TcpV4.read(&packet, 100);
    let change = |at: usize, value: u8| {
        let mut read = read.clone();
        read[at] = value;
        cut(read, 10_000)
    };
    let ip = VIRTIO_HEADER_LEN;
    assert_eq!(change(ip, 0x65), Err(Malformed), "another IP version");
    assert_eq!(change(6, 19), Err(Malformed), "inside the IP header");
    assert_eq!(change(8, 6), Err(Malformed), "not the checksum of TCP");
    let mut cut_off = read.clone();
    cut_off.truncate(ip + 40);
    assert_eq!(cut(cut_off, 10_000), Err(Malformed), "headers cut off");
    assert_eq!(cut(read[..9].to_vec(), 10_000), Err(Malformed));
}

#[test]
fn segments_of_interleaved_flows_are_put_together_by_flow() {
    let (one, two) = (Flow::TcpV4, Flow::UdpV6);
    let packets = [
        one.packet(0, ACK, &[1; 100]),
        two.packet(0, ACK, &[2; 50]),
        one.packet(100, ACK, &[3; 100]),
        two.packet(0, ACK, &[4; 20]),
        one.packet(200, ACK, &[5; 100]),
    ];
    let payload = |parts: &[(u8, usize)]| -> Vec<u8> {
        parts
            .iter()
            .flat_map(|&(byte, len)| vec![byte; len])
            .collect()
    };
    let first = one.packet(0, ACK, &payload(&[(1, 100), (3, 100), (5, 100)]));
    let second = two.packet(0, ACK, &payload(&[(2, 50), (4, 20)]));
    let expected = [one.read(&first, 100), two.read(&second, 50)];
    assert_eq!(put_together(&packets), expected);
}

/// Writes a packet and one that might follow it; says whether they were put together.
fn follows(first: &[u8], second: &[u8]) -> bool {
    let packets = [first.to_vec(), second.to_vec()];
    match &put_together(&packets)[..] {
        [_] => true,
        [one, two] => {
            assert_eq!((one, two), (&alone(first), &alone(second)));
            false
        }
        writes => panic!("{} writes", writes.len()),
    }
}

#[test]
fn what_the_headers_or_the_order_forbid_stays_apart() {
    let flow = Flow::TcpV4;
    let first = flow.packet(100, ACK, &[1; 100]);
    let next = |seq, flags, len| flow.packet(seq, flags, &vec![2; len]);
    assert!(follows(&first, &next(200, ACK, 100)));
    assert!(follows(&first, &next(200, ACK | TcpFlags::PSH, 30)));
    assert!(!follows(&first, &next(201, ACK, 100)), "a gap");
    assert!(!follows(&first, &next(100, ACK, 100)), "the same again");
    assert!(!follows(&first, &next(200, ACK, 101)), "longer");
    assert!(!follows(&first, &next(200, ACK, 0)), "no payload");
    for flag in [TcpFlags::FIN, TcpFlags::CWR, TcpFlags::ECE, TcpFlags::URG] {
        assert!(!follows(&first, &next(200, ACK | flag, 100)), "{flag}");
    }
    let pushed = next(100, ACK | TcpFlags::PSH, 100);
    assert!(!follows(&pushed, &next(200, ACK, 100)), "PSH ends");
    let other = flow.packet_from(1001, 200, ACK, &[2; 100]);
    assert!(!follows(&first, &other), "another port");
}

#[test]
fn a_field_that_differs_keeps_packets_apart() {
    // Type of service, time to live; of TCP: acknowledgment, window, timestamps.
    for at in [1, 8, 20 + 9, 20 + 15, 20 + 31] {
        let first = Flow::TcpV4.packet(100, ACK, &[1; 100]);
        let mut second = Flow::TcpV4.packet(200, ACK, &[2; 100]);
        second[at] ^= 1;
        fix_checksums(&mut second);
        assert!(!follows(&first, &second), "byte {at}");
    }
}

fn fix_checksums(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let sum = Sum::new().add_bytes(&packet[..20]).finish();
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet[36..38].fill(0);
    let len = u32::try_from(packet.len() - 20).unwrap();
    let sum = Sum::new()
        .add_bytes(&packet[12..20])
        .add_u16(6)
        .add_u32(len)
        .add_bytes(&packet[20..]);
    packet[36..38].copy_from_slice(&sum.finish().to_be_bytes());
}

#[test]
fn a_wrong_checksum_keeps_packets_apart() {
    for flow in FLOWS {
        let first = flow.packet(100, ACK, &[1; 100]);
        let second = flow.packet(200, ACK, &[2; 100]);
        assert!(follows(&first, &second), "{flow:?}");
        for at in [flow.header_len(), flow.transport_at() + 1] {
            let mut wrong = second.clone();
            wrong[at] ^= 1;
            assert!(!follows(&first, &wrong), "{flow:?} second, byte {at}");
            let mut wrong = first.clone();
            wrong[at] ^= 1;
            assert!(!follows(&wrong, &second), "{flow:?} first, byte {at}");
        }
    }
}

#[test]
fn udp_without_checksum_stays_apart() {
    let mut packets = [0, 1].map(|byte| Flow::UdpV4.packet(0, ACK, &[byte; 100]));
    for packet in &mut packets {
        packet[26..28].fill(0);
    }
    let [first, second] = packets;
    assert!(!follows(&first, &second));
}

#[test]
fn identifications_that_do_not_count_on_keep_packets_apart_if_they_may_be_fragmented() {
    let packet = |id| {
        v4(NEAR_V4, FAR_V4)
            .dont_fragment(false)
            .identification(id)
            .udp(1, 2)
            .payload(&[7; 100])
            .build()
    };
    assert!(follows(&packet(6), &packet(7)));
    assert!(!follows(&packet(6), &packet(8)));
    assert!(!follows(&packet(6), &packet(6)));
}

#[test]
fn nothing_overtakes_a_fragment() {
    let flow = Flow::UdpV4;
    let fragment = v4(NEAR_V4, FAR_V4)
        .fragment_offset(8)
        .udp(1000, 5001)
        .payload(&[9; 64])
        .build();
    let packets = [
        flow.packet(0, ACK, &[1; 100]),
        fragment,
        flow.packet(0, ACK, &[2; 100]),
    ];
    assert_eq!(put_together(&packets), packets.map(|packet| alone(&packet)));
}

#[test]
fn no_write_is_longer_than_a_packet_may_be() {
    let packets: Vec<Vec<u8>> = (0..128)
        .map(|number| Flow::TcpV6.packet(number * 1000, ACK, &[1; 1000]))
        .collect();
    let writes = put_together(&packets);
    assert_eq!(writes.len(), 2);
    assert_eq!(writes[0].len(), VIRTIO_HEADER_LEN + 72 + 65_000);
}

#[test]
fn the_kernel_is_given_at_most_64_datagrams_as_one() {
    let packets = vec![Flow::UdpV6.packet(0, ACK, &[1; 10]); 128];
    let writes = put_together(&packets);
    let lens: Vec<usize> = writes.iter().map(Vec::len).collect();
    assert_eq!(lens, [VIRTIO_HEADER_LEN + 48 + 640; 2]);
}

#[test]
fn datagrams_are_counted_and_segments_of_tcp_are_not() {
    let mut coalescer = Coalescer::new(true, true);
    for (flow, expected) in [(Flow::UdpV6, 40), (Flow::TcpV4, 0)] {
        let packets: Vec<Vec<u8>> = (0..40)
            .map(|number| flow.packet(number * 10, ACK, &[7; 10]))
            .collect();
        written(&mut coalescer, &packets);
        assert_eq!(coalescer.datagrams(), expected, "{flow:?}");
    }
}

#[test]
fn a_protocol_that_is_switched_off_is_written_packet_by_packet() {
    let of = |flow: Flow| {
        [
            flow.packet(0, ACK, &[1; 10]),
            flow.packet(10, ACK, &[1; 10]),
        ]
    };
    let mut coalescer = Coalescer::new(false, true);
    assert_eq!(written(&mut coalescer, &of(Flow::TcpV4)).len(), 2);
    assert_eq!(written(&mut coalescer, &of(Flow::UdpV4)).len(), 1);
}

/// Writes two segments to a kernel that answers some writes with an error.
fn write_to(
    coalescer: &mut Coalescer,
    now: Instant,
    answer: impl Fn(&[IoSlice<'_>]) -> Result<(), Errno>,
) -> Written {
    let packets = [0, 10].map(|seq| Flow::TcpV4.packet(seq, ACK, &[1; 10]));
    coalescer.write_all(now, &packets.each_ref().map(Vec::as_slice), |slices| {
        Ok(answer(slices)?)
    })
}

/// Refuses what was put together.
fn alone_or(error: Errno) -> impl Fn(&[IoSlice<'_>]) -> Result<(), Errno> {
    move |slices| if slices.len() > 2 { Err(error) } else { Ok(()) }
}

/// How many writes two segments take.
fn writes(coalescer: &mut Coalescer, now: Instant) -> usize {
    let count = std::cell::Cell::new(0);
    write_to(coalescer, now, |_| {
        count.set(count.get() + 1);
        Ok(())
    });
    count.get()
}

fn at(seconds: u64) -> Instant {
    Instant::from_origin(core::time::Duration::from_secs(seconds))
}

#[test]
fn what_the_kernel_refuses_as_one_is_written_packet_by_packet_for_a_minute() {
    let mut coalescer = Coalescer::new(true, true);
    let written = write_to(&mut coalescer, at(5), alone_or(Errno::INVAL));
    let expected = Written {
        refused: 0,
        apart: 2,
    };
    assert_eq!(written, expected);
    assert_eq!(writes(&mut coalescer, at(64)), 2);
    assert_eq!(writes(&mut coalescer, at(65)), 1);
}

#[test]
fn want_of_memory_or_a_link_that_is_down_says_nothing_about_putting_together() {
    for error in [Errno::NOBUFS, Errno::NOMEM, Errno::AGAIN, Errno::IO] {
        let mut coalescer = Coalescer::new(true, true);
        let written = write_to(&mut coalescer, at(5), alone_or(error));
        assert_eq!(written.refused, 0, "{error}");
        assert_eq!(writes(&mut coalescer, at(5)), 1, "{error}");
    }
}

#[test]
fn a_kernel_that_takes_nothing_says_nothing_about_putting_together() {
    let mut coalescer = Coalescer::new(true, true);
    let written = write_to(&mut coalescer, at(5), |_| Err(Errno::INVAL));
    assert_eq!(written.refused, 2);
    assert_eq!(writes(&mut coalescer, at(5)), 1);
}
