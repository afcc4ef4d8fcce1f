//! What a host answers by itself: echo replies, resets, port unreachable.

use core::net::IpAddr;

use wirecraft_ip_packets::{Echo, IpPacket, TcpFlags, TcpSegment};
use wirecraft_time::Instant;

use crate::outbox::{Envelope, Outbox};
use crate::sink::{PacketSink, Transmission};

const OUTBOX_LEN: usize = 1 << 17;
const PACKETS_MAX: usize = 1024;
const HOP_LIMIT: u8 = 64;

/// ICMP errors a second. Resets are not limited: they are no longer than what they answer, and a scan
/// that got only some of them would take closed ports for filtered ones.
///
/// Source: RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f): errors must be limited.
const ERRORS_PER_SECOND: u32 = 1000;
const ERRORS_AT_ONCE: u32 = 100;

/// Answers that wait to be sent; what does not fit, or exceeds the rate, is dropped.
#[derive(Debug)]
pub struct Answers {
    outbox: Outbox,
    /// ICMP errors that may be sent now, and since when that is so.
    allowance: u32,
    allowance_at: Instant,
}

impl Answers {
    /// Makes an empty store for packets of at most `mtu` bytes.
    ///
    /// `seed` is where the identifications of fragmented packets start; let it be random.
    #[must_use]
    pub fn new(mtu: usize, seed: u32) -> Self {
        Self {
            outbox: Outbox::new(OUTBOX_LEN, PACKETS_MAX, mtu, seed),
            allowance: ERRORS_AT_ONCE,
            allowance_at: Instant::ORIGIN,
        }
    }

    /// Answers an echo request that came in `packet`.
    pub fn echo_reply(&mut self, packet: &IpPacket<'_>, echo: &Echo<'_>) {
        let Some(envelope) = envelope_back(packet) else {
            return;
        };
        // Without room the reply is lost, as it might be on the way.
        let _ = self.outbox.push(envelope, |ip| {
            ip.icmp_echo_reply(echo.identifier, echo.sequence)
                .payload(echo.payload)
        });
    }

    /// Answers a segment to a port that nobody has with a reset; a reset gets no answer.
    ///
    /// Source: RFC 9293 §3.10.7.1.
    pub fn reset(&mut self, packet: &IpPacket<'_>, segment: &TcpSegment<'_>) {
        let flags = segment.flags();
        if flags.contains(TcpFlags::RST) || !segment.checksum_is_valid(&packet.pseudo_header()) {
            return;
        }
        let Some(envelope) = envelope_back(packet) else {
            return;
        };
        let (local, remote) = (segment.destination_port(), segment.source_port());
        let _ = self.outbox.push(envelope, |ip| {
            let reset = ip.tcp(local, remote).window(0).rst();
            if flags.contains(TcpFlags::ACK) {
                reset.seq(segment.ack())
            } else {
                reset.ack(segment.seq().wrapping_add(sequence_len(segment)))
            }
        });
    }

    /// Says that nobody has the port that a datagram, all of `packet`, was sent to.
    ///
    /// Source: RFC 1122 §4.1.3.1, RFC 4443 §3.1.
    pub fn port_unreachable(&mut self, now: Instant, packet: &IpPacket<'_>) {
        let Some(envelope) = envelope_back(packet).filter(|_| self.may_send_error(now)) else {
            return;
        };
        let _ = self
            .outbox
            .push(envelope, |ip| ip.icmp_port_unreachable(packet.as_bytes()));
    }

    /// Moves answers into `sink`, at most `budget`.
    pub fn poll_transmit(&mut self, sink: &mut impl PacketSink, budget: usize) -> Transmission {
        self.outbox.poll_transmit(sink, budget)
    }

    /// Says whether answers wait.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Takes one from the allowance of ICMP errors, which fills again with time.
    fn may_send_error(&mut self, now: Instant) -> bool {
        let elapsed = now.since(self.allowance_at).as_secs_f64();
        let earned = elapsed * f64::from(ERRORS_PER_SECOND);
        if earned >= 1.0 {
            self.allowance_at = now;
            let full = earned >= f64::from(ERRORS_AT_ONCE);
            let earned = if full { ERRORS_AT_ONCE } else { whole(earned) };
            self.allowance = (self.allowance + earned).min(ERRORS_AT_ONCE);
        }
        self.allowance
            .checked_sub(1)
            .map(|left| self.allowance = left)
            .is_some()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 100"
)]
const fn whole(number: f64) -> u32 {
    number as u32
}

