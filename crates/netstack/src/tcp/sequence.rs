//! Gives acknowledgements the sequence number that the standard asks for.
//!
//! After a retransmission timeout smoltcp 0.14 starts again from the oldest unacknowledged byte
//! and puts *that* position on its pure acknowledgements. The other end has long received what
//! comes after it, takes the segment for an old one and ignores what it acknowledges. When both
//! ends are in that state, nothing moves again. A pure acknowledgement must carry SND.NXT, which
//! never goes back.
//!
//! Source: RFC 9293 §3.10.7.4, "If an incoming segment is not acceptable", and §3.4.

use super::segment::{RST, Segment, is_before};

/// The sequence number after the last one ever sent: SND.NXT without retransmissions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HighestSent(Option<u32>);

impl HighestSent {
    /// Takes note of an outgoing packet of the stack, and corrects it if it is an acknowledgement.
    pub(super) fn pass(&mut self, packet: &mut [u8]) {
        let Some(segment) = Segment::read(packet) else {
            return;
        };
        if segment.flags & RST != 0 {
            return;
        }
        match self.0 {
            Some(highest)
                if segment.is_pure_acknowledgement() && is_before(segment.sequence, highest) =>
            {
                segment.set_sequence(packet, highest);
            }
            Some(highest) if !is_before(highest, segment.end()) => {}
            _ => self.0 = Some(segment.end()),
        }
    }

    /// Says whether `sequence` was sent and, being `oldest` or later, is not acknowledged; before any
    /// acknowledgement the first segment alone was sent.
    ///
    /// Source: RFC 5927 §4.1: SND.UNA =< SEG.SEQ < SND.NXT.
    pub(super) fn is_outstanding(self, oldest: Option<u32>, sequence: u32) -> bool {
        self.0.is_some_and(|highest| {
            let oldest = oldest.unwrap_or_else(|| highest.wrapping_sub(1));
            !is_before(sequence, oldest) && is_before(sequence, highest)
        })
    }

    /// Returns it, once anything was sent.
    pub(super) const fn get(self) -> Option<u32> {
        self.0
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
    fn data_keeps_its_place() {
        let mut highest = HighestSent::default();
        highest.pass(&mut segment(1000, &[7; 10]));
        let again = segment(1000, &[7; 10]);
        let mut passed = again.clone();
        highest.pass(&mut passed);
        assert_eq!(passed, again);
    }
}
