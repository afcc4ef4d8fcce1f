//! The one place that reads clocks.

use core::time::Duration;
use std::time::SystemTime;

use rustix::time::{ClockId, clock_gettime};
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
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        Instant::from_origin(Duration::new(seconds, nanoseconds))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_backwards() {
        let first = Clock::new().now();
        assert!(Clock::new().now() >= first);
    }
}
