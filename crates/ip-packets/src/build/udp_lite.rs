//! The UDP-Lite header of a packet in the making.

use super::{BuildError, PacketBuilder, Upper};
use crate::Protocol;
use crate::checksum::PseudoHeader;
use crate::header::IpVersion;
use crate::udp::UDP_HEADER_LEN;
use crate::udp_lite::covered;

/// A packet with a UDP-Lite datagram in the making.
pub type UdpLiteBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, UdpLite, P>;

/// A UDP-Lite header in the making; [`UdpLiteBuilder`] sets its fields.
#[derive(Clone, Copy, Debug)]
pub struct UdpLite {
    source_port: u16,
    destination_port: u16,
    coverage: u16,
    checksum: Option<u16>,
}

impl UdpLite {
    pub(super) const fn new(source_port: u16, destination_port: u16) -> Self {
        Self {
            source_port,
            destination_port,
            coverage: 0,
            checksum: None,
        }
    }
}

impl<P> UdpLiteBuilder<'_, P> {
    /// Sets how many bytes the checksum covers, the header's 8 included; 0, as at first, is all.
    pub const fn coverage(mut self, len: u16) -> Self {
        self.upper.coverage = len;
        self
    }

    /// Overrides the checksum.
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.upper.checksum = Some(checksum);
        self
    }
}

impl Upper for UdpLite {
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::UDP_LITE
    }

    fn header_len(&self) -> usize {
        UDP_HEADER_LEN
    }

    fn check(&self, _: usize) -> Result<(), BuildError> {
        Ok(())
    }

    fn write(&self, segment: &mut [u8], pseudo_header: &PseudoHeader) {
        let Some(header) = segment.first_chunk_mut::<UDP_HEADER_LEN>() else {
            return;
        };
        header[..2].copy_from_slice(&self.source_port.to_be_bytes());
        header[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        header[4..6].copy_from_slice(&self.coverage.to_be_bytes());
        header[6..].fill(0);
        let sum = self.checksum.unwrap_or_else(|| {
            let sum = pseudo_header.sum(Protocol::UDP_LITE, segment.len());
            // Zero is not allowed: its other form stands in. RFC 3828 §3.1.
            match sum.add_bytes(covered(segment, self.coverage)).finish() {
                0 => 0xffff,
                sum => sum,
            }
        });
        segment[6..8].copy_from_slice(&sum.to_be_bytes());
    }
}
