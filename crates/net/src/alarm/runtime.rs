//! The runtime's timer, which may stand still while the machine sleeps: for systems other than Linux, and
//! for want of better there.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use tokio::time::Sleep;
use wirecraft_time::Instant;

/// A timer that can be set to an instant.
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn set(&mut self, now: Instant, at: Option<Instant>) {
        let wait: Option<Duration> = at.map(|at| at.since(now));
        self.0 = wait.map(|wait| Box::pin(tokio::time::sleep(wait)));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0
            .as_mut()
            .map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}
