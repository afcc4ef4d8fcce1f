//! The SCTP header of a packet in the making.

use super::{BuildError, PacketBuilder, Payload, Upper};
use crate::checksum::PseudoHeader;
use crate::header::IpVersion;
use crate::sctp::{SCTP_HEADER_LEN, checksum_of};
use crate::{Element, Protocol, SctpChunk, Sequence};

/// A packet with an SCTP header in the making.
pub type SctpBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Sctp, P>;

/// An SCTP header in the making; [`SctpBuilder`] sets its fields.
#[derive(Clone, Copy, Debug)]
pub struct Sctp {
    source_port: u16,
    destination_port: u16,
    verification_tag: u32,
    checksum: Option<u32>,
}

impl Sctp {
    #[inline]
    pub(super) const fn new(source_port: u16, destination_port: u16) -> Self {
        Self {
            source_port,
            destination_port,
            verification_tag: 0,
            checksum: None,
        }
    }
}

impl<P> SctpBuilder<'_, P> {
    /// Sets the tag that says which association the packet is of.
    #[inline]
    pub const fn verification_tag(mut self, tag: u32) -> Self {
        self.upper.verification_tag = tag;
        self
    }

    /// Overrides the checksum, a CRC32c.
    #[inline]
    pub const fn checksum(mut self, checksum: u32) -> Self {
        self.upper.checksum = Some(checksum);
        self
    }
}

impl<'a, P> SctpBuilder<'a, P> {
    /// Sets the chunks, each padded to a multiple of four bytes.
    #[inline]
    pub fn chunks(
        self,
        chunks: &'a [SctpChunk<'a>],
    ) -> SctpBuilder<'a, Sequence<'a, SctpChunk<'a>>> {
        self.map_payload(|_, _| Sequence::new(chunks))
    }
}

impl Upper for Sctp {
    #[inline]
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::SCTP
    }

    #[inline]
    fn header_len(&self) -> usize {
        SCTP_HEADER_LEN
    }

    #[inline]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        Ok(())
    }

    fn write(&self, segment: &mut [u8], _: &PseudoHeader) {
        segment[..2].copy_from_slice(&self.source_port.to_be_bytes());
        segment[2..4].copy_from_slice(&self.destination_port.to_be_bytes());
        segment[4..8].copy_from_slice(&self.verification_tag.to_be_bytes());
        let sum = self.checksum.unwrap_or_else(|| checksum_of(segment));
        segment[8..12].copy_from_slice(&sum.to_le_bytes());
    }
}

impl<'a, T: Element<'a>> Payload for Sequence<'a, T> {
    fn encoded_len(&self) -> usize {
        Self::encoded_len(self)
    }

    fn check(&self) -> Result<(), BuildError> {
        Self::check(self)
    }

    fn emit(&self, room: &mut [u8]) {
        self.write(room);
    }
}
