//! A connection that has ended on both sides and waits for late segments, without its buffers.
//!
//! Whoever closes first waits in TIME-WAIT. A server that closes its connections has thousands of them
//! there: with the buffers of a socket each, they would be most of its memory.
//!
//! Source: RFC 9293 §3.6.1, §3.10.7.4 ("TIME-WAIT STATE").

use core::time::Duration;

use wirecraft_time::Instant;

use super::bare::BareAcknowledgement;
use super::segment::{RST, Segment, is_before};
use super::sequence::HighestSent;
use crate::four_tuple::FourTuple;

/// How long late segments are waited for: as long as the stack would.
const LAST: Duration = Duration::from_secs(10);

/// What is left of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    /// Everything of both sides is acknowledged: the numbers are final.
    bare: BareAcknowledgement,
    pub(super) until: Instant,
}

impl Quiet {
    /// Starts to wait; `None` if nothing was ever acknowledged.
    pub(super) fn new(now: Instant, sent: HighestSent, hop_limit: u8) -> Option<Self> {
        let (acknowledgement, window) = sent.last_acknowledgement()?;
        let bare = BareAcknowledgement {
            sequence: sent.get()?,
            acknowledgement,
            window,
            hop_limit,
        };
        let until = now + LAST;
        Some(Self { bare, until })
    }

    /// Says whether a segment is to be answered: the other end has not heard that its last one arrived.
    pub(super) fn answers(&self, segment: Segment) -> bool {
        segment.flags & RST == 0 && segment.end() != segment.sequence
    }

    /// Builds the acknowledgement of everything.
    pub(super) fn acknowledgement(&self, tuple: &FourTuple) -> Option<Vec<u8>> {
        self.bare.build(tuple)
    }

    /// Says whether a first segment with this number opens a new connection: it is a later one.
    ///
    /// Source: RFC 9293 §3.6.1 (MAY-2), RFC 6191 §2.
    pub(super) const fn makes_way_for(&self, sequence: u32) -> bool {
        is_before(self.bare.acknowledgement.wrapping_sub(1), sequence)
    }
}
