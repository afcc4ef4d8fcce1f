//! One contiguous buffer in which a batch of packets becomes a batch of datagrams, in place.
//!
//! ```text
//! | 16 header | packet | padding | 16 tag | 16 header | packet | padding | 16 tag | ...
//! '---------------- slot ----------------''---------------- slot ----------------'
//! ```
//!
//! A producer writes packets into slots; the device seals each slot where it lies. Slots that follow
//! each other to one destination with one length are then one send with UDP segmentation.

use core::fmt;
use core::net::IpAddr;
use core::ops::Range;
use std::net::SocketAddr;

use wirecraft_ip_packets::Ecn;
use wirecraft_wire_format::{DATA_HEADER_LEN, TAG_LEN};

use crate::errors::{ArenaFull, SendError};
use crate::peer_id::PeerId;

/// The most datagrams of one segmented send (Linux: `UDP_MAX_SEGMENTS` was 64 for long).
pub const MAX_SEGMENTS: usize = 64;

/// The most payload bytes of one segmented send: an IPv4 datagram less its headers.
pub const MAX_RUN_LEN: usize = 65_507;

const PADDING_MULTIPLE: usize = 16;

/// A buffer of packets that are to be sealed and sent together.
pub struct Arena {
    bytes: Box<[u8]>,
    used: usize,
    mtu: usize,
    slots: Vec<Slot>,
    /// Where the sealed packets go. Whole batches have one destination: slots hold its number.
    destinations: Vec<Destination>,
}

/// One packet's place in the arena.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    start: usize,
    packet_len: usize,
    padded_len: usize,
    pub(crate) outcome: Outcome,
}

/// What became of a packet.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Unsent,
    /// It has a header and a counter, and is about to be sealed: not yet to be sent.
    Claimed(Sealed),
    Sealed(Sealed),
    Staged,
    Failed(SendError),
}

/// Where a sealed packet goes: one of the arena's destinations, with a congestion mark of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) destination: DestinationNumber,
    pub(crate) ecn: Ecn,
}

/// The place of a destination in an arena, until that is emptied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct DestinationNumber(usize);

/// Where a datagram goes, and how it is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The address and port of the peer.
    pub to: SocketAddr,
    /// The local address to send from, where the peer was last heard on one.
    pub from: Option<IpAddr>,
    /// The congestion mark of the outer header (RFC 6040).
    pub ecn: Ecn,
    /// The peer that the datagram is for; a cookie reply may be for nobody known.
    ///
    /// If sending from the address in `from` fails, [`Device::forget_local_address`] is to be told.
    ///
    /// [`Device::forget_local_address`]: crate::Device::forget_local_address
    pub peer: Option<PeerId>,
}

/// Datagrams that lie side by side, go to one destination and are equally long but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramRun<'a> {
    /// Where the datagrams go.
    pub destination: Destination,
    /// The datagrams, one after another.
    pub bytes: &'a [u8],
    /// The length of each datagram in bytes; the last one may be shorter.
    pub segment_len: usize,
}

impl Arena {
    /// Makes an arena of `capacity_len` bytes for packets of at most `mtu` bytes.
    ///
    /// Packets are padded to a multiple of 16, but never past `mtu` (whitepaper §5.4.6).
    #[must_use]
    pub fn new(capacity_len: usize, mtu: usize) -> Self {
        let slots = capacity_len / (DATA_HEADER_LEN + TAG_LEN + 40) + 1;
        Self {
            bytes: vec![0; capacity_len].into_boxed_slice(),
            used: 0,
            mtu,
            slots: Vec::with_capacity(slots),
            destinations: Vec::with_capacity(1),
        }
    }

    /// Adds a copy of `packet`.
    ///
    /// # Errors
    /// [`ArenaFull`] if it does not fit in what is left, or no further slot can be had.
    pub fn push(&mut self, packet: &[u8]) -> Result<(), ArenaFull> {
        self.push_with(packet.len(), |slot| slot.copy_from_slice(packet))
    }

