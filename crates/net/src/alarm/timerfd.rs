//! Linux: a kernel timer on the clock that counts suspend, and one that is cancelled by waking up.

use core::task::{Context, Poll};
use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use wirecraft_time::Instant;

use super::{Rang, runtime};

const NO_INTERVAL: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// A timer that can be set to an instant. Where no file descriptors are left, or the kernel lets have no
/// timer on that clock, the runtime's stands in: it may be late by the time that the machine slept.
pub(crate) struct Timer {
    boot: Boot,
    /// Armed on the wall clock for ever, and cancelled when that is set or the machine wakes.
    wake: Option<AsyncFd<OwnedFd>>,
}

enum Boot {
    Kernel(AsyncFd<OwnedFd>),
    Runtime(runtime::Timer),
}

impl Timer {
    pub(crate) fn new() -> Self {
        let wake = open(TimerfdClockId::Realtime).and_then(arm_until_cancelled);
        Self::of(open(TimerfdClockId::Boottime), wake)
    }

    fn of(boot: io::Result<AsyncFd<OwnedFd>>, wake: io::Result<AsyncFd<OwnedFd>>) -> Self {
        let boot = or_log(boot).map(Boot::Kernel);
        Self {
            boot: boot.unwrap_or(Boot::Runtime(runtime::Timer::new())),
            wake: or_log(wake),
        }
    }

    pub(crate) fn set(&mut self, now: Instant, at: Instant) {
        let boot = match &mut self.boot {
            Boot::Kernel(boot) => boot,
            Boot::Runtime(timer) => return timer.set(now, at),
        };
        if let Err(error) = arm(boot, TimerfdTimerFlags::ABSTIME, timespec(at)) {
            tracing::debug!(%error, "the timer could not be set");
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Rang> {
        let woke = self.wake.as_ref().map(|wake| poll_read(wake, cx));
        let ran_out = match &mut self.boot {
            Boot::Kernel(boot) => poll_read(boot, cx).map(|()| Rang::RanOut),
            Boot::Runtime(timer) => timer.poll(cx),
        };
        if woke == Some(Poll::Ready(())) {
            return Poll::Ready(Rang::MachineWoke);
        }
        ran_out
    }
}

fn or_log(timer: io::Result<AsyncFd<OwnedFd>>) -> Option<AsyncFd<OwnedFd>> {
    timer
        .inspect_err(|error| tracing::warn!(%error, "no kernel timer can be had"))
        .ok()
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for types that change their descriptor, which an OwnedFd does not"
)]
fn open(clock: TimerfdClockId) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(timerfd_create(
        clock,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?)
}

fn arm_until_cancelled(timer: AsyncFd<OwnedFd>) -> io::Result<AsyncFd<OwnedFd>> {
    let never_reached = Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    arm(&timer, flags, never_reached)?;
    Ok(timer)
}

fn arm(
    timer: &AsyncFd<OwnedFd>,
    flags: TimerfdTimerFlags,
    expiry: Timespec,
) -> rustix::io::Result<()> {
    let setting = Itimerspec {
        it_interval: NO_INTERVAL,
        it_value: expiry,
    };
    timerfd_settime(timer.get_ref(), flags, &setting).map(|_| ())
}

/// Whether a timer has run out or was cancelled since it was last asked.
fn poll_read(timer: &AsyncFd<OwnedFd>, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        let Poll::Ready(Ok(mut ready)) = timer.poll_read_ready(cx) else {
            return Poll::Pending;
        };
        match rustix::io::read(timer.get_ref(), &mut [0; 8]) {
            Err(Errno::AGAIN) => ready.clear_ready(),
            Ok(_) | Err(_) => return Poll::Ready(()),
        }
    }
}

fn timespec(at: Instant) -> Timespec {
    let since_boot = at.since(Instant::ORIGIN);
    Timespec {
        tv_sec: i64::try_from(since_boot.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: since_boot.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use core::future::poll_fn;
    use core::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_timer_runs_out_in_time_though_the_kernel_has_none_to_give() {
        let none_left = || Err(Errno::MFILE.into());
        let mut timer = Timer::of(none_left(), none_left());
        let now = Clock::new().now();
        let at = now + Duration::from_millis(20);

        timer.set(now, at);
        let waited = timeout(Duration::from_secs(10), poll_fn(|cx| timer.poll(cx))).await;

        waited.expect("the timer runs out");
        assert!(Clock::new().now() >= at);
        let waited = timeout(Duration::from_millis(50), poll_fn(|cx| timer.poll(cx))).await;
        waited.expect_err("a timer that is not set stays silent");
    }
}
