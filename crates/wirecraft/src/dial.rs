//! Connections by name: the name is looked up inside the network, then its addresses race.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::dns::{ResolveError, Resolver};
use crate::network::Network;

/// The head start of one address over the next.
///
/// Source: RFC 8305 §5 ("Connection Attempt Delay").
const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Opens connections to names and ports over a [`Network`].
#[derive(Debug, Clone)]
pub struct Dialer<N: Network> {
    network: N,
    resolver: Resolver<N>,
}

/// There is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DialError {
    /// The text names no host and port.
    #[error("expected HOST:PORT, found {text:?}")]
    Target {
        /// What was given.
        text: String,
    },
    /// The name has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No address of the name took the connection.
    #[error("{host}:{port}: cannot connect: {reason}")]
    Connect {
        /// The name or address that was called.
        host: String,
        /// The TCP port.
        port: u16,
        /// What the last attempt ended with.
        reason: io::Error,
    },
}

impl<N: Network> Dialer<N> {
    /// Joins a network with the resolver that stands on it.
    #[must_use]
    pub fn new(network: N, resolver: Resolver<N>) -> Self {
        Self { network, resolver }
    }

    /// The resolver that looks up names.
    #[must_use]
    pub fn resolver(&self) -> &Resolver<N> {
        &self.resolver
    }

    /// Opens a TCP connection to `port` of `host`, a name or an address.
    ///
    /// All addresses of a name are tried, each with a head start of 250 ms over the next (RFC 8305).
    ///
    /// # Errors
    /// [`DialError`] once every address failed.
    ///
    /// # Cancel safety
    /// Dropping the future gives all attempts up.
    pub async fn connect(&self, host: &str, port: u16) -> Result<N::Stream, DialError> {
        let addresses = self.resolver.addresses(host).await?;
        let targets = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect();
        race(&self.network, alternate_families(targets))
            .await
            .map_err(|reason| DialError::Connect {
                host: host.to_owned(),
                port,
                reason,
            })
    }
}

/// Orders addresses so that the families take turns, the family of the first address first.
fn alternate_families(targets: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = targets.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = targets
        .into_iter()
        .partition(|target| target.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut order = Vec::with_capacity(first.len() + second.len());
    for target in first {
        order.push(target);
        order.extend(second.next());
    }
    order.extend(second);
    order
}

/// Starts an attempt whenever the last one failed or used up its head start; the first connection wins.
async fn race<N: Network>(network: &N, targets: Vec<SocketAddr>) -> io::Result<N::Stream> {
    let mut waiting = targets.into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(target) => drop(attempts.spawn(network.connect(target))),
            None if attempts.is_empty() => return Err(last_error),
            None => {}
        }
        let finished = if waiting.len() > 0 {
            timeout(CONNECTION_ATTEMPT_DELAY, attempts.join_next())
                .await
                .unwrap_or(None)
        } else {
            attempts.join_next().await
        };
        match finished {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last_error = error,
            Some(Err(stopped)) => last_error = io::Error::other(stopped),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_the_first_stays_first() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a, b, c, d] = [
            parse("[::1]:1"),
            parse("[::2]:1"),
            parse("[::3]:1"),
            parse("127.0.0.1:1"),
        ];
        assert_eq!(alternate_families(vec![a, b, c, d]), [a, d, b, c]);
        assert_eq!(alternate_families(vec![d, a, b]), [d, a, b]);
        assert_eq!(alternate_families(vec![]), []);
    }
}
