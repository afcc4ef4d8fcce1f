//! What is compared is measured in turns of a millisecond, so that a machine whose speed changes changes
//! it for all of them.

use std::time::{Duration, Instant};

/// Something whose speed is compared with others'.
pub trait Contestant {
    /// Makes ready for [`run`](Self::run) again; this takes no time of it.
    fn prepare(&mut self) {}

    /// Works on as many packets as it returns; that should take microseconds at least.
    fn run(&mut self) -> usize;
}

/// How long a contestant works before it is the turn of the next.
const TURN: Duration = Duration::from_millis(1);

/// Has all contestants work in turns; returns the nanoseconds a packet of each round, for each of them.
pub fn measure(contestants: &mut [Box<dyn Contestant>], rounds: usize) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::with_capacity(rounds); contestants.len()];
    for contestant in contestants.iter_mut() {
        turn(contestant.as_mut());
    }
    for _ in 0..rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            times.push(turn(contestant.as_mut()));
        }
    }
    times
}

/// Nanoseconds a packet.
#[expect(clippy::disallowed_methods, reason = "times are what is measured")]
#[expect(clippy::cast_precision_loss, reason = "packets of a millisecond")]
fn turn(contestant: &mut dyn Contestant) -> f64 {
    let (mut busy, mut packets) = (Duration::ZERO, 0);
    while busy < TURN {
        contestant.prepare();
        let start = Instant::now();
        packets += contestant.run();
        busy += start.elapsed();
    }
    busy.as_secs_f64() * 1e9 / packets as f64
}

/// The median.
///
/// # Panics
/// If there are no values.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}

/// How many times as long `others` took as `own`: the median of the rounds, of which each compares what
/// happened within milliseconds.
#[must_use]
pub fn ratio(own: &[f64], others: &[f64]) -> f64 {
    median(own.iter().zip(others).map(|(own, other)| other / own))
}

#[cfg(test)]
mod tests {
    use super::{median, ratio};

    #[test]
    fn median_is_the_value_in_the_middle_or_between_both() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn ratio_is_that_of_rounds_and_not_of_a_machine_that_got_slower() {
        let (own, other) = ([10.0, 20.0, 40.0], [20.0, 40.0, 80.0]);
        assert!((ratio(&own, &other) - 2.0).abs() < 1e-9);
    }
}
