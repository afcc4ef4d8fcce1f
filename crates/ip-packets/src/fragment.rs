//! Cuts packets into fragments.
//!
//! ```text
//! IPv4   header + all options    | payload 0..n      IPv6   headers each fragment repeats | fragment header | 0..n
//!        header + copied options | n..m                     headers each fragment repeats | fragment header | n..m
//! ```

use crate::build::BuildError;
use crate::checksum::checksum;
use crate::extension::{Cut, FRAGMENT_HEADER_LEN, upper_header_len};
use crate::header::{IPV4_HEADER_LEN, IPV6_HEADER_LEN};
use crate::{Ipv4Packet, Ipv6Fragment, Ipv6Packet, Protocol};

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

const MAX_V4_HEADER_LEN: usize = 60;
/// Fragments other than the last carry a multiple of this many bytes.
pub(crate) const UNIT: usize = 8;
const MORE_FRAGMENTS: u16 = 0x2000;
/// Where a fragment ends at most in the payload of the whole packet, in bytes.
const MAX_END: usize = u16::MAX as usize;

/// Why a packet cannot be cut into fragments.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FragmentError {
    /// The packet says that it may not be.
    #[error("the packet may not be fragmented")]
    DontFragment,
    /// An IPv6 packet is a fragment already; only its sender may cut it.
    #[error("the packet is a fragment already")]
    AlreadyFragment,
    /// A fragment ends where no offset of 13 bits and no whole packet reach.
    #[error("the packet is a fragment that ends at byte {end} of the whole, {max} at most")]
    OffsetTooGreat {
        /// Where it ends in the whole payload, in bytes.
        end: usize,
        /// Where it may end, in bytes.
        max: usize,
    },
    /// No fragment fits.
    #[error("fragments of this packet need an MTU of {needed}, it is {mtu}")]
    MtuTooSmall {
        /// The MTU, in bytes.
        mtu: usize,
        /// The smallest MTU that would do, in bytes.
        needed: usize,
    },
}

impl<'a> Ipv4Packet<'a> {
    /// Cuts the packet into fragments of at most `mtu` bytes.
    ///
    /// A packet that fits comes out as it is; a fragment may be cut further. The identification
    /// stays: it is the sender's part to have made it unique.
    ///
    /// # Errors
    /// [`FragmentError`] if the packet may not be cut, there is no room for 8 bytes of payload, or the
    /// packet is a fragment that ends beyond byte 65535 of the whole.
    ///
    /// Source: RFC 791 §3.2.
    pub fn fragments(&self, mtu: usize) -> Result<Fragments<'a>, FragmentError> {
        if self.as_bytes().len() <= mtu {
            return Ok(Fragments::whole(self.as_bytes()));
        }
        if self.dont_fragment() {
            return Err(FragmentError::DontFragment);
        }
        let (end, max) = (self.fragment_offset() + self.payload().len(), MAX_END);
        if end > max {
            return Err(FragmentError::OffsetTooGreat { end, max });
        }
        let needed = self.header_len() + UNIT;
        if mtu < needed {
            return Err(FragmentError::MtuTooSmall { mtu, needed });
        }
        Ok(Fragments {
            source: Source::V4(*self),
            rest: self.payload(),
            offset: 0,
            mtu,
        })
    }
}

