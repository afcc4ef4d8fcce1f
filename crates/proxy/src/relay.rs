//! Bytes both ways between a connection on the host and one in the tunnel.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirecraft::{Lease, ReadHalf, TcpStream, WriteHalf};

use crate::buffers::Buffers;
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

    fn count(&self, up: usize, down: usize) {
        let (up, down) = (up as u64, down as u64);
        self.up.fetch_add(up, Ordering::Relaxed);
        self.down.fetch_add(down, Ordering::Relaxed);
        if let Some(exit) = self.exit {
            exit.count(up, down);
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

/// Moves bytes both ways until both directions have ended; `early` is what the host has sent already.
///
/// A direction that ends is ended on the other side, and the other one goes on. A failure of one side resets the other.
pub(crate) async fn relay(
    host: HostStream,
    early: &[u8],
    tunnel: TcpStream,
    buffers: &Buffers,
    moved: &Moved<'_>,
) -> io::Result<()> {
    tunnel.set_nodelay(true);
    let (mut reader, mut writer) = tunnel.into_split();
    let sending = async {
        writer.write_all(early).await?;
        moved.count(early.len(), 0);
        up(&host, &mut writer, buffers, moved).await
    };
    let relayed = tokio::try_join!(sending, down(&mut reader, &host, buffers, moved));
    if relayed.is_err() {
        writer.abort();
        host.reset();
    }
    relayed.map(|_| ())
}

async fn up(
    host: &HostStream,
    tunnel: &mut WriteHalf,
    buffers: &Buffers,
    moved: &Moved<'_>,
) -> io::Result<()> {
    loop {
        host.readable().await?;
        let mut buffer = buffers.take();
        let len = match host.try_read(&mut buffer) {
            Ok(0) => return tunnel.shutdown().await,
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        tunnel.write_all(&buffer).await?;
        moved.count(len, 0);
    }
}

async fn down(
    tunnel: &mut ReadHalf,
    host: &HostStream,
    buffers: &Buffers,
    moved: &Moved<'_>,
) -> io::Result<()> {
    loop {
        tunnel.readable().await;
        let mut buffer = buffers.take();
        let len = tunnel.read_buf(&mut *buffer).await?;
        if len == 0 {
            return host.shutdown();
        }
        host.write_all(&buffer).await?;
        moved.count(0, len);
    }
}
