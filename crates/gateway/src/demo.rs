//! A gateway on loopback to try things on: keys made up, services running, a client's configuration.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use wirecraft::config::{Config, Endpoint, InterfaceConfig, PeerConfig};
use wirecraft::{
    ConnectError, PresharedKey, PrivateKey, PublicKey, SystemEntropy, Tunnel, TunnelClosed,
};

use crate::services::{ServiceConfig, ServiceError, Services};

/// The name of the gateway inside the tunnel.
pub const GATEWAY_NAME: &str = "gateway.demo";

/// The gateway's addresses inside the tunnel.
pub const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(10, 89, 0, 1);
/// The gateway's IPv6 address inside the tunnel.
pub const GATEWAY_V6: Ipv6Addr = Ipv6Addr::new(0xfd89, 0, 0, 0, 0, 0, 0, 1);

const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(10, 89, 0, 2);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0xfd89, 0, 0, 0, 0, 0, 0, 2);

const PAGE: &str = "wirecraft: this page came through the tunnel.\n";

/// A gateway that runs on the loopback interface of this machine, without root.
#[derive(Debug)]
pub struct DemoGateway {
    tunnel: Tunnel,
    public_key: PublicKey,
    client: Config,
    _services: Services,
}

/// The demo gateway could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// Its tunnel did not come up.
    #[error("demo gateway: {0}")]
    Tunnel(#[from] ConnectError),
    /// One of its services did not start.
    #[error("demo gateway: {0}")]
    Service(#[from] ServiceError),
    /// It was closed before it was ready.
    #[error("demo gateway: {0}")]
    Closed(#[from] TunnelClosed),
}

impl DemoGateway {
    /// Starts a gateway on a free UDP port, with new keys for itself and for one client.
    ///
    /// # Errors
    /// [`DemoError`] if no UDP port can be opened.
    pub async fn start() -> Result<Self, DemoError> {
        let mut entropy = SystemEntropy::default();
        let (own_key, client_key) = (
            PrivateKey::generate(&mut entropy),
            PrivateKey::generate(&mut entropy),
        );
        let preshared_key = PresharedKey::generate(&mut entropy);
        let public_key = own_key.public_key();

        let mut own = Config::new(own_key);
        own.interface = interface(own.interface, GATEWAY_V4, GATEWAY_V6);
        let mut peer = PeerConfig::new(client_key.public_key());
        peer.preshared_key = Some(preshared_key.clone());
        peer.allowed_ips = vec![host(CLIENT_V4), host(CLIENT_V6)];
        own.peers.push(peer);

        let tunnel = Tunnel::listen(own).await?;
        let names = [(
            GATEWAY_NAME.to_owned(),
            vec![GATEWAY_V4.into(), GATEWAY_V6.into()],
        )]
        .into();
        let services = Services::start(
            &tunnel,
            ServiceConfig {
                names,
                page: PAGE.into(),
            },
        )
        .await?;
        let port = tunnel.status().await?.listen_port;

        let mut client = Config::new(client_key);
        client.interface = interface(client.interface, CLIENT_V4, CLIENT_V6);
        client.interface.dns.servers = vec![GATEWAY_V4.into(), GATEWAY_V6.into()];
        let mut peer = PeerConfig::new(public_key);
        peer.preshared_key = Some(preshared_key);
        peer.allowed_ips = vec![network(GATEWAY_V4), network(GATEWAY_V6)];
        peer.endpoint = Some(Endpoint::Address(SocketAddr::from((
            Ipv4Addr::LOCALHOST,
            port,
        ))));
        client.peers.push(peer);
        Ok(Self {
            tunnel,
            public_key,
            client,
            _services: services,
        })
    }

    /// The configuration of the client that the gateway knows.
    #[must_use]
    pub fn client_config(&self) -> &Config {
        &self.client
    }

    /// The gateway's public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The gateway's side of the tunnel.
    #[must_use]
    pub fn tunnel(&self) -> &Tunnel {
        &self.tunnel
    }
}

fn interface(mut interface: InterfaceConfig, v4: Ipv4Addr, v6: Ipv6Addr) -> InterfaceConfig {
    interface.addresses = vec![prefix(v4, 24), prefix(v6, 64)];
    interface
}

/// The whole network that an address of the demo is in.
fn network(address: impl Into<IpAddr>) -> IpNet {
    match address.into() {
        IpAddr::V4(address) => prefix(address, 24).trunc(),
        IpAddr::V6(address) => prefix(address, 64).trunc(),
    }
}

fn host(address: impl Into<IpAddr>) -> IpNet {
    address.into().into()
}

fn prefix(address: impl Into<IpAddr>, len: u8) -> IpNet {
    IpNet::new_assert(address.into(), len)
}
