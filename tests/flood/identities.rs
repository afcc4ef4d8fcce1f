//! Who takes part: keys and addresses, which the conductor draws and everybody is told.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use wirecraft_net::SystemEntropy;
use wirecraft_noise_handshake::PrivateKey;

/// The UDP port of the receiver.
pub(crate) const PORT: u16 = 51_820;

/// The number of the peer that the flow comes from; all others only do handshakes.
pub(crate) const FLOW_PEER: usize = 0;

/// The receiver's address in the tunnel.
pub(crate) const RECEIVER_INSIDE: Ipv4Addr = Ipv4Addr::new(10, 50, 0, 1);

/// The private keys of everybody, for a program that plays one of them.
pub(crate) struct Identities {
    pub(crate) receiver: PrivateKey,
    pub(crate) peers: Vec<PrivateKey>,
    /// Where the receiver is to be found by the peers.
    pub(crate) endpoint: SocketAddr,
}

impl Identities {
    pub(crate) fn draw(peers: usize, endpoint: SocketAddr) -> Self {
        let mut entropy = SystemEntropy::default();
        let mut key = || PrivateKey::generate(&mut entropy);
        Self {
            receiver: key(),
            peers: (0..peers).map(|_| key()).collect(),
            endpoint,
        }
    }

    /// The private keys of the peers from this one on.
    pub(crate) fn keys_from(&self, peer: usize) -> Vec<String> {
        self.peers.iter().skip(peer).map(text).collect()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "receiver": text(&self.receiver),
            "peers": self.keys_from(0),
            "endpoint": self.endpoint.to_string(),
        })
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn from_json(value: &Value) -> Result<Self> {
        let key = |value: &Value| -> Result<PrivateKey> {
            Ok(value.as_str().context("a key is a string")?.parse()?)
        };
        let peers = value["peers"].as_array().context("a list of keys")?;
        let endpoint = value["endpoint"].as_str().context("an endpoint")?;
        Ok(Self {
            receiver: key(&value["receiver"])?,
            peers: peers.iter().map(key).collect::<Result<_>>()?,
            endpoint: endpoint.parse()?,
        })
    }
}

fn text(key: &PrivateKey) -> String {
    key.to_base64().as_str().to_owned()
}

/// The address in the tunnel of peer `number`.
pub(crate) fn inside(number: usize) -> Ipv4Addr {
    let base = Ipv4Addr::new(10, 51, 0, 1).to_bits();
    Ipv4Addr::from_bits(base + u32::try_from(number).unwrap_or(u32::MAX - base))
}
