//! A change of a device's configuration, as data.

use core::time::Duration;
use std::net::SocketAddr;

use ipnet::IpNet;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};

/// What is to change about a device. What is not named stays as it is.
///
/// Applied by [`Device::apply`](crate::Device::apply). It has the shape of WireGuard's cross-platform
/// configuration protocol.
#[derive(Clone, Debug, Default)]
pub struct DeviceChange {
    /// The private key, if it is to change.
    pub private_key: Option<PrivateKeyChange>,
    /// Whether peers that `peers` does not ensure are removed, and those it does lose every setting
    /// that is not stated. Sessions, endpoints and greatest timestamps of the latter are kept.
    pub replace_peers: bool,
    /// Changes of peers, done in order.
    pub peers: Vec<PeerChange>,
}

/// What is to become of the private key.
#[derive(Clone, Debug)]
pub enum PrivateKeyChange {
    /// It is to be this one.
    Set(PrivateKey),
    /// It is to be taken away.
    Remove,
}

/// What is to change about a peer. What is not named stays as it is.
#[derive(Clone, Debug)]
pub struct PeerChange {
    /// Whose settings change.
    pub public_key: PublicKey,
    /// Whether the peer is to be there.
    pub presence: Presence,
    /// The preshared key, if it is to change; [`PresharedKey::ZERO`] is none.
    pub preshared_key: Option<PresharedKey>,
    /// The endpoint, if it is to change.
    pub endpoint: Option<SocketAddr>,
    /// Whether the endpoint follows the peer, if that is to change.
    pub roaming: Option<Roaming>,
    /// The interval of the persistent keepalive, if it is to change; zero switches it off.
    pub persistent_keepalive: Option<Duration>,
    /// Whether the peer's prefixes are taken from it before those in `allowed_ips` are added.
    pub replace_allowed_ips: bool,
    /// Prefixes to add and to take, in order.
    pub allowed_ips: Vec<AllowedIpChange>,
}

/// Whether a peer is to be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Presence {
    /// It is added if it is not there.
    #[default]
    Ensured,
    /// It is changed if it is there, and not added.
    UpdateOnly,
    /// It is removed.
    Removed,
}

/// Whether a peer's endpoint follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Roaming {
    /// The endpoint is where the peer was last heard (whitepaper §2.1).
    #[default]
    Followed,
    /// The endpoint stays as configured, wherever the peer is heard, and goes back there if it was heard
    /// elsewhere before. Without a configured one, it stays where the peer was or is heard first.
    Pinned,
}

/// A prefix that is given to a peer, or taken from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AllowedIpChange {
    /// It is the peer's from here on, whoever had it.
    Add(IpNet),
    /// It is not the peer's any more, if it was.
    Remove(IpNet),
}

impl PeerChange {
    /// A change that ensures that a peer is there, and changes nothing else about it.
    #[must_use]
    pub const fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            presence: Presence::Ensured,
            preshared_key: None,
            endpoint: None,
            roaming: None,
            persistent_keepalive: None,
            replace_allowed_ips: false,
            allowed_ips: Vec::new(),
        }
    }
}
