//! Echo requests and what comes back for them: ping, and the probes of a traceroute.

use core::net::IpAddr;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::VecDeque;

use thiserror::Error;
use wirecraft_time::Instant;

use crate::outbox::{Envelope, Outbox, Refused};
use crate::sink::{PacketSink, Transmission};
use crate::unreachable::Unreachable;
use crate::waiters::Waiters;

/// One echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoRequest {
    /// The address it is sent from.
    pub source: IpAddr,
    /// The address it is sent to.
    pub destination: IpAddr,
    /// The number by which its reply is known; not that of another request under way.
    pub sequence: u16,
    /// The length of its payload in bytes.
    pub payload_len: usize,
    /// The time to live, or hop limit.
    pub hop_limit: u8,
    /// How long to wait for the reply.
    pub timeout: Duration,
}

/// The reply to an echo request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoReply {
    /// Who replied.
    pub from: IpAddr,
    /// The number of the request.
    pub sequence: u16,
    /// The length of the payload that came back, in bytes.
    pub payload_len: usize,
    /// The time to live, or hop limit, that was left of the reply.
    pub hop_limit: u8,
    /// The time from sending the request to receiving the reply.
    pub round_trip: Duration,
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EchoError {
    /// Nothing came back in time.
    #[error("no reply")]
    TimedOut,
    /// The request did not arrive.
    #[error("{why}")]
    Unreachable {
        /// Who says so; nobody if the request never left.
        from: Option<IpAddr>,
        /// Why.
        why: Unreachable,
        /// The time from sending the request to hearing this.
        round_trip: Duration,
    },
    /// The request exceeds 64 KiB with its headers, or its addresses are of two families.
    #[error("such a request cannot be sent")]
    Impossible,
    /// Too many requests are under way.
    #[error("too many requests under way")]
    TooMany,
    /// There is no such request under way.
    #[error("no such request")]
    Unknown,
    /// The endpoint was closed, by its owner or because what carries it ended.
    #[error("the endpoint is closed")]
    Closed,
}

/// Requests under way at once.
const PROBES_MAX: usize = 1024;
/// Bytes of requests that wait to be sent.
const OUTBOX_LEN: usize = 1 << 17;

/// Sends echo requests under one identifier and matches what comes back.
#[derive(Debug)]
pub struct EchoEndpoint {
    identifier: u16,
    probes: VecDeque<Probe>,
    outbox: Outbox,
    payload: Vec<u8>,
    closed: bool,
    waiters: Waiters,
}

#[derive(Debug)]
struct Probe {
    request: EchoRequest,
    state: ProbeState,
}

#[derive(Debug)]
enum ProbeState {
    Queued,
    Sent(Instant),
    Done(Result<EchoReply, EchoError>),
}

impl EchoEndpoint {
    /// Makes an endpoint whose packets have at most `mtu` bytes.
    ///
    /// `seed` is where the identifications of fragmented packets start; let it be random.
    #[must_use]
    pub fn new(identifier: u16, mtu: usize, seed: u32) -> Self {
        Self {
            identifier,
            probes: VecDeque::new(),
            outbox: Outbox::new(OUTBOX_LEN, PROBES_MAX, mtu, seed),
            payload: Vec::new(),
            closed: false,
            waiters: Waiters::default(),
        }
    }

    /// Returns the identifier of its requests.
    #[must_use]
    pub const fn identifier(&self) -> u16 {
        self.identifier
    }

    /// Queues a request.
    ///
    /// # Errors
    /// [`EchoError::TooMany`], [`EchoError::Impossible`], [`EchoError::Closed`].
    pub fn request(&mut self, request: EchoRequest) -> Result<(), EchoError> {
        if self.closed {
            return Err(EchoError::Closed);
        }
        if self.probes.len() >= PROBES_MAX || self.find(request.sequence).is_some() {
            return Err(EchoError::TooMany);
        }
        self.fill_payload(request.payload_len);
        let envelope = Envelope {
            source: request.source,
            destination: request.destination,
            hop_limit: request.hop_limit.max(1),
        };
        let payload = self.payload.get(..request.payload_len).unwrap_or_default();
        let identifier = self.identifier;
        let pushed = self.outbox.push(envelope, |ip| {
            ip.icmp_echo_request(identifier, request.sequence)
                .payload(payload)
        });
        pushed.map_err(|refused| match refused {
            Refused::Full => EchoError::TooMany,
            Refused::Impossible => EchoError::Impossible,
        })?;
        self.probes.push_back(Probe {
            request,
            state: ProbeState::Queued,
        });
        Ok(())
    }

