//! Changes to a packet in place, every checksum kept right by its difference.

mod upper;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::checksum::Sum;
use crate::error::ParseError;
use crate::extension::Walk;
use crate::header::{self, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpVersion};
use crate::traffic_class::{with_dscp, with_ecn};
use crate::{
    Dscp, Ecn, Icmpv4Message, IpPacket, Ipv4Options, Protocol, SctpPacket, TcpFlags, TcpSegment,
    Transport, UdpDatagram, UdpLiteDatagram,
};

/// A packet to be changed in place.
///
/// Checksums are updated by the difference a change makes (RFC 1624): a wrong one stays wrong by
/// as much, a UDP datagram without one stays without. Behind an authentication header the upper
/// layer is changed as it is without; what the header vouches for is no longer so.
///
/// Only the IP header can be changed, and only its checksum is kept right,
/// - in a fragment other than the first, and in a first one whose transport header is cut off, or
///   stands behind an authentication header of IPv4;
/// - under a protocol other than TCP, UDP, UDP-Lite, ICMP and SCTP, and under ICMP of the other
///   version;
/// - where [`IpPacket::transport`] has an error: the upper layer is malformed.
///
/// Of UDP and SCTP the ports can be changed, no payload and no chunk. A SCTP packet must be whole.
///
/// ```
/// use wirecraft_ip_packets::{IpPacket, IpPacketMut, v4};
///
/// let mut bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1000, 53).build();
/// let mut packet = IpPacketMut::parse(&mut bytes)?;
/// packet.set_hop_limit(3);
/// packet.set_destination("10.0.0.9:5353".parse()?)?;
///
/// let packet = IpPacket::parse(&bytes)?;
/// assert!(packet.udp()?.checksum_is_valid(&packet.pseudo_header()));
/// assert_eq!(packet.udp()?.destination_port(), 5353);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IpPacketMut<'a> {
    bytes: &'a mut [u8],
    version: IpVersion,
    /// What `upper` is of, or would be.
    protocol: Protocol,
    upper: Upper,
}

/// Where the upper layer stands, and how much of it is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Upper {
    offset: usize,
    kind: UpperKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum UpperKind {
    Tcp,
    Udp,
    UdpLite,
    /// Its checksum covers no address.
    Icmpv4,
    Icmpv6,
    /// Its checksum covers no address, and is no sum.
    Sctp,
    Opaque,
}

/// Why a change cannot be made.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RewriteError {
    /// The address is not of the version of the packet.
    #[error("{address} is not an address of the packet's IP version")]
    WrongVersion {
        /// The address.
        address: IpAddr,
    },
    /// The packet has no such field to change: its protocol has none, or the field is not there for
    /// the packet is a fragment or malformed.
    #[error("no {field} to change in a packet of protocol {protocol}")]
    NoSuchField {
        /// The protocol of the packet.
        protocol: Protocol,
        /// The field, in words.
        field: &'static str,
    },
}

impl<'a> IpPacketMut<'a> {
    /// Checks `bytes` as [`IpPacket::parse`] does.
    ///
    /// # Errors
    /// As [`IpPacket::parse`].
    #[inline]
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, ParseError> {
        let packet = IpPacket::parse(bytes)?;
        let (version, mut protocol) = (packet.version(), packet.protocol());
        let mut upper = Upper {
            offset: packet.header_len(),
            kind: UpperKind::of(&packet),
        };
        if protocol == Protocol::AH && version == IpVersion::V4 {
            (protocol, upper) = authenticated(&packet);
        }
        let len = packet.as_bytes().len();
        let (bytes, _) = bytes.split_at_mut(len);
        Ok(Self {
            bytes,
            version,
            protocol,
            upper,
        })
    }

    /// Returns the whole packet.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Sets the differentiated services code point; the low six bits count.
    pub fn set_dscp(&mut self, dscp: Dscp) {
        let octet = with_dscp(self.traffic_class(), dscp);
        self.set_traffic_class(octet);
    }

    /// Sets the congestion notification bits.
    #[inline]
    pub fn set_ecn(&mut self, ecn: Ecn) {
        let octet = with_ecn(self.traffic_class(), ecn);
        self.set_traffic_class(octet);
    }

    fn traffic_class(&self) -> u8 {
        match self.version {
            IpVersion::V4 => self.bytes[1],
            IpVersion::V6 => self.bytes[0] << 4 | self.bytes[1] >> 4,
        }
    }

    fn set_traffic_class(&mut self, octet: u8) {
        match self.version {
            IpVersion::V4 => {
                if let Some(header) = self.bytes.first_chunk_mut::<IPV4_HEADER_LEN>() {
                    header::set_v4_traffic_class(header, octet);
                }
            }
            IpVersion::V6 => {
                self.bytes[0] = self.bytes[0] & 0xf0 | octet >> 4;
                self.bytes[1] = octet << 4 | self.bytes[1] & 0x0f;
            }
        }
    }

