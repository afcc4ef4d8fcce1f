//! Port scans through the tunnel: the stateless scanner on raw sockets.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use ipnet::IpNet;
use tokio::time::{Sleep, sleep};
use wirecraft_net::{Clock, SystemEntropy};
use wirecraft_netstack::{Filter, RawConfig};
use wirecraft_scan::{
    Counts, Finding, PROBE_MAX_LEN, Polled, PortRange, Scan, ScanConfig, ScanError, Target, Targets,
};

use crate::raw::RawSocket;
use crate::socket_error::SocketError;
use crate::tunnel::Tunnel;

/// The ports that probes come from: below those that the tunnel's own connections use, so that a scan
/// and connections do not take each other's answers.
const SOURCE_PORTS: core::ops::RangeInclusive<u16> = 20_000..=32_767;

/// A port scan under way.
pub struct RunningScan {
    scan: Scan,
    /// Claims the answers, so that the network stack does not reset what it does not know.
    tcp: RawSocket,
    /// Sees the ICMP errors beside the network stack.
    icmp: RawSocket,
    clock: Clock,
    /// A packet that is to be sent once there is room.
    pending: Option<([u8; PROBE_MAX_LEN], usize)>,
    timer: Pin<Box<Sleep>>,
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

    /// Starts a SYN scan. The ports that its probes come from are chosen by the tunnel.
    ///
    /// # Errors
    /// [`TunnelScanError::Scan`] if there are targets of an IP version that the tunnel has no address
    /// of; [`TunnelScanError::Socket`] if it is closed.
    pub async fn scan_with(&self, mut config: ScanConfig) -> Result<RunningScan, TunnelScanError> {
        let (first, last) = SOURCE_PORTS.into_inner();
        config.source_ports = PortRange::new(first, last).expect("the first is less than the last");
        let scan = Scan::new(config, &mut SystemEntropy::default())?;
        let claiming = RawConfig {
            claims: true,
            ..RawConfig::default()
        };
        let tcp = self
            .raw_with(Filter::tcp().to_ports(SOURCE_PORTS), claiming)
            .await?;
        let icmp = self.raw(Filter::icmp()).await?;
        let timer = Box::pin(sleep(core::time::Duration::ZERO));
        Ok(RunningScan {
            scan,
            tcp,
            icmp,
            clock: Clock::new(),
            pending: None,
            timer,
        })
    }
}

impl RunningScan {
    /// Goes on until something new is known of a target; `None` once the scan has ended.
    ///
    /// # Errors
    /// [`TunnelScanError::Socket`] if the tunnel was closed, or no peer takes the targets.
    ///
    /// # Cancel safety
    /// Nothing found is lost; the scan stands still until the next call.
    pub async fn next(&mut self) -> Result<Option<Finding>, TunnelScanError> {
        poll_fn(|cx| self.poll_next(cx)).await
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
            if self.poll_probes(cx)?.is_pending() {
                return Poll::Pending;
            }
            if self.scan.is_finished() && self.pending.is_none() {
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
        let now = self.clock.now();
        let Self {
            scan, tcp, icmp, ..
        } = self;
        for socket in [tcp, icmp] {
            while let Poll::Ready(answer) =
                socket.poll_recv_with(cx, |packet| scan.receive(now, packet))
            {
                if let Some(finding) = answer? {
                    return Ok(Some(finding));
                }
            }
        }
        Ok(None)
    }

    /// Sends what may be sent; `Pending` while there is no room for it.
    fn poll_probes(&mut self, cx: &Context<'_>) -> Result<Poll<()>, SocketError> {
        loop {
            if let Some((packet, len)) = &self.pending {
                match self.tcp.poll_send(cx, &packet[..*len]) {
                    Poll::Pending => return Ok(Poll::Pending),
                    Poll::Ready(sent) => sent?,
                }
                self.pending = None;
            }
            let mut packet = [0; PROBE_MAX_LEN];
            let polled = self.scan.poll_probe(self.clock.now(), &mut packet);
            match polled.expect("the buffer is as long as the longest probe") {
                Polled::Probe { len, .. } | Polled::Reset { len, .. } => {
                    self.pending = Some((packet, len));
                }
                Polled::Wait | Polled::Finished => return Ok(Poll::Ready(())),
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
