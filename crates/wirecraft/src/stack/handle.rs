//! How a program opens sockets in the stack.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use wirecraft_ip_packets::Protocol;
use wirecraft_netstack::{Binding, Filter, OwnAddresses, RawConfig, TcpConfig, UdpConfig};

use super::StackCounters;
use super::command::{Answer, Command, Manners};
use crate::icmp::{PingOptions, Pinger};
use crate::raw::RawSocket;
use crate::socket_error::SocketError;
use crate::tap::Direction;
use crate::tcp::{TcpListener, TcpStream};
use crate::transit::{Gate, Transit};
use crate::udp::UdpSocket;

/// Connections that may wait to be accepted, unless the listener is told otherwise.
const BACKLOG: usize = 128;

/// What a socket asks for that only sends. Source: IANA protocol numbers, "Reserved".
const NO_PROTOCOL: Protocol = Protocol::new(255);

/// Opens sockets in the stack of a tunnel; may be cloned.
#[derive(Clone)]
pub struct StackHandle {
    commands: mpsc::Sender<Command>,
    addresses: Arc<OwnAddresses>,
}

impl StackHandle {
    pub(super) const fn new(commands: mpsc::Sender<Command>, addresses: Arc<OwnAddresses>) -> Self {
        Self {
            commands,
            addresses,
        }
    }

    /// Connects to `remote`, from the address of the tunnel that suits it.
    ///
    /// # Errors
    /// [`SocketError::NoPeer`] if no peer's allowed IPs cover it, [`SocketError::NoEndpoint`],
    /// [`SocketError::NoSource`]; [`SocketError::Tcp`] if it is refused, unreachable or silent;
    /// [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// The attempt is given up.
    pub async fn tcp_connect(&self, remote: SocketAddr) -> Result<TcpStream, SocketError> {
        let keepalive = None;
        self.tcp_connect_by(remote, Manners::Usual { keepalive })
            .await
    }

    /// As [`tcp_connect`](Self::tcp_connect), with buffers and timeouts of one's own; the MTU in
    /// `config` gives way to the tunnel's.
    ///
    /// # Errors
    /// As [`tcp_connect`](Self::tcp_connect).
    pub async fn tcp_connect_with(
        &self,
        remote: SocketAddr,
        config: TcpConfig,
    ) -> Result<TcpStream, SocketError> {
        self.tcp_connect_by(remote, Manners::Own(Box::new(config)))
            .await
    }

    /// As [`tcp_connect`](Self::tcp_connect), with keepalive probes at an interval from the beginning.
    pub(crate) async fn tcp_connect_with_keepalive(
        &self,
        remote: SocketAddr,
        interval: Duration,
    ) -> Result<TcpStream, SocketError> {
        let keepalive = Some(interval);
        self.tcp_connect_by(remote, Manners::Usual { keepalive })
            .await
    }

    async fn tcp_connect_by(
        &self,
        remote: SocketAddr,
        manners: Manners,
    ) -> Result<TcpStream, SocketError> {
        let stream = self
            .command(|answer| Command::Connect {
                remote,
                manners,
                answer,
            })
            .await?;
        stream.established().await?;
        Ok(stream)
    }

    /// Accepts connections to a port, or to an address and port, of the tunnel; 0 picks a port.
    ///
    /// # Errors
    /// [`SocketError::Port`], [`SocketError::NotOurs`], [`SocketError::Closed`].
    pub async fn tcp_listen(&self, local: impl Into<Binding>) -> Result<TcpListener, SocketError> {
        self.tcp_listen_with(local, BACKLOG).await
    }

    /// As [`tcp_listen`](Self::tcp_listen), with room for `backlog` connections that nobody accepted yet.
    ///
    /// # Errors
    /// As [`tcp_listen`](Self::tcp_listen).
    pub async fn tcp_listen_with(
        &self,
        local: impl Into<Binding>,
        backlog: usize,
    ) -> Result<TcpListener, SocketError> {
        let binding = local.into();
        self.command(|answer| Command::Listen {
            binding,
            backlog,
            answer,
        })
        .await
    }

