//! ChaCha20-Poly1305 by AWS-LC.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use wirecraft_wire_format::TAG_LEN;
use zeroize::ZeroizeOnDrop;

use crate::aead::WrongTag;

/// A ChaCha20-Poly1305 key.
pub(crate) struct AeadKey(LessSafeKey);

impl AeadKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts `text` in place and writes the tag over it and `aad` to `tag`.
    #[inline]
    pub(crate) fn seal(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .seal_in_place_scatter(nonce, Aad::from(aad), text, &[], tag)
            .expect("ChaCha20-Poly1305 seals any message below 256 GiB");
    }

    /// Checks `tag` over `text` and `aad`, then decrypts `text` in place.
    #[inline]
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), WrongTag> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        match self
            .0
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, text)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(WrongTag),
        }
    }
}

// The key lies in memory of AWS-LC, which overwrites what it frees (`EVP_AEAD_CTX_free`,
// `OPENSSL_free`).
impl ZeroizeOnDrop for AeadKey {}
