//! A TCP connection whose other end sends what it likes, many segments at a time.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::simulation::{Random, pattern, read, write};
use wirecraft_ip_packets::{IpPacket, PacketBuilder, Tcp, TcpFlags, v4};
use wirecraft_netstack::{FourTuple, TcpConfig, TcpConnection, TcpError, TcpState};
use wirecraft_time::Instant;

const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const THEM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OUR_PORT: u16 = 40_000;
const THEIR_PORT: u16 = 80;

/// Our end, and the numbers that the other end goes by.
struct Ours {
    connection: TcpConnection,
    now: Instant,
    /// Behind the last number that we sent.
    our_next: u32,
    /// Of the first byte of the other end.
    their_first: u32,
    stream: Vec<u8>,
}

/// What the other end says of itself in its first segment.
#[derive(Clone, Copy)]
struct Far {
    first: u32,
    window_scale: Option<u8>,
}

const FAR: Far = Far {
    first: u32::MAX - 5000,
    window_scale: Some(7),
};

fn config(buffer_len: usize) -> TcpConfig {
    TcpConfig {
        receive_buffer_len: buffer_len,
        ..TcpConfig::default()
    }
}

fn segment<'a>() -> PacketBuilder<'a, Tcp> {
    v4(THEM, US).tcp(THEIR_PORT, OUR_PORT)
}

impl Ours {
    /// Connects; the handshake is not yet acknowledged.
    fn connected(far: Far, buffer_len: usize) -> Self {
        let now = Instant::from_origin(Duration::from_secs(1));
        let (local, remote) = (
            SocketAddr::from((US, OUR_PORT)),
            SocketAddr::from((THEM, THEIR_PORT)),
        );
        let connection = TcpConnection::connect(now, local, remote, &config(buffer_len), 1);
        let mut ours = Self::new(connection.unwrap(), now, far);
        ours.transmit();
        let mut opening = segment().seq(far.first).ack(ours.our_next).syn().mss(1380);
        if let Some(shift) = far.window_scale {
            opening = opening.window_scale(shift);
        }
        ours.take(&opening.build());
        ours
    }

    /// Accepts; the other end is yet to acknowledge it.
    fn accepted(far: Far, buffer_len: usize) -> Self {
        let now = Instant::from_origin(Duration::from_secs(1));
        let tuple = FourTuple::new((US, OUR_PORT).into(), (THEM, THEIR_PORT).into());
        let mut opening = segment().seq(far.first).syn().mss(1380);
        if let Some(shift) = far.window_scale {
            opening = opening.window_scale(shift);
        }
        let packet = opening.build();
        let connection = TcpConnection::accept(now, tuple, &packet, &config(buffer_len), 1);
        let mut ours = Self::new(connection.unwrap(), now, far);
        ours.transmit();
        ours
    }

    fn established(buffer_len: usize) -> Self {
        let mut ours = Self::accepted(FAR, buffer_len);
        ours.take(&ours.in_place(0).build());
        ours.transmit();
        assert_eq!(ours.connection.state(), TcpState::Established);
        ours
    }

    fn new(connection: TcpConnection, now: Instant, far: Far) -> Self {
        Self {
            connection,
            now,
            our_next: 0,
            their_first: far.first.wrapping_add(1),
            stream: pattern(4 << 20, 9),
        }
    }

    /// A segment of the other end at an offset of its stream, without data.
    fn in_place<'a>(&self, offset: usize) -> PacketBuilder<'a, Tcp> {
        let offset = u32::try_from(offset).unwrap();
        segment()
            .seq(self.their_first.wrapping_add(offset))
            .ack(self.our_next)
            .window(1000)
    }

    fn send(&mut self, offset: usize, len: usize) {
        let data = self.stream[offset..offset + len].to_vec();
        let packet = self.in_place(offset).payload(&data).build();
        self.take(&packet);
    }

    fn take(&mut self, packet: &[u8]) {
        self.connection.receive(self.now, packet);
    }

