//! The UDP header of a packet in the making.

use super::ip::MAX_LEN;
use super::{BuildError, PacketBuilder, Upper, low_u16, word, write_words};
use crate::Protocol;
use crate::checksum::PseudoHeader;
use crate::error::Layer;
use crate::header::IpVersion;
use crate::udp::UDP_HEADER_LEN;

/// A packet with a UDP datagram in the making.
pub type UdpBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Udp, P>;

/// A UDP header in the making; [`UdpBuilder`] sets its fields.
#[derive(Clone, Copy, Debug)]
pub struct Udp {
    source_port: u16,
    destination_port: u16,
    length: Option<u16>,
    checksum: Option<u16>,
}

impl Udp {
    #[inline]
    pub(super) const fn new(source_port: u16, destination_port: u16) -> Self {
        Self {
            source_port,
            destination_port,
            length: None,
            checksum: None,
        }
    }
}

impl<P> UdpBuilder<'_, P> {
    /// Overrides the length field, in bytes.
    #[inline]
    pub const fn length(mut self, len: u16) -> Self {
        self.upper.length = Some(len);
        self
    }

    /// Overrides the checksum; 0 says that there is none.
    #[inline]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.upper.checksum = Some(checksum);
        self
    }
}

impl Upper for Udp {
    #[inline]
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::UDP
    }

    #[inline(always)]
    fn header_len(&self) -> usize {
        UDP_HEADER_LEN
    }

    #[inline(always)]
    fn check(&self, segment_len: usize) -> Result<(), BuildError> {
        if segment_len > MAX_LEN && self.length.is_none() {
            return Err(BuildError::TooLong {
                layer: Layer::Udp,
                len: segment_len,
                max: MAX_LEN,
            });
        }
        Ok(())
    }

    #[inline(always)]
    fn write(&self, segment: &mut [u8], pseudo_header: &PseudoHeader) {
        let len = segment.len();
        let Some((fixed, payload)) = segment.split_first_chunk_mut::<UDP_HEADER_LEN>() else {
            return;
        };
        let length = self.length.unwrap_or_else(|| low_u16(len));
        let mut words = [
            word(self.source_port, self.destination_port),
            word(length, 0),
        ];
        let sum = self.checksum.unwrap_or_else(|| {
            let sum = pseudo_header
                .sum(Protocol::UDP, len)
                .add_words(&words)
                .add_bytes(payload);
            // Zero would say that there is none: its other form stands in. RFC 768.
            match sum.finish() {
                0 => 0xffff,
                sum => sum,
            }
        });
        words[1] |= u32::from(sum);
        write_words(fixed, &words);
    }
}
