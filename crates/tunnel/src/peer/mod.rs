//! One peer: its keys, its address, its session and its timers.

mod data;
mod handshake;
mod timeout;
mod timers;

pub(crate) use data::{BATCH_MAX, ToOpen, message_of, sent_counter};
pub(crate) use handshake::{AcceptedInitiation, Source};

use core::net::IpAddr;
use core::time::Duration;
use std::net::SocketAddr;

use rand_core::CryptoRng;
use wirecraft_ip_packets::Ecn;
use wirecraft_noise_handshake::{
    AwaitingResponse, Cookie, LocalStatic, Mac1, PresharedKey, PublicKey, RemoteStatic, Tai64N,
    wipe_stack_after,
};
use wirecraft_time::Instant;
use wirecraft_wire_format::Index;

use crate::arena::Destination;
use crate::change::Roaming;
use crate::event::Event;
use crate::keypair::{Keypair, Keypairs, Role};
use crate::peer_id::PeerId;
use crate::prefixes::Prefixes;
use crate::shared::Shared;
use crate::staging::Staging;
use timers::Timers;

/// Everything a device knows of one peer.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) public_key: PublicKey,
    /// `None` without a private key of our own, or if the public key is a point of low order: no
    /// datagram is ever sent to such a peer.
    remote: Option<Box<RemoteStatic>>,
    preshared_key: PresharedKey,
    persistent_keepalive: Option<Duration>,
    pub(crate) allowed_ips: Prefixes,
    /// The inner source address that was last found to be one of the allowed IPs.
    checked_source: Option<CheckedSource>,
    endpoint: Option<PeerEndpoint>,
    /// Where it was last said to be, wherever it was heard since.
    pub(crate) configured_endpoint: Option<SocketAddr>,
    pub(crate) roaming: Roaming,
    /// Where the last authenticated message came from, as long as that is the endpoint.
    heard_at: Option<SocketAddr>,
    /// In a place of its own: taken out of an `Option`, the bytes would stay behind.
    attempt: Option<Box<AwaitingResponse>>,
    attempt_began_at: Option<Instant>,
    /// When an initiation or a response was last sent.
    handshake_sent_at: Option<Instant>,
    initiation_accepted_at: Option<Instant>,
    newest_timestamp_received: Option<Tai64N>,
    newest_timestamp_sent: Option<Tai64N>,
    last_mac1: Option<Mac1>,
    cookie: Option<ReceivedCookie>,
    pub(crate) keypairs: Keypairs,
    /// The current keypair's late rekey on receiving was started (rule of 165 s, once a keypair).
    late_rekey_started: bool,
    pub(crate) staging: Staging,
    timers: Timers,
    scheduled: Option<Instant>,
    pub(crate) traffic: Traffic,
}

/// Where a peer was last heard, and on which of our addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PeerEndpoint {
    remote: SocketAddr,
    local: Option<IpAddr>,
}

/// An address that belongs to a peer, as long as the allowed IPs of no peer change.
#[derive(Clone, Copy, PartialEq, Eq)]
struct CheckedSource {
    address: IpAddr,
    changes: u64,
}

struct ReceivedCookie {
    cookie: Cookie,
    received_at: Instant,
}

/// What went over the wire to and from a peer, as `wg show` counts it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Bytes of all authenticated messages from the peer, headers and tags included.
    pub received_len: u64,
    /// Bytes of all messages to the peer, headers and tags included.
    pub sent_len: u64,
    /// When the last handshake was completed, since the Unix epoch.
    pub last_handshake: Option<Duration>,
}

impl Peer {
    pub(crate) fn new(id: PeerId, public_key: PublicKey, local: Option<&LocalStatic>) -> Self {
        Self {
            id,
            public_key,
            remote: local.and_then(|local| remote_static(local, public_key)),
            preshared_key: PresharedKey::default(),
            persistent_keepalive: None,
            allowed_ips: Prefixes::default(),
            checked_source: None,
            endpoint: None,
            configured_endpoint: None,
            roaming: Roaming::default(),
            heard_at: None,
            attempt: None,
            attempt_began_at: None,
            handshake_sent_at: None,
            initiation_accepted_at: None,
            newest_timestamp_received: None,
            newest_timestamp_sent: None,
            last_mac1: None,
            cookie: None,
            keypairs: Keypairs::default(),
            late_rekey_started: false,
            staging: Staging::default(),
            timers: Timers::default(),
            scheduled: None,
            traffic: Traffic::default(),
        }
    }

