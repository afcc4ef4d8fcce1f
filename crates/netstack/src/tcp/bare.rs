//! Acknowledgements that are not the stack's.

use wirecraft_ip_packets::ip;

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
        let ip = ip(local.ip(), remote.ip()).ok()?.hop_limit(self.hop_limit);
        let segment = ip.tcp(local.port(), remote.port()).seq(self.sequence);
        let segment = segment.ack(self.acknowledgement).window(self.window);
        Some(segment.build())
    }
}