    /// Opens a UDP socket on a port, or on an address and port, of the tunnel; 0 picks a port.
    ///
    /// # Errors
    /// [`SocketError::Port`], [`SocketError::NotOurs`], [`SocketError::Closed`].
    pub async fn udp_bind(&self, local: impl Into<Binding>) -> Result<UdpSocket, SocketError> {
        self.udp_bind_with(local, UdpConfig::default()).await
    }

    /// As [`udp_bind`](Self::udp_bind), with buffers of one's own.
    ///
    /// # Errors
    /// As [`udp_bind`](Self::udp_bind).
    pub async fn udp_bind_with(
        &self,
        local: impl Into<Binding>,
        config: UdpConfig,
    ) -> Result<UdpSocket, SocketError> {
        let binding = local.into();
        self.command(|answer| Command::Bind {
            binding,
            config,
            answer,
        })
        .await
    }

    /// Sends one ping and returns the round-trip time.
    ///
    /// # Errors
    /// As [`Pinger::ping`], and [`SocketError::NoSource`].
    pub async fn ping(&self, destination: IpAddr) -> Result<Duration, SocketError> {
        let pinger = self.pinger(destination).await?;
        Ok(pinger.ping(PingOptions::default()).await?.round_trip)
    }

    /// Prepares to ping a host more than once.
    ///
    /// # Errors
    /// [`SocketError::NoSource`], [`SocketError::Port`] if all identifiers are in use,
    /// [`SocketError::Closed`].
    pub async fn pinger(&self, destination: IpAddr) -> Result<Pinger, SocketError> {
        self.command(|answer| Command::Ping {
            destination,
            answer,
        })
        .await
    }

    /// Opens a raw socket that gets copies of what `filter` takes.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn raw(&self, filter: Filter) -> Result<RawSocket, SocketError> {
        self.raw_with(filter, RawConfig::default()).await
    }

    /// As [`raw`](Self::raw), with buffers of one's own, or claiming what it gets.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn raw_with(
        &self,
        filter: Filter,
        config: RawConfig,
    ) -> Result<RawSocket, SocketError> {
        self.command(|answer| Command::Raw {
            filter,
            config,
            answer,
        })
        .await
    }

    /// Takes over what is sent to addresses that are not the stack's; packets have at most `mtu` bytes.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn transit(&self, mtu: usize) -> Result<Transit, SocketError> {
        let raw = self.raw(Filter::protocol(NO_PROTOCOL)).await?;
        let (gate, received) = Gate::new();
        self.command(|answer| Command::Transit { gate, answer })
            .await?;
        Ok(Transit::new(received, self.clone(), raw, mtu))
    }

    /// Accepts a connection whose first segment is `packet`, to whatever address it goes.
    pub(crate) async fn accept(&self, packet: Vec<u8>) -> Result<TcpStream, SocketError> {
        let stream = self
            .command(|answer| Command::Accept { packet, answer })
            .await?;
        stream.established().await?;
        Ok(stream)
    }

    /// Tells `tap` of every packet of the stack from here on, in place of who was told before.
    ///
    /// It is called by the task that moves the packets, so it should not take long.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn watch(
        &self,
        tap: impl FnMut(Direction, &[u8]) + Send + 'static,
    ) -> Result<(), SocketError> {
        let tap = Box::new(tap);
        self.command(|answer| Command::Watch { tap, answer }).await
    }

    /// Returns what the stack did not take in.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn counters(&self) -> Result<StackCounters, SocketError> {
        self.command(|answer| Command::Counters { answer }).await
    }

    /// Returns the addresses of the tunnel.
    #[must_use]
    pub fn addresses(&self) -> &OwnAddresses {
        &self.addresses
    }

    async fn command<T>(
        &self,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, SocketError> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(command(answer))
            .await
            .map_err(|_| SocketError::Closed)?;
        answered.await.map_err(|_| SocketError::Closed)?
    }
}

impl fmt::Debug for StackHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackHandle")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}
