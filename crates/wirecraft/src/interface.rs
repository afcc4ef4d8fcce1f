//! A tunnel with a network interface of the host on its inner side.

use std::path::PathBuf;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use wirecraft_net::uapi::{Server, ServerEnd, Socket, SocketError};
use wirecraft_net::{
    Clock, Driver, DriverConfig, DriverGone, DriverHandle, SocketChange, SocketChangeError, Tun,
    TunConfig, TunError, TunOffloads, TunParcel, TunState, UdpOffloads, UdpTransport, metrics,
};
use wirecraft_tunnel::AeadPath;

use crate::config::Config;
use crate::connect::{ConnectError, DEFAULT_MTU, Names, configure};
use crate::endpoints::keep_current;
use crate::events::Events;

/// How an interface is brought up.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InterfaceOptions {
    /// The name of the interface; `%d` in it stands for a number that is free.
    pub name: String,
    /// The greatest length of a packet in bytes; without one, that of `wg-quick` on a link of 1500 bytes.
    pub mtu: Option<u16>,
    /// The UDP port; 0 is any that is free.
    pub listen_port: u16,
    /// The mark of outer packets for the host's policy routing; 0 is none.
    pub mark: u32,
    /// Where the socket is by which `wg` configures and shows the tunnel; none is made without one.
    pub socket_directory: Option<PathBuf>,
    /// What may be left to the kernel.
    pub offloads: Offloads,
    /// What encrypts batches of packets, or the nearest to it that the processor has.
    pub aead_path: AeadPath,
}

impl InterfaceOptions {
    /// Starts from the name, everything else as usual: the socket is where `wg` looks for it.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mtu: None,
            listen_port: 0,
            mark: 0,
            socket_directory: Some(Socket::SYSTEM_DIRECTORY.into()),
            offloads: Offloads::default(),
            aead_path: AeadPath::detect(),
        }
    }

    /// Takes over what a configuration says of the port, of the mark and, if none was set here, of the MTU.
    #[must_use]
    pub fn with_config(mut self, config: &Config) -> Self {
        self.mtu = self.mtu.or(config.interface.mtu);
        self.listen_port = config.interface.listen_port.unwrap_or(self.listen_port);
        self.mark = config.interface.fwmark.map_or(self.mark, u32::from);
        self
    }
}

/// Work that the kernel can do for many packets at once. What it cannot do is not asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offloads {
    /// The interface moves TCP segments many as one.
    pub tso: bool,
    /// The interface moves UDP datagrams many as one; needs `tso`.
    pub uso: bool,
    /// Outer datagrams are sent many as one.
    pub gso: bool,
    /// Outer datagrams are received many as one.
    pub gro: bool,
}

impl Default for Offloads {
    /// All of them.
    fn default() -> Self {
        Self {
            tso: true,
            uso: true,
            gso: true,
            gro: true,
        }
    }
}

/// Why an interface did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterfaceError {
    /// The interface could not be opened.
    #[error(transparent)]
    Tun(#[from] TunError),
    /// The socket for its configuration could not be made.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Outer packets could not be marked.
    #[error(transparent)]
    Mark(#[from] SocketChangeError),
    /// The tunnel did not come up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl InterfaceError {
    /// Whether a program has the socket: perhaps one that is about to end, as its interface was deleted.
    #[must_use]
    pub const fn is_socket_in_use(&self) -> bool {
        matches!(self, Self::Socket(SocketError::InUse { .. }))
    }
}

/// Why an interface is to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InterfaceEnd {
    /// Somebody deleted it.
    Deleted,
    /// Somebody removed the socket for its configuration, which says that it is not wanted any more.
    SocketRemoved,
    /// What serves it has ended by itself, which is a bug.
    Failed,
}

/// A network interface whose packets go through a tunnel; it is removed when this is dropped.
///
/// Addresses and routes are the host's business, as is bringing the link up: `ip`, or `wg-quick`.
pub struct Interface {
    name: String,
    driver: DriverHandle,
    state: watch::Receiver<TunState>,
    /// `None` without a socket.
    socket_removed: Option<watch::Receiver<bool>>,
    /// The driver and what runs beside it; aborted when dropped.
    tasks: JoinSet<()>,
}

