//! A connection that has ended on both sides and waits for late segments, without its buffers.
//!
//! Whoever closes first waits in TIME-WAIT. A server that closes its connections has thousands of them
//! there: with the buffers of a socket each, they would be most of its memory.
//!
//! Source: RFC 9293 §3.6.1, §3.10.7.4 ("TIME-WAIT STATE").

use core::net::IpAddr;
use core::time::Duration;

use wirecraft_ip_packets::{v4, v6};
use wirecraft_time::Instant;

use super::segment::{RST, Segment};
use super::sequence::HighestSent;
use crate::four_tuple::FourTuple;

/// How long late segments are waited for: as long as the stack would.
const LAST: Duration = Duration::from_secs(10);

/// What is left of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet {
    /// Everything of both sides is acknowledged: the numbers are final.
    sequence: u32,
    acknowledgement: u32,
    window: u16,
    hop_limit: u8,
    pub(super) until: Instant,
}

impl Quiet {
    /// Starts to wait; `None` if nothing was ever acknowledged.
    pub(super) fn new(now: Instant, sent: HighestSent, hop_limit: u8) -> Option<Self> {
        let (acknowledgement, window) = sent.last_acknowledgement()?;
        Some(Self {
            sequence: sent.get()?,
            acknowledgement,
            window,
            hop_limit,
            until: now + LAST,
        })
    }

    /// Says whether a segment is to be answered: the other end has not heard that its last one arrived.
    pub(super) fn answers(&self, segment: Segment) -> bool {
        segment.flags & RST == 0 && segment.end() != segment.sequence
    }

    /// Builds the acknowledgement of everything.
    pub(super) fn acknowledgement(&self, tuple: &FourTuple) -> Option<Vec<u8>> {
        let (local, remote) = (tuple.local(), tuple.remote());
        let (from, to) = (local.port(), remote.port());
        let packet = match (local.ip(), remote.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ip = v4(source, destination).ttl(self.hop_limit);
                let segment = ip.tcp(from, to).seq(self.sequence);
                segment
                    .ack(self.acknowledgement)
                    .window(self.window)
                    .build()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let ip = v6(source, destination).hop_limit(self.hop_limit);
                let segment = ip.tcp(from, to).seq(self.sequence);
                segment
                    .ack(self.acknowledgement)
                    .window(self.window)
                    .build()
            }
            _ => return None,
        };
        Some(packet)
    }
}
