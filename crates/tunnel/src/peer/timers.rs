//! The five timers of a peer and the events that move them.
//!
//! ```text
//!  timer                 set by                                cleared by
//!  retransmit handshake  initiation sent: 5 s + jitter         session confirmed
//!  passive keepalive     data received: 10 s                   anything authenticated sent, suspend
//!  new handshake         data sent: 15 s + jitter              anything authenticated received, suspend
//!  wipe keys             session derived: 540 s                keys wiped at suspend
//!  persistent keepalive  anything authenticated, either way    interval set to none
//! ```
//!
//! Source: WireGuard whitepaper §6.4, §6.5; Linux `timers.c`.

use core::time::Duration;

use wirecraft_time::Instant;

use crate::constants::{KEEPALIVE_TIMEOUT, REJECT_AFTER_TIME, REKEY_TIMEOUT};

/// How long after a session was derived its keys are wiped.
const WIPE_AFTER: Duration = REJECT_AFTER_TIME.saturating_mul(3);

/// The deadlines of one peer.
#[derive(Default)]
pub(crate) struct Timers {
    retransmit_handshake: Option<Instant>,
    passive_keepalive: Option<Instant>,
    /// More data came while the passive keepalive was pending: it is due once more afterwards.
    another_keepalive: bool,
    new_handshake: Option<Instant>,
    wipe_keys: Option<Instant>,
    persistent_keepalive: Option<Instant>,
}

/// A timer that has run out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    RetransmitHandshake,
    PassiveKeepalive,
    NewHandshake,
    WipeKeys,
    PersistentKeepalive,
}

impl Timers {
    /// The earliest deadline.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        [
            self.retransmit_handshake,
            self.passive_keepalive,
            self.new_handshake,
            self.wipe_keys,
            self.persistent_keepalive,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes one timer that has run out.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Due> {
        let timers = [
            (&mut self.wipe_keys, Due::WipeKeys),
            (&mut self.retransmit_handshake, Due::RetransmitHandshake),
            (&mut self.new_handshake, Due::NewHandshake),
            (&mut self.passive_keepalive, Due::PassiveKeepalive),
            (&mut self.persistent_keepalive, Due::PersistentKeepalive),
        ];
        for (timer, due) in timers {
            if timer.is_some_and(|at| at <= now) {
                *timer = None;
                return Some(due);
            }
        }
        None
    }

    pub(crate) fn data_sent(&mut self, now: Instant, jitter: impl FnOnce() -> Duration) {
        if self.new_handshake.is_none() {
            self.new_handshake = Some(now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + jitter());
        }
    }

    pub(crate) fn data_received(&mut self, now: Instant) {
        if self.passive_keepalive.is_some() {
            self.another_keepalive = true;
        } else {
            self.passive_keepalive = Some(now + KEEPALIVE_TIMEOUT);
        }
    }

    /// The passive keepalive went out; data that came meanwhile makes it due again.
    pub(crate) fn passive_keepalive_sent(&mut self, now: Instant) {
        if core::mem::take(&mut self.another_keepalive) {
            self.passive_keepalive = Some(now + KEEPALIVE_TIMEOUT);
        }
    }

    pub(crate) fn authenticated_sent(&mut self, now: Instant, persistent: Option<Duration>) {
        self.passive_keepalive = None;
        self.authenticated_either_way(now, persistent);
    }

    pub(crate) fn authenticated_received(&mut self, now: Instant, persistent: Option<Duration>) {
        self.new_handshake = None;
        self.authenticated_either_way(now, persistent);
    }

    fn authenticated_either_way(&mut self, now: Instant, persistent: Option<Duration>) {
        if let Some(interval) = persistent {
            self.persistent_keepalive = Some(now + interval);
        }
    }

    pub(crate) fn initiation_sent(&mut self, now: Instant, jitter: Duration) {
        self.retransmit_handshake = Some(now + REKEY_TIMEOUT + jitter);
    }

