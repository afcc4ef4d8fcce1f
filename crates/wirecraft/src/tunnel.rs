//! A tunnel that is up: sockets, pings and raw packets through it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use tokio::net::TcpListener as TcpListenerOfHost;
use tokio::task::JoinSet;
use wirecraft_net::{DriverGone, DriverHandle, metrics};
use wirecraft_netstack::{Binding, EchoReply, Filter, RawConfig, TcpConfig, UdpConfig};
use wirecraft_noise_handshake::PublicKey;
use wirecraft_tunnel::PeerId;

use crate::config::InterfaceConfig;
use crate::dial::{DialError, Dialer};
use crate::dns::{Families, Resolver, ResolverOptions};
use crate::events::Events;
use crate::icmp::{PingOptions, Pinger};
use crate::raw::RawSocket;
use crate::socket_error::SocketError;
use crate::stack::{StackCounters, StackHandle};
use crate::status::TunnelStatus;
use crate::tap::Direction;
use crate::target::ToTarget;
use crate::tcp::{TcpListener, TcpStream};
use crate::transit::Transit;
use crate::tunnel_network::TunnelNetwork;
use crate::udp::UdpSocket;

/// A WireGuard tunnel with a network stack inside, without an interface on the host.
///
/// It may be cloned; it is taken down by [`close`](Self::close), or when the last clone is dropped.
///
/// ```no_run
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use wirecraft::{Config, Tunnel};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let tunnel = Tunnel::connect(Config::load("wg0.conf")?).await?;
/// let mut tcp = tunnel.tcp_connect("example.org:80").await?;
/// tcp.write_all(b"GET / HTTP/1.0\r\nHost: example.org\r\n\r\n").await?;
/// let mut page = String::new();
/// tcp.read_to_string(&mut page).await?;
/// tunnel.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tunnel {
    parts: Arc<Parts>,
}

struct Parts {
    interface: InterfaceConfig,
    mtu: usize,
    driver: DriverHandle,
    sockets: StackHandle,
    dialer: Dialer<TunnelNetwork>,
    /// The driver and what runs beside it; aborted when dropped.
    tasks: Mutex<JoinSet<()>>,
}

impl Tunnel {
    pub(crate) fn from_parts(
        interface: InterfaceConfig,
        mtu: usize,
        driver: DriverHandle,
        sockets: StackHandle,
        tasks: JoinSet<()>,
    ) -> Self {
        let network = TunnelNetwork::new(sockets.clone());
        let resolver = Resolver::new(network.clone(), &resolver_options(&interface));
        let dialer = Dialer::new(network, resolver);
        let tasks = Mutex::new(tasks);
        Self {
            parts: Arc::new(Parts {
                interface,
                mtu,
                driver,
                sockets,
                dialer,
                tasks,
            }),
        }
    }

    pub(crate) fn driver(&self) -> &DriverHandle {
        &self.parts.driver
    }

    pub(crate) fn sockets(&self) -> &StackHandle {
        &self.parts.sockets
    }

    /// Opens a TCP connection through the tunnel.
    ///
    /// `target` is an address with a port, or `"host:port"`; a name is looked up inside the tunnel, and
    /// its addresses are tried in turn (RFC 8305).
    ///
    /// # Errors
    /// [`DialError`] if the name cannot be looked up or no address takes the connection.
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    pub async fn tcp_connect(&self, target: impl ToTarget) -> Result<TcpStream, DialError> {
        let target = target.to_target()?;
        self.parts.dialer.connect(&target.host, target.port).await
    }

    /// Listens for TCP connections: on a port of all addresses of the tunnel, or on one address.
    ///
    /// Port 0 takes a free one.
    ///
    /// # Errors
    /// [`SocketError::Port`], [`SocketError::Closed`].
    pub async fn tcp_listen(&self, local: impl Into<Binding>) -> Result<TcpListener, SocketError> {
        self.parts.sockets.tcp_listen(local).await
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
        self.parts.sockets.tcp_listen_with(local, backlog).await
    }