    /// Takes out what is sent; returns the segments as flags, sequence and acknowledgement from the
    /// beginning of the other end's stream.
    fn transmit(&mut self) -> Vec<(TcpFlags, u32, u32)> {
        let mut packets: Vec<Vec<u8>> = Vec::new();
        let _ = self
            .connection
            .poll_transmit(self.now, &mut packets, usize::MAX);
        let mut sent = Vec::new();
        for packet in &packets {
            let packet = IpPacket::parse(packet).unwrap();
            let segment = packet.tcp().unwrap();
            assert!(segment.checksum_is_valid(&packet.pseudo_header()));
            let flag = |flag| u32::from(segment.flags().contains(flag));
            let len = u32::try_from(segment.payload().len()).unwrap();
            let end = segment.seq().wrapping_add(len);
            let end = end.wrapping_add(flag(TcpFlags::SYN) + flag(TcpFlags::FIN));
            if self.our_next == 0 || end.wrapping_sub(self.our_next) < 1 << 31 {
                self.our_next = end;
            }
            let acknowledged = segment.ack().wrapping_sub(self.their_first);
            sent.push((segment.flags(), segment.seq(), acknowledged));
        }
        sent
    }

    /// Reads what is there, which must be the stream from `from` on.
    fn read_from(&mut self, from: usize) -> usize {
        let bytes = read(&mut self.connection).unwrap().unwrap();
        assert!(
            bytes == self.stream[from..from + bytes.len()],
            "from {from}"
        );
        from + bytes.len()
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.connection.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.transmit();
        }
        self.now = end;
        self.transmit();
    }
}

#[test]
fn burst_behind_the_handshake_is_taken_as_far_as_the_window_went() {
    for far in [
        FAR,
        Far {
            window_scale: None,
            ..FAR
        },
    ] {
        for buffer_len in [4 << 10, 64 << 10, 100_000] {
            let mut ours = Ours::accepted(far, buffer_len);
            for offset in (0..140_000).step_by(1400) {
                ours.send(offset, 1400);
            }
            let window = buffer_len.min(65_535);
            assert_eq!(ours.read_from(0), window);
            let sent = ours.transmit();
            assert_eq!(sent.last().unwrap().2 as usize, window);
        }
    }
}

#[test]
fn data_behind_the_buffer_never_counts_as_received() {
    let mut ours = Ours::connected(FAR, 1 << 20);
    ours.send((1 << 20) + 50_000, 1400);
    ours.send(500_000, 1400);
    ours.transmit();
    let mut got = 0;
    for offset in (0..1_500_000).step_by(1250) {
        ours.send(offset, 1250);
        if offset % 5000 == 0 {
            got = ours.read_from(got);
            ours.transmit();
        }
    }
    assert_eq!(ours.read_from(got), 1_500_000);
}

#[test]
fn end_of_the_stream_behind_the_window_is_not_taken() {
    let mut ours = Ours::accepted(FAR, 4096);
    let data = ours.stream[..5000].to_vec();
    let packet = ours.in_place(0).fin().payload(&data).build();
    ours.take(&packet);
    assert_eq!(ours.connection.state(), TcpState::Established);
    assert_eq!(ours.read_from(0), 4096);
    ours.transmit();
    let packet = ours.in_place(4096).fin().payload(&data[4096..]).build();
    ours.take(&packet);
    assert_eq!(ours.read_from(4096), 5000);
    assert_eq!(ours.connection.state(), TcpState::CloseWait);
}

