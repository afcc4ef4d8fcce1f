//! What the driver hands out of its device, to be written down outside of its loop.

use core::time::Duration;

use wirecraft_tunnel::{
    Counters, PeerStatus, PresharedKey, PrivateKey, PublicKey, wipe_stack_after,
};

use crate::handle::Served;
use crate::udp::SocketCounters;

/// The configuration and the state of a tunnel at one moment.
pub(super) struct Snapshot {
    pub(super) private_key: Option<PrivateKey>,
    pub(super) public_key: Option<PublicKey>,
    pub(super) port: u16,
    pub(super) mark: u32,
    pub(super) counters: Counters,
    pub(super) sockets: SocketCounters,
    pub(super) inner: Vec<(&'static str, u64)>,
    pub(super) peers: Vec<Peer>,
}

pub(super) struct Peer {
    pub(super) status: PeerStatus,
    pub(super) preshared_key: PresharedKey,
}

impl Snapshot {
    /// Takes a snapshot; in a box, as keys that move leave their bytes behind.
    pub(super) fn take(served: &Served<'_>) -> Box<Self> {
        wipe_stack_after(|| {
            Box::new(Self {
                private_key: served.device.private_key().cloned(),
                public_key: served.device.public_key(),
                port: served.transport.local_port(),
                mark: served.transport.mark(),
                counters: *served.device.counters(),
                sockets: served.transport.counters(),
                inner: served.inner.counters(),
                peers: peers(served),
            })
        })
    }
}

fn peers(served: &Served<'_>) -> Vec<Peer> {
    let mut peers = Vec::with_capacity(served.device.peers().count());
    for id in served.device.peers() {
        let status = served.device.peer_status(served.now, id);
        let preshared_key = served.device.preshared_key(id).cloned();
        if let (Some(status), Some(preshared_key)) = (status, preshared_key) {
            peers.push(Peer {
                status,
                preshared_key,
            });
        }
    }
    peers
}

impl Peer {
    /// When the last handshake was completed since the Unix epoch, zero for never.
    pub(super) fn last_handshake(&self) -> Duration {
        self.status.traffic.last_handshake.unwrap_or_default()
    }
}
