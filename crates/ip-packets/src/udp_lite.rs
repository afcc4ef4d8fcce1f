//! A validated view of a UDP-Lite datagram: UDP whose checksum may leave out the end.

use crate::checksum::PseudoHeader;
use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::udp::UDP_HEADER_LEN;
use crate::{Lenient, Protocol};

/// A UDP-Lite datagram whose checksum coverage was checked.
///
/// It has no length of its own: it is as long as what IP carries.
///
/// Source: RFC 3828 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpLiteDatagram<'a> {
    bytes: &'a [u8],
    header: &'a [u8; UDP_HEADER_LEN],
    payload: &'a [u8],
}

impl<'a> UdpLiteDatagram<'a> {
    /// Reads the datagram that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off, or the coverage is from 1 to 7 or more than `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Self::parse_lenient(bytes)?.strict()
    }

    /// Reads what there is of a datagram, whatever its coverage: see [`Lenient`].
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let Some((header, payload)) = bytes.split_first_chunk::<UDP_HEADER_LEN>() else {
            return Err(short_header(Layer::UdpLite, UDP_HEADER_LEN, bytes.len()));
        };
        let datagram = Self {
            bytes,
            header,
            payload,
        };
        Ok(match usize::from(datagram.coverage()) {
            found @ 1..UDP_HEADER_LEN => Lenient::stopped(
                datagram,
                wrong_coverage(found, Expected::AtLeast(UDP_HEADER_LEN)),
            ),
            found if found > bytes.len() => Lenient::stopped(
                datagram,
                wrong_coverage(found, Expected::AtMost(bytes.len())),
            ),
            _ => Lenient::whole(datagram),
        })
    }

    /// Returns the whole datagram.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the source port, 0 if the sender has none.
    #[must_use]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Returns the destination port.
    #[must_use]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Returns how many bytes the checksum covers, header included; 0 stands for all.
    #[must_use]
    pub const fn coverage(&self) -> u16 {
        u16::from_be_bytes([self.header[4], self.header[5]])
    }

    /// Returns the bytes that the checksum covers.
    #[must_use]
    pub fn covered(&self) -> &'a [u8] {
        covered(self.bytes, self.coverage())
    }

    /// Returns the checksum as it stands in the header.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// Says whether the checksum is right; unlike in UDP there must be one.
    #[must_use]
    pub fn checksum_is_valid(&self, pseudo_header: &PseudoHeader) -> bool {
        let sum = pseudo_header.sum(Protocol::UDP_LITE, self.bytes.len());
        self.checksum() != 0 && sum.add_bytes(self.covered()).finish() == 0
    }

    /// Returns the payload.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// Cuts `bytes` to what a checksum of this coverage covers.
pub(crate) fn covered(bytes: &[u8], coverage: u16) -> &[u8] {
    match coverage {
        0 => bytes,
        coverage => bytes.get(..usize::from(coverage)).unwrap_or(bytes),
    }
}

#[cold]
fn wrong_coverage(found: usize, expected: Expected) -> ParseError {
    ParseError::Invalid {
        layer: Layer::UdpLite,
        field: Field::Coverage,
        offset: 4,
        found,
        expected,
    }
}
