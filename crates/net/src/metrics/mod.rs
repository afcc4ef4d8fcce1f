//! Figures of a running tunnel for Prometheus, by HTTP.

mod http;
mod text;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use wirecraft_tunnel::{Counters, PeerStatus, PublicKey};

use crate::handle::{DriverGone, DriverHandle, Served};
use crate::udp::SocketCounters;

/// Clients that are served at the same time; others wait until one has gone.
const CONNECTIONS_MAX: usize = 8;

/// The figures of a tunnel at one moment.
struct Figures {
    public_key: Option<PublicKey>,
    listen_port: u16,
    counters: Counters,
    sockets: SocketCounters,
    inner: Vec<(&'static str, u64)>,
    peers: Vec<PeerStatus>,
}

impl Figures {
    async fn of(driver: &DriverHandle) -> Result<Self, DriverGone> {
        driver.serve(|served| Self::take(served)).await
    }

    fn take(served: &Served<'_>) -> Self {
        let device = &served.device;
        let peers = device.peers();
        Self {
            public_key: device.public_key(),
            listen_port: served.transport.local_port(),
            counters: *device.counters(),
            sockets: served.transport.counters(),
            inner: served.inner.counters(),
            peers: peers
                .filter_map(|peer| device.peer_status(served.now, peer))
                .collect(),
        }
    }
}

/// Answers `GET /metrics` on `listener` with the figures of a tunnel, called `name`, until it ends.
///
/// Whoever can connect learns public keys, endpoints' traffic and counters, but no secrets.
///
/// # Cancel safety
/// Dropped, it lets go of all clients.
pub async fn serve(listener: TcpListener, driver: DriverHandle, name: String) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = driver.ended() => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    let (driver, name) = (driver.clone(), name.clone());
                    connections.spawn(async move {
                        if let Err(error) = http::converse(stream, &driver, &name).await {
                            tracing::debug!(%error, "client of the metrics");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no client of the metrics can be taken");
                    tokio::time::sleep(http::PAUSE).await;
                }
            },
        }
    }
}
