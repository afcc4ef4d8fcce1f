//! A TCP connection whose other end may send anything.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::task::{Context, Poll, Waker};

use wirecraft_ip_packets::{IpPacket, TcpFlags, Transport, v4};
use wirecraft_netstack::{TcpConfig, TcpConnection, TcpState, Transmission};
use wirecraft_time::Instant;

use crate::checksums::upper_residue;
use crate::input::Input;

const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const THEM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OUR_PORT: u16 = 40_000;
const THEIR_PORT: u16 = 80;
/// The most things that one input does.
const ACTIONS_MAX: usize = 64;

/// Whatever the other end does, segments stay sound, timers move on, and data comes once, in order.
pub fn tcp_connection(input: &[u8]) {
    let mut input = Input::new(input);
    let buffer_len = [4096, 64 << 10, 70_000, 1 << 20][usize::from(input.choice(4))];
    let window_scale = [None, Some(0), Some(5), Some(14)][usize::from(input.choice(4))];
    let mut end = OneEnd::new(buffer_len, window_scale);
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        match input.choice(8) {
            0 => end.wait(Duration::from_millis(u64::from(input.word()))),
            1 => end.write(usize::from(input.word())),
            2 => end.read(usize::from(input.word())),
            3 => end.connection.abandon(end.now),
            4 => {
                end.is_honest = false;
                let len = usize::from(input.byte());
                let packet = end.segment(&mut input).payload(&[7; 255][..len]).build();
                end.receive(&packet);
            }
            5 => {
                end.is_honest = false;
                let mut packet = end.segment(&mut input).build();
                input.edit(&mut packet, 4);
                end.receive(&packet);
            }
            6 => end.next_in_order(usize::from(input.word())),
            _ => end.next_in_order(usize::from(input.byte())),
        }
        // Packets come in batches: not each is answered before the next.
        if input.choice(2) == 0 {
            end.transmit();
        }
    }
    end.transmit();
    end.abort();
}

/// Our end of a connection, and what the other end knows of it.
struct OneEnd {
    connection: TcpConnection,
    now: Instant,
    /// The sequence number after the last that we sent.
    our_next: u32,
    their_first: u32,
    /// Bytes that the other end sent in order.
    their_sent: u32,
    /// Bytes that were read here.
    read: u32,
    /// Whether the other end kept to the rules: then what is read can be foretold.
    is_honest: bool,
}

impl OneEnd {
    /// Connects to an end that keeps to the rules so far.
    fn new(buffer_len: usize, window_scale: Option<u8>) -> Self {
        let now = Instant::from_origin(Duration::from_secs(1));
        let (local, remote) = (
            SocketAddr::from((US, OUR_PORT)),
            SocketAddr::from((THEM, THEIR_PORT)),
        );
        let config = TcpConfig {
            receive_buffer_len: buffer_len,
            send_buffer_len: 4096,
            ..TcpConfig::default()
        };
        let connection = TcpConnection::connect(now, local, remote, &config, 1);
        let mut end = Self {
            connection: connection.expect("the addresses are sound"),
            now,
            our_next: 0,
            their_first: 1000,
            their_sent: 0,
            read: 0,
            is_honest: true,
        };
        end.transmit();
        let opening = v4(THEM, US).tcp(THEIR_PORT, OUR_PORT).seq(end.their_first);
        let mut opening = opening.ack(end.our_next).syn().mss(1200);
        if let Some(shift) = window_scale {
            opening = opening.window_scale(shift);
        }
        end.their_first += 1;
        end.receive(&opening.build());
        assert_eq!(end.connection.state(), TcpState::Established);
        end
    }

