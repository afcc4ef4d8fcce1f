//! The network of the host, where the other end of the tunnel is a network interface.

use crate::network::{Listener, Network, Udp};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// Sockets of the operating system.
#[derive(Clone)]
pub(crate) struct HostNetwork;

impl Network for HostNetwork {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Udp = HostUdp;

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to).await
    }

    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        // Linux takes IPv4 connections on this socket too.
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await
    }

    async fn udp(&self, port: u16) -> io::Result<HostUdp> {
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))
            .await
            .map(HostUdp)
    }
}

/// A socket that speaks IPv6, and IPv4 with mapped addresses.
pub(crate) struct HostUdp(UdpSocket);

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }
}

impl Udp for HostUdp {
    async fn send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        let address = match to.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        self.0
            .send_to(payload, (address, to.port()))
            .await
            .map(drop)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (len, from) = self.0.recv_from(buffer).await?;
        Ok((len, SocketAddr::new(from.ip().to_canonical(), from.port())))
    }
}
