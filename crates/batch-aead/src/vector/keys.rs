//! The keys that the packets of a chunk have: most often one.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::chunk::CAPACITY;

/// The words of a key.
const WORDS: usize = 8;

/// Whose keys the packets of a chunk have.
#[derive(Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// All the same.
    One(&'a [u32; WORDS]),
    /// Each its own.
    Each(&'a KeyRows),
}

/// The keys of up to 16 packets, a row for each word of them. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct KeyRows([[u32; CAPACITY]; WORDS]);

impl KeyRows {
    /// Makes room for keys.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self([[0; CAPACITY]; WORDS])
    }

    /// Takes the words of each packet's key, where they are to stay: what is moved leaves itself behind.
    #[inline]
    pub(crate) fn fill<'k>(&mut self, keys: impl Iterator<Item = &'k [u32; WORDS]>) {
        for (packet, key) in keys.take(CAPACITY).enumerate() {
            for (row, word) in self.0.iter_mut().zip(key) {
                row[packet] = *word;
            }
        }
    }

    /// Returns a row for each word: that word of every packet's key.
    #[inline]
    pub(crate) fn rows(&self) -> &[[u32; CAPACITY]; WORDS] {
        &self.0
    }
}