    /// Reads a little of each place that opening a datagram needs, so that the processor has it.
    pub(crate) fn fetch(&self, index: Index) -> u64 {
        let from = self.heard_at.map_or(0, |from| from.port());
        let source = self.checked_source.map_or(0, |source| source.changes);
        let keypair = self.keypairs.peek(index);
        self.traffic.received_len
            ^ u64::from(from)
            ^ source
            ^ u64::from(self.timers.earliest().is_some())
            ^ keypair.map_or(0, Keypair::fetch)
    }

    pub(crate) fn endpoint(&self) -> Option<SocketAddr> {
        self.endpoint.map(|endpoint| endpoint.remote)
    }

    pub(crate) fn persistent_keepalive(&self) -> Option<Duration> {
        self.persistent_keepalive
    }

    pub(crate) fn set_endpoint<R>(&mut self, remote: SocketAddr, shared: &mut Shared<R>) {
        self.configured_endpoint = Some(remote);
        if self.endpoint() != Some(remote) {
            self.endpoint = Some(PeerEndpoint {
                remote,
                local: None,
            });
            self.forget_where_heard(shared);
        }
    }

    /// Pins the endpoint where it was configured, if it was, or has it follow the peer.
    pub(crate) fn set_roaming<R>(&mut self, roaming: Roaming, shared: &mut Shared<R>) {
        self.roaming = roaming;
        if let (Roaming::Pinned, Some(configured)) = (roaming, self.configured_endpoint) {
            self.set_endpoint(configured, shared);
        }
    }

    fn forget_where_heard<R>(&mut self, shared: &mut Shared<R>) {
        if let Some(former) = self.heard_at.take() {
            shared.known_endpoints.remove(former);
        }
    }

