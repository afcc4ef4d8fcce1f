//! What must hold in every run, checked as things happen.

mod counters;
mod violation;

#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{HashMap, VecDeque};

use wirecraft_noise_handshake::{
    LocalStatic, PrivateKey, PublicKey, ReceivedInitiation, RemoteStatic, Tai64N,
};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Held, MAX_STAGED_PACKETS, REJECT_AFTER_TIME, REKEY_TIMEOUT};
use wirecraft_wire_format::{HandshakeMessage, Initiation, Message, Response};

use crate::payload::Label;
use counters::{SeenOnce, SeenSparsely};

pub use violation::Violation;

/// The most wake-ups of a node within a second.
pub const WAKEUPS_PER_SECOND_MAX: usize = 50;

/// Datagrams that a device makes in one turn for one peer: what was staged, and a handshake message
/// or keepalive for each of a few reasons.
const TRANSMITS_PER_PEER_MAX: usize = MAX_STAGED_PACKETS + 8;

/// Sees everything that the nodes of a run do, and objects to what may not be.
///
/// It knows the nodes' private keys, so that it reads the timestamps of initiations.
pub struct Observer {
    nodes: Vec<Keys>,
    /// What the one node sent the other.
    pairs: HashMap<(usize, usize), Pair>,
    /// The keys that handshakes made, by the receiver and its index.
    keypairs: HashMap<(usize, u32), Sealing>,
    delivered: HashMap<(usize, usize), SeenSparsely>,
    wakeups: Vec<VecDeque<Instant>>,
}

struct Keys {
    local: LocalStatic,
    public: PublicKey,
}

/// Handshake messages from one node to another.
#[derive(Default)]
struct Pair {
    remote: Option<RemoteStatic>,
    last_handshake: Option<Instant>,
    timestamp: Option<Tai64N>,
    /// The greatest timestamp before the sender was started for the last time.
    former_timestamp: Option<Tai64N>,
}

/// One direction of a keypair.
#[derive(Default)]
struct Sealing {
    counters: SeenOnce,
    /// When the sender had the keypair at the latest; an initiator uses it at once.
    made_at: Option<Instant>,
}

impl Observer {
    /// Makes an observer of nodes with these keys.
    #[must_use]
    pub fn new(keys: &[PrivateKey]) -> Self {
        let nodes = keys.iter().map(|key| Keys {
            local: LocalStatic::new(key.clone()),
            public: key.public_key(),
        });
        Self {
            nodes: nodes.collect(),
            pairs: HashMap::new(),
            keypairs: HashMap::new(),
            delivered: HashMap::new(),
            wakeups: keys.iter().map(|_| VecDeque::new()).collect(),
        }
    }

    /// Takes note that a node has forgotten all it knew of its peers: it was started afresh, or they were
    /// removed and added again.
    pub fn restarted(&mut self, node: usize) {
        for ((from, _), pair) in &mut self.pairs {
            if *from == node {
                pair.former_timestamp = pair.former_timestamp.max(pair.timestamp);
                pair.timestamp = None;
                pair.last_handshake = None;
            }
        }
    }

    /// Whether a node whose clock shows `unix_time` is shut out by what it sent before it was started:
    /// its peer takes only initiations that are later (whitepaper §5.1).
    #[must_use]
    pub fn is_shut_out(&self, from: usize, to: usize, unix_time: Duration) -> bool {
        let former = self
            .pairs
            .get(&(from, to))
            .and_then(|pair| pair.former_timestamp);
        former.is_some_and(|former| former >= Tai64N::from_unix(unix_time))
    }

    /// Looks at a datagram that a node sends. `to` is the node that has or once had the address.
    ///
    /// # Errors
    /// The invariant that it breaks.
    pub fn datagram_sent(
        &mut self,
        at: Instant,
        from: usize,
        to: Option<usize>,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let len = bytes.len();
        let message = Message::parse(bytes).map_err(|_| Violation::NotAMessage { from, len })?;
        if let Message::CookieReply(_) = message {
            return Ok(());
        }
        let to = to.ok_or(Violation::SentToStranger { from })?;
        match message {
            Message::Initiation(initiation) => self.initiation(at, from, to, initiation),
            Message::Response(response) => {
                self.response(at, from, to, response);
                Ok(())
            }
            Message::Data(data) => {
                let (index, counter) = (data.header.receiver_index(), data.header.counter());
                self.sealed(at, from, to, (index.value(), counter.value()))
            }
            Message::CookieReply(_) => Ok(()),
        }
    }

