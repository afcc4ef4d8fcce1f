//! Packets of one peer that wait until there is a session to send them in.

use std::collections::VecDeque;

use crate::constants::MAX_STAGED_PACKETS;

/// A queue of at most [`MAX_STAGED_PACKETS`] packets; a further one pushes the oldest out.
#[derive(Default)]
pub(crate) struct Staging {
    packets: VecDeque<Box<[u8]>>,
}

impl Staging {
    /// Adds a copy of `packet`; says whether an older one was dropped for it.
    #[must_use]
    pub(crate) fn push(&mut self, packet: &[u8]) -> bool {
        let full = self.packets.len() == MAX_STAGED_PACKETS;
        if full {
            self.packets.pop_front();
        }
        self.packets.push_back(packet.into());
        full
    }

    pub(crate) fn pop(&mut self) -> Option<Box<[u8]>> {
        self.packets.pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Forgets all packets and returns how many there were.
    pub(crate) fn purge(&mut self) -> usize {
        let count = self.packets.len();
        self.packets = VecDeque::new();
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_its_oldest_packet() {
        let mut staging = Staging::default();
        for number in 0..128u8 {
            assert!(!staging.push(&[number]));
        }
        assert!(staging.push(&[200]));
        assert_eq!(staging.len(), MAX_STAGED_PACKETS);
        assert_eq!(staging.pop().as_deref(), Some(&[1u8][..]));
    }
}
