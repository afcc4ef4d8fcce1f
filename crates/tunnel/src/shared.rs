//! What all peers of a device share.

use core::time::Duration;
use std::collections::VecDeque;

use arrayvec::ArrayVec;
use rand_core::CryptoRng;
use wirecraft_noise_handshake::{AeadPath, LocalStatic, Tai64N};
use wirecraft_time::Instant;
use wirecraft_wire_format::{CookieReply, INITIATION_LEN, Initiation, Response};

use crate::allowed_ips::AllowedIps;
use crate::arena::{DatagramRun, Destination};
use crate::constants::REKEY_TIMEOUT_JITTER_MAX;
use crate::counters::Counters;
use crate::event::{Event, EventQueue};
use crate::index_table::IndexTable;
use crate::known_endpoints::KnownEndpoints;
use crate::peer_id::PeerId;
use crate::schedule::Schedule;

/// A datagram that the device made by itself: a handshake message, a keepalive, a staged packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Where it goes.
    pub destination: Destination,
    /// What sort of message it is, for the marking of the outer header.
    pub kind: TransmitKind,
    bytes: TransmitBytes,
}

/// The bytes of a datagram. Handshake messages lie inline, so that strangers, who can cause cookie
/// replies, cause no allocations; and so does data that is as short, keepalives above all.
#[derive(Clone, PartialEq, Eq, Debug)]
enum TransmitBytes {
    Inline(ArrayVec<u8, INITIATION_LEN>),
    Allocated(Vec<u8>),
}

impl Transmit {
    pub(crate) fn initiation(destination: Destination, message: &Initiation) -> Self {
        Self::inline(destination, TransmitKind::Handshake, message.as_bytes())
    }

    pub(crate) fn response(destination: Destination, message: &Response) -> Self {
        Self::inline(destination, TransmitKind::Handshake, message.as_bytes())
    }

    pub(crate) fn cookie_reply(destination: Destination, message: &CookieReply) -> Self {
        Self::inline(destination, TransmitKind::CookieReply, message.as_bytes())
    }

    /// A datagram of zeros, into which data is to be written.
    pub(crate) fn data(destination: Destination, datagram_len: usize) -> Self {
        if let Some(zeros) = [0; INITIATION_LEN].get(..datagram_len) {
            return Self::inline(destination, TransmitKind::Data, zeros);
        }
        Self {
            destination,
            kind: TransmitKind::Data,
            bytes: TransmitBytes::Allocated(vec![0; datagram_len]),
        }
    }

    /// An initiation is the longest message, so none is cut short.
    fn inline(destination: Destination, kind: TransmitKind, message: &[u8]) -> Self {
        Self {
            destination,
            kind,
            bytes: TransmitBytes::Inline(message.iter().copied().take(INITIATION_LEN).collect()),
        }
    }

    /// The whole datagram.
    #[must_use]
    pub fn datagram(&self) -> &[u8] {
        match &self.bytes {
            TransmitBytes::Inline(bytes) => bytes,
            TransmitBytes::Allocated(bytes) => bytes,
        }
    }

    pub(crate) fn datagram_mut(&mut self) -> &mut [u8] {
        match &mut self.bytes {
            TransmitBytes::Inline(bytes) => bytes,
            TransmitBytes::Allocated(bytes) => bytes,
        }
    }

    /// The datagram as a run of one.
    #[must_use]
    pub fn as_run(&self) -> DatagramRun<'_> {
        DatagramRun {
            destination: self.destination,
            bytes: self.datagram(),
            segment_len: self.datagram().len(),
        }
    }
}

/// The sort of a datagram that the device made by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransmitKind {
    /// An initiation or a response.
    Handshake,
    /// A cookie reply.
    CookieReply,
    /// A keepalive or a packet that had been staged.
    Data,
}

impl TransmitKind {
    /// The differentiated services code point of the outer header: AF41 for handshakes, so that they
    /// get through where data is queued, and none for all else (Linux `messages.h`:
    /// `HANDSHAKE_DSCP`).
    #[must_use]
    pub const fn dscp(self) -> u8 {
        match self {
            Self::Handshake => 0x88 >> 2,
            Self::CookieReply | Self::Data => 0,
        }
    }
}

/// The state that belongs to no single peer.
pub(crate) struct Shared<R> {
    /// In a place of its own, so that a device that moves leaves no copy of the private key behind.
    pub(crate) local: Option<Box<LocalStatic>>,
    pub(crate) entropy: R,
    pub(crate) mtu: usize,
    pub(crate) aead_path: AeadPath,
    pub(crate) indices: IndexTable,
    pub(crate) allowed_ips: AllowedIps<PeerId>,
    pub(crate) schedule: Schedule,
    pub(crate) known_endpoints: KnownEndpoints,
    pub(crate) transmits: VecDeque<Transmit>,
    pub(crate) events: EventQueue,
    pub(crate) counters: Counters,
    /// Whether nothing is to be sent.
    pub(crate) is_halted: bool,
    wall_clock: WallClock,
    /// The last jitter that was drawn; 0 before the first.
    jitters: u32,
}

impl<R: CryptoRng> Shared<R> {
    pub(crate) fn new(mtu: usize, entropy: R) -> Self {
        Self {
            local: None,
            entropy,
            mtu,
            aead_path: AeadPath::detect(),
            indices: IndexTable::default(),
            allowed_ips: AllowedIps::new(),
            schedule: Schedule::default(),
            known_endpoints: KnownEndpoints::default(),
            transmits: VecDeque::new(),
            events: EventQueue::default(),
            counters: Counters::default(),
            is_halted: false,
            wall_clock: WallClock::default(),
            jitters: 0,
        }
    }

    /// Keeps an event for the caller.
    pub(crate) fn report(&mut self, event: Event) {
        self.counters.events_dropped += u64::from(self.events.push(event));
    }

    pub(crate) fn set_wall_clock(&mut self, now: Instant, since_unix_epoch: Duration) {
        self.wall_clock = WallClock {
            read_at: now,
            since_unix_epoch,
        };
    }

    /// The time since the Unix epoch.
    pub(crate) fn unix_time(&self, now: Instant) -> Duration {
        self.wall_clock
            .since_unix_epoch
            .saturating_add(now.since(self.wall_clock.read_at))
    }

    /// A timestamp for an initiation that is greater than `newest` in any case.
    ///
    /// A responder forgets no timestamp, so one that went backwards with the wall clock would shut
    /// us out until the clock has caught up.
    pub(crate) fn timestamp_after(&self, newest: Option<Tai64N>, now: Instant) -> Tai64N {
        let by_clock = Tai64N::from_unix(self.unix_time(now));
        newest.map_or(by_clock, |newest| by_clock.max(newest.next()))
    }

    /// A random part of [`REKEY_TIMEOUT_JITTER_MAX`].
    ///
    /// It is no secret, so it need not be asked of the system each time, which costs as much as a packet.
    ///
    /// Source: Marsaglia, Xorshift RNGs, 2003.
    pub(crate) fn jitter(&mut self) -> Duration {
        if self.jitters == 0 {
            self.jitters = self.entropy.next_u32() | 1;
        }
        self.jitters ^= self.jitters << 13;
        self.jitters ^= self.jitters >> 17;
        self.jitters ^= self.jitters << 5;
        REKEY_TIMEOUT_JITTER_MAX.mul_f64(f64::from(self.jitters) / f64::from(u32::MAX))
    }
}

/// The wall clock as its owner last read it.
#[derive(Default)]
struct WallClock {
    read_at: Instant,
    since_unix_epoch: Duration,
}
