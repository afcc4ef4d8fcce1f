//! What services and checks need of a network, be it the host's or the inside of a tunnel.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};

/// A way to open sockets.
pub(crate) trait Network {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    type Listener: Listener<Stream = Self::Stream>;
    type Udp: Udp;

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream>;

    /// Listens on every address of this end.
    async fn listen(&self, port: u16) -> io::Result<Self::Listener>;

    /// Opens a datagram socket for both families; port 0 is any.
    async fn udp(&self, port: u16) -> io::Result<Self::Udp>;
}

/// A TCP socket that takes connections.
pub(crate) trait Listener {
    type Stream;

    async fn accept(&mut self) -> io::Result<Self::Stream>;
}

/// A UDP socket.
pub(crate) trait Udp {
    async fn send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()>;

    /// Answers the length of the payload, in bytes, and where it came from.
    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
}
