//! ChaCha20-Poly1305 in Rust: for handshake messages and, without `aws-lc`, for transport data.
//!
//! Source: RFC 8439; draft-irtf-cfrg-xchacha (cookie replies).

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, XChaCha20Poly1305};
use wirecraft_wire_format::TAG_LEN;

/// Why sealing cannot fail: the only limit is on the length.
const LENGTH_LIMIT: &str = "ChaCha20-Poly1305 seals any message below 256 GiB";

/// A tag that does not belong to its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WrongTag;

/// A ChaCha20-Poly1305 key.
#[derive(zeroize::ZeroizeOnDrop)]
pub(crate) struct AeadKey(ChaCha20Poly1305);

impl AeadKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts `text` in place and writes the tag over it and `aad` to `tag`.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) {
        let sealed = self
            .0
            .encrypt_inout_detached(nonce.into(), aad, text.into());
        *tag = sealed.expect(LENGTH_LIMIT).into();
    }

    /// Checks `tag` over `text` and `aad`, then decrypts `text` in place.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), WrongTag> {
        self.0
            .decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into())
            .map_err(|_| WrongTag)
    }
}

/// Encrypts `text` in place with the 24-byte nonce of `XAEAD` and returns the tag.
pub(crate) fn seal_extended(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    text: &mut [u8],
) -> [u8; TAG_LEN] {
    XChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(nonce.into(), aad, text.into())
        .expect(LENGTH_LIMIT)
        .into()
}

/// Checks `tag` over `text` and `aad`, then decrypts `text` in place (`XAEAD`).
pub(crate) fn open_extended(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), WrongTag> {
    XChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into())
        .map_err(|_| WrongTag)
}
