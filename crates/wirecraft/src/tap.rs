//! Watching all packets of a tunnel's sockets, both ways.

use wirecraft_netstack::PacketSink;
use wirecraft_tunnel::Arena;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Out of the tunnel, to its sockets.
    Incoming,
    /// From the sockets, into the tunnel.
    Outgoing,
}

/// What is told of every packet.
pub(crate) type Tap = Box<dyn FnMut(Direction, &[u8]) + Send>;

/// Writes packets into an arena and tells of each.
pub(crate) struct TappedSink<'a> {
    arena: &'a mut Arena,
    tap: &'a mut Tap,
    /// The packet that was handed out last, which its writer has written by now.
    packet: Vec<u8>,
}

impl<'a> TappedSink<'a> {
    pub(crate) fn new(arena: &'a mut Arena, tap: &'a mut Tap) -> Self {
        Self {
            arena,
            tap,
            packet: Vec::new(),
        }
    }

    /// Passes the last packet on.
    pub(crate) fn finish(&mut self) {
        if !self.packet.is_empty() {
            (self.tap)(Direction::Outgoing, &self.packet);
            // Room was found before the packet was handed out.
            let _ = self.arena.push(&self.packet);
            self.packet.clear();
        }
    }
}

impl PacketSink for TappedSink<'_> {
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        self.finish();
        if self.arena.remaining_len() < len {
            return None;
        }
        self.packet.resize(len, 0);
        Some(&mut self.packet)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn every_packet_is_told_of_and_passed_on() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let mut tap: Tap = Box::new(move |direction, packet| {
            teller.lock().unwrap().push((direction, packet.to_vec()));
        });
        let mut arena = Arena::new(1000, 1420);
        let mut sink = TappedSink::new(&mut arena, &mut tap);
        for byte in 1..=3 {
            sink.reserve(100).unwrap().fill(byte);
        }
        assert!(sink.reserve(900).is_none());
        sink.finish();
        assert_eq!(arena.len(), 3);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 3);
        assert_eq!(told[2], (Direction::Outgoing, vec![3; 100]));
    }
}
