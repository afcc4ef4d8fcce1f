//! What wakes the driver at an instant, and when the machine was suspended.
//!
//! Runtimes keep time by a clock that stands still in suspend. A timer of the kernel on the clock that
//! the device lives by is due at once when the machine wakes, and is as exact as the kernel's.

mod runtime;
#[cfg(target_os = "linux")]
mod timerfd;

use core::task::{Context, Poll, ready};
use core::time::Duration;

use wirecraft_time::Instant;

use crate::clock::Clock;
#[cfg(not(target_os = "linux"))]
use runtime::Timer;
#[cfg(target_os = "linux")]
use timerfd::Timer;

/// Less is the difference of two readings of the clock, or nothing to wipe keys for.
const SUSPEND_MIN: Duration = Duration::from_millis(100);

/// Why a timer is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rang {
    RanOut,
    /// The machine woke from suspend, or its wall clock was set.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "runtimes do not tell")
    )]
    MachineWoke,
}

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
            suspended: clock.suspended_until(clock.now()),
        }
    }

    /// Sets the alarm to `at`, or switches it off: it is ready when `at` has come, and when the machine
    /// wakes.
    ///
    /// Every packet postpones some deadline. A timer that is set to an earlier time than is wanted is
    /// left as it is, which saves a system call for each; having run out, it is set anew.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        at: Option<Instant>,
    ) -> Poll<()> {
        if at.is_some_and(|at| at <= now) {
            return Poll::Ready(());
        }
        loop {
            if let Some(at) = at
                && self.set_to.is_none_or(|set_to| set_to > at)
            {
                self.timer.set(now, at);
                self.set_to = Some(at);
            }
            let rang = ready!(self.timer.poll(cx));
            let was_set_to = self.set_to.take();
            if rang == Rang::MachineWoke || was_set_to == at {
                return Poll::Ready(());
            }
        }
    }

    /// Says whether the machine was suspended between the last call and `now`.
    pub(crate) fn was_suspended(&mut self, clock: Clock, now: Instant) -> bool {
        self.notice(clock.suspended_until(now))
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
    async fn an_alarm_that_was_postponed_goes_off_at_its_later_time() {
        let mut alarm = Alarm::new(Clock::new());
        let now = Clock::new().now();
        let (soon, later) = (
            now + Duration::from_millis(5),
            now + Duration::from_millis(25),
        );
        poll_fn(|cx| {
            let _ = alarm.poll(cx, now, Some(soon));
            Poll::Ready(())
        })
        .await;

        let waited = timeout(Duration::from_secs(10), wait(&mut alarm, Some(later))).await;

        waited.expect("an alarm goes off in time");
        assert!(Clock::new().now() >= later);
    }

    #[tokio::test]
    async fn a_suspend_is_noticed_once() {
        let mut alarm = Alarm::new(Clock::new());
        assert!(!alarm.was_suspended(Clock::new(), Clock::new().now()));

        let slept = alarm.suspended + Duration::from_secs(7);

        assert!(alarm.notice(slept));
        assert!(!alarm.notice(slept));
        assert!(alarm.notice(slept + Duration::from_secs(1)));
    }
}