    /// Opens a TCP connection to an address, with buffers and timeouts of one's own; the MTU in `config`
    /// gives way to the tunnel's.
    ///
    /// # Errors
    /// [`SocketError::Tcp`] if it is refused, unreachable or silent; [`SocketError::NoPeer`],
    /// [`SocketError::NoEndpoint`], [`SocketError::NoSource`], [`SocketError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the connection up.
    pub async fn tcp_connect_with(
        &self,
        remote: SocketAddr,
        config: TcpConfig,
    ) -> Result<TcpStream, SocketError> {
        self.parts.sockets.tcp_connect_with(remote, config).await
    }

    /// Binds a UDP socket: to a port of all addresses of the tunnel, or to one address.
    ///
    /// Port 0 takes a free one.
    ///
    /// # Errors
    /// [`SocketError::Port`], [`SocketError::Closed`].
    pub async fn udp_bind(&self, local: impl Into<Binding>) -> Result<UdpSocket, SocketError> {
        self.parts.sockets.udp_bind(local).await
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
        self.parts.sockets.udp_bind_with(local, config).await
    }

    /// Pings `host` once, with the usual 56 bytes, and waits five seconds for the reply.
    ///
    /// # Errors
    /// As [`Pinger::ping`].
    pub async fn ping(&self, host: IpAddr) -> Result<EchoReply, SocketError> {
        self.pinger(host).await?.ping(PingOptions::default()).await
    }

    /// Prepares pings to `host`.
    ///
    /// # Errors
    /// [`SocketError::NoSource`] if the tunnel has no address of the family of `host`.
    pub async fn pinger(&self, host: IpAddr) -> Result<Pinger, SocketError> {
        self.parts.sockets.pinger(host).await
    }