    /// A segment near to what is expected, or far from it.
    fn segment<'a>(
        &self,
        input: &mut Input<'_>,
    ) -> wirecraft_ip_packets::PacketBuilder<'a, wirecraft_ip_packets::Tcp> {
        let flags = TcpFlags::from_bits(u16::from(input.byte()));
        let near = |base: u32, difference: u16| {
            base.wrapping_add(u32::from(difference)).wrapping_sub(0x100)
        };
        let seq = near(self.their_first.wrapping_add(self.their_sent), input.word());
        let ack = near(self.our_next, input.word());
        v4(THEM, US)
            .tcp(THEIR_PORT, OUR_PORT)
            .seq(seq)
            .ack_number(ack)
            .flags(flags)
            .window(input.word())
    }

    fn next_in_order(&mut self, len: usize) {
        let sent = usize::try_from(self.their_sent).expect("an input sends little");
        let payload: Vec<u8> = (sent..sent + len).map(byte_at).collect();
        let packet = v4(THEM, US)
            .tcp(THEIR_PORT, OUR_PORT)
            .seq(self.their_first.wrapping_add(self.their_sent))
            .ack(self.our_next)
            .window(8192)
            .payload(&payload)
            .build();
        self.their_sent += u32::try_from(len).expect("a word");
        self.receive(&packet);
    }

    fn receive(&mut self, packet: &[u8]) {
        self.connection.receive(self.now, packet);
    }

    fn wait(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1000 {
            let Some(at) = self.connection.poll_timeout().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            self.transmit();
        }
        panic!("a timer spins");
    }

    /// Takes out what the connection sends; afterwards nothing is due.
    fn transmit(&mut self) {
        for _ in 0..64 {
            let mut sent: Vec<Vec<u8>> = Vec::new();
            let complete = self.connection.poll_transmit(self.now, &mut sent, 64);
            for packet in &sent {
                self.check_segment(packet);
            }
            if complete == Transmission::Complete && !self.connection.has_output() {
                return;
            }
        }
        panic!("a connection never stops to send");
    }

    fn check_segment(&mut self, bytes: &[u8]) {
        let packet = IpPacket::parse(bytes).expect("a segment is in a packet");
        assert_eq!(packet.as_bytes().len(), bytes.len());
        assert_eq!(
            (packet.source(), packet.destination()),
            (US.into(), THEM.into())
        );
        assert_eq!(upper_residue(&packet), Some(0), "its checksum is right");
        let Ok(Transport::Tcp(segment)) = packet.transport() else {
            panic!("{packet:?} is no TCP");
        };
        let ports = (segment.source_port(), segment.destination_port());
        assert_eq!(ports, (OUR_PORT, THEIR_PORT));
        let flag = |flag| u32::from(segment.flags().contains(flag));
        let len = u32::try_from(segment.payload().len()).expect("a packet is short");
        let end = segment
            .seq()
            .wrapping_add(len + flag(TcpFlags::SYN) + flag(TcpFlags::FIN));
        let is_first = segment.flags().contains(TcpFlags::SYN);
        if is_first || end.wrapping_sub(self.our_next) < 1 << 31 {
            self.our_next = end;
        }
    }

    fn write(&mut self, len: usize) {
        let context = Context::from_waker(Waker::noop());
        let data = vec![7; len];
        if let Poll::Ready(Ok(written)) = self.connection.poll_write(&context, &data) {
            assert!(written <= len);
        }
    }

    /// What is read is what was sent, each byte in its place.
    fn read(&mut self, len: usize) {
        let context = Context::from_waker(Waker::noop());
        let mut buffer = vec![0; len];
        if let Poll::Ready(Ok(count)) = self.connection.poll_read(&context, &mut buffer) {
            assert!(count <= len);
            let read = usize::try_from(self.read).expect("an input sends little");
            for (at, byte) in (read..).zip(&buffer[..count]) {
                assert!(
                    !self.is_honest || *byte == byte_at(at),
                    "byte {at} is {byte}"
                );
            }
            self.read += u32::try_from(count).expect("buffers are small");
        }
    }

    fn abort(mut self) {
        self.connection.abort();
        self.transmit();
        self.wait(Duration::from_secs(600));
        assert!(self.connection.is_finished(), "an aborted connection ends");
    }
}

/// The byte at a place in the stream.
fn byte_at(at: usize) -> u8 {
    u8::try_from(at % 251).expect("less than 251")
}
