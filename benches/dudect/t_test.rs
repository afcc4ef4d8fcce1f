//! Welch's t-test over times, with the long ones cut off at many thresholds.

use crate::Class;

/// Thresholds beside none at all, as dudect has them.
const THRESHOLDS: i32 = 100;

/// Tests of fewer times in a class say nothing.
const COUNT_MIN: f64 = 10_000.0;

/// One test for each threshold.
pub(crate) struct CroppedTests(Vec<(u64, WelchTest)>);

impl CroppedTests {
    /// Chooses the thresholds by times that were measured before: more of them where times are short.
    pub(crate) fn new(times: &[u64]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let cropped = (1..=THRESHOLDS).filter_map(|number| {
            let kept = 1.0 - 0.5_f64.powf(10.0 * f64::from(number) / f64::from(THRESHOLDS));
            let cut = sorted.iter().zip(1_u32..);
            let mut longer = cut.skip_while(|(_, rank)| f64::from(*rank) < kept * count(&sorted));
            longer.next().map(|(time, _)| *time)
        });
        let thresholds = cropped.chain([u64::MAX]);
        Self(
            thresholds
                .map(|threshold| (threshold, WelchTest::default()))
                .collect(),
        )
    }

    pub(crate) fn add(&mut self, class: Class, time: u64) {
        let value = f64::from(u32::try_from(time).unwrap_or(u32::MAX));
        for (_, test) in self
            .0
            .iter_mut()
            .filter(|(threshold, _)| time <= *threshold)
        {
            test.add(class, value);
        }
    }

    /// The greatest |t| of all tests with enough times.
    pub(crate) fn greatest(&self) -> f64 {
        let tests = self.0.iter().filter_map(|(_, test)| test.t());
        tests.map(f64::abs).fold(0.0, f64::max)
    }
}

fn count(times: &[u64]) -> f64 {
    f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX))
}

/// Mean and variance of both classes, updated time by time.
#[derive(Default)]
struct WelchTest {
    fixed: Moments,
    random: Moments,
}

impl WelchTest {
    fn add(&mut self, class: Class, value: f64) {
        match class {
            Class::Fixed => self.fixed.add(value),
            Class::Random => self.random.add(value),
        }
    }

    fn t(&self) -> Option<f64> {
        let (fixed, random) = (&self.fixed, &self.random);
        if fixed.count < COUNT_MIN || random.count < COUNT_MIN {
            return None;
        }
        let spread = fixed.variance() / fixed.count + random.variance() / random.count;
        (spread > 0.0).then(|| (fixed.mean - random.mean) / spread.sqrt())
    }
}

/// Welford's algorithm.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let from_mean = value - self.mean;
        self.mean += from_mean / self.count;
        self.squares += from_mean * (value - self.mean);
    }

    fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{CroppedTests, WelchTest};
    use crate::Class;

    /// Origin: `scipy.stats.ttest_ind(range(20000), range(100, 20100), equal_var=False)` has t = -sqrt(3)
    /// to five places, as the variance of n numbers in a row is n(n+1)/12.
    #[test]
    fn t_is_that_of_welch() {
        let mut test = WelchTest::default();
        for value in 0..20_000_u32 {
            test.add(Class::Fixed, f64::from(value));
            test.add(Class::Random, f64::from(value + 100));
        }
        let t = test.t().unwrap();
        assert!((t + 3.0_f64.sqrt()).abs() < 1e-4, "{t}");
    }

    #[test]
    fn few_times_say_nothing() {
        let mut test = WelchTest::default();
        for value in 0..100_u32 {
            test.add(Class::Fixed, f64::from(value));
            test.add(Class::Random, f64::from(value + 1000));
        }
        assert_eq!(test.t(), None);
    }

    #[test]
    fn difference_that_long_times_hide_is_found_when_they_are_cut_off() {
        let time = |number: u64, class: u64| match number % 50 {
            0 => 1_000_000 + number * 977 % 1_000_000,
            short => 100 + short + class,
        };
        let first: Vec<u64> = (0..10_000).map(|number| time(number, 0)).collect();
        let mut tests = CroppedTests::new(&first);
        for number in 0..100_000 {
            tests.add(Class::Fixed, time(number, 0));
            tests.add(Class::Random, time(number, 1));
        }
        assert!(tests.greatest() > 5.0);
        let (_, uncropped) = tests.0.last().unwrap();
        assert!(uncropped.t().unwrap().abs() < 1.0);
    }
}
