//! A simulated network: hosts with a device each, datagrams in flight, and the time.
//!
//! Datagrams take no time on their way. Between two steps they lie in a queue, from which a test may
//! take, change, copy or drop them. The clock moves from one deadline of the devices to the next.

use core::time::Duration;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use wirecraft_ip_packets::{self as ip_packets, Ecn};
use wirecraft_noise_handshake::{PrivateKey, PublicKey};
use wirecraft_time::Instant;
use wirecraft_tunnel::{
    Arena, Counters, Datagram, Destination, Device, Event, PeerId, PeerStatus, ReceiveError,
    Received, SendError,
};

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;
pub(crate) const CAROL: usize = 2;

pub(crate) const MTU: usize = 1420;

/// The time at which a world begins.
pub(crate) const START: Instant = Instant::from_origin(Duration::from_secs(1000));

/// The wall clock at [`START`].
pub(crate) const WALL_CLOCK_AT_START: Duration = Duration::from_secs(1_700_000_000);

/// Steps from deadline to deadline that no test needs: more of them are a spinning timer.
const STEPS_MAX: usize = 100_000;

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) hosts: Vec<Host>,
    pub(crate) in_flight: VecDeque<Flight>,
    /// Everything that was ever sent, lost or not.
    pub(crate) sent: Vec<Flight>,
    pub(crate) rng: ChaCha8Rng,
    /// Whether sockets tell to which local address a datagram came; not all systems do.
    pub(crate) sockets_tell_local: bool,
    arena: Arena,
    is_lost: Box<dyn FnMut(&Flight) -> bool>,
}

pub(crate) struct Host {
    pub(crate) device: Device<ChaCha8Rng>,
    pub(crate) key: PrivateKey,
    pub(crate) address: SocketAddr,
    pub(crate) delivered: Vec<Vec<u8>>,
    pub(crate) events: Vec<(Instant, Event)>,
}

/// A datagram on its way, with the time since [`START`] at which it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) sent_at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    /// The local address that the device asked to send from.
    pub(crate) pinned: Option<IpAddr>,
    pub(crate) ecn: Ecn,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Initiation,
    Response,
    CookieReply,
    Keepalive,
    Data,
}

impl Flight {
    pub(crate) fn kind(&self) -> Kind {
        match (self.bytes[0], self.bytes.len()) {
            (1, 148) => Kind::Initiation,
            (2, 92) => Kind::Response,
            (3, 64) => Kind::CookieReply,
            (4, 32) => Kind::Keepalive,
            (4, _) => Kind::Data,
            other => panic!("no device sends this: {other:?}"),
        }
    }

    pub(crate) fn from(self, from: SocketAddr) -> Self {
        Self { from, ..self }
    }

    /// The word at `offset`: the sender index of a handshake message at 4, for one.
    pub(crate) fn word(&self, offset: usize) -> u32 {
        let bytes = self.bytes[offset..].first_chunk();
        u32::from_le_bytes(*bytes.expect("messages have more than two words"))
    }

    /// The counter of transport data.
    pub(crate) fn counter(&self) -> u64 {
        let bytes = self.bytes[8..].first_chunk();
        u64::from_le_bytes(*bytes.expect("transport data has 16 bytes of header"))
    }
}

/// The address of a host's socket.
pub(crate) fn address(number: usize) -> SocketAddr {
    socket(&format!("192.0.2.{}:51820", number + 1))
}

