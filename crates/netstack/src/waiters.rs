//! The tasks that wait for one thing.

use core::task::{Context, Waker};

/// Any number of tasks; each is woken once for each time that it waits.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Vec<Waker>);

impl Waiters {
    /// Adds the task, unless it waits already.
    pub(crate) fn wait(&mut self, context: &Context<'_>) {
        if !self
            .0
            .iter()
            .any(|waiting| waiting.will_wake(context.waker()))
        {
            self.0.push(context.waker().clone());
        }
    }

    /// Wakes all of them. The room for them is kept.
    pub(crate) fn wake(&mut self) {
        for waker in self.0.drain(..) {
            waker.wake();
        }
    }
}
