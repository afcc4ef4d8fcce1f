//! The pieces of one packet, and how they become it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::{Deadline, MAX_LEN, PIECE_COST, ReassemblyError};
use crate::checksum::checksum;
use crate::extension::{FRAGMENT_HEADER_LEN, is_extension, upper_header_len};
use crate::fragment::{UNIT, set_u16};
use crate::header::{self, IPV4_HEADER_LEN, IPV6_HEADER_LEN};
use crate::{Ecn, IpPacket, IpVersion, Ipv4Packet, Ipv6Packet, Protocol};

/// What a fragment says.
pub(super) struct Piece<'a> {
    pub(super) key: Key,
    pub(super) version: IpVersion,
    ecn: Ecn,
    /// What stands before the payload in the whole packet.
    pub(super) head: &'a [u8],
    /// The next header field that must name what follows the fragment header, and its value.
    next_header: Option<(usize, u8)>,
    pub(super) offset: usize,
    pub(super) more: bool,
    pub(super) payload: &'a [u8],
    /// Whether all headers are in it that the first piece has to have.
    has_headers: bool,
}

impl<'a> Piece<'a> {
    pub(super) fn of(packet: &IpPacket<'a>) -> Option<Self> {
        match packet {
            IpPacket::V4(packet) => packet.is_fragment().then(|| Self::of_v4(packet)),
            IpPacket::V6(packet) => Self::of_v6(packet),
        }
    }

    fn of_v4(packet: &Ipv4Packet<'a>) -> Self {
        Self {
            key: Key {
                source: packet.source().into(),
                destination: packet.destination().into(),
                identification: packet.identification().into(),
                protocol: packet.protocol(),
            },
            version: IpVersion::V4,
            ecn: packet.ecn(),
            head: packet
                .as_bytes()
                .get(..packet.header_len())
                .unwrap_or_default(),
            next_header: None,
            offset: packet.fragment_offset(),
            more: packet.more_fragments(),
            payload: packet.payload(),
            has_headers: true,
        }
    }

    fn of_v6(packet: &Ipv6Packet<'a>) -> Option<Self> {
        let fragment = packet.fragment()?;
        let cut = packet.walk().cut_before_fragment()?;
        let (head, rest) = packet.as_bytes().split_at_checked(cut.offset)?;
        let (header, payload) = rest.split_first_chunk::<FRAGMENT_HEADER_LEN>()?;
        Some(Self {
            key: Key {
                source: packet.source().into(),
                destination: packet.destination().into(),
                identification: fragment.identification,
                protocol: Protocol::FRAGMENT,
            },
            version: IpVersion::V6,
            ecn: packet.ecn(),
            head,
            next_header: Some((cut.next_header_at, header[0])),
            offset: fragment.offset,
            more: fragment.more,
            payload,
            has_headers: !is_extension(packet.protocol())
                && packet.payload().len() >= upper_header_len(packet.protocol()),
        })
    }

    fn end(&self) -> usize {
        self.offset + self.payload.len()
    }

    /// Returns the header of the whole packet, still with the lengths of the fragment.
    pub(super) fn whole_head(&self) -> Vec<u8> {
        let mut head = self.head.to_vec();
        if let Some((at, protocol)) = self.next_header
            && let Some(field) = head.get_mut(at)
        {
            *field = protocol;
        }
        head
    }

    pub(super) fn check(&self) -> Result<(), ReassemblyError> {
        let len = self.payload.len();
        if len == 0 {
            return Err(ReassemblyError::Empty);
        }
        if self.offset == 0 && !self.has_headers {
            return Err(ReassemblyError::HeadersCut);
        }
        if self.more && !len.is_multiple_of(UNIT) {
            return Err(ReassemblyError::Misaligned { len });
        }
        let total_len = match self.version {
            IpVersion::V4 => IPV4_HEADER_LEN + self.end(),
            IpVersion::V6 => self.end(),
        };
        if total_len > MAX_LEN {
            return Err(ReassemblyError::TooLong { len: total_len });
        }
        Ok(())
    }
}

/// What the pieces of one packet share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    /// Counts only under IPv4; under IPv6 it is always the fragment header.
    protocol: Protocol,
}

impl Key {
    pub(super) const fn version(&self) -> IpVersion {
        match self.source {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        }
    }
}

/// The pieces of a packet so far.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) deadline: Deadline,
    /// The header of the first fragment, once it is there.
    head: Option<Vec<u8>>,
    /// By offset; they do not overlap.
    pieces: BTreeMap<usize, Vec<u8>>,
    pieces_len: usize,
    end: Option<usize>,
    ecn: EcnSeen,
    /// What all of this takes, in bytes.
    pub(super) used_len: usize,
}

