//! Options of neighbor discovery that are about prefixes.

use core::net::Ipv6Addr;

use super::flags;

flags! {
    /// The flags of a prefix information option.
    ///
    /// Source: RFC 4861 §4.6.2, RFC 6275 §7.2, RFC 9762 §4.
    pub struct PrefixFlags {
        /// Addresses of the prefix are on the link.
        ON_LINK = 0x80;
        /// Hosts may make their own addresses of it.
        AUTONOMOUS = 0x40;
        /// The prefix is the whole address of the router.
        ROUTER_ADDRESS = 0x20;
        /// Hosts shall ask for a prefix of their own by DHCPv6.
        DELEGATION_PREFERRED = 0x10;
    }
}

/// A prefix of the link.
///
/// Source: RFC 4861 §4.6.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct PrefixInformation {
    /// The length of the prefix, in bits.
    pub prefix_len: u8,
    /// What it is for.
    pub flags: PrefixFlags,
    /// How long it is on the link, in seconds; `u32::MAX` is forever.
    pub valid_lifetime: u32,
    /// How long addresses made of it are preferred, in seconds; `u32::MAX` is forever.
    pub preferred_lifetime: u32,
    /// The prefix.
    pub prefix: Ipv6Addr,
}

impl PrefixInformation {
    pub(super) fn read(data: &[u8; 30]) -> Self {
        let [prefix_len, flags, a, b, c, d, e, f, g, h, ..] = *data;
        Self {
            prefix_len,
            flags: PrefixFlags::from_bits(flags),
            valid_lifetime: u32::from_be_bytes([a, b, c, d]),
            preferred_lifetime: u32::from_be_bytes([e, f, g, h]),
            prefix: address_of(&data[14..]),
        }
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        data[0] = self.prefix_len;
        data[1] = self.flags.bits();
        data[2..6].copy_from_slice(&self.valid_lifetime.to_be_bytes());
        data[6..10].copy_from_slice(&self.preferred_lifetime.to_be_bytes());
        data[14..30].copy_from_slice(&self.prefix.octets());
    }
}

/// How a router or route is preferred to others.
///
/// Source: RFC 4191 §2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u8)]
pub enum RouterPreference {
    /// Neither.
    #[default]
    Medium = 0b00,
    /// It is preferred.
    High = 0b01,
    /// Receivers must take it for medium in routers, and ignore routes with it.
    Reserved = 0b10,
    /// Others are preferred.
    Low = 0b11,
}

impl RouterPreference {
    /// Reads two bits.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0b00 => Self::Medium,
            0b01 => Self::High,
            0b10 => Self::Reserved,
            _ => Self::Low,
        }
    }
}

/// A route that a router has.
///
/// Source: RFC 4191 §2.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RouteInformation {
    /// The length of the prefix, in bits.
    pub prefix_len: u8,
    /// How the route is preferred to others.
    pub preference: RouterPreference,
    /// How long the route lasts, in seconds; `u32::MAX` is forever.
    pub lifetime: u32,
    /// The prefix.
    pub prefix: Ipv6Addr,
    /// How many bytes of the prefix the option has: 0, 8 or 16, to which others are rounded up.
    pub prefix_octets: u8,
}

impl RouteInformation {
    /// Returns the fewest bytes of a prefix that an option for `prefix_len` bits can have.
    #[must_use]
    pub const fn octets_for(prefix_len: u8) -> u8 {
        match prefix_len {
            0 => 0,
            1..=64 => 8,
            _ => 16,
        }
    }

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let ([prefix_len, flags, a, b, c, d], prefix) = data.split_first_chunk::<6>()?;
        Some(Self {
            prefix_octets: match prefix.len() {
                0 => 0,
                8 => 8,
                16 => 16,
                _ => return None,
            },
            prefix_len: *prefix_len,
            preference: RouterPreference::from_bits(flags >> 3),
            lifetime: u32::from_be_bytes([*a, *b, *c, *d]),
            prefix: address_of(prefix),
        })
    }

    pub(super) const fn data_len(&self) -> usize {
        match self.prefix_octets {
            0 => 6,
            1..=8 => 14,
            _ => 22,
        }
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        data[0] = self.prefix_len;
        data[1] = (self.preference as u8) << 3;
        data[2..6].copy_from_slice(&self.lifetime.to_be_bytes());
        let prefix = &mut data[6..];
        let octets = self.prefix.octets();
        for (to, from) in prefix.iter_mut().zip(octets) {
            *to = from;
        }
    }
}

/// The prefix under which IPv4 addresses are reached through NAT64.
///
/// Source: RFC 8781 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Pref64 {
    /// How long it lasts, in seconds; written in units of 8, the greatest is 65528.
    pub lifetime: u16,
    /// The code of the prefix length, three bits: see [`prefix_len`](Self::prefix_len).
    pub prefix_len_code: u8,
    /// The prefix, of which the first 96 bits are written.
    pub prefix: Ipv6Addr,
}

impl Pref64 {
    /// Returns the length of the prefix in bits, `None` for codes that are not assigned.
    #[must_use]
    pub const fn prefix_len(&self) -> Option<u8> {
        match self.prefix_len_code & 0b111 {
            0 => Some(96),
            1 => Some(64),
            2 => Some(56),
            3 => Some(48),
            4 => Some(40),
            5 => Some(32),
            _ => None,
        }
    }

    pub(super) fn read(data: &[u8; 14]) -> Self {
        let word = u16::from_be_bytes([data[0], data[1]]);
        let [_, code] = (word & 0b111).to_be_bytes();
        Self {
            lifetime: word & !0b111,
            prefix_len_code: code,
            prefix: address_of(&data[2..]),
        }
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        let word = self.lifetime & !0b111 | u16::from(self.prefix_len_code & 0b111);
        data[..2].copy_from_slice(&word.to_be_bytes());
        data[2..14].copy_from_slice(&self.prefix.octets()[..12]);
    }
}

/// Reads the start of an address; what is missing is zero.
fn address_of(start: &[u8]) -> Ipv6Addr {
    let mut octets = [0; 16];
    for (to, from) in octets.iter_mut().zip(start) {
        *to = *from;
    }
    Ipv6Addr::from(octets)
}
