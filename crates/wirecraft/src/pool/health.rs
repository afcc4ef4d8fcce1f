//! How exits are found dead, and found again.
//!
//! ```text
//!             answers                 silent for `interval`          no answer within `patience`
//!  Starting ----------> Up (checked) ----------------------> called -----------------------------> Down
//!                        ^   ^ anything received within the interval     |                           |
//!                        |   '-------------------------------------------'                           |
//!                        '------------- answers; meanwhile called at growing intervals --------------'
//! ```
//!
//! The call is a handshake: every peer answers it, and nothing behind the peer is needed for it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use wirecraft_tunnel::Event;

use super::exit::{Exit, ExitState};
use crate::tunnel::Tunnel;

/// When exits are called, and how long they may take to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthOptions {
    /// How long an exit may be silent before it is called. 10 s; at least 6 s, as handshakes have their pace.
    pub interval: Duration,
    /// How long it may take to answer the call. 6 s: time for a second initiation, should one get lost.
    pub patience: Duration,
    /// The longest time from one call of a dead exit to the next; the first are 5 s apart, and double. 60 s.
    pub retry_interval_max: Duration,
}

impl Default for HealthOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            patience: Duration::from_secs(6),
            retry_interval_max: Duration::from_secs(60),
        }
    }
}

/// The first interval between calls of a dead exit.
const RETRY_INTERVAL_MIN: Duration = Duration::from_secs(5);

/// The least interval between checks: initiations to a peer are 5 s apart, or are not sent.
const CHECK_INTERVAL_MIN: Duration = Duration::from_secs(6);

/// Looks after an exit until it is gone.
pub(super) async fn watch(
    exit: Weak<Exit>,
    tunnel: Tunnel,
    options: HealthOptions,
    is_alone: impl Fn() -> bool,
) {
    let mut events = tunnel.events();
    let mut pulse = Pulse::new(tunnel.clone(), options);
    pulse.call().await;
    loop {
        let event = tokio::select! {
            event = events.next() => match event {
                Some(event) => Some(event),
                None => break,
            },
            () = sleep_until(pulse.look_at) => None,
        };
        let Some(exit) = exit.upgrade() else { return };
        match event {
            Some(event) => pulse.take_note(&exit, &event),
            None => pulse.look(&exit, is_alone()).await,
        }
    }
    if let Some(exit) = exit.upgrade() {
        exit.set_state(ExitState::Down);
    }
}

/// What was heard of an exit, and when to look again.
struct Pulse {
    tunnel: Tunnel,
    options: HealthOptions,
    look_at: Instant,
    /// Bytes received from its peers at the last look.
    received_len: u64,
    /// Whether it was called and has not answered yet.
    is_called: bool,
    retry_interval: Duration,
}

impl Pulse {
    fn new(tunnel: Tunnel, options: HealthOptions) -> Self {
        Self {
            tunnel,
            look_at: Instant::now() + options.patience,
            options,
            received_len: 0,
            is_called: false,
            retry_interval: RETRY_INTERVAL_MIN,
        }
    }

    fn take_note(&mut self, exit: &Arc<Exit>, event: &Event) {
        match event {
            Event::PeerUp { .. } => self.answered(exit),
            Event::ConnectionLost { .. } | Event::HandshakeFailed { .. }
                if exit.state() == ExitState::Up =>
            {
                self.fell_silent(exit);
            }
            _ => {}
        }
    }

    fn answered(&mut self, exit: &Exit) {
        self.is_called = false;
        self.retry_interval = RETRY_INTERVAL_MIN;
        self.look_at = Instant::now() + self.options.interval.max(CHECK_INTERVAL_MIN);
        exit.set_state(ExitState::Up);
    }

    fn fell_silent(&mut self, exit: &Exit) {
        self.is_called = false;
        self.look_at = Instant::now() + self.retry_interval;
        exit.set_state(ExitState::Down);
    }

    /// The time for a look has come.
    async fn look(&mut self, exit: &Exit, is_alone: bool) {
        if exit.state() != ExitState::Up {
            self.retry_interval = (self.retry_interval * 2).min(self.options.retry_interval_max);
            self.look_at = Instant::now() + self.retry_interval;
            self.call().await;
            return;
        }
        let received_len = self.received_len().await;
        let is_heard = received_len != self.received_len;
        self.received_len = received_len;
        if is_heard || is_alone {
            self.is_called = false;
            self.look_at = Instant::now() + self.options.interval.max(CHECK_INTERVAL_MIN);
        } else if self.is_called {
            self.fell_silent(exit);
        } else {
            self.is_called = true;
            self.look_at = Instant::now() + self.options.patience;
            self.call().await;
        }
    }

    async fn call(&self) {
        // A tunnel that is closed is noticed by the end of its events.
        let _ = self.tunnel.start_handshakes().await;
    }

    async fn received_len(&self) -> u64 {
        let peers = self.tunnel.status().await.map(|status| status.peers);
        let received = |peers: Vec<_>| {
            let lens = peers
                .iter()
                .map(|peer: &wirecraft_tunnel::PeerStatus| peer.traffic.received_len);
            lens.sum()
        };
        peers.map_or(0, received)
    }
}