impl<'a> Ipv6Packet<'a> {
    /// Cuts the packet into fragments of at most `mtu` bytes that share `identification`.
    ///
    /// A packet that fits comes out as it is, without a fragment header. The identification must
    /// not have been in use lately between the same two addresses.
    ///
    /// # Errors
    /// [`FragmentError`] if the packet has a fragment header, or there is no room in the first
    /// fragment for all extension headers and the header of the upper layer.
    ///
    /// Source: RFC 8200 §4.5, RFC 7112 §5.
    pub fn fragments(
        &self,
        mtu: usize,
        identification: u32,
    ) -> Result<Fragments<'a>, FragmentError> {
        if self.as_bytes().len() <= mtu {
            return Ok(Fragments::whole(self.as_bytes()));
        }
        if self.fragment().is_some() {
            return Err(FragmentError::AlreadyFragment);
        }
        let cut = self.walk().cut_for_fragments();
        let upper_len = upper_header_len(self.protocol()).min(self.payload().len());
        let upper_len = upper_len.next_multiple_of(UNIT).max(UNIT);
        let needed = self.header_len() + FRAGMENT_HEADER_LEN + upper_len;
        let (Some((head, rest)), false) =
            (self.as_bytes().split_at_checked(cut.offset), mtu < needed)
        else {
            return Err(FragmentError::MtuTooSmall { mtu, needed });
        };
        let source = Source::V6 {
            head,
            cut,
            identification,
        };
        Ok(Fragments {
            source,
            rest,
            offset: 0,
            mtu,
        })
    }
}

/// The fragments of a packet, in order.
#[derive(Clone, Debug)]
#[must_use = "fragments are cut as they are asked for"]
pub struct Fragments<'a> {
    source: Source<'a>,
    /// What is left to be cut.
    rest: &'a [u8],
    /// Where it stands in the payload, in bytes.
    offset: usize,
    mtu: usize,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Whole,
    V4(Ipv4Packet<'a>),
    V6 {
        head: &'a [u8],
        cut: Cut,
        identification: u32,
    },
}

impl<'a> Fragments<'a> {
    const fn whole(packet: &'a [u8]) -> Self {
        Self {
            source: Source::Whole,
            rest: packet,
            offset: 0,
            mtu: packet.len(),
        }
    }

    /// Takes the next piece of payload for a header of `header_len` bytes.
    fn take(&mut self, header_len: usize) -> Piece<'a> {
        let room = self.mtu - header_len;
        let len = if self.rest.len() <= room {
            self.rest.len()
        } else {
            room / UNIT * UNIT
        };
        let (payload, rest) = self.rest.split_at(len);
        let piece = Piece {
            payload,
            offset: self.offset,
            more: !rest.is_empty(),
        };
        self.rest = rest;
        self.offset += len;
        piece
    }
}

/// A part of the payload.
struct Piece<'a> {
    payload: &'a [u8],
    offset: usize,
    more: bool,
}

impl<'a> Iterator for Fragments<'a> {
    type Item = Fragment<'a>;

    fn next(&mut self) -> Option<Fragment<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        match self.source {
            Source::Whole => {
                let payload = core::mem::take(&mut self.rest);
                Some(Fragment {
                    head: Head::None,
                    payload,
                })
            }
            Source::V4(packet) => {
                let (mut header, header_len) = v4_header(&packet, self.offset == 0);
                let piece = self.take(header_len);
                finish_v4_header(&mut header[..header_len], &packet, &piece);
                Some(Fragment {
                    head: Head::V4 { header, header_len },
                    payload: piece.payload,
                })
            }
            Source::V6 {
                head,
                cut,
                identification,
            } => {
                let piece = self.take(head.len() + FRAGMENT_HEADER_LEN);
                let next_header = head.get(cut.next_header_at).copied().unwrap_or_default();
                let fragment = Ipv6Fragment {
                    offset: piece.offset,
                    more: piece.more,
                    identification,
                };
                let fragment_header = fragment.bytes(next_header);
                let head = Head::V6 {
                    head,
                    cut,
                    fragment_header,
                };
                Some(Fragment {
                    head,
                    payload: piece.payload,
                })
            }
        }
    }
}

/// One fragment, or the whole packet where it fits.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    head: Head<'a>,
    payload: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Head<'a> {
    None,
    V4 {
        header: [u8; MAX_V4_HEADER_LEN],
        header_len: usize,
    },
    V6 {
        head: &'a [u8],
        cut: Cut,
        fragment_header: [u8; FRAGMENT_HEADER_LEN],
    },
}

