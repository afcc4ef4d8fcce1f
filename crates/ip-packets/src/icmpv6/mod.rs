//! A validated view of an ICMPv6 message.

mod codes;
mod kind;
mod mld;
mod ndp;

use crate::checksum::PseudoHeader;
use crate::error::{Layer, ParseError, short_header};
use crate::icmp::{extensions_behind, message_accessors};
use crate::{IcmpExtensions, Lenient, Protocol, QuotedPacket};

pub use codes::{
    Icmpv6NodeQueryCode, Icmpv6NodeResponseCode, Icmpv6ParameterCode, Icmpv6RenumberingCode,
    Icmpv6Type, Icmpv6Unreachable,
};
pub use kind::Icmpv6Kind;
pub use mld::MldQuery;
pub use ndp::{
    DomainName, DomainNameLabels, NdpOption, NdpOptionKind, NdpOptions, NdpRedirect,
    NeighborAdvertisement, NeighborFlags, NeighborSolicitation, Pref64, PrefixFlags,
    PrefixInformation, RouteInformation, RouterAdvertisement, RouterFlags, RouterPreference,
};

/// An ICMPv6 message whose header is all there.
///
/// Source: RFC 4443 §2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icmpv6Message<'a> {
    bytes: &'a [u8],
    header: &'a [u8; HEADER_LEN],
    body: &'a [u8],
}

/// The length of type, code and checksum: all that every message has.
const HEADER_LEN: usize = 4;
/// The length of the word that follows it in most messages.
const WORD_LEN: usize = 4;

impl<'a> Icmpv6Message<'a> {
    /// Reads the message that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 4 bytes, or less than the type always has; if an
    /// option of neighbor discovery has no length or is cut off, if there are fewer sources or
    /// records of multicast listeners than the message counts, and if the structure of an extended
    /// echo request is malformed.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let message = Self::split(bytes)?;
        kind::check(message.message_type(), message.body)?;
        Ok(message)
    }

    /// Reads what there is of a message: see [`Lenient`].
    ///
    /// What is too short for its type, or has bytes behind what its type has, is
    /// [`Icmpv6Kind::Other`], as is a query for listeners whose sources are cut off; options and
    /// records are there up to the first that cannot be read.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 4 bytes.
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
            None => Err(short_header(Layer::Icmpv6, HEADER_LEN, bytes.len())),
        }
    }

    message_accessors!(Icmpv6Type);

    /// Says whether the checksum is right.
    #[must_use]
    #[inline]
    pub fn checksum_is_valid(&self, pseudo_header: &PseudoHeader) -> bool {
        pseudo_header.verify(Protocol::ICMPV6, self.bytes)
    }

    /// Returns the four bytes after the checksum, whose meaning depends on the type; `None` if
    /// the message ends before.
    #[must_use]
    #[inline]
    pub fn word(&self) -> Option<[u8; 4]> {
        self.body.first_chunk().copied()
    }

    /// Returns what the message says.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Icmpv6Kind<'a> {
        Icmpv6Kind::read(self.message_type(), self.code(), self.body)
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
        let Some((word, rest)) = self.body.split_first_chunk::<WORD_LEN>() else {
            return Ok(None);
        };
        let found = match self.message_type() {
            Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => {
                extensions_behind(rest, kind::quote_len(self.message_type(), *word))
            }
            Icmpv6Type::EXTENDED_ECHO_REQUEST if !rest.is_empty() => {
                IcmpExtensions::parse(rest).map(Some)
            }
            _ => Ok(None),
        };
        found.map_err(|error| error.shifted(HEADER_LEN + WORD_LEN))
    }
}
