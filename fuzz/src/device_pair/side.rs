//! One of the two sides: a device and how it is configured.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::OnceLock;

use chacha20::ChaCha8Rng;
use ipnet::IpNet;
use rand_core::SeedableRng;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};
use wirecraft_time::Instant;
use wirecraft_tunnel::{
    AllowedIpChange, ConfigureError, Device, DeviceChange, PeerChange, PeerId, PrivateKeyChange,
    Roaming,
};

pub(super) const MTU: usize = 1420;

/// Where nobody is.
const NOWHERE: ([u8; 4], u16) = ([203, 0, 113, 1], 9);

/// The keys that each side can have.
pub(super) struct Keys {
    private: [[PrivateKey; 2]; 2],
    pub(super) public: [[PublicKey; 2]; 2],
}

pub(super) fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let private = [(); 2].map(|()| [(); 2].map(|()| PrivateKey::generate(&mut rng)));
        let public = private
            .each_ref()
            .map(|keys| keys.each_ref().map(PrivateKey::public_key));
        Keys { private, public }
    })
}

/// A change of a side's configuration; peers are chosen by which key of the other side they have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setting {
    Endpoint(u8),
    PresharedKey(u8),
    Keepalive(u8),
    AllowedIps(u8),
    PrivateKey(u8),
    RemovePeer(u8),
    AddPeer(u8),
    StartHandshake(u8),
    Roaming(u8),
    CancelHandshake(u8),
    RemoveAllowedIp(u8),
    ReplacePeers(u8),
}

pub(super) struct Side {
    pub(super) device: Device<ChaCha8Rng>,
    number: usize,
    /// Which of its keys the side has; a restart keeps it.
    key: Option<usize>,
    /// Which of its two addresses the side sends from.
    pub(super) house: usize,
    pub(super) is_halted: bool,
}

/// The addresses of a side's socket.
pub(super) fn address(side: usize, house: usize) -> SocketAddr {
    let network = [[192, 0, 2], [198, 51, 100]][house];
    let host = u8::try_from(side + 1).expect("there are two sides");
    ([network[0], network[1], network[2], host], 51820).into()
}

/// The side that has an address.
pub(super) fn side_at(to: SocketAddr) -> Option<usize> {
    (0..2).find(|side| (0..2).any(|house| address(*side, house) == to))
}

pub(super) fn inner(side: usize) -> Ipv4Addr {
    let host = u8::try_from(side + 1).expect("there are two sides");
    Ipv4Addr::new(10, 0, 0, host)
}

impl Side {
    /// Starts a side that knows the other one; `seed` is never used twice.
    pub(super) fn new(number: usize, seed: u64, now: Instant, wall_clock: Duration) -> Self {
        let mut side = Self {
            device: Device::new(MTU, ChaCha8Rng::seed_from_u64(seed)),
            number,
            key: None,
            house: 0,
            is_halted: false,
        };
        side.device.set_wall_clock(now, wall_clock);
        side.set_key(Some(0));
        side.add_peer(0);
        side
    }

    pub(super) const fn other(&self) -> usize {
        1 - self.number
    }

    pub(super) fn set_key(&mut self, key: Option<usize>) {
        self.key = key;
        let private = key.map(|key| keys().private[self.number][key].clone());
        self.device.set_private_key(private);
        let expected = key.map(|key| keys().public[self.number][key]);
        assert_eq!(self.device.public_key(), expected);
    }

    /// Adds the other side with one of its keys, its endpoint and its address.
    pub(super) fn add_peer(&mut self, key: usize) -> PeerId {
        let public = keys().public[self.other()][key];
        let peer = self
            .device
            .add_peer(public)
            .expect("no side has the other's key");
        assert_eq!(
            self.device.add_peer(public),
            Ok(peer),
            "it is there already"
        );
        let endpoint = address(self.other(), 0);
        self.device
            .set_endpoint(peer, endpoint)
            .expect("it was added");
        let address = IpAddr::V4(inner(self.other()));
        self.device
            .add_allowed_ip(peer, address.into())
            .expect("it was added");
        assert_eq!(self.device.route(address), Some(peer));
        peer
    }

