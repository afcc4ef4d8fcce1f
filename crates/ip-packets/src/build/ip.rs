//! The IP header of a packet in the making, and the ways on from it to the upper layer.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Ah, AhBuilder, Bare, BuildError, Esp, EspBuilder, Gre, GreBuilder, Icmp, IcmpBuilder,
    Icmpv4Body, Icmpv6Body, Igmp, IgmpBody, IgmpBuilder, Ipv4Builder, Ipv6Builder, PacketBuilder,
    Payload, Sctp, SctpBuilder, Tcp, TcpBuilder, Udp, UdpBuilder, UdpLite, UdpLiteBuilder, Upper,
};
use crate::checksum::PseudoHeader;
use crate::header::IpVersion;
use crate::{
    AuthenticationHeader, Dscp, Ecn, Icmpv4Kind, Icmpv4ParameterCode, Icmpv4RedirectCode,
    Icmpv4Type, Icmpv4Unreachable, Icmpv6Kind, Icmpv6ParameterCode, Icmpv6Type, Icmpv6Unreachable,
    IgmpKind, Protocol,
};

pub(super) const DEFAULT_HOP_LIMIT: u8 = 64;

/// The greatest value of a 16-bit length field.
pub(super) const MAX_LEN: usize = 65_535;

/// The length up to which an ICMP error quotes, in bytes of the whole packet. RFC 1812 §4.3.2.3.
pub(super) const ICMPV4_ERROR_LEN: usize = 576;
/// The same for ICMPv6: the minimum MTU. RFC 4443 §2.4 (c).
pub(super) const ICMPV6_ERROR_LEN: usize = 1280;
const ICMP_HEADER_LEN: usize = 8;

/// Starts an IPv4 packet.
///
/// It has a TTL of 64 and may not be fragmented until
/// [`dont_fragment(false)`](Ipv4Builder::dont_fragment) says so: a builder cannot know an
/// identification that is unique (RFC 6864 §4).
///
/// ```
/// use wirecraft_ip_packets::v4;
///
/// let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
/// let packet = v4(source, destination).ttl(3).tcp(40_000, 443).seq(7).syn().mss(1380);
/// let mut buf = [0; 64];
/// assert_eq!(packet.write(&mut buf)?, 44);
///
/// let broken = packet.checksum(0xdead).payload(b"nobody reads this");
/// assert_eq!(broken.write(&mut buf)?, 61);
/// # Ok::<(), wirecraft_ip_packets::BuildError>(())
/// ```
#[inline]
pub const fn v4<'a>(source: Ipv4Addr, destination: Ipv4Addr) -> Ipv4Builder<'a> {
    Ipv4Builder::new(source, destination)
}

/// Starts an IPv6 packet, with a hop limit of 64.
#[inline]
pub const fn v6<'a>(source: Ipv6Addr, destination: Ipv6Addr) -> Ipv6Builder<'a> {
    Ipv6Builder::new(source, destination)
}

/// Starts a packet of the version that both addresses have.
///
/// # Errors
/// [`BuildError::MixedVersions`] if they have different ones.
#[inline]
pub const fn ip<'a>(source: IpAddr, destination: IpAddr) -> Result<IpBuilder<'a>, BuildError> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Ok(IpBuilder::V4(v4(source, destination))),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Ok(IpBuilder::V6(v6(source, destination))),
        _ => Err(BuildError::MixedVersions),
    }
}