    /// Sets the TTL or hop limit.
    #[inline]
    pub fn set_hop_limit(&mut self, hops: u8) {
        match self.version {
            IpVersion::V4 => self.replace(8, [hops, self.bytes[9]], Covers::IpHeader),
            IpVersion::V6 => self.bytes[7] = hops,
        }
    }

    /// Sets the identification of an IPv4 packet.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] under IPv6.
    pub fn set_identification(&mut self, identification: u16) -> Result<(), RewriteError> {
        if self.version == IpVersion::V6 {
            return Err(self.no_such_field("identification"));
        }
        self.replace(4, identification.to_be_bytes(), Covers::IpHeader);
        Ok(())
    }

    /// Sets the flow label of an IPv6 packet; the low 20 bits count.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] under IPv4.
    pub fn set_flow_label(&mut self, label: u32) -> Result<(), RewriteError> {
        if self.version == IpVersion::V4 {
            return Err(self.no_such_field("flow label"));
        }
        let [_, high, middle, low] = label.to_be_bytes();
        let high = self.bytes[1] & 0xf0 | high & 0x0f;
        self.bytes[1..4].copy_from_slice(&[high, middle, low]);
        Ok(())
    }

    /// Sets the source address in the IP header.
    ///
    /// Where an option of IPv6 has the home address of the sender, checksums cover that, and do not
    /// change.
    ///
    /// # Errors
    /// [`RewriteError::WrongVersion`] if the address is not of the version of the packet.
    #[inline]
    pub fn set_source_address(&mut self, address: IpAddr) -> Result<(), RewriteError> {
        match (self.version, address) {
            (IpVersion::V4, IpAddr::V4(v4)) => self.replace(12, v4.octets(), Covers::Addresses),
            (IpVersion::V6, IpAddr::V6(v6)) => {
                let covers = match self.home_address() {
                    Some(_) => Covers::Nothing,
                    None => Covers::Upper,
                };
                self.replace(8, v6.octets(), covers);
            }
            _ => return Err(RewriteError::WrongVersion { address }),
        }
        Ok(())
    }

    fn home_address(&self) -> Option<Ipv6Addr> {
        if self.upper.offset == IPV6_HEADER_LEN {
            return None;
        }
        Walk::new(self.bytes.first_chunk()?, self.bytes).home_address()
    }

    /// Sets the destination address in the IP header.
    ///
    /// Under a routing header of IPv6 or a source route of IPv4 that says where the packet ends its
    /// way, checksums cover that address, and change only as far as it does.
    ///
    /// # Errors
    /// [`RewriteError::WrongVersion`] if the address is not of the version of the packet.
    #[inline]
    pub fn set_destination_address(&mut self, address: IpAddr) -> Result<(), RewriteError> {
        match (self.version, address) {
            (IpVersion::V4, IpAddr::V4(v4)) => self.set_v4_destination(v4),
            (IpVersion::V6, IpAddr::V6(v6)) => self.set_v6_destination(v6),
            _ => return Err(RewriteError::WrongVersion { address }),
        }
        Ok(())
    }

    #[inline]
    fn set_v4_destination(&mut self, address: Ipv4Addr) {
        let is_routed = self.upper.offset > IPV4_HEADER_LEN && self.has_source_route();
        let covers = if is_routed {
            Covers::IpHeader
        } else {
            Covers::Addresses
        };
        self.replace(16, address.octets(), covers);
    }

    /// Says whether a source route has the address where the packet ends its way.
    fn has_source_route(&self) -> bool {
        let header_len = usize::from(self.bytes[0] & 0x0f) * 4;
        let options = self.bytes.get(IPV4_HEADER_LEN..header_len);
        let options = Ipv4Options::new(options.unwrap_or_default());
        options.route_end().is_some()
    }

    #[inline]
    fn set_v6_destination(&mut self, address: Ipv6Addr) {
        if self.upper.offset == IPV6_HEADER_LEN {
            return self.replace(24, address.octets(), Covers::Upper);
        }
        let before = self.final_destination();
        self.replace(24, address.octets(), Covers::Nothing);
        let after = self.final_destination();
        if after != before {
            let difference = Sum::new().add_bytes(&after.octets());
            self.update_upper_checksum(difference.subtract_bytes(&before.octets()));
        }
    }

    fn final_destination(&self) -> Ipv6Addr {
        let header = self.bytes.first_chunk();
        header.map_or(Ipv6Addr::UNSPECIFIED, |header| {
            Walk::new(header, self.bytes).final_destination(header::v6_destination(header))
        })
    }

