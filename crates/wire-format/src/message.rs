//! From the bytes of a datagram to one of the four messages.

use zerocopy::{Immutable, KnownLayout, TryFromBytes, Unaligned};

use crate::cookie_reply::CookieReply;
use crate::data::Data;
use crate::handshake::{Initiation, Response};
use crate::type_word::{CookieReplyType, DataType, InitiationType, ResponseType};

/// One of the four messages, read in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// The first message of a handshake.
    Initiation(&'a Initiation),
    /// The second message of a handshake.
    Response(&'a Response),
    /// The answer of a responder under load.
    CookieReply(&'a CookieReply),
    /// A sealed packet.
    Data(Data<'a>),
}

impl<'a> Message<'a> {
    /// Reads a datagram.
    ///
    /// The type is a little-endian word of 32 bits, so the reserved bytes must be zero. Handshake
    /// messages and cookie replies have one length each; transport data has a least length.
    ///
    /// # Errors
    /// [`ParseError::UnknownType`], [`ParseError::WrongLength`] or [`ParseError::TooShort`], in this
    /// order where several apply (except that a type takes four bytes to read).
    ///
    /// Source: WireGuard whitepaper §5.4; Linux `drivers/net/wireguard/receive.c:prepare_skb_header`.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let word = datagram.first_chunk().ok_or(ParseError::TooShort {
            len: datagram.len(),
        })?;
        match u32::from_le_bytes(*word) {
            InitiationType::WORD => exactly(datagram).map(Self::Initiation),
            ResponseType::WORD => exactly(datagram).map(Self::Response),
            CookieReplyType::WORD => exactly(datagram).map(Self::CookieReply),
            DataType::WORD => Data::split(datagram).map(Self::Data),
            message_type => Err(ParseError::UnknownType { message_type }),
        }
    }
}

/// Views a whole datagram as a `T`, whose type word the caller has read.
fn exactly<T>(datagram: &[u8]) -> Result<&T, ParseError>
where
    T: TryFromBytes + KnownLayout + Immutable + Unaligned,
{
    if datagram.len() != size_of::<T>() {
        return Err(ParseError::WrongLength {
            expected: size_of::<T>(),
            actual: datagram.len(),
        });
    }
    T::try_ref_from_bytes(datagram).map_err(|_| ParseError::unknown_type(datagram))
}

/// Why a datagram is no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The first four bytes are no type word, perhaps because a reserved bit is set.
    #[error("unknown message type {message_type:#010x}")]
    UnknownType {
        /// The first four bytes as a little-endian number.
        message_type: u32,
    },
    /// The length is not the one that messages of this type have.
    #[error("message of {actual} bytes where its type has {expected}")]
    WrongLength {
        /// The only right length in bytes.
        expected: usize,
        /// The length of the datagram in bytes.
        actual: usize,
    },
    /// The datagram ends before the type word, or transport data before its tag.
    #[error("message of {len} bytes is too short")]
    TooShort {
        /// The length of the datagram in bytes.
        len: usize,
    },
}

impl ParseError {
    /// The error for a datagram whose type word is not the expected one.
    pub(crate) fn unknown_type(datagram: &[u8]) -> Self {
        match datagram.first_chunk() {
            Some(word) => Self::UnknownType {
                message_type: u32::from_le_bytes(*word),
            },
            None => Self::TooShort {
                len: datagram.len(),
            },
        }
    }
}
