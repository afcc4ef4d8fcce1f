//! Who has which address inside, and which addresses outside are nobody's to reach.

use std::net::IpAddr;

use ipnet::IpNet;
use wirecraft::PublicKey;
use wirecraft::config::PeerConfig;

/// Peers by their allowed IPs.
///
/// The tunnel takes from a peer only what comes from its allowed IPs, the longest prefix deciding: the source
/// address of a packet says whose it is.
pub(super) struct Owners(Vec<(IpNet, PublicKey)>);

impl Owners {
    pub(super) fn new(peers: &[PeerConfig]) -> Self {
        let of_peer = |peer: &PeerConfig| {
            let key = peer.public_key;
            let networks = peer.allowed_ips.iter();
            networks
                .map(move |network| (*network, key))
                .collect::<Vec<_>>()
        };
        let mut networks: Vec<_> = peers.iter().flat_map(of_peer).collect();
        // Of one network that two peers have, the later has it, as `wg` has it.
        networks.reverse();
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        Self(networks)
    }

    /// Says whether an address is a peer's. That one has every address is no reason to have none outside.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let mut networks = self.0.iter();
        networks.any(|(network, _)| network.prefix_len() > 0 && network.contains(&address))
    }

    pub(super) fn of(&self, address: IpAddr) -> Option<&PublicKey> {
        let mut networks = self.0.iter();
        let found = networks.find(|(network, _)| network.contains(&address));
        found.map(|(_, key)| key)
    }
}

/// Says whether an address is a host's: not a group, or nobody.
pub(super) fn is_relayed(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_multicast() || address.is_unspecified() || is_broadcast)
}

#[cfg(test)]
mod tests {
    use wirecraft::{PrivateKey, SystemEntropy};

    use super::*;

    #[test]
    fn longest_prefix_has_the_address_and_of_equals_the_later() {
        let peer = |networks: &[&str]| {
            let key = PrivateKey::generate(&mut SystemEntropy::default()).public_key();
            let mut peer = PeerConfig::new(key);
            peer.allowed_ips = networks.iter().map(|text| text.parse().unwrap()).collect();
            peer
        };
        let peers = [
            peer(&["10.0.0.0/8", "fd00::/64"]),
            peer(&["10.1.0.0/16"]),
            peer(&["10.2.0.0/16"]),
            peer(&["10.2.0.0/16"]),
        ];
        let owners = Owners::new(&peers);
        let owner = |address: &str| owners.of(address.parse().unwrap()).copied();
        assert_eq!(owner("10.9.0.1"), Some(peers[0].public_key));
        assert_eq!(owner("10.1.0.1"), Some(peers[1].public_key));
        assert_eq!(owner("10.2.0.1"), Some(peers[3].public_key));
        assert_eq!(owner("fd00::1"), Some(peers[0].public_key));
        assert_eq!(owner("192.0.2.1"), None);
        assert!(owners.has("10.9.0.1".parse().unwrap()));
        assert!(!owners.has("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn groups_and_nobody_are_not_relayed_to() {
        for address in ["224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255"] {
            assert!(!is_relayed(address.parse().unwrap()), "{address}");
        }
        assert!(is_relayed("192.0.2.1".parse().unwrap()));
    }
}
