//! TCP streams and listeners in the tunnel.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wirecraft_netstack::{Binding, FourTuple, Listener, TcpError};

use crate::socket_error::SocketError;
use crate::stack::{Now, Shared, TcpSide};

/// A TCP connection through the tunnel.
///
/// Dropping it goes on delivering what was written for up to a minute, as long as the tunnel
/// stays up, and resets the connection if received data was left unread.
pub struct TcpStream(Arc<StreamInner>);

struct StreamInner {
    shared: Arc<Shared<TcpSide>>,
    local: SocketAddr,
    peer: SocketAddr,
    now: Now,
}

impl TcpStream {
    pub(crate) fn new(shared: Arc<Shared<TcpSide>>, tuple: FourTuple, now: Now) -> Self {
        Self(Arc::new(StreamInner {
            shared,
            local: tuple.local(),
            peer: tuple.remote(),
            now,
        }))
    }

    /// Waits for the handshake to end.
    pub(crate) async fn established(&self) -> Result<(), SocketError> {
        let established = poll_fn(|cx| self.0.shared.lock().connection.poll_established(cx)).await;
        established.map_err(|error| SocketError::of_tcp(self.0.peer.ip(), error))
    }

    /// Returns the address and port of this end.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    /// Returns the address and port of the other end.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.peer
    }

    /// Returns how many bytes may wait in it, both directions together: fewer, the more connections there are.
    #[must_use]
    pub fn buffers_len(&self) -> usize {
        self.0.shared.lock().connection.buffers_len()
    }

    /// Sets whether small writes are sent at once, without waiting for acknowledgements of earlier ones.
    pub fn set_nodelay(&self, nodelay: bool) {
        self.0.shared.lock().connection.set_nagle(!nodelay);
        self.0.shared.notify();
    }

    /// Sets the interval of keepalive probes while the connection is idle; `None`, as at first, sends none.
    ///
    /// The connection fails once nothing was heard for the [user timeout](Self::set_user_timeout).
    pub fn set_keepalive(&self, interval: Option<Duration>) {
        self.0.shared.lock().connection.set_keepalive(interval);
        self.0.shared.notify();
    }

    /// Sets how long sent data may stay unacknowledged while nothing is heard; 5 minutes at first.
    ///
    /// Source: RFC 9293 §3.9.1.1.
    pub fn set_user_timeout(&self, timeout: Duration) {
        self.0.shared.lock().connection.set_user_timeout(timeout);
        self.0.shared.notify();
    }

    /// Waits for received bytes and lends them to `take`, which says how many it took; 0 is the end.
    ///
    /// Nothing is copied. Behind what is lent there may be more. The connection is locked meanwhile:
    /// `take` must not use it, nor wait. One task at a time reads.
    ///
    /// # Errors
    /// As reading by [`AsyncRead`].
    pub fn poll_read_with(
        &self,
        cx: &Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read_with(cx, take)
    }

    /// Waits for free room and lends it to `fill`, which says how many bytes it wrote there.
    ///
    /// Nothing is copied. The connection is locked meanwhile: `fill` must not use it, nor wait. One task
    /// at a time writes.
    ///
    /// # Errors
    /// As writing by [`AsyncWrite`].
    pub fn poll_write_with(
        &self,
        cx: &Context<'_>,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write_with(cx, fill)
    }

    /// Waits until the connection fails; one that ends in good order never does. One task at a time waits.
    pub fn poll_failed(&self, cx: &Context<'_>) -> Poll<io::Error> {
        self.0
            .shared
            .lock()
            .connection
            .poll_failed(cx)
            .map(io_error)
    }

    /// Closes the sending direction once what was written is sent; reading goes on.
    pub fn close_writing(&self) {
        self.0.shutdown();
    }

    /// Cuts the connection off: the other end gets a reset.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Waits until the other end has acknowledged everything that was written.
    ///
    /// # Errors
    /// [`SocketError::Tcp`] if the connection failed.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn acknowledged(&self) -> Result<(), SocketError> {
        Ok(poll_fn(|cx| self.0.shared.lock().connection.poll_acknowledged(cx)).await?)
    }

    /// Splits the stream into halves that may be used by two tasks.
    ///
    /// Dropping the writing half closes its direction; dropping both is dropping the stream.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (ReadHalf(Arc::clone(&self.0)), WriteHalf(self.0))
    }
}

/// The reading half of a [`TcpStream`].
#[derive(Debug)]
pub struct ReadHalf(Arc<StreamInner>);

/// The writing half of a [`TcpStream`].
#[derive(Debug)]
pub struct WriteHalf(Arc<StreamInner>);

