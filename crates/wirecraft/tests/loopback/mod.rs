//! The loopback interface in place of a tunnel.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use tokio::io::ReadBuf;
use tokio::net::{TcpStream, UdpSocket};
use wirecraft::network::{Datagrams, Network, NetworkFuture};

#[derive(Debug, Clone)]
pub(crate) struct Loopback;

impl Network for Loopback {
    type Stream = TcpStream;
    type Datagrams = LoopbackDatagrams;

    fn connect(&self, to: SocketAddr) -> NetworkFuture<TcpStream> {
        Box::pin(TcpStream::connect(to))
    }

    fn bind(&self, local: SocketAddr) -> NetworkFuture<LoopbackDatagrams> {
        Box::pin(async move { Ok(LoopbackDatagrams(UdpSocket::bind(local).await?)) })
    }
}

pub(crate) struct LoopbackDatagrams(UdpSocket);

impl Datagrams for LoopbackDatagrams {
    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        let from = ready!(self.0.poll_recv_from(cx, &mut buffer))?;
        Poll::Ready(Ok((buffer.filled().len(), from)))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(cx, datagram, to)
    }
}
