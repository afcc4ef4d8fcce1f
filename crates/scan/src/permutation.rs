//! The order in which targets are visited: a keyed permutation of their indices.
//!
//! A Feistel network permutes the numbers of just enough bits; one that falls outside of the
//! domain is permuted again until it falls inside (cycle walking, fewer than two turns on average):
//!
//! ```text
//! left  ──────⊕──────────── ..      even rounds change the left part by a hash of the right one,
//!             │  F0   │ F1          odd rounds the right part by a hash of the left one;
//! right ──────┴───────⊕──── ..      the parts differ by at most one bit in width
//! ```

use core::fmt;

use rand_core::CryptoRng;
use siphasher::sip::SipHasher13;

/// Four rounds make a pseudo-random permutation of a pseudo-random function (Luby and Rackoff).
const ROUNDS: u8 = 4;

/// A permutation of the numbers below a length, without any memory of which were visited.
///
/// ```
/// use wirecraft_scan::Permutation;
///
/// let permutation = Permutation::with_key(10, &[7; 16]);
/// let mut visited: Vec<u128> = (0..10).map(|index| permutation.get(index)).collect();
/// visited.sort_unstable();
/// assert_eq!(visited, (0..10).collect::<Vec<u128>>());
/// ```
#[derive(Clone, Copy)]
pub struct Permutation {
    len: u128,
    left_bits: u32,
    right_bits: u32,
    hasher: SipHasher13,
}

impl Permutation {
    /// Makes a permutation of `0..len` under a random key.
    #[must_use]
    pub fn new(len: u128, rng: &mut impl CryptoRng) -> Self {
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        Self::with_key(len, &key)
    }

    /// Makes a permutation of `0..len` under a key of the caller's.
    #[must_use]
    pub fn with_key(len: u128, key: &[u8; 16]) -> Self {
        let bits = u128::BITS - len.saturating_sub(1).leading_zeros();
        let left_bits = bits / 2;
        let hasher = SipHasher13::new_with_key(key);
        Self {
            len,
            left_bits,
            right_bits: bits - left_bits,
            hasher,
        }
    }

    /// Returns how many numbers are permuted.
    #[must_use]
    pub const fn len(&self) -> u128 {
        self.len
    }

    /// Says whether there is nothing to permute.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number at `index`; an index that is not below the length is its own.
    #[must_use]
    pub fn get(&self, index: u128) -> u128 {
        if index >= self.len {
            return index;
        }
        // The walk follows a cycle that starts inside, so that it gets back inside.
        let mut number = self.permute(index);
        while number >= self.len {
            number = self.permute(number);
        }
        number
    }

    /// Returns the index at which a number stands; one that is not below the length is its own.
    #[must_use]
    pub fn index_of(&self, number: u128) -> u128 {
        if number >= self.len {
            return number;
        }
        let mut index = self.unpermute(number);
        while index >= self.len {
            index = self.unpermute(index);
        }
        index
    }

    fn permute(&self, number: u128) -> u128 {
        let mut left = low_bits(number >> self.right_bits, self.left_bits);
        let mut right = low_bits(number, self.right_bits);
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                left ^= low_bits(self.hash(round, right).into(), self.left_bits);
            } else {
                right ^= low_bits(self.hash(round, left).into(), self.right_bits);
            }
        }
        u128::from(left) << self.right_bits | u128::from(right)
    }

    /// Takes the rounds back, the last one first.
    fn unpermute(&self, number: u128) -> u128 {
        let mut left = low_bits(number >> self.right_bits, self.left_bits);
        let mut right = low_bits(number, self.right_bits);
        for round in (0..ROUNDS).rev() {
            if round % 2 == 0 {
                left ^= low_bits(self.hash(round, right).into(), self.left_bits);
            } else {
                right ^= low_bits(self.hash(round, left).into(), self.right_bits);
            }
        }
        u128::from(left) << self.right_bits | u128::from(right)
    }

    fn hash(&self, round: u8, half: u64) -> u64 {
        let mut input = [0; 9];
        input[0] = round;
        input[1..].copy_from_slice(&half.to_le_bytes());
        self.hasher.hash(&input)
    }
}

impl fmt::Debug for Permutation {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permutation")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Returns the low `bits` of a number, at most 64.
fn low_bits(number: u128, bits: u32) -> u64 {
    let mask = (1_u128 << bits) - 1;
    u64::try_from(number & mask).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_number_is_visited_exactly_once(len in 0..3000_u128, key: [u8; 16]) {
            let permutation = Permutation::with_key(len, &key);
            let mut visits = vec![0; usize::try_from(len).unwrap()];
            for index in 0..len {
                visits[usize::try_from(permutation.get(index)).unwrap()] += 1;
            }
            prop_assert!(visits.iter().all(|count| *count == 1));
        }

        #[test]
        fn a_number_is_found_at_its_index(len in 1..=u128::MAX, key: [u8; 16], index: u128) {
            let permutation = Permutation::with_key(len, &key);
            let index = index % len;
            prop_assert_eq!(permutation.index_of(permutation.get(index)), index);
        }

        #[test]
        fn numbers_of_any_size_stay_below_the_length_and_apart(
            len in 1000..=u128::MAX,
            key: [u8; 16],
            start: u128,
        ) {
            let permutation = Permutation::with_key(len, &key);
            let start = start % (len - 100);
            let mut numbers: Vec<_> = (start..start + 100).map(|i| permutation.get(i)).collect();
            prop_assert!(numbers.iter().all(|number| *number < len));
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), 100);
        }
    }

    #[test]
    fn the_order_depends_on_the_key() {
        let order = |key| {
            let permutation = Permutation::with_key(1000, &[key; 16]);
            (0..1000)
                .map(|index| permutation.get(index))
                .collect::<Vec<_>>()
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }
}
