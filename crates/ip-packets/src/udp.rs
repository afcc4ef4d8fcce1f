//! A validated view of a UDP datagram.

use crate::checksum::PseudoHeader;
use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::header::IpVersion;
use crate::{Lenient, Protocol};

/// The length of a UDP header, in bytes.
pub const UDP_HEADER_LEN: usize = 8;

/// A UDP datagram whose length was checked, trimmed to it.
///
/// Source: RFC 768.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpDatagram<'a> {
    bytes: &'a [u8],
    header: &'a [u8; UDP_HEADER_LEN],
    payload: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    /// Reads the datagram at the start of `bytes`; what follows its length is left out.
    ///
    /// # Errors
    /// [`ParseError`] if the length is less than 8 or more than `bytes`.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<UDP_HEADER_LEN>() else {
            return Err(short_header(Layer::Udp, UDP_HEADER_LEN, bytes.len()));
        };
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some(payload) = bytes.get(UDP_HEADER_LEN..len) else {
            return Err(wrong_len(len, bytes.len()));
        };
        Ok(Self {
            bytes: bytes.get(..len).unwrap_or(bytes),
            header,
            payload,
        })
    }

    /// Reads what there is of a datagram: see [`Lenient`].
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let error = match Self::parse(bytes) {
            Ok(datagram) => return Ok(Lenient::whole(datagram)),
            Err(error) => error,
        };
        // A length that cannot be is taken for all there is.
        let Some((header, payload)) = bytes.split_first_chunk::<UDP_HEADER_LEN>() else {
            return Err(error);
        };
        let datagram = Self {
            bytes,
            header,
            payload,
        };
        Ok(Lenient::stopped(datagram, error))
    }

    /// Returns the whole datagram.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the source port, 0 if the sender has none.
    #[must_use]
    #[inline]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Returns the destination port.
    #[must_use]
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Returns the checksum as it stands in the header, 0 if there is none.
    #[must_use]
    #[inline]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[6], self.header[7]])
    }

    /// Says whether the checksum is right: over IPv4 none is right too, over IPv6 it is not.
    ///
    /// Source: RFC 768, RFC 8200 §8.1.
    #[must_use]
    #[inline]
    pub fn checksum_is_valid(&self, pseudo_header: &PseudoHeader) -> bool {
        if self.checksum() == 0 {
            return pseudo_header.version() == IpVersion::V4;
        }
        pseudo_header.verify(Protocol::UDP, self.bytes)
    }

    /// Returns the payload.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

#[cold]
fn wrong_len(len: usize, available: usize) -> ParseError {
    let (layer, field, offset) = (Layer::Udp, Field::Length, 4);
    if len < UDP_HEADER_LEN {
        let expected = Expected::AtLeast(UDP_HEADER_LEN);
        return ParseError::Invalid {
            layer,
            field,
            offset,
            found: len,
            expected,
        };
    }
    ParseError::Truncated {
        layer,
        field,
        offset,
        needed: len,
        available,
    }
}
