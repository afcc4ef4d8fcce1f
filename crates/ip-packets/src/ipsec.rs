//! The two headers of IPsec, as far as one without keys can read them.

use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::{BuildError, Lenient, Protocol};

/// The length of the part of an authentication header before its check value, in bytes.
const AUTHENTICATION_LEN: usize = 12;
/// The length of what precedes an encapsulated payload, in bytes.
pub(crate) const ENCAPSULATED_LEN: usize = 8;

/// An authentication header: an extension header of IPv6, under IPv4 the start of an
/// [`AuthenticatedPacket`].
///
/// Source: RFC 4302 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuthenticationHeader<'a> {
    /// The security association.
    pub spi: u32,
    /// The sequence number.
    pub sequence: u32,
    /// The integrity check value: a multiple of 4 bytes, for IPv6 4 less than one of 8. Zeros fill
    /// it up to a multiple of 4 as it is written.
    pub icv: &'a [u8],
}

impl<'a> AuthenticationHeader<'a> {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off, or says it is shorter than 12 bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<AUTHENTICATION_LEN>() else {
            return Err(short_header(
                Layer::Authentication,
                AUTHENTICATION_LEN,
                bytes.len(),
            ));
        };
        let [_, words, _, _, a, b, c, d, e, f, g, h] = *fixed;
        // In words of 4 bytes, minus 2.
        let len = (usize::from(words) + 2) * 4;
        let icv = len
            .checked_sub(AUTHENTICATION_LEN)
            .and_then(|icv_len| rest.get(..icv_len));
        match icv {
            Some(icv) => Ok(Self {
                spi: u32::from_be_bytes([a, b, c, d]),
                sequence: u32::from_be_bytes([e, f, g, h]),
                icv,
            }),
            None => Err(wrong_len(len, bytes.len())),
        }
    }

    /// Reads what there is of a header: see [`Lenient`].
    ///
    /// A length that cannot be leaves as much of the check value as is there.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 12 bytes.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let packet = AuthenticatedPacket::parse_lenient(bytes)?;
        Ok(packet.map(|packet| packet.header))
    }

    /// Returns the length that the header is written with, in bytes.
    pub(crate) const fn encoded_len(&self) -> usize {
        AUTHENTICATION_LEN + self.icv.len().next_multiple_of(4)
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let max = (usize::from(u8::MAX) + 2) * 4;
        BuildError::check_len(Layer::Authentication, self.encoded_len(), max)
    }

    pub(crate) fn emit(&self, next: u8, put: &mut dyn FnMut(&[u8])) {
        let padded = self.icv.len().next_multiple_of(4);
        let [words, ..] = (padded / 4 + 1).to_le_bytes();
        put(&[next, words, 0, 0]);
        put(&self.spi.to_be_bytes());
        put(&self.sequence.to_be_bytes());
        put(self.icv);
        put(&[0; 4][..padded - self.icv.len()]);
    }
}

/// An authentication header and what it vouches for, as IPv4 carries it.
///
/// Source: RFC 4302 §2, §3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AuthenticatedPacket<'a> {
    /// The header.
    pub header: AuthenticationHeader<'a>,
    /// What follows it.
    pub protocol: Protocol,
    /// What is vouched for.
    pub payload: &'a [u8],
}

impl<'a> AuthenticatedPacket<'a> {
    /// Reads what `bytes` are.
    ///
    /// # Errors
    /// As [`AuthenticationHeader::parse`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let header = AuthenticationHeader::parse(bytes)?;
        Ok(Self::behind(header, bytes))
    }

    /// Reads what there is of a packet: see [`Lenient`].
    ///
    /// A length that cannot be leaves as much of the check value as is there.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 12 bytes.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let error = match Self::parse(bytes) {
            Ok(packet) => return Ok(Lenient::whole(packet)),
            Err(error) => error,
        };
        let Some((fixed, rest)) = bytes.split_first_chunk::<AUTHENTICATION_LEN>() else {
            return Err(error);
        };
        let [_, words, _, _, a, b, c, d, e, f, g, h] = *fixed;
        let icv_len = ((usize::from(words) + 2) * 4).saturating_sub(AUTHENTICATION_LEN);
        let header = AuthenticationHeader {
            spi: u32::from_be_bytes([a, b, c, d]),
            sequence: u32::from_be_bytes([e, f, g, h]),
            icv: rest.get(..icv_len).unwrap_or(rest),
        };
        Ok(Lenient::stopped(Self::behind(header, bytes), error))
    }

    fn behind(header: AuthenticationHeader<'a>, bytes: &'a [u8]) -> Self {
        let header_len = AUTHENTICATION_LEN + header.icv.len();
        Self {
            header,
            protocol: Protocol::new(bytes.first().copied().unwrap_or_default()),
            payload: bytes.get(header_len..).unwrap_or_default(),
        }
    }
}

#[cold]
fn wrong_len(found: usize, available: usize) -> ParseError {
    let (layer, field, offset) = (Layer::Authentication, Field::HeaderLen, 1);
    if found < AUTHENTICATION_LEN {
        let expected = Expected::AtLeast(AUTHENTICATION_LEN);
        return ParseError::Invalid {
            layer,
            field,
            offset,
            found,
            expected,
        };
    }
    ParseError::Truncated {
        layer,
        field,
        offset,
        needed: found,
        available,
    }
}

/// An encapsulated payload: all behind the sequence number is under a key.
///
/// Source: RFC 4303 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncapsulatedPayload<'a> {
    /// The security association.
    pub spi: u32,
    /// The sequence number.
    pub sequence: u32,
    /// What is under the key.
    pub sealed: &'a [u8],
}

impl<'a> EncapsulatedPayload<'a> {
    /// Reads what `bytes` are.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some((fixed, sealed)) = bytes.split_first_chunk::<ENCAPSULATED_LEN>() else {
            return Err(short_header(
                Layer::Encapsulation,
                ENCAPSULATED_LEN,
                bytes.len(),
            ));
        };
        let [a, b, c, d, e, f, g, h] = *fixed;
        Ok(Self {
            spi: u32::from_be_bytes([a, b, c, d]),
            sequence: u32::from_be_bytes([e, f, g, h]),
            sealed,
        })
    }

    /// Reads what there is of a payload: see [`Lenient`]. Nothing of it can be wrong.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        Self::parse(bytes).map(Lenient::whole)
    }
}