impl Interface {
    /// Creates the interface, gives it a configuration and serves it. Needs the right to administrate the
    /// network.
    ///
    /// # Errors
    /// [`InterfaceError`].
    ///
    /// # Cancel safety
    /// Dropping the future removes the interface.
    pub async fn up(config: Config, options: InterfaceOptions) -> Result<Self, InterfaceError> {
        let mut interface = Self::open(options.with_config(&config))?;
        interface.configure(config).await?;
        Ok(interface)
    }

    /// Serves an interface that another process opened, as [`confine`](crate::confine) does; it has a name,
    /// an MTU and offloads of its own; its packets are not marked. Its socket is where those of tunnels
    /// without root are, if it can be had.
    ///
    /// # Errors
    /// [`InterfaceError`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the interface up.
    pub async fn adopt(
        config: Config,
        options: InterfaceOptions,
        parcel: TunParcel,
    ) -> Result<Self, InterfaceError> {
        let mut options = options.with_config(&config);
        options.mark = 0;
        let mut interface = Self::serve(Tun::adopt(parcel)?, None, &options)?;
        crate::control::offer(&interface.name, &interface.driver, &mut interface.tasks);
        interface.configure(config).await?;
        Ok(interface)
    }

    /// Creates the interface and serves it; keys and peers come by [`configure`](Self::configure) or by
    /// the socket. Needs the right to administrate the network, and a tokio runtime.
    ///
    /// # Errors
    /// [`InterfaceError`].
    pub fn open(options: InterfaceOptions) -> Result<Self, InterfaceError> {
        let Offloads { tso, uso, .. } = options.offloads;
        let tun = Tun::open(&TunConfig {
            name: options.name.clone(),
            mtu: options.mtu.unwrap_or(DEFAULT_MTU),
            offloads: TunOffloads { tcp: tso, udp: uso },
        })?;
        let directory = options.socket_directory.as_deref();
        let socket = directory.map(|directory| Socket::bind(directory, tun.name()));
        let socket = socket.transpose()?;
        Self::serve(tun, socket, &options)
    }

    fn serve(
        tun: Tun,
        socket: Option<Socket>,
        options: &InterfaceOptions,
    ) -> Result<Self, InterfaceError> {
        let Offloads { gso, gro, .. } = options.offloads;
        let (name, state, mtu) = (tun.name().to_owned(), tun.watch(), tun.mtu());
        let udp_offloads = UdpOffloads {
            segmentation: gso,
            coalescing: gro,
        };
        let mut transport = UdpTransport::bind_with(options.listen_port, udp_offloads)
            .map_err(ConnectError::Bind)?;
        transport.change(SocketChange {
            port: None,
            mark: Some(options.mark),
        })?;
        let driver_config = DriverConfig {
            mtu,
            aead_path: options.aead_path,
        };
        let (driver, handle) = Driver::new(driver_config, Clock::new(), transport, tun);
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        let socket_removed = serve_socket(socket, &handle, &mut tasks);
        Ok(Self {
            name,
            driver: handle,
            state,
            socket_removed,
            tasks,
        })
    }

    /// Sets the private key and adds the peers. The port and the MTU are those that the interface was
    /// opened with.
    ///
    /// Endpoints with host names are looked up meanwhile, and again until they are found.
    ///
    /// # Errors
    /// [`ConnectError::Peer`], [`ConnectError::Closed`].
    pub async fn configure(&mut self, config: Config) -> Result<(), ConnectError> {
        let Config {
            interface, peers, ..
        } = config;
        let named = configure(&self.driver, &interface, peers, Names::LookUpLater).await?;
        if !named.is_empty() {
            let events = self.driver.events()?;
            self.tasks
                .spawn(keep_current(self.driver.clone(), events, named));
        }
        Ok(())
    }

