//! The two static keys of a handshake with all that is computed from them once.

use core::fmt;

use zeroize::ZeroizeOnDrop;

use crate::curve25519::Scalar;
use crate::handshake::initial_hash;
use crate::keys::{PrivateKey, PublicKey};
use crate::macs::{cookie_key, mac1_key};
use crate::secret::Secret;

/// Our own static key pair.
///
/// It carries what every handshake with us needs: the public key, the keys of mac1 and of cookie
/// replies, the initial handshake hash.
#[derive(Debug, ZeroizeOnDrop)]
pub struct LocalStatic {
    private_key: PrivateKey,
    scalar: Scalar,
    #[zeroize(skip)]
    derived: Derived,
}

impl LocalStatic {
    /// Computes the public key and what follows from it.
    #[must_use]
    pub fn new(private_key: PrivateKey) -> Self {
        let scalar = Scalar::new(&private_key);
        let derived = Derived::new(scalar.public_key());
        Self {
            private_key,
            scalar,
            derived,
        }
    }

    /// Returns our public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.derived.public_key
    }

    /// Returns our private key.
    #[must_use]
    pub const fn private_key(&self) -> &PrivateKey {
        &self.private_key
    }

    pub(crate) const fn scalar(&self) -> &Scalar {
        &self.scalar
    }

    pub(crate) const fn derived(&self) -> &Derived {
        &self.derived
    }
}

/// The static public key of a peer, as seen from one of our own.
///
/// It carries the Diffie-Hellman result of both static keys, so it is good only together with the
/// [`LocalStatic`] it was made with: a new private key asks for new ones.
#[derive(Debug, ZeroizeOnDrop)]
pub struct RemoteStatic {
    static_static: Secret,
    #[zeroize(skip)]
    derived: Derived,
}

impl RemoteStatic {
    /// Computes the Diffie-Hellman result of both static keys.
    ///
    /// # Errors
    /// [`LowOrderKey`] if that result is all zero: such a peer can have no secrets with anybody.
    ///
    /// Source: Linux `drivers/net/wireguard/noise.c:wg_noise_precompute_static_static`.
    pub fn new(local: &LocalStatic, public_key: PublicKey) -> Result<Self, LowOrderKey> {
        let static_static = local.scalar.diffie_hellman(&public_key)?;
        Ok(Self {
            static_static,
            derived: Derived::new(public_key),
        })
    }

    /// Returns the peer's public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.derived.public_key
    }

    pub(crate) const fn static_static(&self) -> &Secret {
        &self.static_static
    }

    pub(crate) const fn derived(&self) -> &Derived {
        &self.derived
    }
}

/// What follows from a public key alone. None of it is more secret than the key itself.
pub(crate) struct Derived {
    public_key: PublicKey,
    /// The key of mac1 in messages to the owner of the key.
    pub(crate) mac1_key: [u8; 32],
    /// The key of cookie replies from the owner of the key.
    pub(crate) cookie_key: [u8; 32],
    /// The handshake hash with which an initiation to the owner of the key starts.
    pub(crate) initial_hash: [u8; 32],
}

impl Derived {
    fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            mac1_key: mac1_key(&public_key),
            cookie_key: cookie_key(&public_key),
            initial_hash: initial_hash(&public_key),
        }
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.public_key, f)
    }
}

/// A public key with which every Diffie-Hellman result is all zero.
///
/// Source: WireGuard whitepaper §5.4; RFC 7748 §6.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("public key of low order: the shared secret would be all zero")]
pub struct LowOrderKey;
