//! The runtime's timer, which may stand still while the machine sleeps: for systems other than Linux, and
//! for want of better there.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use tokio::time::Sleep;
use wirecraft_time::Instant;

use super::Rang;

/// A timer that can be set to an instant.
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn set(&mut self, now: Instant, at: Instant) {
        self.0 = Some(Box::pin(tokio::time::sleep(at.since(now))));
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Rang> {
        let Some(sleep) = &mut self.0 else {
            return Poll::Pending;
        };
        ready!(sleep.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Rang::RanOut)
    }
}
