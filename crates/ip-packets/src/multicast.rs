//! What IGMP and multicast listener discovery have in common: who listens to which group.

use core::time::Duration;

use crate::error::{Field, Layer, ParseError};
use crate::registry::registry;
use crate::sequence::{Element, Sequence, cut};
use crate::{BuildError, Lenient};

/// The length of a record before its address, in bytes.
const RECORD_HEADER_LEN: usize = 4;

registry! {
    /// What a group record of IGMPv3 or MLDv2 says.
    ///
    /// Source: RFC 9776 §4.2.12, RFC 9777 §5.2.12.
    pub struct GroupRecordKind {
        /// The listener takes the sources and no others.
        MODE_IS_INCLUDE = 1, "mode is include" | "is_in";
        /// The listener takes all but the sources.
        MODE_IS_EXCLUDE = 2, "mode is exclude" | "is_ex";
        /// From this change on the listener takes the sources and no others.
        CHANGE_TO_INCLUDE = 3, "change to include mode" | "to_in";
        /// From this change on the listener takes all but the sources.
        CHANGE_TO_EXCLUDE = 4, "change to exclude mode" | "to_ex";
        /// The listener takes these sources as well.
        ALLOW_NEW_SOURCES = 5, "allow new sources" | "allow";
        /// The listener takes these sources no more.
        BLOCK_OLD_SOURCES = 6, "block old sources" | "block";
    }
}

/// What a listener says of one group: `A` is [`Ipv4Addr`](core::net::Ipv4Addr) under IGMP and
/// [`Ipv6Addr`](core::net::Ipv6Addr) under MLD.
///
/// Source: RFC 9776 §4.2, RFC 9777 §5.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupRecord<'a, A: Element<'a>> {
    /// What it says.
    pub kind: GroupRecordKind,
    /// The group.
    pub group: A,
    /// The sources: their count is written modulo 65536.
    pub sources: Sequence<'a, A>,
    /// More data, of which neither protocol says what it is; written in words of 4 bytes.
    pub auxiliary: &'a [u8],
}

impl<'a, A: Element<'a>> Element<'a> for GroupRecord<'a, A> {
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), ParseError> {
        let layer = record_layer::<A>();
        let Some((header, rest)) = bytes.split_first_chunk::<RECORD_HEADER_LEN>() else {
            let needed = RECORD_HEADER_LEN;
            return Err(cut(layer, Field::GroupRecord, needed, bytes.len()));
        };
        let (address_len, auxiliary_len) = (address_len::<A>(), usize::from(header[1]) * 4);
        let sources_len = usize::from(u16::from_be_bytes([header[2], header[3]])) * address_len;
        let needed = RECORD_HEADER_LEN + address_len + sources_len + auxiliary_len;
        let Some(rest) = rest.get(..needed - RECORD_HEADER_LEN) else {
            return Err(cut(layer, Field::GroupRecord, needed, bytes.len()));
        };
        let (group, _) = A::read(rest)?;
        let (sources, auxiliary) = rest[address_len..].split_at(sources_len);
        let record = Self {
            kind: GroupRecordKind::new(header[0]),
            group,
            sources: Sequence::from_bytes(sources),
            auxiliary,
        };
        Ok((record, needed))
    }

    fn encoded_len(&self) -> usize {
        let auxiliary_len = self.auxiliary.len().next_multiple_of(4);
        RECORD_HEADER_LEN + self.group.encoded_len() + self.sources.encoded_len() + auxiliary_len
    }

    fn check(&self) -> Result<(), BuildError> {
        let layer = record_layer::<A>();
        BuildError::check_count(layer, self.sources.len(), usize::from(u16::MAX))?;
        let len = self.auxiliary.len().next_multiple_of(4);
        BuildError::check_len(layer, len, usize::from(u8::MAX) * 4)
    }

    fn write(&self, room: &mut [u8]) {
        let Some((header, rest)) = room.split_first_chunk_mut::<RECORD_HEADER_LEN>() else {
            return;
        };
        let [words, ..] = self.auxiliary.len().div_ceil(4).to_le_bytes();
        let [low, high, ..] = self.sources.len().to_le_bytes();
        *header = [self.kind.number(), words, high, low];
        let (group, rest) = rest.split_at_mut(self.group.encoded_len());
        self.group.write(group);
        let (sources, auxiliary) = rest.split_at_mut(self.sources.encoded_len());
        self.sources.write(sources);
        auxiliary[..self.auxiliary.len()].copy_from_slice(self.auxiliary);
    }
}

