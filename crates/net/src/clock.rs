//! The one place that reads clocks.

use core::time::Duration;
use std::time::SystemTime;

use rustix::time::{ClockId, Timespec, clock_gettime};
use wirecraft_time::Instant;

/// Reads the time since boot, the time of suspend included.
///
/// A session must not outlive its keys because the machine slept; a clock that stops in suspend would
/// let it (whitepaper §6.1; Linux uses `CLOCK_BOOTTIME` for the same reason).
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock(());

impl Clock {
    /// Makes a clock.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// Reads the clock.
    #[must_use]
    pub fn now(self) -> Instant {
        Instant::from_origin(as_duration(clock_gettime(ClockId::Boottime)))
    }

    /// How long the machine was suspended from when it booted until `now`, which was just read.
    pub(crate) fn suspended_until(self, now: Instant) -> Duration {
        let awake = as_duration(clock_gettime(ClockId::Monotonic));
        now.since(Instant::from_origin(awake))
    }

    /// Reads the wall clock: the time since the Unix epoch, zero before it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the place that reads clocks"
    )]
    pub fn since_unix_epoch(self) -> Duration {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO)
    }
}

fn as_duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_backwards() {
        let first = Clock::new().now();
        assert!(Clock::new().now() >= first);
    }
}
