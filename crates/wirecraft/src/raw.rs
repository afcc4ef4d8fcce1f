//! Raw sockets: whole IP packets in and out of the tunnel.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, ready};

use wirecraft_ip_packets::IpPacket;
use wirecraft_netstack::RawEndpoint;
use wirecraft_time::Instant;

use crate::packet_filter::PacketFilter;
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

    /// Waits for a packet, and says when it came out of the tunnel, by [`Clock`](crate::Clock).
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// No packet is lost.
    pub async fn recv_stamped(&self) -> Result<(Instant, Vec<u8>), SocketError> {
        let stamped = |at, packet: &[u8]| (at, packet.to_vec());
        poll_fn(|cx| self.poll_recv_stamped_with(cx, stamped)).await
    }

    /// Waits for a packet that a filter takes too, beside that of the socket; others are passed over
    /// without a copy.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// No packet that is meant is lost.
    pub async fn recv_matching(
        &self,
        filter: &PacketFilter,
    ) -> Result<(Instant, Vec<u8>), SocketError> {
        poll_fn(|cx| {
            loop {
                let taken = ready!(self.poll_recv_stamped_with(cx, |at, packet| {
                    let is_meant = IpPacket::parse(packet).is_ok_and(|it| filter.matches(&it));
                    is_meant.then(|| (at, packet.to_vec()))
                }));
                if let Some(packet) = taken? {
                    return Poll::Ready(Ok(packet));
                }
            }
        })
        .await
    }

    /// Waits for a packet and adds it to `packets`, with those that came after it up to `count`.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); nothing was added then.
    ///
    /// # Cancel safety
    /// No packet is lost.
    pub async fn recv_batch(
        &self,
        packets: &mut Vec<Vec<u8>>,
        count: usize,
    ) -> Result<(), SocketError> {
        poll_fn(|cx| {
            let mut endpoint = self.shared.lock();
            let before = packets.len();
            while packets.len() - before < count.max(1) {
                match endpoint.poll_receive(cx, |_, packet| packet.to_vec()) {
                    Poll::Ready(Ok(packet)) => packets.push(packet),
                    Poll::Ready(Err(error)) if packets.len() == before => {
                        return Poll::Ready(Err(SocketError::from(error)));
                    }
                    Poll::Pending if packets.len() == before => return Poll::Pending,
                    _ => break,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
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
        self.poll_recv_stamped_with(cx, |_, packet| take(packet))
    }

    /// As [`poll_recv_with`](Self::poll_recv_with), with the time the packet came.
    pub fn poll_recv_stamped_with<T>(
        &self,
        cx: &Context<'_>,
        take: impl FnOnce(Instant, &[u8]) -> T,
    ) -> Poll<Result<T, SocketError>> {
        self.shared
            .lock()
            .poll_receive(cx, take)
            .map_err(SocketError::from)
    }

    /// Starts a batch of packets: many are queued for one look at the socket.
    ///
    /// The socket is locked until the batch is dropped; then the packets leave.
    pub fn batch(&self) -> RawBatch<'_> {
        RawBatch {
            endpoint: self.shared.lock(),
            shared: &self.shared,
        }
    }

    /// Returns how many packets were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped()
    }
}

/// Packets that are sent together.
///
/// Nothing else can be done with the socket meanwhile: a batch must not be held over an `await`.
pub struct RawBatch<'a> {
    endpoint: MutexGuard<'a, RawEndpoint>,
    shared: &'a Arc<Shared<RawEndpoint>>,
}

impl RawBatch<'_> {
    /// As [`RawSocket::poll_send`]. `Pending` says that the send buffer is full: the task is woken once
    /// it is empty.
    pub fn poll_send(&mut self, cx: &Context<'_>, packet: &[u8]) -> Poll<Result<(), SocketError>> {
        self.endpoint
            .poll_send(cx, packet)
            .map_err(SocketError::from)
    }
}

impl Drop for RawBatch<'_> {
    fn drop(&mut self) {
        self.shared.notify();
    }
}

impl fmt::Debug for RawBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawBatch").finish_non_exhaustive()
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
