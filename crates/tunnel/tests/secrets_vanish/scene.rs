//! Two devices that do what a situation asks for, and somebody who observes them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use chacha20::rand_core::{TryCryptoRng, TryRng};
use wirecraft_noise_handshake::{PresharedKey, PrivateKey};
use wirecraft_time::Instant;
use wirecraft_tunnel::{
    AeadPath, Arena, Datagram, Device, DeviceChange, PeerChange, PeerId, PrivateKeyChange,
};
use zeroize::Zeroizing;

use crate::memory::{Find, Needle, search};
use crate::needles::Group;

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;

/// The random numbers of the two devices.
pub(crate) const HOSTS: [Draws; 2] = [Draws::new(1), Draws::new(2)];
pub(crate) const PRIVATE_KEYS: [Draws; 2] = [Draws::new(3), Draws::new(4)];
pub(crate) const NEW_PRIVATE_KEYS: [Draws; 2] = [Draws::new(5), Draws::new(6)];
pub(crate) const PRESHARED_KEY: Draws = Draws::new(7);
const NEW_PRESHARED_KEY: Draws = Draws::new(8);

pub(crate) const MTU: usize = 1420;

/// The packets of a batch: as many as vector code takes at once.
const BATCH: usize = 16;

/// Random numbers that are computed byte by byte and that nothing remembers: other generators keep
/// what they gave out.
#[derive(Clone)]
pub(crate) struct Draws {
    seed: u64,
    taken: u64,
}

impl Draws {
    const fn new(seed: u64) -> Self {
        Self { seed, taken: 0 }
    }

    /// Byte number `at` of the draw with number `draw`: a step of SplitMix64.
    fn byte(&self, draw: u64, at: u64) -> u8 {
        let counter = (self.seed << 40 | draw << 8 | at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (counter ^ counter >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31).to_le_bytes()[0]
    }

    fn write(&self, draw: u64, destination: &mut [u8]) {
        for (at, byte) in (0..).zip(destination) {
            *byte = self.byte(draw, at);
        }
    }

    /// The draw with number `draw` as a key.
    pub(crate) fn key(&self, draw: u64) -> [u8; 32] {
        let mut key = [0; 32];
        self.write(draw, &mut key);
        key
    }
}

impl TryRng for Draws {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Infallible> {
        self.write(self.taken, destination);
        self.taken += 1;
        Ok(())
    }
}

impl TryCryptoRng for Draws {}

/// Who looks on while a scene is played.
pub(crate) enum Observer {
    /// Writes down the messages of handshakes, and batches with a forgery.
    Recorder(Vec<Vec<u8>>),
    /// Looks for secrets whenever it is told to.
    Searcher(Vec<Needle>),
}

pub(crate) struct Scene {
    now: Instant,
    hosts: Vec<Host>,
    is_cut: bool,
    observer: Observer,
}

struct Host {
    device: Box<Device<Draws>>,
    peer: PeerId,
    address: SocketAddr,
}

impl Scene {
    /// Two hosts that know each other and have no session.
    pub(crate) fn new(observer: Observer) -> Self {
        let addresses =
            ["192.0.2.1:51820", "192.0.2.2:51820"].map(|text| text.parse().expect("an address"));
        let public = PRIVATE_KEYS.map(|draws| private_key(&draws).public_key());
        let hosts = [(ALICE, BOB), (BOB, ALICE)].map(|(own, other)| {
            let mut device = Box::new(Device::new(MTU, HOSTS[own].clone()));
            device.set_wall_clock(Instant::ORIGIN, Duration::from_secs(1_700_000_000));
            device.set_private_key(Some(private_key(&PRIVATE_KEYS[own])));
            let peer = device.add_peer(public[other]).expect("the keys differ");
            device
                .set_preshared_key(peer, preshared_key(&PRESHARED_KEY))
                .expect("the peer was added");
            device
                .set_endpoint(peer, addresses[other])
                .expect("the peer was added");
            device
                .add_allowed_ip(peer, "0.0.0.0/0".parse().expect("a prefix"))
                .expect("the peer was added");
            Host {
                device,
                peer,
                address: addresses[own],
            }
        });
        Self {
            now: Instant::ORIGIN + Duration::from_secs(1000),
            hosts: hosts.into(),
            is_cut: false,
            observer,
        }
    }

    pub(crate) fn into_observer(self) -> Observer {
        self.observer
    }

