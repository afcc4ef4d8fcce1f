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

const NEVER: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// A timer that can be set to an instant. Without file descriptors left it never runs out, and the
/// driver is late until traffic wakes it.
pub(crate) struct Timer {
    boot: Option<AsyncFd<OwnedFd>>,
    /// Armed on the wall clock for ever, and cancelled when that is set or the machine wakes.
    wake: Option<AsyncFd<OwnedFd>>,
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self {
            boot: or_log(open(TimerfdClockId::Boottime)),
            wake: or_log(open(TimerfdClockId::Realtime).and_then(arm_until_cancelled)),
        }
    }

    pub(crate) fn set(&mut self, _: Instant, at: Option<Instant>) {
        let Some(boot) = &self.boot else { return };
        let expiry = at.map_or(NEVER, timespec);
        if let Err(error) = arm(boot, TimerfdTimerFlags::ABSTIME, expiry) {
            tracing::debug!(%error, "the timer could not be set");
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let woke = self.wake.as_ref().map(|wake| poll_read(wake, cx));
        let ran_out = self.boot.as_ref().map(|boot| poll_read(boot, cx));
        if [woke, ran_out].contains(&Some(Poll::Ready(()))) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
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
        it_interval: NEVER,
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
