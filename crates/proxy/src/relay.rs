//! Bytes both ways between a connection on the host and one in the tunnel.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt;
use wirecraft::relay::{Tally, both_ways};
use wirecraft::{Lease, TcpStream};

use crate::host::HostStream;

/// Bytes that a connection has moved.
#[derive(Debug, Default)]
pub(crate) struct Moved<'a> {
    /// Into the tunnel.
    up: AtomicU64,
    /// Out of the tunnel.
    down: AtomicU64,
    /// The exit whose bytes they are.
    exit: Option<&'a Lease>,
}

impl<'a> Moved<'a> {
    /// Counts for an exit, if there are several.
    pub(crate) fn of(exit: Option<&'a Lease>) -> Self {
        Self {
            exit,
            ..Self::default()
        }
    }

    /// Returns the bytes into the tunnel.
    pub(crate) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// Returns the bytes out of the tunnel.
    pub(crate) fn down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }
}

impl Tally for Moved<'_> {
    fn add(&self, into_tunnel: u64, out_of_tunnel: u64) {
        self.up.fetch_add(into_tunnel, Ordering::Relaxed);
        self.down.fetch_add(out_of_tunnel, Ordering::Relaxed);
        if let Some(exit) = self.exit {
            exit.count(into_tunnel, out_of_tunnel);
        }
    }
}

/// Moves bytes both ways until both directions have ended; `early` is what the host has sent already.
///
/// A direction that ends is ended on the other side, and the other one goes on. A failure of one side resets the other.
pub(crate) async fn relay(
    host: HostStream,
    early: &[u8],
    mut tunnel: TcpStream,
    moved: &Moved<'_>,
) -> io::Result<()> {
    tunnel.set_nodelay(true);
    let relayed = async {
        tunnel.write_all(early).await?;
        moved.add(early.len() as u64, 0);
        both_ways(&tunnel, &mut host.end(), moved).await
    };
    let relayed = relayed.await;
    if relayed.is_err() {
        tunnel.abort();
        host.reset();
    }
    relayed
}
