//! What peers may reach: networks and ports, allowed and denied, for each by its public key.
//!
//! ```toml
//! # Peers that have no rules of their own. Without `allow` everything but this host's loopback and its links is
//! # allowed, with an empty one nothing; `deny` goes first.
//! [default]
//! deny = ["192.168.0.0/16", "10.0.0.0/8:22", "[fd00::/8]:1-1023"]
//! connections = 256
//!
//! [peers."xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="]
//! allow = ["10.1.0.0/16:80", "10.1.0.0/16:443", "10.1.0.53/32:53"]
//! connections = 16
//! ```

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;
use wirecraft::PublicKey;

/// Connections, flows and pings of one peer at once, unless the rules say otherwise.
const CONNECTIONS_MAX: usize = 1024;

/// The rules of all peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    default: PeerRules,
    peers: HashMap<[u8; 32], PeerRules>,
}

/// The rules of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerRules {
    /// What may be reached; everything if nothing is said, nothing if the list is empty.
    pub allow: Option<Vec<Place>>,
    /// What may not be reached, even if it is allowed.
    pub deny: Vec<Place>,
    /// Connections, flows and pings at once.
    pub connections: usize,
}

/// A network, and ports in it: `10.0.0.0/8`, `10.0.0.1:22`, `[fd00::/8]:8000-8080`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Place {
    network: IpNet,
    /// Every port, and what has none, unless given.
    ports: Option<RangeInclusive<u16>>,
}

/// Text that is no [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected CIDR, CIDR:PORT or CIDR:PORT-PORT, found {text:?}")]
pub struct PlaceError {
    /// What was found.
    pub text: String,
}

/// Rules that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The text is no TOML, or says what rules do not know.
    #[error("rules: {0}")]
    Syntax(#[from] Box<toml::de::Error>),
    /// The name of a table is no public key.
    #[error("rules: {text:?} is no public key")]
    Key {
        /// The name.
        text: String,
    },
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    default: PeerRules,
    peers: HashMap<String, PeerRules>,
}

impl Default for PeerRules {
    /// Everything is allowed.
    fn default() -> Self {
        Self {
            allow: None,
            deny: Vec::new(),
            connections: CONNECTIONS_MAX,
        }
    }
}

impl Rules {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn load(path: &Path) -> Result<Self, RulesError> {
        let text = std::fs::read_to_string(path).map_err(|source| RulesError::Read {
            path: path.to_owned(),
            source,
        })?;
        text.parse()
    }

    /// Returns the rules of a peer.
    #[must_use]
    pub fn of(&self, peer: &PublicKey) -> &PeerRules {
        self.peers.get(peer.as_bytes()).unwrap_or(&self.default)
    }
}

impl FromStr for Rules {
    type Err = RulesError;

    fn from_str(text: &str) -> Result<Self, RulesError> {
        let File { default, peers } = toml::from_str(text).map_err(Box::new)?;
        let peers = peers.into_iter().map(|(text, rules)| {
            let key: Result<PublicKey, _> = text.parse();
            let key = key.map_err(|_| RulesError::Key { text })?;
            Ok((*key.as_bytes(), rules))
        });
        Ok(Self {
            default,
            peers: peers.collect::<Result<_, RulesError>>()?,
        })
    }
}

impl PeerRules {
    /// Says whether `port` of `address` may be reached; `None` stands for pings, which have no port.
    ///
    /// Addresses of loopback and of the links (`169.254.0.0/16`, `fe80::/10`: clouds answer there with keys) are
    /// reached only where a network of theirs is allowed by name.
    #[must_use]
    pub fn allow(&self, address: IpAddr, port: Option<u16>) -> bool {
        let named = |places: &[Place], is_fit: fn(&Place) -> bool| {
            let mut places = places.iter().filter(|place| is_fit(place));
            places.any(|place| place.has(address, port))
        };
        let places = self.allow.as_deref();
        let allowed = match is_of_this_host(address) {
            true => places
                .is_some_and(|places| named(places, |place| is_of_this_host(place.network.addr()))),
            false => places.is_none_or(|places| named(places, |_| true)),
        };
        allowed && !named(&self.deny, |_| true)
    }
}

/// Says whether an address means nothing but to this host and its links.
fn is_of_this_host(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    address.is_loopback() || is_link_local
}

impl Place {
    fn has(&self, address: IpAddr, port: Option<u16>) -> bool {
        let has_port = match (&self.ports, port) {
            (None, _) => true,
            (Some(ports), Some(port)) => ports.contains(&port),
            (Some(_), None) => false,
        };
        has_port && self.network.contains(&address)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let error = || PlaceError {
            text: text.to_owned(),
        };
        let (network, ports) = match text.strip_prefix('[') {
            Some(rest) => {
                let (network, rest) = rest.split_once(']').ok_or_else(error)?;
                (network, rest.strip_prefix(':'))
            }
            // An IPv6 network without brackets has more colons, and no port.
            None => match text.split_once(':') {
                Some((network, port)) if !port.contains(':') => (network, Some(port)),
                _ => (text, None),
            },
        };
        let network = network
            .parse()
            .or_else(|_| network.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| error())?;
        let ports = ports.map(|ports| read_ports(ports).ok_or_else(error));
        Ok(Self {
            network,
            ports: ports.transpose()?,
        })
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        text.parse()
    }
}

