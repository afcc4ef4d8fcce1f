//! The header of an encapsulated payload in the making.

use super::{BuildError, PacketBuilder, Upper};
use crate::Protocol;
use crate::checksum::PseudoHeader;
use crate::header::IpVersion;
use crate::ipsec::ENCAPSULATED_LEN;

/// A packet with an encapsulated payload in the making; the payload is what is under the key.
pub type EspBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Esp, P>;

/// The two fields of ESP that are not under a key.
///
/// Source: RFC 4303 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Esp {
    /// The security association.
    pub spi: u32,
    /// The sequence number.
    pub sequence: u32,
}

impl Upper for Esp {
    #[inline]
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::ESP
    }

    #[inline]
    fn header_len(&self) -> usize {
        ENCAPSULATED_LEN
    }

    #[inline]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        Ok(())
    }

    fn write(&self, segment: &mut [u8], _: &PseudoHeader) {
        if let Some(header) = segment.first_chunk_mut::<ENCAPSULATED_LEN>() {
            header[..4].copy_from_slice(&self.spi.to_be_bytes());
            header[4..].copy_from_slice(&self.sequence.to_be_bytes());
        }
    }
}
