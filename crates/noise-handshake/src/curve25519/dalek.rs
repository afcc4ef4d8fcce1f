//! Curve25519 in Rust.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::ZeroizeOnDrop;

use crate::secret::Secret;

/// A private key.
#[derive(ZeroizeOnDrop)]
pub(super) struct Multiplier(StaticSecret);

impl Multiplier {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(StaticSecret::from(*key))
    }

    pub(super) fn public_key(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// The product with a public key, unless it is zero.
    pub(super) fn multiply(&self, public: &[u8; 32]) -> Option<Secret> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*public));
        shared
            .was_contributory()
            .then(|| Secret::new(shared.to_bytes()))
    }
}
