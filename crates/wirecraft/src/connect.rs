//! Bringing a tunnel up: sockets, keys, peers, and the first handshake.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use wirecraft_net::{
    BindError, Clock, Driver, DriverConfig, DriverGone, DriverHandle, UdpTransport,
};
use wirecraft_tunnel::{
    AeadPath, AllowedIpChange, ConfigureError, DeviceChange, Event, PeerChange, PeerId,
};

use crate::config::{Config, Endpoint, InterfaceConfig, PeerConfig};
use crate::endpoints::{EndpointError, NamedEndpoint, keep_current, look_up_within};
use crate::events::Events;
use crate::stack::{Stack, StackConfig};
use crate::tunnel::Tunnel;

/// The MTU of a tunnel whose configuration names none: that of `wg-quick` on a link of 1500 bytes.
pub const DEFAULT_MTU: u16 = 1420;

/// How a tunnel is brought up.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// How long to wait for the first handshake, the lookup of endpoint names included.
    pub handshake_timeout: Duration,
    /// What encrypts batches of packets: this, or what the processor has below it.
    pub aead_path: AeadPath,
    /// What the tunnel is called by `wirecraft show`, which finds its socket in
    /// `$XDG_RUNTIME_DIR/wirecraft/`; without a name, or where there is no such directory, it has none.
    pub name: Option<String>,
}

impl Default for ConnectOptions {
    /// Ten seconds: two initiations, should the first one be lost. The fastest path of the processor.
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            aead_path: AeadPath::detect(),
            name: None,
        }
    }
}

/// Why a tunnel did not come up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The UDP port could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A peer's endpoint could not be looked up.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A peer cannot be configured.
    #[error("peer {public_key}: {source}")]
    Peer {
        /// The public key of the peer.
        public_key: wirecraft_noise_handshake::PublicKey,
        /// What is wrong with it.
        source: ConfigureError,
    },
    /// There is no peer to connect to.
    #[error("the configuration has no [Peer] section")]
    NoPeers,
    /// No peer completed a handshake in time.
    #[error("no handshake within {} s: {}", waited.as_secs_f64(), silence(endpoints))]
    NoHandshake {
        /// How long was waited.
        waited: Duration,
        /// The endpoints that initiations were sent to.
        endpoints: Vec<SocketAddr>,
    },
    /// The tunnel was closed meanwhile.
    #[error(transparent)]
    Closed(#[from] DriverGone),
}

fn silence(endpoints: &[SocketAddr]) -> String {
    if endpoints.is_empty() {
        return "no peer has an Endpoint, and none called".to_owned();
    }
    let endpoints: Vec<String> = endpoints.iter().map(SocketAddr::to_string).collect();
    format!("no valid answer from {}", endpoints.join(", "))
}

impl Tunnel {
    /// Brings a tunnel up and waits for the first handshake, ten seconds at most.
    ///
    /// Endpoints with host names are looked up outside the tunnel, and again when they fall silent.
    ///
    /// # Errors
    /// [`ConnectError`], [`ConnectError::NoHandshake`] if no peer answered.
    ///
    /// # Cancel safety
    /// Dropping the future takes the tunnel down.
    pub async fn connect(config: Config) -> Result<Self, ConnectError> {
        Self::connect_with(config, ConnectOptions::default()).await
    }

