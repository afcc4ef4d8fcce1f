//! The few facts of an IP header that routing one packet needs, read in one go.
//!
//! This is what a tunnel does for every packet it opens or seals: it does not look at header
//! lengths, options or extension headers, which concern only whoever takes the packet in.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Expected, Field, Layer, ParseError, short_header};
use crate::traffic_class::with_ecn;
use crate::{Ecn, checksum};

/// The length of an IPv4 header without options, in bytes.
pub const IPV4_HEADER_LEN: usize = 20;
/// The length of an IPv6 header without extension headers, in bytes.
pub const IPV6_HEADER_LEN: usize = 40;

/// A version of the Internet protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum IpVersion {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

/// What routing needs to know of a packet.
///
/// ```
/// use wirecraft_ip_packets::Header;
///
/// let packet = wirecraft_ip_packets::v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
///     .udp(1000, 53)
///     .payload(b"query")
///     .build();
/// let header = Header::read(&packet)?;
/// assert_eq!(header.total_len, packet.len());
/// assert_eq!(header.destination.to_string(), "10.0.0.2");
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The version.
    pub version: IpVersion,
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The length of the packet by its own account, in bytes; never more than was there.
    pub total_len: usize,
    /// The congestion notification bits.
    pub ecn: Ecn,
}

impl Header {
    /// Reads the header at the start of `packet`, which may be followed by padding.
    ///
    /// # Errors
    /// [`ParseError`] if the version is neither 4 nor 6, the fixed header is not all there, an IPv4
    /// total length is less than 20, or the packet says that it is longer than `packet`.
    // Addresses that are handed over in memory are read back in other pieces than they were written in,
    // for which a processor waits.
    #[inline(always)]
    pub fn read(packet: &[u8]) -> Result<Self, ParseError> {
        match Fixed::read(packet)? {
            Fixed::V4(header) => Ok(Self {
                version: IpVersion::V4,
                source: IpAddr::V4(v4_source(header)),
                destination: IpAddr::V4(v4_destination(header)),
                total_len: v4_total_len(header, packet.len())?,
                ecn: Ecn::from_traffic_class(header[1]),
            }),
            Fixed::V6(header) => Ok(Self {
                version: IpVersion::V6,
                source: IpAddr::V6(v6_source(header)),
                destination: IpAddr::V6(v6_destination(header)),
                total_len: v6_total_len(header, packet.len())?,
                ecn: Ecn::from_traffic_class(header[1] >> 4),
            }),
        }
    }
}

/// Returns the length of the packet at the start of `packet` by its own account, in bytes.
///
/// # Errors
/// As [`Header::read`].
#[inline]
pub fn packet_len(packet: &[u8]) -> Result<usize, ParseError> {
    match Fixed::read(packet)? {
        Fixed::V4(header) => v4_total_len(header, packet.len()),
        Fixed::V6(header) => v6_total_len(header, packet.len()),
    }
}

/// Returns the source address without looking at any length field.
///
/// # Errors
/// [`ParseError`] if the version is neither 4 nor 6 or the fixed header is not all there.
#[inline]
pub fn source_address(packet: &[u8]) -> Result<IpAddr, ParseError> {
    Fixed::read(packet).map(|header| match header {
        Fixed::V4(header) => IpAddr::V4(v4_source(header)),
        Fixed::V6(header) => IpAddr::V6(v6_source(header)),
    })
}

/// Returns the destination address without looking at any length field.
///
/// # Errors
/// As [`source_address`].
#[inline]
pub fn destination_address(packet: &[u8]) -> Result<IpAddr, ParseError> {
    Fixed::read(packet).map(|header| match header {
        Fixed::V4(header) => IpAddr::V4(v4_destination(header)),
        Fixed::V6(header) => IpAddr::V6(v6_destination(header)),
    })
}

/// Returns the congestion notification bits without looking at any length field.
///
/// # Errors
/// As [`source_address`].
#[inline]
pub fn ecn(packet: &[u8]) -> Result<Ecn, ParseError> {
    Fixed::read(packet).map(|header| match header {
        Fixed::V4(header) => Ecn::from_traffic_class(header[1]),
        Fixed::V6(header) => Ecn::from_traffic_class(header[1] >> 4),
    })
}

/// Sets the congestion notification bits in place and keeps the checksum of IPv4 right.
///
/// # Errors
/// As [`source_address`]; `packet` is then as it was.
///
/// Source: RFC 3168 §5, RFC 1624.
#[inline]
pub fn set_ecn(packet: &mut [u8], ecn: Ecn) -> Result<(), ParseError> {
    match Fixed::read(packet)? {
        Fixed::V4(_) => {
            if let Some(header) = packet.first_chunk_mut::<IPV4_HEADER_LEN>() {
                set_v4_traffic_class(header, with_ecn(header[1], ecn));
            }
        }
        Fixed::V6(header) => packet[1] = with_ecn(header[1] >> 4, ecn) << 4 | header[1] & 0x0f,
    }
    Ok(())
}

