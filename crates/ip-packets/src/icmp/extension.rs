//! The extension structure behind the quote of an ICMP error, and the objects it is made of.

use core::net::IpAddr;

use super::interface::{InterfaceInformation, address_octets_len, address_of, trimmed};
use crate::checksum;
use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::registry::registry;
use crate::sequence::{Element, Sequence, cut, too_short};
use crate::{BuildError, Lenient};

/// The length of the header of an extension structure, in bytes.
pub(crate) const EXTENSION_HEADER_LEN: usize = 4;
/// The length of the header of an object, in bytes.
const OBJECT_HEADER_LEN: usize = 4;
/// The version of extension structures.
pub(crate) const VERSION: u8 = 2;

registry! {
    /// The class of an object in an ICMP extension.
    ///
    /// Source: IANA icmp-parameters registry, as of January 2025.
    pub struct IcmpObjectClass {
        /// The label stack of MPLS, RFC 4950.
        MPLS_LABEL_STACK = 1, "MPLS label stack" | "mpls";
        /// What interface and next hop the packet met, RFC 5837.
        INTERFACE_INFORMATION = 2, "interface information" | "interface";
        /// What interface is asked about, RFC 8335.
        INTERFACE_IDENTIFICATION = 3, "interface identification" | "interface-id";
        /// More about the error, RFC 8883.
        EXTENDED_INFORMATION = 4, "extended information" | "extended";
    }
}

/// The extension structure of a message: a header with a checksum of its own, and objects.
///
/// Source: RFC 4884 §7.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IcmpExtensions<'a> {
    bytes: &'a [u8],
    objects: Sequence<'a, IcmpObject<'a>>,
}

/// One object of an extension structure.
///
/// What is not as long as its class and kind require is [`Unknown`](Self::Unknown).
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpObject<'a> {
    /// The labels that the packet came with, the outermost first. RFC 4950.
    MplsLabels(Sequence<'a, MplsLabel>),
    /// An interface that the packet met. RFC 5837.
    Interface(InterfaceInformation<'a>),
    /// The name of the interface asked about. RFC 8335 §2.1.
    InterfaceName(&'a [u8]),
    /// The index of the interface asked about. RFC 8335 §2.1.
    InterfaceIndex(u32),
    /// An address of the interface asked about. RFC 8335 §2.1.
    InterfaceAddress(IpAddr),
    /// Any other object.
    Unknown {
        /// Its class.
        class: IcmpObjectClass,
        /// Its kind within the class.
        kind: u8,
        /// What follows the object's header.
        data: &'a [u8],
    },
}

/// One entry of a label stack.
///
/// Source: RFC 3032 §2.1, RFC 5462.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct MplsLabel {
    /// The label; the low 20 bits count.
    pub label: u32,
    /// The traffic class; the low three bits count.
    pub traffic_class: u8,
    /// Says that no entry follows.
    pub bottom: bool,
    /// How many hops are left.
    pub ttl: u8,
}

impl<'a> IcmpExtensions<'a> {
    /// Reads the extension structure that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off, the version is not 2, or an object says that it is
    /// shorter than its header or longer than what is there. Offsets count from the first of `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, objects)) = bytes.split_first_chunk::<EXTENSION_HEADER_LEN>() else {
            let available = bytes.len();
            return Err(short_header(
                Layer::IcmpExtension,
                EXTENSION_HEADER_LEN,
                available,
            ));
        };
        if header[0] >> 4 != VERSION {
            return Err(ParseError::Invalid {
                layer: Layer::IcmpExtension,
                field: Field::Version,
                offset: 0,
                found: usize::from(header[0] >> 4),
                expected: Expected::Exactly(usize::from(VERSION)),
            });
        }
        let objects = Sequence::from_bytes(objects);
        match objects.stopped() {
            Some(error) => Err(error.shifted(EXTENSION_HEADER_LEN)),
            None => Ok(Self { bytes, objects }),
        }
    }

    /// Reads what there is of a structure: see [`Lenient`].
    ///
    /// The version is not looked at; objects are there up to the first that cannot be read.
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let error = match Self::parse(bytes) {
            Ok(extensions) => return Ok(Lenient::whole(extensions)),
            Err(error) => error,
        };
        let Some(objects) = bytes.get(EXTENSION_HEADER_LEN..) else {
            return Err(error);
        };
        let objects = Sequence::from_bytes(objects);
        Ok(Lenient::stopped(Self { bytes, objects }, error))
    }

    /// Returns the whole structure.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the checksum as it stands in the header; 0 says that there is none.
    #[must_use]
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    /// Says whether the checksum is right; the absent one is.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        self.checksum() == 0 || checksum::checksum(self.bytes) == 0
    }

    /// Returns the objects in order.
    #[must_use]
    pub const fn objects(&self) -> Sequence<'a, IcmpObject<'a>> {
        self.objects
    }
}

