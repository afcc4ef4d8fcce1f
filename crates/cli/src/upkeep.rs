//! A tunnel that a command serves through: it is called again and again, and its state is told.

use std::time::Duration;

use tokio::time::{interval, sleep};
use wirecraft::{Event, Tunnel};

use crate::arguments::Verbosity;
use crate::output;

/// The time from one call of silent peers to the next. The endpoint itself repeats initiations meanwhile.
const CALL_INTERVAL: Duration = Duration::from_secs(10);

/// Calls the peers of `tunnel` and goes on while nobody answers, until the tunnel is closed.
///
/// Tells when the tunnel comes up, and when it has been silent for `patience`.
pub(crate) async fn keep_up(tunnel: &Tunnel, patience: Duration, verbosity: Verbosity) {
    let mut events = tunnel.events();
    let mut state = State::Waiting;
    let mut calls = interval(CALL_INTERVAL);
    let patience_ends = sleep(patience);
    tokio::pin!(patience_ends);
    loop {
        tokio::select! {
            _ = calls.tick() => {
                if state != State::Up && tunnel.start_handshakes().await.is_err() {
                    return;
                }
            }
            () = &mut patience_ends, if !patience_ends.is_elapsed() => {
                if state == State::Waiting {
                    tell(verbosity, &silence(tunnel).await);
                }
            }
            event = events.next() => {
                let Some(event) = event else { return };
                let next = state.after(event);
                if let Some(text) = state.change_to(next) {
                    tell(verbosity, text);
                }
                state = next;
            }
        }
    }
}

/// What is known of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has answered yet.
    Waiting,
    Up,
    Lost,
}

impl State {
    fn after(self, event: Event) -> Self {
        match (self, event) {
            (_, Event::PeerUp { .. }) => Self::Up,
            (Self::Up, Event::ConnectionLost { .. } | Event::HandshakeFailed { .. }) => Self::Lost,
            (state, _) => state,
        }
    }

    /// What there is to tell when the state changes.
    fn change_to(self, next: Self) -> Option<&'static str> {
        match (self, next) {
            (Self::Waiting, Self::Up) => Some("the tunnel is up"),
            (Self::Lost, Self::Up) => Some("the tunnel is up again"),
            (Self::Up, Self::Lost) => Some("the tunnel is silent; still trying"),
            _ => None,
        }
    }
}

async fn silence(tunnel: &Tunnel) -> String {
    let peers = tunnel.status().await.map(|status| status.peers);
    let endpoints: Vec<String> = peers
        .unwrap_or_default()
        .iter()
        .filter_map(|peer| Some(peer.endpoint?.to_string()))
        .collect();
    if endpoints.is_empty() {
        return "no peer has a known endpoint yet; still trying".to_owned();
    }
    format!("no answer from {}; still trying", endpoints.join(", "))
}

fn tell(verbosity: Verbosity, text: &str) {
    if !verbosity.is_quiet() {
        output::remark(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_is_told_once() {
        assert_eq!(
            State::Waiting.change_to(State::Up),
            Some("the tunnel is up")
        );
        assert_eq!(State::Up.change_to(State::Up), None);
        assert_eq!(State::Waiting.change_to(State::Waiting), None);
        assert!(State::Up.change_to(State::Lost).is_some());
        assert!(State::Lost.change_to(State::Up).is_some());
    }
}