/// Bursts of segments anywhere near the window, with any window scale and any size of the buffer.
#[test]
fn whatever_is_sent_the_stream_is_read_as_it_was_written() {
    for seed in 0..100 {
        let mut random = Random(seed);
        let buffer_len = [1, 4096, 65_535, 65_536, 70_000, 1 << 20][random.index(6)];
        let far = Far {
            first: u32::try_from(random.below(1 << 32)).unwrap(),
            window_scale: [None, Some(0), Some(5), Some(14)][random.index(4)],
        };
        let mut ours = match random.below(2) {
            0 => Ours::connected(far, buffer_len),
            _ => Ours::accepted(far, buffer_len),
        };
        let (mut sent, mut got) = (0, 0);
        for _ in 0..25 {
            for _ in 0..random.index(80) {
                let shift = random.below(10);
                let len = 1 + random.index(64_000 >> shift);
                let reach = 3_000_000 >> random.below(8);
                let offset = match random.below(4) {
                    0 => (sent + random.index(reach)).min(3_000_000),
                    1 => sent.saturating_sub(random.index(10_000)).min(3_000_000),
                    _ => sent.min(3_000_000),
                };
                ours.send(offset, len);
                if offset == sent {
                    sent += len;
                }
            }
            got = ours.read_from(got);
            assert!(got <= 3_100_000, "seed {seed}");
            let segments = ours.transmit();
            if let Some((_, _, acknowledged)) = segments.last() {
                // What was not taken is sent again.
                sent = usize::try_from(*acknowledged).unwrap();
            }
        }
        assert_eq!(
            ours.connection.state(),
            TcpState::Established,
            "seed {seed}, {buffer_len} bytes"
        );
    }
}

#[test]
fn data_is_taken_although_its_acknowledgement_is_older_than_another() {
    let mut ours = Ours::established(64 << 10);
    let before = ours.our_next;
    write(&mut ours.connection, &[1; 1000]).unwrap();
    ours.transmit();
    assert_eq!(ours.our_next, before.wrapping_add(1000));
    // The second of two segments overtook the first.
    ours.send(100, 100);
    let data = ours.stream[..100].to_vec();
    let late = ours.in_place(0).ack(before).payload(&data).build();
    ours.take(&late);
    assert_eq!(ours.read_from(0), 200);
}

#[test]
fn overtaken_segment_does_not_shrink_the_window() {
    let mut ours = Ours::established(64 << 10);
    ours.take(&ours.in_place(0).window(500).build());
    ours.send(0, 100);
    ours.take(&ours.in_place(100).window(60_000).build());
    let data = ours.stream[..100].to_vec();
    let old = ours.in_place(0).window(0).payload(&data).build();
    ours.take(&old);
    write(&mut ours.connection, &[1; 1000]).unwrap();
    let sent = ours.transmit();
    assert!(sent.iter().any(|(flags, ..)| flags.contains(TcpFlags::PSH)));
}

#[test]
fn acknowledgement_of_what_was_not_sent_is_answered_and_changes_nothing() {
    let mut ours = Ours::established(64 << 10);
    ours.take(&ours.in_place(0).window(0).build());
    let first = ours.our_next;
    write(&mut ours.connection, b"not sent yet").unwrap();
    ours.transmit();
    let impossible = ours.our_next.wrapping_add(10);
    let packet = ours.in_place(0).ack(impossible).window(500).build();
    ours.take(&packet);
    assert_eq!(ours.transmit().len(), 1);
    ours.take(&ours.in_place(0).window(500).build());
    ours.transmit();
    assert_eq!(ours.our_next, first.wrapping_add(12));
}

#[test]
fn only_a_reset_with_the_very_next_number_is_believed() {
    let mut ours = Ours::established(64 << 10);
    ours.now = ours.now + Duration::from_secs(2);
    for offset in [1, 1000, 30_000, 70_000_000] {
        ours.take(&ours.in_place(offset).rst().build());
        assert_eq!(ours.connection.state(), TcpState::Established, "{offset}");
    }
    // One answer, by which a genuine sender learns the number.
    let sent = ours.transmit();
    assert_eq!(sent, [(TcpFlags::ACK, ours.our_next, 0)]);
    ours.take(&segment().seq(ours.their_first).rst().build());
    assert_eq!(read(&mut ours.connection), Err(TcpError::Reset));
}

