//! The interface information object of ICMP extensions.

use core::net::IpAddr;

use crate::BuildError;
use crate::error::Layer;

/// The bits of the kind that say what is there. RFC 5837 §4.1.
const HAS_INDEX: u8 = 0x08;
const HAS_ADDRESS: u8 = 0x04;
const HAS_NAME: u8 = 0x02;
const HAS_MTU: u8 = 0x01;

/// The most bytes of a name, its length octet left out. RFC 5837 §4.3.
const MAX_NAME_LEN: usize = 63;

/// What part an interface had in the way of a packet.
///
/// Source: RFC 5837 §4.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u8)]
pub enum InterfaceRole {
    /// The packet arrived on it.
    #[default]
    Incoming = 0,
    /// It is the part of the incoming interface that the packet arrived on.
    SubInterface = 1,
    /// The packet would have left on it.
    Outgoing = 2,
    /// The address is that of the next hop.
    NextHop = 3,
}

impl InterfaceRole {
    /// Reads two bits.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            0 => Self::Incoming,
            1 => Self::SubInterface,
            2 => Self::Outgoing,
            _ => Self::NextHop,
        }
    }
}

/// What a router says of an interface that a packet met.
///
/// Source: RFC 5837 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct InterfaceInformation<'a> {
    /// What part it had.
    pub role: InterfaceRole,
    /// Its index in the router.
    pub index: Option<u32>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its name, in UTF-8: at most 63 bytes. A longer one is refused by all that builds a packet and
    /// says so; where it is written nevertheless, the first 63 bytes are.
    pub name: Option<&'a [u8]>,
    /// Its MTU, in bytes.
    pub mtu: Option<u32>,
}

impl<'a> InterfaceInformation<'a> {
    /// Reads the parts that `kind` says are there; `None` if one is cut off or malformed.
    pub(super) fn read(kind: u8, data: &'a [u8]) -> Option<Self> {
        let mut information = Self {
            role: InterfaceRole::from_bits(kind >> 6),
            ..Self::default()
        };
        let mut rest = data;
        if kind & HAS_INDEX != 0 {
            let (index, behind) = rest.split_first_chunk::<4>()?;
            (information.index, rest) = (Some(u32::from_be_bytes(*index)), behind);
        }
        if kind & HAS_ADDRESS != 0 {
            let ([a, b, _, _], octets) = rest.split_first_chunk::<4>()?;
            let (address, len) = address_of(u16::from_be_bytes([*a, *b]), octets)?;
            (information.address, rest) = (Some(address), octets.get(len..)?);
        }
        if kind & HAS_NAME != 0 {
            let len = usize::from(*rest.first()?);
            let name = rest.get(1..len).filter(|name| name.len() <= MAX_NAME_LEN)?;
            (information.name, rest) = (Some(trimmed(name)), rest.get(len..)?);
        }
        if kind & HAS_MTU != 0 {
            let (mtu, behind) = rest.split_first_chunk::<4>()?;
            (information.mtu, rest) = (Some(u32::from_be_bytes(*mtu)), behind);
        }
        rest.is_empty().then_some(information)
    }

    /// Returns the kind of the object: the role, and what is there.
    pub(super) const fn kind(&self) -> u8 {
        let index = if self.index.is_some() { HAS_INDEX } else { 0 };
        let address = if self.address.is_some() {
            HAS_ADDRESS
        } else {
            0
        };
        let name = if self.name.is_some() { HAS_NAME } else { 0 };
        let mtu = if self.mtu.is_some() { HAS_MTU } else { 0 };
        (self.role as u8) << 6 | index | address | name | mtu
    }

    pub(super) fn encoded_len(&self) -> usize {
        let address = self
            .address
            .map_or(0, |address| 4 + address_octets_len(address));
        let name = self.written_name().map_or(0, padded_name_len);
        let words = usize::from(self.index.is_some()) + usize::from(self.mtu.is_some());
        words * 4 + address + name
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        let name_len = self.name.map_or(0, <[u8]>::len);
        BuildError::check_len(Layer::IcmpExtension, name_len, MAX_NAME_LEN)
    }

    fn written_name(&self) -> Option<&'a [u8]> {
        self.name
            .map(|name| name.get(..MAX_NAME_LEN).unwrap_or(name))
    }

    /// Writes to a buffer of exactly the encoded length, all zero.
    pub(super) fn write(&self, room: &mut [u8]) {
        let mut at = 0;
        if let Some(index) = self.index {
            room[..4].copy_from_slice(&index.to_be_bytes());
            at = 4;
        }
        if let Some(address) = self.address {
            let len = 4 + address_octets_len(address);
            write_address(address, &mut room[at..at + len]);
            at += len;
        }
        if let Some(name) = self.written_name() {
            let len = padded_name_len(name);
            let [octet, ..] = len.to_le_bytes();
            room[at] = octet;
            room[at + 1..at + 1 + name.len()].copy_from_slice(name);
            at += len;
        }
        if let Some(mtu) = self.mtu {
            room[at..].copy_from_slice(&mtu.to_be_bytes());
        }
    }
}

fn write_address(address: IpAddr, room: &mut [u8]) {
    match address {
        IpAddr::V4(address) => {
            room[1] = 1;
            room[4..].copy_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            room[1] = 2;
            room[4..].copy_from_slice(&address.octets());
        }
    }
}

/// The length of a name with its length octet and padding.
const fn padded_name_len(name: &[u8]) -> usize {
    (name.len() + 1).next_multiple_of(4)
}

/// Reads an address of a family by its number, and returns it with its length.
pub(super) fn address_of(family: u16, octets: &[u8]) -> Option<(IpAddr, usize)> {
    match family {
        1 => octets.first_chunk::<4>().map(|it| (IpAddr::from(*it), 4)),
        2 => octets.first_chunk::<16>().map(|it| (IpAddr::from(*it), 16)),
        _ => None,
    }
}

/// Returns the length of an address, in bytes.
pub(super) const fn address_octets_len(address: IpAddr) -> usize {
    match address {
        IpAddr::V4(_) => 4,
        IpAddr::V6(_) => 16,
    }
}

/// Cuts the zeros off the end that pad a text.
pub(crate) fn trimmed(text: &[u8]) -> &[u8] {
    let len = text
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    &text[..len]
}
