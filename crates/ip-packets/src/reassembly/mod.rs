//! Puts fragments together again, within bounds of memory and time.
//!
//! Pieces are kept apart, by their offset, until all are there: a fragment costs what it carries,
//! wherever in the packet it says it belongs.

mod pieces;

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use core::time::Duration;

use wirecraft_time::Instant;

use crate::{IpPacket, IpVersion};
use pieces::{Collection, Key, Piece, finish};

/// How long the pieces of an IPv4 packet wait for each other. RFC 1122 §3.3.2 asks for 60 to 120 s,
/// which lets identifications wrap at today's rates; 30 s is what Linux keeps to.
const TIMEOUT_V4: Duration = Duration::from_secs(30);
/// The same for IPv6. RFC 8200 §4.5.
const TIMEOUT_V6: Duration = Duration::from_secs(60);
/// The longest packet or payload that a length field can say, in bytes.
const MAX_LEN: usize = 65_535;
/// What a datagram and a piece cost beside their bytes, in bytes: map entries and allocations.
const DATAGRAM_COST: usize = 256;
const PIECE_COST: usize = 64;

/// How much a [`Reassembler`] may keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReassemblyLimits {
    /// The most memory for pieces, what keeping them costs included, in bytes.
    pub max_bytes: usize,
    /// The most incomplete packets at a time.
    pub max_packets: usize,
}

impl Default for ReassemblyLimits {
    /// 1 MiB and 256 packets.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_packets: 256,
        }
    }
}

/// Puts the fragments of IPv4 and IPv6 packets together again.
///
/// Incomplete packets are dropped 30 s (IPv4) or 60 s (IPv6) after their first piece, and the
/// oldest earlier than that where the limits ask for it. Pieces that overlap spoil the whole
/// packet, those to come included; repeated pieces are ignored.
///
/// ```
/// use wirecraft_ip_packets::{IpPacket, Ipv4Packet, Reassembled, Reassembler, v4};
/// use wirecraft_time::Instant;
///
/// let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
///     .dont_fragment(false)
///     .udp(1, 2)
///     .payload(&[7; 2000])
///     .build();
/// let mut reassembler = Reassembler::default();
/// for fragment in Ipv4Packet::parse(&packet)?.fragments(1280)? {
///     let fragment = fragment.to_vec();
///     match reassembler.push(Instant::ORIGIN, IpPacket::parse(&fragment)?)? {
///         Reassembled::Complete(whole) => assert_eq!(whole, packet),
///         other => assert_eq!(other, Reassembled::Waiting),
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: RFC 791 §3.2, RFC 8200 §4.5, RFC 5722, RFC 6946, RFC 7112 §5, RFC 3168 §5.3.
#[derive(Debug, Default)]
pub struct Reassembler {
    limits: ReassemblyLimits,
    packets: BTreeMap<Key, Kept>,
    /// Which packet is dropped when; the number tells those of the same instant apart.
    deadlines: BTreeMap<Deadline, Key>,
    next_number: u64,
    used_len: usize,
    expired: u64,
    evicted: u64,
}

/// What became of a packet given to a [`Reassembler`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reassembled<'a> {
    /// It was no fragment.
    Whole(IpPacket<'a>),
    /// It was the piece that was missing: this is the whole packet.
    Complete(Vec<u8>),
    /// Other pieces are missing.
    Waiting,
}

/// Why a fragment was dropped.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReassemblyError {
    /// It carries nothing.
    #[error("the fragment is empty")]
    Empty,
    /// It is the first one of an IPv6 packet, and the chain of headers does not end in it. RFC 7112 §5.
    #[error("the first fragment has not all headers")]
    HeadersCut,
    /// It is not the last, and its length is no multiple of 8 bytes.
    #[error("the fragment is not the last and of {len} bytes, no multiple of 8")]
    Misaligned {
        /// Its length, in bytes.
        len: usize,
    },
    /// The whole packet would be too long.
    #[error("the packet would be {len} bytes long, 65535 at most")]
    TooLong {
        /// How long, in bytes, as far as known.
        len: usize,
    },
    /// It overlaps another one: the packet is dropped with all its pieces.
    #[error("fragments overlap")]
    Overlap,
    /// It says that the packet ends elsewhere than another one did: the packet is dropped.
    #[error("fragments disagree where the packet ends")]
    DifferentEnds,
    /// One fragment met congestion, and another says that its sender does not know of ECN: the
    /// packet is dropped.
    #[error("fragments disagree about ECN")]
    MixedEcn,
    /// The packet was dropped before, for one of the reasons above.
    #[error("the packet was dropped before")]
    Dropped,
    /// It alone is more than may be kept.
    #[error("no room for the fragment")]
    NoRoom,
}