#[test]
fn reset_behind_data_of_the_same_batch_is_believed() {
    let mut ours = Ours::established(64 << 10);
    ours.send(0, 1000);
    ours.send(1000, 500);
    ours.take(&ours.in_place(1500).rst().build());
    assert_eq!(ours.connection.state(), TcpState::Closed);
    assert_eq!(ours.read_from(0), 1500);
}

#[test]
fn first_segment_on_a_connection_is_answered_so_that_its_sender_resets() {
    let mut ours = Ours::established(64 << 10);
    ours.send(0, 100);
    ours.wait(Duration::from_secs(2));
    let again = segment().seq(ours.their_first.wrapping_add(4000)).syn();
    ours.take(&again.build());
    assert_eq!(ours.transmit(), [(TcpFlags::ACK, ours.our_next, 100)]);
    // Who has just been started knows nothing of the connection.
    let reset = segment().seq(ours.their_first.wrapping_add(100)).rst();
    ours.take(&reset.build());
    assert_eq!(ours.connection.state(), TcpState::Closed);
}

#[test]
fn answers_to_forged_segments_are_one_a_second() {
    let mut ours = Ours::established(64 << 10);
    let mut answers = 0;
    for _ in 0..100 {
        ours.now = ours.now + Duration::from_millis(100);
        ours.take(&ours.in_place(1000).rst().build());
        answers += ours.transmit().len();
    }
    assert_eq!(answers, 10);
}

#[test]
fn handshake_that_nobody_ends_is_given_up_however_often_it_begins() {
    let mut ours = Ours::accepted(FAR, 64 << 10);
    let opening = segment().seq(FAR.first).syn().mss(1380).build();
    for _ in 0..5 {
        ours.wait(Duration::from_secs(7));
        ours.take(&opening);
        ours.transmit();
    }
    assert_eq!(read(&mut ours.connection), Err(TcpError::TimedOut));
}

#[test]
fn what_does_not_belong_to_the_stream_is_no_sign_of_life() {
    let mut ours = Ours::established(64 << 10);
    write(&mut ours.connection, b"is anybody there").unwrap();
    ours.transmit();
    for _ in 0..31 {
        let mut damaged = ours.in_place(0).build();
        damaged[25] ^= 1;
        ours.take(&damaged);
        ours.take(&ours.in_place(10_000_000).build());
        ours.wait(Duration::from_secs(10));
    }
    assert_eq!(read(&mut ours.connection), Err(TcpError::TimedOut));
}

#[test]
fn connection_outlives_idleness_shorter_than_its_keepalive_interval() {
    let mut ours = Ours::established(64 << 10);
    let hours = |hours: u64| Duration::from_secs(3600 * hours);
    ours.connection.set_keepalive(Some(hours(2)));
    // Whoever turns it on asks at once.
    ours.transmit();
    ours.take(&ours.in_place(0).build());
    ours.transmit();
    ours.wait(hours(1));
    ours.take(&ours.in_place(0).window(900).build());
    ours.transmit();
    ours.wait(hours(1));
    assert_eq!(ours.connection.state(), TcpState::Established);
    ours.wait(hours(1) + Duration::from_secs(299));
    assert_eq!(ours.connection.state(), TcpState::Established);
    ours.wait(Duration::from_secs(2));
    assert_eq!(read(&mut ours.connection), Err(TcpError::TimedOut));
}

#[test]
fn one_lost_probe_does_not_end_a_connection() {
    let mut ours = Ours::established(64 << 10);
    ours.connection
        .set_keepalive(Some(Duration::from_secs(200)));
    ours.transmit();
    ours.take(&ours.in_place(0).build());
    ours.transmit();
    ours.wait(Duration::from_secs(201));
    ours.wait(Duration::from_secs(200));
    assert_eq!(ours.connection.state(), TcpState::Established);
    ours.take(&ours.in_place(0).build());
    ours.transmit();
    ours.wait(Duration::from_secs(499));
    assert_eq!(ours.connection.state(), TcpState::Established);
}