/// The IP header of a packet in the making, of either version.
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder does nothing until it is written"]
pub enum IpBuilder<'a> {
    /// Version 4.
    V4(Ipv4Builder<'a>),
    /// Version 6.
    V6(Ipv6Builder<'a>),
}

impl<'a> IpBuilder<'a> {
    /// Sets the TTL or hop limit.
    #[inline]
    pub const fn hop_limit(self, hops: u8) -> Self {
        match self {
            Self::V4(builder) => Self::V4(builder.ttl(hops)),
            Self::V6(builder) => Self::V6(builder.hop_limit(hops)),
        }
    }

    /// Sets the differentiated services code point; the low six bits count.
    #[inline]
    pub const fn dscp(self, dscp: Dscp) -> Self {
        match self {
            Self::V4(builder) => Self::V4(builder.dscp(dscp)),
            Self::V6(builder) => Self::V6(builder.dscp(dscp)),
        }
    }

    /// Sets the congestion notification bits.
    #[inline]
    pub const fn ecn(self, ecn: Ecn) -> Self {
        match self {
            Self::V4(builder) => Self::V4(builder.ecn(ecn)),
            Self::V6(builder) => Self::V6(builder.ecn(ecn)),
        }
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

    #[inline(always)]
    pub(super) fn header_len(&self) -> usize {
        match self {
            Self::V4(builder) => builder.own_len(),
            Self::V6(builder) => builder.own_len(),
        }
    }

    /// Returns what checksums cover, for the `header` as it was written.
    #[inline(always)]
    pub(super) fn pseudo_header(&self, header: &[u8]) -> PseudoHeader {
        match self {
            Self::V4(builder) => builder.pseudo_header(header),
            Self::V6(builder) => builder.pseudo_header(header),
        }
    }

    #[inline(always)]
    pub(super) fn check(&self, segment_len: usize) -> Result<(), BuildError> {
        match self {
            Self::V4(builder) => builder.check(segment_len),
            Self::V6(builder) => builder.check(segment_len),
        }
    }

    /// Writes the header to a buffer of exactly its length.
    #[inline(always)]
    pub(super) fn write(&self, header: &mut [u8], segment_len: usize, protocol: Protocol) {
        match self {
            Self::V4(builder) => builder.write(header, segment_len, protocol),
            Self::V6(builder) => builder.write(header, segment_len, protocol),
        }
    }

    /// Starts an ICMP message, whose type has another number under either version.
    #[inline]
    fn message(self, v4: Icmpv4Type, v6: Icmpv6Type, code: u8, word: [u8; 4]) -> IcmpBuilder<'a> {
        let number = match self {
            Self::V4(_) => v4.number(),
            Self::V6(_) => v6.number(),
        };
        PacketBuilder::new(self, Icmp::new(number, code, word))
    }

    #[inline]
    fn echo(self, v4: Icmpv4Type, v6: Icmpv6Type, id: u16, sequence: u16) -> IcmpBuilder<'a> {
        let ([a, b], [c, d]) = (id.to_be_bytes(), sequence.to_be_bytes());
        self.message(v4, v6, 0, [a, b, c, d])
    }

    fn unreachable(self, code: u8, word: [u8; 4], quoted: &'a [u8]) -> IcmpBuilder<'a> {
        let (v4, v6) = (
            Icmpv4Type::DESTINATION_UNREACHABLE,
            Icmpv6Type::DESTINATION_UNREACHABLE,
        );
        self.message(v4, v6, code, word)
            .payload(self.quotable(quoted))
    }

    /// Cuts a packet to what an ICMP error may quote of it.
    fn quotable(&self, packet: &'a [u8]) -> &'a [u8] {
        let error_len = match self {
            Self::V4(_) => ICMPV4_ERROR_LEN,
            Self::V6(_) => ICMPV6_ERROR_LEN,
        };
        let max = error_len.saturating_sub(self.header_len() + ICMP_HEADER_LEN);
        packet.get(..max).unwrap_or(packet)
    }
}

impl<'a> From<Ipv4Builder<'a>> for IpBuilder<'a> {
    #[inline]
    fn from(builder: Ipv4Builder<'a>) -> Self {
        Self::V4(builder)
    }
}

impl<'a> From<Ipv6Builder<'a>> for IpBuilder<'a> {
    #[inline]
    fn from(builder: Ipv6Builder<'a>) -> Self {
        Self::V6(builder)
    }
}

