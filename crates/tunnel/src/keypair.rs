//! Keypairs, and the three slots a peer keeps them in.
//!
//! ```text
//!  initiator:  a response was read        current -> previous, new -> current
//!  responder:  an initiation was answered new -> next        (previous is dropped)
//!  responder:  first packet on next       current -> previous, next -> current
//! ```
//!
//! If both sides begin a handshake at once, each is the initiator of one keypair and the responder of
//! another, and each would go on sealing with its own. That works until a renewal pushes out the one
//! that the other side still uses. So they agree on one:
//!
//! ```text
//!  initiator:  a response was read, and next crossed it  next -> previous, new -> current
//!  either:     a packet on previous, which crossed       previous <-> current, if previous has
//!              current                                   the smaller initiator's index
//! ```
//!
//! Source: WireGuard whitepaper §6.3; Linux `noise.c:add_new_keypair`, `wg_noise_received_with_keypair`.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use wirecraft_noise_handshake::{AeadPath, OpeningKey, SealingKey, TransportKeys};
use wirecraft_time::Instant;
use wirecraft_wire_format::{Counter, Index};

use crate::constants::{
    KEEPALIVE_TIMEOUT, REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME, REKEY_AFTER_MESSAGES,
    REKEY_AFTER_TIME, REKEY_TIMEOUT,
};
use crate::index_table::IndexTable;
use crate::replay::ReplayWindow;

/// The initiator of a keypair of this age starts a new handshake when it receives (§6.2).
const REKEY_ON_RECEIVE_AFTER_TIME: Duration = REJECT_AFTER_TIME
    .saturating_sub(KEEPALIVE_TIMEOUT)
    .saturating_sub(REKEY_TIMEOUT);

/// Who began the handshake that a keypair came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Initiator,
    Responder,
}

/// The keys of one session in both directions, with what guards their use.
pub(crate) struct Keypair {
    pub(crate) local_index: Index,
    pub(crate) remote_index: Index,
    pub(crate) role: Role,
    pub(crate) created_at: Instant,
    pub(crate) sealing: SealingKey,
    pub(crate) opening: OpeningKey,
    pub(crate) counters: SendCounters,
    pub(crate) replay: ReplayWindow,
    /// The private key changed since: what is on the way may arrive, but nothing more is sent.
    retired: bool,
}

impl Keypair {
    pub(crate) fn new(
        role: Role,
        local_index: Index,
        remote_index: Index,
        keys: TransportKeys,
        created_at: Instant,
    ) -> Self {
        Self {
            local_index,
            remote_index,
            role,
            created_at,
            sealing: keys.sealing,
            opening: keys.opening,
            counters: SendCounters::new(),
            replay: ReplayWindow::new(),
            retired: false,
        }
    }

    /// Has `path`, or what is there below it, work on batches.
    pub(crate) fn limit_to(&mut self, path: AeadPath) {
        self.sealing.limit_to(path);
        self.opening.limit_to(path);
    }

    /// Reads a little of each place that opening a datagram needs.
    pub(crate) fn fetch(&self) -> u64 {
        let path = self.opening.path();
        self.replay.newest_word()
            ^ u64::from(self.is_expired(self.created_at))
            ^ u64::from(path == AeadPath::Single)
    }

    /// Whether the keypair is too old to be used (whitepaper §6.1).
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        now.since(self.created_at) >= REJECT_AFTER_TIME
    }

    fn may_seal(&self, now: Instant) -> bool {
        !self.retired && !self.is_expired(now) && !self.counters.is_exhausted()
    }

    /// Whether this keypair and another come from handshakes that both sides began at once.
    ///
    /// Otherwise neither side begins one within [`REKEY_TIMEOUT`] of another.
    fn crossed(&self, other: &Self) -> bool {
        let apart = self.created_at.since(other.created_at);
        let apart = apart.max(other.created_at.since(self.created_at));
        self.role != other.role && apart < REKEY_TIMEOUT
    }

    /// The sender index of the initiation, which both sides know.
    const fn initiator_index(&self) -> Index {
        match self.role {
            Role::Initiator => self.local_index,
            Role::Responder => self.remote_index,
        }
    }

    /// Whether the next packet that is sent should start a new handshake (whitepaper §6.2).
    pub(crate) fn wants_rekey_on_send(&self, now: Instant) -> bool {
        self.counters.used() > REKEY_AFTER_MESSAGES
            || (self.role == Role::Initiator && now.since(self.created_at) >= REKEY_AFTER_TIME)
    }

    /// Whether the next packet that is received should start a new handshake: an initiator that only
    /// receives renews the keypair before it dies (whitepaper §6.2).
    pub(crate) fn wants_rekey_on_receive(&self, now: Instant) -> bool {
        let is_late = now.since(self.created_at) >= REKEY_ON_RECEIVE_AFTER_TIME;
        !self.retired && self.role == Role::Initiator && is_late
    }
}

/// Hands out each counter of a keypair once.
pub(crate) struct SendCounters(AtomicU64);

impl SendCounters {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes up to `count` counters: the first one and how many, `None` if none are left.
    pub(crate) fn take(&self, count: usize) -> Option<(Counter, usize)> {
        let wanted = u64::try_from(count).unwrap_or(u64::MAX);
        let advance = |used: u64| {
            let after = used.saturating_add(wanted).min(REJECT_AFTER_MESSAGES);
            (after > used).then_some(after)
        };
        let first = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance)
            .ok()?;
        let granted = usize::try_from(REJECT_AFTER_MESSAGES - first).unwrap_or(usize::MAX);
        Some((Counter::new(first), granted.min(count)))
    }

    fn used(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn is_exhausted(&self) -> bool {
        self.used() >= REJECT_AFTER_MESSAGES
    }

    #[cfg(test)]
    pub(crate) const fn starting_at(used: u64) -> Self {
        Self(AtomicU64::new(used))
    }
}