impl Fragment<'_> {
    /// Returns the length of the fragment, in bytes.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a fragment has a header and is never empty"
    )]
    pub const fn len(&self) -> usize {
        let head_len = match &self.head {
            Head::None => 0,
            Head::V4 { header_len, .. } => *header_len,
            Head::V6 { head, .. } => head.len() + FRAGMENT_HEADER_LEN,
        };
        head_len + self.payload.len()
    }

    /// Writes the fragment to the start of `buf` and returns its length in bytes.
    ///
    /// # Errors
    /// [`BuildError::BufferTooSmall`] if it does not fit; `buf` is then as it was.
    pub fn write(&self, buf: &mut [u8]) -> Result<usize, BuildError> {
        let (len, available) = (self.len(), buf.len());
        match buf.get_mut(..len) {
            Some(buf) => self.emit(buf),
            None => {
                return Err(BuildError::BufferTooSmall {
                    needed: len,
                    available,
                });
            }
        }
        Ok(len)
    }

    /// Returns the fragment.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut buf = vec![0; self.len()];
        self.emit(&mut buf);
        buf
    }

    /// Writes to a buffer of exactly the right length.
    fn emit(&self, buf: &mut [u8]) {
        let (head_room, payload_room) = buf.split_at_mut(buf.len() - self.payload.len());
        payload_room.copy_from_slice(self.payload);
        match &self.head {
            Head::None => {}
            Head::V4 { header, header_len } => head_room.copy_from_slice(&header[..*header_len]),
            Head::V6 {
                head,
                cut,
                fragment_header,
            } => {
                let (per_fragment, rest) = head_room.split_at_mut(head.len());
                per_fragment.copy_from_slice(head);
                rest.copy_from_slice(fragment_header);
                per_fragment[cut.next_header_at] = Protocol::FRAGMENT.number();
                let payload_len = self.len() - IPV6_HEADER_LEN;
                set_u16(per_fragment, 4, payload_len);
            }
        }
    }
}

/// Copies the header, for later fragments without the options that only the first one has.
fn v4_header(packet: &Ipv4Packet<'_>, is_first: bool) -> ([u8; MAX_V4_HEADER_LEN], usize) {
    let mut header = [0; MAX_V4_HEADER_LEN];
    let source = &packet.as_bytes()[..packet.header_len()];
    if is_first {
        header[..source.len()].copy_from_slice(source);
        return (header, source.len());
    }
    header[..IPV4_HEADER_LEN].copy_from_slice(&source[..IPV4_HEADER_LEN]);
    let mut len = IPV4_HEADER_LEN;
    for option in packet.options().map_while(Result::ok) {
        if option.is_copied() {
            len += option.write(&mut header[len..]).unwrap_or_default();
        }
    }
    (header, (len + 3) & !3)
}

fn finish_v4_header(header: &mut [u8], packet: &Ipv4Packet<'_>, piece: &Piece<'_>) {
    let total_len = header.len() + piece.payload.len();
    let [words, ..] = (header.len() / 4).to_le_bytes();
    header[0] = 0x40 | words;
    set_u16(header, 2, total_len);
    set_u16(header, 6, (packet.fragment_offset() + piece.offset) / UNIT);
    let mut flags = if packet.reserved_flag() { 0x8000 } else { 0 };
    if piece.more || packet.more_fragments() {
        flags |= MORE_FRAGMENTS;
    }
    let [high, _] = u16::to_be_bytes(flags);
    header[6] |= high;
    header[10..12].fill(0);
    let sum = checksum(header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Writes a number that came out of a packet of at most 65575 bytes, as a field of 16 bits.
pub(crate) fn set_u16(header: &mut [u8], at: usize, value: usize) {
    let [low, high, ..] = value.to_le_bytes();
    header[at..at + 2].copy_from_slice(&[high, low]);
}
