//! The seam between hickory's resolver and a [`Network`].

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::net::runtime::{
    DnsTcpStream, DnsUdpSocket, RuntimeProvider, TokioHandle, TokioTime,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::network::{Datagrams, Network, NetworkFuture};

/// How long a connection to a server may take where hickory sets no limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Gives hickory the sockets of a network, and tokio's timers and tasks.
#[derive(Clone)]
pub(super) struct Provider<N> {
    network: N,
    tasks: TokioHandle,
    fault: LastFault,
}

impl<N: Network> Provider<N> {
    /// Stands on `network`; what goes wrong there is kept in `fault`.
    pub(super) fn new(network: N, fault: LastFault) -> Self {
        Self {
            network,
            tasks: TokioHandle::default(),
            fault,
        }
    }
}

/// The latest fault of the network, which hickory forgets on the way to its own error.
#[derive(Debug, Clone, Default)]
pub(super) struct LastFault(Arc<Mutex<Option<String>>>);

impl LastFault {
    fn keep<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
        outcome
    }

    /// What went wrong last, if anything ever did.
    pub(super) fn latest(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl<N: Network> RuntimeProvider for Provider<N> {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Udp<N::Datagrams>;
    type Tcp = Tcp<N::Stream>;

    fn create_handle(&self) -> TokioHandle {
        self.tasks.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _local: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> NetworkFuture<Self::Tcp> {
        let (connecting, fault) = (self.network.connect(server), self.fault.clone());
        Box::pin(async move {
            let connected = timeout(limit.unwrap_or(CONNECT_TIMEOUT), connecting).await;
            let connected = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            fault.keep(connected).map(Tcp)
        })
    }

    fn bind_udp(&self, local: SocketAddr, _server: SocketAddr) -> NetworkFuture<Self::Udp> {
        let (binding, fault) = (self.network.bind(local), self.fault.clone());
        Box::pin(async move {
            let socket = fault.keep(binding.await)?;
            Ok(Udp { socket, fault })
        })
    }
}

pub(super) struct Udp<D> {
    socket: D,
    fault: LastFault,
}

impl<D: Datagrams> DnsUdpSocket for Udp<D> {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket
            .poll_recv_from(cx, buffer)
            .map(|outcome| self.fault.keep(outcome))
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket
            .poll_send_to(cx, datagram, to)
            .map(|outcome| self.fault.keep(outcome))
    }
}

/// A stream of tokio's traits behind the traits of the futures crate.
pub(super) struct Tcp<S>(S);

impl<S> DnsTcpStream for Tcp<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
{
    type Time = TokioTime;
}

impl<S: AsyncRead + Unpin> futures_io::AsyncRead for Tcp<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut buffer);
        read.map_ok(|()| buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> futures_io::AsyncWrite for Tcp<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
