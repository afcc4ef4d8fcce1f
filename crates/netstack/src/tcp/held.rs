//! Packets that wait because no sink had room for them when they were made.

use crate::sink::PacketSink;

/// Answers to incoming segments and the one packet that found the sink full.
///
/// At most [`HeldPackets::MAX`] packets. When full, the newest is replaced: answers carry
/// cumulative acknowledgements, and the last of them says the most.
#[derive(Debug, Default)]
pub(super) struct HeldPackets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    sent: usize,
}

impl HeldPackets {
    /// As many answers as a batch of received segments may call for.
    pub(super) const MAX: usize = 64;

    pub(super) const fn is_empty(&self) -> bool {
        self.sent == self.ends.len()
    }

    /// Makes room for one more packet of `len` bytes.
    pub(super) fn push(&mut self, len: usize) -> &mut [u8] {
        if self.sent >= Self::MAX {
            self.forget_sent();
        }
        if self.ends.len() - self.sent >= Self::MAX {
            self.ends.pop();
            self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        }
        let start = self.bytes.len();
        self.bytes.resize(start + len, 0);
        self.ends.push(self.bytes.len());
        &mut self.bytes[start..]
    }

    /// Gives back the room of packets that went, which a sink that is never empty would keep for ever.
    fn forget_sent(&mut self) {
        let sent_len = self.sent.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.bytes.drain(..sent_len);
        self.ends.drain(..self.sent);
        self.ends.iter_mut().for_each(|end| *end -= sent_len);
        self.sent = 0;
    }

    /// Moves packets into `sink`, oldest first, at most `budget`; returns how many went.
    pub(super) fn drain_into(&mut self, sink: &mut impl PacketSink, budget: usize) -> usize {
        let mut moved = 0;
        while moved < budget && !self.is_empty() {
            let start = self.sent.checked_sub(1).map_or(0, |last| self.ends[last]);
            let packet = &self.bytes[start..self.ends[self.sent]];
            let Some(slot) = sink.reserve(packet.len()) else {
                break;
            };
            slot.copy_from_slice(packet);
            self.sent += 1;
            moved += 1;
        }
        if self.is_empty() {
            self.bytes.clear();
            self.ends.clear();
            self.sent = 0;
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_packet_gives_way_when_full() {
        let mut held = HeldPackets::default();
        for number in 0..=u8::try_from(HeldPackets::MAX).unwrap() {
            held.push(2).fill(number);
        }
        let mut sink: Vec<Vec<u8>> = Vec::new();
        assert_eq!(held.drain_into(&mut sink, usize::MAX), HeldPackets::MAX);
        assert_eq!(sink[HeldPackets::MAX - 2], [62, 62]);
        assert_eq!(sink[HeldPackets::MAX - 1], [64, 64]);
        assert!(held.is_empty());
    }

    #[test]
    fn room_does_not_grow_although_it_is_never_drained_whole() {
        let mut held = HeldPackets::default();
        let mut sink: Vec<Vec<u8>> = Vec::new();
        held.push(100).fill(0);
        for number in 1..=255 {
            held.push(100).fill(number);
            assert_eq!(held.drain_into(&mut sink, 1), 1);
        }
        assert!(held.bytes.capacity() <= 400 * HeldPackets::MAX);
        assert!(
            sink.iter()
                .zip(0..=254)
                .all(|(packet, number)| packet[..] == [number; 100])
        );
    }

    #[test]
    fn drained_in_order_within_the_budget() {
        let mut held = HeldPackets::default();
        held.push(1).fill(1);
        held.push(3).fill(2);
        let mut sink: Vec<Vec<u8>> = Vec::new();
        assert_eq!(held.drain_into(&mut sink, 1), 1);
        assert!(!held.is_empty());
        assert_eq!(held.drain_into(&mut sink, 9), 1);
        assert_eq!(sink, [vec![1], vec![2, 2, 2]]);
    }
}