    /// An initiation was wanted sooner after a handshake message than is allowed: it is sent when it
    /// may be.
    pub(crate) fn initiation_deferred(&mut self, until: Instant, jitter: Duration) {
        if self.retransmit_handshake.is_none() {
            self.retransmit_handshake = Some(until + jitter);
        }
    }

    /// An initiation is wanted at `at`, if none is due before.
    pub(crate) fn initiation_wanted(&mut self, at: Instant) {
        let due = self.retransmit_handshake;
        self.retransmit_handshake = Some(due.map_or(at, |due| due.min(at)));
    }

    pub(crate) fn session_derived(&mut self, now: Instant) {
        self.wipe_keys = Some(now + WIPE_AFTER);
    }

    /// The keys were wiped before their time, as the machine slept: nothing is owed any more in a session
    /// that is gone, and the silence of that time says nothing of the peer.
    pub(crate) fn keys_wiped(&mut self) {
        self.wipe_keys = None;
        self.new_handshake = None;
        self.passive_keepalive = None;
        self.another_keepalive = false;
    }

    pub(crate) fn session_confirmed(&mut self) {
        self.retransmit_handshake = None;
    }

    /// The attempt at a handshake was given up: what is left of the last session is wiped in time.
    pub(crate) fn attempt_given_up(&mut self, now: Instant) {
        self.passive_keepalive = None;
        if self.wipe_keys.is_none() {
            self.wipe_keys = Some(now + WIPE_AFTER);
        }
    }

    /// The attempt at a handshake is not to be repeated.
    pub(crate) fn attempt_cancelled(&mut self) {
        self.retransmit_handshake = None;
    }

    /// Changes when the next persistent keepalive is due.
    pub(crate) fn set_persistent_keepalive(&mut self, at: Option<Instant>) {
        self.persistent_keepalive = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn a_timer_runs_out_once_and_not_before_its_time() {
        let mut timers = Timers::default();
        timers.initiation_sent(at(0), Duration::from_millis(100));
        assert_eq!(timers.take_due(at(5)), None);
        assert_eq!(timers.take_due(at(6)), Some(Due::RetransmitHandshake));
        assert_eq!(timers.take_due(at(600)), None);
    }

    #[test]
    fn data_sent_again_does_not_postpone_the_new_handshake() {
        let mut timers = Timers::default();
        timers.data_sent(at(0), || Duration::ZERO);
        timers.data_sent(at(14), || Duration::ZERO);
        assert_eq!(timers.earliest(), Some(at(15)));
    }

    #[test]
    fn anything_authenticated_from_the_peer_cancels_the_new_handshake() {
        let mut timers = Timers::default();
        timers.data_sent(at(0), || Duration::ZERO);
        timers.authenticated_received(at(1), None);
        assert_eq!(timers.earliest(), None);
    }

    #[test]
    fn data_that_comes_while_a_keepalive_is_pending_makes_it_due_once_more() {
        let mut timers = Timers::default();
        timers.data_received(at(0));
        timers.data_received(at(4));
        timers.data_received(at(8));
        assert_eq!(timers.take_due(at(10)), Some(Due::PassiveKeepalive));
        timers.passive_keepalive_sent(at(10));
        assert_eq!(timers.take_due(at(20)), Some(Due::PassiveKeepalive));
        timers.passive_keepalive_sent(at(20));
        assert_eq!(timers.earliest(), None);
    }

    #[test]
    fn traffic_either_way_postpones_the_persistent_keepalive() {
        let mut timers = Timers::default();
        let interval = Some(Duration::from_secs(25));
        timers.authenticated_sent(at(0), interval);
        timers.authenticated_received(at(20), interval);
        assert_eq!(timers.earliest(), Some(at(45)));
    }

    #[test]
    fn a_handshake_given_up_leaves_an_earlier_wipe_in_place() {
        let mut timers = Timers::default();
        timers.session_derived(at(0));
        timers.attempt_given_up(at(100));
        assert_eq!(timers.earliest(), Some(at(540)));
    }
}
