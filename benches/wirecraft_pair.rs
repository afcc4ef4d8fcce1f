//! Two devices that talk to each other.

use core::time::Duration;
use std::net::SocketAddr;

use arrayvec::ArrayVec;
use getrandom::SysRng;
use rand_core::UnwrapErr;
use wirecraft_noise_handshake::PrivateKey;
use wirecraft_time::Instant;
use wirecraft_tunnel::{AeadPath, Arena, Datagram, Device, MAX_SEGMENTS, PeerId};

type SystemDevice = Device<UnwrapErr<SysRng>>;

const MTU: usize = 1420;

/// An initiator and a responder.
pub struct WirecraftPair {
    initiator: SystemDevice,
    responder: SystemDevice,
    responder_id: PeerId,
    addresses: [SocketAddr; 2],
    now: Instant,
}

impl Default for WirecraftPair {
    fn default() -> Self {
        Self::new()
    }
}

impl WirecraftPair {
    /// Makes a pair that has a session.
    ///
    /// # Panics
    /// If the handshake fails.
    #[must_use]
    pub fn new() -> Self {
        Self::with_path(AeadPath::detect())
    }

    /// Makes a pair that has a session, whose batches `path` works on where that is faster.
    ///
    /// # Panics
    /// If the handshake fails.
    #[must_use]
    pub fn with_path(path: AeadPath) -> Self {
        let mut entropy = UnwrapErr(SysRng);
        let keys = [
            PrivateKey::generate(&mut entropy),
            PrivateKey::generate(&mut entropy),
        ];
        let addresses = [
            SocketAddr::from(([192, 0, 2, 1], 51820)),
            SocketAddr::from(([192, 0, 2, 2], 51820)),
        ];
        let (mut initiator, mut responder) = (Device::new(MTU, entropy), Device::new(MTU, entropy));
        initiator.set_aead_path(path);
        responder.set_aead_path(path);
        initiator.set_private_key(Some(keys[0].clone()));
        responder.set_private_key(Some(keys[1].clone()));
        let responder_id = initiator
            .add_peer(keys[1].public_key())
            .expect("another key");
        initiator
            .set_endpoint(responder_id, addresses[1])
            .expect("a known peer");
        allow(&mut initiator, responder_id, [10, 0, 0, 2]);
        let initiator_id = responder
            .add_peer(keys[0].public_key())
            .expect("another key");
        allow(&mut responder, initiator_id, [10, 0, 0, 1]);
        let now = Instant::from_origin(Duration::from_secs(1));
        let mut pair = Self {
            initiator,
            responder,
            responder_id,
            addresses,
            now,
        };
        pair.handshake();
        pair
    }

    /// Makes a new session: initiation, response, and the keepalive that confirms it.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn handshake(&mut self) {
        // A peer is sent no two initiations within five seconds.
        self.now = self.now + Duration::from_secs(6);
        self.initiator
            .set_wall_clock(self.now, self.now.since_origin());
        self.initiator
            .start_handshake(self.now, self.responder_id)
            .expect("a known peer");
        let [initiator_address, responder_address] = self.addresses;
        let initiation = drain(&mut self.initiator);
        carry(initiation, initiator_address, &mut self.responder, self.now);
        let response = drain(&mut self.responder);
        carry(response, responder_address, &mut self.initiator, self.now);
        let keepalive = drain(&mut self.initiator);
        carry(keepalive, initiator_address, &mut self.responder, self.now);
        let status = self.initiator.peer_status(self.now, self.responder_id);
        assert!(
            status.expect("a known peer").has_session,
            "the handshake is complete"
        );
        while self.initiator.poll_event().is_some() || self.responder.poll_event().is_some() {}
    }

    /// Seals the packets of `arena` on the initiator's side.
    pub fn seal(&mut self, arena: &mut Arena) {
        self.initiator.send_batch(self.now, arena);
    }

    /// Opens the datagrams on the responder's side; returns how many held a packet.
    pub fn open(&mut self, datagrams: &mut [Datagram<'_>]) -> usize {
        self.responder.receive_batch(self.now, datagrams);
        datagrams.iter_mut().filter_map(Datagram::packet).count()
    }

    /// Seals `count` copies of `packet`, carries them over and opens them; returns how many arrived.
    ///
    /// # Panics
    /// If the packets do not fit into `arena`.
    pub fn transfer(
        &mut self,
        packet: &[u8],
        count: usize,
        arena: &mut Arena,
        buffer: &mut ReceiveBuffer,
    ) -> usize {
        arena.clear();
        for _ in 0..count {
            arena.push(packet).expect("the arena is large enough");
        }
        self.seal(arena);
        let from = self.addresses[0];
        let mut opened = 0;
        for run in arena.runs() {
            let bytes = &mut buffer.0[..run.bytes.len()];
            bytes.copy_from_slice(run.bytes);
            let mut datagrams = ArrayVec::<_, MAX_SEGMENTS>::new();
            let segments = bytes.chunks_mut(run.segment_len);
            datagrams.extend(segments.map(|bytes| Datagram::new(from, bytes)));
            opened += self.open(&mut datagrams);
        }
        opened
    }
}

/// What the operating system copies received datagrams into.
pub struct ReceiveBuffer(Box<[u8]>);

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self(vec![0; 65_536].into_boxed_slice())
    }
}

fn allow(device: &mut SystemDevice, peer: PeerId, address: [u8; 4]) {
    let prefix = core::net::IpAddr::from(address).into();
    device.add_allowed_ip(peer, prefix).expect("a known peer");
}

fn drain(device: &mut SystemDevice) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| device.poll_transmit())
        .map(|transmit| transmit.datagram().to_vec())
        .collect()
}

fn carry(datagrams: Vec<Vec<u8>>, from: SocketAddr, to: &mut SystemDevice, now: Instant) {
    for mut bytes in datagrams {
        to.receive(now, &mut Datagram::new(from, &mut bytes))
            .expect("the datagram is valid");
    }
    to.process_handshakes(now, 1);
}