    /// As [`connect`](Self::connect), with options.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect_with(
        config: Config,
        options: ConnectOptions,
    ) -> Result<Self, ConnectError> {
        if config.peers.is_empty() {
            return Err(ConnectError::NoPeers);
        }
        let began_at = Instant::now();
        let waited = options.handshake_timeout;
        let names = Names::LookUpWithin(waited);
        let tunnel = Self::bring_up(config, names, &options).await?;
        let mut events = tunnel.events();
        let endpoints = tunnel.start_handshakes().await?;
        let left = waited.saturating_sub(began_at.elapsed());
        match timeout(left, first_session(&tunnel, &mut events)).await {
            Ok(up) => up.map(|()| tunnel),
            Err(_) => Err(ConnectError::NoHandshake { waited, endpoints }),
        }
    }

    /// Brings a tunnel up without waiting for anybody: for peers that call, or to keep trying.
    ///
    /// Endpoints with host names are looked up meanwhile, and again until they are found.
    ///
    /// # Errors
    /// [`ConnectError::Bind`], [`ConnectError::Peer`].
    pub async fn listen(config: Config) -> Result<Self, ConnectError> {
        Self::listen_with(config, ConnectOptions::default()).await
    }

    /// As [`listen`](Self::listen), with options; there is no handshake to wait for.
    ///
    /// # Errors
    /// [`ConnectError::Bind`], [`ConnectError::Peer`].
    pub async fn listen_with(
        config: Config,
        options: ConnectOptions,
    ) -> Result<Self, ConnectError> {
        Self::bring_up(config, Names::LookUpLater, &options).await
    }

    async fn bring_up(
        config: Config,
        names: Names,
        options: &ConnectOptions,
    ) -> Result<Self, ConnectError> {
        let transport = UdpTransport::bind(config.interface.listen_port.unwrap_or(0))?;
        let mtu = usize::from(config.interface.mtu.unwrap_or(DEFAULT_MTU));
        let clock = Clock::new();
        let (stack, sockets) =
            Stack::new(StackConfig::new(&config.interface.addresses, mtu), clock);
        let driver_config = DriverConfig {
            mtu,
            aead_path: options.aead_path,
        };
        let (driver, handle) = Driver::new(driver_config, clock, transport, stack);
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());
        let Config {
            interface, peers, ..
        } = config;
        let named = configure(&handle, &interface, peers, names).await?;
        if !named.is_empty() {
            tasks.spawn(keep_current(handle.clone(), handle.events()?, named));
        }
        #[cfg(unix)]
        if let Some(name) = &options.name {
            crate::control::offer(name, &handle, &mut tasks);
        }
        Ok(Self::from_parts(interface, mtu, handle, sockets, tasks))
    }

    /// Sends an initiation to every peer whose endpoint is known, unless one was sent within 5 s; returns the endpoints.
    ///
    /// A tunnel that only [listens](Self::listen) calls nobody before there is something to send.
    ///
    /// # Errors
    /// [`DriverGone`] if the tunnel is closed.
    pub async fn start_handshakes(&self) -> Result<Vec<SocketAddr>, DriverGone> {
        self.driver()
            .call(|device, now| {
                let peers: Vec<PeerId> = device.peers().collect();
                let mut endpoints = Vec::new();
                for peer in peers {
                    let status = device.peer_status(now, peer);
                    if let Some(endpoint) = status.and_then(|status| status.endpoint) {
                        endpoints.push(endpoint);
                        // A peer that exists cannot be unknown.
                        let _ = device.start_handshake(now, peer);
                    }
                }
                endpoints
            })
            .await
    }
}

impl Tunnel {
    /// Gives up handshakes that were started and are not answered: their initiations are not repeated, and
    /// packets that wait for them are dropped.
    ///
    /// # Errors
    /// [`DriverGone`] if the tunnel is closed.
    pub async fn cancel_handshakes(&self) -> Result<(), DriverGone> {
        self.driver()
            .call(|device, _| {
                let peers: Vec<PeerId> = device.peers().collect();
                for peer in peers {
                    // A peer that exists cannot be unknown.
                    let _ = device.cancel_handshake(peer);
                }
            })
            .await
    }
}

