//! Connections that arrive: a bounded place to wait for their acceptor.

use core::task::{Context, Poll};
use std::collections::VecDeque;

use thiserror::Error;

use crate::demux::Binding;
use crate::waiters::Waiters;

/// The listener was closed, by its owner or because what carries it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the listener is closed")]
pub struct ListenerClosed;

/// The backlog of a listener; `C` is what the caller keeps for a connection.
///
/// Handshakes under way and connections that nobody took yet count together. When the backlog is
/// full, the first segments of further connections are dropped; their senders repeat them.
#[derive(Debug)]
pub struct Listener<C> {
    binding: Binding,
    ready: VecDeque<C>,
    handshaking: usize,
    backlog: usize,
    dropped: u64,
    closed: bool,
    acceptors: Waiters,
}

impl<C> Listener<C> {
    /// Makes a listener with room for `backlog` connections, at least one.
    #[must_use]
    pub fn new(binding: Binding, backlog: usize) -> Self {
        Self {
            binding,
            ready: VecDeque::new(),
            handshaking: 0,
            backlog: backlog.max(1),
            dropped: 0,
            closed: false,
            acceptors: Waiters::default(),
        }
    }

    /// Takes a place for a handshake; false if there is none, and the first segment is dropped.
    ///
    /// Each place is given back by [`establish`](Self::establish) or [`give_up`](Self::give_up).
    #[must_use]
    pub fn begin(&mut self) -> bool {
        if self.closed || self.handshaking + self.ready.len() >= self.backlog {
            self.dropped += 1;
            return false;
        }
        self.handshaking += 1;
        true
    }

    /// Offers a connection whose handshake is done.
    ///
    /// # Errors
    /// Gives the connection back if the listener was closed: it is to be aborted.
    pub fn establish(&mut self, connection: C) -> Result<(), C> {
        self.handshaking = self.handshaking.saturating_sub(1);
        if self.closed {
            return Err(connection);
        }
        self.ready.push_back(connection);
        self.acceptors.wake();
        Ok(())
    }

    /// Frees the place of a handshake that failed.
    pub fn give_up(&mut self) {
        self.handshaking = self.handshaking.saturating_sub(1);
    }

    /// Waits for a connection. Several tasks may wait.
    ///
    /// # Errors
    /// [`ListenerClosed`] after [`close`](Self::close).
    pub fn poll_accept(&mut self, context: &Context<'_>) -> Poll<Result<C, ListenerClosed>> {
        match self.ready.pop_front() {
            Some(connection) => Poll::Ready(Ok(connection)),
            None if self.closed => Poll::Ready(Err(ListenerClosed)),
            None => {
                self.acceptors.wait(context);
                Poll::Pending
            }
        }
    }

    /// Ends listening; returns the connections that nobody took, to be aborted.
    pub fn close(&mut self) -> impl Iterator<Item = C> {
        self.closed = true;
        self.acceptors.wake();
        core::mem::take(&mut self.ready).into_iter()
    }

    /// Returns the address and port it is bound to.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// Says whether it was closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns how many first segments were dropped for want of room.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use core::task::Waker;

    use super::*;

    fn accept(listener: &mut Listener<u32>) -> Poll<Result<u32, ListenerClosed>> {
        listener.poll_accept(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn full_backlog_takes_no_further_handshake_until_one_is_accepted() {
        let mut listener = Listener::new(Binding::from(80), 2);
        assert!(listener.begin() && listener.begin() && !listener.begin());
        assert_eq!(listener.establish(1), Ok(()));
        assert!(!listener.begin());
        assert_eq!(listener.dropped(), 2);
        assert_eq!(accept(&mut listener), Poll::Ready(Ok(1)));
        assert!(listener.begin());
    }

    #[test]
    fn failed_handshake_frees_its_place() {
        let mut listener = Listener::<u32>::new(Binding::from(80), 1);
        assert!(listener.begin());
        listener.give_up();
        assert!(listener.begin());
    }

    #[test]
    fn closing_gives_back_what_nobody_took() {
        let mut listener = Listener::new(Binding::from(80), 4);
        assert!(listener.begin() && listener.begin());
        assert_eq!(listener.establish(1), Ok(()));
        assert_eq!(listener.close().collect::<Vec<_>>(), [1]);
        assert_eq!(listener.establish(2), Err(2));
        assert_eq!(accept(&mut listener), Poll::Ready(Err(ListenerClosed)));
    }
}
