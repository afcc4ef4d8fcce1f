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
use wirecraft_net::DriverHandle;
use wirecraft_tunnel::{Event, PeerId, PeerStatus};

/// The least time from one lookup of a name to the next.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);

/// A peer whose endpoint has a host name.
pub(crate) struct NamedEndpoint {
    pub(crate) peer: PeerId,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The address that the name has led to, which the device was told.
    pub(crate) found: Option<SocketAddr>,
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
/// A peer that somebody else said another endpoint of, as `wg set` does, is theirs from then on.
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
    /// The address that the name last led to.
    found: Option<SocketAddr>,
    /// Whether the peer was heard, wherever it is.
    was_heard: bool,
    /// Initiations sent since the last session was made.
    unanswered: u32,
    /// Whether a lookup is under way or was a short while ago.
    is_busy: bool,
}

/// What came of a lookup, reported when the next one may begin.
struct EndedLookup {
    peer: PeerId,
    outcome: Outcome,
}

/// What came of a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// The device was told the address.
    Told(SocketAddr),
    /// Nothing was found, or the peer was heard meanwhile.
    Nothing,
    /// The peer was removed, or somebody else has said where it is.
    Overruled,
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
            if watched.is_wanted() {
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
                    watched.was_heard = true;
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
        match ended.outcome {
            Outcome::Overruled => {
                self.names.remove(&ended.peer);
                return;
            }
            Outcome::Told(address) => watched.found = Some(address),
            Outcome::Nothing => {}
        }
        if watched.is_wanted() {
            watched.look_up(&self.driver, &mut self.lookups);
        }
    }
}

impl Watched {
    fn new(endpoint: NamedEndpoint) -> Self {
        Self {
            found: endpoint.found,
            was_heard: false,
            endpoint: Arc::new(endpoint),
            unanswered: 0,
            is_busy: false,
        }
    }

    /// Whether an address is wanted even if nothing is sent.
    fn is_wanted(&self) -> bool {
        self.found.is_none() && !self.was_heard
    }

    fn look_up(&mut self, driver: &DriverHandle, lookups: &mut JoinSet<EndedLookup>) {
        self.is_busy = true;
        let endpoint = self.endpoint.clone();
        lookups.spawn(look_up_again(driver.clone(), endpoint, self.found));
    }
}

/// Looks a name up and tells the driver, if it has what was `found` before; ends when the name may be
/// looked up again.
async fn look_up_again(
    driver: DriverHandle,
    endpoint: Arc<NamedEndpoint>,
    found: Option<SocketAddr>,
) -> EndedLookup {
    let pause = sleep(LOOKUP_INTERVAL);
    let NamedEndpoint {
        peer, host, port, ..
    } = &*endpoint;
    let outcome = match State::of(&driver, *peer).await {
        Some(state) if state.configured == found => match look_up(host, *port).await {
            Ok(address) => move_peer(&driver, *peer, address, state).await,
            Err(error) => {
                tracing::debug!(%error, "endpoint not looked up");
                Outcome::Nothing
            }
        },
        _ => Outcome::Overruled,
    };
    pause.await;
    EndedLookup {
        peer: *peer,
        outcome,
    }
}

/// What a peer was like when a lookup began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct State {
    configured: Option<SocketAddr>,
    /// Since the Unix epoch.
    last_handshake: Option<Duration>,
}

impl State {
    /// Returns nothing if the peer is gone, or the driver, whose end is noticed by the events' end.
    async fn of(driver: &DriverHandle, peer: PeerId) -> Option<Self> {
        let state = driver.call(move |device, now| {
            let status = device.peer_status(now, peer)?;
            Some(Self::in_status(&status))
        });
        state.await.ok().flatten()
    }

    fn in_status(status: &PeerStatus) -> Self {
        Self {
            configured: status.configured_endpoint,
            last_handshake: status.traffic.last_handshake,
        }
    }
}