    /// Asserts that the secrets of the groups in `live` are in memory, and no others.
    pub(crate) fn check(&self, moment: &str, live: &[Group]) {
        self.check_but_spilled(moment, live, 0);
    }

    /// The same, where up to so many pieces of [`Group::Streams`] may be left that were meant for registers.
    pub(crate) fn check_but_spilled(&self, moment: &str, live: &[Group], spilled: usize) {
        let Observer::Searcher(needles) = &self.observer else {
            return;
        };
        let mut finds = search(needles);
        let mut is_spilled = {
            let mut left = spilled;
            move |find: &Find| {
                let is_spilled = find.group == Group::Streams && left > 0;
                left -= usize::from(is_spilled);
                is_spilled
            }
        };
        finds.retain(|find| !is_spilled(find));
        for group in live {
            let is_found = finds.iter().any(|find| find.group == *group);
            assert!(is_found, "{moment}: {group} is in use and was not found");
        }
        let left: Vec<String> = finds
            .iter()
            .filter(|find| !live.contains(&find.group))
            .map(|find| format!("{}: {} at {}", find.group, find.name, find.place))
            .collect();
        assert!(
            left.is_empty(),
            "{moment}: left in memory:\n{}",
            left.join("\n")
        );
    }

    /// Has Alice make an initiation.
    pub(crate) fn start_handshake(&mut self) {
        let Host { device, peer, .. } = &mut self.hosts[ALICE];
        device
            .start_handshake(self.now, *peer)
            .expect("the peer was added");
    }

    /// From here on nothing arrives.
    pub(crate) fn cut_the_network(&mut self) {
        self.is_cut = true;
    }

    /// Delivers everything, and what is sent in answer.
    pub(crate) fn exchange(&mut self) {
        while self.deliver_from(ALICE, BOB) | self.deliver_from(BOB, ALICE) {}
    }

    fn deliver_from(&mut self, from: usize, to: usize) -> bool {
        let mut any = false;
        while let Some(transmit) = self.hosts[from].device.poll_transmit() {
            any = true;
            let bytes = &mut transmit.datagram().to_vec();
            if let Observer::Recorder(messages) = &mut self.observer
                && matches!(bytes[0], 1 | 2)
            {
                messages.push(bytes.clone());
            }
            if self.is_cut {
                continue;
            }
            let source = self.hosts[from].address;
            let receiver = &mut self.hosts[to].device;
            receiver
                .receive(self.now, &mut Datagram::new(source, bytes))
                .expect("nothing is forged or stale here");
            receiver.process_handshakes(self.now, 1);
        }
        any
    }

    /// Sends a packet each way, then a batch, which vector code works on where there is any.
    pub(crate) fn send_data(&mut self) {
        for count in [1, BATCH] {
            self.send_packets(ALICE, BOB, count);
            self.send_packets(BOB, ALICE, count);
        }
    }

    /// Has the batches of sessions that begin from here on worked on by `path`.
    pub(crate) fn work_by(&mut self, path: AeadPath) {
        for host in &mut self.hosts {
            host.device.set_aead_path(path);
        }
    }

    /// Sends a batch of packets of `len` bytes, of which one is changed on its way.
    pub(crate) fn send_batch_with_a_forgery(&mut self, len: usize) {
        const FORGED: usize = 3;
        // No sixteen bytes of it are zero: what is sealed shows no key stream.
        let payload: Vec<u8> = (1..=u8::MAX).cycle().take(len - 28).collect();
        let mut sealed = self.sealed(ALICE, BOB, &payload, BATCH);
        let middle = sealed[FORGED].len() / 2;
        sealed[FORGED][middle] ^= 1;
        if let Observer::Recorder(messages) = &mut self.observer {
            messages.extend(sealed.iter().cloned());
        }
        let source = self.hosts[ALICE].address;
        let datagrams = sealed.iter_mut().map(|it| Datagram::new(source, it));
        let mut datagrams: Vec<_> = datagrams.collect();
        self.hosts[BOB]
            .device
            .receive_batch(self.now, &mut datagrams);
        for (number, datagram) in datagrams.iter().enumerate() {
            assert_eq!(datagram.outcome().is_err(), number == FORGED);
        }
    }

