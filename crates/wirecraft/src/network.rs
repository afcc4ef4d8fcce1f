//! What name resolution and HTTP stand on: addresses to connect to and datagrams to send.
//!
//! The tunnel is a [`Network`]. Tests put the loopback interface in its place.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

/// A future of a [`Network`], which holds what it needs of it.
pub type NetworkFuture<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A place where TCP connections and UDP sockets come from.
pub trait Network: Clone + Send + Sync + Unpin + 'static {
    /// A TCP connection.
    type Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static;
    /// An unconnected UDP socket.
    type Datagrams: Datagrams;

    /// Opens a TCP connection to `to`.
    fn connect(&self, to: SocketAddr) -> NetworkFuture<Self::Stream>;

    /// Binds a UDP socket to `local`; an unspecified address and port 0 leave the choice to the network.
    fn bind(&self, local: SocketAddr) -> NetworkFuture<Self::Datagrams>;
}

/// An unconnected UDP socket.
pub trait Datagrams: Send + Sync + Unpin + 'static {
    /// Receives one datagram into `buffer`: its length in bytes, cut where the buffer ends, and its source.
    ///
    /// # Errors
    /// Whatever ended the socket.
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>>;

    /// Sends `datagram` to `to`; `Ready` with its length in bytes once it is queued.
    ///
    /// # Errors
    /// A datagram that cannot be sent: too long, or no way to `to`.
    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>>;
}
