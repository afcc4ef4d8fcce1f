//! A tunnel with a network interface of the host on its inner side.

use tokio::sync::watch;
use tokio::task::JoinSet;
use wirecraft_net::{
    Clock, Driver, DriverConfig, DriverGone, DriverHandle, Tun, TunConfig, TunError, TunOffloads,
    TunParcel, TunState, UdpOffloads, UdpTransport,
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
    /// The greatest length of a packet in bytes, instead of what the configuration says.
    pub mtu: Option<u16>,
    /// What may be left to the kernel.
    pub offloads: Offloads,
    /// What encrypts batches of packets, or the nearest to it that the processor has.
    pub aead_path: AeadPath,
}

impl InterfaceOptions {
    /// Starts from the name, everything else as usual.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            mtu: None,
            offloads: Offloads::default(),
            aead_path: AeadPath::detect(),
        }
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
    /// The tunnel did not come up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A network interface whose packets go through a tunnel; it is removed when this is dropped.
///
/// Addresses and routes are the host's business, as is bringing the link up: `ip`, or `wg-quick`.
pub struct Interface {
    name: String,
    driver: DriverHandle,
    state: watch::Receiver<TunState>,
    /// The driver and what runs beside it; aborted when dropped.
    tasks: JoinSet<()>,
}

impl Interface {
    /// Creates the interface and serves it. Needs the right to administrate the network.
    ///
    /// Endpoints with host names are looked up meanwhile, and again until they are found.
    ///
    /// # Errors
    /// [`InterfaceError`].
    ///
    /// # Cancel safety
    /// Dropping the future removes the interface.
    pub async fn up(config: Config, options: InterfaceOptions) -> Result<Self, InterfaceError> {
        let Offloads { tso, uso, .. } = options.offloads;
        let mtu = options.mtu.or(config.interface.mtu);
        let tun = Tun::open(&TunConfig {
            name: options.name.clone(),
            mtu: mtu.unwrap_or(DEFAULT_MTU),
            offloads: TunOffloads { tcp: tso, udp: uso },
        })?;
        Self::serve(config, options, tun).await
    }

    /// Serves an interface that another process opened, as [`confine`](crate::confine) does; it has a name,
    /// an MTU and offloads of its own.
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
        Self::serve(config, options, Tun::adopt(parcel)?).await
    }

    async fn serve(
        config: Config,
        options: InterfaceOptions,
        tun: Tun,
    ) -> Result<Self, InterfaceError> {
        let Config {
            interface, peers, ..
        } = config;
        let Offloads { gso, gro, .. } = options.offloads;
        let (name, state, mtu) = (tun.name().to_owned(), tun.watch(), tun.mtu());
        let port = interface.listen_port.unwrap_or(0);
        let udp_offloads = UdpOffloads {
            segmentation: gso,
            coalescing: gro,
        };
        let transport = UdpTransport::bind_with(port, udp_offloads).map_err(ConnectError::Bind)?;
        let driver_config = DriverConfig {
            mtu,
            aead_path: options.aead_path,
        };
        let (driver, handle) = Driver::new(driver_config, Clock::new(), transport, tun);
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        let named = configure(&handle, &interface, peers, Names::LookUpLater).await?;
        if !named.is_empty() {
            let events = handle.events().map_err(ConnectError::Closed)?;
            tasks.spawn(keep_current(handle.clone(), events, named));
        }
        Ok(Self {
            name,
            driver: handle,
            state,
            tasks,
        })
    }

    /// The name of the interface.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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

    /// Waits until somebody deletes the interface.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn deleted(&mut self) {
        // A driver that has ended has given the interface up, too.
        let _ = self.state.wait_for(|state| *state == TunState::Gone).await;
    }

    /// Removes the interface, and returns once it is.
    pub async fn close(mut self) {
        // One that is gone already needs no stopping.
        let _ = self.driver.stop().await;
        self.tasks.shutdown().await;
    }
}
