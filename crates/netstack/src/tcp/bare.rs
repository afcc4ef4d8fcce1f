//! Acknowledgements that are not the stack's.

use core::net::IpAddr;

use wirecraft_ip_packets::{v4, v6};

use crate::four_tuple::FourTuple;

/// A segment that acknowledges, and does nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct BareAcknowledgement {
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    /// As it is written: scaled already.
    pub(super) window: u16,
    pub(super) hop_limit: u8,
}

impl BareAcknowledgement {
    /// Builds the packet; `None` for ends that are not of one family.
    pub(super) fn build(&self, tuple: &FourTuple) -> Option<Vec<u8>> {
        let (local, remote) = (tuple.local(), tuple.remote());
        let (from, to) = (local.port(), remote.port());
        let packet = match (local.ip(), remote.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ip = v4(source, destination).ttl(self.hop_limit);
                let segment = ip.tcp(from, to).seq(self.sequence);
                let segment = segment.ack(self.acknowledgement);
                segment.window(self.window).build()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let ip = v6(source, destination).hop_limit(self.hop_limit);
                let segment = ip.tcp(from, to).seq(self.sequence);
                let segment = segment.ack(self.acknowledgement);
                segment.window(self.window).build()
            }
            _ => return None,
        };
        Some(packet)
    }
}
