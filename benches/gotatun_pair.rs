//! Two tunnels of gotatun that talk to each other.

use std::net::SocketAddr;
use std::sync::Arc;

use gotatun::noise::index_table::IndexTable;
use gotatun::noise::rate_limiter::RateLimiter;
use gotatun::noise::{Tunn, TunnResult};
use gotatun::packet::{Packet, PacketBufPool, WgKind};
use gotatun::tun::MtuWatcher;
use gotatun::x25519::{PublicKey, StaticSecret};

/// What its device reads a packet into, from a pool that is as large as this.
const POOL_LEN: usize = 128;

/// As its device does it: packets come from a pool and go back to it, a packet is padded up to the MTU,
/// a datagram is verified before its tunnel gets it, and what was opened is read as an IP packet.
pub struct GotatunPair {
    initiator: Tunn,
    responder: Tunn,
    limiters: [Arc<RateLimiter>; 2],
    pool: PacketBufPool,
    mtu: MtuWatcher,
    address: SocketAddr,
}

impl Default for GotatunPair {
    fn default() -> Self {
        Self::new()
    }
}

impl GotatunPair {
    /// Makes a pair that has a session.
    ///
    /// # Panics
    /// If the handshake fails.
    #[must_use]
    pub fn new() -> Self {
        let keys = [StaticSecret::from([3; 32]), StaticSecret::from([5; 32])];
        let publics = [PublicKey::from(&keys[0]), PublicKey::from(&keys[1])];
        let limiters = publics.map(|key| Arc::new(RateLimiter::new(&key, u64::MAX)));
        let tunnel = |own: usize| {
            Tunn::new(
                keys[own].clone(),
                publics[1 - own],
                None,
                None,
                IndexTable::from_os_rng(),
                Arc::clone(&limiters[own]),
            )
        };
        let mut pair = Self {
            initiator: tunnel(0),
            responder: tunnel(1),
            limiters: limiters.clone(),
            pool: PacketBufPool::new(POOL_LEN),
            mtu: MtuWatcher::new(1420),
            address: SocketAddr::from(([192, 0, 2, 1], 51820)),
        };
        pair.handshake();
        pair
    }

    /// Makes a new session: initiation, response, and the keepalive that confirms it.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn handshake(&mut self) {
        let initiation = self.initiator.format_handshake_initiation(true);
        let initiation = initiation.expect("it is forced").into();
        let received = verified(&self.limiters[1], self.address, initiation);
        let response = to_network(self.responder.handle_incoming_packet(received));
        let received = verified(&self.limiters[0], self.address, response.into());
        let keepalive = to_network(self.initiator.handle_incoming_packet(received));
        let received = verified(&self.limiters[1], self.address, keepalive.into());
        let confirmed = self.responder.handle_incoming_packet(received);
        assert!(
            matches!(confirmed, TunnResult::WriteToTunnel(packet) if packet.is_empty()),
            "the handshake is complete"
        );
    }

    /// Seals `packet`, and opens it on the other side; says whether it arrived.
    ///
    /// # Panics
    /// If there is no session.
    pub fn transfer(&mut self, packet: &[u8]) -> bool {
        let mut outgoing = self.pool.get();
        outgoing.truncate(packet.len());
        outgoing.copy_from_slice(packet);
        let sealed = self
            .initiator
            .handle_outgoing_packet(outgoing, Some(&mut self.mtu));
        let sealed: Packet = sealed.expect("there is a session").into();
        // It is handed over as it is, where a socket would copy it into a packet of the pool.
        let received = verified(&self.limiters[1], self.address, sealed);
        match self.responder.handle_incoming_packet(received) {
            TunnResult::WriteToTunnel(packet) => packet.try_into_ipvx().is_ok(),
            _ => false,
        }
    }
}

fn verified(limiter: &RateLimiter, from: SocketAddr, datagram: Packet) -> WgKind {
    let verified = limiter.verify_packet(from, datagram);
    verified.expect("what the other end made is sound")
}

fn to_network(result: TunnResult) -> WgKind {
    match result {
        TunnResult::WriteToNetwork(message) => message,
        other => panic!("expected a message, got {other:?}"),
    }
}