    /// Adds a packet of `packet_len` bytes that `write` writes.
    ///
    /// `write` has to write every byte: it finds what an earlier batch left. It is not called if the
    /// packet does not fit.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    #[inline]
    pub fn push_with(
        &mut self,
        packet_len: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<(), ArenaFull> {
        self.append_slot(packet_len).map(write).ok_or(ArenaFull)
    }

    /// Adds a packet of `packet_len` zero bytes and hands it out to be written.
    ///
    /// Returns `None` if it does not fit in what is left.
    pub fn reserve(&mut self, packet_len: usize) -> Option<&mut [u8]> {
        let packet = self.append_slot(packet_len)?;
        packet.fill(0);
        Some(packet)
    }

    fn append_slot(&mut self, packet_len: usize) -> Option<&mut [u8]> {
        if self.slots.len() == self.slots.capacity() || packet_len > self.bytes.len() {
            return None;
        }
        let slot = Slot {
            start: self.used,
            packet_len,
            padded_len: padded_len(packet_len, self.mtu),
            outcome: Outcome::Unsent,
        };
        let message = self.bytes.get_mut(slot.message())?;
        self.used = slot.message().end;
        self.slots.push(slot);
        let (packet, padding_and_tag) = message.split_at_mut(packet_len);
        padding_and_tag.fill(0);
        Some(packet)
    }

    /// Empties the arena for the next batch.
    pub fn clear(&mut self) {
        self.used = 0;
        self.slots.clear();
        self.destinations.clear();
    }

    /// Whether the arena holds no packet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The number of packets in the arena.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The length in bytes of the longest packet that still fits.
    #[must_use]
    pub fn remaining_len(&self) -> usize {
        if self.slots.len() == self.slots.capacity() {
            return 0;
        }
        let overhead = DATA_HEADER_LEN + TAG_LEN + PADDING_MULTIPLE - 1;
        (self.bytes.len() - self.used).saturating_sub(overhead)
    }

    /// The greatest length of a packet in bytes, as far as padding is concerned.
    #[must_use]
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// Changes the MTU for the packets that are added from here on.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.mtu = mtu;
    }

    /// The sealed datagrams, gathered into runs that one segmented send can carry.
    pub fn runs(&self) -> Runs<'_> {
        Runs {
            bytes: &self.bytes,
            slots: &self.slots,
            destinations: &self.destinations,
        }
    }

    /// The packets that were refused, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&[u8], SendError)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(number, slot)| match slot.outcome {
                Outcome::Failed(error) => Some((self.packet(number), error)),
                Outcome::Unsent | Outcome::Claimed(_) | Outcome::Sealed(_) | Outcome::Staged => {
                    None
                }
            })
    }

    /// The packet of slot `number`, as long as it is not sealed; empty if there is no such slot.
    pub(crate) fn packet(&self, number: usize) -> &[u8] {
        let slot = self.slots.get(number);
        slot.and_then(|slot| self.bytes.get(slot.packet()))
            .unwrap_or_default()
    }

    /// The number of the first packet that was not sent yet; those before it were.
    pub(crate) fn first_unsent(&self) -> usize {
        let is_sent = |slot: &Slot| !matches!(slot.outcome, Outcome::Unsent);
        self.slots.partition_point(is_sent)
    }

    /// Takes in a destination of packets that are sealed next.
    pub(crate) fn add_destination(&mut self, destination: Destination) -> DestinationNumber {
        if self.destinations.last() != Some(&destination) {
            self.destinations.push(destination);
        }
        DestinationNumber(self.destinations.len() - 1)
    }

    pub(crate) fn set_outcome(&mut self, number: usize, outcome: Outcome) {
        if let Some(slot) = self.slots.get_mut(number) {
            slot.outcome = outcome;
        }
    }

    /// The slots from `first` on with the bytes they lie in, for sealing in place.
    pub(crate) fn slots_mut(&mut self, first: usize, count: usize) -> SlotsMut<'_> {
        let slots = self.slots.get_mut(first..first + count).unwrap_or_default();
        let start = slots.first().map_or(self.used, |slot| slot.start);
        SlotsMut {
            bytes: self.bytes.get_mut(start..self.used).unwrap_or_default(),
            slots: slots.iter_mut(),
        }
    }
}

/// Shows how full the arena is, not the packets.
impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena")
            .field("packets", &self.slots.len())
            .field("used_len", &self.used)
            .field("capacity_len", &self.bytes.len())
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

/// The length of a packet with its padding: a multiple of 16, unless that passes the MTU.
pub(crate) fn padded_len(packet_len: usize, mtu: usize) -> usize {
    packet_len
        .next_multiple_of(PADDING_MULTIPLE)
        .min(mtu.max(packet_len))
}

/// Slots with exclusive access to their bytes, in order.
pub(crate) struct SlotsMut<'a> {
    bytes: &'a mut [u8],
    slots: core::slice::IterMut<'a, Slot>,
}

/// One slot's whole datagram: header, padded packet, tag.
pub(crate) struct SlotMut<'a> {
    pub(crate) outcome: &'a mut Outcome,
    pub(crate) datagram: &'a mut [u8],
}