    /// Sets the source port of TCP, UDP, UDP-Lite or SCTP.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet has no ports.
    #[inline]
    pub fn set_source_port(&mut self, port: u16) -> Result<(), RewriteError> {
        self.replace_port(0, port)
    }

    /// Sets the destination port of TCP, UDP, UDP-Lite or SCTP.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet has no ports.
    #[inline]
    pub fn set_destination_port(&mut self, port: u16) -> Result<(), RewriteError> {
        self.replace_port(2, port)
    }

    /// Sets source address and port.
    ///
    /// # Errors
    /// As [`set_source_address`](Self::set_source_address) and
    /// [`set_source_port`](Self::set_source_port); the packet is then as it was.
    pub fn set_source(&mut self, source: SocketAddr) -> Result<(), RewriteError> {
        self.check_ports()?;
        self.set_source_address(source.ip())?;
        self.set_source_port(source.port())
    }

    /// Sets destination address and port.
    ///
    /// # Errors
    /// As [`set_destination_address`](Self::set_destination_address) and
    /// [`set_destination_port`](Self::set_destination_port); the packet is then as it was.
    pub fn set_destination(&mut self, destination: SocketAddr) -> Result<(), RewriteError> {
        self.check_ports()?;
        self.set_destination_address(destination.ip())?;
        self.set_destination_port(destination.port())
    }

    /// Sets the sequence number of TCP.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is not TCP.
    #[inline]
    pub fn set_tcp_seq(&mut self, seq: u32) -> Result<(), RewriteError> {
        self.replace_in_tcp(4, seq.to_be_bytes(), "sequence number")
    }

    /// Sets the acknowledgment number of TCP and leaves the ACK flag as it is.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is not TCP.
    #[inline]
    pub fn set_tcp_ack(&mut self, ack: u32) -> Result<(), RewriteError> {
        self.replace_in_tcp(8, ack.to_be_bytes(), "acknowledgment number")
    }

    /// Replaces the nine flags of TCP.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is not TCP.
    pub fn set_tcp_flags(&mut self, flags: TcpFlags) -> Result<(), RewriteError> {
        let kept = self.bytes.get(self.upper.offset + 12).copied();
        let [high, low] = flags.bits().to_be_bytes();
        let high = kept.unwrap_or_default() & 0xfe | high;
        self.replace_in_tcp(12, [high, low], "flag")
    }

    /// Sets the window of TCP, before scaling.
    ///
    /// # Errors
    /// [`RewriteError::NoSuchField`] if the packet is not TCP.
    pub fn set_tcp_window(&mut self, window: u16) -> Result<(), RewriteError> {
        self.replace_in_tcp(14, window.to_be_bytes(), "window")
    }

    #[inline]
    fn replace_in_tcp<const N: usize>(
        &mut self,
        at: usize,
        new: [u8; N],
        field: &'static str,
    ) -> Result<(), RewriteError> {
        if self.upper.kind != UpperKind::Tcp {
            return Err(self.no_such_field(field));
        }
        self.replace(self.upper.offset + at, new, Covers::Upper);
        Ok(())
    }

    #[inline]
    fn replace_port(&mut self, at: usize, port: u16) -> Result<(), RewriteError> {
        self.check_ports()?;
        if self.upper.kind == UpperKind::Sctp {
            self.replace_sctp_port(at, port);
        } else {
            self.replace(self.upper.offset + at, port.to_be_bytes(), Covers::Upper);
        }
        Ok(())
    }

    #[inline]
    fn check_ports(&self) -> Result<(), RewriteError> {
        match self.upper.kind {
            UpperKind::Tcp | UpperKind::Udp | UpperKind::UdpLite | UpperKind::Sctp => Ok(()),
            UpperKind::Icmpv4 | UpperKind::Icmpv6 | UpperKind::Opaque => {
                Err(self.no_such_field("port"))
            }
        }
    }

    #[cold]
    const fn no_such_field(&self, field: &'static str) -> RewriteError {
        RewriteError::NoSuchField {
            protocol: self.protocol,
            field,
        }
    }

    /// Replaces whole words at the even offset `at` and updates the checksums that cover them.
    #[inline]
    fn replace<const N: usize>(&mut self, at: usize, new: [u8; N], covers: Covers) {
        let Some(field) = self
            .bytes
            .get_mut(at..)
            .and_then(|rest| rest.first_chunk_mut::<N>())
        else {
            return;
        };
        let difference = Sum::new().add_bytes(&new).subtract_bytes(field);
        *field = new;
        if matches!(covers, Covers::IpHeader | Covers::Addresses) {
            self.update_checksum(10, difference);
        }
        let covers_upper = match covers {
            Covers::Nothing | Covers::IpHeader => false,
            Covers::Upper => true,
            Covers::Addresses => self.upper.kind != UpperKind::Icmpv4,
        };
        if covers_upper {
            self.update_upper_checksum(difference);
        }
    }

