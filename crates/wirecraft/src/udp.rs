//! UDP sockets in the tunnel.

use std::fmt;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use wirecraft_netstack::{Binding, OwnAddresses, Received, UdpEndpoint};

use crate::socket_error::SocketError;
use crate::stack::Shared;

/// A UDP socket in the tunnel.
///
/// Datagrams that exceed the tunnel's MTU travel in fragments. Datagrams that nobody reads in
/// time are dropped, the newest first.
pub struct UdpSocket {
    shared: Arc<Shared<UdpEndpoint>>,
    binding: Binding,
    addresses: Arc<OwnAddresses>,
}

impl UdpSocket {
    pub(crate) const fn new(
        shared: Arc<Shared<UdpEndpoint>>,
        binding: Binding,
        addresses: Arc<OwnAddresses>,
    ) -> Self {
        Self {
            shared,
            binding,
            addresses,
        }
    }

    /// Sends a datagram, waiting for room in the send buffer.
    ///
    /// That it could not leave the tunnel is known only later: the next call says so.
    ///
    /// # Errors
    /// [`SocketError::NoSource`]; [`SocketError::NoPeer`], [`SocketError::NoEndpoint`] or
    /// [`SocketError::Udp`] for an earlier datagram; [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// The datagram is sent whole or not at all.
    pub async fn send_to(&self, datagram: &[u8], to: SocketAddr) -> Result<(), SocketError> {
        poll_fn(|cx| self.poll_send_to(cx, datagram, to)).await
    }

    /// Waits for a datagram and copies it into `buffer`, cut where that ends.
    ///
    /// Several tasks may wait.
    ///
    /// # Errors
    /// [`SocketError::NoPeer`], [`SocketError::NoEndpoint`] or [`SocketError::Udp`] for an earlier
    /// datagram; [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> Result<Received, SocketError> {
        poll_fn(|cx| self.poll_recv_from(cx, buffer)).await
    }

    /// Sends to `peer`, and receives from it alone, from here on.
    pub fn connect(&self, peer: SocketAddr) {
        self.shared.lock().connect(Some(peer));
    }

    /// Sends a datagram to the peer of [`connect`](Self::connect).
    ///
    /// # Errors
    /// [`SocketError::NotConnected`], or as [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    /// The datagram is sent whole or not at all.
    pub async fn send(&self, datagram: &[u8]) -> Result<(), SocketError> {
        let peer = self.peer_addr().ok_or(SocketError::NotConnected)?;
        self.send_to(datagram, peer).await
    }

    /// Waits for a datagram from the peer and copies it into `buffer`; returns how much of it fits.
    ///
    /// # Errors
    /// [`SocketError::NotConnected`], or as [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    /// No datagram is lost.
    pub async fn recv(&self, buffer: &mut [u8]) -> Result<usize, SocketError> {
        if self.peer_addr().is_none() {
            return Err(SocketError::NotConnected);
        }
        Ok(self.recv_from(buffer).await?.len)
    }

    /// Answers a datagram: from the address that it was sent to, whatever others this end has.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to).
    ///
    /// # Cancel safety
    /// The datagram is sent whole or not at all.
    pub async fn answer(&self, received: &Received, datagram: &[u8]) -> Result<(), SocketError> {
        poll_fn(|cx| {
            let (source, to) = (received.to, received.from);
            let sent = self.shared.lock().poll_send(cx, source, to, datagram);
            self.shared.notify();
            sent.map_err(SocketError::from)
        })
        .await
    }

    /// As [`send_to`](Self::send_to), for futures written by hand.
    pub fn poll_send_to(
        &self,
        cx: &Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<Result<(), SocketError>> {
        let source = self.source_for(to.ip())?;
        let sent = self.shared.lock().poll_send(cx, source, to, datagram);
        self.shared.notify();
        sent.map_err(SocketError::from)
    }

    /// As [`recv_from`](Self::recv_from), for futures written by hand.
    pub fn poll_recv_from(
        &self,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<Received, SocketError>> {
        self.shared
            .lock()
            .poll_receive(cx, buffer)
            .map_err(SocketError::from)
    }

    /// Returns the port, and the address if it is bound to one.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// Returns the address and port that datagrams to the peer leave from, or would leave from.
    ///
    /// # Errors
    /// [`SocketError::NotConnected`] if that depends on a destination: bound to no address and not
    /// connected.
    pub fn local_addr(&self) -> Result<SocketAddr, SocketError> {
        let address = match (self.binding.address, self.peer_addr()) {
            (Some(address), _) => address,
            (None, Some(peer)) => self.source_for(peer.ip())?,
            (None, None) => return Err(SocketError::NotConnected),
        };
        Ok(SocketAddr::new(address, self.binding.port))
    }

    /// Returns the peer of [`connect`](Self::connect).
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.lock().peer()
    }

    /// Returns how many datagrams were dropped because nobody read them in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped()
    }

    fn source_for(&self, destination: IpAddr) -> Result<IpAddr, SocketError> {
        let source = match self.binding.address {
            Some(address) => Some(address).filter(|own| own.is_ipv4() == destination.is_ipv4()),
            None => self.addresses.source_for(destination),
        };
        source.ok_or(SocketError::NoSource { destination })
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.shared.lock().close();
        self.shared.notify();
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket")
            .field("binding", &self.binding)
            .finish_non_exhaustive()
    }
}
