//! A validated view of an ICMP message for IPv4.

mod codes;
mod kind;

use crate::error::{Layer, ParseError, short_header};
use crate::icmp::{extensions_behind, message_accessors};
use crate::{IcmpExtensions, Lenient, QuotedPacket, checksum};

pub use codes::{
    Icmpv4ParameterCode, Icmpv4PhoturisCode, Icmpv4RedirectCode, Icmpv4RouterCode, Icmpv4Type,
    Icmpv4Unreachable,
};
pub use kind::{AddressMask, Icmpv4Kind, RouterEntry, Timestamps};

/// The length of an ICMP header with its type-dependent word, in bytes.
pub const ICMP_HEADER_LEN: usize = 8;

/// An ICMP message whose header is all there.
///
/// Source: RFC 792.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icmpv4Message<'a> {
    bytes: &'a [u8],
    header: &'a [u8; ICMP_HEADER_LEN],
    body: &'a [u8],
}

impl<'a> Icmpv4Message<'a> {
    /// Reads the message that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes, or less than the type always has: the times
    /// of a timestamp, the mask of an address mask, the routers that an advertisement counts; or if
    /// the structure of an extended echo request is malformed.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let message = Self::split(bytes)?;
        kind::check(message.message_type(), message.word(), message.body)?;
        Ok(message)
    }

    /// Reads what there is of a message: see [`Lenient`].
    ///
    /// What is too short for its type, or has bytes behind what its type has, is
    /// [`Icmpv4Kind::Other`].
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let message = Self::split(bytes)?;
        Ok(match Self::parse(bytes) {
            Ok(message) => Lenient::whole(message),
            Err(error) => Lenient::stopped(message, error),
        })
    }

    #[inline]
    fn split(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.split_first_chunk() {
            Some((header, body)) => Ok(Self {
                bytes,
                header,
                body,
            }),
            None => Err(short_header(Layer::Icmpv4, ICMP_HEADER_LEN, bytes.len())),
        }
    }

    message_accessors!(Icmpv4Type);

    /// Says whether the checksum is right.
    #[must_use]
    #[inline]
    pub fn checksum_is_valid(&self) -> bool {
        checksum::checksum(self.bytes) == 0
    }

    /// Returns the four bytes after the checksum, whose meaning depends on the type.
    #[must_use]
    #[inline]
    pub const fn word(&self) -> [u8; 4] {
        let [_, _, _, _, word @ ..] = *self.header;
        word
    }

    /// Returns what the message says.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Icmpv4Kind<'a> {
        Icmpv4Kind::read(self.message_type(), self.code(), self.word(), self.body)
    }

    /// Returns the extensions behind the quote of an error, or those that an extended echo request
    /// consists of; `None` if there are none.
    ///
    /// Where the message does not say how long the quote is, what stands behind 128 bytes is taken
    /// for extensions if its checksum is right: senders older than RFC 4884 do so.
    ///
    /// # Errors
    /// [`ParseError`] if something is there and is no extension structure.
    ///
    /// Source: RFC 4884 §4, §5.5, RFC 8335 §2.
    pub fn extensions(&self) -> Result<Option<IcmpExtensions<'a>>, ParseError> {
        let found = match self.message_type() {
            Icmpv4Type::DESTINATION_UNREACHABLE
            | Icmpv4Type::TIME_EXCEEDED
            | Icmpv4Type::PARAMETER_PROBLEM => {
                extensions_behind(self.body, kind::quote_len(self.message_type(), self.word()))
            }
            Icmpv4Type::EXTENDED_ECHO_REQUEST if !self.body.is_empty() => {
                IcmpExtensions::parse(self.body).map(Some)
            }
            _ => Ok(None),
        };
        found.map_err(|error| error.shifted(ICMP_HEADER_LEN))
    }
}
