//! Which peer a receiver index belongs to.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rand_core::CryptoRng;
use wirecraft_wire_format::Index;

use crate::peer_id::PeerId;

/// The indices of all handshakes and keypairs of a device.
///
/// Indices are drawn at random (whitepaper §5.4.2), so they are their own hash: what an attacker
/// sends is only looked up, never inserted.
#[derive(Default)]
pub(crate) struct IndexTable {
    owners: HashMap<u32, PeerId, BuildHasherDefault<IdentityHasher>>,
}

impl IndexTable {
    /// Draws an index that is not in use and gives it to `peer`.
    pub(crate) fn allocate(&mut self, peer: PeerId, entropy: &mut impl CryptoRng) -> Index {
        loop {
            let index = entropy.next_u32();
            if let std::collections::hash_map::Entry::Vacant(vacant) = self.owners.entry(index) {
                vacant.insert(peer);
                return Index::new(index);
            }
        }
    }

    #[inline]
    pub(crate) fn owner(&self, index: Index) -> Option<PeerId> {
        self.owners.get(&index.value()).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    pub(crate) fn release(&mut self, index: Index) {
        self.owners.remove(&index.value());
    }
}

#[derive(Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u32(&mut self, value: u32) {
        // The table takes its bucket from the low bits and its tag from the high ones.
        self.0 = u64::from(value) << 32 | u64::from(value);
    }
}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha8Rng;
    use chacha20::rand_core::SeedableRng;
    use rand_core::{TryCryptoRng, TryRng};

    use super::*;

    /// Draws these words, one after the other.
    struct Words(std::vec::IntoIter<u32>);

    impl TryRng for Words {
        type Error = core::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(self.0.next().expect("as many words as are drawn"))
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            unreachable!("an index has 32 bits")
        }

        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
            unreachable!("an index has 32 bits")
        }
    }

    impl TryCryptoRng for Words {}

    fn peer(slot: u32) -> PeerId {
        PeerId {
            slot,
            generation: 0,
        }
    }

    #[test]
    fn an_index_is_what_was_drawn_and_one_in_use_is_drawn_again() {
        let mut table = IndexTable::default();
        let mut words = Words(vec![0x8765_4321, 0x8765_4321, 0x8765_4321, 7].into_iter());

        let first = table.allocate(peer(1), &mut words);
        let second = table.allocate(peer(2), &mut words);

        assert_eq!((first.value(), second.value()), (0x8765_4321, 7));
        assert_eq!(table.owner(first), Some(peer(1)));
        assert_eq!(table.owner(second), Some(peer(2)));
    }

    #[test]
    fn an_index_has_its_owner_until_it_is_released() {
        let mut table = IndexTable::default();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (first, second) = (
            table.allocate(peer(1), &mut rng),
            table.allocate(peer(2), &mut rng),
        );

        table.release(first);

        assert_eq!(table.owner(first), None);
        assert_eq!(table.owner(second), Some(peer(2)));
    }
}
