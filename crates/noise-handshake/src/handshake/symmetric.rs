//! The chaining key and the handshake hash, and the steps that both sides take on them alike.
//!
//! Source: WireGuard whitepaper §5.4; The Noise Protocol Framework, revision 34, §5.2.

use wirecraft_wire_format::TAG_LEN;
use zeroize::ZeroizeOnDrop;

use crate::aead::{WrongTag, open_field, seal_field};
use crate::kdf::{hash, hash_into, kdf};
use crate::keys::{PresharedKey, PublicKey};
use crate::secret::Secret;

/// The name of the Noise protocol, whose hash is the first chaining key.
///
/// Source: WireGuard whitepaper §5.4 (`Construction`).
pub const CONSTRUCTION: [u8; 37] = *b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";

/// The prologue of the handshake.
///
/// Source: WireGuard whitepaper §5.4 (`Identifier`).
pub const IDENTIFIER: [u8; 34] = *b"WireGuard v1 zx2c4 Jason@zx2c4.com";

/// `HASH(CONSTRUCTION)`.
const INITIAL_CHAINING_KEY: [u8; 32] = [
    0x60, 0xe2, 0x6d, 0xae, 0xf3, 0x27, 0xef, 0xc0, 0x2e, 0xc3, 0x35, 0xe2, 0xa0, 0x25, 0xd2, 0xd0,
    0x16, 0xeb, 0x42, 0x06, 0xf8, 0x72, 0x77, 0xf5, 0x2d, 0x38, 0xd1, 0x98, 0x8b, 0x78, 0xcd, 0x36,
];

/// `HASH(HASH(CONSTRUCTION) || IDENTIFIER)`.
const INITIAL_HASH: [u8; 32] = [
    0x22, 0x11, 0xb3, 0x61, 0x08, 0x1a, 0xc5, 0x66, 0x69, 0x12, 0x43, 0xdb, 0x45, 0x8a, 0xd5, 0x32,
    0x2d, 0x9c, 0x6c, 0x66, 0x22, 0x93, 0xe8, 0xb7, 0x0e, 0xe1, 0x9c, 0x65, 0xba, 0x07, 0x9e, 0xf3,
];

/// The handshake hash with which an initiation to the owner of `responder` starts.
pub(crate) fn initial_hash(responder: &PublicKey) -> [u8; 32] {
    hash(&[&INITIAL_HASH, responder.as_bytes()])
}

/// The chaining key and the handshake hash. Wiped when dropped.
#[derive(Clone, Debug, ZeroizeOnDrop)]
pub(crate) struct SymmetricState {
    pub(super) chaining_key: Secret,
    pub(super) hash: Secret,
}

impl SymmetricState {
    /// Starts a handshake, `initial_hash` being that of the responder's key.
    pub(super) const fn new(initial_hash: &[u8; 32]) -> Self {
        Self {
            chaining_key: Secret::new(INITIAL_CHAINING_KEY),
            hash: Secret::new(*initial_hash),
        }
    }

    /// Token `e`: takes in an ephemeral public key.
    pub(super) fn mix_ephemeral(&mut self, ephemeral: &[u8; 32]) {
        kdf(&mut self.chaining_key, ephemeral, []);
        self.mix_hash(ephemeral);
    }

    /// A Diffie-Hellman token that no sealed field follows.
    pub(super) fn mix_shared(&mut self, shared: &Secret) {
        kdf(&mut self.chaining_key, shared.as_bytes(), []);
    }

    /// A Diffie-Hellman token and the key of the sealed field that follows.
    pub(super) fn mix_shared_into_key(&mut self, shared: &Secret) -> Secret {
        let mut key = Secret::empty();
        kdf(&mut self.chaining_key, shared.as_bytes(), [&mut key]);
        key
    }

    /// Token `psk` and the key of the sealed field that follows.
    pub(super) fn mix_psk_into_key(&mut self, psk: &PresharedKey) -> Secret {
        let mut mixed = Secret::empty();
        let mut key = Secret::empty();
        kdf(
            &mut self.chaining_key,
            psk.as_bytes(),
            [&mut mixed, &mut key],
        );
        self.mix_hash(mixed.as_bytes());
        key
    }

    /// Seals a field and takes the result into the hash.
    pub(super) fn seal<const LEN: usize, const SEALED_LEN: usize>(
        &mut self,
        key: &Secret,
        field: &[u8; LEN],
    ) -> [u8; SEALED_LEN] {
        const { assert!(SEALED_LEN == LEN + TAG_LEN) };
        let mut sealed = [0; SEALED_LEN];
        let (text, tag) = sealed
            .split_last_chunk_mut()
            .expect("SEALED_LEN includes the tag");
        text.copy_from_slice(field);
        seal_field(key.as_bytes(), self.hash.as_bytes(), text, tag);
        self.mix_hash(&sealed);
        sealed
    }

    /// Opens a sealed field and takes it into the hash. The state is unchanged if the tag is wrong.
    pub(super) fn open<const SEALED_LEN: usize, const LEN: usize>(
        &mut self,
        key: &Secret,
        sealed: &[u8; SEALED_LEN],
    ) -> Result<[u8; LEN], WrongTag> {
        const { assert!(SEALED_LEN == LEN + TAG_LEN) };
        let (text, tag) = sealed
            .split_last_chunk()
            .expect("SEALED_LEN includes the tag");
        let mut field = [0; LEN];
        field.copy_from_slice(text);
        open_field(key.as_bytes(), self.hash.as_bytes(), &mut field, tag)?;
        self.mix_hash(sealed);
        Ok(field)
    }

    /// Derives the transport keys, after which nothing of the handshake is left.
    ///
    /// Source: WireGuard whitepaper §5.4.5.
    pub(super) fn split(mut self) -> Directions {
        let mut to_initiator = Secret::empty();
        kdf(&mut self.chaining_key, &[], [&mut to_initiator]);
        Directions {
            to_responder: self.chaining_key.clone(),
            to_initiator,
        }
    }

    fn mix_hash(&mut self, data: &[u8]) {
        let previous = self.hash.clone();
        hash_into(&[previous.as_bytes(), data], self.hash.as_bytes_mut());
    }
}

/// The transport keys by direction.
pub(super) struct Directions {
    pub(super) to_responder: Secret,
    pub(super) to_initiator: Secret,
}

#[cfg(test)]
mod tests {
    use super::{CONSTRUCTION, IDENTIFIER, INITIAL_CHAINING_KEY, INITIAL_HASH};
    use crate::kdf::hash;

    #[test]
    fn initial_values_are_the_hashes_of_the_constants() {
        assert_eq!(hash(&[&CONSTRUCTION]), INITIAL_CHAINING_KEY);
        assert_eq!(hash(&[&hash(&[&CONSTRUCTION]), &IDENTIFIER]), INITIAL_HASH);
        assert_eq!(
            hex::encode(INITIAL_CHAINING_KEY),
            "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36"
        );
        assert_eq!(
            hex::encode(INITIAL_HASH),
            "2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3"
        );
    }
}
