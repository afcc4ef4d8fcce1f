//! Endpoints with host names: looked up outside the tunnel, and again when they fall silent.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wirecraft_net::{DriverGone, DriverHandle};
use wirecraft_tunnel::{Event, PeerId};

/// The least time from one lookup of a name to the next.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);

/// A peer whose endpoint has a host name.
pub(crate) struct NamedEndpoint {
    pub(crate) peer: PeerId,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Whether the name has led to an address.
    pub(crate) is_found: bool,
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

/// Looks a host name up, for at most `limit`.
///
/// # Errors
/// [`EndpointError`] if the resolver fails, knows no address or takes longer.
pub(crate) async fn look_up_within(
    limit: Duration,
    host: &str,
    port: u16,
) -> Result<SocketAddr, EndpointError> {
    let looked_up = timeout(limit, look_up(host, port)).await;
    looked_up.unwrap_or_else(|_| {
        Err(EndpointError {
            host: host.to_owned(),
            port,
            source: io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        })
    })
}

/// Looks a host name up by the system's resolver; of several addresses it takes the first.
async fn look_up(host: &str, port: u16) -> Result<SocketAddr, EndpointError> {
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
/// A name that never led to an address is looked up at intervals; all others rest while nothing is sent.
pub(crate) async fn keep_current(
    driver: DriverHandle,
    mut events: broadcast::Receiver<Event>,
    endpoints: Vec<NamedEndpoint>,
) {
    let mut watch = Watch::new(driver, endpoints);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => watch.take_note(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            Some(Ok(ended)) = watch.lookups.join_next() => watch.end_lookup(ended),
        }
    }
}

/// The names that are watched, and the lookups under way: one for each name, so that none waits for another.
struct Watch {
    driver: DriverHandle,
    names: HashMap<PeerId, Watched>,
    lookups: JoinSet<EndedLookup>,
}

struct Watched {
    endpoint: Arc<NamedEndpoint>,
    /// Whether the name ever led to an address, or its peer was heard.
    is_found: bool,
    /// Initiations sent since the last session was made.
    unanswered: u32,
    /// Whether a lookup is under way or was a short while ago.
    is_busy: bool,
}

/// What a lookup found, reported when the next one may begin.
struct EndedLookup {
    peer: PeerId,
    is_found: bool,
}

impl Watch {
    fn new(driver: DriverHandle, endpoints: Vec<NamedEndpoint>) -> Self {
        let mut watch = Self {
            driver,
            names: HashMap::with_capacity(endpoints.len()),
            lookups: JoinSet::new(),
        };
        for endpoint in endpoints {
            let (peer, mut watched) = (endpoint.peer, Watched::new(endpoint));
            if !watched.is_found {
                watched.look_up(&watch.driver, &mut watch.lookups);
            }
            watch.names.insert(peer, watched);
        }
        watch
    }

    fn take_note(&mut self, event: Event) {
        match event {
            Event::InitiationSent { peer } => {
                if let Some(watched) = self.names.get_mut(&peer) {
                    watched.unanswered = watched.unanswered.saturating_add(1);
                    if watched.unanswered >= 2 && !watched.is_busy {
                        watched.look_up(&self.driver, &mut self.lookups);
                    }
                }
            }
            Event::PeerUp { peer } => {
                if let Some(watched) = self.names.get_mut(&peer) {
                    watched.unanswered = 0;
                    watched.is_found = true;
                }
            }
            _ => {}
        }
    }

    fn end_lookup(&mut self, ended: EndedLookup) {
        let Some(watched) = self.names.get_mut(&ended.peer) else {
            return;
        };
        watched.is_busy = false;
        watched.is_found |= ended.is_found;
        if !watched.is_found {
            watched.look_up(&self.driver, &mut self.lookups);
        }
    }
}

impl Watched {
    fn new(endpoint: NamedEndpoint) -> Self {
        Self {
            is_found: endpoint.is_found,
            endpoint: Arc::new(endpoint),
            unanswered: 0,
            is_busy: false,
        }
    }

