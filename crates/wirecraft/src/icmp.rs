//! Ping through the tunnel.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use wirecraft_netstack::{EchoReply, EchoRequest};

use crate::socket_error::SocketError;
use crate::stack::{EchoSide, Shared};

/// How a ping is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingOptions {
    /// The number by which replies are told apart; not that of another ping under way.
    pub sequence: u16,
    /// The length of the payload in bytes. 56, as `ping` has it.
    pub payload_len: usize,
    /// The time to live, or hop limit. 64.
    pub hop_limit: u8,
    /// How long to wait for the reply. 5 seconds.
    pub timeout: Duration,
}

impl Default for PingOptions {
    fn default() -> Self {
        Self {
            sequence: 1,
            payload_len: 56,
            hop_limit: 64,
            timeout: Duration::from_secs(5),
        }
    }
}

/// Sends pings to one host, under an identifier of its own.
pub struct Pinger {
    shared: Arc<Shared<EchoSide>>,
    source: IpAddr,
    destination: IpAddr,
}

impl Pinger {
    pub(crate) const fn new(
        shared: Arc<Shared<EchoSide>>,
        source: IpAddr,
        destination: IpAddr,
    ) -> Self {
        Self {
            shared,
            source,
            destination,
        }
    }

    /// Sends one ping and waits for what comes back. Several may be under way.
    ///
    /// # Errors
    /// [`SocketError::NoPeer`], [`SocketError::NoEndpoint`]; [`SocketError::Echo`] without a reply;
    /// [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// The ping may have been sent; its reply is ignored.
    pub async fn ping(&self, options: PingOptions) -> Result<EchoReply, SocketError> {
        let request = EchoRequest {
            source: self.source,
            destination: self.destination,
            sequence: options.sequence,
            payload_len: options.payload_len,
            hop_limit: options.hop_limit,
            timeout: options.timeout,
        };
        let requested = self.shared.lock().endpoint.request(request);
        requested.map_err(|error| SocketError::of_echo(self.destination, error))?;
        let waiting = Waiting {
            shared: &self.shared,
            sequence: options.sequence,
        };
        self.shared.notify();
        let outcome = poll_fn(|cx| {
            self.shared
                .lock()
                .endpoint
                .poll_outcome(cx, options.sequence)
        })
        .await;
        drop(waiting);
        outcome.map_err(|error| SocketError::of_echo(self.destination, error))
    }

    /// Returns the host that is pinged.
    #[must_use]
    pub const fn destination(&self) -> IpAddr {
        self.destination
    }

    /// Returns the address that pings are sent from.
    #[must_use]
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// Returns the identifier of the pings.
    #[must_use]
    pub fn identifier(&self) -> u16 {
        self.shared.lock().endpoint.identifier()
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.shared.lock().endpoint.close();
        self.shared.notify();
    }
}

impl fmt::Debug for Pinger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinger")
            .field("source", &self.source)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

/// Forgets a ping when nobody waits for it any more.
struct Waiting<'a> {
    shared: &'a Arc<Shared<EchoSide>>,
    sequence: u16,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.lock().endpoint.forget(self.sequence);
    }
}
