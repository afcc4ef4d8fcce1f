//! Port scans through the tunnel: the stateless scanner on raw sockets.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream as _;
use ipnet::IpNet;
use tokio::time::{Sleep, sleep};
use wirecraft_net::{Clock, SystemEntropy};
use wirecraft_netstack::{Filter, RawConfig};
use wirecraft_scan::{
    Checkpoint, Counts, Finding, Method, PROBE_MAX_LEN, Polled, PortRange, Scan, ScanConfig,
    ScanError, Target, Targets,
};

use wirecraft_tunnel::{Event, PeerId};

use crate::events::Events;
use crate::raw::RawSocket;
use crate::socket_error::SocketError;
use crate::tunnel::Tunnel;

/// The ports that probes come from: below those that the tunnel's own connections use, so that a scan
/// and connections do not take each other's answers.
const SOURCE_PORTS: core::ops::RangeInclusive<u16> = 20_000..=32_767;

/// Answers that may wait to be looked at, in bytes: 300 ms of 200,000 resets a second.
const RECEIVE_BUFFER_LEN: usize = 1 << 22;

/// What was sent before a peer is found silent, and did not arrive: 15 s, as the protocol has it, and some
/// for the last answer that came.
const LOST_TIME: core::time::Duration = core::time::Duration::from_secs(20);

/// Probes that leave between two looks at the clock.
const PROBES_PER_LOOK: usize = 64;

/// A port scan under way.
pub struct RunningScan {
    scan: Scan,
    /// Claims the answers, so that the network stack does not answer what it does not know.
    claiming: Option<RawSocket>,
    /// Sees the ICMP messages beside the network stack.
    icmp: RawSocket,
    clock: Clock,
    /// A packet that is to be sent once there is room.
    pending: Pending,
    timer: Pin<Box<Sleep>>,
    peers: Peers,
    is_stopped: bool,
}

/// Who carries the probes.
struct Peers {
    events: Events,
    /// How many there are.
    count: usize,
    /// Those that fell silent and are called: no probe is sent meanwhile.
    silent: Vec<PeerId>,
    /// Those that did not answer the calls either.
    gone: Vec<PeerId>,
}

/// Room for one packet.
struct Pending {
    packet: [u8; PROBE_MAX_LEN],
    /// 0 if there is none.
    len: usize,
}

/// Why a scan could not be started, or ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelScanError {
    /// The scan does not fit the tunnel's addresses.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The tunnel's sockets failed.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Every peer fell silent, and answered no handshake for 90 s. The scan has gone back to where that began.
    #[error("the peer fell silent and answers no handshake")]
    Silent,
}

impl Tunnel {
    /// Starts a SYN scan of `targets` from the addresses of the tunnel, with the scanner's defaults.
    ///
    /// # Errors
    /// As [`scan_with`](Self::scan_with).
    pub async fn scan(&self, targets: Targets) -> Result<RunningScan, TunnelScanError> {
        let sources: Vec<_> = self.addresses().iter().map(IpNet::addr).collect();
        self.scan_with(ScanConfig::new(targets, &sources)).await
    }

    /// Starts a scan. The ports that its probes come from are chosen by the tunnel.
    ///
    /// # Errors
    /// [`TunnelScanError::Scan`] if there are targets of an IP version that the tunnel has no address
    /// of; [`TunnelScanError::Socket`] if it is closed.
    pub async fn scan_with(&self, config: ScanConfig) -> Result<RunningScan, TunnelScanError> {
        let config = with_source_ports(config);
        let scan = Scan::new(config, &mut SystemEntropy::default())?;
        self.run_scan(scan).await
    }

    /// Goes on with a scan where a checkpoint of it was made.
    ///
    /// # Errors
    /// As [`scan_with`](Self::scan_with), and [`ScanError::OtherScan`].
    pub async fn resume_scan(
        &self,
        config: ScanConfig,
        checkpoint: &Checkpoint,
    ) -> Result<RunningScan, TunnelScanError> {
        let config = with_source_ports(config);
        let scan = Scan::resume(config, checkpoint, &mut SystemEntropy::default())?;
        self.run_scan(scan).await
    }

