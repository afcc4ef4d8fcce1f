//! ChaCha20-Poly1305 in Rust.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};

use super::LENGTH_LIMIT;
use crate::batch::{Nonce, OpenError, TAG_LEN};

/// A ChaCha20-Poly1305 key.
#[derive(zeroize::ZeroizeOnDrop)]
pub(crate) struct SingleKey(ChaCha20Poly1305);

impl SingleKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts `text` in place and writes the tag over it and `aad` to `tag`.
    #[inline]
    pub(crate) fn seal(&self, nonce: &Nonce, aad: &[u8], text: &mut [u8], tag: &mut [u8; TAG_LEN]) {
        let sealed = self
            .0
            .encrypt_inout_detached(nonce.into(), aad, text.into());
        *tag = sealed.expect(LENGTH_LIMIT).into();
    }

    /// Checks `tag` over `text` and `aad`, then decrypts `text` in place.
    #[inline]
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.0
            .decrypt_inout_detached(nonce.into(), aad, text.into(), tag.into())
            .map_err(|_| OpenError::WrongTag)
    }
}
