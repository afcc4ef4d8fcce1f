//! The start of a packet that an ICMP error quotes, read as far as it goes.

use core::net::IpAddr;

use crate::error::{Layer, ParseError, short_header};
use crate::extension::Walk;
use crate::header::{
    self, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpVersion, v4_destination, v4_source, v6_destination,
    v6_source,
};
use crate::{Icmpv4Type, Icmpv6Type, Protocol};

/// A packet of which perhaps only the start is there.
///
/// Routers cut quotes, and change lengths, hop counts and checksums on the way: none of these is
/// checked. Only the fixed IP header must be there.
///
/// Source: RFC 792, RFC 1812 §4.3.2.3, RFC 4443 §2.4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuotedPacket<'a> {
    version: IpVersion,
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
    hop_limit: u8,
    total_len: usize,
    identification: Option<u32>,
    /// What is there of the upper layer; nothing for a fragment that is not the first.
    upper: &'a [u8],
}

/// The ports of a TCP segment, a UDP or UDP-Lite datagram or an SCTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Ports {
    /// The source port.
    pub source: u16,
    /// The destination port.
    pub destination: u16,
}

impl<'a> QuotedPacket<'a> {
    /// Reads what there is of a packet.
    ///
    /// # Errors
    /// [`ParseError`] if the version is neither 4 nor 6 or the fixed header is cut off.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match header::version(bytes)? {
            IpVersion::V4 => Self::parse_v4(bytes),
            IpVersion::V6 => Self::parse_v6(bytes),
        }
    }

    fn parse_v4(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<IPV4_HEADER_LEN>() else {
            return Err(short_header(Layer::Ipv4, IPV4_HEADER_LEN, bytes.len()));
        };
        let header_len = (usize::from(header[0] & 0x0f) * 4).max(IPV4_HEADER_LEN);
        let is_first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
        let upper = bytes.get(header_len..).filter(|_| is_first);
        Ok(Self {
            version: IpVersion::V4,
            source: IpAddr::V4(v4_source(header)),
            destination: IpAddr::V4(v4_destination(header)),
            protocol: Protocol::new(header[9]),
            hop_limit: header[8],
            total_len: u16::from_be_bytes([header[2], header[3]]).into(),
            identification: Some(u16::from_be_bytes([header[4], header[5]]).into()),
            upper: upper.unwrap_or_default(),
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = bytes.first_chunk::<IPV6_HEADER_LEN>() else {
            return Err(short_header(Layer::Ipv6, IPV6_HEADER_LEN, bytes.len()));
        };
        let mut walk = Walk::new(header, bytes);
        // Where a header is cut off, the walk stands before it.
        let is_cut = walk.go_on().is_err();
        let fragment = walk.fragment();
        let is_first = fragment.is_none_or(|fragment| fragment.offset == 0);
        let upper = bytes
            .get(walk.cut().offset..)
            .filter(|_| is_first && !is_cut);
        Ok(Self {
            version: IpVersion::V6,
            source: IpAddr::V6(v6_source(header)),
            destination: IpAddr::V6(v6_destination(header)),
            protocol: walk.protocol(),
            hop_limit: header[7],
            total_len: IPV6_HEADER_LEN + usize::from(u16::from_be_bytes([header[4], header[5]])),
            identification: fragment.map(|fragment| fragment.identification),
            upper: upper.unwrap_or_default(),
        })
    }

    /// Returns the version.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> IpVersion {
        self.version
    }

    /// Returns the source address: whoever the error is sent to.
    #[must_use]
    #[inline]
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// Returns the destination address.
    #[must_use]
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        self.destination
    }

    /// Returns the protocol, or the extension header at which the quote is cut off.
    #[must_use]
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns the TTL or hop limit, as whoever quotes it got it.
    #[must_use]
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Returns the length of the whole packet by its header, in bytes: more than is there of most.
    #[must_use]
    #[inline]
    pub const fn total_len(&self) -> usize {
        self.total_len
    }

    /// Returns the identification: 16 bits under IPv4, 32 under IPv6, where fragments alone have it.
    #[must_use]
    #[inline]
    pub const fn identification(&self) -> Option<u32> {
        self.identification
    }

    /// Returns what is there of the upper layer.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.upper
    }

    /// Returns the ports of TCP, UDP, UDP-Lite or SCTP.
    #[must_use]
    pub fn ports(&self) -> Option<Ports> {
        let [a, b, c, d] = *self.upper.first_chunk::<4>()?;
        let has_ports = matches!(
            self.protocol,
            Protocol::TCP | Protocol::UDP | Protocol::UDP_LITE | Protocol::SCTP
        );
        has_ports.then_some(Ports {
            source: u16::from_be_bytes([a, b]),
            destination: u16::from_be_bytes([c, d]),
        })
    }

    /// Returns the sequence number of TCP.
    #[must_use]
    pub fn tcp_seq(&self) -> Option<u32> {
        let (_, seq) = self.upper.first_chunk::<8>()?.split_last_chunk::<4>()?;
        (self.protocol == Protocol::TCP).then_some(u32::from_be_bytes(*seq))
    }

    /// Returns identifier and sequence number of an echo request.
    #[must_use]
    pub fn echo_request(&self) -> Option<EchoId> {
        let [kind, _, _, _, a, b, c, d] = *self.upper.first_chunk::<8>()?;
        let is_request = match self.protocol {
            Protocol::ICMPV4 => Icmpv4Type::new(kind) == Icmpv4Type::ECHO_REQUEST,
            Protocol::ICMPV6 => Icmpv6Type::new(kind) == Icmpv6Type::ECHO_REQUEST,
            _ => false,
        };
        is_request.then_some(EchoId {
            identifier: u16::from_be_bytes([a, b]),
            sequence: u16::from_be_bytes([c, d]),
        })
    }
}

/// What tells one echo request from another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EchoId {
    /// Tells the runs of a pinging program apart.
    pub identifier: u16,
    /// Tells the requests of one run apart.
    pub sequence: u16,
}
