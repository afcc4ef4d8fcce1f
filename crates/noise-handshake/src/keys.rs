//! The three kinds of key a person configures, and their base64 form.

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64, Encoding};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::curve25519::Scalar;

/// The length of every key in bytes.
pub const KEY_LEN: usize = 32;

/// The length of the base64 form of a key: 43 digits and one `=`.
const TEXT_LEN: usize = 44;

/// A Curve25519 private key.
///
/// It is clamped when it is made, so its base64 form is the one that `wg` prints. It is wiped when
/// dropped, compared in constant time and never shown by [`Debug`](fmt::Debug).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; KEY_LEN]);

impl PrivateKey {
    /// Makes a key from 32 bytes, which it clamps.
    ///
    /// Source: RFC 7748 §5 (`decodeScalar25519`).
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; KEY_LEN]) -> Self {
        let [first, .., last] = &mut bytes;
        *first &= 0b1111_1000;
        *last = *last & 0b0111_1111 | 0b0100_0000;
        let key = Self(bytes);
        bytes.zeroize();
        key
    }

    /// Makes a new key.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self::from_bytes(*bytes)
    }

    /// Computes the public key, which takes one multiplication.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        Scalar::new(self).public_key()
    }

    /// Returns the clamped bytes. The caller answers for copies of them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// Returns the key as `wg` writes it. The text is wiped when dropped.
    #[must_use]
    pub fn to_base64(&self) -> KeyText {
        KeyText::encode(self.as_bytes())
    }
}

impl FromStr for PrivateKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self::from_bytes(*bytes))
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for PrivateKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A Curve25519 public key, compared and ordered by its bytes.
///
/// Any 32 bytes are one. Whether a peer can have it, [`RemoteStatic::new`] decides.
///
/// [`RemoteStatic::new`]: crate::RemoteStatic::new
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; KEY_LEN]);

impl PublicKey {
    /// Makes a key from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(KeyText::encode(&self.0).as_str())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A secret that two peers share beforehand; all zero where they share none.
///
/// It is wiped when dropped, compared in constant time and never shown by [`Debug`](fmt::Debug).
///
/// Source: WireGuard whitepaper §5.2.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; KEY_LEN]);

impl PresharedKey {
    /// No preshared key.
    pub const ZERO: Self = Self([0; KEY_LEN]);

    /// Makes a key from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Makes a new key.
    #[must_use]
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut key = Self::ZERO;
        rng.fill_bytes(&mut key.0);
        key
    }

    /// Returns the bytes. The caller answers for copies of them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// Returns the key as `wg` writes it. The text is wiped when dropped.
    #[must_use]
    pub fn to_base64(&self) -> KeyText {
        KeyText::encode(&self.0)
    }
}

impl Default for PresharedKey {
    fn default() -> Self {
        Self::ZERO
    }
}

impl FromStr for PresharedKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }
}

impl PartialEq for PresharedKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PresharedKey {}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresharedKey(..)")
    }
}

/// The base64 form of a key: 44 characters, wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyText([u8; TEXT_LEN]);

impl KeyText {
    fn encode(bytes: &[u8; KEY_LEN]) -> Self {
        let mut text = Self([0; TEXT_LEN]);
        Base64::encode(bytes, &mut text.0).expect("44 characters hold 32 bytes in base64");
        text
    }

    /// Returns the characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

/// Why a text is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text does not have the length of a key.
    #[error("a key has 44 characters, not {len}")]
    Length {
        /// The length of the text in bytes.
        len: usize,
    },
    /// The text is not the base64 form of 32 bytes.
    #[error("a key is 43 base64 digits and one `=`")]
    Encoding,
}

/// Reads 44 characters of base64 in constant time, as strictly as `wg` does.
fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    if text.len() != TEXT_LEN {
        return Err(KeyError::Length { len: text.len() });
    }
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    match Base64::decode(text, bytes.as_mut_slice()) {
        Ok(decoded) if decoded.len() == KEY_LEN => Ok(bytes),
        _ => Err(KeyError::Encoding),
    }
}
