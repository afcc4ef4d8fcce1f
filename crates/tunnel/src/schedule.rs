//! Which peer has to be looked at next, and when.

use std::collections::BTreeSet;

use wirecraft_time::Instant;

use crate::peer_id::PeerId;

/// The next wake-up of each peer that has one, ordered by time.
///
/// A wake-up may come too early, when the deadline it was made for has moved; the peer then asks for
/// the right one. So traffic, which moves deadlines back all the time, need not touch the schedule.
#[derive(Default)]
pub(crate) struct Schedule {
    wakeups: BTreeSet<(Instant, PeerId)>,
}

impl Schedule {
    /// Makes sure that `peer` is woken at `deadline`; `scheduled` is the wake-up it has already.
    pub(crate) fn wake_by(
        &mut self,
        peer: PeerId,
        deadline: Instant,
        scheduled: &mut Option<Instant>,
    ) {
        if scheduled.is_some_and(|at| at <= deadline) {
            return;
        }
        if let Some(at) = scheduled.replace(deadline) {
            self.wakeups.remove(&(at, peer));
        }
        self.wakeups.insert((deadline, peer));
    }

    pub(crate) fn cancel(&mut self, peer: PeerId, scheduled: Option<Instant>) {
        if let Some(at) = scheduled {
            self.wakeups.remove(&(at, peer));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.wakeups.len()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.wakeups.first().map(|(at, _)| *at)
    }

    /// Takes out a peer whose wake-up is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<PeerId> {
        let (at, peer) = self.wakeups.first().copied()?;
        if at > now {
            return None;
        }
        self.wakeups.remove(&(at, peer));
        Some(peer)
    }
}