    /// Forgets on which of our addresses the peer was heard: the routing table decides afresh.
    pub(crate) fn forget_local_address(&mut self) {
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.local = None;
        }
    }

    /// Takes note of where an authenticated message came from (whitepaper §2.1: roaming).
    fn heard_from(
        &mut self,
        remote: &SocketAddr,
        local: Option<&IpAddr>,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        // Nearly always nothing changed: that is seen without a copy of either address.
        let known = self.endpoint.as_ref();
        if known.is_some_and(|it| it.remote == *remote && it.local.as_ref() == local)
            && self.heard_at.as_ref() == Some(remote)
        {
            return;
        }
        let (remote, local) = (*remote, local.copied());
        let heard = PeerEndpoint { remote, local };
        let moved = self.endpoint().is_some_and(|known| known != remote);
        if moved && self.roaming == Roaming::Pinned {
            return;
        }
        self.endpoint = Some(heard);
        if self.heard_at != Some(remote) {
            shared.known_endpoints.add(remote);
            if let Some(former) = self.heard_at.replace(remote) {
                shared.known_endpoints.remove(former);
            }
        }
        if moved {
            shared.report(Event::EndpointMoved {
                peer: self.id,
                to: remote,
            });
        }
    }

    fn destination(&self, ecn: Ecn) -> Option<Destination> {
        let endpoint = self.endpoint?;
        Some(Destination {
            to: endpoint.remote,
            from: endpoint.local,
            ecn,
            peer: Some(self.id),
        })
    }

    pub(crate) fn preshared_key(&self) -> &PresharedKey {
        &self.preshared_key
    }

    /// Takes effect on the next handshake.
    pub(crate) fn set_preshared_key(&mut self, preshared_key: &PresharedKey) {
        wipe_stack_after(|| self.preshared_key.clone_from(preshared_key));
    }

    /// Changes the interval; a new one starts with a keepalive at once. The same one moves no deadline, or
    /// whoever sets it more often than a keepalive is due would have none sent.
    pub(crate) fn set_persistent_keepalive(
        &mut self,
        now: Instant,
        interval: Option<Duration>,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        let interval = interval.filter(|interval| !interval.is_zero());
        if interval == self.persistent_keepalive {
            return;
        }
        let began = self.persistent_keepalive.is_none() && interval.is_some();
        self.persistent_keepalive = interval;
        self.timers
            .set_persistent_keepalive(interval.map(|interval| now + interval));
        if began && self.keypairs.sealing(now).is_some() {
            self.send_keepalive(now, shared);
        } else if began {
            self.want_handshake(now, shared);
        }
        self.reschedule(shared);
    }

    /// Whether a session is wanted even if no further packet comes.
    fn wants_session(&self) -> bool {
        self.persistent_keepalive.is_some() || !self.staging.is_empty()
    }

    /// Wipes what memory holds of sessions, and begins anew those that we had begun.
    pub(crate) fn handle_suspend(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        let current = self.keypairs.current();
        let was_ours = current.is_some_and(|keypair| keypair.role == Role::Initiator);
        self.wipe_keys(shared);
        self.timers.keys_wiped();
        if was_ours || self.wants_session() {
            self.want_handshake(now, shared);
        }
    }

    /// Forgets sessions, what waits and what is due.
    pub(crate) fn halt(&mut self, shared: &mut Shared<impl CryptoRng>) {
        self.wipe_keys(shared);
        shared.counters.staged_dropped += self.staging.purge() as u64;
        self.timers = Timers::default();
        shared.schedule.cancel(self.id, self.scheduled.take());
        self.attempt_began_at = None;
        self.handshake_sent_at = None;
    }

    /// Begins afresh after [`halt`](Self::halt).
    pub(crate) fn resume(&mut self, now: Instant, shared: &mut Shared<impl CryptoRng>) {
        if self.wants_session() && self.keypairs.sealing(now).is_none() {
            self.want_handshake(now, shared);
        }
        let next = self.persistent_keepalive.map(|interval| now + interval);
        self.timers.set_persistent_keepalive(next);
        self.reschedule(shared);
    }

    /// Computes afresh what depends on our private key; sessions made with the old one end.
    pub(crate) fn set_local(
        &mut self,
        local: Option<&LocalStatic>,
        shared: &mut Shared<impl CryptoRng>,
    ) {
        self.remote = local.and_then(|local| remote_static(local, self.public_key));
        self.drop_attempt(shared);
        self.keypairs.retire();
        self.handshake_sent_at = None;
        if local.is_some() && (self.wants_session() || self.attempt_began_at.is_some()) {
            self.attempt_began_at = None;
            self.timers.initiation_wanted(Instant::ORIGIN);
            self.reschedule(shared);
        }
    }

    /// Lets go of everything that other tables hold for this peer.
    pub(crate) fn detach(&mut self, shared: &mut Shared<impl CryptoRng>) {
        self.drop_attempt(shared);
        self.forget_where_heard(shared);
        self.keypairs.clear(&mut shared.indices);
        shared.schedule.cancel(self.id, self.scheduled.take());
        shared.counters.staged_dropped += self.staging.purge() as u64;
        for prefix in self.allowed_ips.take() {
            shared.allowed_ips.remove(prefix);
        }
    }

    fn drop_attempt(&mut self, shared: &mut Shared<impl CryptoRng>) {
        if let Some(attempt) = self.attempt.take() {
            shared.indices.release(attempt.sender_index());
        }
    }

    /// Brings the schedule up to date with the timers.
    fn reschedule<R>(&mut self, shared: &mut Shared<R>) {
        if let Some(deadline) = self.timers.earliest() {
            shared
                .schedule
                .wake_by(self.id, deadline, &mut self.scheduled);
        }
    }
}

/// The public key of a peer with what both static keys give, unless it is of low order.
fn remote_static(local: &LocalStatic, public_key: PublicKey) -> Option<Box<RemoteStatic>> {
    wipe_stack_after(|| RemoteStatic::new(local, public_key).ok().map(Box::new))
}
