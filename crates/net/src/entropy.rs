//! The operating system's randomness, unbuffered: neither a fork nor a restored snapshot repeats it.

use getrandom::SysRng;
use rand_core::UnwrapErr;

/// A generator that asks the operating system every time.
///
/// It panics if the operating system has no randomness to give, which on a running Linux it has.
pub type SystemEntropy = UnwrapErr<SysRng>;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand_core::Rng;

    use super::*;

    /// A generator with a state of its own, as a Mersenne Twister is, would begin alike twice.
    #[test]
    fn generators_of_the_systems_randomness_repeat_nothing() {
        let drawn: HashSet<u64> = (0..1000)
            .map(|_| SystemEntropy::default().next_u64())
            .collect();

        assert_eq!(drawn.len(), 1000);
    }
}
