//! Shows the stack an acknowledgement of many segments in pieces.
//!
//! Receivers that take segments in batches, as Linux does with receive offload and this crate
//! with its batches, acknowledge a batch with one segment. smoltcp 0.14 opens its congestion
//! window by one segment for each acknowledgement, however much that acknowledges: the window
//! would grow by a segment a round trip where it should double. In pieces of one segment each,
//! it grows by the bytes that were acknowledged. This is done only while the congestion window
//! is what holds data back: it costs the stack a look at every piece.
//!
//! Source: RFC 3465 §2.2 (appropriate byte counting), RFC 9438 §4.1.

use super::segment::{ACK, SYN, Segment, is_before};
use super::sequence::HighestSent;

/// What the stack sends into a closed window at most, without counting it as sent: a byte, and the end of
/// the stream behind it.
const PROBE_LEN: u32 = 2;
/// Headers with all options are no longer: 60 bytes of IP and 60 of TCP.
const HEADERS_MAX_LEN: usize = 120;
/// Enough for batches of 256 KiB in full segments, and a bound on the work for one packet.
const PIECES_MAX: u32 = 256;

/// What the other end has acknowledged and how much more it takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acknowledged {
    /// SND.UNA.
    up_to: Option<u32>,
    /// SND.UNA + SND.WND.
    window_end: u32,
    window_shift: u8,
    /// The window as it was written, and the sequence number of the segment that said it: SND.WL1.
    window: u16,
    window_said_at: u32,
    /// The greatest window so far, in bytes: MAX.SND.WND.
    window_max: u32,
    /// Whether, after the last transmission, the congestion window alone held data back.
    congestion_limited: bool,
}

/// How a segment's acknowledgement stands to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is news, or what is known already.
    Current,
    /// A later segment arrived before: what that one said holds.
    Overtaken { up_to: u32, window: u16 },
    /// Nobody who takes part in the connection says so: what was not sent, or has long been acknowledged.
    ///
    /// Source: RFC 9293 §3.10.7.4; RFC 5961 §5.2.
    Impossible,
}

/// The pieces of an acknowledgement that come before the whole of it.
pub(super) struct Pieces {
    packet: [u8; HEADERS_MAX_LEN],
    packet_len: usize,
    segment: Segment,
    next: u32,
    piece_len: u32,
    left: u32,
}

impl Acknowledged {
    /// Takes note of an incoming segment; returns pieces if it acknowledges more than one segment
    /// of `piece_len` bytes and nothing else.
    ///
    /// Whether the segment is sound is for the stack to say: pieces of a damaged one are damaged.
    pub(super) fn pass(
        &mut self,
        packet: &[u8],
        segment: Segment,
        highest_sent: HighestSent,
        piece_len: usize,
    ) -> Option<Pieces> {
        if segment.flags & SYN != 0 {
            self.window_shift = segment.window_scale(packet).unwrap_or(0);
        }
        let (highest, acknowledgement) = (highest_sent.get()?, segment.acknowledgement);
        let furthest = highest.wrapping_add(PROBE_LEN);
        if segment.flags & ACK == 0 || is_before(furthest, acknowledgement) {
            return None;
        }
        let before = self.up_to.unwrap_or(acknowledgement);
        if is_before(acknowledgement, before) {
            return None;
        }
        self.up_to = Some(acknowledgement);
        let shift = if segment.flags & SYN != 0 {
            0
        } else {
            self.window_shift
        };
        let window = u32::from(segment.window) << shift;
        self.window_end = acknowledgement.wrapping_add(window);
        self.window_max = self.window_max.max(window);
        self.window = segment.window;
        self.window_said_at = segment.sequence;
        if !self.congestion_limited {
            return None;
        }
        let piece_len = u32::try_from(piece_len).ok().filter(|len| *len > 0)?;
        let left = acknowledgement.wrapping_sub(before).saturating_sub(1) / piece_len;
        let bytes = packet.first_chunk::<HEADERS_MAX_LEN>().copied();
        let fits = segment.is_pure_acknowledgement() && packet.len() <= HEADERS_MAX_LEN;
        (left > 0 && fits).then(|| {
            let mut copy = bytes.unwrap_or([0; HEADERS_MAX_LEN]);
            copy[..packet.len()].copy_from_slice(packet);
            let left = left.min(PIECES_MAX);
            Pieces {
                packet: copy,
                packet_len: packet.len(),
                segment,
                next: before,
                piece_len,
                left,
            }
        })
    }
}

impl Acknowledged {
    /// Returns the oldest sequence number that is not acknowledged, once anything is.
    pub(super) const fn up_to(&self) -> Option<u32> {
        self.up_to
    }

    /// Says how a segment's acknowledgement stands to what is known.
    pub(super) fn compare(&self, segment: &Segment, highest_sent: HighestSent) -> Standing {
        let (acknowledgement, Some(highest)) = (segment.acknowledgement, highest_sent.get()) else {
            return Standing::Impossible;
        };
        if is_before(highest.wrapping_add(PROBE_LEN), acknowledgement) {
            return Standing::Impossible;
        }
        let Some(up_to) = self.up_to else {
            return Standing::Current;
        };
        if is_before(acknowledgement, up_to) {
            let age = up_to.wrapping_sub(acknowledgement);
            return if age > self.window_max.max(u32::from(u16::MAX)) {
                Standing::Impossible
            } else {
                Standing::Overtaken {
                    up_to,
                    window: self.window,
                }
            };
        }
        if acknowledgement == up_to && is_before(segment.sequence, self.window_said_at) {
            let window = self.window;
            return Standing::Overtaken { up_to, window };
        }
        Standing::Current
    }

    /// Returns the sequence number behind the last that the other end takes.
    pub(super) const fn window_end(&self) -> u32 {
        self.window_end
    }

