//! ChaCha20-Poly1305 by AWS-LC.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use zeroize::ZeroizeOnDrop;

use super::LENGTH_LIMIT;
use crate::batch::{Nonce, OpenError, TAG_LEN};

/// A ChaCha20-Poly1305 key.
pub(crate) struct SingleKey(LessSafeKey);

impl SingleKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `text` in place and writes the tag over it and `aad` to `tag`.
    #[inline]
    pub(crate) fn seal(&self, nonce: &Nonce, aad: &[u8], text: &mut [u8], tag: &mut [u8; TAG_LEN]) {
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(*nonce);
        self.0
            .seal_in_place_scatter(nonce, Aad::from(aad), text, &[], tag)
            .expect(LENGTH_LIMIT);
    }

    /// Checks `tag` over `text` and `aad`, and decrypts `text` in place.
    #[inline]
    pub(crate) fn open(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(*nonce);
        match self
            .0
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, text)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(OpenError::WrongTag),
        }
    }
}

// The key lies in memory of AWS-LC, which overwrites what it frees (`EVP_AEAD_CTX_free`,
// `OPENSSL_free`).
impl ZeroizeOnDrop for SingleKey {}