    /// Makes the payload as `ping` does: each byte is its own position.
    fn fill_payload(&mut self, len: usize) {
        let len = len.min(usize::from(u16::MAX));
        while self.payload.len() < len {
            let [low, ..] = self.payload.len().to_le_bytes();
            self.payload.push(low);
        }
    }

    /// Takes in a reply to a request of this identifier.
    pub fn receive(&mut self, now: Instant, mut reply: EchoReply) {
        let Some(probe) = self.find(reply.sequence) else {
            return;
        };
        if let ProbeState::Sent(at) = probe.state
            && probe.request.destination == reply.from
        {
            reply.round_trip = now.since(at);
            probe.state = ProbeState::Done(Ok(reply));
        }
    }

    /// Takes note that a request did not arrive; `from` says so.
    pub fn report(&mut self, now: Instant, sequence: u16, from: Option<IpAddr>, why: Unreachable) {
        let Some(probe) = self.find(sequence) else {
            return;
        };
        if let ProbeState::Sent(at) = probe.state {
            let round_trip = now.since(at);
            probe.state = ProbeState::Done(Err(EchoError::Unreachable {
                from,
                why,
                round_trip,
            }));
        }
    }

    /// Waits for what becomes of a request; it is then forgotten. Several tasks may wait.
    ///
    /// # Errors
    /// Why there is no reply.
    pub fn poll_outcome(
        &mut self,
        context: &Context<'_>,
        sequence: u16,
    ) -> Poll<Result<EchoReply, EchoError>> {
        let Some(at) = self
            .probes
            .iter()
            .position(|probe| probe.request.sequence == sequence)
        else {
            return Poll::Ready(Err(EchoError::Unknown));
        };
        match self.probes.get(at).map(|probe| &probe.state) {
            Some(ProbeState::Done(outcome)) => {
                let outcome = *outcome;
                self.probes.remove(at);
                Poll::Ready(outcome)
            }
            _ if self.closed => Poll::Ready(Err(EchoError::Closed)),
            _ => {
                self.waiters.wait(context);
                Poll::Pending
            }
        }
    }

    /// Forgets a request for which nobody waits any more.
    pub fn forget(&mut self, sequence: u16) {
        self.probes
            .retain(|probe| probe.request.sequence != sequence);
    }

    /// Moves requests into `sink`, at most `budget`, and gives up on those that are overdue.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        sink: &mut impl PacketSink,
        budget: usize,
    ) -> Transmission {
        for probe in &mut self.probes {
            match probe.state {
                ProbeState::Queued => probe.state = ProbeState::Sent(now),
                ProbeState::Sent(at) if at + probe.request.timeout <= now => {
                    probe.state = ProbeState::Done(Err(EchoError::TimedOut));
                }
                ProbeState::Sent(_) | ProbeState::Done(_) => {}
            }
        }
        self.outbox.poll_transmit(sink, budget)
    }

    /// Returns when [`poll_transmit`](Self::poll_transmit) is to be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.outbox.is_empty() {
            return Some(Instant::ORIGIN);
        }
        let deadline = |probe: &Probe| match probe.state {
            ProbeState::Queued => Some(Instant::ORIGIN),
            ProbeState::Sent(at) => Some(at + probe.request.timeout),
            ProbeState::Done(_) => None,
        };
        self.probes.iter().filter_map(deadline).min()
    }

    /// Wakes those who wait, if anything is decided.
    pub fn wake(&mut self) {
        let is_done = |probe: &Probe| matches!(probe.state, ProbeState::Done(_));
        if self.closed || self.probes.iter().any(is_done) {
            self.waiters.wake();
        }
    }

    /// Ends the endpoint: calls get [`EchoError::Closed`].
    pub fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    /// Says whether it was closed.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.closed
    }

    fn find(&mut self, sequence: u16) -> Option<&mut Probe> {
        self.probes
            .iter_mut()
            .find(|probe| probe.request.sequence == sequence)
    }
}
