//! A simulated machine: a device, its clocks and its place in the network.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::net::SocketAddr;

use chacha20::ChaCha8Rng;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, Device, PeerId, PeerStatus};

use crate::dice::{Dice, Purpose};
use crate::link::Flight;
use crate::payload::{inner_v4, inner_v6};
use crate::scenario::{Attachment, Scenario, TunnelPlan};

/// The wall clock of every node at the start of a run, since the Unix epoch.
pub(crate) const WALL_CLOCK_AT_START: Duration = Duration::from_secs(1_700_000_000);

/// The greatest length of an inner packet in bytes.
pub(crate) const INNER_MTU: usize = 1420;

const ARENA_LEN: usize = 1 << 18;

const PORT: u16 = 51820;

/// The keys of a run.
pub(crate) struct Secrets {
    pub(crate) private: Vec<PrivateKey>,
    pub(crate) public: Vec<PublicKey>,
    preshared: Vec<PresharedKey>,
}

impl Secrets {
    pub(crate) fn generate(scenario: &Scenario) -> Self {
        let mut dice = Dice::new(scenario.seed, Purpose::Keys);
        let rng = dice.rng();
        let nodes = 0..scenario.nodes.len();
        let tunnels = 0..scenario.tunnels.len();
        let private: Vec<PrivateKey> = nodes.map(|_| PrivateKey::generate(rng)).collect();
        Self {
            public: private.iter().map(PrivateKey::public_key).collect(),
            private,
            preshared: tunnels.map(|_| PresharedKey::generate(rng)).collect(),
        }
    }
}

/// Whether a node does anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Awake,
    Asleep,
    Gone,
}

/// A machine of the simulation.
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) device: Device<ChaCha8Rng>,
    pub(crate) arena: Arena,
    pub(crate) state: State,
    /// How often it was started before.
    pub(crate) incarnation: u32,
    /// Where it is seen by others.
    pub(crate) address: SocketAddr,
    /// The address of its own interface.
    pub(crate) local: IpAddr,
    /// What arrived and was not looked at yet.
    pub(crate) inbox: Vec<Flight>,
    /// When it is going to be woken.
    pub(crate) wakes_at: Option<Instant>,
    /// The time at which the clock that counts from boot began, and what it showed.
    clock_began: (Instant, Duration),
    /// What the wall clock would have shown at the start of the run.
    wall_clock_at_start: Duration,
}

impl Node {
    pub(crate) fn new(number: usize, scenario: &Scenario, dice: &mut Dice) -> Self {
        let address = match scenario.nodes[number] {
            Attachment::Fixed => fixed_address(number, scenario.outer_v6),
            Attachment::Nat | Attachment::Roaming => moving_address(number, 0, scenario.outer_v6),
        };
        let uptime = dice.duration(Duration::ZERO, Duration::from_secs(1_000_000));
        Self {
            number,
            device: Device::new(INNER_MTU, dice.fork()),
            arena: Arena::new(ARENA_LEN, INNER_MTU),
            state: State::Awake,
            incarnation: 0,
            address,
            local: local_address(number, address, scenario.nodes[number]),
            inbox: Vec::new(),
            wakes_at: None,
            clock_began: (Instant::ORIGIN, uptime),
            wall_clock_at_start: WALL_CLOCK_AT_START,
        }
    }

    /// What the clock that counts from boot shows.
    pub(crate) fn clock(&self, now: Instant) -> Instant {
        let (began_at, shown) = self.clock_began;
        Instant::from_origin(shown + now.since(began_at))
    }

    /// When the clock that counts from boot will show `clock`, not before `now`.
    pub(crate) fn time_of(&self, now: Instant, clock: Instant) -> Instant {
        now + clock.since(self.clock(now))
    }

    /// What the wall clock shows, since the Unix epoch.
    pub(crate) fn wall_clock(&self, now: Instant) -> Duration {
        self.wall_clock_at_start + now.since_origin()
    }

    pub(crate) fn step_wall_clock(&mut self, seconds: i64) {
        let step = Duration::from_secs(seconds.unsigned_abs());
        self.wall_clock_at_start = if seconds < 0 {
            self.wall_clock_at_start.saturating_sub(step)
        } else {
            self.wall_clock_at_start + step
        };
    }

    /// Reads the clocks for the device, as a driver does whenever it has something to do.
    pub(crate) fn read_clocks(&mut self, now: Instant) -> Instant {
        let clock = self.clock(now);
        let wall_clock = self.wall_clock(now);
        self.device.set_wall_clock(clock, wall_clock);
        clock
    }

