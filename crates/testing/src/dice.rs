//! The randomness of a simulation: all of it comes from one seed.

use core::time::Duration;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use rand_core::Rng;

/// A generator for one purpose, so that drawing more for one thing changes nothing for another.
pub(crate) struct Dice(ChaCha8Rng);

/// What a generator is for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Scenario = 1,
    Keys,
    Network,
    Traffic,
    Devices,
    Packets,
}

impl Dice {
    pub(crate) fn new(seed: u64, purpose: Purpose) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose as u64);
        Self(rng)
    }

    /// Splits off a generator that the caller owns, for a device.
    pub(crate) fn fork(&mut self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.0.next_u64())
    }

    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// A number from zero on, below one.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    pub(crate) fn fraction(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        let drawn = self.0.next_u64() % end;
        usize::try_from(drawn).unwrap_or(usize::MAX)
    }

    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    pub(crate) fn duration(&mut self, least: Duration, most: Duration) -> Duration {
        least + (most.saturating_sub(least)).mul_f64(self.unit())
    }

    /// A duration whose magnitude is evenly distributed: short ones are as likely as long ones.
    pub(crate) fn magnitude(&mut self, least: Duration, most: Duration) -> Duration {
        let (low, high) = (least.as_secs_f64().ln(), most.as_secs_f64().ln());
        Duration::from_secs_f64(self.fraction(low, high).exp())
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_of_two_purposes_differ_and_of_one_agree() {
        let draw = |purpose| Dice::new(7, purpose).unit();
        assert!((draw(Purpose::Keys) - draw(Purpose::Keys)).abs() < f64::EPSILON);
        assert!((draw(Purpose::Keys) - draw(Purpose::Network)).abs() > f64::EPSILON);
    }

    #[test]
    fn a_magnitude_stays_within_its_limits() {
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(400));
        let mut dice = Dice::new(1, Purpose::Network);
        for _ in 0..1000 {
            let drawn = dice.magnitude(least, most);
            assert!(drawn >= least.mul_f64(0.999) && drawn <= most.mul_f64(1.001));
        }
    }
}
