//! The network of the host, where the other end of the tunnel is a network interface.

use crate::network::{Listener, Network, Udp};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// Sockets of the operating system.
#[derive(Clone)]
pub(crate) struct HostNetwork;

impl Network for HostNetwork {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Udp = UdpSocket;

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(to).await
    }

    async fn listen(&self, port: u16) -> io::Result<TcpListener> {
        // Linux takes IPv4 connections on this socket too.
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await
    }

    async fn udp(&self, address: IpAddr, port: u16) -> io::Result<UdpSocket> {
        match address {
            IpAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await,
            IpAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).await,
        }
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        Self::accept(self).await.map(|(stream, _)| stream)
    }
}

impl Udp for UdpSocket {
    async fn send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        Self::send_to(self, payload, to).await.map(drop)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Self::recv_from(self, buffer).await
    }
}
