//! Configurations in the syntax of `wg-quick`, as providers write them.
//!
//! A [`Config`] comes from a file ([`Config::load`]), from text ([`Config::parse`], [`FromStr`]) or is put
//! together field by field ([`Config::new`], [`PeerConfig::new`]). Reading one starts no program and changes
//! nothing on the host: hooks, `Table`, `FwMark` and `SaveConfig` are kept and reported by
//! [`Config::notices`], never carried out.
//!
//! Source: `wg(8)` "CONFIGURATION FILE FORMAT", `wg-quick(8)` "CONFIGURATION".

mod endpoint;
mod error;
mod load;
mod notice;
mod parse;
mod value;
mod write;

pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::{ConfigError, Problem, Section};
pub use notice::Notice;

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::str::FromStr;

use ipnet::IpNet;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};

/// What a tunnel needs to know: the own side and its peers.
///
/// ```
/// use wirecraft::config::Config;
///
/// let config: Config = "
///     [Interface]
///     PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
///     Address = 10.192.122.3/24, fd00::3
///     DNS = 10.192.122.1, corp.example
///
///     [Peer]
///     PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
///     Endpoint = vpn.example.org:51820
///     AllowedIPs = 0.0.0.0/0
/// "
/// .parse()?;
/// assert_eq!(config.interface.addresses[1].prefix_len(), 128);
/// assert!(config.notices().is_empty());
/// # Ok::<(), wirecraft::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The own side of the tunnel: the `[Interface]` section.
    pub interface: InterfaceConfig,
    /// The peers in the order of the file, one for each public key.
    pub peers: Vec<PeerConfig>,
    notices: Vec<Notice>,
}

/// The own side of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceConfig {
    /// The own static private key.
    pub private_key: PrivateKey,
    /// Addresses inside the tunnel with the prefix of their network; host bits are kept.
    pub addresses: Vec<IpNet>,
    /// The UDP port to listen on; `None` and `Some(0)` leave the choice to the system.
    pub listen_port: Option<u16>,
    /// Name servers and search domains inside the tunnel.
    pub dns: DnsConfig,
    /// The largest IP packet inside the tunnel in bytes.
    pub mtu: Option<u16>,
    /// The mark that `wg-quick` would put on outgoing packets; `None` is off.
    pub fwmark: Option<NonZeroU32>,
    /// The routing table that `wg-quick` would use: `off`, `auto`, a number or a name.
    pub table: Option<String>,
    /// Commands that `wg-quick` would run.
    pub hooks: Hooks,
    /// Whether `wg-quick` would write its state back into the file.
    pub save_config: bool,
}

/// The name servers and search domains of a `DNS` line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsConfig {
    /// Servers to ask, through the tunnel.
    pub servers: Vec<IpAddr>,
    /// Domains to append to short names.
    pub search: Vec<String>,
}

/// Shell commands of a configuration. wirecraft never runs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `PreUp` lines, one command each.
    pub pre_up: Vec<String>,
    /// `PostUp` lines, one command each.
    pub post_up: Vec<String>,
    /// `PreDown` lines, one command each.
    pub pre_down: Vec<String>,
    /// `PostDown` lines, one command each.
    pub post_down: Vec<String>,
}

/// One peer of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerConfig {
    /// The static public key by which the peer is known.
    pub public_key: PublicKey,
    /// A secret shared with this peer, mixed into the handshake.
    pub preshared_key: Option<PresharedKey>,
    /// What the peer may send from and what is sent to it; host bits are zero.
    pub allowed_ips: Vec<IpNet>,
    /// Where the peer is reached; `None` waits until it calls.
    pub endpoint: Option<Endpoint>,
    /// Seconds between keepalives that hold a mapping open; `None` is off.
    pub persistent_keepalive: Option<NonZeroU16>,
}

impl Config {
    /// Starts a configuration from a private key, without addresses and peers.
    #[must_use]
    pub fn new(private_key: PrivateKey) -> Self {
        Self {
            interface: InterfaceConfig::new(private_key),
            peers: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Reads the configuration file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// [`ConfigError`] with the file, the line and what was expected there.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        load::load(path.as_ref())
    }

    /// Reads a configuration from `text`; `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`ConfigError`] with `name`, the line and what was expected there.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        parse::parse(text, name)
    }

    /// Whether an endpoint has a host name, which is looked up again whenever its peer falls silent.
    #[must_use]
    pub fn has_endpoint_names(&self) -> bool {
        let is_name = |peer: &PeerConfig| matches!(peer.endpoint, Some(Endpoint::Name { .. }));
        self.peers.iter().any(is_name)
    }

    /// What a user should hear about this configuration although it is valid.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}

impl InterfaceConfig {
    /// Starts an interface from its private key, everything else unset.
    #[must_use]
    pub fn new(private_key: PrivateKey) -> Self {
        Self {
            private_key,
            addresses: Vec::new(),
            listen_port: None,
            dns: DnsConfig::default(),
            mtu: None,
            fwmark: None,
            table: None,
            hooks: Hooks::default(),
            save_config: false,
        }
    }
}

impl PeerConfig {
    /// Starts a peer from its public key, everything else unset.
    #[must_use]
    pub fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            preshared_key: None,
            allowed_ips: Vec::new(),
            endpoint: None,
            persistent_keepalive: None,
        }
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text, "configuration")
    }
}
