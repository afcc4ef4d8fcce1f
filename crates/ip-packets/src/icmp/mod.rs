//! What the control messages of IPv4 and IPv6 have in common.

pub(crate) mod codes;
mod extension;
mod interface;

use crate::Sequence;

pub use codes::{ExtendedEchoCode, NeighborState, TimeExceededCode};
pub use extension::{IcmpExtensions, IcmpObject, IcmpObjectClass, MplsLabel};
pub use interface::{InterfaceInformation, InterfaceRole};

#[cfg(feature = "text")]
pub(crate) use extension::{EXTENSION_HEADER_LEN, VERSION as EXTENSION_VERSION, seal_structure};
pub(crate) use extension::{structure_len, write_structure};
pub(crate) use interface::trimmed;

/// Defines what the views of messages of both versions have in common, in the module of each: they
/// keep `bytes`, and a `header` that starts with type, code and checksum.
macro_rules! message_accessors {
    ($type:ident) => {
        /// Returns the whole message.
        #[must_use]
        #[inline]
        pub const fn as_bytes(&self) -> &'a [u8] {
            self.bytes
        }

        /// Returns the type.
        #[must_use]
        #[inline]
        pub const fn message_type(&self) -> $type {
            $type::new(self.header[0])
        }

        /// Returns the code, whose meaning depends on the type.
        #[must_use]
        #[inline]
        pub const fn code(&self) -> u8 {
            self.header[1]
        }

        /// Returns the name of the code under the type, `None` where this crate has no name for it.
        #[must_use]
        pub const fn code_name(&self) -> Option<&'static str> {
            codes::code_name(self.message_type(), self.code())
        }

        /// Returns what type and code mean together, as a sentence; `None` for an unassigned pair.
        #[must_use]
        pub const fn meaning(&self) -> Option<&'static str> {
            codes::meaning(self.message_type(), self.code())
        }

        /// Returns the checksum as it stands in the header.
        #[must_use]
        #[inline]
        pub const fn checksum(&self) -> u16 {
            u16::from_be_bytes([self.header[2], self.header[3]])
        }

        /// Returns the packet that an error message quotes, as far as it can be read.
        #[must_use]
        pub fn quoted_packet(&self) -> Option<QuotedPacket<'a>> {
            QuotedPacket::parse(self.kind().quoted()?).ok()
        }
    };
}

pub(crate) use message_accessors;

/// The least length of a quote before extensions, in bytes. RFC 4884 §5.
pub(crate) const MIN_QUOTE_LEN: usize = 128;

/// An echo request or reply.
///
/// Source: RFC 792, RFC 4443 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Echo<'a> {
    /// Tells the runs of a pinging program apart.
    pub identifier: u16,
    /// Tells the requests of one run apart.
    pub sequence: u16,
    /// What the answer repeats.
    pub payload: &'a [u8],
}

impl<'a> Echo<'a> {
    /// Reads what follows type, code and checksum.
    #[inline]
    pub(crate) const fn new(word: [u8; 4], payload: &'a [u8]) -> Self {
        Self {
            identifier: u16::from_be_bytes([word[0], word[1]]),
            sequence: u16::from_be_bytes([word[2], word[3]]),
            payload,
        }
    }

    pub(crate) const fn word(&self) -> [u8; 4] {
        two_words(self.identifier, self.sequence)
    }
}

/// A question for the state of an interface, of the node itself or of a neighbor.
///
/// Source: RFC 8335 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedEchoRequest<'a> {
    /// Tells the runs of a probing program apart.
    pub identifier: u16,
    /// Tells the requests of one run apart.
    pub sequence: u8,
    /// Says that the interface is one of the node that is asked.
    pub local: bool,
    /// The interface, as one object of [`InterfaceName`](IcmpObject::InterfaceName) and its kin.
    pub objects: Sequence<'a, IcmpObject<'a>>,
}