/// Sets the type of service octet of IPv4 and updates the header checksum.
#[inline]
pub(crate) fn set_v4_traffic_class(header: &mut [u8; IPV4_HEADER_LEN], octet: u8) {
    let old = u16::from_be_bytes([header[0], header[1]]);
    let new = u16::from_be_bytes([header[0], octet]);
    let sum = u16::from_be_bytes([header[10], header[11]]);
    header[1] = octet;
    [header[10], header[11]] = checksum::update(sum, old, new).to_be_bytes();
}

/// The fixed header of either version.
enum Fixed<'a> {
    V4(&'a [u8; IPV4_HEADER_LEN]),
    V6(&'a [u8; IPV6_HEADER_LEN]),
}

impl<'a> Fixed<'a> {
    #[inline]
    fn read(packet: &'a [u8]) -> Result<Self, ParseError> {
        match version(packet)? {
            IpVersion::V4 => match packet.first_chunk() {
                Some(header) => Ok(Self::V4(header)),
                None => Err(short_header(Layer::Ipv4, IPV4_HEADER_LEN, packet.len())),
            },
            IpVersion::V6 => match packet.first_chunk() {
                Some(header) => Ok(Self::V6(header)),
                None => Err(short_header(Layer::Ipv6, IPV6_HEADER_LEN, packet.len())),
            },
        }
    }
}

/// Reads the version nibble.
#[inline]
pub(crate) fn version(packet: &[u8]) -> Result<IpVersion, ParseError> {
    match packet.first().map(|octet| octet >> 4) {
        Some(4) => Ok(IpVersion::V4),
        Some(6) => Ok(IpVersion::V6),
        found => Err(no_version(found)),
    }
}

#[cold]
fn no_version(found: Option<u8>) -> ParseError {
    let (layer, field) = (Layer::Ip, Field::Version);
    match found {
        None => ParseError::Truncated {
            layer,
            field,
            offset: 0,
            needed: 1,
            available: 0,
        },
        Some(found) => ParseError::Invalid {
            layer,
            field,
            offset: 0,
            found: usize::from(found),
            expected: Expected::Either(4, 6),
        },
    }
}

/// Reads the total length of IPv4: at least a header, at most what is there.
#[inline]
pub(crate) fn v4_total_len(
    header: &[u8; IPV4_HEADER_LEN],
    available: usize,
) -> Result<usize, ParseError> {
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if total_len < IPV4_HEADER_LEN {
        return Err(ParseError::Invalid {
            layer: Layer::Ipv4,
            field: Field::TotalLen,
            offset: 2,
            found: total_len,
            expected: Expected::AtLeast(IPV4_HEADER_LEN),
        });
    }
    if total_len > available {
        return Err(ParseError::Truncated {
            layer: Layer::Ipv4,
            field: Field::TotalLen,
            offset: 2,
            needed: total_len,
            available,
        });
    }
    Ok(total_len)
}

/// Reads the payload length of IPv6 and adds the header to it: at most what is there.
#[inline]
pub(crate) fn v6_total_len(
    header: &[u8; IPV6_HEADER_LEN],
    available: usize,
) -> Result<usize, ParseError> {
    let payload_len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let total_len = IPV6_HEADER_LEN + payload_len;
    if total_len > available {
        return Err(ParseError::Truncated {
            layer: Layer::Ipv6,
            field: Field::PayloadLen,
            offset: 4,
            needed: total_len,
            available,
        });
    }
    Ok(total_len)
}

#[inline]
pub(crate) fn v4_source(header: &[u8; IPV4_HEADER_LEN]) -> Ipv4Addr {
    Ipv4Addr::new(header[12], header[13], header[14], header[15])
}

#[inline]
pub(crate) fn v4_destination(header: &[u8; IPV4_HEADER_LEN]) -> Ipv4Addr {
    Ipv4Addr::new(header[16], header[17], header[18], header[19])
}

#[inline]
pub(crate) fn v6_source(header: &[u8; IPV6_HEADER_LEN]) -> Ipv6Addr {
    v6_address(header, 8)
}

#[inline]
pub(crate) fn v6_destination(header: &[u8; IPV6_HEADER_LEN]) -> Ipv6Addr {
    v6_address(header, 24)
}

#[inline]
fn v6_address(header: &[u8; IPV6_HEADER_LEN], at: usize) -> Ipv6Addr {
    Ipv6Addr::from(core::array::from_fn::<u8, 16, _>(|i| header[at + i]))
}