    fn peer(&self, key: usize) -> Option<PeerId> {
        self.device.peer_id(&keys().public[self.other()][key])
    }

    /// The peers that are there.
    fn peers(&self) -> Vec<PeerId> {
        self.device.peers().collect()
    }

    pub(super) fn apply(&mut self, now: Instant, setting: Setting) {
        match setting {
            Setting::PrivateKey(key) => {
                self.set_key(Some(usize::from(key)).filter(|key| *key < 2));
            }
            Setting::AddPeer(key) => {
                self.add_peer(key.into());
            }
            Setting::RemovePeer(key) => self.remove_peer(key.into()),
            Setting::ReplacePeers(choice) => self.replace_peers(now, choice),
            Setting::CancelHandshake(key) => {
                if let Some(peer) = self.peer(key.into()) {
                    let cancelled = self.device.cancel_handshake(peer);
                    cancelled.expect("the peer is there");
                    let status = self.device.peer_status(now, peer);
                    assert_eq!(status.map(|status| status.staged), Some(0));
                }
            }
            Setting::StartHandshake(key) => {
                if let Some(peer) = self.peer(key.into()) {
                    let started = self.device.start_handshake(now, peer);
                    started.expect("the peer is there");
                }
            }
            setting => {
                for peer in self.peers() {
                    let applied = self.apply_to(now, peer, setting);
                    applied.expect("the peer is there");
                }
            }
        }
    }

    fn apply_to(
        &mut self,
        now: Instant,
        peer: PeerId,
        setting: Setting,
    ) -> Result<(), ConfigureError> {
        match setting {
            Setting::Endpoint(choice) => {
                let houses = usize::from(choice & 1);
                let endpoint = if choice < 2 {
                    address(self.other(), houses)
                } else {
                    NOWHERE.into()
                };
                self.device.set_endpoint(peer, endpoint)
            }
            Setting::PresharedKey(choice) => {
                let key = PresharedKey::from_bytes([choice; 32]);
                self.device.set_preshared_key(peer, key)
            }
            Setting::Keepalive(seconds) => {
                let interval = Some(Duration::from_secs(seconds.into()));
                self.device.set_persistent_keepalive(now, peer, interval)
            }
            Setting::AllowedIps(choice) => self.set_allowed_ips(peer, choice),
            Setting::RemoveAllowedIp(choice) => {
                let prefix = self.prefix(choice + 1);
                self.device.remove_allowed_ip(peer, prefix)
            }
            Setting::Roaming(choice) => self.set_roaming(now, peer, choice),
            other => panic!("{other:?} concerns no single peer"),
        }
    }

    fn set_allowed_ips(&mut self, peer: PeerId, choice: u8) -> Result<(), ConfigureError> {
        if choice == 0 {
            return self.device.clear_allowed_ips(peer);
        }
        let prefix = self.prefix(choice);
        self.device.add_allowed_ip(peer, prefix)
    }

    /// One of three prefixes of the other side.
    fn prefix(&self, choice: u8) -> IpNet {
        let prefix = match choice {
            1 => "0.0.0.0/0".parse(),
            2 => "10.0.0.0/24".parse(),
            _ => Ok(IpAddr::V4(inner(self.other())).into()),
        };
        prefix.expect("a prefix")
    }