impl<'a> ExtendedEchoRequest<'a> {
    /// Reads what follows the checksum; `None` if it would not write back with the same objects.
    pub(crate) fn new(word: [u8; 4], body: &'a [u8]) -> Option<Self> {
        let objects = match body {
            [] => Sequence::EMPTY,
            body => IcmpExtensions::parse(body).ok()?.objects(),
        };
        let request = Self {
            identifier: u16::from_be_bytes([word[0], word[1]]),
            sequence: word[2],
            local: word[3] & 1 == 1,
            objects,
        };
        (structure_len(&objects) == body.len()).then_some(request)
    }

    /// Says what is wrong with the structure that a request consists of; offsets count from its
    /// first byte.
    pub(crate) fn check(body: &[u8]) -> Result<(), crate::ParseError> {
        match body {
            [] => Ok(()),
            body => IcmpExtensions::parse(body).map(|_| ()),
        }
    }

    pub(crate) const fn word(&self) -> [u8; 4] {
        let [a, b] = self.identifier.to_be_bytes();
        [a, b, self.sequence, self.local as u8]
    }
}

/// The state of an interface.
///
/// Source: RFC 8335 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtendedEchoReply {
    /// How the request was answered.
    pub code: ExtendedEchoCode,
    /// The identifier of the request.
    pub identifier: u16,
    /// The sequence number of the request.
    pub sequence: u8,
    /// The state of the neighbor table entry, where the interface is a neighbor's; the low three
    /// bits are written.
    pub state: NeighborState,
    /// Says that the interface is active.
    pub active: bool,
    /// Says that IPv4 runs on the interface.
    pub ipv4: bool,
    /// Says that IPv6 runs on the interface.
    pub ipv6: bool,
}

impl ExtendedEchoReply {
    pub(crate) const fn new(code: u8, word: [u8; 4]) -> Self {
        Self {
            code: ExtendedEchoCode::new(code),
            identifier: u16::from_be_bytes([word[0], word[1]]),
            sequence: word[2],
            state: NeighborState::new(word[3] >> 5),
            active: word[3] & 0b100 != 0,
            ipv4: word[3] & 0b010 != 0,
            ipv6: word[3] & 0b001 != 0,
        }
    }

    pub(crate) const fn word(&self) -> [u8; 4] {
        let [a, b] = self.identifier.to_be_bytes();
        let flags = (self.active as u8) << 2 | (self.ipv4 as u8) << 1 | self.ipv6 as u8;
        [a, b, self.sequence, self.state.number() << 5 | flags]
    }
}

/// Makes the four bytes after the checksum of two numbers.
pub(crate) const fn two_words(first: u16, second: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (first.to_be_bytes(), second.to_be_bytes());
    [a, b, c, d]
}

/// Cuts RFC 4884 extensions off a quoted packet; `len` is the length by the message, 0 if it says none.
#[inline]
pub(crate) fn quoted_part(body: &[u8], len: usize) -> &[u8] {
    match body.get(..len) {
        Some(quoted) if len != 0 => quoted,
        _ => body,
    }
}

/// Finds the extension structure behind a quote; `len` is as for [`quoted_part`].
///
/// Senders older than RFC 4884 do not say the length: what stands behind 128 bytes is an extension
/// structure if it reads as one and has a checksum that is right. RFC 4884 §5.5.
pub(crate) fn extensions_behind(
    body: &[u8],
    len: usize,
) -> Result<Option<IcmpExtensions<'_>>, crate::ParseError> {
    if len != 0 {
        return match body.get(len..) {
            Some(rest) if !rest.is_empty() => {
                let extensions = IcmpExtensions::parse(rest);
                extensions.map(Some).map_err(|error| error.shifted(len))
            }
            _ => Ok(None),
        };
    }
    let old = body.get(MIN_QUOTE_LEN..).map(IcmpExtensions::parse);
    Ok(old
        .and_then(Result::ok)
        .filter(|old| old.checksum() != 0 && old.checksum_is_valid()))
}
