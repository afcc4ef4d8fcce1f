//! The signals of a program that serves until it is asked to end.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that are listened to, from when this is made.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT. SIGHUP is passed over: an interface outlives the terminal that it was
    /// made from, and another configuration comes by `wg syncconf`.
    pub(super) async fn asked_to_end(&mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    tracing::info!(target: "wirecraft", "SIGHUP passed over: use wg syncconf");
                }
            }
        }
    }
}
