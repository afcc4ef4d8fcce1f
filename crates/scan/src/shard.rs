//! The part of a scan that one of several scanners does.

use core::str::FromStr;

use crate::Permutation;

/// One of several equal parts of a scan: scanners with the same targets and the same seed that have
/// one part each visit every target once between them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Shard {
    /// From 0.
    number: u32,
    count: u32,
}

/// Why something is no shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected I/N with 1 <= I <= N, such as 2/5")]
pub struct ShardError;

impl Shard {
    /// The whole scan.
    pub const WHOLE: Self = Self {
        number: 0,
        count: 1,
    };

    /// Makes part `number` of `count`, counted from 1.
    ///
    /// # Errors
    /// [`ShardError`] if there is no such part.
    pub const fn new(number: u32, count: u32) -> Result<Self, ShardError> {
        if number == 0 || number > count {
            return Err(ShardError);
        }
        Ok(Self {
            number: number - 1,
            count,
        })
    }

    /// Says whether this is the whole scan.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Returns how many of `len` targets are in this part.
    pub(crate) fn len_of(self, len: u128) -> u128 {
        len.saturating_sub(u128::from(self.number))
            .div_ceil(u128::from(self.count))
    }

    /// Returns the target at a position of this part of an order.
    pub(crate) fn target(self, order: &Permutation, position: u128) -> u128 {
        if self.is_whole() {
            return order.get(position);
        }
        order.get(position * u128::from(self.count) + u128::from(self.number))
    }

    /// Says whether a target is in this part of an order.
    pub(crate) fn contains(self, order: &Permutation, target: u128) -> bool {
        self.is_whole() || order.index_of(target) % u128::from(self.count) == self.number.into()
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (number, count) = text.split_once('/').ok_or(ShardError)?;
        let digits = |text: &str| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number).ok_or(ShardError)
        };
        Self::new(digits(number)?, digits(count)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shards_are_disjoint_and_complete(
            len in 1..300_u128,
            count in 1..8_u32,
            key: [u8; 16],
        ) {
            let order = Permutation::with_key(len, &key);
            let mut visits = vec![0; usize::try_from(len).unwrap()];
            for number in 1..=count {
                let shard = Shard::new(number, count).unwrap();
                for position in 0..shard.len_of(len) {
                    let target = shard.target(&order, position);
                    visits[usize::try_from(target).unwrap()] += 1;
                    prop_assert!(shard.contains(&order, target));
                    for other in 1..=count {
                        let is_other = Shard::new(other, count).unwrap().contains(&order, target);
                        prop_assert_eq!(is_other, other == number);
                    }
                }
            }
            prop_assert!(visits.iter().all(|count| *count == 1));
        }
    }

    #[test]
    fn text_that_is_no_shard_is_refused() {
        assert_eq!("2/5".parse(), Shard::new(2, 5));
        for text in [
            "",
            "1",
            "0/2",
            "3/2",
            "1/0",
            "+1/2",
            "1/2/3",
            "a/b",
            "1/99999999999",
        ] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError), "{text}");
        }
    }
}
