//! Elapsed time and deadlines of the harnesses.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads the monotonic clock; the one place of this crate that does.
#[expect(
    clippy::disallowed_methods,
    reason = "a harness waits for real processes in real time"
)]
fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970, as `wg show` tells times.
#[expect(
    clippy::disallowed_methods,
    reason = "a harness compares with what other programs say"
)]
pub(crate) fn unix_seconds() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.map_or(0, |duration| duration.as_secs())
}

/// Time since a start.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        now().saturating_duration_since(self.0)
    }
}

/// A moment by which something must have happened.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// Time that is left, zero once the deadline has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(crate) fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }
}
