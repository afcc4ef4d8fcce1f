//! A point in time on a clock that somebody else reads.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time, measured from an origin of the caller's choice.
///
/// Only instants of the same clock may be compared. All arithmetic saturates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(Duration);

impl Instant {
    /// The origin of the clock.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The latest instant there is: a deadline that never comes.
    pub const FAR_FUTURE: Self = Self(Duration::MAX);

    /// Makes the instant that lies `elapsed` after the origin.
    #[must_use]
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Returns the time from the origin to this instant.
    #[must_use]
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Returns the time from `earlier` to this instant, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(
            Instant::FAR_FUTURE + Duration::from_secs(1),
            Instant::FAR_FUTURE
        );
        assert_eq!(Instant::ORIGIN - Duration::from_secs(1), Instant::ORIGIN);
    }

    #[test]
    fn since_a_later_instant_is_zero() {
        let start = Instant::from_origin(Duration::from_secs(1));
        assert_eq!(start.since(start + Duration::from_nanos(1)), Duration::ZERO);
        assert_eq!(
            (start + Duration::from_nanos(1)).since(start),
            Duration::from_nanos(1)
        );
    }
}
