//! Thirty-two bytes that nobody sees and that are gone when dropped.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A chaining key, a handshake hash, a Diffie-Hellman result or a key made of them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// A place to write a secret to.
    pub(crate) const fn empty() -> Self {
        Self([0; 32])
    }

    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn as_bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use zeroize::{Zeroize, ZeroizeOnDrop};

    use super::Secret;
    use crate::handshake::SymmetricState;

    const fn is_wiped<T: ZeroizeOnDrop>() {}

    /// What the public types are made of.
    const _: () = {
        is_wiped::<Secret>();
        is_wiped::<SymmetricState>();
        is_wiped::<wirecraft_batch_aead::Key>();
    };

    #[test]
    fn wiping_leaves_zeros() {
        let mut secret = Secret::new([7; 32]);
        secret.zeroize();
        assert_eq!(secret.as_bytes(), &[0; 32]);
    }
}
