//! Multicast listener discovery: routers ask who listens to which group, listeners say so.

use core::net::Ipv6Addr;
use core::time::Duration;

use crate::error::ParseError;
use crate::multicast::{GroupRecord, SourceQuery, floating_long};
use crate::{Lenient, Sequence};

/// Records of MLDv2.
pub(super) type GroupRecords<'a> = Sequence<'a, GroupRecord<'a, Ipv6Addr>>;

/// A question who listens.
///
/// Source: RFC 2710 §3, RFC 9777 §5.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MldQuery<'a> {
    /// How long an answer may take as it is coded: see
    /// [`maximum_response_delay`](Self::maximum_response_delay).
    pub maximum_response: u16,
    /// The group that is asked about; unspecified: all groups.
    pub group: Ipv6Addr,
    /// What version 2 says beyond that; `None` under version 1.
    pub v2: Option<SourceQuery<'a, Ipv6Addr>>,
}

impl<'a> MldQuery<'a> {
    /// Reads what follows the group; `None` if something follows that belongs to no version, or is
    /// cut off: as a query of version 1 it would say another time.
    pub(super) fn read(word: [u8; 4], group: Ipv6Addr, rest: &'a [u8]) -> Option<Self> {
        let v2 = SourceQuery::read_all(rest)?;
        (v2.is_some() || rest.is_empty()).then_some(Self {
            maximum_response: u16::from_be_bytes([word[0], word[1]]),
            group,
            v2,
        })
    }

    /// Returns how long an answer may take.
    #[must_use]
    pub const fn maximum_response_delay(&self) -> Duration {
        let milliseconds = match self.v2 {
            Some(_) => floating_long(self.maximum_response),
            None => self.maximum_response as u32,
        };
        Duration::from_millis(milliseconds as u64)
    }

    pub(super) fn body_len(&self) -> usize {
        16 + self.v2.map_or(0, |query| query.encoded_len())
    }

    pub(super) fn write_body(&self, room: &mut [u8]) {
        room[..16].copy_from_slice(&self.group.octets());
        if let Some(query) = self.v2 {
            query.write(&mut room[16..]);
        }
    }
}

/// Says what is wrong with what follows the group of a query.
pub(super) fn check_query(rest: &[u8]) -> Option<ParseError> {
    if rest.is_empty() {
        return None;
    }
    SourceQuery::<Ipv6Addr>::read(rest).err()
}

/// Reads the records of a report; offsets count from the first record.
pub(super) fn records(body: &[u8]) -> Lenient<GroupRecords<'_>> {
    let Some(([_, _, high, low], rest)) = body.split_first_chunk::<4>() else {
        return Lenient::whole(Sequence::EMPTY);
    };
    Sequence::counted(rest, usize::from(u16::from_be_bytes([*high, *low])))
}