impl Collection {
    pub(super) const fn new(deadline: Deadline) -> Self {
        Self {
            deadline,
            head: None,
            pieces: BTreeMap::new(),
            pieces_len: 0,
            end: None,
            ecn: EcnSeen {
                not_ect: false,
                ce: false,
            },
            used_len: 0,
        }
    }

    /// Adds a piece and says whether the packet is complete.
    pub(super) fn add(&mut self, piece: &Piece<'_>) -> Result<bool, ReassemblyError> {
        if self
            .pieces
            .get(&piece.offset)
            .is_some_and(|known| known == piece.payload)
        {
            return Ok(false);
        }
        self.check_overlap(piece)?;
        self.set_end(piece)?;
        self.ecn.add(piece.ecn)?;
        if piece.offset == 0 {
            let head = piece.whole_head();
            self.used_len += head.len();
            self.head = Some(head);
        }
        self.pieces.insert(piece.offset, piece.payload.to_vec());
        self.pieces_len += piece.payload.len();
        self.used_len += PIECE_COST + piece.payload.len();
        // Pieces do not overlap and none is beyond the end: their sum tells.
        Ok(self.end == Some(self.pieces_len))
    }

    fn check_overlap(&self, piece: &Piece<'_>) -> Result<(), ReassemblyError> {
        let before = self.pieces.range(..piece.end()).next_back();
        match before {
            Some((offset, known)) if offset + known.len() > piece.offset => {
                Err(ReassemblyError::Overlap)
            }
            _ => Ok(()),
        }
    }

    /// Notes where the packet ends, and that nothing is beyond.
    fn set_end(&mut self, piece: &Piece<'_>) -> Result<(), ReassemblyError> {
        let known_end = self
            .pieces
            .last_key_value()
            .map_or(0, |(offset, known)| offset + known.len());
        let fits = match (self.end, piece.more) {
            (Some(end), true) => piece.end() < end,
            (Some(end), false) => piece.end() == end,
            (None, true) => true,
            (None, false) => piece.end() >= known_end,
        };
        if !fits {
            return Err(ReassemblyError::DifferentEnds);
        }
        if !piece.more {
            self.end = Some(piece.end());
        }
        Ok(())
    }

    pub(super) fn assemble(self, version: IpVersion) -> Result<Vec<u8>, ReassemblyError> {
        let head = self.head.ok_or(ReassemblyError::Dropped)?;
        let pieces: Vec<&[u8]> = self.pieces.values().map(Vec::as_slice).collect();
        let mut packet = finish(head, version, &pieces)?;
        if self.ecn.ce {
            header::set_ecn(&mut packet, Ecn::Ce).map_err(|_| ReassemblyError::Dropped)?;
        }
        Ok(packet)
    }
}

/// Which congestion notifications the pieces of a packet have.
///
/// Source: RFC 3168 §5.3.
#[derive(Clone, Copy, Debug)]
struct EcnSeen {
    not_ect: bool,
    ce: bool,
}

impl EcnSeen {
    fn add(&mut self, ecn: Ecn) -> Result<(), ReassemblyError> {
        self.not_ect |= ecn == Ecn::NotEct;
        self.ce |= ecn == Ecn::Ce;
        if self.not_ect && self.ce {
            Err(ReassemblyError::MixedEcn)
        } else {
            Ok(())
        }
    }
}

/// Puts header and pieces together and makes the header say so.
pub(super) fn finish(
    head: Vec<u8>,
    version: IpVersion,
    pieces: &[&[u8]],
) -> Result<Vec<u8>, ReassemblyError> {
    let head_len = head.len();
    let len = head_len + pieces.iter().map(|piece| piece.len()).sum::<usize>();
    let said_len = match version {
        IpVersion::V4 => len,
        IpVersion::V6 => len - IPV6_HEADER_LEN,
    };
    if said_len > MAX_LEN {
        return Err(ReassemblyError::TooLong { len: said_len });
    }
    let mut packet = head;
    packet.reserve_exact(len - head_len);
    for piece in pieces {
        packet.extend_from_slice(piece);
    }
    match version {
        IpVersion::V6 => set_u16(&mut packet, 4, said_len),
        IpVersion::V4 => {
            set_u16(&mut packet, 2, said_len);
            // Reserved and don't-fragment flags stay; more-fragments flag and offset go.
            packet[6] &= 0xc0;
            packet[7] = 0;
            packet[10..12].fill(0);
            let sum = checksum(&packet[..head_len]);
            packet[10..12].copy_from_slice(&sum.to_be_bytes());
        }
    }
    Ok(packet)
}
