//! The authentication header of an IPv4 packet in the making.

use super::{BuildError, PacketBuilder, Upper};
use crate::checksum::PseudoHeader;
use crate::header::IpVersion;
use crate::{AuthenticationHeader, Protocol};

/// A packet with an authentication header in the making; the payload is what it vouches for.
pub type AhBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Ah<'a>, P>;

/// An authentication header in the making; [`AhBuilder`] sets its fields.
///
/// Source: RFC 4302 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ah<'a> {
    header: AuthenticationHeader<'a>,
    next: Protocol,
}

impl<'a> Ah<'a> {
    pub(super) const fn new(header: AuthenticationHeader<'a>) -> Self {
        let next = Protocol::NO_NEXT_HEADER;
        Self { header, next }
    }
}

impl<P> AhBuilder<'_, P> {
    /// Sets what the payload is, which a [nested](PacketBuilder::nest) packet says by itself.
    pub const fn next_header(mut self, protocol: Protocol) -> Self {
        self.upper.next = protocol;
        self
    }
}

impl Upper for Ah<'_> {
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::AH
    }

    fn header_len(&self) -> usize {
        self.header.encoded_len()
    }

    fn check(&self, _: usize) -> Result<(), BuildError> {
        self.header.check()
    }

    fn write(&self, segment: &mut [u8], _: &PseudoHeader) {
        let mut at = 0;
        self.header.emit(self.next.number(), &mut |bytes| {
            segment[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
    }

    fn carry(&mut self, payload: Protocol) {
        self.next = payload;
    }
}