pub(crate) fn socket(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

/// The address of a host inside the tunnel.
pub(crate) fn inner(number: usize) -> std::net::Ipv4Addr {
    [10, 0, 0, u8::try_from(number + 1).expect("few hosts")].into()
}

pub(crate) fn inner_v6(number: usize) -> std::net::Ipv6Addr {
    [
        0xfd00,
        0,
        0,
        0,
        0,
        0,
        0,
        u16::try_from(number + 1).expect("few hosts"),
    ]
    .into()
}

/// A packet from one host to another.
pub(crate) fn packet(from: usize, to: usize, payload: &[u8]) -> Vec<u8> {
    ip_packets::v4(inner(from), inner(to))
        .udp(1000, 2000)
        .payload(payload)
        .build()
}

/// A packet that carries a number.
pub(crate) fn numbered(from: usize, to: usize, number: u32) -> Vec<u8> {
    packet(from, to, &number.to_be_bytes())
}

impl World {
    /// Hosts that know nothing of each other.
    pub(crate) fn new(hosts: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let hosts = (0..hosts)
            .map(|number| Host::new(number, &mut rng))
            .collect();
        Self {
            now: START,
            hosts,
            in_flight: VecDeque::new(),
            sent: Vec::new(),
            rng,
            sockets_tell_local: true,
            arena: Arena::new(1 << 20, MTU),
            is_lost: Box::new(|_| false),
        }
    }

    /// Alice and Bob, who know each other's keys and endpoints.
    pub(crate) fn pair() -> Self {
        let mut world = Self::new(2, 1);
        world.introduce(ALICE, BOB);
        world
    }

    /// Alice and Bob with a session that Alice began and that is at rest.
    pub(crate) fn pair_with_session() -> Self {
        let mut world = Self::pair();
        world.handshake(ALICE, BOB);
        assert!(world.status(ALICE, BOB).has_session);
        assert!(world.status(BOB, ALICE).has_session);
        world
    }

    /// Makes two hosts peers of each other, with endpoints and an address each.
    pub(crate) fn introduce(&mut self, one: usize, other: usize) {
        for (host, peer) in [(one, other), (other, one)] {
            let id = self.add_peer(host, peer);
            let device = &mut self.hosts[host].device;
            device
                .set_endpoint(id, address(peer))
                .expect("the peer was added");
            for prefix in [
                IpAddr::V4(inner(peer)).into(),
                IpAddr::V6(inner_v6(peer)).into(),
            ] {
                device
                    .add_allowed_ip(id, prefix)
                    .expect("the peer was added");
            }
        }
    }

    /// Makes `peer` a peer of `host`, without an endpoint or an address.
    pub(crate) fn add_peer(&mut self, host: usize, peer: usize) -> PeerId {
        let key = self.hosts[peer].key.public_key();
        let added = self.hosts[host].device.add_peer(key);
        added.expect("no host has the key of another")
    }

    pub(crate) fn device(&mut self, host: usize) -> &mut Device<ChaCha8Rng> {
        &mut self.hosts[host].device
    }

    pub(crate) fn public_key(&self, host: usize) -> PublicKey {
        self.hosts[host].key.public_key()
    }

    /// The id of `peer` at `host`.
    pub(crate) fn peer(&self, host: usize, peer: usize) -> PeerId {
        let id = self.hosts[host].device.peer_id(&self.public_key(peer));
        id.expect("the hosts were introduced")
    }

    /// What `host` knows of `peer`.
    pub(crate) fn status(&self, host: usize, peer: usize) -> PeerStatus {
        let id = self.peer(host, peer);
        let status = self.hosts[host].device.peer_status(self.now, id);
        status.expect("the hosts were introduced")
    }

    pub(crate) fn counters(&self, host: usize) -> Counters {
        *self.hosts[host].device.counters()
    }

    /// The time since [`START`].
    pub(crate) fn elapsed(&self) -> Duration {
        self.now.since(START)
    }

    /// Sends a packet into the tunnel at `host`.
    pub(crate) fn send(&mut self, host: usize, packet: &[u8]) {
        let failures = self.send_batch(host, &[packet]);
        assert_eq!(
            failures,
            [],
            "the packet has a route and the peer an endpoint"
        );
    }

    /// Sends packets in one batch; returns why some could not be.
    pub(crate) fn send_batch<P: AsRef<[u8]>>(
        &mut self,
        host: usize,
        packets: &[P],
    ) -> Vec<SendError> {
        self.arena.clear();
        for packet in packets {
            let pushed = self.arena.push(packet.as_ref());
            pushed.expect("the arena is large");
        }
        let sender = &mut self.hosts[host];
        sender.device.send_batch(self.now, &mut self.arena);
        let mut sealed = Vec::new();
        for run in self.arena.runs() {
            let segments = run.bytes.chunks(run.segment_len);
            sealed.extend(segments.map(|segment| (run.destination, segment.to_vec())));
        }
        let failures = self.arena.failures().map(|(_, error)| error).collect();
        for (destination, datagram) in sealed {
            self.launch(host, destination, datagram);
        }
        self.collect(host);
        failures
    }

    pub(crate) fn start_handshake(&mut self, host: usize, peer: usize) {
        let (now, id) = (self.now, self.peer(host, peer));
        let started = self.device(host).start_handshake(now, id);
        started.expect("the hosts were introduced");
        self.collect(host);
    }

    /// Has a handshake done, as far as the network lets it.
    pub(crate) fn handshake(&mut self, host: usize, peer: usize) {
        self.start_handshake(host, peer);
        self.settle();
    }

    /// Does something to a device, and puts what it sends into flight.
    pub(crate) fn change<T>(
        &mut self,
        host: usize,
        change: impl FnOnce(&mut Device<ChaCha8Rng>, Instant) -> T,
    ) -> T {
        let result = change(&mut self.hosts[host].device, self.now);
        self.collect(host);
        result
    }

    fn launch(&mut self, host: usize, destination: Destination, bytes: Vec<u8>) {
        let flight = Flight {
            sent_at: self.elapsed(),
            from: self.hosts[host].address,
            to: destination.to,
            pinned: destination.from,
            ecn: destination.ecn,
            bytes,
        };
        self.sent.push(flight.clone());
        self.in_flight.push_back(flight);
    }

    fn collect(&mut self, host: usize) {
        while let Some(transmit) = self.device(host).poll_transmit() {
            self.launch(host, transmit.destination, transmit.datagram().to_vec());
        }
        while let Some(event) = self.device(host).poll_event() {
            let now = self.now;
            self.hosts[host].events.push((now, event));
        }
    }

    /// Loses from here on what `is_lost` says.
    pub(crate) fn lose(&mut self, is_lost: impl FnMut(&Flight) -> bool + 'static) {
        self.is_lost = Box::new(is_lost);
    }

    pub(crate) fn lose_nothing(&mut self) {
        self.lose(|_| false);
    }

    /// Takes everything off the network.
    pub(crate) fn intercept(&mut self) -> Vec<Flight> {
        self.in_flight.drain(..).collect()
    }

    /// Takes the one datagram that is in flight off the network.
    pub(crate) fn intercept_one(&mut self) -> Flight {
        let mut flights = self.intercept();
        assert_eq!(flights.len(), 1, "{flights:?}");
        flights.remove(0)
    }

    /// Hands a datagram to the host that it is addressed to; handshakes are left to wait.
    pub(crate) fn deliver(&mut self, flight: &Flight) -> Result<Received, ReceiveError> {
        let host = self.hosts.iter().position(|host| host.address == flight.to);
        let Some(host) = host else {
            return Ok(Received::Handled);
        };
        let mut bytes = flight.bytes.clone();
        let mut datagram = Datagram::new(flight.from, &mut bytes);
        datagram.local = self.sockets_tell_local.then(|| flight.to.ip());
        datagram.ecn = flight.ecn;
        let Host {
            device, delivered, ..
        } = &mut self.hosts[host];
        let outcome = device.receive(self.now, &mut datagram);
        if let Some((_, packet)) = datagram.packet() {
            delivered.push(packet.to_vec());
        }
        self.collect(host);
        outcome
    }

    /// Has all handshakes done that wait at `host`.
    pub(crate) fn process_handshakes(&mut self, host: usize) {
        let now = self.now;
        self.device(host).process_handshakes(now, usize::MAX);
        self.collect(host);
    }

    /// Delivers one datagram and does the handshake it may be part of; answers stay in flight.
    pub(crate) fn deliver_and_process(
        &mut self,
        flight: &Flight,
    ) -> Result<Received, ReceiveError> {
        let outcome = self.deliver(flight);
        for host in 0..self.hosts.len() {
            self.process_handshakes(host);
        }
        outcome
    }

    /// Delivers what is in flight and what is sent in answer, until the network is quiet.
    pub(crate) fn settle(&mut self) {
        while let Some(flight) = self.in_flight.pop_front() {
            if !(self.is_lost)(&flight) {
                // What a device refuses it counts; tests look at the counters.
                let _ = self.deliver_and_process(&flight);
            }
        }
    }

    /// Lets time pass, from deadline to deadline.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        for _ in 0..STEPS_MAX {
            let Some(at) = self.next_deadline().filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            for host in 0..self.hosts.len() {
                self.change(host, |device, now| device.handle_timeout(now));
            }
            self.settle();
        }
        panic!("a timer spins");
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadline = |host: &Host| Some(host.device.poll_timeout()?.at);
        self.hosts.iter().filter_map(deadline).min()
    }

    /// Takes the packets that came out of the tunnel at `host`.
    pub(crate) fn take_delivered(&mut self, host: usize) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.hosts[host].delivered)
    }

    /// The events at `host`.
    pub(crate) fn events(&self, host: usize) -> Vec<Event> {
        self.hosts[host]
            .events
            .iter()
            .map(|(_, event)| *event)
            .collect()
    }

    /// When the event happened at `host`, each time.
    pub(crate) fn times_of(&self, host: usize, event: Event) -> Vec<Duration> {
        let events = self.hosts[host].events.iter();
        let same = events.filter(|(_, other)| *other == event);
        same.map(|(at, _)| at.since(START)).collect()
    }

    /// When `host` sent messages of a kind.
    pub(crate) fn times_sent(&self, host: usize, kind: Kind) -> Vec<Duration> {
        let from = self.hosts[host].address;
        let same = |flight: &&Flight| flight.from == from && flight.kind() == kind;
        self.sent
            .iter()
            .filter(same)
            .map(|flight| flight.sent_at)
            .collect()
    }

    /// What `host` sent, in order.
    pub(crate) fn kinds_sent(&self, host: usize) -> Vec<Kind> {
        let from = self.hosts[host].address;
        let own = self.sent.iter().filter(|flight| flight.from == from);
        own.map(Flight::kind).collect()
    }

    /// Sends a packet each way and sees it arrive.
    pub(crate) fn assert_connected(&mut self, one: usize, other: usize) {
        for (from, to) in [(one, other), (other, one)] {
            let packet = packet(from, to, b"are you there?");
            self.take_delivered(to);
            self.send(from, &packet);
            self.settle();
            assert_eq!(self.take_delivered(to), [packet], "from {from} to {to}");
        }
    }
}

impl Host {
    fn new(number: usize, rng: &mut ChaCha8Rng) -> Self {
        let key = PrivateKey::generate(rng);
        let mut device = Device::new(MTU, ChaCha8Rng::from_rng(rng));
        device.set_private_key(Some(key.clone()));
        device.set_wall_clock(START, WALL_CLOCK_AT_START);
        Self {
            device,
            key,
            address: address(number),
            delivered: Vec::new(),
            events: Vec::new(),
        }
    }
}
