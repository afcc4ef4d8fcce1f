//! What is known of a tunnel at one moment.

use wirecraft_net::SocketCounters;
use wirecraft_tunnel::{AeadPath, Counters, PeerStatus};

/// A tunnel's state and counters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TunnelStatus {
    /// The UDP port that the tunnel receives on.
    pub listen_port: u16,
    /// The peers.
    pub peers: Vec<PeerStatus>,
    /// What happened to datagrams and packets.
    pub counters: Counters,
    /// What happened on the UDP sockets.
    pub sockets: SocketCounters,
    /// What encrypts batches of packets, where that is faster than one after the other.
    pub aead_path: AeadPath,
}
