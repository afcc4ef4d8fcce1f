//! From the arena to the peers.

use core::net::IpAddr;

use rand_core::CryptoRng;
use wirecraft_ip_packets::Header;
use wirecraft_time::Instant;

use super::Device;
use crate::arena::{Arena, Outcome};
use crate::errors::{ArenaFull, SendError};
use crate::peer_id::PeerId;

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
            let routed = self.route_slot(arena, start);
            let mut end = start + 1;
            match routed {
                Ok((id, address)) => {
                    while end < arena.len() && self.goes_to(id, address, arena, end) {
                        end += 1;
                    }
                    if let Some(peer) = self.peers.get_mut(id) {
                        peer.send_slots(now, arena, start..end, &mut self.shared);
                    }
                }
                Err(error) => {
                    self.shared.counters.count_send_error(error);
                    arena.set_outcome(start, Outcome::Failed(error));
                }
            }
            start = end;
        }
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
    fn route_slot(&self, arena: &Arena, number: usize) -> Result<(PeerId, IpAddr), SendError> {
        if self.shared.is_halted {
            return Err(SendError::Halted);
        }
        let header = Header::read(arena.packet(number)).map_err(SendError::NotIp)?;
        let peer = self.shared.allowed_ips.lookup(header.destination);
        Ok((peer.ok_or(SendError::NoRoute)?, header.destination))
    }

    /// Whether the packet in a slot goes to `peer`, as what goes to `address` does.
    fn goes_to(&self, peer: PeerId, address: IpAddr, arena: &Arena, number: usize) -> bool {
        Header::read(arena.packet(number)).is_ok_and(|header| {
            header.destination == address
                || self.shared.allowed_ips.lookup(header.destination) == Some(peer)
        })
    }
}