/// The keypairs of a peer.
#[derive(Default)]
pub(crate) struct Keypairs {
    previous: Option<Box<Keypair>>,
    current: Option<Box<Keypair>>,
    next: Option<Box<Keypair>>,
}

impl Keypairs {
    /// The keypair to seal with, if it may still be used.
    pub(crate) fn sealing(&self, now: Instant) -> Option<&Keypair> {
        self.current
            .as_deref()
            .filter(|keypair| keypair.may_seal(now))
    }

    pub(crate) fn current(&self) -> Option<&Keypair> {
        self.current.as_deref()
    }

    #[cfg(test)]
    pub(crate) fn current_mut(&mut self) -> Option<&mut Keypair> {
        self.current.as_deref_mut()
    }

    pub(crate) fn peek(&self, local_index: Index) -> Option<&Keypair> {
        [&self.current, &self.previous, &self.next]
            .into_iter()
            .filter_map(|slot| slot.as_deref())
            .find(|keypair| keypair.local_index == local_index)
    }

    pub(crate) fn find(&mut self, local_index: Index) -> Option<&mut Keypair> {
        [&mut self.current, &mut self.previous, &mut self.next]
            .into_iter()
            .filter_map(|slot| slot.as_deref_mut())
            .find(|keypair| keypair.local_index == local_index)
    }

    /// Puts a new keypair into its slot and releases the indices of those it pushes out.
    pub(crate) fn install(&mut self, keypair: Box<Keypair>, indices: &mut IndexTable) {
        match keypair.role {
            Role::Initiator => self.install_confirmed(keypair, indices),
            Role::Responder => {
                release(self.next.replace(keypair), indices);
                release(self.previous.take(), indices);
            }
        }
    }

    /// A keypair whose response was read is known to both sides: it is used at once.
    ///
    /// Of the two that it pushes out, the one stays that the other side may use next: that of its own
    /// handshake if both were under way together, the current one otherwise.
    fn install_confirmed(&mut self, keypair: Box<Keypair>, indices: &mut IndexTable) {
        let unconfirmed = self.next.take();
        let is_crossed = unconfirmed
            .as_ref()
            .is_some_and(|unconfirmed| keypair.crossed(unconfirmed));
        let former = self.current.replace(keypair);
        let (demoted, dropped) = if is_crossed {
            (unconfirmed, former)
        } else {
            (former, unconfirmed)
        };
        release(dropped, indices);
        release(core::mem::replace(&mut self.previous, demoted), indices);
    }

    /// Takes note of an authenticated packet on a keypair: the first one on the next keypair
    /// confirms it. Says whether it did.
    pub(crate) fn confirm(&mut self, local_index: Index, indices: &mut IndexTable) -> bool {
        self.agree_on_crossed(local_index);
        if self
            .next
            .as_deref()
            .is_none_or(|next| next.local_index != local_index)
        {
            return false;
        }
        let demoted = self.current.take();
        release(core::mem::replace(&mut self.previous, demoted), indices);
        self.current = self.next.take();
        true
    }

    /// Sees to it that both sides seal with the same keypair after handshakes that crossed: a packet
    /// on the previous one shows that the other side has both as well.
    fn agree_on_crossed(&mut self, local_index: Index) {
        let (Some(current), Some(previous)) = (&mut self.current, &mut self.previous) else {
            return;
        };
        if previous.local_index == local_index
            && previous.crossed(current)
            && !previous.retired
            && previous.initiator_index() < current.initiator_index()
        {
            core::mem::swap(current, previous);
        }
    }

    /// Bars all keypairs from sealing (the private key changed).
    pub(crate) fn retire(&mut self) {
        for keypair in [&mut self.previous, &mut self.current, &mut self.next]
            .into_iter()
            .flatten()
        {
            keypair.retired = true;
        }
    }

    /// Drops all keypairs; says whether there were any.
    pub(crate) fn clear(&mut self, indices: &mut IndexTable) -> bool {
        let slots = [self.previous.take(), self.current.take(), self.next.take()];
        let any = slots.iter().any(Option::is_some);
        for slot in slots {
            release(slot, indices);
        }
        any
    }
}

fn release(keypair: Option<Box<Keypair>>, indices: &mut IndexTable) {
    if let Some(keypair) = keypair {
        indices.release(keypair.local_index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_handed_out_once_and_end_at_the_limit() {
        let counters = SendCounters::new();
        assert_eq!(counters.take(3), Some((Counter::new(0), 3)));
        assert_eq!(counters.take(1), Some((Counter::new(3), 1)));
        let counters = SendCounters::starting_at(REJECT_AFTER_MESSAGES - 2);
        assert_eq!(
            counters.take(5),
            Some((Counter::new(REJECT_AFTER_MESSAGES - 2), 2))
        );
        assert_eq!(counters.take(1), None);
        assert!(counters.is_exhausted());
    }

    #[test]
    fn counters_taken_from_several_threads_never_repeat() {
        let counters = SendCounters::new();
        let mut taken: Vec<u64> = std::thread::scope(|scope| {
            let take_many = || {
                (0..1000)
                    .filter_map(|_| counters.take(1))
                    .map(|(first, _)| first.value())
                    .collect()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take_many)).collect();
            threads
                .into_iter()
                .flat_map(|thread| -> Vec<u64> { thread.join().unwrap() })
                .collect()
        });
        taken.sort_unstable();
        assert_eq!(taken, (0..4000).collect::<Vec<_>>());
    }
}
