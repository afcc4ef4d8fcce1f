//! What the control messages of IPv4 and IPv6 have in common.

mod codes;

pub use codes::{ExtendedEchoCode, TimeExceededCode};

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
}

/// Cuts RFC 4884 extensions off a quoted packet; `len` is the length by the message, 0 if it says none.
#[inline]
pub(crate) fn quoted_part(body: &[u8], len: usize) -> &[u8] {
    match body.get(..len) {
        Some(quoted) if len != 0 => quoted,
        _ => body,
    }
}
