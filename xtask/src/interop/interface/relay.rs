//! A program on a host between the ends that passes datagrams on, and forgets as a router with NAT does.

use crate::interop::journal::Journal;
use crate::interop::network::Host;
use crate::interop::node::Programs;
use crate::interop::process::Process;
use anyhow::Result;
use std::net::SocketAddr;
use std::time::Duration;

/// A relay on a host; it is killed when this is dropped.
pub(super) struct Relay(Process);

impl Relay {
    /// Passes what comes to `listen` on to `to`, each sender from a port of its own, and answers back;
    /// a sender that nothing passed for during `forget` is forgotten, and its port closed.
    pub(super) fn start(
        host: &Host,
        (listen, to): (SocketAddr, SocketAddr),
        forget: Duration,
        (programs, journal): (&Programs, &Journal),
    ) -> Result<Self> {
        let mut command = host.command(&programs.interop_peer);
        command.args(["relay", &listen.to_string(), &to.to_string()]);
        command.arg(forget.as_millis().to_string());
        let relay = Process::start("relay", command, journal)?;
        relay.wait_for_line("ready", Duration::from_secs(10))?;
        Ok(Self(relay))
    }

    /// Waits until it hears of somebody it does not know.
    pub(super) fn wait_for_sender(&self, within: Duration) -> Result<()> {
        self.0.wait_for_line("sender", within)
    }
}
