//! A validated view of an IPv6 packet.

use core::net::Ipv6Addr;

use crate::checksum::PseudoHeader;
use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::extension::{ExtensionHeader, Ipv6Fragment, Walk};
use crate::header::{self, IPV6_HEADER_LEN};
use crate::{Dscp, Ecn, Lenient, Protocol};

/// An IPv6 packet whose lengths and extension headers were checked, trimmed to its payload length.
///
/// Hop-by-hop options, routing, destination options, fragment and authentication headers are
/// walked over to the upper layer, or to the bytes of a fragment that is not the first. Jumbograms
/// (RFC 2675) are not understood: their payload length of zero leaves no room for the option.
///
/// Source: RFC 8200 §3, §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6Packet<'a> {
    bytes: &'a [u8],
    header: &'a [u8; IPV6_HEADER_LEN],
    payload: &'a [u8],
    protocol: Protocol,
    fragment: Option<Ipv6Fragment>,
}

impl<'a> Ipv6Packet<'a> {
    /// Reads the packet at the start of `bytes`; what follows its payload length is left out.
    ///
    /// # Errors
    /// [`ParseError`] if the version is not 6, the payload length is more than there is, or an
    /// extension header is cut off.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<IPV6_HEADER_LEN>() else {
            return Err(short_header(Layer::Ipv6, IPV6_HEADER_LEN, bytes.len()));
        };
        if header[0] >> 4 != 6 {
            return Err(wrong_version(header[0] >> 4));
        }
        let total_len = header::v6_total_len(header, bytes.len())?;
        let bytes = bytes.get(..total_len).unwrap_or(bytes);
        let mut walk = Walk::new(header, bytes);
        walk.go_on()?;
        Ok(Self::behind(header, bytes, &walk))
    }

    /// Reads what there is of a packet: see [`Lenient`].
    ///
    /// The version is not looked at. Where an extension header is cut off it counts as the payload,
    /// of its own protocol. A payload length of 0 is taken at its word: of a jumbogram, or of a segment that
    /// was to be cut by a network card, the header alone is read.
    ///
    /// # Errors
    /// [`ParseError`] if the fixed header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let error = match Self::parse(bytes) {
            Ok(packet) => return Ok(Lenient::whole(packet)),
            Err(error) => error,
        };
        let Some(header) = bytes.first_chunk::<IPV6_HEADER_LEN>() else {
            return Err(error);
        };
        let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let bytes = bytes.get(..IPV6_HEADER_LEN + payload_len).unwrap_or(bytes);
        let mut walk = Walk::new(header, bytes);
        // Where a header is cut off, the walk stands before it.
        let _ = walk.go_on();
        Ok(Lenient::stopped(Self::behind(header, bytes, &walk), error))
    }

    /// Takes the payload from where `walk` ended.
    #[inline]
    fn behind(header: &'a [u8; IPV6_HEADER_LEN], bytes: &'a [u8], walk: &Walk<'a>) -> Self {
        Self {
            bytes,
            header,
            payload: bytes.get(walk.cut().offset..).unwrap_or_default(),
            protocol: walk.protocol(),
            fragment: walk.fragment(),
        }
    }

    /// Returns the whole packet.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the length of the header with all extension headers, in bytes.
    #[must_use]
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.bytes.len() - self.payload.len()
    }

    /// Returns what follows the extension headers.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the source address.
    #[must_use]
    #[inline]
    pub fn source(&self) -> Ipv6Addr {
        header::v6_source(self.header)
    }

    /// Returns the destination address in the header: the next hop while a routing header steers.
    #[must_use]
    #[inline]
    pub fn destination(&self) -> Ipv6Addr {
        header::v6_destination(self.header)
    }

    /// Returns the address where the packet ends its way.
    ///
    /// That is the last address of a routing header of type 0, 2, 3 or 4 with segments left, and
    /// otherwise the destination.
    #[must_use]
    #[inline]
    pub fn final_destination(&self) -> Ipv6Addr {
        if self.header_len() == IPV6_HEADER_LEN {
            return self.destination();
        }
        self.walk().final_destination(self.destination())
    }

    /// Returns the home address of a mobile node, which it has in an option of a destination options
    /// header while it is elsewhere; checksums cover it in place of the source.
    ///
    /// Source: RFC 6275 §6.3, §11.3.1.
    #[must_use]
    #[inline]
    pub fn home_address(&self) -> Option<Ipv6Addr> {
        if self.header_len() == IPV6_HEADER_LEN {
            return None;
        }
        self.walk().home_address()
    }

    /// Returns the next header field of the IPv6 header: an extension header or the upper layer.
    #[must_use]
    #[inline]
    pub const fn next_header(&self) -> Protocol {
        Protocol::new(self.header[6])
    }

    /// Returns the protocol of the payload, after all extension headers.
    #[must_use]
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Walks over the extension headers.
    #[inline]
    pub fn extension_headers(&self) -> impl Iterator<Item = ExtensionHeader<'a>> + use<'a> {
        self.walk()
    }

    /// Returns how many more hops the packet may take.
    #[must_use]
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        self.header[7]
    }

    /// Returns the differentiated services code point.
    #[must_use]
    #[inline]
    pub const fn dscp(&self) -> Dscp {
        Dscp::new(self.traffic_class() >> 2)
    }

    /// Returns the congestion notification bits.
    #[must_use]
    #[inline]
    pub const fn ecn(&self) -> Ecn {
        Ecn::from_traffic_class(self.header[1] >> 4)
    }

    /// Returns the traffic class octet: DSCP and ECN.
    #[must_use]
    #[inline]
    pub const fn traffic_class(&self) -> u8 {
        self.header[0] << 4 | self.header[1] >> 4
    }

    /// Returns the flow label: 20 bits.
    #[must_use]
    #[inline]
    pub const fn flow_label(&self) -> u32 {
        u32::from_be_bytes([0, self.header[1] & 0x0f, self.header[2], self.header[3]])
    }

    /// Returns the fragment header, if there is one.
    #[must_use]
    #[inline]
    pub const fn fragment(&self) -> Option<Ipv6Fragment> {
        self.fragment
    }

    /// Returns whether the payload is a part of a larger packet.
    ///
    /// An atomic fragment (RFC 6946) is whole and not counted.
    #[must_use]
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        match self.fragment {
            Some(fragment) => !fragment.is_atomic(),
            None => false,
        }
    }

    /// Returns what the checksums of TCP, UDP and ICMPv6 cover beside their own bytes.
    #[must_use]
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        let source = self.home_address().unwrap_or_else(|| self.source());
        PseudoHeader::v6(source, self.final_destination())
    }

    /// Starts over at the first extension header.
    #[inline]
    pub(crate) const fn walk(&self) -> Walk<'a> {
        Walk::new(self.header, self.bytes)
    }
}

#[cold]
fn wrong_version(found: u8) -> ParseError {
    ParseError::Invalid {
        layer: Layer::Ipv6,
        field: Field::Version,
        offset: 0,
        found: usize::from(found),
        expected: Expected::Exactly(6),
    }
}