impl ReadHalf {
    /// Waits until there is something to read: data, the end, or an error.
    ///
    /// A reader that takes a buffer only afterwards holds none while nothing comes.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn readable(&self) {
        poll_fn(|cx| self.0.poll_readable(cx)).await;
    }
}

impl WriteHalf {
    /// Cuts the connection off, both directions: the other end gets a reset.
    pub fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for WriteHalf {
    fn drop(&mut self) {
        self.0.shutdown();
    }
}

impl StreamInner {
    fn poll_read(&self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut side = self.shared.lock();
        let mut any = false;
        while buffer.remaining() > 0 {
            let step = side.connection.poll_read_with(cx, |bytes| {
                let len = bytes.len().min(buffer.remaining());
                buffer.put_slice(&bytes[..len]);
                len
            });
            match step {
                Poll::Ready(Ok(len)) if len > 0 => any = true,
                _ if any => break,
                Poll::Ready(result) => return Poll::Ready(result.map(|_| ()).map_err(io_error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.end_step(side);
        Poll::Ready(Ok(()))
    }

    fn poll_readable(&self, cx: &Context<'_>) -> Poll<()> {
        let mut side = self.shared.lock();
        side.connection.poll_read_with(cx, |_| 0).map(drop)
    }

    fn abort(&self) {
        self.shared.lock().connection.abort();
        self.shared.notify();
    }

    fn poll_read_with(
        &self,
        cx: &Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let mut side = self.shared.lock();
        let read = side.connection.poll_read_with(cx, take);
        self.end_step(side);
        read.map_err(io_error)
    }

    fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut side = self.shared.lock();
        let written = side.connection.poll_write(cx, bytes);
        self.end_step(side);
        written.map_err(io_error)
    }

    fn poll_write_with(
        &self,
        cx: &Context<'_>,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let mut side = self.shared.lock();
        let written = side.connection.poll_write_with(cx, fill);
        self.end_step(side);
        written.map_err(io_error)
    }

    /// Asks the driver to look at the connection if it has something to send: data, or that a reader
    /// made room.
    fn end_step(&self, mut side: MutexGuard<'_, TcpSide>) {
        let output = side.connection.has_output();
        drop(side);
        if output {
            self.shared.notify();
        }
    }

    fn shutdown(&self) {
        self.shared.lock().connection.shutdown();
        self.shared.notify();
    }
}

impl Drop for StreamInner {
    fn drop(&mut self) {
        self.shared.lock().connection.abandon((self.now)());
        self.shared.notify();
    }
}

impl fmt::Debug for StreamInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.local, self.peer)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TcpStream").field(&self.0).finish()
    }
}

fn io_error(error: TcpError) -> io::Error {
    SocketError::Tcp(error).into()
}

/// Gives a type whose first field is the stream's inside the reading traits of tokio.
macro_rules! reads {
    ($type:ty) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.0.poll_read(cx, buffer)
            }
        }
    };
}

/// Gives a type whose first field is the stream's inside the writing traits of tokio.
///
/// Flushing has nothing to wait for: what is written is on its way. Shutting down closes the
/// sending direction and does not wait for the other end either.
macro_rules! writes {
    ($type:ty) => {
        impl AsyncWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write(cx, bytes)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.shutdown();
                Poll::Ready(Ok(()))
            }
        }
    };
}

reads!(TcpStream);
writes!(TcpStream);
reads!(ReadHalf);
writes!(WriteHalf);

/// A port of the tunnel on which connections are accepted.
///
/// Dropping it resets the connections that nobody accepted.
pub struct TcpListener {
    shared: Arc<Shared<Listener<TcpStream>>>,
    binding: Binding,
}

impl TcpListener {
    pub(crate) const fn new(shared: Arc<Shared<Listener<TcpStream>>>, binding: Binding) -> Self {
        Self { shared, binding }
    }

    /// Waits for a connection; returns it and the other end's address and port.
    ///
    /// Several tasks may wait.
    ///
    /// # Errors
    /// [`SocketError::Closed`] if the tunnel was closed.
    ///
    /// # Cancel safety
    /// No connection is lost.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr), SocketError> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// As [`accept`](Self::accept), for futures written by hand.
    pub fn poll_accept(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<(TcpStream, SocketAddr), SocketError>> {
        let accepted = self.shared.lock().poll_accept(cx);
        accepted
            .map_ok(|stream| {
                let peer = stream.peer_addr();
                (stream, peer)
            })
            .map_err(SocketError::from)
    }

    /// Returns the port, and the address if it is bound to one.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// Returns how many connections were not answered because the backlog was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped()
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let unaccepted: Vec<TcpStream> = self.shared.lock().close().collect();
        unaccepted.iter().for_each(TcpStream::abort);
        self.shared.notify();
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}
