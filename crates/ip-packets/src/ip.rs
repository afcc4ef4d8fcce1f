//! A validated view of a packet of either version, and of what it carries.

use core::net::IpAddr;

use crate::checksum::PseudoHeader;
use crate::error::{Expected, Field, Layer, ParseError};
use crate::header::{self, IpVersion};
use crate::{
    AuthenticatedPacket, Dscp, Ecn, EncapsulatedPayload, GrePacket, Icmpv4Message, Icmpv6Message,
    IgmpMessage, Ipv4Packet, Ipv6Packet, Lenient, Protocol, SctpPacket, TcpSegment, UdpDatagram,
    UdpLiteDatagram,
};

/// An IP packet of either version.
///
/// ```
/// use wirecraft_ip_packets::{IpPacket, Transport, v4};
///
/// let bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(40_000, 443).syn().build();
/// let packet = IpPacket::parse(&bytes)?;
/// let Transport::Tcp(segment) = packet.transport()? else { panic!("not TCP") };
/// assert_eq!(segment.destination_port(), 443);
/// assert!(segment.checksum_is_valid(&packet.pseudo_header()));
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IpPacket<'a> {
    /// A packet of version 4.
    V4(Ipv4Packet<'a>),
    /// A packet of version 6.
    V6(Ipv6Packet<'a>),
}

/// What an IP packet carries.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(TcpSegment<'a>),
    /// A UDP datagram.
    Udp(UdpDatagram<'a>),
    /// An ICMP message for IPv4.
    Icmpv4(Icmpv4Message<'a>),
    /// An ICMPv6 message.
    Icmpv6(Icmpv6Message<'a>),
    /// A UDP-Lite datagram.
    UdpLite(UdpLiteDatagram<'a>),
    /// A payload behind an authentication header, which IPv6 has among its extension headers.
    Authenticated(AuthenticatedPacket<'a>),
    /// A payload under a key.
    Encapsulated(EncapsulatedPayload<'a>),
    /// An IGMP message.
    Igmp(IgmpMessage<'a>),
    /// A packet of any protocol inside of a GRE header.
    Gre(GrePacket<'a>),
    /// An SCTP packet.
    Sctp(SctpPacket<'a>),
    /// A part of a larger packet, to be put together first.
    Fragment(&'a [u8]),
    /// Another protocol, ICMP and IGMP under the wrong version included.
    Other(Protocol, &'a [u8]),
}

impl<'a> IpPacket<'a> {
    /// Reads the packet at the start of `bytes`; what follows its length is left out.
    ///
    /// # Errors
    /// As [`Ipv4Packet::parse`] and [`Ipv6Packet::parse`], and for a version that is neither.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match header::version(bytes)? {
            IpVersion::V4 => Ipv4Packet::parse(bytes).map(Self::V4),
            IpVersion::V6 => Ipv6Packet::parse(bytes).map(Self::V6),
        }
    }

    /// Reads what there is of a packet: see [`Lenient`].
    ///
    /// # Errors
    /// [`ParseError`] if the version is neither 4 nor 6 or the fixed header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        Ok(match header::version(bytes)? {
            IpVersion::V4 => Ipv4Packet::parse_lenient(bytes)?.map(Self::V4),
            IpVersion::V6 => Ipv6Packet::parse_lenient(bytes)?.map(Self::V6),
        })
    }

    /// Returns the version.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> IpVersion {
        match self {
            Self::V4(_) => IpVersion::V4,
            Self::V6(_) => IpVersion::V6,
        }
    }

    /// Returns the whole packet.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::V4(packet) => packet.as_bytes(),
            Self::V6(packet) => packet.as_bytes(),
        }
    }

    /// Returns the length of the header with its options or extension headers, in bytes.
    #[must_use]
    #[inline]
    pub const fn header_len(&self) -> usize {
        match self {
            Self::V4(packet) => packet.header_len(),
            Self::V6(packet) => packet.header_len(),
        }
    }

    /// Returns what follows the header with its options or extension headers.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        match self {
            Self::V4(packet) => packet.payload(),
            Self::V6(packet) => packet.payload(),
        }
    }

    /// Returns the source address.
    #[must_use]
    #[inline]
    pub fn source(&self) -> IpAddr {
        match self {
            Self::V4(packet) => IpAddr::V4(packet.source()),
            Self::V6(packet) => IpAddr::V6(packet.source()),
        }
    }

    /// Returns the destination address in the header.
    #[must_use]
    #[inline]
    pub fn destination(&self) -> IpAddr {
        match self {
            Self::V4(packet) => IpAddr::V4(packet.destination()),
            Self::V6(packet) => IpAddr::V6(packet.destination()),
        }
    }

    /// Returns the protocol of the payload.
    #[must_use]
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::V4(packet) => packet.protocol(),
            Self::V6(packet) => packet.protocol(),
        }
    }

    /// Returns how many more hops the packet may take: TTL or hop limit.
    #[must_use]
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        match self {
            Self::V4(packet) => packet.ttl(),
            Self::V6(packet) => packet.hop_limit(),
        }
    }

    /// Returns the differentiated services code point.
    #[must_use]
    #[inline]
    pub const fn dscp(&self) -> Dscp {
        match self {
            Self::V4(packet) => packet.dscp(),
            Self::V6(packet) => packet.dscp(),
        }
    }

    /// Returns the congestion notification bits.
    #[must_use]
    #[inline]
    pub const fn ecn(&self) -> Ecn {
        match self {
            Self::V4(packet) => packet.ecn(),
            Self::V6(packet) => packet.ecn(),
        }
    }

    /// Returns whether the payload is a part of a larger packet.
    #[must_use]
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        match self {
            Self::V4(packet) => packet.is_fragment(),
            Self::V6(packet) => packet.is_fragment(),
        }
    }

    /// Returns what the checksums of TCP, UDP and ICMPv6 cover beside their own bytes.
    #[must_use]
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        match self {
            Self::V4(packet) => packet.pseudo_header(),
            Self::V6(packet) => packet.pseudo_header(),
        }
    }

    /// Reads the upper layer.
    ///
    /// # Errors
    /// [`ParseError`] if the protocol is one that this crate reads and the payload is not of it.
    #[inline]
    pub fn transport(&self) -> Result<Transport<'a>, ParseError> {
        let payload = self.payload();
        if self.is_fragment() {
            return Ok(Transport::Fragment(payload));
        }
        match (self.protocol(), self.version()) {
            (Protocol::TCP, _) => TcpSegment::parse(payload).map(Transport::Tcp),
            (Protocol::UDP, _) => UdpDatagram::parse(payload).map(Transport::Udp),
            (Protocol::ICMPV4, IpVersion::V4) => {
                Icmpv4Message::parse(payload).map(Transport::Icmpv4)
            }
            (Protocol::ICMPV6, IpVersion::V6) => {
                Icmpv6Message::parse(payload).map(Transport::Icmpv6)
            }
            (Protocol::UDP_LITE, _) => UdpLiteDatagram::parse(payload).map(Transport::UdpLite),
            (Protocol::AH, IpVersion::V4) => {
                AuthenticatedPacket::parse(payload).map(Transport::Authenticated)
            }
            (Protocol::ESP, _) => EncapsulatedPayload::parse(payload).map(Transport::Encapsulated),
            (Protocol::IGMP, IpVersion::V4) => IgmpMessage::parse(payload).map(Transport::Igmp),
            (Protocol::GRE, _) => GrePacket::parse(payload).map(Transport::Gre),
            (Protocol::SCTP, _) => SctpPacket::parse(payload).map(Transport::Sctp),
            (protocol, _) => Ok(Transport::Other(protocol, payload)),
        }
    }

    /// Reads what there is of the upper layer: see [`Lenient`].
    ///
    /// A header that is cut off is [`Transport::Other`] of its protocol.
    #[must_use]
    pub fn transport_lenient(&self) -> Lenient<Transport<'a>> {
        let error = match self.transport() {
            Ok(transport) => return Lenient::whole(transport),
            Err(error) => error,
        };
        let (protocol, payload) = (self.protocol(), self.payload());
        let read = match error.layer() {
            Layer::Tcp => TcpSegment::parse_lenient(payload).map(|it| it.map(Transport::Tcp)),
            Layer::Udp => UdpDatagram::parse_lenient(payload).map(|it| it.map(Transport::Udp)),
            Layer::UdpLite => {
                UdpLiteDatagram::parse_lenient(payload).map(|it| it.map(Transport::UdpLite))
            }
            Layer::Authentication => AuthenticatedPacket::parse_lenient(payload)
                .map(|it| it.map(Transport::Authenticated)),
            Layer::IcmpExtension if self.version() == IpVersion::V4 => {
                Icmpv4Message::parse_lenient(payload).map(|it| it.map(Transport::Icmpv4))
            }
            Layer::Icmpv4 => {
                Icmpv4Message::parse_lenient(payload).map(|it| it.map(Transport::Icmpv4))
            }
            Layer::Icmpv6 | Layer::IcmpExtension => {
                Icmpv6Message::parse_lenient(payload).map(|it| it.map(Transport::Icmpv6))
            }
            Layer::Igmp => IgmpMessage::parse_lenient(payload).map(|it| it.map(Transport::Igmp)),
            Layer::Gre => GrePacket::parse_lenient(payload).map(|it| it.map(Transport::Gre)),
            Layer::Sctp => SctpPacket::parse_lenient(payload).map(|it| it.map(Transport::Sctp)),
            _ => Err(error),
        };
        read.unwrap_or_else(|error| Lenient::stopped(Transport::Other(protocol, payload), error))
    }

    /// Reads the payload as a TCP segment.
    ///
    /// # Errors
    /// [`ParseError`] if the packet is a fragment, of another protocol, or the segment is malformed.
    #[inline]
    pub fn tcp(&self) -> Result<TcpSegment<'a>, ParseError> {
        TcpSegment::parse(self.payload_of(Protocol::TCP)?)
    }

    /// Reads the payload as a UDP datagram.
    ///
    /// # Errors
    /// [`ParseError`] if the packet is a fragment, of another protocol, or the datagram is malformed.
    #[inline]
    pub fn udp(&self) -> Result<UdpDatagram<'a>, ParseError> {
        UdpDatagram::parse(self.payload_of(Protocol::UDP)?)
    }

    #[inline]
    fn payload_of(&self, protocol: Protocol) -> Result<&'a [u8], ParseError> {
        if self.is_fragment() || self.protocol() != protocol {
            return Err(self.not_whole(protocol));
        }
        Ok(self.payload())
    }

    #[cold]
    fn not_whole(&self, protocol: Protocol) -> ParseError {
        let (layer, protocol_at, fragment_at, fragment_mask) = match self {
            Self::V4(_) => (Layer::Ipv4, 9, 6, 0x3fff),
            Self::V6(packet) => {
                let fragment_at = packet
                    .walk()
                    .cut_before_fragment()
                    .map_or(0, |cut| cut.offset + 2);
                let mut walk = packet.walk();
                while walk.next().is_some() {}
                (Layer::Ipv6, walk.cut().next_header_at, fragment_at, 0xfff9)
            }
        };
        if self.protocol() != protocol {
            return ParseError::Invalid {
                layer,
                field: Field::Protocol,
                offset: protocol_at,
                found: usize::from(self.protocol().number()),
                expected: Expected::Exactly(usize::from(protocol.number())),
            };
        }
        let word = self
            .as_bytes()
            .get(fragment_at..)
            .and_then(<[u8]>::first_chunk::<2>);
        ParseError::Invalid {
            layer,
            field: Field::Fragment,
            offset: fragment_at,
            found: word.map_or(0, |word| {
                usize::from(u16::from_be_bytes(*word) & fragment_mask)
            }),
            expected: Expected::Exactly(0),
        }
    }
}

impl<'a> From<Ipv4Packet<'a>> for IpPacket<'a> {
    #[inline]
    fn from(packet: Ipv4Packet<'a>) -> Self {
        Self::V4(packet)
    }
}

impl<'a> From<Ipv6Packet<'a>> for IpPacket<'a> {
    #[inline]
    fn from(packet: Ipv6Packet<'a>) -> Self {
        Self::V6(packet)
    }
}