    /// Opens a socket for whole IP packets: it sends any, and receives a copy of each that `filter` passes.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn raw(&self, filter: Filter) -> Result<RawSocket, SocketError> {
        self.parts.sockets.raw(filter).await
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
        self.parts.sockets.raw_with(filter, config).await
    }

    /// Takes over what peers send to addresses that are not the tunnel's, to pass it on.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn transit(&self) -> Result<Transit, SocketError> {
        self.parts.sockets.transit(self.parts.mtu).await
    }

    /// Tells `tap` of every packet that goes through the tunnel from here on, in place of who was told
    /// before.
    ///
    /// It is called by the task that moves the packets, so it should not take long.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn watch(
        &self,
        tap: impl FnMut(Direction, &[u8]) + Send + 'static,
    ) -> Result<(), SocketError> {
        self.parts.sockets.watch(tap).await
    }

    /// Says whether packets from `source` are what the peer expects: whether it is an address of the
    /// tunnel.
    ///
    /// Others may be sent by raw sockets, and are dropped by the peer unless its allowed IPs for this
    /// end have them.
    #[must_use]
    pub fn is_own_address(&self, source: IpAddr) -> bool {
        let mut addresses = self.addresses().iter();
        addresses.any(|address| address.addr() == source)
    }

    /// The resolver that looks names up inside the tunnel.
    #[must_use]
    pub fn resolver(&self) -> &Resolver<TunnelNetwork> {
        self.parts.dialer.resolver()
    }

    /// What opens connections by name through the tunnel, for clients that take a connector.
    #[must_use]
    pub fn dialer(&self) -> &Dialer<TunnelNetwork> {
        &self.parts.dialer
    }

    /// The tunnel's sockets as a [`Network`](crate::network::Network), for a resolver with other servers.
    #[must_use]
    pub fn network(&self) -> TunnelNetwork {
        TunnelNetwork::new(self.parts.sockets.clone())
    }

    /// What happens from here on; nothing, if the tunnel is closed.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.parts.driver.events().ok())
    }

    /// What is known of the peers, and all counters.
    ///
    /// # Errors
    /// [`DriverGone`] if the tunnel is closed.
    pub async fn status(&self) -> Result<TunnelStatus, DriverGone> {
        let sockets = self.parts.driver.socket_counters().await?;
        let listen_port = self.parts.driver.local_port().await?;
        let known = self.parts.driver.call(|device, now| {
            let ids: Vec<PeerId> = device.peers().collect();
            let peers = ids
                .into_iter()
                .filter_map(|id| device.peer_status(now, id))
                .collect();
            (peers, *device.counters(), device.aead_path())
        });
        let (peers, counters, aead_path) = known.await?;
        Ok(TunnelStatus {
            listen_port,
            peers,
            counters,
            sockets,
            aead_path,
        })
    }

    /// What came through the tunnel and found no socket, by reason.
    ///
    /// # Errors
    /// [`SocketError::Closed`].
    pub async fn stack_counters(&self) -> Result<StackCounters, SocketError> {
        self.parts.sockets.counters().await
    }

    /// Answers `GET /metrics` on `listener` with the figures of the tunnel, called `name`, for Prometheus,
    /// until the tunnel is closed.
    ///
    /// Whoever can connect learns public keys and counters, but no secrets.
    pub fn serve_metrics(&self, listener: TcpListenerOfHost, name: impl Into<String>) {
        let serving = metrics::serve(listener, self.parts.driver.clone(), name.into());
        let tasks = self.parts.tasks.lock();
        tasks.unwrap_or_else(PoisonError::into_inner).spawn(serving);
    }

    /// The public key of a peer that an event speaks of; `None` if it was removed.
    ///
    /// # Errors
    /// [`DriverGone`] if the tunnel is closed.
    pub async fn peer_key(&self, peer: PeerId) -> Result<Option<PublicKey>, DriverGone> {
        self.parts
            .driver
            .call(move |device, now| {
                device
                    .peer_status(now, peer)
                    .map(|status| status.public_key)
            })
            .await
    }

    /// The addresses of the tunnel, with the prefixes of their networks.
    #[must_use]
    pub fn addresses(&self) -> &[IpNet] {
        &self.parts.interface.addresses
    }

    /// The greatest length of an inner packet in bytes.
    #[must_use]
    pub fn mtu(&self) -> usize {
        self.parts.mtu
    }

    /// Takes the tunnel down: keys are wiped, and every socket ends.
    ///
    /// TCP connections end with [`ConnectionAborted`](std::io::ErrorKind::ConnectionAborted), all other
    /// sockets with [`SocketError::Closed`]. What was written to a connection and not yet
    /// [acknowledged](TcpStream::acknowledged) may be lost.
    ///
    /// # Errors
    /// [`DriverGone`] if it was down already.
    pub async fn close(&self) -> Result<(), DriverGone> {
        self.parts.driver.stop().await?;
        let mut tasks = {
            let mut tasks = self
                .parts
                .tasks
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            core::mem::take(&mut *tasks)
        };
        tasks.shutdown().await;
        Ok(())
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("addresses", &self.parts.interface.addresses)
            .finish_non_exhaustive()
    }
}

/// The name servers of the configuration, and the families that the tunnel has addresses of.
fn resolver_options(interface: &InterfaceConfig) -> ResolverOptions {
    let has_v4 = interface
        .addresses
        .iter()
        .any(|address| address.addr().is_ipv4());
    let has_v6 = interface
        .addresses
        .iter()
        .any(|address| address.addr().is_ipv6());
    let families = match (has_v4, has_v6) {
        (true, false) => Families::V4,
        (false, true) => Families::V6,
        (true, true) | (false, false) => Families::Both,
    };
    let to_server = |server: &IpAddr| SocketAddr::new(*server, crate::dns::DNS_PORT);
    ResolverOptions {
        servers: interface.dns.servers.iter().map(to_server).collect(),
        search: interface.dns.search.clone(),
        families,
    }
}
