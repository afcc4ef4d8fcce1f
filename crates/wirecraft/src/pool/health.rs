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
use wirecraft_tunnel::{Event, PeerId, PeerStatus};

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
    /// The longest time from one call of a dead exit to the next; the first are 10 s apart, and double. 60 s.
    /// Each call is given up after [`patience`](Self::patience).
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
const RETRY_INTERVAL_MIN: Duration = Duration::from_secs(10);

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
            Some(event) => pulse.take_note(&exit, &event).await,
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
    /// Those of its peers that fell silent.
    silent: Vec<PeerId>,
}

impl Pulse {
    fn new(tunnel: Tunnel, options: HealthOptions) -> Self {
        Self {
            tunnel,
            look_at: Instant::now() + options.patience,
            options,
            received_len: 0,
            is_called: true,
            retry_interval: RETRY_INTERVAL_MIN,
            silent: Vec::new(),
        }
    }

    async fn take_note(&mut self, exit: &Arc<Exit>, event: &Event) {
        match event {
            Event::PeerUp { peer } => {
                self.silent.retain(|known| known != peer);
                self.answered(exit);
            }
            Event::ConnectionLost { peer } | Event::HandshakeFailed { peer }
                if exit.state() == ExitState::Up =>
            {
                if !self.silent.contains(peer) {
                    self.silent.push(*peer);
                }
                // An exit with several peers lives as long as one of them does.
                if self.silent.len() >= self.peers().await.len() {
                    self.fell_silent(exit);
                }
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
        // Whoever found the silence has called already.
        self.is_called = true;
        self.look_at = Instant::now() + self.options.patience;
        exit.set_state(ExitState::Down);
    }

    /// The time for a look has come.
    async fn look(&mut self, exit: &Exit, is_alone: bool) {
        if exit.state() != ExitState::Up {
            self.look_at = Instant::now() + self.next_wait();
            if self.is_called {
                self.call().await;
            } else if !is_alone {
                // The endpoint would go on for 90 s by itself.
                let _ = self.tunnel.cancel_handshakes().await;
            }
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

    /// Goes from a call of a dead exit to the pause after it, or from the pause to the next call; returns how
    /// long that lasts.
    fn next_wait(&mut self) -> Duration {
        let patience = self.options.patience;
        self.is_called = !self.is_called;
        if self.is_called {
            return patience;
        }
        let pause = self.retry_interval.saturating_sub(patience);
        self.retry_interval = (self.retry_interval * 2).min(self.options.retry_interval_max);
        pause
    }

    async fn call(&self) {
        // A tunnel that is closed is noticed by the end of its events.
        let _ = self.tunnel.start_handshakes().await;
    }

    async fn received_len(&self) -> u64 {
        let peers = self.peers().await;
        peers.iter().map(|peer| peer.traffic.received_len).sum()
    }

    async fn peers(&self) -> Vec<PeerStatus> {
        let status = self.tunnel.status().await;
        status.map(|status| status.peers).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, PeerConfig};
    use wirecraft_net::SystemEntropy;
    use wirecraft_noise_handshake::PrivateKey;

    async fn pulse() -> Pulse {
        let mut entropy = SystemEntropy::default();
        let mut config = Config::new(PrivateKey::generate(&mut entropy));
        let peer = PrivateKey::generate(&mut entropy).public_key();
        config.peers.push(PeerConfig::new(peer));
        let tunnel = Tunnel::listen(config).await.unwrap();
        Pulse::new(tunnel, HealthOptions::default())
    }

    #[tokio::test]
    async fn calls_of_a_dead_exit_become_rare() {
        let mut pulse = pulse().await;
        // The first call was made at the start, and has had its time.
        let (mut now, mut calls) = (pulse.options.patience, vec![0]);
        while now < Duration::from_secs(600) {
            let wait = pulse.next_wait();
            if pulse.is_called {
                calls.push(now.as_secs());
            }
            now += wait;
        }
        assert_eq!(
            calls,
            [0, 10, 30, 70, 130, 190, 250, 310, 370, 430, 490, 550]
        );
    }
}
