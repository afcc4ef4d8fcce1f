//! Curve25519 by AWS-LC.

use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use zeroize::ZeroizeOnDrop;

use crate::secret::Secret;

/// A private key.
pub(super) struct Multiplier(PrivateKey);

impl Multiplier {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(PrivateKey::from_private_key(&X25519, key).expect("the key has 32 bytes"))
    }

    pub(super) fn public_key(&self) -> [u8; 32] {
        let public = self.0.compute_public_key();
        let public = public.expect("every private key has a public one");
        *public.as_ref().first_chunk().expect("it has 32 bytes")
    }

    /// The product with a public key, unless it is zero.
    pub(super) fn multiply(&self, public: &[u8; 32]) -> Option<Secret> {
        let public = UnparsedPublicKey::new(&X25519, public);
        agree(&self.0, public, (), |shared| {
            let mut secret = Secret::empty();
            secret.as_bytes_mut().copy_from_slice(shared);
            Ok(secret)
        })
        .ok()
    }
}

// The key lies in memory of AWS-LC, which overwrites what it frees (`EVP_PKEY_free`,
// `OPENSSL_free`).
impl ZeroizeOnDrop for Multiplier {}
