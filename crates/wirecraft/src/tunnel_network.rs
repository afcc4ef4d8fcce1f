//! The tunnel as the network of the resolver and the HTTP client.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use wirecraft_netstack::Binding;

use crate::network::{Datagrams, Network, NetworkFuture};
use crate::stack::StackHandle;
use crate::tcp::TcpStream;
use crate::udp::UdpSocket;

/// The sockets of a tunnel, as a [`Network`].
#[derive(Clone, Debug)]
pub struct TunnelNetwork {
    sockets: StackHandle,
}

impl TunnelNetwork {
    pub(crate) const fn new(sockets: StackHandle) -> Self {
        Self { sockets }
    }
}

/// How long nothing may come before the other end is asked whether it is there.
///
/// Who only receives sends nothing by itself: without the question, nobody would notice that the peer was started
/// anew and knows nothing of the session any more.
const KEEPALIVE: Duration = Duration::from_secs(30);

impl Network for TunnelNetwork {
    type Stream = TcpStream;
    type Datagrams = UdpSocket;

    fn connect(&self, to: SocketAddr) -> NetworkFuture<TcpStream> {
        let sockets = self.sockets.clone();
        Box::pin(async move { Ok(sockets.tcp_connect_with_keepalive(to, KEEPALIVE).await?) })
    }

    fn bind(&self, local: SocketAddr) -> NetworkFuture<UdpSocket> {
        let sockets = self.sockets.clone();
        let binding = if local.ip().is_unspecified() {
            Binding::from(local.port())
        } else {
            Binding::from(local)
        };
        Box::pin(async move { Ok(sockets.udp_bind(binding).await?) })
    }
}

impl Datagrams for UdpSocket {
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        Self::poll_recv_from(self, cx, buffer)
            .map_ok(|received| (received.len, received.from))
            .map_err(io::Error::from)
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        Self::poll_send_to(self, cx, datagram, to)
            .map_ok(|()| datagram.len())
            .map_err(io::Error::from)
    }
}
