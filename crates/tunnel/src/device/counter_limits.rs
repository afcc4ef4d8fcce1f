//! What happens when a keypair's counters come to an end: no test could send 2^60 packets.

use core::time::Duration;
use std::net::SocketAddr;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use wirecraft_noise_handshake::PrivateKey;
use wirecraft_time::Instant;

use super::Device;
use crate::arena::Arena;
use crate::constants::{REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES};
use crate::datagram::Datagram;
use crate::event::Event;
use crate::keypair::SendCounters;
use crate::peer_id::PeerId;

const MTU: usize = 1420;

/// Two devices with a session that the first one began, and nothing between them.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
}

pub(super) struct Side {
    pub(super) device: Device<ChaCha8Rng>,
    pub(super) peer: PeerId,
    address: SocketAddr,
}

pub(super) const INITIATOR: usize = 0;
pub(super) const RESPONDER: usize = 1;

impl Pair {
    pub(super) fn with_session() -> Self {
        let keys = [1, 2].map(|byte| PrivateKey::from_bytes([byte; 32]));
        let side = |own: usize, other: usize| {
            let mut device = Device::new(MTU, ChaCha8Rng::seed_from_u64(own as u64));
            device.set_private_key(Some(keys[own].clone()));
            let peer = device.add_peer(keys[other].public_key()).unwrap();
            let address =
                |number: usize| ([192, 0, 2, u8::try_from(number).unwrap()], 51820).into();
            device.set_endpoint(peer, address(other)).unwrap();
            device
                .add_allowed_ip(peer, "0.0.0.0/0".parse().unwrap())
                .unwrap();
            Side {
                device,
                peer,
                address: address(own),
            }
        };
        let mut pair = Self {
            now: Instant::from_origin(Duration::from_secs(1000)),
            sides: [side(0, 1), side(1, 0)],
        };
        let Side { device, peer, .. } = &mut pair.sides[INITIATOR];
        device.start_handshake(pair.now, *peer).unwrap();
        pair.exchange();
        pair.now = pair.now + Duration::from_secs(10);
        while pair.sides[INITIATOR].device.poll_event().is_some() {}
        pair
    }

    /// Delivers all that the devices made by themselves, and what they answer.
    pub(super) fn exchange(&mut self) {
        for from in [0, 1, 0, 1] {
            let [one, other] = &mut self.sides;
            let (sender, receiver) = if from == 0 {
                (one, other)
            } else {
                (other, one)
            };
            while let Some(transmit) = sender.device.poll_transmit() {
                let mut bytes = transmit.datagram().to_vec();
                let mut datagram = Datagram::new(sender.address, &mut bytes);
                receiver.device.receive(self.now, &mut datagram).unwrap();
                receiver.device.process_handshakes(self.now, 1);
            }
        }
    }

    /// Says how many counters of its current keypair a side has used.
    fn set_used_counters(&mut self, side: usize, used: u64) {
        let Side { device, peer, .. } = &mut self.sides[side];
        let peer = device.peers.get_mut(*peer).unwrap();
        peer.keypairs.current_mut().unwrap().counters = SendCounters::starting_at(used);
    }

    /// Sends `count` packets and returns how many datagrams that made at once.
    fn send(&mut self, side: usize, count: usize) -> usize {
        let mut arena = Arena::new(1 << 16, MTU);
        let packet = wirecraft_ip_packets::v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .udp(1, 2)
            .payload(b"counted")
            .build();
        for _ in 0..count {
            arena.push(&packet).unwrap();
        }
        self.sides[side].device.send_batch(self.now, &mut arena);
        assert_eq!(arena.failures().count(), 0);
        let segments = arena.runs().map(|run| run.bytes.len() / run.segment_len);
        segments.sum()
    }

    fn initiations_sent(&self, side: usize) -> u64 {
        self.sides[side].device.counters().initiations_sent
    }
}

#[test]
fn in_either_role_a_keypair_is_renewed_after_2_to_the_60_messages() {
    for side in [INITIATOR, RESPONDER] {
        let mut pair = Pair::with_session();
        let before = pair.initiations_sent(side);

        pair.set_used_counters(side, REKEY_AFTER_MESSAGES - 1);
        assert_eq!(pair.send(side, 1), 1);
        assert_eq!(pair.initiations_sent(side), before);

        assert_eq!(pair.send(side, 1), 1);
        assert_eq!(pair.initiations_sent(side), before + 1);
    }
}

#[test]
fn no_counter_from_the_limit_on_is_used_and_what_is_left_waits_for_a_new_keypair() {
    let mut pair = Pair::with_session();
    pair.set_used_counters(INITIATOR, REJECT_AFTER_MESSAGES - 2);

    assert_eq!(pair.send(INITIATOR, 5), 2);

    let Side { device, peer, .. } = &pair.sides[INITIATOR];
    let status = device.peer_status(pair.now, *peer).unwrap();
    assert_eq!(status.staged, 3);
    assert!(!status.has_session);
    let before = pair.sides[RESPONDER].device.counters().packets_received;
    pair.exchange();
    let after = pair.sides[RESPONDER].device.counters().packets_received;
    assert_eq!(after - before, 3);
}

#[test]
fn a_keepalive_is_not_sent_under_a_counter_from_the_limit_on() {
    let mut pair = Pair::with_session();
    pair.set_used_counters(INITIATOR, REJECT_AFTER_MESSAGES);
    let Side { device, peer, .. } = &mut pair.sides[INITIATOR];

    device
        .set_persistent_keepalive(pair.now, *peer, Some(Duration::from_secs(25)))
        .unwrap();

    assert_eq!(
        device.poll_event(),
        Some(Event::InitiationSent { peer: *peer })
    );
    assert_eq!(device.poll_event(), None);
}