    /// Takes another address, that no node ever had.
    pub(crate) fn rebind(&mut self, times: usize, scenario: &Scenario) {
        self.address = moving_address(self.number, times, scenario.outer_v6);
        self.local = local_address(self.number, self.address, scenario.nodes[self.number]);
    }

    /// Begins afresh, with nothing but its configuration.
    pub(crate) fn restart(&mut self, now: Instant, reboot: bool, dice: &mut Dice) {
        if reboot {
            let shown = dice.duration(Duration::ZERO, Duration::from_secs(2));
            self.clock_began = (now, shown);
        }
        self.device = Device::new(INNER_MTU, dice.fork());
        self.incarnation += 1;
        self.state = State::Awake;
        self.inbox.clear();
        self.wakes_at = None;
    }

    /// Gives the device its keys and peers.
    pub(crate) fn configure(&mut self, now: Instant, scenario: &Scenario, secrets: &Secrets) {
        let clock = self.read_clocks(now);
        let key = secrets.private[self.number].clone();
        self.device.set_private_key(Some(key));
        for (tunnel, psk) in scenario.tunnels.iter().zip(&secrets.preshared) {
            if let Some(end) = tunnel.ends.iter().position(|end| *end == self.number) {
                let psk = tunnel.preshared_key.then(|| psk.clone());
                self.configure_peer(clock, (tunnel, end), psk, (scenario, secrets));
            }
        }
    }

    fn configure_peer(
        &mut self,
        clock: Instant,
        (tunnel, end): (&TunnelPlan, usize),
        preshared_key: Option<PresharedKey>,
        (scenario, secrets): (&Scenario, &Secrets),
    ) {
        const ADDED: &str = "the peer was added";
        let other = tunnel.ends[1 - end];
        let device = &mut self.device;
        let peer = device.add_peer(secrets.public[other]);
        let peer = peer.expect("no two nodes have the same key");
        if let Some(preshared_key) = preshared_key {
            device.set_preshared_key(peer, preshared_key).expect(ADDED);
        }
        if scenario.nodes[other] == Attachment::Fixed {
            let address = fixed_address(other, scenario.outer_v6);
            device.set_endpoint(peer, address).expect(ADDED);
        }
        for address in [IpAddr::V4(inner_v4(other)), IpAddr::V6(inner_v6(other))] {
            let prefix = ipnet::IpNet::from(address);
            device.add_allowed_ip(peer, prefix).expect(ADDED);
        }
        device
            .set_persistent_keepalive(clock, peer, tunnel.keepalive[end])
            .expect(ADDED);
    }

    /// The node that a peer of the device is.
    pub(crate) fn node_of(&self, peer: PeerId, secrets: &Secrets) -> Option<usize> {
        let is_it = |key: &PublicKey| self.device.peer_id(key) == Some(peer);
        secrets.public.iter().position(is_it)
    }

    /// What the device knows of a peer.
    pub(crate) fn status_of(&self, now: Instant, peer: &PublicKey) -> Option<PeerStatus> {
        let peer = self.device.peer_id(peer)?;
        self.device.peer_status(self.clock(now), peer)
    }
}

fn fixed_address(node: usize, v6: bool) -> SocketAddr {
    let number = u16::try_from(node + 1).expect("a scenario has few nodes");
    let address = if v6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 | u32::from(number)))
    };
    SocketAddr::new(address, PORT)
}

/// An address that a node gets only once: that after it moved `times` times.
fn moving_address(node: usize, times: usize, v6: bool) -> SocketAddr {
    let node = u16::try_from(node + 1).expect("a scenario has few nodes");
    let times = u16::try_from(times).expect("a run lasts for hours");
    let address = if v6 {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, node, 0, 0, 0, times))
    } else {
        let [high, low] = times.to_be_bytes();
        let node = u8::try_from(node).expect("a scenario has few nodes");
        // Every other time only the port changes.
        IpAddr::V4(Ipv4Addr::new(100, 64 + node, high, low & !1))
    };
    SocketAddr::new(address, PORT + times % 2)
}

fn local_address(node: usize, seen: SocketAddr, attachment: Attachment) -> IpAddr {
    match attachment {
        Attachment::Fixed | Attachment::Roaming => seen.ip(),
        Attachment::Nat => IpAddr::V4(Ipv4Addr::from_bits(
            0x0ac8_0000 + u32::try_from(node).unwrap_or(0),
        )),
    }
}
