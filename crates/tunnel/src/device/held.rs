//! How much a device holds, table by table.

use rand_core::CryptoRng;

use super::Device;
use crate::constants::{MAX_QUEUED_INCOMING_HANDSHAKES, MAX_STAGED_PACKETS};
use crate::event::EventQueue;
use crate::rate_limit::SOURCES_MAX;

/// Indices that a peer needs: for three keypairs and an attempt.
const INDICES_PER_PEER_MAX: usize = 4;

/// How many entries the tables of a device have: everything that grows while it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Its peers.
    pub peers: usize,
    /// Prefixes that belong to peers.
    pub prefixes: usize,
    /// Nodes of the tries in which prefixes are looked up.
    pub trie_nodes: usize,
    /// Packets that wait for a session, of the peer that has the most of them.
    pub staged: usize,
    /// Receiver indices in use.
    pub indices: usize,
    /// Wake-ups of peers.
    pub wakeups: usize,
    /// Addresses at which peers were heard.
    pub known_endpoints: usize,
    /// Handshake messages that wait.
    pub handshakes: usize,
    /// Sources of handshake messages whose rate is remembered.
    pub sources: usize,
    /// Events that nobody took yet.
    pub events: usize,
    /// Datagrams that nobody sent yet. What bounds them is how often they are taken.
    pub transmits: usize,
}

impl Held {
    /// Every table that has a bound, by name, with what it holds and what it may hold at most.
    pub fn bounds(&self) -> impl Iterator<Item = (&'static str, usize, usize)> {
        let peers = self.peers;
        [
            ("trie nodes", self.trie_nodes, self.prefixes * 2),
            ("staged packets", self.staged, MAX_STAGED_PACKETS),
            ("indices", self.indices, peers * INDICES_PER_PEER_MAX),
            ("wake-ups", self.wakeups, peers),
            ("known endpoints", self.known_endpoints, peers),
            (
                "waiting handshake messages",
                self.handshakes,
                MAX_QUEUED_INCOMING_HANDSHAKES * 2,
            ),
            ("remembered sources", self.sources, SOURCES_MAX * 2),
            ("events", self.events, EventQueue::CAPACITY),
        ]
        .into_iter()
    }
}

impl<R: CryptoRng> Device<R> {
    /// How much the device holds; it takes a look at every peer.
    #[must_use]
    pub fn held(&self) -> Held {
        let mut held = Held {
            trie_nodes: self.shared.allowed_ips.nodes(),
            indices: self.shared.indices.len(),
            wakeups: self.shared.schedule.len(),
            known_endpoints: self.shared.known_endpoints.len(),
            handshakes: self.lane.len(),
            sources: self.lane.sources(),
            events: self.shared.events.len(),
            transmits: self.shared.transmits.len(),
            ..Held::default()
        };
        for peer in self.peers.iter() {
            held.peers += 1;
            held.prefixes += peer.allowed_ips.len();
            held.staged = held.staged.max(peer.staging.len());
        }
        held
    }
}
