//! Statistics over round-trip times, as `ping` gives them.

use std::time::Duration;

/// How long round trips took, summed up as they came in.
///
/// ```
/// use std::time::Duration;
/// use wirecraft::RoundTrips;
///
/// let mut trips = RoundTrips::default();
/// trips.record(Duration::from_millis(10));
/// trips.record(Duration::from_millis(30));
/// let summary = trips.summary().unwrap();
/// assert_eq!(summary.average, Duration::from_millis(20));
/// assert_eq!(summary.deviation, Duration::from_millis(10));
/// ```
#[derive(Debug, Clone, Default)]
pub struct RoundTrips {
    count: u32,
    sum_nanos: u128,
    sum_of_squares: u128,
    extremes: Option<(Duration, Duration)>,
}

/// The summary of at least one round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTripSummary {
    /// The shortest.
    pub minimum: Duration,
    /// The mean.
    pub average: Duration,
    /// The longest.
    pub maximum: Duration,
    /// The standard deviation, `mdev` of `ping`.
    pub deviation: Duration,
}

impl RoundTrips {
    /// Takes one more round trip into account.
    pub fn record(&mut self, round_trip: Duration) {
        let nanos = round_trip.as_nanos();
        self.count = self.count.saturating_add(1);
        self.sum_nanos = self.sum_nanos.saturating_add(nanos);
        self.sum_of_squares = self
            .sum_of_squares
            .saturating_add(nanos.saturating_mul(nanos));
        let (minimum, maximum) = self.extremes.unwrap_or((round_trip, round_trip));
        self.extremes = Some((minimum.min(round_trip), maximum.max(round_trip)));
    }

    /// How many round trips were recorded.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Sums up; `None` if there was no round trip.
    #[must_use]
    pub fn summary(&self) -> Option<RoundTripSummary> {
        let (minimum, maximum) = self.extremes?;
        let count = u128::from(self.count);
        let average = self.sum_nanos / count;
        let variance =
            (self.sum_of_squares / count).saturating_sub(average.saturating_mul(average));
        Some(RoundTripSummary {
            minimum,
            average: from_nanos(average),
            maximum,
            deviation: from_nanos(variance.isqrt()),
        })
    }
}

/// Nanoseconds beyond 584 years are as good as 584 years.
fn from_nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_of_nothing_is_nothing() {
        assert_eq!(RoundTrips::default().summary(), None);
    }

    #[test]
    fn summary_of_one_has_no_deviation() {
        let trip = Duration::from_micros(1234);
        let mut trips = RoundTrips::default();
        trips.record(trip);
        let deviation = Duration::ZERO;
        let summary = RoundTripSummary {
            minimum: trip,
            average: trip,
            maximum: trip,
            deviation,
        };
        assert_eq!((trips.count(), trips.summary()), (1, Some(summary)));
    }

    #[test]
    fn unlikely_times_do_not_overflow() {
        let mut trips = RoundTrips::default();
        trips.record(Duration::MAX);
        trips.record(Duration::ZERO);
        assert_eq!(trips.summary().unwrap().maximum, Duration::MAX);
    }
}