    fn initiation(
        &mut self,
        at: Instant,
        from: usize,
        to: usize,
        initiation: &Initiation,
    ) -> Result<(), Violation> {
        let (receiver, sender) = (&self.nodes[to], &self.nodes[from]);
        let pair = self.pairs.entry((from, to)).or_default();
        if let Some(last) = pair.last_handshake.replace(at)
            && at < last + REKEY_TIMEOUT
        {
            let after = at.since(last);
            return Err(Violation::InitiationTooSoon { from, to, after });
        }
        let invalid = Violation::InvalidInitiation { from, to };
        let remote = match &mut pair.remote {
            Some(remote) => remote,
            vacant => {
                let remote = RemoteStatic::new(&receiver.local, sender.public);
                vacant.insert(remote.map_err(|_| invalid.clone())?)
            }
        };
        let fresh = ReceivedInitiation::read(&receiver.local, initiation)
            .and_then(|received| received.authenticate(remote, None))
            .map_err(|_| invalid)?;
        let timestamp = Some(fresh.timestamp());
        if timestamp <= pair.timestamp {
            return Err(Violation::TimestampNotIncreasing { from, to });
        }
        pair.timestamp = timestamp;
        Ok(())
    }

    /// A response makes a keypair: one key for each direction.
    fn response(&mut self, at: Instant, from: usize, to: usize, response: &Response) {
        let pair = self.pairs.entry((from, to)).or_default();
        pair.last_handshake = Some(at);
        let initiator_index = response.receiver_index().value();
        let responder_index = response.sender_index().value();
        let by_responder = Sealing {
            made_at: Some(at),
            ..Sealing::default()
        };
        self.keypairs.insert((to, initiator_index), by_responder);
        self.keypairs
            .insert((from, responder_index), Sealing::default());
    }

    fn sealed(
        &mut self,
        at: Instant,
        from: usize,
        to: usize,
        (index, counter): (u32, u64),
    ) -> Result<(), Violation> {
        let Some(sealing) = self.keypairs.get_mut(&(to, index)) else {
            return Err(Violation::SealedWithoutHandshake { from, to, index });
        };
        let age = at.since(*sealing.made_at.get_or_insert(at));
        if age >= REJECT_AFTER_TIME {
            return Err(Violation::SealedTooLate { from, to, age });
        }
        if !sealing.counters.insert(counter) {
            return Err(Violation::CounterReused {
                from,
                to,
                index,
                counter,
            });
        }
        Ok(())
    }

    /// Looks at a packet that came out of a tunnel at node `to`, by its word from node `claimed`.
    ///
    /// # Errors
    /// The invariant that it breaks.
    pub fn packet_delivered(
        &mut self,
        to: usize,
        claimed: Option<usize>,
        packet: &[u8],
    ) -> Result<Label, Violation> {
        let altered = |what| Violation::Altered { to, what };
        let label = Label::read(packet).ok_or_else(|| altered("no label"))?;
        let Label { origin, number, .. } = label;
        if label.packet(packet.len()) != packet {
            return Err(altered("bytes that were not offered"));
        }
        if label.destination != to {
            return Err(altered("a packet for another node"));
        }
        if claimed != Some(origin) {
            return Err(Violation::WrongPeer {
                origin,
                to,
                claimed,
            });
        }
        if !self
            .delivered
            .entry((origin, to))
            .or_default()
            .insert(number)
        {
            return Err(Violation::DeliveredTwice { origin, to, number });
        }
        Ok(label)
    }

    /// Takes note that a timer woke a node, which then asked to be woken at `next`.
    ///
    /// # Errors
    /// [`Violation::DeadlineNotMoved`], [`Violation::TimerSpins`].
    pub fn woken(
        &mut self,
        at: Instant,
        node: usize,
        next: Option<Instant>,
    ) -> Result<(), Violation> {
        if next.is_some_and(|next| next <= at) {
            return Err(Violation::DeadlineNotMoved { node });
        }
        let wakeups = &mut self.wakeups[node];
        wakeups.push_back(at);
        while wakeups
            .front()
            .is_some_and(|first| at.since(*first) >= Duration::from_secs(1))
        {
            wakeups.pop_front();
        }
        if wakeups.len() > WAKEUPS_PER_SECOND_MAX {
            let wakeups = wakeups.len();
            return Err(Violation::TimerSpins { node, wakeups });
        }
        Ok(())
    }

    /// Looks at what a device holds between two turns.
    ///
    /// # Errors
    /// [`Violation::Unbounded`].
    pub fn holds(&self, node: usize, held: Held) -> Result<(), Violation> {
        bounded(node, "datagrams between turns", held.transmits, 0)?;
        held.bounds()
            .try_for_each(|(what, held, most)| bounded(node, what, held, most))
    }

    /// Looks at how many datagrams a device with `peers` peers made in one turn, in which it got
    /// `received` datagrams.
    ///
    /// # Errors
    /// [`Violation::Unbounded`].
    pub fn transmitted(
        &self,
        node: usize,
        transmits: usize,
        peers: usize,
        received: usize,
    ) -> Result<(), Violation> {
        let most = peers * TRANSMITS_PER_PEER_MAX + received;
        bounded(node, "datagrams in one turn", transmits, most)
    }
}

fn bounded(node: usize, what: &'static str, held: usize, most: usize) -> Result<(), Violation> {
    if held > most {
        return Err(Violation::Unbounded {
            node,
            what,
            held,
            most,
        });
    }
    Ok(())
}
