//! What must hold of everything that was sent, sealed and delivered.

use std::collections::{HashMap, HashSet};

use wirecraft_noise_handshake::PublicKey;
use wirecraft_wire_format::Message;

/// Everything that happened so far.
#[derive(Default)]
pub(super) struct Model {
    packets: HashMap<u32, Packet>,
    sealed: HashSet<(usize, u32, u64)>,
    next_number: u32,
}

/// A packet that a side was given to send.
struct Packet {
    from: usize,
    bytes: Vec<u8>,
    is_delivered: bool,
}

impl Model {
    /// Hands out the number of the next packet.
    pub(super) const fn number(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }

    pub(super) fn sent(&mut self, from: usize, number: u32, bytes: Vec<u8>) {
        let packet = Packet {
            from,
            bytes,
            is_delivered: false,
        };
        self.packets.insert(number, packet);
    }

    /// Takes note of a datagram that a side made.
    pub(super) fn made(&mut self, from: usize, datagram: &[u8]) {
        match Message::parse(datagram) {
            Ok(Message::Data(data)) => {
                let index = data.header.receiver_index().value();
                let counter = data.header.counter().value();
                let is_new = self.sealed.insert((from, index, counter));
                assert!(
                    is_new,
                    "counter {counter} for index {index:#x} is sealed twice"
                );
            }
            Ok(_) => {}
            Err(error) => panic!("a device made what is no message: {error}"),
        }
    }

    /// Takes note of a packet that came out at `to`, from the peer with the key `from`.
    pub(super) fn delivered(
        &mut self,
        to: usize,
        bytes: &[u8],
        from: &PublicKey,
        keys: &[PublicKey],
    ) {
        let number = number_in(bytes).expect("only packets with a number are sent");
        let packet = self
            .packets
            .get_mut(&number)
            .expect("only what was sent is delivered");
        assert_eq!(packet.bytes, bytes, "a packet arrives as it was sent");
        assert_ne!(packet.from, to, "nobody hears himself");
        assert!(keys.contains(from), "it comes from the peer that sent it");
        assert!(!packet.is_delivered, "packet {number} is delivered twice");
        packet.is_delivered = true;
    }

    pub(super) fn is_delivered(&self, number: u32) -> bool {
        self.packets
            .get(&number)
            .is_some_and(|packet| packet.is_delivered)
    }
}

/// The number stands at the start of the UDP payload.
fn number_in(packet: &[u8]) -> Option<u32> {
    packet
        .get(28..)?
        .first_chunk()
        .map(|number| u32::from_be_bytes(*number))
}