impl Reassembler {
    /// Makes an empty one.
    #[must_use]
    pub fn new(limits: ReassemblyLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes a packet, and returns it as it is unless it is a fragment.
    ///
    /// # Errors
    /// [`ReassemblyError`] if the fragment is dropped.
    pub fn push<'a>(
        &mut self,
        now: Instant,
        packet: IpPacket<'a>,
    ) -> Result<Reassembled<'a>, ReassemblyError> {
        let Some(piece) = Piece::of(&packet) else {
            return Ok(Reassembled::Whole(packet));
        };
        if piece.offset == 0 && !piece.more {
            // RFC 6946: an atomic fragment is nobody's piece.
            return finish(piece.whole_head(), piece.version, &[piece.payload])
                .map(Reassembled::Complete);
        }
        piece.check()?;
        self.expire(now);
        self.make_room(&piece)?;
        let key = piece.key;
        let packet = self.packet_of(now, &piece);
        let Kept::Collecting(collection) = packet else {
            return Err(ReassemblyError::Dropped);
        };
        let len_before = collection.used_len;
        let outcome = collection.add(&piece);
        let added_len = collection.used_len - len_before;
        self.used_len += added_len;
        match outcome {
            Ok(false) => Ok(Reassembled::Waiting),
            Ok(true) => self.complete(key).map(Reassembled::Complete),
            Err(error) => {
                self.spoil(key);
                Err(error)
            }
        }
    }

    /// Drops the packets whose time is over.
    pub fn expire(&mut self, now: Instant) {
        while let Some((deadline, key)) = self.deadlines.first_key_value() {
            if deadline.at > now {
                return;
            }
            let key = *key;
            self.remove(key);
            self.expired += 1;
        }
    }

    /// Returns when [`expire`](Self::expire) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines
            .first_key_value()
            .map(|(deadline, _)| deadline.at)
    }

    /// Returns how much memory the pieces take, in bytes.
    #[must_use]
    pub const fn used_len(&self) -> usize {
        self.used_len
    }

    /// Returns how many packets were dropped because their time was over.
    #[must_use]
    pub const fn expired(&self) -> u64 {
        self.expired
    }

    /// Returns how many packets were dropped to make room for others.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Drops the oldest packets until there is room for `piece`.
    fn make_room(&mut self, piece: &Piece<'_>) -> Result<(), ReassemblyError> {
        let cost = DATAGRAM_COST + PIECE_COST + piece.head.len() + piece.payload.len();
        if cost > self.limits.max_bytes || self.limits.max_packets == 0 {
            return Err(ReassemblyError::NoRoom);
        }
        while self.used_len + cost > self.limits.max_bytes
            || !self.packets.contains_key(&piece.key)
                && self.packets.len() >= self.limits.max_packets
        {
            let Some((_, oldest)) = self.deadlines.first_key_value() else {
                return Ok(());
            };
            let oldest = *oldest;
            self.remove(oldest);
            self.evicted += 1;
        }
        Ok(())
    }

    /// Returns the packet that `piece` belongs to, a new one if it is the first.
    fn packet_of(&mut self, now: Instant, piece: &Piece<'_>) -> &mut Kept {
        match self.packets.entry(piece.key) {
            Entry::Occupied(packet) => packet.into_mut(),
            Entry::Vacant(place) => {
                let timeout = match piece.version {
                    IpVersion::V4 => TIMEOUT_V4,
                    IpVersion::V6 => TIMEOUT_V6,
                };
                let deadline = Deadline {
                    at: now + timeout,
                    number: self.next_number,
                };
                self.next_number += 1;
                self.deadlines.insert(deadline, piece.key);
                self.used_len += DATAGRAM_COST;
                place.insert(Kept::Collecting(Collection::new(deadline)))
            }
        }
    }

    /// Takes out a packet all pieces of which are there.
    fn complete(&mut self, key: Key) -> Result<Vec<u8>, ReassemblyError> {
        match self.remove(key) {
            Some(Kept::Collecting(collection)) => collection.assemble(key.version()),
            _ => Err(ReassemblyError::Dropped),
        }
    }

    /// Drops the pieces of a packet and remembers, until its time is over, not to take more.
    fn spoil(&mut self, key: Key) {
        if let Some(packet) = self.packets.get_mut(&key) {
            self.used_len -= packet.used_len();
            *packet = Kept::Spoiled(packet.deadline());
        }
    }

    fn remove(&mut self, key: Key) -> Option<Kept> {
        let packet = self.packets.remove(&key)?;
        self.deadlines.remove(&packet.deadline());
        self.used_len -= DATAGRAM_COST + packet.used_len();
        Some(packet)
    }
}

/// When a packet is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Deadline {
    at: Instant,
    number: u64,
}

/// What is kept of a packet.
#[derive(Debug)]
enum Kept {
    Collecting(Collection),
    /// Pieces did not fit together; more of them are dropped until the deadline.
    Spoiled(Deadline),
}

impl Kept {
    const fn deadline(&self) -> Deadline {
        match self {
            Self::Collecting(collection) => collection.deadline,
            Self::Spoiled(deadline) => *deadline,
        }
    }

    const fn used_len(&self) -> usize {
        match self {
            Self::Collecting(collection) => collection.used_len,
            Self::Spoiled(_) => 0,
        }
    }
}