    async fn run_scan(&self, scan: Scan) -> Result<RunningScan, TunnelScanError> {
        let claims = RawConfig {
            claims: true,
            receive_buffer_len: RECEIVE_BUFFER_LEN,
            ..RawConfig::default()
        };
        let answers = match scan.config().method {
            Method::Syn | Method::Ack => Some(Filter::tcp()),
            Method::Udp => Some(Filter::udp()),
            Method::Ping => None,
        };
        let claiming = match answers {
            Some(filter) => Some(self.raw_with(filter.to_ports(SOURCE_PORTS), claims).await?),
            None => None,
        };
        let listens = RawConfig {
            receive_buffer_len: RECEIVE_BUFFER_LEN,
            ..RawConfig::default()
        };
        let icmp = self.raw_with(Filter::icmp(), listens).await?;
        let events = self.events();
        let status = self.status().await.map_err(|_| SocketError::Closed)?;
        let timer = Box::pin(sleep(core::time::Duration::ZERO));
        Ok(RunningScan {
            scan,
            claiming,
            icmp,
            clock: Clock::new(),
            pending: Pending {
                packet: [0; PROBE_MAX_LEN],
                len: 0,
            },
            timer,
            peers: Peers {
                events,
                count: status.peers.len(),
                silent: Vec::new(),
                gone: Vec::new(),
            },
            is_stopped: false,
        })
    }
}

fn with_source_ports(mut config: ScanConfig) -> ScanConfig {
    let (first, last) = SOURCE_PORTS.into_inner();
    config.source_ports = PortRange::new(first, last).expect("the first is less than the last");
    config
}

impl RunningScan {
    /// Goes on until something new is known of a target; `None` once the scan has ended.
    ///
    /// While a peer is silent no probes are sent; those that were lost are sent again when it answers.
    ///
    /// # Errors
    /// [`TunnelScanError::Socket`] if the tunnel was closed, or no peer takes the targets;
    /// [`TunnelScanError::Silent`] if no peer answers any more.
    ///
    /// # Cancel safety
    /// Nothing found is lost; the scan stands still until the next call.
    pub async fn next(&mut self) -> Result<Option<Finding>, TunnelScanError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Sends no more probes; the scan ends once answers to those under way were waited for.
    pub fn stop(&mut self) {
        self.is_stopped = true;
        self.scan.stop(self.clock.now());
    }

