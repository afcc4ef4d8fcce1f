//! Sets of numbers that mostly come in order.

use std::collections::BTreeSet;

/// Numbers that were seen: all below one of them, and a few above.
#[derive(Default)]
pub(super) struct SeenOnce {
    next: u64,
    ahead: BTreeSet<u64>,
}

impl SeenOnce {
    /// Adds a number; says whether it is new.
    #[must_use]
    pub(super) fn insert(&mut self, number: u64) -> bool {
        if number < self.next || !self.ahead.insert(number) {
            return false;
        }
        while self.ahead.remove(&self.next) {
            self.next += 1;
        }
        true
    }
}

/// Numbers that were seen, in any order and with holes.
#[derive(Default)]
pub(super) struct SeenSparsely(Vec<u64>);

impl SeenSparsely {
    /// Adds a number; says whether it is new.
    #[must_use]
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let word = usize::try_from(number / 64).expect("a run has fewer packets than memory bits");
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (number % 64);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_new_once_in_whatever_order_numbers_come() {
        let (mut once, mut sparsely) = (SeenOnce::default(), SeenSparsely::default());
        for number in [0, 1, 5, 3, 2, 700, 4] {
            assert!(once.insert(number) && sparsely.insert(number), "{number}");
        }
        for number in [0, 1, 2, 3, 4, 5, 700] {
            assert!(!once.insert(number) && !sparsely.insert(number), "{number}");
        }
        assert!(once.insert(6) && sparsely.insert(6));
    }
}
