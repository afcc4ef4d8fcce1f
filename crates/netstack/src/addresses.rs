//! Our own addresses and which of them a packet leaves from.

use core::net::IpAddr;

use ipnet::IpNet;

/// Our addresses with the networks they are in, in the order of preference.
#[derive(Clone, Debug, Default)]
pub struct OwnAddresses(Vec<IpNet>);

impl OwnAddresses {
    /// Takes the addresses, the preferred first, each with the length of its network's prefix.
    #[must_use]
    pub const fn new(addresses: Vec<IpNet>) -> Self {
        Self(addresses)
    }

    /// Says whether an address is ours.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|own| own.addr() == address)
    }

    /// Picks the address to send from: the one whose network has `destination` in it, the
    /// longest prefix winning, else the first of its family.
    #[must_use]
    pub fn source_for(&self, destination: IpAddr) -> Option<IpAddr> {
        let of_family = |own: &&IpNet| own.addr().is_ipv4() == destination.is_ipv4();
        let match_len = |own: &&IpNet| {
            if own.contains(&destination) {
                own.prefix_len()
            } else {
                0
            }
        };
        // `max_by_key` takes the last of equals, so the order is turned round.
        self.0
            .iter()
            .rev()
            .filter(of_family)
            .max_by_key(match_len)
            .map(IpNet::addr)
    }

    /// Returns the addresses.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().map(IpNet::addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> OwnAddresses {
        OwnAddresses::new(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn source(own: &OwnAddresses, destination: &str) -> Option<String> {
        own.source_for(destination.parse().unwrap())
            .map(|address| address.to_string())
    }

    #[test]
    fn source_is_of_the_destination_family_and_network() {
        let own = addresses(&[
            "10.0.0.2/24",
            "10.9.0.2/16",
            "10.9.9.2/24",
            "fd00::2/64",
            "fd01::2/64",
        ]);
        assert_eq!(source(&own, "10.0.0.9").as_deref(), Some("10.0.0.2"));
        assert_eq!(source(&own, "10.9.1.1").as_deref(), Some("10.9.0.2"));
        assert_eq!(source(&own, "10.9.9.1").as_deref(), Some("10.9.9.2"));
        assert_eq!(source(&own, "8.8.8.8").as_deref(), Some("10.0.0.2"));
        assert_eq!(source(&own, "fd01::1").as_deref(), Some("fd01::2"));
        assert_eq!(source(&own, "2001:db8::1").as_deref(), Some("fd00::2"));
    }

    #[test]
    fn family_without_address_has_no_source() {
        assert_eq!(source(&addresses(&["10.0.0.2/32"]), "fd00::1"), None);
    }
}
