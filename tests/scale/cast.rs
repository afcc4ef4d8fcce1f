//! Who takes part: keys and addresses, the same for everybody who was told the seed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;
use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use wirecraft_net::SystemEntropy;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};
use wirecraft_tunnel::{Device, PeerId};

/// A device as a driver has it.
pub(crate) type SystemDevice = Device<SystemEntropy>;

/// The greatest length of an inner packet, in bytes.
pub(crate) const MTU: usize = 1420;

/// The UDP port of every client.
pub(crate) const CLIENT_PORT: u16 = 40_001;

/// The endpoint's address in the tunnels.
pub(crate) const ENDPOINT_INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// Keys of the endpoint and of all its peers.
pub(crate) struct Cast {
    pub(crate) endpoint: PrivateKey,
    pub(crate) clients: Vec<Client>,
}

/// What one peer of the endpoint is made of.
pub(crate) struct Client {
    pub(crate) key: PrivateKey,
    pub(crate) preshared_key: PresharedKey,
}

/// What the endpoint is told of a peer.
pub(crate) struct PeerLine {
    public_key: PublicKey,
    preshared_key: PresharedKey,
    inside: [IpAddr; 2],
}

impl Cast {
    /// Keys from a seed: they guard nothing.
    pub(crate) fn from_seed(seed: u64, clients: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bytes = || {
            let mut bytes = [0; 32];
            rng.fill_bytes(&mut bytes);
            bytes
        };
        Self {
            endpoint: PrivateKey::from_bytes(bytes()),
            clients: (0..clients)
                .map(|_| Client {
                    key: PrivateKey::from_bytes(bytes()),
                    preshared_key: PresharedKey::from_bytes(bytes()),
                })
                .collect(),
        }
    }

    /// The endpoint's configuration, as it lies in a file.
    pub(crate) fn peer_lines(&self) -> Vec<PeerLine> {
        let lines = self.clients.iter().enumerate();
        lines
            .map(|(number, client)| PeerLine {
                public_key: client.key.public_key(),
                preshared_key: client.preshared_key.clone(),
                inside: inside(number),
            })
            .collect()
    }

    /// Makes the device of client `number`, which will call the endpoint at `endpoint`.
    pub(crate) fn client(
        &self,
        number: usize,
        endpoint: SocketAddr,
    ) -> Result<(SystemDevice, PeerId)> {
        let client = &self.clients[number];
        let mut device = Device::new(MTU, SystemEntropy::default());
        device.set_private_key(Some(client.key.clone()));
        let peer = device.add_peer(self.endpoint.public_key())?;
        device.set_preshared_key(peer, client.preshared_key.clone())?;
        device.set_endpoint(peer, endpoint)?;
        device.add_allowed_ip(peer, IpAddr::from(ENDPOINT_INSIDE).into())?;
        Ok((device, peer))
    }
}

/// Loads all peers into the endpoint's device.
///
/// # Errors
/// When two have the same key, or one that of the endpoint.
pub(crate) fn load(
    device: &mut SystemDevice,
    key: PrivateKey,
    lines: Vec<PeerLine>,
) -> Result<Vec<PeerId>> {
    device.set_private_key(Some(key));
    let load_one = |line: PeerLine| {
        let peer = device.add_peer(line.public_key)?;
        device.set_preshared_key(peer, line.preshared_key)?;
        for address in line.inside {
            device.add_allowed_ip(peer, address.into())?;
        }
        Ok(peer)
    };
    lines.into_iter().map(load_one).collect()
}

/// The two addresses of client `number` in its tunnel.
pub(crate) fn inside(number: usize) -> [IpAddr; 2] {
    let number = u32::try_from(number).unwrap_or(0);
    let v4 = Ipv4Addr::from_bits(Ipv4Addr::new(10, 1, 0, 0).to_bits() + number);
    let v6 = Ipv6Addr::from_bits((0xfd01 << 112) + u128::from(number));
    [v4.into(), v6.into()]
}

/// The address outside of client `number`: one of its own.
pub(crate) fn outside(number: usize) -> SocketAddr {
    let number = u32::try_from(number).unwrap_or(0);
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + number);
    SocketAddr::new(address.into(), CLIENT_PORT)
}

/// The client that has an address.
pub(crate) fn client_at(address: IpAddr) -> Option<usize> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    let base = Ipv4Addr::new(127, 1, 0, 0).to_bits();
    usize::try_from(address.to_bits().checked_sub(base)?).ok()
}