    /// Takes note of what a transmission left behind: `queued_len` bytes are not acknowledged, sent
    /// or not, and the sink took all that the stack wanted to send.
    pub(super) fn after_transmission(
        &mut self,
        queued_len: usize,
        highest_sent: HighestSent,
        segment_len: usize,
    ) {
        let (Some(highest), Some(up_to)) = (highest_sent.get(), self.up_to) else {
            return;
        };
        let distance = |from: u32, to: u32| match is_before(from, to) {
            true => usize::try_from(to.wrapping_sub(from)).unwrap_or(usize::MAX),
            false => 0,
        };
        let unsent_len = queued_len.saturating_sub(distance(up_to, highest));
        let room = distance(highest, self.window_end);
        self.congestion_limited = unsent_len >= segment_len && room >= segment_len;
    }

    /// Takes note that the sink took less than the stack wanted to send.
    pub(super) const fn after_interruption(&mut self) {
        self.congestion_limited = false;
    }
}

impl Pieces {
    /// Returns a packet that acknowledges one segment more than the one before it.
    pub(super) fn next_piece(&mut self) -> Option<&[u8]> {
        self.left = self.left.checked_sub(1)?;
        self.next = self.next.wrapping_add(self.piece_len);
        let packet = self.packet.get_mut(..self.packet_len)?;
        let current = Segment::read(packet)?;
        debug_assert_eq!(current.offset, self.segment.offset);
        current.set_acknowledgement(packet, self.next);
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use wirecraft_ip_packets::{IpPacket, v4};

    use super::*;

    fn acknowledgement(number: u32, data: &[u8]) -> Vec<u8> {
        let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        builder.tcp(80, 81).seq(5).ack(number).payload(data).build()
    }

    fn sent_up_to(end: u32) -> HighestSent {
        let mut highest = HighestSent::default();
        highest.pass(&mut acknowledgement(0, &[]));
        let builder = v4([10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        highest.pass(&mut builder.tcp(81, 80).seq(end).ack(5).build());
        highest
    }

    fn limited() -> Acknowledged {
        Acknowledged {
            congestion_limited: true,
            ..Acknowledged::default()
        }
    }

    fn pieces(acknowledged: &mut Acknowledged, packet: &[u8], sent: u32) -> Vec<u32> {
        let segment = Segment::read(packet).unwrap();
        let mut numbers = Vec::new();
        let pieces = acknowledged.pass(packet, segment, sent_up_to(sent), 1000);
        let Some(mut pieces) = pieces else {
            return numbers;
        };
        while let Some(piece) = pieces.next_piece() {
            let packet = IpPacket::parse(piece).unwrap();
            let segment = packet.tcp().unwrap();
            assert!(segment.checksum_is_valid(&packet.pseudo_header()));
            numbers.push(segment.ack());
        }
        numbers
    }

    #[test]
    fn stretch_is_cut_into_segments_and_its_rest_is_left_to_the_whole() {
        let mut acknowledged = limited();
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(100, &[]), 9000),
            []
        );
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(3100, &[]), 9000),
            [1100, 2100]
        );
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(4101, &[]), 9000),
            [4100]
        );
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(5101, &[]), 9000),
            []
        );
    }

    #[test]
    fn repeated_and_impossible_acknowledgements_are_left_alone() {
        let mut acknowledged = limited();
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(5000, &[]), 9000),
            []
        );
        for number in [5000, 1000, 9003, 5000_u32.wrapping_sub(1 << 31)] {
            assert_eq!(
                pieces(&mut acknowledged, &acknowledgement(number, &[]), 9000),
                []
            );
        }
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(7000, &[]), 9000),
            [6000]
        );
    }

    #[test]
    fn segment_with_data_is_not_cut_but_counts() {
        let mut acknowledged = limited();
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(0, &[]), 9000),
            []
        );
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(5000, b"data"), 9000),
            []
        );
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(6000, &[]), 9000),
            []
        );
    }

    #[test]
    fn pieces_go_round_the_circle_of_numbers() {
        let mut acknowledged = limited();
        assert_eq!(
            pieces(
                &mut acknowledged,
                &acknowledgement(u32::MAX - 499, &[]),
                9000
            ),
            []
        );
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(900, &[]), 9000),
            [500]
        );
    }

    #[test]
    fn only_the_congestion_window_calls_for_pieces() {
        let mut acknowledged = Acknowledged::default();
        // The test's segments offer 65535 bytes from what they acknowledge.
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(0, &[]), 50_000),
            []
        );
        acknowledged.after_transmission(60_000, sent_up_to(50_000), 1000);
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(1500, &[]), 50_000),
            [1000]
        );
        acknowledged.after_transmission(48_500, sent_up_to(50_000), 1000);
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(5000, &[]), 50_000),
            []
        );
        acknowledged.after_transmission(90_000, sent_up_to(70_000), 1000);
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(9000, &[]), 70_000),
            []
        );
        acknowledged.after_transmission(90_000, sent_up_to(70_000), 1000);
        acknowledged.after_interruption();
        assert_eq!(
            pieces(&mut acknowledged, &acknowledgement(20_000, &[]), 70_000),
            []
        );
    }

    #[test]
    fn window_is_scaled_as_the_first_segment_says() {
        let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(80, 81);
        let mut acknowledged = Acknowledged::default();
        let first = builder.syn().ack(0).window_scale(4).build();
        assert_eq!(pieces(&mut acknowledged, &first, 0), []);
        assert_eq!(acknowledged.window_end, 65_535);
        assert_eq!(pieces(&mut acknowledged, &acknowledgement(0, &[]), 0), []);
        assert_eq!(acknowledged.window_end, 65_535 << 4);
    }
}
