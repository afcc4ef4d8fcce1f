//! The deadlines of all endpoints, earliest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Weak};

use wirecraft_time::Instant;

use super::shared::{EchoSide, Ready, Shared, TcpSide};

/// A heap of deadlines that is corrected lazily.
///
/// An endpoint is entered only when its deadline comes before the one it is entered with. When
/// that passes it is looked at, and entered anew with whatever its deadline then is. So a timer
/// that is pushed on with every packet costs nothing until it fires.
#[derive(Default)]
pub(super) struct Timers {
    entries: BinaryHeap<Reverse<Entry>>,
    entered: u64,
}

struct Entry {
    at: Instant,
    number: u64,
    endpoint: Endpoint,
}

/// An endpoint that may be gone by then.
enum Endpoint {
    Tcp(Weak<Shared<TcpSide>>),
    Echo(Weak<Shared<EchoSide>>),
}

impl Timers {
    /// Returns the earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }

    /// Enters a connection, unless it is entered with an earlier deadline.
    pub(super) fn arm_tcp(
        &mut self,
        at: Instant,
        armed: &mut Option<Instant>,
        endpoint: &Arc<Shared<TcpSide>>,
    ) {
        if is_earlier(at, armed) {
            self.enter(at, Endpoint::Tcp(Arc::downgrade(endpoint)));
        }
    }

    /// Enters an echo endpoint, unless it is entered with an earlier deadline.
    pub(super) fn arm_echo(
        &mut self,
        at: Instant,
        armed: &mut Option<Instant>,
        endpoint: &Arc<Shared<EchoSide>>,
    ) {
        if is_earlier(at, armed) {
            self.enter(at, Endpoint::Echo(Arc::downgrade(endpoint)));
        }
    }

    /// Takes out an endpoint whose deadline is not after `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Ready> {
        while self.next().is_some_and(|at| at <= now) {
            let Reverse(entry) = self.entries.pop()?;
            match entry.endpoint {
                Endpoint::Tcp(endpoint) => {
                    let Some(endpoint) = endpoint.upgrade() else {
                        continue;
                    };
                    if disarm(entry.at, &mut endpoint.lock().armed) && endpoint.mark_queued() {
                        return Some(Ready::Tcp(endpoint));
                    }
                }
                Endpoint::Echo(endpoint) => {
                    let Some(endpoint) = endpoint.upgrade() else {
                        continue;
                    };
                    if disarm(entry.at, &mut endpoint.lock().armed) && endpoint.mark_queued() {
                        return Some(Ready::Echo(endpoint));
                    }
                }
            }
        }
        None
    }

    fn enter(&mut self, at: Instant, endpoint: Endpoint) {
        self.entered += 1;
        self.entries.push(Reverse(Entry {
            at,
            number: self.entered,
            endpoint,
        }));
    }
}

fn is_earlier(at: Instant, armed: &mut Option<Instant>) -> bool {
    let earlier = armed.is_none_or(|armed| at < armed);
    if earlier {
        *armed = Some(at);
    }
    earlier
}

/// Says whether the entry is the one that counts; a later one was entered before an earlier one.
fn disarm(at: Instant, armed: &mut Option<Instant>) -> bool {
    let counts = *armed == Some(at);
    if counts {
        *armed = None;
    }
    counts
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