/// Sets the private key and adds the peers; returns the endpoints that have names.
pub(crate) async fn configure(
    handle: &DriverHandle,
    interface: &InterfaceConfig,
    peers: Vec<PeerConfig>,
    names: Names,
) -> Result<Vec<NamedEndpoint>, ConnectError> {
    let began_at = Instant::now();
    let private_key = interface.private_key.clone();
    handle
        .call(move |device, _| device.set_private_key(Some(private_key)))
        .await?;
    let mut named = Vec::new();
    for peer in peers {
        let endpoint = peer.endpoint.clone();
        let id = add_peer(handle, peer).await?;
        let resolved = match endpoint {
            None => continue,
            Some(Endpoint::Address(address)) => Some(address),
            Some(Endpoint::Name { host, port }) => {
                let address = match names {
                    Names::LookUpLater => None,
                    Names::LookUpWithin(limit) => {
                        let left = limit.saturating_sub(began_at.elapsed());
                        Some(look_up_within(left, &host, port).await?)
                    }
                };
                named.push(NamedEndpoint {
                    peer: id,
                    host,
                    port,
                    found: address,
                });
                address
            }
        };
        if let Some(address) = resolved {
            set_endpoint(handle, id, address).await?;
        }
    }
    Ok(named)
}

/// When endpoint names are looked up.
#[derive(Clone, Copy)]
pub(crate) enum Names {
    /// At once; a name that is not found in time is an error.
    LookUpWithin(Duration),
    /// Beside the running tunnel, until they are found.
    LookUpLater,
}

/// Configures a peer, all but its endpoint; a persistent keepalive starts the handshake by itself.
async fn add_peer(handle: &DriverHandle, peer: PeerConfig) -> Result<PeerId, ConnectError> {
    let public_key = peer.public_key;
    let seconds = peer
        .persistent_keepalive
        .map(|seconds| u64::from(seconds.get()));
    let change = PeerChange {
        preshared_key: peer.preshared_key,
        persistent_keepalive: seconds.map(Duration::from_secs),
        allowed_ips: peer
            .allowed_ips
            .into_iter()
            .map(AllowedIpChange::Add)
            .collect(),
        ..PeerChange::new(public_key)
    };
    let change = DeviceChange {
        peers: vec![change],
        ..DeviceChange::default()
    };
    handle
        .call(move |device, now| {
            device.apply(now, change)?;
            device
                .peer_id(&public_key)
                .ok_or(ConfigureError::UnknownPeer)
        })
        .await?
        .map_err(|source| ConnectError::Peer { public_key, source })
}

/// Says where a peer is; one with a persistent keepalive is called at once.
async fn set_endpoint(
    handle: &DriverHandle,
    peer: PeerId,
    endpoint: SocketAddr,
) -> Result<(), DriverGone> {
    handle
        .call(move |device, now| {
            // A peer that was removed meanwhile needs no endpoint.
            let _ = device.set_endpoint(peer, endpoint);
            let status = device.peer_status(now, peer);
            if status.is_some_and(|status| status.persistent_keepalive.is_some()) {
                let _ = device.start_handshake(now, peer);
            }
        })
        .await
}

async fn first_session(tunnel: &Tunnel, events: &mut Events) -> Result<(), ConnectError> {
    if tunnel
        .status()
        .await?
        .peers
        .iter()
        .any(|peer| peer.has_session)
    {
        return Ok(());
    }
    while let Some(event) = events.next().await {
        if matches!(event, Event::PeerUp { .. }) {
            return Ok(());
        }
    }
    Err(DriverGone.into())
}

#[cfg(test)]
mod tests {

    use wirecraft_net::SystemEntropy;
    use wirecraft_noise_handshake::PrivateKey;
    use wirecraft_tunnel::AeadPath;

    use super::ConnectOptions;
    use crate::config::Config;
    use crate::tunnel::Tunnel;

    #[tokio::test]
    async fn tunnel_has_the_aead_path_of_its_options() {
        for chosen in AeadPath::ALL {
            let config = Config::new(PrivateKey::generate(&mut SystemEntropy::default()));
            let options = ConnectOptions {
                aead_path: chosen,
                ..ConnectOptions::default()
            };
            let tunnel = Tunnel::listen_with(config, options).await.unwrap();
            let status = tunnel.status().await.unwrap();
            assert_eq!(status.aead_path, chosen.or_below());
        }
    }
}