/// Gives a builder of an IP header the ways on to the upper layer.
macro_rules! upper_layers {
    ($builder:ident) => {
        impl<'a> $builder<'a> {
            /// Goes on with a TCP segment: no flags, a window of 65535.
            #[inline]
            pub fn tcp(self, source_port: u16, destination_port: u16) -> TcpBuilder<'a> {
                self.upper(Tcp::new(source_port, destination_port))
            }

            /// Goes on with a UDP datagram.
            #[inline]
            pub fn udp(self, source_port: u16, destination_port: u16) -> UdpBuilder<'a> {
                self.upper(Udp::new(source_port, destination_port))
            }

            /// Goes on with a UDP-Lite datagram, whose checksum covers all of it at first.
            pub fn udp_lite(self, source_port: u16, destination_port: u16) -> UdpLiteBuilder<'a> {
                self.upper(UdpLite::new(source_port, destination_port))
            }

            /// Goes on with a payload that is under a key.
            #[inline]
            pub fn esp(self, spi: u32, sequence: u32) -> EspBuilder<'a> {
                self.upper(Esp { spi, sequence })
            }

            /// Goes on with an authentication header, before what
            /// [`next_header`](AhBuilder::next_header) says.
            ///
            /// Under IPv6 it is one of the [`extensions`](Ipv6Builder::extensions) as well.
            pub fn ah(self, header: AuthenticationHeader<'a>) -> AhBuilder<'a> {
                self.upper(Ah::new(header))
            }

            /// Goes on with an echo request.
            #[inline]
            pub fn icmp_echo_request(self, identifier: u16, sequence: u16) -> IcmpBuilder<'a> {
                let (v4, v6) = (Icmpv4Type::ECHO_REQUEST, Icmpv6Type::ECHO_REQUEST);
                IpBuilder::from(self).echo(v4, v6, identifier, sequence)
            }

            /// Goes on with an echo reply.
            #[inline]
            pub fn icmp_echo_reply(self, identifier: u16, sequence: u16) -> IcmpBuilder<'a> {
                let (v4, v6) = (Icmpv4Type::ECHO_REPLY, Icmpv6Type::ECHO_REPLY);
                IpBuilder::from(self).echo(v4, v6, identifier, sequence)
            }

            /// Goes on with the error that nobody listens at the port of the packet `quoted`.
            ///
            /// As in all errors, of a long packet only the start is quoted: the error is at most
            /// 576 bytes under IPv4 and 1280 under IPv6.
            pub fn icmp_port_unreachable(self, quoted: &'a [u8]) -> IcmpBuilder<'a> {
                let builder = IpBuilder::from(self);
                let code = match builder {
                    IpBuilder::V4(_) => Icmpv4Unreachable::PORT.number(),
                    IpBuilder::V6(_) => Icmpv6Unreachable::PORT.number(),
                };
                builder.unreachable(code, [0; 4], quoted)
            }

            /// Goes on with the error that the packet `quoted` ran out of hops.
            pub fn icmp_time_exceeded(self, quoted: &'a [u8]) -> IcmpBuilder<'a> {
                let builder = IpBuilder::from(self);
                let (v4, v6) = (Icmpv4Type::TIME_EXCEEDED, Icmpv6Type::TIME_EXCEEDED);
                builder
                    .message(v4, v6, 0, [0; 4])
                    .payload(builder.quotable(quoted))
            }

            /// Goes on with the error that the packet `quoted` does not fit the next hop, whose
            /// MTU is `mtu` bytes.
            ///
            /// Under IPv4 this is "fragmentation needed", which cannot say more than 65535.
            ///
            /// Source: RFC 1191 §4, RFC 4443 §3.2.
            pub fn icmp_packet_too_big(self, mtu: u32, quoted: &'a [u8]) -> IcmpBuilder<'a> {
                let builder = IpBuilder::from(self);
                if let IpBuilder::V4(_) = builder {
                    let [high, low] = u16::try_from(mtu).unwrap_or(u16::MAX).to_be_bytes();
                    let code = Icmpv4Unreachable::FRAGMENTATION_NEEDED.number();
                    return builder.unreachable(code, [0, 0, high, low], quoted);
                }
                let kind = Icmpv6Type::PACKET_TOO_BIG.number();
                let quoted = builder.quotable(quoted);
                builder
                    .upper(Icmp::new(kind, 0, mtu.to_be_bytes()))
                    .payload(quoted)
            }

            /// Goes on with any ICMP message: what follows the checksum comes from
            /// [`word`](IcmpBuilder::word) and [`payload`](IcmpBuilder::payload).
            #[inline]
            pub fn icmp(self, message_type: u8, code: u8) -> IcmpBuilder<'a> {
                self.upper(Icmp::new(message_type, code, [0; 4]))
            }

            /// Goes on with any IGMP message that parsing can tell.
            ///
            /// Routers want a TTL of 1 and the router alert option.
            pub fn igmp(self, message: IgmpKind<'a>) -> IgmpBuilder<'a, IgmpBody<'a>> {
                self.upper(Igmp::new(&message)).nest(IgmpBody(message))
            }

            /// Goes on with a GRE header, of which nothing is there that need not be.
            ///
            /// It says IPv4 or IPv6 if such a packet is [nested](PacketBuilder::nest), and IPv4
            /// for bytes where [`protocol`](GreBuilder::protocol) does not say otherwise.
            ///
            /// ```
            /// use wirecraft_ip_packets::{v4, v6};
            ///
            /// let inner = v6([1; 16].into(), [2; 16].into()).udp(1000, 53);
            /// let outer = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).gre().key(7).nest(inner);
            /// assert_eq!(outer.len(), 20 + 8 + 48);
            /// ```
            ///
            /// Source: RFC 2784, RFC 2890.
            #[inline]
            pub fn gre(self) -> GreBuilder<'a> {
                self.upper(Gre::new())
            }

            /// Goes on with an SCTP packet without chunks, its verification tag 0.
            ///
            /// Source: RFC 9260 §3.
            #[inline]
            pub fn sctp(self, source_port: u16, destination_port: u16) -> SctpBuilder<'a> {
                self.upper(Sctp::new(source_port, destination_port))
            }

            /// Goes on with a payload that stands on IP by itself.
            #[inline]
            pub fn bare(self, protocol: Protocol) -> PacketBuilder<'a, Bare> {
                self.upper(Bare(protocol))
            }

            /// Goes on with a whole packet: IP in IP, or whatever says under which protocol number
            /// it is carried. Bytes say none: they come out as
            /// [no next header](Protocol::NO_NEXT_HEADER).
            ///
            /// Source: RFC 2003, RFC 2473.
            #[inline]
            pub fn encapsulate<P: Payload>(self, packet: P) -> PacketBuilder<'a, Bare, P> {
                let protocol = packet.protocol().unwrap_or(Protocol::NO_NEXT_HEADER);
                self.bare(protocol).nest(packet)
            }

            /// Goes on with the header of any protocol.
            #[inline]
            pub fn upper<U: Upper>(self, upper: U) -> PacketBuilder<'a, U> {
                PacketBuilder::new(self.into(), upper)
            }
        }
    };
}