    #[inline]
    fn update_upper_checksum(&mut self, difference: Sum) {
        let at = self.upper.offset;
        match self.upper.kind {
            UpperKind::Tcp => self.update_checksum(at + 16, difference),
            UpperKind::Icmpv4 | UpperKind::Icmpv6 => self.update_checksum(at + 2, difference),
            UpperKind::Udp | UpperKind::UdpLite => self.update_udp_checksum(at + 6, difference),
            UpperKind::Sctp | UpperKind::Opaque => {}
        }
    }

    /// Zero says that there is no checksum: it stays, and is never arrived at.
    #[inline]
    fn update_udp_checksum(&mut self, at: usize, difference: Sum) {
        if self.bytes[at..at + 2] == [0, 0] {
            return;
        }
        self.update_checksum(at, difference);
        if self.bytes[at..at + 2] == [0, 0] {
            self.bytes[at..at + 2].fill(0xff);
        }
    }

    #[inline]
    fn update_checksum(&mut self, at: usize, difference: Sum) {
        let old = u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]);
        self.bytes[at..at + 2].copy_from_slice(&difference.apply_to(old).to_be_bytes());
    }
}

/// Which checksums cover a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Covers {
    Nothing,
    IpHeader,
    Upper,
    /// That of the IPv4 header, and that of the upper layer unless it covers no addresses.
    Addresses,
}

impl UpperKind {
    /// Tells how much of the upper layer is there to be kept right.
    #[inline]
    fn of(packet: &IpPacket<'_>) -> Self {
        let transport = match packet {
            _ if !packet.is_fragment() => packet.transport(),
            IpPacket::V4(v4) if v4.fragment_offset() == 0 => return Self::of_first(packet),
            IpPacket::V6(v6) if v6.fragment().is_some_and(|fragment| fragment.offset == 0) => {
                return Self::of_first(packet);
            }
            _ => return Self::Opaque,
        };
        match transport {
            Ok(Transport::Tcp(_)) => Self::Tcp,
            Ok(Transport::Udp(_)) => Self::Udp,
            Ok(Transport::UdpLite(_)) => Self::UdpLite,
            Ok(Transport::Icmpv4(_)) => Self::Icmpv4,
            Ok(Transport::Icmpv6(_)) => Self::Icmpv6,
            Ok(Transport::Sctp(_)) => Self::Sctp,
            _ => Self::Opaque,
        }
    }

    /// Tells how much is there of what stands behind an authentication header of IPv4.
    fn behind(protocol: Protocol, payload: &[u8]) -> Self {
        match protocol {
            Protocol::TCP if TcpSegment::parse(payload).is_ok() => Self::Tcp,
            Protocol::UDP if UdpDatagram::parse(payload).is_ok() => Self::Udp,
            Protocol::UDP_LITE if UdpLiteDatagram::parse(payload).is_ok() => Self::UdpLite,
            Protocol::ICMPV4 if Icmpv4Message::parse(payload).is_ok() => Self::Icmpv4,
            Protocol::SCTP if SctpPacket::parse(payload).is_ok() => Self::Sctp,
            _ => Self::Opaque,
        }
    }

    /// A first fragment has the transport header, if whole, but not the lengths it speaks of.
    fn of_first(packet: &IpPacket<'_>) -> Self {
        match (packet.protocol(), packet.payload().len()) {
            (Protocol::TCP, 20..) => Self::Tcp,
            (Protocol::UDP, 8..) => Self::Udp,
            (Protocol::UDP_LITE, 8..) => Self::UdpLite,
            (Protocol::ICMPV4, 8..) if packet.version() == IpVersion::V4 => Self::Icmpv4,
            (Protocol::ICMPV6, 4..) if packet.version() == IpVersion::V6 => Self::Icmpv6,
            _ => Self::Opaque,
        }
    }
}

/// Goes over an authentication header to what it vouches for.
#[cold]
fn authenticated(packet: &IpPacket<'_>) -> (Protocol, Upper) {
    let end = packet.header_len() + packet.payload().len();
    let (protocol, payload) = match packet.transport() {
        Ok(Transport::Authenticated(inner)) => (inner.protocol, inner.payload),
        _ => (Protocol::AH, packet.payload()),
    };
    let upper = Upper {
        offset: end - payload.len(),
        kind: UpperKind::behind(protocol, payload),
    };
    (protocol, upper)
}
