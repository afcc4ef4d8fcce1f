//! One UDP socket: datagrams on one side, whole IP packets on the other.

use core::net::{IpAddr, SocketAddr};
use core::task::{Context, Poll};

use thiserror::Error;

use crate::demux::Binding;
use crate::outbox::{Envelope, Outbox, Refused};
use crate::packet_queue::PacketQueue;
use crate::sink::{PacketSink, Transmission};
use crate::unreachable::Unreachable;
use crate::waiters::Waiters;

/// How much a UDP socket holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// Bytes of datagrams that were received and not yet read; what exceeds them is dropped. 256 KiB.
    pub receive_buffer_len: usize,
    /// Bytes of packets that wait to be sent; when full, sending waits. 256 KiB.
    pub send_buffer_len: usize,
    /// The time to live, or hop limit, of the packets. 64.
    pub hop_limit: u8,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self {
            receive_buffer_len: 1 << 18,
            send_buffer_len: 1 << 18,
            hop_limit: 64,
        }
    }
}

/// Why a datagram was not sent, or what came back for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UdpError {
    /// Nothing listens on the other end's port.
    #[error("{to} refused a datagram")]
    Refused {
        /// Where the datagram went.
        to: SocketAddr,
    },
    /// The other end cannot be reached.
    #[error("{to} cannot be reached: {why}")]
    Unreachable {
        /// Where the datagram went.
        to: SocketAddr,
        /// Why it did not arrive.
        why: Unreachable,
    },
    /// The datagram exceeds 64 KiB with its headers, or the send buffer.
    #[error("a datagram of {len} bytes is too long")]
    TooLong {
        /// The length of its payload in bytes.
        len: usize,
    },
    /// The socket was closed, by its owner or because what carries it ended.
    #[error("the socket is closed")]
    Closed,
}

/// A datagram that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub from: SocketAddr,
    /// Which of our addresses it was sent to: an answer that comes from another one is not taken for one.
    pub to: IpAddr,
    /// How many bytes of it are in the buffer.
    pub len: usize,
    /// How long it was; greater than `len` if the buffer was too small for it.
    pub datagram_len: usize,
}

/// A UDP socket without I/O.
///
/// Errors that come back for a datagram are kept, the latest of them, and returned by the next
/// call. A connected socket gets those of its peer; one that is not connected gets only those of
/// the layer below, when it receives, for they say nothing about what it sends next.
#[derive(Debug)]
pub struct UdpEndpoint {
    binding: Binding,
    peer: Option<SocketAddr>,
    hop_limit: u8,
    received: PacketQueue<(SocketAddr, IpAddr)>,
    outbox: Outbox,
    error: Option<UdpError>,
    closed: bool,
    dropped: u64,
    readers: Waiters,
    writers: Waiters,
}

/// However small datagrams are, no more than these wait.
const DATAGRAMS_MAX: usize = 4096;

impl UdpEndpoint {
    /// Makes a socket whose packets have at most `mtu` bytes.
    ///
    /// `seed` is where the identifications of fragmented packets start; let it be random.
    #[must_use]
    pub fn new(binding: Binding, config: &UdpConfig, mtu: usize, seed: u32) -> Self {
        Self {
            binding,
            peer: None,
            hop_limit: config.hop_limit.max(1),
            received: PacketQueue::new(config.receive_buffer_len, DATAGRAMS_MAX),
            outbox: Outbox::new(config.send_buffer_len, DATAGRAMS_MAX, mtu, seed),
            error: None,
            closed: false,
            dropped: 0,
            readers: Waiters::default(),
            writers: Waiters::default(),
        }
    }

    /// Returns the address and port it is bound to.
    #[must_use]
    pub const fn binding(&self) -> Binding {
        self.binding
    }

    /// Takes datagrams and errors from `peer` only, from here on; `None` takes all again.
    pub const fn connect(&mut self, peer: Option<SocketAddr>) {
        self.peer = peer;
        self.error = None;
    }

