//! Endpoints with host names: looked up outside the tunnel, and again when they fall silent.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout};
use wirecraft_net::DriverHandle;
use wirecraft_tunnel::{Event, PeerId};

/// The least time between two lookups of one name.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);

/// A peer whose endpoint has a host name.
pub(crate) struct NamedEndpoint {
    pub(crate) peer: PeerId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// An endpoint's host name could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("endpoint {host}:{port}: cannot look up the name: {source}")]
pub struct EndpointError {
    /// The host name.
    pub host: String,
    /// The UDP port beside it.
    pub port: u16,
    /// What the system's resolver said.
    pub source: io::Error,
}

/// Looks a host name up by the system's resolver; of several addresses it takes the first.
///
/// # Errors
/// [`EndpointError`] if the resolver fails or knows no address.
pub(crate) async fn look_up(host: &str, port: u16) -> Result<SocketAddr, EndpointError> {
    let found = lookup_host((host, port)).await.and_then(|mut addresses| {
        addresses
            .next()
            .ok_or_else(|| io::Error::other("the name has no address"))
    });
    found.map_err(|source| EndpointError {
        host: host.to_owned(),
        port,
        source,
    })
}

/// Looks names up again whose peers do not answer, until the driver ends.
///
/// A second initiation without an answer says that an attempt has failed; the first says nothing yet.
pub(crate) async fn keep_current(
    driver: DriverHandle,
    mut events: broadcast::Receiver<Event>,
    endpoints: Vec<NamedEndpoint>,
) {
    let mut watched: HashMap<PeerId, Watched> = endpoints
        .into_iter()
        .map(|endpoint| (endpoint.peer, Watched::new(endpoint)))
        .collect();
    loop {
        let event = if watched.values().any(Watched::is_silent) {
            timeout(LOOKUP_INTERVAL, events.recv()).await.ok()
        } else {
            Some(events.recv().await)
        };
        match event {
            Some(Ok(event)) => take_note(&mut watched, event),
            Some(Err(broadcast::error::RecvError::Closed)) => return,
            Some(Err(broadcast::error::RecvError::Lagged(_))) | None => {}
        }
        for watched in watched.values_mut() {
            watched.look_up_if_silent(&driver).await;
        }
    }
}

fn take_note(watched: &mut HashMap<PeerId, Watched>, event: Event) {
    match event {
        Event::InitiationSent { peer } => {
            if let Some(watched) = watched.get_mut(&peer) {
                watched.unanswered += 1;
            }
        }
        Event::PeerUp { peer } => {
            if let Some(watched) = watched.get_mut(&peer) {
                watched.unanswered = 0;
                watched.found = true;
            }
        }
        _ => {}
    }
}

struct Watched {
    endpoint: NamedEndpoint,
    /// Initiations sent since the last session was made.
    unanswered: u32,
    /// Whether the name ever led to an address.
    found: bool,
    looked_up_at: Option<Instant>,
}

impl Watched {
    fn new(endpoint: NamedEndpoint) -> Self {
        Self {
            endpoint,
            unanswered: 0,
            found: false,
            looked_up_at: None,
        }
    }

    fn is_silent(&self) -> bool {
        self.unanswered >= 2 || !self.found
    }

    async fn look_up_if_silent(&mut self, driver: &DriverHandle) {
        let is_recent = self
            .looked_up_at
            .is_some_and(|at| at.elapsed() < LOOKUP_INTERVAL);
        if !self.is_silent() || is_recent {
            return;
        }
        self.looked_up_at = Some(Instant::now());
        let NamedEndpoint { peer, host, port } = &self.endpoint;
        let peer = *peer;
        match look_up(host, *port).await {
            Ok(address) => {
                self.found = true;
                // The driver's end is noticed by the events' end.
                let _ = driver
                    .call(move |device, now| {
                        let status = device.peer_status(now, peer);
                        if status.is_some_and(|status| status.endpoint != Some(address)) {
                            let _ = device.set_endpoint(peer, address);
                            let _ = device.start_handshake(now, peer);
                        }
                    })
                    .await;
            }
            Err(error) => tracing::debug!(%error, "endpoint not looked up"),
        }
    }
}
