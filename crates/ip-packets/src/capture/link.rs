//! What stands before the IP packet in a file.

use pcap_file::DataLink;

const ETHERNET_HEADER_LEN: usize = 14;
const VLAN_TAG_LEN: usize = 4;
/// More tags than this, one in the other, nobody uses.
const VLAN_TAGS_MAX: usize = 4;

const ETHER_TYPE_IPV4: u16 = 0x0800;
const ETHER_TYPE_IPV6: u16 = 0x86dd;
const ETHER_TYPE_VLAN: u16 = 0x8100;
const ETHER_TYPE_SERVICE_VLAN: u16 = 0x88a8;

/// A link layer, by the number that files have for it.
///
/// Source: tcpdump.org, Link-Layer Header Types (November 2026).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct LinkType(u16);

impl LinkType {
    /// The loopback of BSD: an address family in the order of the host that captured.
    pub const NULL: Self = Self(0);
    /// Ethernet, with or without VLAN tags.
    pub const ETHERNET: Self = Self(1);
    /// IP packets of either version, with nothing before them.
    pub const RAW: Self = Self(101);
    /// The loopback of OpenBSD: an address family in the order of the network.
    pub const LOOP: Self = Self(108);
    /// What Linux gives for interfaces of any kind.
    pub const LINUX_SLL: Self = Self(113);
    /// For whatever one likes.
    pub const USER0: Self = Self(147);
    /// IPv4 packets.
    pub const IPV4: Self = Self(228);
    /// IPv6 packets.
    pub const IPV6: Self = Self(229);
    /// What Linux gives for interfaces of any kind, with the interface.
    pub const LINUX_SLL2: Self = Self(276);

    /// Wraps a number, known or not.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The upper half of the field says how long the frame check sequences are that packets end
    /// with. Source: draft-ietf-opsawg-pcap, §4.
    pub(super) fn from_file(link: DataLink) -> Self {
        let [low, high, ..] = u32::from(link).to_le_bytes();
        Self(u16::from_le_bytes([low, high]))
    }

    pub(super) fn for_file(self) -> DataLink {
        DataLink::from(u32::from(self.0))
    }

    /// Returns the IP packet behind the link layer.
    ///
    /// `None` if something else is there, or the link layer is none that is read here.
    #[must_use]
    pub fn packet(self, data: &[u8]) -> Option<&[u8]> {
        match self {
            Self::RAW | Self::IPV4 | Self::IPV6 => Some(data),
            Self::ETHERNET => behind_ethernet(data),
            Self::LINUX_SLL => behind(data, 14, 16),
            Self::LINUX_SLL2 => behind(data, 0, 20),
            Self::NULL | Self::LOOP => behind_loopback(data),
            _ => None,
        }
    }
}

fn behind_ethernet(data: &[u8]) -> Option<&[u8]> {
    let mut header_len = ETHERNET_HEADER_LEN;
    for _ in 0..=VLAN_TAGS_MAX {
        let ether_type = word(data, header_len - 2)?;
        if !matches!(ether_type, ETHER_TYPE_VLAN | ETHER_TYPE_SERVICE_VLAN) {
            return behind(data, header_len - 2, header_len);
        }
        header_len += VLAN_TAG_LEN;
    }
    None
}

/// Returns what stands at `start`, if the Ethernet type at `type_at` is one of IP.
fn behind(data: &[u8], type_at: usize, start: usize) -> Option<&[u8]> {
    match word(data, type_at)? {
        ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 => data.get(start..),
        _ => None,
    }
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    let word = data.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*word))
}

/// The family of IPv6 has another number on every system: 10, 24, 28 or 30.
fn behind_loopback(data: &[u8]) -> Option<&[u8]> {
    let (family, packet) = data.split_first_chunk::<4>()?;
    match (u32::from_le_bytes(*family), u32::from_be_bytes(*family)) {
        (2 | 10 | 24 | 28 | 30, _) | (_, 2 | 10 | 24 | 28 | 30) => Some(packet),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_found_behind_every_link_layer() {
        let ethernet = [&[0; 12][..], &[0x08, 0x00, 1, 2]].concat();
        let tagged = [
            &[0; 12][..],
            &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x86, 0xdd, 1, 2],
        ]
        .concat();
        let cooked = [&[0; 14][..], &[0x86, 0xdd, 1, 2]].concat();
        let newer = [&[0x08, 0x00][..], &[0; 18], &[1, 2]].concat();
        let cases: [(LinkType, &[u8]); 8] = [
            (LinkType::ETHERNET, &ethernet),
            (LinkType::ETHERNET, &tagged),
            (LinkType::LINUX_SLL, &cooked),
            (LinkType::LINUX_SLL2, &newer),
            (LinkType::NULL, &[2, 0, 0, 0, 1, 2]),
            (LinkType::LOOP, &[0, 0, 0, 24, 1, 2]),
            (LinkType::RAW, &[1, 2]),
            (LinkType::IPV6, &[1, 2]),
        ];
        for (link, data) in cases {
            assert_eq!(link.packet(data), Some(&[1, 2][..]), "{link:?}");
        }
    }

    #[test]
    fn what_is_no_ip_packet_is_none() {
        let arp = [&[0; 12][..], &[0x08, 0x06, 1, 2]].concat();
        assert_eq!(LinkType::ETHERNET.packet(&arp), None);
        assert_eq!(LinkType::ETHERNET.packet(&[0; 13]), None);
        assert_eq!(LinkType::NULL.packet(&[7, 0, 0, 0, 1]), None);
        assert_eq!(LinkType::USER0.packet(&[0x45]), None);
    }

    #[test]
    fn tags_without_end_are_given_up() {
        let tags = [0x81, 0].repeat(100);
        assert_eq!(LinkType::ETHERNET.packet(&tags), None);
    }
}