    /// Returns the peer that the socket is connected to.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Takes in the payload of a datagram to our address `to`; drops it if there is no room.
    pub fn receive(&mut self, from: SocketAddr, to: IpAddr, payload: &[u8]) {
        if self.closed || self.peer.is_some_and(|peer| peer != from) {
            return;
        }
        match self.received.push(payload.len(), (from, to)) {
            Some(slot) => slot.copy_from_slice(payload),
            None => self.dropped += 1,
        }
    }

    /// Takes note that a datagram to `to` did not arrive.
    pub fn report(&mut self, to: SocketAddr, why: Unreachable) {
        let local = matches!(why, Unreachable::NoRoute | Unreachable::NoNextHop);
        if self.peer == Some(to) || (self.peer.is_none() && local) {
            self.error = Some(match why {
                Unreachable::Port => UdpError::Refused { to },
                why => UdpError::Unreachable { to, why },
            });
        }
    }

    /// Waits for a datagram and copies it into `buffer`, as much as fits. Several tasks may wait.
    ///
    /// # Errors
    /// What came back for an earlier datagram; [`UdpError::Closed`].
    pub fn poll_receive(
        &mut self,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<Received, UdpError>> {
        if let Some((datagram, (from, to))) = self.received.front() {
            let len = datagram.len().min(buffer.len());
            buffer[..len].copy_from_slice(&datagram[..len]);
            let received = Received {
                from: *from,
                to: *to,
                len,
                datagram_len: datagram.len(),
            };
            self.received.pop();
            return Poll::Ready(Ok(received));
        }
        if let Some(error) = self.take_error() {
            return Poll::Ready(Err(error));
        }
        self.readers.wait(context);
        Poll::Pending
    }

    /// Queues a datagram from `source` to `to`, waiting for room. Several tasks may wait.
    ///
    /// # Errors
    /// [`UdpError::TooLong`]; what came back for an earlier datagram to the peer of a connected socket;
    /// [`UdpError::Closed`].
    pub fn poll_send(
        &mut self,
        context: &Context<'_>,
        source: IpAddr,
        to: SocketAddr,
        payload: &[u8],
    ) -> Poll<Result<(), UdpError>> {
        let error = match self.peer {
            Some(_) => self.take_error(),
            // It concerns a datagram to somebody else.
            None => self.closed.then_some(UdpError::Closed),
        };
        if let Some(error) = error {
            return Poll::Ready(Err(error));
        }
        let too_long = UdpError::TooLong { len: payload.len() };
        let envelope = Envelope {
            source,
            destination: to.ip(),
            hop_limit: self.hop_limit,
        };
        let (from_port, to_port) = (self.binding.port, to.port());
        let pushed = self
            .outbox
            .push(envelope, |ip| ip.udp(from_port, to_port).payload(payload));
        match pushed {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Refused::Full) if !self.outbox.is_empty() => {
                self.writers.wait(context);
                Poll::Pending
            }
            Err(_) => Poll::Ready(Err(too_long)),
        }
    }

    /// Moves packets into `sink`, at most `budget`.
    pub fn poll_transmit(&mut self, sink: &mut impl PacketSink, budget: usize) -> Transmission {
        self.outbox.poll_transmit(sink, budget)
    }

    /// Says whether packets wait to be sent.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Wakes the tasks that can make progress.
    pub fn wake(&mut self) {
        if !self.received.is_empty() || self.error.is_some() || self.closed {
            self.readers.wake();
        }
        if self.outbox.is_empty() || self.error.is_some() || self.closed {
            self.writers.wake();
        }
    }

    /// Ends the socket: calls get [`UdpError::Closed`], once what was received is read.
    pub fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    /// Says whether it was closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Says whether it was closed and nothing of it is left to be sent.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.closed && self.outbox.is_empty()
    }

    /// Returns how many datagrams were dropped because nobody read them in time.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn take_error(&mut self) -> Option<UdpError> {
        self.error
            .take()
            .or_else(|| self.closed.then_some(UdpError::Closed))
    }
}
