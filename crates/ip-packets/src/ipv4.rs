//! A validated view of an IPv4 packet.

use core::net::Ipv4Addr;

use crate::checksum::{self, PseudoHeader};
use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::header::{self, IPV4_HEADER_LEN};
use crate::{Dscp, Ecn, Ipv4Options, Lenient, Protocol};

/// An IPv4 packet whose lengths were checked, trimmed to its total length.
///
/// The header checksum is not checked by parsing: ask [`checksum_is_valid`](Self::checksum_is_valid).
///
/// Source: RFC 791 §3.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Packet<'a> {
    bytes: &'a [u8],
    header: &'a [u8; IPV4_HEADER_LEN],
    options: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// Reads the packet at the start of `bytes`; what follows its total length is left out.
    ///
    /// # Errors
    /// [`ParseError`] if the version is not 4, the header length is less than 20 or more than the
    /// total length, or the total length is more than `bytes`.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<IPV4_HEADER_LEN>() else {
            return Err(short_header(Layer::Ipv4, IPV4_HEADER_LEN, bytes.len()));
        };
        if header[0] >> 4 != 4 {
            return Err(wrong_version(header[0] >> 4));
        }
        let total_len = header::v4_total_len(header, bytes.len())?;
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let bytes = bytes.get(..total_len).unwrap_or(bytes);
        let Some((options, payload)) = header_len
            .checked_sub(IPV4_HEADER_LEN)
            .and_then(|options_len| bytes[IPV4_HEADER_LEN..].split_at_checked(options_len))
        else {
            return Err(wrong_header_len(header_len, total_len));
        };
        Ok(Self {
            bytes,
            header,
            options,
            payload,
        })
    }

    /// Reads what there is of a packet: see [`Lenient`].
    ///
    /// The version is not looked at; a total length that cannot be is taken for all of `bytes`.
    ///
    /// # Errors
    /// [`ParseError`] if the fixed header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let error = match Self::parse(bytes) {
            Ok(packet) => return Ok(Lenient::whole(packet)),
            Err(error) => error,
        };
        let Some(header) = bytes.first_chunk::<IPV4_HEADER_LEN>() else {
            return Err(error);
        };
        let total_len = match usize::from(u16::from_be_bytes([header[2], header[3]])) {
            ..IPV4_HEADER_LEN => bytes.len(),
            total_len => total_len.min(bytes.len()),
        };
        let header_len = (usize::from(header[0] & 0x0f) * 4).clamp(IPV4_HEADER_LEN, total_len);
        let bytes = &bytes[..total_len];
        let (options, payload) = bytes[IPV4_HEADER_LEN..].split_at(header_len - IPV4_HEADER_LEN);
        let packet = Self {
            bytes,
            header,
            options,
            payload,
        };
        Ok(Lenient::stopped(packet, error))
    }

    /// Returns the whole packet.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the length of the header with its options, in bytes.
    #[must_use]
    #[inline]
    pub const fn header_len(&self) -> usize {
        IPV4_HEADER_LEN + self.options.len()
    }

    /// Reads the options one after the other.
    #[must_use]
    #[inline]
    pub const fn options(&self) -> Ipv4Options<'a> {
        Ipv4Options::new(self.options)
    }

    /// Returns what follows the header.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the source address.
    #[must_use]
    #[inline]
    pub fn source(&self) -> Ipv4Addr {
        header::v4_source(self.header)
    }

    /// Returns the destination address.
    #[must_use]
    #[inline]
    pub fn destination(&self) -> Ipv4Addr {
        header::v4_destination(self.header)
    }

    /// Returns the address where the packet ends its way: the last one of a source route that is not
    /// used up, which checksums cover, else [`destination`](Self::destination).
    ///
    /// Source: RFC 791 §3.1, p. 18; Linux, tcpdump and Wireshark compute checksums so.
    #[must_use]
    #[inline]
    pub fn final_destination(&self) -> Ipv4Addr {
        if self.options.is_empty() {
            return self.destination();
        }
        self.options().final_destination(self.destination())
    }

    /// Returns the protocol of the payload.
    #[must_use]
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        Protocol::new(self.header[9])
    }

    /// Returns how many more hops the packet may take.
    #[must_use]
    #[inline]
    pub const fn ttl(&self) -> u8 {
        self.header[8]
    }

    /// Returns the differentiated services code point.
    #[must_use]
    #[inline]
    pub const fn dscp(&self) -> Dscp {
        Dscp::new(self.header[1] >> 2)
    }

    /// Returns the congestion notification bits.
    #[must_use]
    #[inline]
    pub const fn ecn(&self) -> Ecn {
        Ecn::from_traffic_class(self.header[1])
    }

    /// Returns the identification that the fragments of a datagram share.
    #[must_use]
    #[inline]
    pub const fn identification(&self) -> u16 {
        u16::from_be_bytes([self.header[4], self.header[5]])
    }

    /// Returns whether the reserved flag is set.
    #[must_use]
    #[inline]
    pub const fn reserved_flag(&self) -> bool {
        self.header[6] & 0x80 != 0
    }

    /// Returns whether routers may not fragment the packet.
    #[must_use]
    #[inline]
    pub const fn dont_fragment(&self) -> bool {
        self.header[6] & 0x40 != 0
    }

    /// Returns whether fragments follow this one.
    #[must_use]
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.header[6] & 0x20 != 0
    }

    /// Returns where the payload stands in the whole datagram, in bytes.
    #[must_use]
    #[inline]
    pub fn fragment_offset(&self) -> usize {
        usize::from(u16::from_be_bytes([self.header[6], self.header[7]]) & 0x1fff) * 8
    }

    /// Returns whether the payload is a part of a larger datagram.
    #[must_use]
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        u16::from_be_bytes([self.header[6], self.header[7]]) & 0x3fff != 0
    }

    /// Returns the header checksum as it stands in the header.
    #[must_use]
    #[inline]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[10], self.header[11]])
    }

    /// Says whether the header checksum is right.
    #[must_use]
    #[inline]
    pub fn checksum_is_valid(&self) -> bool {
        let sum = checksum::Sum::new()
            .add_bytes(self.header)
            .add_bytes(self.options);
        sum.finish() == 0
    }

    /// Returns what the checksums of TCP and UDP cover beside their own bytes.
    #[must_use]
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::v4(self.source(), self.final_destination())
    }
}

#[cold]
fn wrong_version(found: u8) -> ParseError {
    ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::Version,
        offset: 0,
        found: usize::from(found),
        expected: Expected::Exactly(4),
    }
}

#[cold]
fn wrong_header_len(found: usize, total_len: usize) -> ParseError {
    let expected = if found < IPV4_HEADER_LEN {
        Expected::AtLeast(IPV4_HEADER_LEN)
    } else {
        Expected::AtMost(total_len)
    };
    ParseError::Invalid {
        layer: Layer::Ipv4,
        field: Field::HeaderLen,
        offset: 0,
        found,
        expected,
    }
}
