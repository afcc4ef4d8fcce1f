//! Addresses that are not those of hosts on the Internet.

use crate::AddressRange;

/// The special-use prefixes that a scan of wide ranges leaves out.
///
/// Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), RFC 5771 and
/// RFC 4291 for multicast. The translation prefix 64:ff9b::/96 and 2000::/3 otherwise are left in.
const PREFIXES: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Returns the special-use ranges.
pub fn special_use() -> impl Iterator<Item = AddressRange> {
    PREFIXES.iter().filter_map(|prefix| prefix.parse().ok())
}

impl AddressRange {
    /// Returns what is left of this range without special-use addresses that it was not made for.
    ///
    /// A range that lies inside of a special-use range asks for that one by name: `10.1.0.0/16` is
    /// kept as it is, while of `0.0.0.0/0` all private networks are left out.
    ///
    /// ```
    /// use wirecraft_scan::AddressRange;
    ///
    /// let private: AddressRange = "10.1.0.0/16".parse()?;
    /// assert_eq!(private.without_special_use(), [private]);
    /// let wide: AddressRange = "9.0.0.0-11.0.0.0".parse()?;
    /// let left = ["9.0.0.0/8".parse()?, "11.0.0.0".parse()?];
    /// assert_eq!(wide.without_special_use(), left);
    /// # Ok::<(), wirecraft_scan::TargetError>(())
    /// ```
    #[must_use]
    pub fn without_special_use(self) -> Vec<Self> {
        let mut left = vec![self];
        for hole in special_use().filter(|hole| !hole.covers(self)) {
            left = left
                .into_iter()
                .flat_map(|range| range.without(hole))
                .collect();
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_is_one() {
        assert_eq!(special_use().count(), PREFIXES.len());
    }

    #[test]
    fn nothing_special_is_left_of_everything() {
        let everything: AddressRange = "0.0.0.0/0".parse().unwrap();
        let left = everything.without_special_use();
        for special in special_use() {
            assert!(
                left.iter()
                    .all(|range| { range.without(special).collect::<Vec<_>>() == [*range] })
            );
        }
        assert!(
            left.iter()
                .any(|range| range.covers("1.1.1.1".parse().unwrap()))
        );
    }
}
