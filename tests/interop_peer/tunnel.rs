//! The network inside a tunnel, by the sockets of the `wirecraft` crate.

use crate::network::{Listener, Network, Udp};
use std::io;
use std::net::SocketAddr;
use wirecraft::{TcpListener, TcpStream, Tunnel, UdpSocket};

/// Sockets of a tunnel.
#[derive(Clone)]
pub(crate) struct InsideTunnel(pub(crate) Tunnel);

impl Network for InsideTunnel {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Udp = UdpSocket;

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        self.0.tcp_connect(to).await.map_err(io::Error::other)
    }

    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        Ok(self.0.tcp_listen(port).await?)
    }

    async fn udp(&self, port: u16) -> io::Result<UdpSocket> {
        Ok(self.0.udp_bind(port).await?)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        Ok(Self::accept(self).await?.0)
    }
}

impl Udp for UdpSocket {
    async fn send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        Ok(Self::send_to(self, payload, to).await?)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = Self::recv_from(self, buffer).await?;
        Ok((received.len, received.from))
    }
}