    fn send_packets(&mut self, from: usize, to: usize, count: usize) {
        let mut sealed = self.sealed(from, to, b"hello", count);
        let source = self.hosts[from].address;
        let datagrams = sealed.iter_mut().map(|it| Datagram::new(source, it));
        let mut datagrams: Vec<_> = datagrams.collect();
        let receiver = &mut self.hosts[to].device;
        receiver.receive_batch(self.now, &mut datagrams);
        for datagram in &datagrams {
            datagram.outcome().expect("nothing is forged or stale here");
        }
    }

    /// The datagrams of so many packets.
    fn sealed(&mut self, from: usize, to: usize, payload: &[u8], count: usize) -> Vec<Vec<u8>> {
        let inner = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().expect("an address"));
        let packet = wirecraft_ip_packets::v4(inner[from], inner[to])
            .udp(1, 2)
            .payload(payload)
            .build();
        let mut arena = Arena::new(1 << 15, MTU);
        for _ in 0..count {
            arena.push(&packet).expect("the arena is large");
        }
        self.hosts[from].device.send_batch(self.now, &mut arena);
        let sealed = arena
            .runs()
            .flat_map(|run| run.bytes.chunks(run.segment_len));
        let sealed: Vec<Vec<u8>> = sealed.map(<[u8]>::to_vec).collect();
        assert_eq!(sealed.len(), count, "there is a session");
        sealed
    }

    /// Lets time pass, from deadline to deadline.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.exchange();
            let deadlines = self
                .hosts
                .iter()
                .filter_map(|host| host.device.poll_timeout());
            let Some(at) = deadlines
                .map(|deadline| deadline.at)
                .min()
                .filter(|at| *at <= end)
            else {
                break;
            };
            self.now = self.now.max(at);
            for host in &mut self.hosts {
                host.device.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    pub(crate) fn remove_peers(&mut self) {
        self.exchange_nothing();
        for Host { device, peer, .. } in &mut self.hosts {
            assert!(device.remove_peer(*peer));
        }
    }

    pub(crate) fn replace_preshared_key(&mut self) {
        for Host { device, peer, .. } in &mut self.hosts {
            device
                .set_preshared_key(*peer, preshared_key(&NEW_PRESHARED_KEY))
                .expect("the peer was added");
        }
    }

    pub(crate) fn replace_private_keys(&mut self) {
        self.exchange_nothing();
        for (host, draws) in self.hosts.iter_mut().zip(&NEW_PRIVATE_KEYS) {
            host.device.set_private_key(Some(private_key(draws)));
        }
    }

    /// Replaces all keys by one change, as a program does that reads a configuration.
    pub(crate) fn apply_new_keys(&mut self) {
        let public = NEW_PRIVATE_KEYS.map(|draws| private_key(&draws).public_key());
        for (own, other) in [(ALICE, BOB), (BOB, ALICE)] {
            let mut peer = PeerChange::new(public[other]);
            peer.preshared_key = Some(preshared_key(&PRESHARED_KEY));
            self.apply(own, vec![peer]);
            let mut peer = PeerChange::new(public[other]);
            peer.preshared_key = Some(preshared_key(&NEW_PRESHARED_KEY));
            self.apply(own, vec![peer]);
        }
    }

    pub(crate) fn apply_no_peers(&mut self) {
        for host in [ALICE, BOB] {
            self.apply(host, Vec::new());
        }
    }

    fn apply(&mut self, host: usize, peers: Vec<PeerChange>) {
        let change = DeviceChange {
            private_key: Some(PrivateKeyChange::Set(private_key(&NEW_PRIVATE_KEYS[host]))),
            replace_peers: true,
            peers,
        };
        let applied = self.hosts[host].device.apply(self.now, change);
        applied.expect("no peer has the key of its host");
    }

    pub(crate) fn suspend(&mut self) {
        for host in &mut self.hosts {
            host.device.handle_suspend(self.now);
        }
        self.exchange_nothing();
    }

    fn exchange_nothing(&mut self) {
        self.cut_the_network();
        self.exchange();
    }

    pub(crate) fn drop_devices(&mut self) {
        self.exchange_nothing();
        self.hosts.clear();
    }
}

fn private_key(draws: &Draws) -> PrivateKey {
    let mut bytes = Zeroizing::new([0; 32]);
    draws.write(0, bytes.as_mut_slice());
    PrivateKey::from_bytes(*bytes)
}

fn preshared_key(draws: &Draws) -> PresharedKey {
    let mut bytes = Zeroizing::new([0; 32]);
    draws.write(0, bytes.as_mut_slice());
    PresharedKey::from_bytes(*bytes)
}
