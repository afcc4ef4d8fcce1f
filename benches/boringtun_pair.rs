//! Two tunnels of boringtun that talk to each other.

use std::sync::Arc;

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

/// Room for a datagram, and for a handshake message in any case.
const BUFFER_LEN: usize = 2048;

/// An initiator and a responder.
pub struct BoringtunPair {
    initiator: Tunn,
    responder: Tunn,
    datagram: Box<[u8; BUFFER_LEN]>,
    packet: Box<[u8; BUFFER_LEN]>,
}

impl Default for BoringtunPair {
    fn default() -> Self {
        Self::new()
    }
}

impl BoringtunPair {
    /// Makes a pair that has a session.
    ///
    /// # Panics
    /// If the handshake fails.
    #[must_use]
    pub fn new() -> Self {
        let keys = [StaticSecret::from([3; 32]), StaticSecret::from([5; 32])];
        let publics = [PublicKey::from(&keys[0]), PublicKey::from(&keys[1])];
        let mut pair = Self {
            initiator: tunnel(&keys[0], publics, 0),
            responder: tunnel(&keys[1], [publics[1], publics[0]], 1),
            datagram: Box::new([0; BUFFER_LEN]),
            packet: Box::new([0; BUFFER_LEN]),
        };
        pair.handshake();
        pair
    }

    /// Makes a new session: initiation, response, and the keepalive that confirms it.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn handshake(&mut self) {
        let Self {
            initiator,
            responder,
            datagram,
            packet,
        } = self;
        let mut third = [0; BUFFER_LEN];
        let initiation =
            written(initiator.format_handshake_initiation(datagram.as_mut_slice(), true));
        let response = written(responder.decapsulate(None, initiation, packet.as_mut_slice()));
        let keepalive = written(initiator.decapsulate(None, response, &mut third));
        let confirmed = responder.decapsulate(None, keepalive, datagram.as_mut_slice());
        assert!(
            matches!(confirmed, TunnResult::Done),
            "the handshake is complete"
        );
    }

    /// Seals `packet`, and opens it on the other side; says whether it arrived.
    pub fn transfer(&mut self, packet: &[u8]) -> bool {
        let sealed = written(
            self.initiator
                .encapsulate(packet, self.datagram.as_mut_slice()),
        );
        let opened = self
            .responder
            .decapsulate(None, sealed, self.packet.as_mut_slice());
        matches!(opened, TunnResult::WriteToTunnelV4(..))
    }
}

/// `publics` are the tunnel's own public key and its peer's.
fn tunnel(key: &StaticSecret, publics: [PublicKey; 2], index: u32) -> Tunn {
    let unlimited = Arc::new(RateLimiter::new(&publics[0], u64::MAX));
    Tunn::new(key.clone(), publics[1], None, None, index, Some(unlimited))
}

fn written(result: TunnResult<'_>) -> &mut [u8] {
    match result {
        TunnResult::WriteToNetwork(datagram) => datagram,
        other => panic!("expected a datagram, got {other:?}"),
    }
}
