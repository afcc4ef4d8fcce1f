//! The AEADs of handshake messages and of cookie replies.
//!
//! Source: RFC 8439; draft-irtf-cfrg-xchacha (cookie replies).

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use wirecraft_batch_aead::{Key, Path};
use wirecraft_wire_format::TAG_LEN;

/// Every key of a handshake seals one message, so its nonce is zero.
const HANDSHAKE_NONCE: [u8; 12] = [0; 12];

/// A tag that does not belong to its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WrongTag;

/// Encrypts a field of a handshake message in place and writes the tag over it and `aad` to `tag`.
pub(crate) fn seal_field(key: &[u8; 32], aad: &[u8], text: &mut [u8], tag: &mut [u8; TAG_LEN]) {
    Key::with_path(key, Path::Single).seal(&HANDSHAKE_NONCE, aad, text, tag);
}

/// Checks `tag` over a field of a handshake message and `aad`, then decrypts the field in place.
pub(crate) fn open_field(
    key: &[u8; 32],
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), WrongTag> {
    Key::with_path(key, Path::Single)
        .open(&HANDSHAKE_NONCE, aad, text, tag)
        .map_err(|_| WrongTag)
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
        .expect("XChaCha20-Poly1305 seals any message below 256 GiB")
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
