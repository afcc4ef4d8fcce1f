//! Passes what peers send to other hosts on to them, by sockets of this host.
//!
//! ```text
//!   peers == tunnel == Transit: packets -- rules, caps --> tcp:  a connection of the host, then SYN-ACK
//!                                                          udp:  a socket of the host for each flow
//!                      Passage: answers <----------------- echo: a ping socket of the host
//! ```

mod answer;
mod echo;
mod places;
mod tcp;
mod udp;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use wirecraft::config::PeerConfig;
use wirecraft::ip_packets::{IpPacket, Transport};
use wirecraft::{Passage, PublicKey, SocketError, Transit, Tunnel};

use crate::rules::Rules;
use places::Owners;

/// Connections, flows and pings of all peers at once, where nobody says otherwise: each may need a descriptor.
const CONNECTIONS_MAX: usize = 32_768;

/// Bytes of one peer's datagrams that wait for sockets of the host; what exceeds them is dropped.
const WAITING_LEN_MAX: usize = 4 << 20;

/// Answers of the gateway itself that may wait to be sent.
const ANSWERS_MAX: usize = 256;

/// A gateway at work. It ends when this is dropped.
#[derive(Debug)]
pub struct Relay {
    _tasks: JoinSet<()>,
    counters: Arc<Mutex<RelayCounters>>,
}

/// What a gateway has passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// TCP connections that a host took.
    pub connections: u64,
    /// TCP connections that a host refused, or that could not reach one.
    pub refused: u64,
    /// UDP flows.
    pub flows: u64,
    /// Pings.
    pub pings: u64,
    /// Packets that the rules forbid, or that exceed a cap.
    pub forbidden: u64,
    /// What this host had no room for: it ran out of descriptors, ports or memory.
    pub no_room: u64,
}

