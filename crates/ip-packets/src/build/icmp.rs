//! The ICMP header of a packet in the making, for either version.

use super::{BuildError, PacketBuilder, Upper};
use crate::Protocol;
use crate::checksum::{PseudoHeader, checksum};
use crate::header::IpVersion;
use crate::icmpv4::ICMP_HEADER_LEN;

/// A packet with an ICMP message in the making.
pub type IcmpBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Icmp, P>;

/// An ICMP header in the making; [`IcmpBuilder`] sets its fields.
///
/// It is 8 bytes: type, code, checksum, and the word whose meaning depends on the type.
#[derive(Clone, Copy, Debug)]
pub struct Icmp {
    message_type: u8,
    code: u8,
    word: [u8; 4],
    checksum: Option<u16>,
}

impl Icmp {
    #[inline]
    pub(super) const fn new(message_type: u8, code: u8, word: [u8; 4]) -> Self {
        Self {
            message_type,
            code,
            word,
            checksum: None,
        }
    }
}

impl<P> IcmpBuilder<'_, P> {
    /// Sets the type.
    #[inline]
    pub const fn message_type(mut self, message_type: u8) -> Self {
        self.upper.message_type = message_type;
        self
    }

    /// Sets the code.
    #[inline]
    pub const fn code(mut self, code: u8) -> Self {
        self.upper.code = code;
        self
    }

    /// Sets the word after the checksum.
    #[inline]
    pub const fn word(mut self, word: [u8; 4]) -> Self {
        self.upper.word = word;
        self
    }

    /// Overrides the checksum.
    #[inline]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.upper.checksum = Some(checksum);
        self
    }
}

impl Upper for Icmp {
    #[inline]
    fn protocol(&self, version: IpVersion) -> Protocol {
        match version {
            IpVersion::V4 => Protocol::ICMPV4,
            IpVersion::V6 => Protocol::ICMPV6,
        }
    }

    #[inline]
    fn header_len(&self) -> usize {
        ICMP_HEADER_LEN
    }

    #[inline]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        Ok(())
    }

    #[inline]
    fn write(&self, segment: &mut [u8], pseudo_header: &PseudoHeader) {
        let Some(fixed) = segment.first_chunk_mut::<ICMP_HEADER_LEN>() else {
            return;
        };
        fixed[0] = self.message_type;
        fixed[1] = self.code;
        fixed[2..4].fill(0);
        fixed[4..].copy_from_slice(&self.word);
        let sum = self
            .checksum
            .unwrap_or_else(|| match pseudo_header.version() {
                IpVersion::V4 => checksum(segment),
                IpVersion::V6 => pseudo_header.checksum(Protocol::ICMPV6, segment),
            });
        segment[2..4].copy_from_slice(&sum.to_be_bytes());
    }
}