    /// Says whether the scan stands still because a peer is silent.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        !self.peers.silent.is_empty()
    }

    /// How far the scan has come, for one that goes on from there. Probes that may still be answered do not
    /// count as sent.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.scan.checkpoint(self.clock.now())
    }

    /// The scan itself: how far it has come, and its settings.
    #[must_use]
    pub fn progress(&self) -> &Scan {
        &self.scan
    }

    /// How many answers were lost because they came faster than they were read.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let claimed = self.claiming.as_ref().map_or(0, RawSocket::dropped);
        claimed + self.icmp.dropped()
    }

    /// How much happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.scan.counts()
    }

    /// Every target with its state, `None` as long as it is silent.
    pub fn findings(
        &self,
    ) -> impl Iterator<Item = (Target, Option<wirecraft_scan::PortState>)> + '_ {
        self.scan.findings()
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Finding>, TunnelScanError>> {
        loop {
            if let Some(finding) = self.poll_answers(cx)? {
                return Poll::Ready(Ok(Some(finding)));
            }
            self.poll_events(cx)?;
            if self.is_paused() && !self.is_stopped {
                return Poll::Pending;
            }
            if self.poll_probes(cx)?.is_pending() {
                return Poll::Pending;
            }
            if self.scan.is_finished() && self.pending.len == 0 {
                return Poll::Ready(Ok(None));
            }
            let Some(at) = self.scan.poll_timeout() else {
                return Poll::Ready(Ok(None));
            };
            let wait = at.since(self.clock.now());
            self.timer
                .as_mut()
                .reset(tokio::time::Instant::now() + wait);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes in what has arrived, up to the first news.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Result<Option<Finding>, SocketError> {
        let Self {
            scan,
            claiming,
            icmp,
            ..
        } = self;
        for socket in claiming.iter().chain([&*icmp]) {
            while let Poll::Ready(answer) =
                socket.poll_recv_stamped_with(cx, |at, packet| scan.receive(at, packet))
            {
                if let Some(finding) = answer? {
                    return Ok(Some(finding));
                }
            }
        }
        Ok(None)
    }

    /// Takes note of what happened to the tunnel.
    fn poll_events(&mut self, cx: &mut Context<'_>) -> Result<(), TunnelScanError> {
        while let Poll::Ready(event) = Pin::new(&mut self.peers.events).poll_next(cx) {
            match event {
                Some(event) => self.take_note(event)?,
                // The sockets tell of the end.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn take_note(&mut self, event: Event) -> Result<(), TunnelScanError> {
        let Peers {
            count,
            silent,
            gone,
            ..
        } = &mut self.peers;
        match event {
            Event::ConnectionLost { peer } => {
                if !silent.contains(&peer) {
                    silent.push(peer);
                }
                self.scan.go_back(self.clock.now() - LOST_TIME);
            }
            Event::PeerUp { peer } => {
                silent.retain(|known| *known != peer);
                gone.retain(|known| *known != peer);
            }
            Event::HandshakeFailed { peer } if silent.contains(&peer) => {
                silent.retain(|known| *known != peer);
                gone.push(peer);
                if gone.len() >= *count {
                    return Err(TunnelScanError::Silent);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends what may be sent; `Pending` while there is no room for it.
    fn poll_probes(&mut self, cx: &Context<'_>) -> Result<Poll<()>, SocketError> {
        let Self {
            scan,
            claiming,
            icmp,
            clock,
            pending,
            ..
        } = self;
        let mut batch = claiming.as_ref().unwrap_or(icmp).batch();
        loop {
            let now = clock.now();
            for _ in 0..PROBES_PER_LOOK {
                if pending.len == 0 {
                    let polled = scan.poll_probe(now, &mut pending.packet);
                    match polled.expect("the buffer is as long as the longest probe") {
                        Polled::Probe { len, .. } | Polled::Reset { len, .. } => pending.len = len,
                        Polled::Wait | Polled::Finished => return Ok(Poll::Ready(())),
                    }
                }
                match batch.poll_send(cx, &pending.packet[..pending.len]) {
                    Poll::Pending => return Ok(Poll::Pending),
                    Poll::Ready(sent) => sent?,
                }
                pending.len = 0;
            }
        }
    }
}

impl fmt::Debug for RunningScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningScan")
            .field("counts", &self.scan.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, PeerConfig};
    use wirecraft_noise_handshake::PrivateKey;

    /// A tunnel to a peer that never answers, and the peer.
    async fn tunnel() -> (Tunnel, PeerId) {
        let mut entropy = SystemEntropy::default();
        let mut config = Config::new(PrivateKey::generate(&mut entropy));
        config.interface.addresses = vec!["10.0.0.2/32".parse().unwrap()];
        let mut peer = PeerConfig::new(PrivateKey::generate(&mut entropy).public_key());
        peer.allowed_ips = vec!["10.0.0.0/24".parse().unwrap()];
        config.peers.push(peer);
        let tunnel = Tunnel::listen(config).await.unwrap();
        let listed = tunnel.driver().call(|device, _| device.peers().next());
        let peer = listed.await.unwrap().unwrap();
        (tunnel, peer)
    }

    #[tokio::test]
    async fn a_scan_stands_still_while_its_peer_is_silent_and_ends_when_it_stays_so() {
        let (tunnel, peer) = tunnel().await;
        let ranges = ["10.0.0.0/28".parse().unwrap()];
        let targets = Targets::new(ranges, [], [80]).unwrap();
        let mut running = tunnel.scan(targets).await.unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut poll = |running: &mut RunningScan| running.poll_next(&mut cx);
        assert!(poll(&mut running).is_pending());
        assert_eq!(running.counts().probes, 16);
        assert_eq!(running.progress().position(), (0, 16));

        running.take_note(Event::ConnectionLost { peer }).unwrap();
        assert!(running.is_paused());
        assert!(poll(&mut running).is_pending());
        assert_eq!(
            running.progress().position(),
            (0, 0),
            "none of them arrived"
        );
        assert_eq!(running.counts().probes, 16, "nothing is sent into the void");

        running.take_note(Event::PeerUp { peer }).unwrap();
        assert!(poll(&mut running).is_pending());
        assert!(running.counts().probes > 16, "they are sent again");

        running.take_note(Event::ConnectionLost { peer }).unwrap();
        let gone = running.take_note(Event::HandshakeFailed { peer });
        assert_eq!(gone, Err(TunnelScanError::Silent));
        tunnel.close().await.unwrap();
    }
}
