//! Gives acknowledgements the sequence number that the standard asks for.
//!
//! After a retransmission timeout smoltcp 0.14 starts again from the oldest unacknowledged byte
//! and puts *that* position on its pure acknowledgements. The other end has long received what
//! comes after it, takes the segment for an old one and ignores what it acknowledges. When both
//! ends are in that state, nothing moves again. A pure acknowledgement must carry SND.NXT, which
//! never goes back.
//!
//! Probes of a closed window are not counted: the byte that is in one was refused as far as anybody knows.
//! An acknowledgement that carried the number behind it would be refused by an end whose own window is
//! closed, and with it the news that ours has opened: two ends that both were full never moved again.
//!
//! Source: RFC 9293 §3.10.7.4, "If an incoming segment is not acceptable", and §3.4.

use super::offered::Offered;
use super::segment::{ACK, RST, Segment, is_before};

/// The sequence number after the last one ever sent into the window: SND.NXT without retransmissions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HighestSent {
    highest: Option<u32>,
    /// Where the window of the other end ends, once it is known.
    window_end: Option<u32>,
    /// What was acknowledged last, and the window as it was written.
    last_acknowledgement: Option<(u32, u16)>,
    /// Whether the other end was asked if it is there, and nothing came since.
    is_probing: bool,
    /// What the other end was told of how much it may send.
    offered: Offered,
}

impl HighestSent {
    /// Takes note of an outgoing packet of the stack, and corrects it if it is an acknowledgement.
    pub(super) fn pass(&mut self, packet: &mut [u8]) {
        let Some(segment) = Segment::read(packet) else {
            return;
        };
        if segment.flags & RST != 0 {
            return;
        }
        self.offered.pass(packet, &segment);
        if segment.flags & ACK != 0 {
            self.last_acknowledgement = Some((segment.acknowledgement, segment.window));
        }
        // More than a byte was sent because there was a window when it was cut.
        let begins_outside = |end| !is_before(segment.sequence, end);
        if segment.data_len == 1 && self.window_end.is_some_and(begins_outside) {
            return;
        }
        self.is_probing |=
            segment.data_len == 1 && self.highest.is_some_and(|highest| segment.end() == highest);
        match self.highest {
            Some(highest)
                if segment.is_pure_acknowledgement() && is_before(segment.sequence, highest) =>
            {
                segment.set_sequence(packet, highest);
            }
            Some(highest) if !is_before(highest, segment.end()) => {}
            _ => self.highest = Some(segment.end()),
        }
    }

    /// Takes note of what the other end has acknowledged, perhaps the byte of a probe, and of where its
    /// window ends.
    pub(super) fn hear(&mut self, acknowledged: u32, window_end: u32) {
        self.window_end = Some(window_end);
        if self
            .highest
            .is_some_and(|highest| is_before(highest, acknowledged))
        {
            self.highest = Some(acknowledged);
        }
    }

    /// Says whether the other end was asked if it is there, and nothing came since.
    pub(super) const fn is_probing(self) -> bool {
        self.is_probing
    }

    /// Takes note of a sign of life.
    pub(super) const fn hear_life(&mut self) {
        self.is_probing = false;
    }

    /// What the other end was told of how much it may send.
    pub(super) const fn offered(&self) -> &Offered {
        &self.offered
    }

    /// As [`offered`](Self::offered), to take note of what was received.
    pub(super) const fn offered_mut(&mut self) -> &mut Offered {
        &mut self.offered
    }

    /// Says whether `sequence` was sent and, being `oldest` or later, is not acknowledged; before any
    /// acknowledgement the first segment alone was sent.
    ///
    /// Source: RFC 5927 §4.1: SND.UNA =< SEG.SEQ < SND.NXT.
    pub(super) fn is_outstanding(self, oldest: Option<u32>, sequence: u32) -> bool {
        self.highest.is_some_and(|highest| {
            let oldest = oldest.unwrap_or_else(|| highest.wrapping_sub(1));
            !is_before(sequence, oldest) && is_before(sequence, highest)
        })
    }

    /// Returns what was acknowledged last, and the window as it was written, once anything was.
    pub(super) const fn last_acknowledgement(self) -> Option<(u32, u16)> {
        self.last_acknowledgement
    }

    /// Returns it, once anything was sent.
    pub(super) const fn get(self) -> Option<u32> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use wirecraft_ip_packets::{IpPacket, v4};

    use super::*;

    fn segment(sequence: u32, data: &[u8]) -> Vec<u8> {
        let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        builder
            .tcp(80, 81)
            .seq(sequence)
            .ack(9)
            .payload(data)
            .build()
    }

    #[test]
    fn acknowledgement_after_going_back_carries_the_highest_number() {
        let mut highest = HighestSent::default();
        highest.pass(&mut segment(u32::MAX - 3, &[7; 10]));
        let mut acknowledgement = segment(u32::MAX - 3, &[]);
        highest.pass(&mut acknowledgement);
        let packet = IpPacket::parse(&acknowledgement).unwrap();
        assert_eq!(packet.tcp().unwrap().seq(), 6);
        assert!(
            packet
                .tcp()
                .unwrap()
                .checksum_is_valid(&packet.pseudo_header())
        );
    }

    #[test]
    fn only_what_was_sent_and_not_acknowledged_is_outstanding() {
        let mut highest = HighestSent::default();
        assert!(!highest.is_outstanding(None, 0));
        highest.pass(&mut segment(u32::MAX - 3, &[7; 10]));
        let oldest = Some(u32::MAX);
        let sequences = [u32::MAX - 1, u32::MAX, 0, 5, 6];
        let outstanding = sequences.map(|sequence| highest.is_outstanding(oldest, sequence));
        assert_eq!(outstanding, [false, true, true, true, false]);
    }

    #[test]
    fn probe_of_a_closed_window_does_not_count_until_it_is_acknowledged() {
        let mut highest = HighestSent::default();
        highest.pass(&mut segment(1000, &[7; 10]));
        highest.hear(1010, 1010);
        highest.pass(&mut segment(1010, &[7]));
        assert_eq!(highest.get(), Some(1010));
        highest.hear(1011, 1011);
        assert_eq!(highest.get(), Some(1011));
        highest.hear(1011, 2000);
        highest.pass(&mut segment(1011, &[7; 100]));
        assert_eq!(highest.get(), Some(1111));
    }

    #[test]
    fn data_keeps_its_place() {
        let mut highest = HighestSent::default();
        highest.pass(&mut segment(1000, &[7; 10]));
        let again = segment(1000, &[7; 10]);
        let mut passed = again.clone();
        highest.pass(&mut passed);
        assert_eq!(passed, again);
    }
}
