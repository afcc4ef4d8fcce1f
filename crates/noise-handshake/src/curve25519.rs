//! Diffie-Hellman on Curve25519.
//!
//! Which implementation does the work is decided here and nowhere else: AWS-LC with the feature
//! `aws-lc`, at half the time, otherwise the one in Rust. Both take time that does not depend on the
//! keys.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(any(test, not(feature = "aws-lc")))]
mod dalek;

#[cfg(feature = "aws-lc")]
use aws_lc::Multiplier;
#[cfg(not(feature = "aws-lc"))]
use dalek::Multiplier;

use core::fmt;

use rand_core::CryptoRng;
use zeroize::ZeroizeOnDrop;

use crate::keys::{PrivateKey, PublicKey};
use crate::secret::Secret;
use crate::statics::LowOrderKey;

/// A private key in the form that multiplies. Wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Scalar(Multiplier);

impl Scalar {
    pub(crate) fn new(key: &PrivateKey) -> Self {
        Self(Multiplier::new(key.as_bytes()))
    }

    /// Makes the private key of an ephemeral pair.
    pub(crate) fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::new(&PrivateKey::generate(rng))
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.public_key())
    }

    /// `DH`: multiplies a public key by this one and refuses an all-zero result.
    ///
    /// Source: WireGuard whitepaper §5.4; RFC 7748 §6.1; Linux `drivers/net/wireguard/noise.c:mix_dh`.
    pub(crate) fn diffie_hellman(&self, public: &PublicKey) -> Result<Secret, LowOrderKey> {
        self.0.multiply(public.as_bytes()).ok_or(LowOrderKey)
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar(..)")
    }
}

#[cfg(all(test, feature = "aws-lc"))]
mod tests {
    use chacha20::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::{aws_lc, dalek};
    use crate::keys::PrivateKey;

    #[test]
    fn both_implementations_multiply_alike() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..100 {
            let key = PrivateKey::generate(&mut rng);
            let fast = aws_lc::Multiplier::new(key.as_bytes());
            let portable = dalek::Multiplier::new(key.as_bytes());
            assert_eq!(fast.public_key(), portable.public_key());

            let mut other = [0; 32];
            rng.fill_bytes(&mut other);
            let products = [fast.multiply(&other), portable.multiply(&other)]
                .map(|product| product.map(|secret| *secret.as_bytes()));
            assert_eq!(products[0], products[1]);
            assert!(products[0].is_some());
        }
    }
}
