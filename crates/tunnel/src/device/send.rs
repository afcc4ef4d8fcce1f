//! From the arena to the peers.

use core::ops::Range;

use arrayvec::ArrayVec;
use rand_core::CryptoRng;
use wirecraft_ip_packets::{Header, destination_address};
use wirecraft_noise_handshake::batch::Keyed;
use wirecraft_noise_handshake::{Seal, seal_keyed};
use wirecraft_time::Instant;

use super::Device;
use crate::arena::{Arena, Outcome, SlotMut};
use crate::errors::{ArenaFull, SendError};
use crate::peer::{BATCH_MAX, Peer, message_of, sent_counter};
use crate::peer_id::PeerId;

/// How many slots that follow each other are for which peer, if they are for one.
type Claims = ArrayVec<(Option<PeerId>, usize), BATCH_MAX>;

impl<R: CryptoRng> Device<R> {
    /// Seals every packet of the arena where it lies, if it was not sent before.
    ///
    /// Afterwards [`Arena::runs`] holds what is to be sent and [`Arena::failures`] what could not be.
    /// Packets of peers without a session are copied aside, at most 128 a peer, and a handshake is
    /// started; the oldest is dropped for a further one.
    ///
    /// Source: WireGuard whitepaper §5.4.6; Linux `send.c:wg_packet_send_staged_packets`.
    pub fn send_batch(&mut self, now: Instant, arena: &mut Arena) {
        let mut start = arena.first_unsent();
        while start < arena.len() {
            let end = arena.len().min(start + BATCH_MAX);
            // Filled where they lie: what is returned is moved whole, empty places and all.
            let mut claims = Claims::new();
            self.claim(now, arena, start..end, &mut claims);
            self.seal(arena, start..end, &claims);
            start = end;
        }
    }

    /// Finds whose the packets are and has each peer give them headers; `claims` tells who gave what.
    fn claim(&mut self, now: Instant, arena: &mut Arena, slots: Range<usize>, claims: &mut Claims) {
        let mut start = slots.start;
        while start < slots.end {
            let routed = self.route_slot(arena, start);
            let mut end = start + 1;
            match routed {
                Ok(id) => {
                    end += self.alike(id, arena, start, end..slots.end);
                    if let Some(peer) = self.peers.get_mut(id) {
                        peer.claim_slots(now, arena, start..end, &mut self.shared);
                    }
                    claims.push((Some(id), end - start));
                }
                Err(error) => {
                    self.shared.counters.count_send_error(error);
                    arena.set_outcome(start, Outcome::Failed(error));
                    claims.push((None, 1));
                }
            }
            start = end;
        }
    }

    /// Seals what got a header, whoever it is for, in one go.
    fn seal(&self, arena: &mut Arena, slots: Range<usize>, claims: &Claims) {
        let mut batch = ArrayVec::<Keyed<'_, Seal<'_>>, BATCH_MAX>::new();
        let mut slots = arena.slots_mut(slots.start, slots.len());
        for (id, count) in claims {
            let peer = id.and_then(|id| self.peers.get(id));
            let key = peer.and_then(Peer::sealing_key);
            for SlotMut { outcome, datagram } in slots.by_ref().take(*count) {
                let Outcome::Claimed(sealed) = *outcome else {
                    continue;
                };
                *outcome = Outcome::Sealed(sealed);
                let counter = sent_counter(datagram);
                let message = message_of(datagram);
                let key = key.expect("who gave a counter has the key that it is of");
                batch.push(key.keyed(Seal { counter, message }));
            }
        }
        seal_keyed(&mut batch);
    }

    /// Seals one packet in the arena, which is emptied first: a batch of one.
    ///
    /// # Errors
    /// [`ArenaFull`] if it does not fit; a packet that is refused is among [`Arena::failures`].
    pub fn send(
        &mut self,
        now: Instant,
        packet: &[u8],
        arena: &mut Arena,
    ) -> Result<(), ArenaFull> {
        arena.clear();
        arena.push(packet)?;
        self.send_batch(now, arena);
        Ok(())
    }

    /// Finds the peer that the packet in a slot goes to, by its destination.
    fn route_slot(&self, arena: &Arena, number: usize) -> Result<PeerId, SendError> {
        if self.shared.is_halted {
            return Err(SendError::Halted);
        }
        let header = Header::read(arena.packet(number)).map_err(SendError::NotIp)?;
        let peer = self.shared.allowed_ips.lookup(header.destination);
        peer.ok_or(SendError::NoRoute)
    }

    /// How many of the packets in slots go to `peer`, as the one in the slot `first` does, up to the first
    /// one that does not.
    fn alike(&self, peer: PeerId, arena: &Arena, first: usize, slots: Range<usize>) -> usize {
        if slots.is_empty() {
            return 0;
        }
        let address = destination_address(arena.packet(first)).ok();
        let goes_to_peer = |number: &usize| {
            Header::read(arena.packet(*number)).is_ok_and(|header| {
                Some(header.destination) == address
                    || self.shared.allowed_ips.lookup(header.destination) == Some(peer)
            })
        };
        slots.take_while(goes_to_peer).count()
    }
}