/// Says where a peer is, unless it was heard since the lookup began: it knows best where it is; or somebody
/// else has said where it is.
///
/// The attempt under way goes on to the new address, and ends when it would have ended.
async fn move_peer(
    driver: &DriverHandle,
    peer: PeerId,
    address: SocketAddr,
    before: State,
) -> Outcome {
    let moved = driver.call(move |device, now| {
        let Some(status) = device.peer_status(now, peer) else {
            return Outcome::Overruled;
        };
        let state = State::in_status(&status);
        if state.configured != before.configured {
            return Outcome::Overruled;
        }
        if state.last_handshake != before.last_handshake {
            return Outcome::Nothing;
        }
        // A peer that has a status is known.
        let _ = device.set_endpoint(peer, address);
        if status.endpoint.is_none() {
            let _ = device.start_handshake(now, peer);
        }
        Outcome::Told(address)
    });
    moved.await.unwrap_or(Outcome::Overruled)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::task::{Context, Poll};

    use wirecraft_net::{Clock, Driver, DriverConfig, Inner, Packets, SystemEntropy, UdpTransport};
    use wirecraft_noise_handshake::PrivateKey;
    use wirecraft_tunnel::{Arena, SendError};

    use super::*;

    const PORT: u16 = 51_820;

    /// Where the name led at first.
    const FORMER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 9), 7));

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
        async fn new(found: Option<SocketAddr>) -> Self {
            let transport = UdpTransport::bind(0).unwrap();
            let config = DriverConfig::default();
            let (running, driver) = Driver::new(config, Clock::new(), transport, Silence);
            tokio::spawn(running.run());
            let peer_key = PrivateKey::generate(&mut SystemEntropy::default()).public_key();
            let peer = driver.call(move |device, _| device.add_peer(peer_key));
            let peer = peer.await.unwrap().unwrap();
            if let Some(found) = found {
                let told = driver.call(move |device, _| device.set_endpoint(peer, found));
                told.await.unwrap().unwrap();
            }
            let (events, receiver) = broadcast::channel(16);
            let name = NamedEndpoint {
                peer,
                host: "localhost".to_owned(),
                port: PORT,
                found,
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
            let is_moved = |endpoint: SocketAddr| endpoint.port() == PORT;
            while !self.endpoint().await.is_some_and(is_moved) {
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
        let scene = Scene::new(Some(FORMER)).await;
        let peer = scene.peer;
        for event in [
            Event::InitiationSent { peer },
            Event::PeerUp { peer },
            Event::InitiationSent { peer },
        ] {
            scene.tell(event);
        }
        scene.rest().await;
        assert_eq!(scene.endpoint().await, Some(FORMER));
        scene.tell(Event::InitiationSent { peer });
        scene.moved().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_was_not_found_is_looked_up_without_an_event() {
        Scene::new(None).await.moved().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_somebody_else_has_set_stays() {
        let other = SocketAddr::from(([192, 0, 2, 200], 9));
        let scene = Scene::new(Some(FORMER)).await;
        let peer = scene.peer;
        let set = scene
            .driver
            .call(move |device, _| device.set_endpoint(peer, other));
        set.await.unwrap().unwrap();
        for _ in 0..20 {
            scene.tell(Event::InitiationSent { peer });
            scene.rest().await;
        }
        assert_eq!(scene.endpoint().await, Some(other));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_again_and_again() {
        let scene = Scene::new(Some(FORMER)).await;
        for _ in 0..3 {
            for _ in 0..2 {
                scene.tell(Event::InitiationSent { peer: scene.peer });
            }
            scene.moved().await;
            scene.rest().await;
            scene.tell(Event::PeerUp { peer: scene.peer });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_heard_or_moved_during_the_lookup_stays_where_it_is() {
        let scene = Scene::new(Some(FORMER)).await;
        let found = SocketAddr::from(([192, 0, 2, 1], PORT));
        let now = State {
            configured: Some(FORMER),
            last_handshake: None,
        };
        let heard = State {
            last_handshake: Some(Duration::from_secs(1)),
            ..now
        };
        let moved = State {
            configured: None,
            ..now
        };
        for (before, outcome, endpoint) in [
            (heard, Outcome::Nothing, FORMER),
            (moved, Outcome::Overruled, FORMER),
            (now, Outcome::Told(found), found),
        ] {
            let came_of_it = move_peer(&scene.driver, scene.peer, found, before).await;
            assert_eq!(came_of_it, outcome);
            assert_eq!(scene.endpoint().await, Some(endpoint));
        }
    }
}