impl<'a> Iterator for SlotsMut<'a> {
    type Item = SlotMut<'a>;

    fn next(&mut self) -> Option<SlotMut<'a>> {
        let slot = self.slots.next()?;
        let (datagram, rest) = core::mem::take(&mut self.bytes).split_at_mut(slot.datagram_len());
        self.bytes = rest;
        Some(SlotMut {
            outcome: &mut slot.outcome,
            datagram,
        })
    }
}

impl Slot {
    const fn datagram_len(&self) -> usize {
        DATA_HEADER_LEN + self.padded_len + TAG_LEN
    }

    /// Where the packet lies.
    const fn packet(&self) -> Range<usize> {
        let start = self.start + DATA_HEADER_LEN;
        start..start + self.packet_len
    }

    /// Where all that is sealed lies, with the room for its tag: the end of the slot.
    const fn message(&self) -> Range<usize> {
        self.start + DATA_HEADER_LEN..self.start + self.datagram_len()
    }

    const fn sealed(&self) -> Option<Sealed> {
        match self.outcome {
            Outcome::Sealed(sealed) => Some(sealed),
            Outcome::Unsent | Outcome::Claimed(_) | Outcome::Staged | Outcome::Failed(_) => None,
        }
    }
}

/// An iterator over the sealed datagrams of an arena, in runs.
pub struct Runs<'a> {
    bytes: &'a [u8],
    slots: &'a [Slot],
    destinations: &'a [Destination],
}

impl<'a> Iterator for Runs<'a> {
    type Item = DatagramRun<'a>;

    fn next(&mut self) -> Option<DatagramRun<'a>> {
        let skipped = self.slots.iter().position(|slot| slot.sealed().is_some())?;
        let (_, slots) = self.slots.split_at(skipped);
        let first = slots.first()?;
        let (sealed, segment_len) = (first.sealed()?, first.datagram_len());
        let (run, rest) = slots.split_at(run_len(slots, sealed, segment_len));
        self.slots = rest;
        let end = run.last()?.message().end;
        let destination = self.destinations.get(sealed.destination.0)?;
        Some(DatagramRun {
            destination: Destination {
                ecn: sealed.ecn,
                ..*destination
            },
            bytes: self.bytes.get(first.start..end)?,
            segment_len,
        })
    }
}