    fn look_up(&mut self, driver: &DriverHandle, lookups: &mut JoinSet<EndedLookup>) {
        self.is_busy = true;
        lookups.spawn(look_up_again(driver.clone(), self.endpoint.clone()));
    }
}

/// Looks a name up and tells the driver; ends when the name may be looked up again.
async fn look_up_again(driver: DriverHandle, endpoint: Arc<NamedEndpoint>) -> EndedLookup {
    let pause = sleep(LOOKUP_INTERVAL);
    let NamedEndpoint {
        peer, host, port, ..
    } = &*endpoint;
    // The driver's end is noticed by the events' end.
    let handshake_before = last_handshake(&driver, *peer).await.unwrap_or_default();
    let looked_up = look_up(host, *port).await;
    let is_found = looked_up.is_ok();
    match looked_up {
        Ok(address) => drop(move_peer(&driver, *peer, address, handshake_before).await),
        Err(error) => tracing::debug!(%error, "endpoint not looked up"),
    }
    pause.await;
    EndedLookup {
        peer: *peer,
        is_found,
    }
}

/// When the last handshake with a peer was completed, since the Unix epoch.
async fn last_handshake(
    driver: &DriverHandle,
    peer: PeerId,
) -> Result<Option<Duration>, DriverGone> {
    driver
        .call(move |device, now| device.peer_status(now, peer)?.traffic.last_handshake)
        .await
}

/// Says where a peer is, unless it was heard since the lookup began: it knows best where it is.
///
/// The attempt under way goes on to the new address, and ends when it would have ended.
async fn move_peer(
    driver: &DriverHandle,
    peer: PeerId,
    address: SocketAddr,
    handshake_before: Option<Duration>,
) -> Result<(), DriverGone> {
    driver
        .call(move |device, now| {
            let Some(status) = device.peer_status(now, peer) else {
                return;
            };
            if status.traffic.last_handshake != handshake_before {
                return;
            }
            // A peer that has a status is known.
            let _ = device.set_endpoint(peer, address);
            if status.endpoint.is_none() {
                let _ = device.start_handshake(now, peer);
            }
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use wirecraft_net::{Clock, Driver, DriverConfig, Inner, Packets, SystemEntropy, UdpTransport};
    use wirecraft_noise_handshake::PrivateKey;
    use wirecraft_tunnel::{Arena, SendError};

    use super::*;

    const PORT: u16 = 51_820;

    /// An inner side without packets.
    struct Silence;

    impl Inner for Silence {
        fn deliver(&mut self, _: wirecraft_time::Instant, _: Packets<'_, '_>) {}

        fn poll_packets(
            &mut self,
            _: &mut Context<'_>,
            _: wirecraft_time::Instant,
            _: &mut Arena,
        ) -> Poll<()> {
            Poll::Pending
        }

        fn poll_timeout(&self) -> Option<wirecraft_time::Instant> {
            None
        }

        fn undeliverable(&mut self, _: wirecraft_time::Instant, _: &[u8], _: SendError) {}
    }

    /// A driver with one peer, whose events are made up, and whose name leads to this machine.
    struct Scene {
        driver: DriverHandle,
        peer: PeerId,
        events: broadcast::Sender<Event>,
    }

    impl Scene {
        async fn new(is_found: bool) -> Self {
            let transport = UdpTransport::bind(0).unwrap();
            let config = DriverConfig::default();
            let (running, driver) = Driver::new(config, Clock::new(), transport, Silence);
            tokio::spawn(running.run());
            let peer_key = PrivateKey::generate(&mut SystemEntropy::default()).public_key();
            let peer = driver.call(move |device, _| device.add_peer(peer_key));
            let peer = peer.await.unwrap().unwrap();
            let (events, receiver) = broadcast::channel(16);
            let name = NamedEndpoint {
                peer,
                host: "localhost".to_owned(),
                port: PORT,
                is_found,
            };
            tokio::spawn(keep_current(driver.clone(), receiver, vec![name]));
            Self {
                driver,
                peer,
                events,
            }
        }

        fn tell(&self, event: Event) {
            self.events.send(event).unwrap();
        }

        async fn endpoint(&self) -> Option<SocketAddr> {
            let peer = self.peer;
            let endpoint = self
                .driver
                .call(move |device, now| device.peer_status(now, peer)?.endpoint);
            endpoint.await.unwrap()
        }

        /// Waits until the name was looked up.
        async fn moved(&self) {
            while self.endpoint().await.is_none() {
                tokio::task::yield_now().await;
            }
        }

        /// Lets all the time pass that a lookup could wait for.
        async fn rest(&self) {
            sleep(100 * LOOKUP_INTERVAL).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_when_a_second_initiation_has_no_answer() {
        let scene = Scene::new(true).await;
        let peer = scene.peer;
        for event in [
            Event::InitiationSent { peer },
            Event::PeerUp { peer },
            Event::InitiationSent { peer },
        ] {
            scene.tell(event);
        }
        scene.rest().await;
        assert_eq!(scene.endpoint().await, None);
        scene.tell(Event::InitiationSent { peer });
        scene.moved().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_was_not_found_is_looked_up_without_an_event() {
        Scene::new(false).await.moved().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_heard_during_the_lookup_stays_where_it_was_heard() {
        let scene = Scene::new(true).await;
        let found = SocketAddr::from(([192, 0, 2, 1], PORT));
        let other_handshake = Some(Duration::from_secs(1));
        move_peer(&scene.driver, scene.peer, found, other_handshake)
            .await
            .unwrap();
        assert_eq!(scene.endpoint().await, None);
        move_peer(&scene.driver, scene.peer, found, None)
            .await
            .unwrap();
        assert_eq!(scene.endpoint().await, Some(found));
    }
}