    /// The name of the interface.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Answers `GET /metrics` on `listener` with the figures of the tunnel, for Prometheus.
    ///
    /// Whoever can connect learns public keys and counters, but no secrets.
    pub fn serve_metrics(&mut self, listener: TcpListener) {
        let (driver, name) = (self.driver.clone(), self.name.clone());
        self.tasks.spawn(metrics::serve(listener, driver, name));
    }

    /// What happens to the tunnel from here on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.driver.events().ok())
    }

    /// The UDP port that the tunnel receives on.
    ///
    /// # Errors
    /// [`DriverGone`] if the tunnel is closed.
    pub async fn listen_port(&self) -> Result<u16, DriverGone> {
        self.driver.local_port().await
    }

    /// Waits until somebody deletes the interface, or the socket for its configuration, or until what
    /// serves them fails.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn ended(&mut self) -> InterfaceEnd {
        let socket_removed = async {
            match &mut self.socket_removed {
                Some(removed) => removed.wait_for(|removed| *removed).await.map(drop),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Of both ends the one that was asked for is told.
            biased;
            gone = self.state.wait_for(|state| *state == TunState::Gone) => match gone {
                Ok(_) => InterfaceEnd::Deleted,
                Err(_) => InterfaceEnd::Failed,
            },
            removed = socket_removed => match removed {
                Ok(()) => InterfaceEnd::SocketRemoved,
                Err(_) => InterfaceEnd::Failed,
            },
        }
    }

    /// Removes the interface, and returns once it is.
    pub async fn close(mut self) {
        // One that is gone already needs no stopping.
        let _ = self.driver.stop().await;
        self.tasks.shutdown().await;
    }
}

/// Serves the socket, if there is one; says when somebody has removed it, or by silence that it failed.
fn serve_socket(
    socket: Option<Socket>,
    driver: &DriverHandle,
    tasks: &mut JoinSet<()>,
) -> Option<watch::Receiver<bool>> {
    let (removed, was_removed) = watch::channel(false);
    let server = Server::new(socket?, driver.clone());
    tasks.spawn(async move {
        let end = server.run().await;
        removed.send_replace(end == ServerEnd::SocketRemoved);
    });
    Some(was_removed)
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use wirecraft_net::{Inner, Packets};
    use wirecraft_tunnel::{Arena, SendError};

    use super::*;

    /// An inner side that breaks down when it is asked for packets.
    struct Broken(watch::Sender<TunState>);

    impl Inner for Broken {
        fn deliver(&mut self, _: wirecraft_time::Instant, _: Packets<'_, '_>) {}

        fn poll_packets(
            &mut self,
            _: &mut Context<'_>,
            _: wirecraft_time::Instant,
            _: &mut Arena,
        ) -> Poll<()> {
            panic!("a bug in state {:?}", self.0.borrow());
        }

        fn poll_timeout(&self) -> Option<wirecraft_time::Instant> {
            None
        }

        fn undeliverable(&mut self, _: wirecraft_time::Instant, _: &[u8], _: SendError) {}
    }

    fn broken(socket: Option<Socket>) -> Interface {
        let inner = Broken(watch::Sender::new(TunState::Open {
            mtu: 1420,
            is_up: true,
        }));
        let state = inner.0.subscribe();
        let transport = UdpTransport::bind(0).unwrap();
        let (driver, handle) = Driver::new(DriverConfig::default(), Clock::new(), transport, inner);
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        Interface {
            name: "wg0".to_owned(),
            socket_removed: serve_socket(socket, &handle, &mut tasks),
            driver: handle,
            state,
            tasks,
        }
    }

    #[tokio::test]
    async fn a_driver_that_breaks_down_is_a_failure_and_no_deletion() {
        assert_eq!(broken(None).ended().await, InterfaceEnd::Failed);
        let directory = tempfile::tempdir().unwrap();
        let socket = Socket::bind(directory.path(), "wg0").unwrap();
        assert_eq!(broken(Some(socket)).ended().await, InterfaceEnd::Failed);
    }
}