upper_layers!(Ipv4Builder);
upper_layers!(Ipv6Builder);
upper_layers!(IpBuilder);

impl<'a> Ipv4Builder<'a> {
    /// Goes on with any ICMP message that parsing can tell, exactly as it says: a quote is not cut.
    ///
    /// ```
    /// use wirecraft_ip_packets::{Icmpv4Kind, Timestamps, v4};
    ///
    /// let times = Timestamps { identifier: 7, originate: 3_600_000, ..Timestamps::default() };
    /// let message = Icmpv4Kind::TimestampRequest(times);
    /// let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).icmpv4(message).build();
    /// assert_eq!(packet.len(), 20 + 20);
    /// ```
    pub fn icmpv4(self, message: Icmpv4Kind<'a>) -> IcmpBuilder<'a, Icmpv4Body<'a>> {
        let (message_type, code) = (message.message_type().number(), message.code());
        let header = Icmp::new(message_type, code, message.word());
        self.upper(header.with_word_check(message.check_word()))
            .nest(Icmpv4Body(message))
    }

    /// Goes on with the error that a field of the packet `quoted` is wrong, `pointer` bytes from
    /// its start.
    pub fn icmp_parameter_problem(
        self,
        code: Icmpv4ParameterCode,
        pointer: u8,
        quoted: &'a [u8],
    ) -> IcmpBuilder<'a> {
        let quoted = IpBuilder::from(self).quotable(quoted);
        self.icmp(Icmpv4Type::PARAMETER_PROBLEM.number(), code.number())
            .word([pointer, 0, 0, 0])
            .payload(quoted)
    }

    /// Goes on with the advice that what the packet `quoted` is an example of goes better by way
    /// of `gateway`.
    pub fn icmp_redirect(
        self,
        code: Icmpv4RedirectCode,
        gateway: Ipv4Addr,
        quoted: &'a [u8],
    ) -> IcmpBuilder<'a> {
        let quoted = IpBuilder::from(self).quotable(quoted);
        self.icmp(Icmpv4Type::REDIRECT.number(), code.number())
            .word(gateway.octets())
            .payload(quoted)
    }

    /// Goes on with the error that the packet `quoted` did not reach its destination.
    pub fn icmp_unreachable(self, code: Icmpv4Unreachable, quoted: &'a [u8]) -> IcmpBuilder<'a> {
        IpBuilder::from(self).unreachable(code.number(), [0; 4], quoted)
    }
}

