//! A validated view of a TCP segment.

use crate::checksum::PseudoHeader;
use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::{Lenient, Protocol, TcpFlags, TcpOption, TcpOptions};

/// The length of a TCP header without options, in bytes.
pub const TCP_HEADER_LEN: usize = 20;

/// A TCP segment whose header length was checked.
///
/// Options are read as they are asked for: a malformed one concerns whoever asks.
///
/// Source: RFC 9293 §3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpSegment<'a> {
    bytes: &'a [u8],
    header: &'a [u8; TCP_HEADER_LEN],
    options: &'a [u8],
    payload: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// Reads the segment that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if the data offset is less than 20 bytes or more than `bytes`.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = bytes.split_first_chunk::<TCP_HEADER_LEN>() else {
            return Err(short_header(Layer::Tcp, TCP_HEADER_LEN, bytes.len()));
        };
        let header_len = usize::from(header[12] >> 4) * 4;
        let Some((options, payload)) = header_len
            .checked_sub(TCP_HEADER_LEN)
            .and_then(|options_len| rest.split_at_checked(options_len))
        else {
            return Err(wrong_header_len(header_len, bytes.len()));
        };
        Ok(Self {
            bytes,
            header,
            options,
            payload,
        })
    }

    /// Reads what there is of a segment: see [`Lenient`].
    ///
    /// # Errors
    /// [`ParseError`] if the fixed header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let error = match Self::parse(bytes) {
            Ok(segment) => return Ok(Lenient::whole(segment)),
            Err(error) => error,
        };
        let Some((header, rest)) = bytes.split_first_chunk::<TCP_HEADER_LEN>() else {
            return Err(error);
        };
        let header_len = usize::from(header[12] >> 4) * 4;
        let options_len = header_len.saturating_sub(TCP_HEADER_LEN).min(rest.len());
        let (options, payload) = rest.split_at(options_len);
        let segment = Self {
            bytes,
            header,
            options,
            payload,
        };
        Ok(Lenient::stopped(segment, error))
    }

    /// Returns the whole segment.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the source port.
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

    /// Returns the sequence number.
    #[must_use]
    #[inline]
    pub const fn seq(&self) -> u32 {
        u32::from_be_bytes([
            self.header[4],
            self.header[5],
            self.header[6],
            self.header[7],
        ])
    }

    /// Returns the acknowledgment number, which means something only under the ACK flag.
    #[must_use]
    #[inline]
    pub const fn ack(&self) -> u32 {
        u32::from_be_bytes([
            self.header[8],
            self.header[9],
            self.header[10],
            self.header[11],
        ])
    }

    /// Returns the length of the header with its options, in bytes.
    #[must_use]
    #[inline]
    pub const fn header_len(&self) -> usize {
        TCP_HEADER_LEN + self.options.len()
    }

    /// Returns the nine flags.
    #[must_use]
    #[inline]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags::from_bits(u16::from_be_bytes([self.header[12], self.header[13]]))
    }

    /// Returns the three bits that no standard uses.
    #[must_use]
    #[inline]
    pub const fn reserved(&self) -> u8 {
        self.header[12] >> 1 & 0b111
    }

    /// Returns the window, before scaling.
    #[must_use]
    #[inline]
    pub const fn window(&self) -> u16 {
        u16::from_be_bytes([self.header[14], self.header[15]])
    }

    /// Returns the checksum as it stands in the header.
    #[must_use]
    #[inline]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[16], self.header[17]])
    }

    /// Says whether the checksum is right.
    #[must_use]
    #[inline]
    pub fn checksum_is_valid(&self, pseudo_header: &PseudoHeader) -> bool {
        pseudo_header.verify(Protocol::TCP, self.bytes)
    }

    /// Returns the urgent pointer, which means something only under the URG flag.
    #[must_use]
    #[inline]
    pub const fn urgent_pointer(&self) -> u16 {
        u16::from_be_bytes([self.header[18], self.header[19]])
    }

    /// Reads the options one after the other.
    #[must_use]
    #[inline]
    pub const fn options(&self) -> TcpOptions<'a> {
        TcpOptions::new(self.options)
    }

    /// Returns the maximum segment size option, if a well-formed one is there.
    #[must_use]
    pub fn mss(&self) -> Option<u16> {
        self.options().flatten().find_map(|option| match option {
            TcpOption::Mss(mss) => Some(mss),
            _ => None,
        })
    }

    /// Returns the payload.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

#[cold]
fn wrong_header_len(found: usize, available: usize) -> ParseError {
    let (layer, field, offset) = (Layer::Tcp, Field::HeaderLen, 12);
    if found < TCP_HEADER_LEN {
        let expected = Expected::AtLeast(TCP_HEADER_LEN);
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
