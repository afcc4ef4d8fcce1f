//! Generic routing encapsulation: a packet of any protocol inside of another.

use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::registry::{UnknownName, is_same_name};
use crate::{IpPacket, Lenient, checksum};

/// The length of a GRE header without its optional parts, in bytes.
pub const GRE_HEADER_LEN: usize = 4;

pub(crate) const CHECKSUM: u16 = 0x8000;
/// The routing bit of RFC 1701, which RFC 2784 tells receivers to refuse.
const ROUTING: u16 = 0x4000;
pub(crate) const KEY: u16 = 0x2000;
pub(crate) const SEQUENCE: u16 = 0x1000;
/// Bits of RFC 1701 that RFC 2784 §2.3 tells receivers to refuse.
const REFUSED: u16 = 0x4c00;
const VERSION: u16 = 0x0007;

/// What a GRE packet carries: a number as Ethernet has it.
///
/// Source: IANA ieee-802-numbers registry, as of January 2025.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// Ethernet frames, as NVGRE and others carry them.
    pub const TRANSPARENT_ETHERNET: Self = Self(0x6558);
    /// IPv6.
    pub const IPV6: Self = Self(0x86dd);
    /// The point-to-point protocol.
    pub const PPP: Self = Self(0x880b);
    /// MPLS.
    pub const MPLS: Self = Self(0x8847);
    /// Mirrored frames, ERSPAN type II.
    pub const ERSPAN: Self = Self(0x88be);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::IPV4, "IPv4"),
        (Self::TRANSPARENT_ETHERNET, "TEB"),
        (Self::IPV6, "IPv6"),
        (Self::PPP, "PPP"),
        (Self::MPLS, "MPLS"),
        (Self::ERSPAN, "ERSPAN"),
    ];

    /// Returns the name, `None` for a number this crate has no name for.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let known = Self::NAMES.iter().find(|(number, _)| *number == self);
        known.map(|(_, name)| *name)
    }
}

impl core::fmt::Display for EtherType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

impl core::str::FromStr for EtherType {
    type Err = UnknownName;

    /// Reads a name in any case, or a number of 16 bits: decimal, or hexadecimal behind `0x`.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = Self::NAMES
            .iter()
            .find(|(_, name)| is_same_name(text, Some(*name)));
        if let Some((number, _)) = known {
            return Ok(*number);
        }
        let unknown = UnknownName { most: u16::MAX };
        let (digits, radix) = match text.strip_prefix("0x") {
            Some(digits) => (digits, 16),
            None => (text, 10),
        };
        if digits.starts_with('+') {
            return Err(unknown);
        }
        let number = u16::from_str_radix(digits, radix);
        number.map(Self).map_err(|_| unknown)
    }
}

/// A GRE packet whose header is all there.
///
/// Source: RFC 2784 §2, RFC 2890 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrePacket<'a> {
    bytes: &'a [u8],
    header: &'a [u8; GRE_HEADER_LEN],
    header_len: usize,
}

impl<'a> GrePacket<'a> {
    /// Reads the packet that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off, the version is not 0, or a bit of RFC 1701 is set
    /// that receivers shall refuse: routing, strict source route, the first of recursion control.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let packet = Self::split(bytes)?;
        packet.check()?;
        Ok(packet)
    }

    /// Reads what there is of a packet: see [`Lenient`].
    ///
    /// A routing part stays raw: the payload starts with it. Behind a header that is cut off there
    /// is no payload.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 4 bytes.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let packet = Self::split(bytes)?;
        Ok(match packet.check() {
            Ok(()) => Lenient::whole(packet),
            Err(error) => Lenient::stopped(packet, error),
        })
    }

    fn split(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<GRE_HEADER_LEN>() else {
            return Err(short_header(Layer::Gre, GRE_HEADER_LEN, bytes.len()));
        };
        let flags = u16::from_be_bytes([header[0], header[1]]);
        Ok(Self {
            bytes,
            header,
            header_len: header_len(flags),
        })
    }

    fn check(&self) -> Result<(), ParseError> {
        let invalid = |field, found: u16| ParseError::Invalid {
            layer: Layer::Gre,
            field,
            offset: 0,
            found: usize::from(found),
            expected: Expected::Exactly(0),
        };
        if self.flags() & VERSION != 0 {
            return Err(invalid(Field::Version, self.flags() & VERSION));
        }
        if self.flags() & REFUSED != 0 {
            return Err(invalid(Field::Flags, self.flags() & REFUSED));
        }
        if self.bytes.len() < self.header_len {
            let available = self.bytes.len();
            return Err(short_header(Layer::Gre, self.header_len, available));
        }
        Ok(())
    }

    /// Returns the whole packet.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the length of the header with its optional parts, in bytes.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// Returns the first 16 bits: what parts there are, reserved bits and version.
    #[must_use]
    pub const fn flags(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Says whether the packet has a routing part, as RFC 1701 has it.
    #[must_use]
    pub const fn has_routing(&self) -> bool {
        self.flags() & ROUTING != 0
    }

    /// Returns the protocol of the payload.
    #[must_use]
    pub const fn protocol(&self) -> EtherType {
        EtherType(u16::from_be_bytes([self.header[2], self.header[3]]))
    }

    /// Returns the checksum, if there is one.
    #[must_use]
    pub fn checksum(&self) -> Option<u16> {
        let [high, low, _, _] = self.part(CHECKSUM)?;
        Some(u16::from_be_bytes([high, low]))
    }

    /// Says whether the checksum is right; where there is none, it is.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        self.checksum().is_none() || checksum::checksum(self.bytes) == 0
    }

    /// Returns the key, which tells flows apart, if there is one.
    #[must_use]
    pub fn key(&self) -> Option<u32> {
        self.part(KEY).map(u32::from_be_bytes)
    }

    /// Returns the sequence number, if there is one.
    #[must_use]
    pub fn sequence(&self) -> Option<u32> {
        self.part(SEQUENCE).map(u32::from_be_bytes)
    }

    /// Returns the part whose bit is `flag`, if there is one.
    fn part(&self, flag: u16) -> Option<[u8; 4]> {
        if self.flags() & flag == 0 {
            return None;
        }
        // The parts stand in the order of their bits.
        let at = header_len(self.flags() & !(flag | (flag - 1)));
        self.bytes.get(at..)?.first_chunk().copied()
    }

    /// Returns what is carried.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }

    /// Returns the IP packet that is carried, if one is.
    ///
    /// # Errors
    /// As [`IpPacket::parse`], where the protocol says that it is one.
    pub fn ip_packet(&self) -> Result<Option<IpPacket<'a>>, ParseError> {
        match self.protocol() {
            EtherType::IPV4 | EtherType::IPV6 => IpPacket::parse(self.payload()).map(Some),
            _ => Ok(None),
        }
    }
}

/// Returns the length of a header whose parts are those of `flags`, in bytes.
///
/// The checksum shares its word with the offset of a routing part.
pub(crate) const fn header_len(flags: u16) -> usize {
    let first = (flags & (CHECKSUM | ROUTING) != 0) as usize;
    let others = (flags & (KEY | SEQUENCE)).count_ones() as usize;
    GRE_HEADER_LEN + (first + others) * 4
}
