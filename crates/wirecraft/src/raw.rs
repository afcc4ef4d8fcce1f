//! Raw sockets: whole IP packets in and out of the tunnel.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use wirecraft_netstack::RawEndpoint;

use crate::socket_error::SocketError;
use crate::stack::Shared;

/// A raw socket: sends IP packets of any making, receives those that its filter takes.
///
/// It gets copies: the sockets of the tunnel get the same packets, unless it claims them.
/// Fragments come as they are. Packets that nobody reads in time are dropped, the newest first.
pub struct RawSocket {
    shared: Arc<Shared<RawEndpoint>>,
}

impl RawSocket {
    pub(crate) const fn new(shared: Arc<Shared<RawEndpoint>>) -> Self {
        Self { shared }
    }

    /// Sends an IP packet as it is, waiting for room in the send buffer.
    ///
    /// That it could not leave the tunnel is known only later: the next call says so.
    ///
    /// # Errors
    /// [`SocketError::Raw`] if it exceeds the MTU; [`SocketError::NoPeer`] or
    /// [`SocketError::NoEndpoint`] for an earlier packet; [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// The packet is sent whole or not at all.
    pub async fn send(&self, packet: impl AsRef<[u8]>) -> Result<(), SocketError> {
        let packet = packet.as_ref();
        poll_fn(|cx| self.poll_send(cx, packet)).await
    }

    /// Waits for a packet. Several tasks may wait.
    ///
    /// # Errors
    /// [`SocketError::NoPeer`] or [`SocketError::NoEndpoint`] for an earlier packet;
    /// [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// No packet is lost.
    pub async fn recv(&self) -> Result<Vec<u8>, SocketError> {
        poll_fn(|cx| self.poll_recv_with(cx, <[u8]>::to_vec)).await
    }

    /// As [`send`](Self::send), for futures written by hand.
    pub fn poll_send(&self, cx: &Context<'_>, packet: &[u8]) -> Poll<Result<(), SocketError>> {
        let sent = self.shared.lock().poll_send(cx, packet);
        self.shared.notify();
        sent.map_err(SocketError::from)
    }

    /// As [`recv`](Self::recv), but lends the packet to `take` without a copy.
    ///
    /// The socket is locked meanwhile: `take` must not use it.
    pub fn poll_recv_with<T>(
        &self,
        cx: &Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<Result<T, SocketError>> {
        self.shared
            .lock()
            .poll_receive(cx, take)
            .map_err(SocketError::from)
    }

    /// Returns how many packets were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped()
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        self.shared.lock().close();
        self.shared.notify();
    }
}

impl fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawSocket").finish_non_exhaustive()
    }
}
