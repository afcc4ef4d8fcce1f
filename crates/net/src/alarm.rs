//! What wakes the driver at an instant, and when the machine was suspended.
//!
//! Runtimes keep time by a clock that stands still in suspend. A timer of the kernel on the clock that
//! the device lives by is due at once when the machine wakes, and is as exact as the kernel's.

mod runtime;
#[cfg(target_os = "linux")]
mod timerfd;

use core::task::{Context, Poll};
use core::time::Duration;

use wirecraft_time::Instant;

use crate::clock::Clock;
#[cfg(not(target_os = "linux"))]
use runtime::Timer;
#[cfg(target_os = "linux")]
use timerfd::Timer;

/// Less is the difference of two readings of the clock, or nothing to wipe keys for.
const SUSPEND_MIN: Duration = Duration::from_millis(100);

/// Wakes a task when an instant has come, and says when the machine was suspended.
pub(crate) struct Alarm {
    timer: Timer,
    set_to: Option<Instant>,
    suspended: Duration,
}

impl Alarm {
    /// Makes an alarm that is not set. Needs a tokio runtime.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            timer: Timer::new(),
            set_to: None,
            suspended: clock.suspended(),
        }
    }

    /// Sets the alarm to `at`, or switches it off. It is ready when `at` has come, and when the machine
    /// wakes.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        at: Option<Instant>,
    ) -> Poll<()> {
        if at.is_some_and(|at| at <= now) {
            return Poll::Ready(());
        }
        if self.set_to != at {
            self.timer.set(now, at);
            self.set_to = at;
        }
        let polled = self.timer.poll(cx);
        if polled.is_ready() {
            self.set_to = None;
        }
        polled
    }

    /// Says whether the machine was suspended since the last call.
    pub(crate) fn was_suspended(&mut self, clock: Clock) -> bool {
        self.notice(clock.suspended())
    }

    fn notice(&mut self, suspended: Duration) -> bool {
        let more = suspended.saturating_sub(self.suspended) >= SUSPEND_MIN;
        if more {
            self.suspended = suspended;
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use core::future::poll_fn;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    async fn wait(alarm: &mut Alarm, at: Option<Instant>) {
        poll_fn(|cx| alarm.poll(cx, Clock::new().now(), at)).await;
    }

    async fn assert_silent(alarm: &mut Alarm, at: Option<Instant>) {
        let waited = timeout(Duration::from_millis(50), wait(alarm, at)).await;
        waited.expect_err("the alarm went off before its time");
    }

    #[tokio::test]
    async fn an_alarm_goes_off_when_its_time_has_come_and_not_before() {
        let mut alarm = Alarm::new(Clock::new());
        let at = Clock::new().now() + Duration::from_millis(20);

        let waited = timeout(Duration::from_secs(10), wait(&mut alarm, Some(at))).await;

        waited.expect("an alarm goes off in time");
        assert!(Clock::new().now() >= at);
    }

    #[tokio::test]
    async fn an_alarm_that_is_not_set_stays_silent() {
        let mut alarm = Alarm::new(Clock::new());
        assert_silent(&mut alarm, None).await;
    }

    #[tokio::test]
    async fn an_alarm_that_is_postponed_does_not_go_off_at_its_former_time() {
        let mut alarm = Alarm::new(Clock::new());
        let now = Clock::new().now();
        let soon = now + Duration::from_millis(5);
        poll_fn(|cx| {
            let _ = alarm.poll(cx, now, Some(soon));
            Poll::Ready(())
        })
        .await;

        assert_silent(&mut alarm, Some(now + LONG)).await;
        assert_silent(&mut alarm, None).await;
    }

    #[tokio::test]
    async fn a_suspend_is_noticed_once() {
        let mut alarm = Alarm::new(Clock::new());
        assert!(!alarm.was_suspended(Clock::new()));

        let slept = alarm.suspended + Duration::from_secs(7);

        assert!(alarm.notice(slept));
        assert!(!alarm.notice(slept));
        assert!(alarm.notice(slept + Duration::from_secs(1)));
    }
}