/// How many of `slots`, the first of which is as given, one segmented send can carry.
fn run_len(slots: &[Slot], sealed: Sealed, segment_len: usize) -> usize {
    let most = (MAX_RUN_LEN / segment_len).clamp(1, MAX_SEGMENTS);
    let mut count = 1;
    for slot in slots.iter().take(most).skip(1) {
        if slot.sealed() != Some(sealed) || slot.datagram_len() > segment_len {
            break;
        }
        count += 1;
        if slot.datagram_len() < segment_len {
            break;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(port: u16) -> Destination {
        let to = SocketAddr::from(([192, 0, 2, 1], port));
        Destination {
            to,
            from: None,
            ecn: Ecn::NotEct,
            peer: None,
        }
    }

    fn arena_of(lens: &[usize], ports: &[u16]) -> Arena {
        let mut arena = Arena::new(1 << 20, 1420);
        for (number, (&len, &port)) in lens.iter().zip(ports).enumerate() {
            arena.reserve(len).unwrap();
            let destination = arena.add_destination(destination(port));
            let ecn = Ecn::NotEct;
            arena.set_outcome(number, Outcome::Sealed(Sealed { destination, ecn }));
        }
        arena
    }

    fn shapes(arena: &Arena) -> Vec<(u16, usize, usize)> {
        let shape = |run: DatagramRun<'_>| {
            (
                run.destination.to.port(),
                run.bytes.len().div_ceil(run.segment_len),
                run.segment_len,
            )
        };
        arena.runs().map(shape).collect()
    }

    #[test]
    fn padding_is_a_multiple_of_16_and_never_passes_the_mtu() {
        assert_eq!(padded_len(0, 1420), 0);
        assert_eq!(padded_len(1, 1420), 16);
        assert_eq!(padded_len(1408, 1420), 1408);
        assert_eq!(padded_len(1409, 1420), 1420);
        assert_eq!(padded_len(1420, 1420), 1420);
        assert_eq!(padded_len(1500, 1420), 1500);
    }

    #[test]
    fn a_changed_mtu_holds_for_the_packets_that_are_added_from_there_on() {
        let mut arena = Arena::new(1 << 20, 1420);
        arena.push(&[1; 1409]).unwrap();

        arena.set_mtu(1500);

        arena.push(&[1; 1409]).unwrap();
        let lens: Vec<usize> = arena
            .slots_mut(0, 2)
            .map(|slot| slot.datagram.len())
            .collect();
        assert_eq!(arena.mtu(), 1500);
        assert_eq!(lens, [16 + 1420 + 16, 16 + 1424 + 16]);
    }

    #[test]
    fn equal_datagrams_to_one_destination_make_one_run_and_a_short_one_ends_it() {
        let arena = arena_of(&[1400, 1400, 100, 1400], &[1, 1, 1, 1]);
        assert_eq!(shapes(&arena), [(1, 3, 1440), (1, 1, 1440)]);
    }

    #[test]
    fn another_congestion_mark_ends_a_run() {
        let mut arena = arena_of(&[100; 3], &[1; 3]);
        let destination = arena.add_destination(destination(1));
        let ecn = Ecn::Ect0;
        arena.set_outcome(2, Outcome::Sealed(Sealed { destination, ecn }));

        let marks: Vec<Ecn> = arena.runs().map(|run| run.destination.ecn).collect();

        assert_eq!(shapes(&arena), [(1, 2, 144), (1, 1, 144)]);
        assert_eq!(marks, [Ecn::NotEct, Ecn::Ect0]);
    }

    #[test]
    fn another_destination_ends_a_run() {
        let arena = arena_of(&[100, 100, 100], &[1, 2, 2]);
        assert_eq!(shapes(&arena), [(1, 1, 144), (2, 2, 144)]);
    }

    #[test]
    fn a_run_stays_within_the_limits_of_a_segmented_send() {
        let arena = arena_of(&[40; 100], &[1; 100]);
        assert_eq!(shapes(&arena), [(1, 64, 80), (1, 36, 80)]);
        let arena = arena_of(&[1420; 50], &[1; 50]);
        assert_eq!(shapes(&arena), [(1, 45, 1452), (1, 5, 1452)]);
    }

    #[test]
    fn a_slot_that_was_not_sealed_is_left_out_and_splits_the_run() {
        let mut arena = arena_of(&[100; 3], &[1; 3]);
        arena.set_outcome(1, Outcome::Failed(SendError::NoRoute));
        assert_eq!(shapes(&arena), [(1, 1, 144), (1, 1, 144)]);
        assert_eq!(arena.failures().count(), 1);
    }

    #[test]
    fn a_packet_that_does_not_fit_is_refused_and_nothing_changes() {
        let mut arena = Arena::new(200, 1420);
        arena.push(&[1; 100]).unwrap();
        assert_eq!(arena.push(&[2; 100]), Err(ArenaFull));
        assert_eq!(arena.len(), 1);
        assert_eq!(arena.packet(0), [1; 100]);
    }

    #[test]
    fn a_packet_of_any_length_is_refused_where_it_does_not_fit() {
        let mut arena = Arena::new(200, 1420);
        for len in [169, 200, 201, usize::MAX - 15, usize::MAX] {
            assert!(arena.reserve(len).is_none(), "{len}");
        }
        assert!(arena.is_empty());
        assert_eq!(arena.reserve(160), Some(&mut [0; 160][..]));
    }

    #[test]
    fn padding_is_zero_in_a_reused_arena() {
        let mut arena = Arena::new(400, 1420);
        arena.push(&[0xff; 160]).unwrap();
        arena.clear();
        arena.push(&[1; 33]).unwrap();
        let slot = arena.slots_mut(0, 1).next().unwrap();
        assert_eq!(slot.datagram[16 + 33..16 + 48], [0; 15]);
    }

    #[test]
    fn padding_is_zero_behind_a_packet_that_is_written_in_place() {
        let mut arena = Arena::new(400, 1420);
        arena.push(&[0xff; 160]).unwrap();
        arena.clear();
        arena.push_with(33, |slot| slot.fill(1)).unwrap();
        let slot = arena.slots_mut(0, 1).next().unwrap();
        assert_eq!(slot.datagram[16..16 + 33], [1; 33]);
        assert_eq!(slot.datagram[16 + 33..], [0; 15 + 16]);
    }

    #[test]
    fn nothing_is_written_of_a_packet_that_does_not_fit() {
        let mut arena = Arena::new(200, 1420);
        let refused = arena.push_with(169, |_| panic!("there is no room to write to"));
        assert_eq!(refused, Err(ArenaFull));
        assert!(arena.is_empty());
    }
}