/// Returns the length of a structure of `objects`, in bytes; that of nothing is nothing.
pub(crate) fn structure_len(objects: &Sequence<'_, IcmpObject<'_>>) -> usize {
    match objects.encoded_len() {
        0 => 0,
        len => EXTENSION_HEADER_LEN + len,
    }
}

/// Writes a structure of `objects` to a buffer of exactly its length.
pub(crate) fn write_structure(objects: &Sequence<'_, IcmpObject<'_>>, room: &mut [u8]) {
    let Some((header, rest)) = room.split_first_chunk_mut::<EXTENSION_HEADER_LEN>() else {
        return;
    };
    *header = [VERSION << 4, 0, 0, 0];
    objects.write(rest);
    seal_structure(room);
}

/// Writes the checksum of a structure, in which that field is zero.
pub(crate) fn seal_structure(room: &mut [u8]) {
    // Zero would say that there is none. RFC 4884 §7.
    let sum = match checksum::checksum(room) {
        0 => 0xffff,
        sum => sum,
    };
    room[2..4].copy_from_slice(&sum.to_be_bytes());
}

impl<'a> IcmpObject<'a> {
    /// Returns the class.
    #[must_use]
    pub const fn class(&self) -> IcmpObjectClass {
        match self {
            Self::MplsLabels(_) => IcmpObjectClass::MPLS_LABEL_STACK,
            Self::Interface(_) => IcmpObjectClass::INTERFACE_INFORMATION,
            Self::InterfaceName(_) | Self::InterfaceIndex(_) | Self::InterfaceAddress(_) => {
                IcmpObjectClass::INTERFACE_IDENTIFICATION
            }
            Self::Unknown { class, .. } => *class,
        }
    }

    /// Returns the kind within the class.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::MplsLabels(_) | Self::InterfaceName(_) => 1,
            Self::Interface(information) => information.kind(),
            Self::InterfaceIndex(_) => 2,
            Self::InterfaceAddress(_) => 3,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Reads an object that writes back as long as it is.
    fn known(class: IcmpObjectClass, kind: u8, data: &'a [u8]) -> Option<Self> {
        Self::typed(class, kind, data).filter(|object| object.data_len() == data.len())
    }

    fn typed(class: IcmpObjectClass, kind: u8, data: &'a [u8]) -> Option<Self> {
        match (class, kind) {
            (IcmpObjectClass::MPLS_LABEL_STACK, 1) if data.len().is_multiple_of(4) => {
                Some(Self::MplsLabels(Sequence::from_bytes(data)))
            }
            (IcmpObjectClass::INTERFACE_INFORMATION, kind) => {
                InterfaceInformation::read(kind, data).map(Self::Interface)
            }
            (IcmpObjectClass::INTERFACE_IDENTIFICATION, 1) => {
                Some(Self::InterfaceName(trimmed(data)))
            }
            (IcmpObjectClass::INTERFACE_IDENTIFICATION, 2) => {
                let index = data.try_into().ok()?;
                Some(Self::InterfaceIndex(u32::from_be_bytes(index)))
            }
            (IcmpObjectClass::INTERFACE_IDENTIFICATION, 3) => {
                let ([afi_high, afi_low, len, _], octets) = data.split_first_chunk::<4>()?;
                let afi = u16::from_be_bytes([*afi_high, *afi_low]);
                let octets = octets.get(..usize::from(*len))?;
                let (address, read_len) = address_of(afi, octets)?;
                (read_len == octets.len()).then_some(Self::InterfaceAddress(address))
            }
            _ => None,
        }
    }

