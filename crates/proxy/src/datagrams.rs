//! UDP sockets of the host.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use wirecraft::network::Datagrams;

/// The greatest payload of a UDP datagram in bytes.
pub(crate) const DATAGRAM_LEN_MAX: usize = 65_535;

/// Bytes that the kernel may keep for a socket of the host, each way, if it allows it.
const HOST_BUFFER_LEN: usize = 1 << 20;

/// Sends a datagram.
pub(crate) async fn send(
    socket: &impl Datagrams,
    datagram: &[u8],
    to: SocketAddr,
) -> io::Result<()> {
    poll_fn(|cx| socket.poll_send_to(cx, datagram, to))
        .await
        .map(|_| ())
}

/// A UDP socket of the host.
#[derive(Debug)]
pub(crate) struct HostDatagrams {
    socket: UdpSocket,
    is_connected: bool,
}

impl HostDatagrams {
    /// Listens on an address and port.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket.into())?;
        enlarge(&socket);
        Ok(Self {
            socket,
            is_connected: false,
        })
    }

    /// Opens a socket that speaks with `target` alone, and hears when nobody is there.
    pub(crate) async fn connect(target: SocketAddr) -> io::Result<Self> {
        let unspecified: IpAddr = match target {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((unspecified, 0)).await?;
        socket.connect(target).await?;
        enlarge(&socket);
        Ok(Self {
            socket,
            is_connected: true,
        })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

fn enlarge(socket: &UdpSocket) {
    // The kernel cuts what is too much; less than asked for is less than hoped for, no failure.
    let _ = SockRef::from(socket).set_recv_buffer_size(HOST_BUFFER_LEN);
    let _ = SockRef::from(socket).set_send_buffer_size(HOST_BUFFER_LEN);
}

impl Datagrams for HostDatagrams {
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        let received = self.socket.poll_recv_from(cx, &mut buffer);
        received.map_ok(|from| (buffer.filled().len(), from))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        if self.is_connected {
            self.socket.poll_send(cx, datagram)
        } else {
            self.socket.poll_send_to(cx, datagram, to)
        }
    }
}