    /// States all peers anew: none, one or both keys of the other side, each with some of the settings.
    fn replace_peers(&mut self, now: Instant, choice: u8) {
        let stated = (0..2).filter(|key| choice >> key & 1 == 1);
        let peers = stated.map(|key| {
            let choice = choice >> (2 + 3 * key);
            let mut peer = PeerChange::new(keys().public[self.other()][key]);
            let keepalive = Duration::from_secs(25);
            peer.persistent_keepalive = (choice & 1 == 1).then_some(keepalive);
            let prefix = self.prefix(choice >> 1 & 3);
            peer.allowed_ips = vec![AllowedIpChange::Add(prefix)];
            if choice & 3 == 3 {
                peer.allowed_ips.push(AllowedIpChange::Remove(prefix));
            }
            peer
        });
        let change = DeviceChange {
            private_key: None,
            replace_peers: true,
            peers: peers.collect(),
        };
        let stated = change.peers.len();
        assert_eq!(self.device.apply(now, change), Ok(()));
        assert_eq!(self.peers().len(), stated);
    }

    /// Packets go to the peer that has the longest prefix, as a look at all of them finds it.
    pub(super) fn check_routes(&self, now: Instant) {
        let statuses = self
            .peers()
            .into_iter()
            .filter_map(|peer| Some((peer, self.device.peer_status(now, peer)?)));
        let prefixes = statuses.flat_map(|(peer, status)| {
            let prefixes = status.allowed_ips.into_iter();
            prefixes.map(move |prefix| (prefix, peer))
        });
        let prefixes: Vec<(IpNet, PeerId)> = prefixes.collect();
        assert_eq!(self.device.held().prefixes, prefixes.len());
        for address in [
            inner(0),
            inner(1),
            [10, 0, 0, 9].into(),
            [192, 0, 2, 9].into(),
        ] {
            let address = IpAddr::V4(address);
            let covering = prefixes
                .iter()
                .filter(|(prefix, _)| prefix.contains(&address));
            let longest = covering.max_by_key(|(prefix, _)| prefix.prefix_len());
            assert_eq!(self.device.route(address), longest.map(|(_, peer)| *peer));
        }
    }

    fn remove_peer(&mut self, key: usize) {
        let Some(peer) = self.peer(key) else {
            return;
        };
        assert!(self.device.remove_peer(peer));
        assert!(!self.device.remove_peer(peer));
        assert_eq!(self.device.peer_status(Instant::ORIGIN, peer), None);
        let gone = self.device.start_handshake(Instant::ORIGIN, peer);
        assert_eq!(gone, Err(ConfigureError::UnknownPeer));
    }

    fn set_roaming(
        &mut self,
        now: Instant,
        peer: PeerId,
        choice: u8,
    ) -> Result<(), ConfigureError> {
        let status = self.device.peer_status(now, peer);
        let mut change = PeerChange::new(status.ok_or(ConfigureError::UnknownPeer)?.public_key);
        change.roaming = Some(if choice == 0 {
            Roaming::Followed
        } else {
            Roaming::Pinned
        });
        self.device.apply(
            now,
            DeviceChange {
                private_key: None,
                replace_peers: false,
                peers: vec![change],
            },
        )
    }

    /// Configures the side so that the other one, healed as well, can be reached.
    pub(super) fn heal(&mut self, now: Instant, wall_clock: Duration) {
        self.house = 0;
        self.device.set_wall_clock(now, wall_clock);
        self.is_halted = false;
        self.device.resume(now);
        let other = IpAddr::V4(inner(self.other()));
        let mut peer = PeerChange::new(keys().public[self.other()][0]);
        peer.endpoint = Some(address(self.other(), 0));
        peer.allowed_ips = vec![AllowedIpChange::Add(other.into())];
        let key = keys().private[self.number][0].clone();
        let applied = self.device.apply(
            now,
            DeviceChange {
                private_key: Some(PrivateKeyChange::Set(key)),
                replace_peers: true,
                peers: vec![peer],
            },
        );
        assert_eq!(applied, Ok(()));
        self.key = Some(0);
        assert_eq!(
            self.peers(),
            Vec::from_iter(self.peer(0)),
            "one peer is left"
        );
        assert_eq!(self.device.route(other), self.peer(0));
    }
}