/// Returns the records of a report, as far as they could be read; `None` if bytes follow the last
/// one that is counted.
pub(crate) fn all_of<'a, A: Element<'a>>(
    records: Lenient<Sequence<'a, GroupRecord<'a, A>>>,
    body: &[u8],
) -> Option<Sequence<'a, GroupRecord<'a, A>>> {
    let is_more = records.stopped.is_none() && records.read.encoded_len() < body.len();
    (!is_more).then_some(records.read)
}

/// An address is as long as it is in memory.
const fn address_len<A>() -> usize {
    size_of::<A>()
}

const fn record_layer<A>() -> Layer {
    if address_len::<A>() == 4 {
        Layer::Igmp
    } else {
        Layer::Icmpv6
    }
}

/// What queries of IGMPv3 and MLDv2 say beyond those of earlier versions.
///
/// Source: RFC 9776 §4.1, RFC 9777 §5.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceQuery<'a, A: Element<'a>> {
    /// Tells other routers not to update their timers.
    pub suppress: bool,
    /// How many messages may get lost; the low three bits count, 0 says more than seven.
    pub robustness: u8,
    /// The interval of queries as it is coded: see [`interval`](Self::interval).
    pub interval_code: u8,
    /// The sources that are asked about; all if there are none.
    pub sources: Sequence<'a, A>,
}

/// The length of what stands before the sources, in bytes.
pub(crate) const SOURCE_QUERY_LEN: usize = 4;

impl<'a, A: Element<'a>> SourceQuery<'a, A> {
    /// Reads what follows the group in a query.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let layer = record_layer::<A>();
        let Some((header, rest)) = bytes.split_first_chunk::<SOURCE_QUERY_LEN>() else {
            return Err(cut(layer, Field::Count, SOURCE_QUERY_LEN, bytes.len()));
        };
        let count = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let Some(sources) = rest.get(..count * address_len::<A>()) else {
            let needed = SOURCE_QUERY_LEN + count * address_len::<A>();
            return Err(cut(layer, Field::Count, needed, bytes.len()));
        };
        Ok(Self {
            suppress: header[0] & 0x08 != 0,
            robustness: header[0] & 0x07,
            interval_code: header[1],
            sources: Sequence::from_bytes(sources),
        })
    }

    /// Reads what follows the group in a query where that is all of it: `Some(None)` for a query of
    /// an earlier version, with nothing behind the group or less than there should be.
    pub(crate) fn read_all(bytes: &'a [u8]) -> Option<Option<Self>> {
        match Self::read(bytes) {
            Ok(query) if query.encoded_len() < bytes.len() => None,
            read => Some(read.ok()),
        }
    }

    /// Returns the interval of queries.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(floating(self.interval_code)))
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let count = self.sources.len();
        BuildError::check_count(record_layer::<A>(), count, usize::from(u16::MAX))
    }

    pub(crate) fn encoded_len(&self) -> usize {
        SOURCE_QUERY_LEN + self.sources.encoded_len()
    }

    pub(crate) fn write(&self, room: &mut [u8]) {
        let Some((header, sources)) = room.split_first_chunk_mut::<SOURCE_QUERY_LEN>() else {
            return;
        };
        let [low, high, ..] = self.sources.len().to_le_bytes();
        let flags = u8::from(self.suppress) << 3 | self.robustness & 0x07;
        *header = [flags, self.interval_code, high, low];
        self.sources.write(sources);
    }
}

/// Reads a code of eight bits that is a floating point number from 128 on. RFC 9776 §4.1.1.
pub(crate) const fn floating(code: u8) -> u32 {
    if code < 128 {
        return code as u32;
    }
    let (exponent, mantissa) = (code >> 4 & 0x07, code & 0x0f);
    (mantissa as u32 | 0x10) << (exponent + 3)
}

/// Reads a code of 16 bits that is a floating point number from 32768 on. RFC 9777 §5.1.3.
pub(crate) const fn floating_long(code: u16) -> u32 {
    if code < 32_768 {
        return code as u32;
    }
    let (exponent, mantissa) = (code >> 12 & 0x07, code & 0x0fff);
    (mantissa as u32 | 0x1000) << (exponent + 3)
}