/// Turns the addresses of a packet round; nothing is answered to a group or to nobody.
fn envelope_back(packet: &IpPacket<'_>) -> Option<Envelope> {
    let (source, destination) = (packet.source(), packet.destination());
    let is_host = |address: IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_broadcast() && !v4.is_multicast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast(),
    };
    (is_host(source) && is_host(destination)).then_some(Envelope {
        source: destination,
        destination: source,
        hop_limit: HOP_LIMIT,
    })
}

/// Returns how many sequence numbers a segment takes.
fn sequence_len(segment: &TcpSegment<'_>) -> u32 {
    let data_len = u32::try_from(segment.payload().len()).unwrap_or(0);
    let flag = |flag| u32::from(segment.flags().contains(flag));
    data_len + flag(TcpFlags::SYN) + flag(TcpFlags::FIN)
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use core::time::Duration;

    use wirecraft_ip_packets::v4;

    use super::*;

    const US: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const THEM: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const NOW: Instant = Instant::from_origin(Duration::from_secs(9));

    fn sent(answers: &mut Answers) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        assert_eq!(
            answers.poll_transmit(&mut packets, usize::MAX),
            Transmission::Complete
        );
        packets
    }

    fn reset_for(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut answers = Answers::new(1420, 0);
        let packet = IpPacket::parse(bytes).unwrap();
        answers.reset(&packet, &packet.tcp().unwrap());
        sent(&mut answers)
    }

    #[test]
    fn first_segment_to_nobody_is_reset_with_its_acknowledgement() {
        let replies = reset_for(&v4(THEM, US).tcp(1000, 80).seq(77).syn().build());
        let reply = IpPacket::parse(&replies[0]).unwrap();
        let segment = reply.tcp().unwrap();
        assert!(segment.checksum_is_valid(&reply.pseudo_header()));
        assert_eq!(segment.flags(), TcpFlags::RST.with(TcpFlags::ACK));
        assert_eq!((segment.seq(), segment.ack()), (0, 78));
        assert_eq!(
            (segment.source_port(), segment.destination_port()),
            (80, 1000)
        );
    }

    #[test]
    fn later_segment_to_nobody_is_reset_where_it_acknowledges() {
        let replies = reset_for(&v4(THEM, US).tcp(1000, 80).seq(77).ack(500).build());
        let reply = IpPacket::parse(&replies[0]).unwrap();
        let segment = reply.tcp().unwrap();
        assert_eq!((segment.flags(), segment.seq()), (TcpFlags::RST, 500));
    }

    #[test]
    fn reset_is_never_answered() {
        assert!(reset_for(&v4(THEM, US).tcp(1000, 80).rst().build()).is_empty());
    }

    #[test]
    fn damaged_segment_is_not_answered() {
        assert!(reset_for(&v4(THEM, US).tcp(1000, 80).syn().checksum(1).build()).is_empty());
    }

    #[test]
    fn groups_are_not_answered() {
        let group = Ipv4Addr::new(224, 0, 0, 1);
        assert!(reset_for(&v4(THEM, group).tcp(1000, 80).syn().build()).is_empty());
    }

    #[test]
    fn every_segment_of_a_burst_to_nobody_is_reset() {
        let mut answers = Answers::new(1420, 0);
        for port in 1..=1000 {
            let bytes = v4(THEM, US).tcp(1000, port).syn().build();
            let packet = IpPacket::parse(&bytes).unwrap();
            answers.reset(&packet, &packet.tcp().unwrap());
        }
        assert_eq!(sent(&mut answers).len(), 1000);
    }

    #[test]
    fn icmp_errors_are_limited_and_allowed_again_later() {
        let mut answers = Answers::new(1420, 0);
        let datagram = v4(THEM, US).udp(1000, 9).build();
        let packet = IpPacket::parse(&datagram).unwrap();
        for _ in 0..500 {
            answers.port_unreachable(NOW, &packet);
        }
        assert_eq!(sent(&mut answers).len(), ERRORS_AT_ONCE as usize);
        answers.port_unreachable(NOW + Duration::from_millis(10), &packet);
        assert_eq!(sent(&mut answers).len(), 1);
    }

    #[test]
    fn echo_comes_back_whole_even_if_in_fragments() {
        let mut answers = Answers::new(1420, 0);
        let request = v4(THEM, US)
            .icmp_echo_request(7, 8)
            .payload(&[5; 4000])
            .build();
        let packet = IpPacket::parse(&request).unwrap();
        let echo = Echo {
            identifier: 7,
            sequence: 8,
            payload: &[5; 4000],
        };
        answers.echo_reply(&packet, &echo);
        let packets = sent(&mut answers);
        assert_eq!(packets.len(), 3);
        assert!(packets.iter().all(|packet| packet.len() <= 1420));
    }
}
