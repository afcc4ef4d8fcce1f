//! The cookie reply: how a responder under load asks for proof of address.

use zerocopy::little_endian::U32;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::number::Index;
use crate::type_word::{CookieReplyType, RESERVED, Reserved};

/// The length of a cookie reply in bytes.
pub const COOKIE_REPLY_LEN: usize = 64;

/// A cookie reply message.
///
/// Source: WireGuard whitepaper §5.4.7.
#[derive(
    Clone, PartialEq, Eq, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct CookieReply {
    message_type: CookieReplyType,
    reserved: [Reserved; 3],
    receiver_index: U32,
    /// The nonce of the sealed cookie (XChaCha20-Poly1305).
    pub nonce: [u8; 24],
    /// The sealed cookie: 16 bytes and their tag.
    pub encrypted_cookie: [u8; 32],
}

const _: () = assert!(size_of::<CookieReply>() == COOKIE_REPLY_LEN);

impl CookieReply {
    /// Makes a cookie reply to the handshake message whose sender index was `receiver`.
    #[must_use]
    pub fn new(receiver: Index, nonce: [u8; 24], encrypted_cookie: [u8; 32]) -> Self {
        Self {
            message_type: CookieReplyType::Byte,
            reserved: RESERVED,
            receiver_index: U32::new(receiver.value()),
            nonce,
            encrypted_cookie,
        }
    }

    /// Returns the index that the receiver of this message gave to its handshake.
    #[must_use]
    pub fn receiver_index(&self) -> Index {
        Index::new(self.receiver_index.get())
    }

    /// Returns the message as it goes on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        IntoBytes::as_bytes(self)
    }
}