impl<'a> Ipv6Builder<'a> {
    /// Goes on with any ICMPv6 message that parsing can tell, exactly as it says: a quote is not
    /// cut.
    ///
    /// Neighbor discovery wants a hop limit of 255, multicast listener discovery one of 1.
    ///
    /// ```
    /// use wirecraft_ip_packets::{Icmpv6Kind, NdpOption, NeighborSolicitation, Sequence, v6};
    ///
    /// let options = [NdpOption::SourceLinkLayer(&[2, 0, 0, 0, 0, 1])];
    /// let question = NeighborSolicitation {
    ///     target: "fe80::2".parse()?,
    ///     options: Sequence::new(&options),
    /// };
    /// let packet = v6("fe80::1".parse()?, "ff02::1:ff00:2".parse()?)
    ///     .hop_limit(255)
    ///     .icmpv6(Icmpv6Kind::NeighborSolicitation(question))
    ///     .build();
    /// assert_eq!(packet.len(), 40 + 24 + 8);
    /// # Ok::<(), core::net::AddrParseError>(())
    /// ```
    pub fn icmpv6(self, message: Icmpv6Kind<'a>) -> IcmpBuilder<'a, Icmpv6Body<'a>> {
        let (message_type, code) = (message.message_type().number(), message.code());
        let header = Icmp::new(message_type, code, [0; 4]).with_word(message.word());
        self.upper(header.with_word_check(message.check_word()))
            .nest(Icmpv6Body(message))
    }

    /// Goes on with the error that a field of the packet `quoted` was not understood, `pointer`
    /// bytes from its start.
    pub fn icmp_parameter_problem(
        self,
        code: Icmpv6ParameterCode,
        pointer: u32,
        quoted: &'a [u8],
    ) -> IcmpBuilder<'a> {
        let quoted = IpBuilder::from(self).quotable(quoted);
        self.icmp(Icmpv6Type::PARAMETER_PROBLEM.number(), code.number())
            .word(pointer.to_be_bytes())
            .payload(quoted)
    }

    /// Goes on with the error that the packet `quoted` did not reach its destination.
    pub fn icmp_unreachable(self, code: Icmpv6Unreachable, quoted: &'a [u8]) -> IcmpBuilder<'a> {
        IpBuilder::from(self).unreachable(code.number(), [0; 4], quoted)
    }
}