    fn data_len(&self) -> usize {
        match self {
            Self::MplsLabels(labels) => labels.encoded_len(),
            Self::Interface(information) => information.encoded_len(),
            Self::InterfaceName(name) => name.len().next_multiple_of(4),
            Self::InterfaceIndex(_) => 4,
            Self::InterfaceAddress(address) => 4 + address_octets_len(*address),
            Self::Unknown { data, .. } => data.len(),
        }
    }

    fn write_data(&self, room: &mut [u8]) {
        match self {
            Self::MplsLabels(labels) => labels.write(room),
            Self::Interface(information) => information.write(room),
            Self::InterfaceName(name) => room[..name.len()].copy_from_slice(name),
            Self::InterfaceIndex(index) => room.copy_from_slice(&index.to_be_bytes()),
            Self::InterfaceAddress(IpAddr::V4(address)) => {
                room[..4].copy_from_slice(&[0, 1, 4, 0]);
                room[4..].copy_from_slice(&address.octets());
            }
            Self::InterfaceAddress(IpAddr::V6(address)) => {
                room[..4].copy_from_slice(&[0, 2, 16, 0]);
                room[4..].copy_from_slice(&address.octets());
            }
            Self::Unknown { data, .. } => room.copy_from_slice(data),
        }
    }
}

impl<'a> Element<'a> for IcmpObject<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), ParseError> {
        let (layer, field) = (Layer::IcmpExtension, Field::ExtensionObject);
        let Some([a, b, class, kind]) = bytes.first_chunk::<OBJECT_HEADER_LEN>() else {
            return Err(cut(layer, field, OBJECT_HEADER_LEN, bytes.len()));
        };
        let len = usize::from(u16::from_be_bytes([*a, *b]));
        if len < OBJECT_HEADER_LEN {
            return Err(too_short(layer, field, len, OBJECT_HEADER_LEN));
        }
        let Some(data) = bytes.get(OBJECT_HEADER_LEN..len) else {
            return Err(cut(layer, field, len, bytes.len()));
        };
        let (class, kind) = (IcmpObjectClass::new(*class), *kind);
        let unknown = Self::Unknown { class, kind, data };
        Ok((Self::known(class, kind, data).unwrap_or(unknown), len))
    }

    fn encoded_len(&self) -> usize {
        OBJECT_HEADER_LEN + self.data_len()
    }

    fn check(&self) -> Result<(), BuildError> {
        if let Self::Interface(information) = self {
            information.check()?;
        }
        BuildError::check_len(
            Layer::IcmpExtension,
            self.encoded_len(),
            usize::from(u16::MAX),
        )
    }

    fn write(&self, room: &mut [u8]) {
        let [low, high, ..] = room.len().to_le_bytes();
        let Some((header, data)) = room.split_first_chunk_mut::<OBJECT_HEADER_LEN>() else {
            return;
        };
        *header = [high, low, self.class().number(), self.kind()];
        self.write_data(data);
    }
}

impl Element<'_> for MplsLabel {
    fn read(bytes: &[u8]) -> Result<(Self, usize), ParseError> {
        let Some(word) = bytes.first_chunk::<4>() else {
            return Err(cut(
                Layer::IcmpExtension,
                Field::ExtensionObject,
                4,
                bytes.len(),
            ));
        };
        let label = Self {
            label: u32::from_be_bytes(*word) >> 12,
            traffic_class: word[2] >> 1 & 0b111,
            bottom: word[2] & 1 == 1,
            ttl: word[3],
        };
        Ok((label, 4))
    }

    fn encoded_len(&self) -> usize {
        4
    }

    fn write(&self, room: &mut [u8]) {
        let word = self.label << 12
            | u32::from(self.traffic_class & 0b111) << 9
            | u32::from(self.bottom) << 8
            | u32::from(self.ttl);
        room.copy_from_slice(&word.to_be_bytes());
    }
}
