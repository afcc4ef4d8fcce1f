//! A bounded queue of packets in one ring of bytes.

use std::collections::VecDeque;

use crate::sink::PacketSink;

/// Packets of any size, each with a note `M`, in a ring that is allocated once.
///
/// Bounded by the bytes of the ring and by the number of packets. [`push`](Self::push) refuses
/// what does not fit: who pushes decides whether that is back-pressure or a drop.
///
/// ```text
///  0            head                 tail          capacity
///  |  free      | oldest .. newest   |  free       |
///  |  .. newest | free | oldest ..   | unused end  |      after a wrap
/// ```
#[derive(Debug)]
pub struct PacketQueue<M = ()> {
    ring: Vec<u8>,
    packets: VecDeque<Slot<M>>,
    tail: usize,
    capacity_len: usize,
    packets_max: usize,
}

#[derive(Debug)]
struct Slot<M> {
    start: usize,
    len: usize,
    note: M,
}

impl<M> PacketQueue<M> {
    /// Makes an empty queue for `capacity_len` bytes in at most `packets_max` packets.
    ///
    /// The ring is allocated with the first packet.
    #[must_use]
    pub const fn new(capacity_len: usize, packets_max: usize) -> Self {
        Self {
            ring: Vec::new(),
            packets: VecDeque::new(),
            tail: 0,
            capacity_len,
            packets_max,
        }
    }

    /// Returns room for one more packet of `len` bytes, or `None` if the queue is full.
    pub fn push(&mut self, len: usize, note: M) -> Option<&mut [u8]> {
        if self.packets.len() >= self.packets_max {
            return None;
        }
        let start = self.place(len)?;
        if self.ring.is_empty() {
            self.ring = vec![0; self.capacity_len];
        }
        self.tail = start + len;
        self.packets.push_back(Slot { start, len, note });
        self.ring.get_mut(start..start + len)
    }

    /// Returns where `len` contiguous bytes are free.
    fn place(&self, len: usize) -> Option<usize> {
        let Some(oldest) = self.packets.front() else {
            return (len <= self.capacity_len).then_some(0);
        };
        let wrapped = self
            .packets
            .back()
            .is_some_and(|newest| newest.start < oldest.start);
        if wrapped || (self.tail == oldest.start && self.tail != 0) {
            (self.tail + len <= oldest.start).then_some(self.tail)
        } else if self.tail + len <= self.capacity_len {
            Some(self.tail)
        } else {
            (len <= oldest.start).then_some(0)
        }
    }

    /// Returns the oldest packet and its note.
    #[must_use]
    pub fn front(&self) -> Option<(&[u8], &M)> {
        let slot = self.packets.front()?;
        Some((
            self.ring.get(slot.start..slot.start + slot.len)?,
            &slot.note,
        ))
    }

    /// Removes the oldest packet and returns its note.
    pub fn pop(&mut self) -> Option<M> {
        Some(self.packets.pop_front()?.note)
    }

    /// Takes back the newest packets until `len` are left.
    pub fn truncate(&mut self, len: usize) {
        self.packets.truncate(len);
        self.tail = self
            .packets
            .back()
            .map_or(0, |newest| newest.start + newest.len);
    }

    /// Moves packets into `sink`, oldest first, at most `budget`; returns how many went.
    pub fn drain_into(&mut self, sink: &mut impl PacketSink, budget: usize) -> usize {
        for moved in 0..budget {
            let Some((packet, _)) = self.front() else {
                return moved;
            };
            let Some(slot) = sink.reserve(packet.len()) else {
                return moved;
            };
            slot.copy_from_slice(packet);
            self.pop();
        }
        budget
    }

    /// Says whether no packet waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Returns how many packets wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut PacketQueue<u32>, len: usize, number: u32) -> bool {
        let fill = u8::try_from(number % 256).unwrap();
        queue
            .push(len, number)
            .map(|slot| slot.fill(fill))
            .is_some()
    }

    #[test]
    fn packets_come_out_as_they_went_in_through_many_wraps() {
        let mut queue = PacketQueue::new(1000, 10);
        let (mut pushed, mut popped, mut random) = (0_u32, 0_u32, 1_usize);
        while popped < 10_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_041);
            let len = 1 + (random >> 33) % 400;
            if (random >> 20).is_multiple_of(3) || !push(&mut queue, len, pushed) {
                if let Some((packet, number)) = queue.front() {
                    assert_eq!(*number, popped);
                    assert!(packet.iter().all(|byte| u32::from(*byte) == popped % 256));
                    queue.pop();
                    popped += 1;
                }
            } else {
                pushed += 1;
            }
        }
    }

    #[test]
    fn full_queue_refuses_and_keeps_what_it_has() {
        let mut queue = PacketQueue::new(100, 10);
        assert!(push(&mut queue, 60, 1) && push(&mut queue, 40, 2));
        assert!(!push(&mut queue, 1, 3));
        assert_eq!(queue.pop(), Some(1));
        assert!(push(&mut queue, 60, 4) && !push(&mut queue, 1, 5));
        assert_eq!(
            queue
                .front()
                .map(|(packet, number)| (packet.len(), *number)),
            Some((40, 2))
        );
    }

    #[test]
    fn number_of_packets_is_bounded_too() {
        let mut queue = PacketQueue::new(100, 2);
        assert!(push(&mut queue, 1, 1) && push(&mut queue, 1, 2) && !push(&mut queue, 1, 3));
    }

    #[test]
    fn packet_larger_than_the_ring_is_refused() {
        assert!(!push(&mut PacketQueue::new(100, 2), 101, 1));
    }

    #[test]
    fn empty_packets_count() {
        let mut queue = PacketQueue::new(10, 5);
        assert!(push(&mut queue, 0, 1) && push(&mut queue, 10, 2) && push(&mut queue, 0, 3));
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some(1), Some(2), Some(3)]
        );
    }
}