impl Relay {
    /// Starts to pass on what comes through `tunnel` from `peers`, as far as `rules` allow it.
    ///
    /// Groups are never reached, and loopback addresses only where rules name them.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn start(
        tunnel: &Tunnel,
        peers: &[PeerConfig],
        rules: Rules,
    ) -> Result<Self, SocketError> {
        Self::start_with(tunnel, peers, rules, CONNECTIONS_MAX).await
    }

    /// As [`start`](Self::start), with at most `connections_max` connections, flows and pings at once: as many as
    /// the process may have descriptors.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn start_with(
        tunnel: &Tunnel,
        peers: &[PeerConfig],
        rules: Rules,
        connections_max: usize,
    ) -> Result<Self, SocketError> {
        let transit = tunnel.transit().await?;
        let counters = Arc::<Mutex<RelayCounters>>::default();
        let shared = Arc::new(Shared {
            passage: transit.passage(),
            owners: Owners::new(peers),
            networks: tunnel.addresses().iter().map(ipnet::IpNet::trunc).collect(),
            caps: caps(peers, &rules),
            all: Arc::new(Semaphore::new(connections_max.min(CONNECTIONS_MAX))),
            answering: Arc::new(Semaphore::new(ANSWERS_MAX)),
            rules,
            counters: Arc::clone(&counters),
            opening: Mutex::default(),
            flows: Mutex::default(),
            addresses: tunnel.addresses().iter().map(ipnet::IpNet::addr).collect(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(pass_on(transit, shared));
        Ok(Self {
            _tasks: tasks,
            counters,
        })
    }

    /// What was passed on so far.
    #[must_use]
    pub fn counters(&self) -> RelayCounters {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn caps(peers: &[PeerConfig], rules: &Rules) -> HashMap<[u8; 32], Caps> {
    let cap = |peer: &PeerConfig| {
        let most = rules.of(&peer.public_key).connections;
        let most = most.min(Semaphore::MAX_PERMITS);
        let caps = Caps {
            places: Arc::new(Semaphore::new(most)),
            waiting: Arc::new(Semaphore::new(WAITING_LEN_MAX)),
        };
        (*peer.public_key.as_bytes(), caps)
    };
    peers.iter().map(cap).collect()
}

/// What is left to one peer.
struct Caps {
    places: Arc<Semaphore>,
    /// Bytes of datagrams that may wait for sockets of the host.
    waiting: Arc<Semaphore>,
}

/// What all tasks of a gateway know.
struct Shared {
    passage: Passage,
    owners: Owners,
    /// The networks of the tunnel's own addresses.
    networks: Vec<ipnet::IpNet>,
    rules: Rules,
    /// What is left of the caps, of each peer and of all together.
    caps: HashMap<[u8; 32], Caps>,
    all: Arc<Semaphore>,
    /// What is left of the answers that may wait to be sent.
    answering: Arc<Semaphore>,
    counters: Arc<Mutex<RelayCounters>>,
    /// Connections to hosts that are being opened: their first segments come again meanwhile.
    opening: Mutex<tcp::Opening>,
    flows: Mutex<udp::Flows>,
    /// The tunnel's own addresses, from which errors come.
    addresses: Vec<std::net::IpAddr>,
}

/// A place under the caps; given back when this is dropped.
struct Permit {
    waiting: Arc<Semaphore>,
    _of_peer: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// Why nothing is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The rules say no: the peer is told.
    Forbidden,
    /// The address is of the tunnel: whoever has it on the host's networks is somebody else.
    Inside,
    /// Too much is going on: the peer may try again.
    Full,
}

impl Verdict {
    /// What the peer is told.
    const fn refusal(self) -> Option<answer::Refusal> {
        match self {
            Self::Forbidden => Some(answer::Refusal::Prohibited),
            Self::Inside => Some(answer::Refusal::Host),
            Self::Full => None,
        }
    }
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut RelayCounters)) {
        change(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Refuses a packet: the peer is told as far as the verdict lets it know.
    fn refuse(self: &Arc<Self>, tasks: &mut JoinSet<()>, packet: &IpPacket<'_>, verdict: Verdict) {
        self.count(|counters| counters.forbidden += 1);
        if let Some(refusal) = verdict.refusal() {
            let error = answer::unreachable(packet, &self.addresses, refusal);
            answer::send(self, tasks, error);
        }
    }

    /// Takes note of an error of a socket of the host that says nothing about the way or the other host.
    fn note_no_room(&self, error: &std::io::Error) {
        if answer::Refusal::of(error).is_none() {
            tracing::warn!(%error, "gateway: this host has no room");
            self.count(|counters| counters.no_room += 1);
        }
    }

    /// Decides whether the peer that has the address `from` may reach `to`; port 0 of `to` stands for none.
    fn admit(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        port: Option<u16>,
    ) -> Result<Permit, Verdict> {
        let peer: &PublicKey = self.owners.of(from.ip()).ok_or(Verdict::Forbidden)?;
        let address = to.ip().to_canonical();
        if !places::is_relayed(address) || !self.rules.of(peer).allow(address, port) {
            return Err(Verdict::Forbidden);
        }
        if self.owners.has(address) || self.networks.iter().any(|own| own.contains(&address)) {
            return Err(Verdict::Inside);
        }
        let caps = self.caps.get(peer.as_bytes()).ok_or(Verdict::Forbidden)?;
        let take = |cap: &Arc<Semaphore>| Arc::clone(cap).try_acquire_owned();
        let (of_peer, of_all) = take(&caps.places)
            .and_then(|of_peer| Ok((of_peer, take(&self.all)?)))
            .map_err(|_| Verdict::Full)?;
        Ok(Permit {
            waiting: Arc::clone(&caps.waiting),
            _of_peer: of_peer,
            _of_all: of_all,
        })
    }
}

/// Takes packets out of the tunnel, one after the other, and has them passed on.
async fn pass_on(mut transit: Transit, shared: Arc<Shared>) {
    let mut tasks = JoinSet::new();
    while let Some(bytes) = transit.next().await {
        while tasks.try_join_next().is_some() {}
        let Ok(packet) = IpPacket::parse(&bytes) else {
            continue;
        };
        match packet.transport() {
            Ok(Transport::Tcp(segment)) if segment.checksum_is_valid(&packet.pseudo_header()) => {
                tcp::pass_on(&shared, &mut tasks, &packet, &segment);
            }
            Ok(Transport::Udp(datagram)) if datagram.checksum_is_valid(&packet.pseudo_header()) => {
                udp::pass_on(&shared, &mut tasks, &packet, &datagram);
            }
            Ok(transport @ (Transport::Icmpv4(_) | Transport::Icmpv6(_))) => {
                echo::pass_on(&shared, &mut tasks, &packet, &transport);
            }
            _ => {}
        }
    }
}
