//! A raw socket: whole IP packets of the caller's own making, and those that a filter takes.

use core::net::IpAddr;
use core::task::{Context, Poll};

use thiserror::Error;
use wirecraft_ip_packets::IpPacket;
use wirecraft_time::Instant;

use crate::filter::Filter;
use crate::outbox::{Outbox, Refused};
use crate::packet_queue::PacketQueue;
use crate::sink::{PacketSink, Transmission};
use crate::unreachable::Unreachable;
use crate::waiters::Waiters;

/// How much a raw socket holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawConfig {
    /// Bytes of packets that were received and not yet read; what exceeds them is dropped. 1 MiB.
    pub receive_buffer_len: usize,
    /// Bytes of packets that wait to be sent; when full, sending waits. 256 KiB.
    pub send_buffer_len: usize,
    /// Whether the packets it gets are its own to answer. Off.
    ///
    /// When on, they get no reset, port unreachable or echo reply from anybody else, and go to no
    /// other socket: for protocols of the caller's own making on ports that no socket has.
    pub claims: bool,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            receive_buffer_len: 1 << 20,
            send_buffer_len: 1 << 18,
            claims: false,
        }
    }
}

/// Why a raw packet was not sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RawError {
    /// The packet exceeds the MTU. Raw packets are not cut.
    #[error("a packet of {len} bytes exceeds the MTU of {mtu}")]
    TooLong {
        /// The length of the packet in bytes.
        len: usize,
        /// The MTU in bytes.
        mtu: usize,
    },
    /// An earlier packet could not be sent.
    #[error("{destination} cannot be reached: {why}")]
    Unreachable {
        /// Where the packet should have gone.
        destination: IpAddr,
        /// Why it did not.
        why: Unreachable,
    },
    /// The socket was closed, by its owner or because what carries it ended.
    #[error("the socket is closed")]
    Closed,
}

/// However small packets are, no more than these wait.
const PACKETS_MAX: usize = 65_536;

/// A raw socket without I/O.
#[derive(Debug)]
pub struct RawEndpoint {
    filter: Filter,
    claims: bool,
    received: PacketQueue<Instant>,
    outbox: Outbox,
    mtu: usize,
    error: Option<RawError>,
    closed: bool,
    dropped: u64,
    readers: Waiters,
    writers: Waiters,
}

impl RawEndpoint {
    /// Makes a socket that gets what `filter` takes and sends packets of at most `mtu` bytes.
    #[must_use]
    pub fn new(filter: Filter, config: &RawConfig, mtu: usize) -> Self {
        Self {
            filter,
            claims: config.claims,
            received: PacketQueue::new(config.receive_buffer_len, PACKETS_MAX),
            outbox: Outbox::new(config.send_buffer_len.max(mtu), PACKETS_MAX, mtu, 0),
            mtu,
            error: None,
            closed: false,
            dropped: 0,
            readers: Waiters::default(),
            writers: Waiters::default(),
        }
    }

    /// Takes in a packet if the filter takes it; drops it if there is no room.
    ///
    /// Returns whether the socket claims it: nobody else is to answer.
    pub fn receive(&mut self, now: Instant, packet: &IpPacket<'_>) -> bool {
        if self.closed || !self.filter.matches(packet) {
            return false;
        }
        match self.received.push(packet.as_bytes().len(), now) {
            Some(slot) => slot.copy_from_slice(packet.as_bytes()),
            None => self.dropped += 1,
        }
        self.claims
    }

    /// Takes note that a packet that may have been this socket's could not be sent.
    pub fn report(&mut self, destination: IpAddr, why: Unreachable) {
        self.error = Some(RawError::Unreachable { destination, why });
    }

    /// Waits for a packet and hands it to `take`, with the time it came. Several tasks may wait.
    ///
    /// # Errors
    /// Why an earlier packet was not sent; [`RawError::Closed`].
    pub fn poll_receive<T>(
        &mut self,
        context: &Context<'_>,
        take: impl FnOnce(Instant, &[u8]) -> T,
    ) -> Poll<Result<T, RawError>> {
        if let Some((packet, at)) = self.received.front() {
            let taken = take(*at, packet);
            self.received.pop();
            return Poll::Ready(Ok(taken));
        }
        if let Some(error) = self.take_error() {
            return Poll::Ready(Err(error));
        }
        self.readers.wait(context);
        Poll::Pending
    }

    /// Queues a packet as it is, waiting for room. Several tasks may wait.
    ///
    /// # Errors
    /// [`RawError::TooLong`], [`RawError::Closed`]. That an earlier packet was not sent says nothing about this
    /// one: whoever receives is told.
    pub fn poll_send(
        &mut self,
        context: &Context<'_>,
        packet: &[u8],
    ) -> Poll<Result<(), RawError>> {
        if packet.len() > self.mtu {
            return Poll::Ready(Err(RawError::TooLong {
                len: packet.len(),
                mtu: self.mtu,
            }));
        }
        if self.closed {
            return Poll::Ready(Err(RawError::Closed));
        }
        match self.outbox.push_raw(packet) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(Refused::Full | Refused::Impossible) => {
                self.writers.wait(context);
                Poll::Pending
            }
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

    /// Ends the socket: calls get [`RawError::Closed`], once what was received is read.
    pub fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    /// Says whether it was closed and nothing of it is left to be sent.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.closed && self.outbox.is_empty()
    }

    /// Returns how many packets were dropped because nobody read them in time.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn take_error(&mut self) -> Option<RawError> {
        self.error
            .take()
            .or_else(|| self.closed.then_some(RawError::Closed))
    }
}