fn read_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

    fn allows(rules: &PeerRules, address: &str, port: u16) -> bool {
        rules.allow(address.parse().unwrap(), Some(port))
    }

    #[test]
    fn without_rules_everything_is_allowed() {
        let rules = Rules::default();
        assert!(allows(rules.of(&KEY.parse().unwrap()), "192.0.2.1", 22));
    }

    #[test]
    fn peer_has_its_own_rules_and_others_the_default() {
        let text = format!(
            "[default]\ndeny = ['0.0.0.0/0']\n[peers.'{KEY}']\nallow = ['10.0.0.0/8:80']\nconnections = 2\n"
        );
        let rules: Rules = text.parse().unwrap();
        let own = rules.of(&KEY.parse().unwrap());
        assert_eq!(own.connections, 2);
        assert!(allows(own, "10.1.2.3", 80));
        assert!(!allows(own, "10.1.2.3", 81) && !allows(own, "11.1.2.3", 80));
        let other = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
            .parse()
            .unwrap();
        assert!(!allows(rules.of(&other), "10.1.2.3", 80));
        assert!(allows(rules.of(&other), "fd00::1", 80));
        assert_eq!(rules.of(&other).connections, CONNECTIONS_MAX);
    }

    #[test]
    fn what_is_denied_is_so_even_if_it_is_allowed() {
        let rules: Rules = "[default]\nallow = ['10.0.0.0/8']\ndeny = ['10.0.0.0/8:22-23']\n"
            .parse()
            .unwrap();
        let rules = rules.of(&KEY.parse().unwrap());
        let allowed = [21, 22, 23, 24].map(|port| allows(rules, "10.0.0.1", port));
        assert_eq!(allowed, [true, false, false, true]);
    }

    #[test]
    fn loopback_is_reached_only_where_it_is_allowed_by_name() {
        let with = |allow: &[&str]| PeerRules {
            allow: Some(allow.iter().map(|text| text.parse().unwrap()).collect()),
            ..PeerRules::default()
        };
        for (allow, allowed) in [
            (&[][..], false),
            (&["0.0.0.0/0", "::/0"], false),
            (&["127.0.0.0/8:80"], true),
        ] {
            assert_eq!(allows(&with(allow), "127.0.0.1", 80), allowed, "{allow:?}");
            assert!(!allows(&with(allow), "::1", 80));
        }
    }

    #[test]
    fn empty_list_of_what_is_allowed_allows_nothing() {
        let rules: Rules = "[default]\nallow = []\n".parse().unwrap();
        let rules = rules.of(&KEY.parse().unwrap());
        assert!(!allows(rules, "192.0.2.1", 80));
        assert!(!rules.allow("192.0.2.1".parse().unwrap(), None));
    }

    #[test]
    fn addresses_of_the_link_are_reached_only_by_name() {
        let rules = PeerRules::default();
        assert!(!allows(&rules, "169.254.169.254", 80) && !allows(&rules, "fe80::1", 80));
        let rules: Rules = "[default]\nallow = ['0.0.0.0/0', '169.254.1.0/24']\n"
            .parse()
            .unwrap();
        let rules = rules.of(&KEY.parse().unwrap());
        assert!(allows(rules, "169.254.1.1", 80) && !allows(rules, "169.254.169.254", 80));
    }

    #[test]
    fn pings_need_a_place_with_every_port() {
        let address = "10.0.0.1".parse().unwrap();
        for (place, allowed) in [("10.0.0.0/8", true), ("10.0.0.0/8:7", false)] {
            let rules = PeerRules {
                allow: Some(vec![place.parse().unwrap()]),
                ..PeerRules::default()
            };
            assert_eq!(rules.allow(address, None), allowed, "{place}");
        }
    }

    #[test]
    fn places_have_networks_or_addresses_and_perhaps_ports() {
        let place = |text: &str| text.parse::<Place>();
        for (text, address, port) in [
            ("10.0.0.1", "10.0.0.1", 1),
            ("10.0.0.0/24:80", "10.0.0.9", 80),
            ("fd00::/8", "fd00::1", 1),
            ("[fd00::/8]:53", "fd00::1", 53),
            ("[fd00::1]", "fd00::1", 53),
        ] {
            let place = place(text).unwrap();
            assert!(place.has(address.parse().unwrap(), Some(port)), "{text}");
        }
        for text in [
            "",
            "ten",
            "10.0.0.0/33",
            "10.0.0.1:",
            "10.0.0.1:9-8",
            "[fd00::1:53",
            "10.0.0.1:65536",
        ] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_and_not_passed_over() {
        let syntax = "[default]\nalow = []\n".parse::<Rules>().unwrap_err();
        assert!(matches!(syntax, RulesError::Syntax(_)), "{syntax}");
        let place = "[default]\nallow = ['10']\n".parse::<Rules>().unwrap_err();
        assert!(place.to_string().contains("expected CIDR"), "{place}");
        let key = "[peers.bob]\n".parse::<Rules>().unwrap_err();
        assert!(matches!(key, RulesError::Key { .. }), "{key}");
    }
}
