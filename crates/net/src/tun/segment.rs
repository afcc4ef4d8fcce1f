//! What has to be known of a packet to put it together with others of its flow.

use wirecraft_ip_packets::checksum::{Sum, checksum};
use wirecraft_ip_packets::{
    IPV4_HEADER_LEN, IPV6_HEADER_LEN, Protocol, TCP_HEADER_LEN, UDP_HEADER_LEN,
};

use super::split::{TCP_DATA_OFFSET, TCP_FLAGS, TCP_SEQ, UDP_CHECKSUM, UDP_LEN};
use super::virtio::Transport;

pub(super) const TCP_PSH: u8 = 0x08;
const TCP_ACK: u8 = 0x10;
const TCP_ECE: u8 = 0x40;

/// The flag of IPv4 that forbids fragments, in the octet it stands in.
const V4_DONT_FRAGMENT: u8 = 0x40;

/// How a packet stands to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kinship {
    /// It can be put together with others of its flow.
    Segment(Segment),
    /// It cannot, and those of its flow that come later must not overtake it.
    Alone { flow: u64 },
    /// It may belong to any flow.
    Fragment,
    /// It belongs to no flow that is put together.
    Stranger,
}

/// A segment of TCP or a UDP datagram that others may follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Segment {
    /// Addresses, ports and protocol, mixed: equal within a flow, and hardly ever in two.
    pub(super) flow: u64,
    pub(super) transport: Transport,
    pub(super) transport_at: usize,
    pub(super) header_len: usize,
    pub(super) payload_len: usize,
    /// TCP's sequence number; 0 for UDP.
    pub(super) seq: u32,
    /// Whether nothing may be put behind it.
    pub(super) is_last: bool,
}

/// The facts of an IP header.
struct Ip {
    is_v4: bool,
    protocol: u8,
    transport_at: usize,
    /// The two addresses, mixed.
    addresses: u64,
}

/// Reads a packet, which is as long as its IP header says.
#[inline]
pub(super) fn kinship(packet: &[u8]) -> Kinship {
    let ip = match packet.first().map(|octet| octet >> 4) {
        Some(4) => Ip::v4(packet),
        Some(6) => Ip::v6(packet),
        _ => Err(Kinship::Stranger),
    };
    match ip {
        Ok(ip) => ip.kinship(packet).unwrap_or(Kinship::Stranger),
        Err(kinship) => kinship,
    }
}

impl Ip {
    fn v4(packet: &[u8]) -> Result<Self, Kinship> {
        let header: &[u8; IPV4_HEADER_LEN] = packet.first_chunk().ok_or(Kinship::Stranger)?;
        if header[6] & !V4_DONT_FRAGMENT != 0 || header[7] != 0 {
            return Err(Kinship::Fragment);
        }
        Ok(Self {
            is_v4: true,
            protocol: header[9],
            transport_at: usize::from(header[0] & 0x0f) * 4,
            addresses: mix(&header[12..20]),
        })
    }

    fn v6(packet: &[u8]) -> Result<Self, Kinship> {
        let header: &[u8; IPV6_HEADER_LEN] = packet.first_chunk().ok_or(Kinship::Stranger)?;
        match Protocol::from(header[6]) {
            Protocol::TCP | Protocol::UDP => Ok(Self {
                is_v4: false,
                protocol: header[6],
                transport_at: IPV6_HEADER_LEN,
                addresses: mix(&header[8..40]),
            }),
            Protocol::ICMPV6 => Err(Kinship::Stranger),
            // What stands behind an extension header is not looked for.
            _ => Err(Kinship::Fragment),
        }
    }

    /// `None` if it is neither TCP nor UDP, or cut off.
    fn kinship(&self, packet: &[u8]) -> Option<Kinship> {
        let transport = packet.get(self.transport_at..)?;
        let segment = match Protocol::from(self.protocol) {
            Protocol::TCP => self.tcp(transport)?,
            Protocol::UDP => self.udp(transport)?,
            _ => return None,
        };
        let has_options = self.is_v4 && self.transport_at != IPV4_HEADER_LEN;
        Some(match segment {
            Some(segment) if !has_options => Kinship::Segment(segment),
            _ => Kinship::Alone {
                flow: self.flow(transport),
            },
        })
    }

    fn flow(&self, transport: &[u8]) -> u64 {
        let ports = transport
            .first_chunk()
            .map_or(0, |it| u32::from_ne_bytes(*it));
        let rest = u64::from(ports) << 8 | u64::from(self.protocol);
        (self.addresses ^ rest).wrapping_mul(SPREAD)
    }

    fn tcp(&self, tcp: &[u8]) -> Option<Option<Segment>> {
        let fixed: &[u8; TCP_HEADER_LEN] = tcp.first_chunk()?;
        let header_len = usize::from(fixed[TCP_DATA_OFFSET] >> 4) * 4;
        let flags = fixed[TCP_FLAGS];
        let is_plain = flags & !(TCP_PSH | TCP_ECE) == TCP_ACK;
        if !is_plain || header_len < TCP_HEADER_LEN || header_len >= tcp.len() {
            return Some(None);
        }
        let seq = fixed[TCP_SEQ..].first_chunk()?;
        Some(Some(Segment {
            flow: self.flow(tcp),
            transport: if self.is_v4 {
                Transport::TcpV4
            } else {
                Transport::TcpV6
            },
            transport_at: self.transport_at,
            header_len: self.transport_at + header_len,
            payload_len: tcp.len() - header_len,
            seq: u32::from_be_bytes(*seq),
            is_last: flags & TCP_PSH != 0,
        }))
    }

    fn udp(&self, udp: &[u8]) -> Option<Option<Segment>> {
        let header: &[u8; UDP_HEADER_LEN] = udp.first_chunk()?;
        let len = usize::from(u16::from_be_bytes([header[UDP_LEN], header[UDP_LEN + 1]]));
        let has_checksum = header[UDP_CHECKSUM..] != [0, 0];
        if len != udp.len() || len == UDP_HEADER_LEN || !has_checksum {
            return Some(None);
        }
        Some(Some(Segment {
            flow: self.flow(udp),
            transport: Transport::Udp,
            transport_at: self.transport_at,
            header_len: self.transport_at + UDP_HEADER_LEN,
            payload_len: len - UDP_HEADER_LEN,
            seq: 0,
            is_last: false,
        }))
    }
}

/// An odd number with many bits, so that every bit of what it multiplies counts.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks();
    words.iter().fold(0, |mixed: u64, word| {
        (mixed.rotate_left(23) ^ u64::from_ne_bytes(*word)).wrapping_mul(SPREAD)
    })
}

impl Segment {
    /// Whether the headers of `packet` are those of `first`, but for what counts on from segment to
    /// segment; `packet` would be number `number` behind it.
    #[inline]
    pub(super) fn continues(&self, packet: &[u8], first: &[u8], number: u16) -> bool {
        let (Some((ip, transport)), Some((first_ip, first_transport))) =
            (self.split_headers(packet), self.split_headers(first))
        else {
            return false;
        };
        let same_ip = if self.transport_at == IPV4_HEADER_LEN {
            same_v4(ip, first_ip, number)
        } else {
            ip[..4] == first_ip[..4] && ip[6..] == first_ip[6..]
        };
        same_ip
            && match self.transport {
                Transport::TcpV4 | Transport::TcpV6 => same_tcp(transport, first_transport),
                Transport::Udp => transport[..UDP_LEN] == first_transport[..UDP_LEN],
            }
    }

    fn split_headers<'a>(&self, packet: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        packet
            .get(..self.header_len)?
            .split_at_checked(self.transport_at)
    }

    /// Whether all checksums of `packet` are right.
    #[inline]
    pub(super) fn verify(&self, packet: &[u8]) -> bool {
        let Some((ip, transport)) = packet.split_at_checked(self.transport_at) else {
            return false;
        };
        let is_v4 = self.transport_at == IPV4_HEADER_LEN;
        (!is_v4 || checksum(ip) == 0)
            && self
                .pseudo_header(ip, transport.len())
                .add_bytes(transport)
                .finish()
                == 0
    }

    /// Sums the pseudo header of `transport_len` bytes behind the IP header `ip`.
    #[inline]
    pub(super) fn pseudo_header(&self, ip: &[u8], transport_len: usize) -> Sum {
        let (addresses, protocol) = match self.transport {
            Transport::TcpV4 => (12..20, Protocol::TCP),
            Transport::TcpV6 => (8..40, Protocol::TCP),
            Transport::Udp if self.transport_at == IPV4_HEADER_LEN => (12..20, Protocol::UDP),
            Transport::Udp => (8..40, Protocol::UDP),
        };
        Sum::new()
            .add_bytes(ip.get(addresses).unwrap_or_default())
            .add_u16(protocol.number().into())
            // No packet is longer than 64 KiB.
            .add_u32(u32::try_from(transport_len).unwrap_or(u32::MAX))
    }
}

/// All but the length, the checksum and the identification, which counts on unless nobody needs it.
fn same_v4(ip: &[u8], first: &[u8], number: u16) -> bool {
    let id = |header: &[u8]| u16::from_be_bytes([header[4], header[5]]);
    let id_counts_on = id(ip) == id(first).wrapping_add(number);
    ip[..2] == first[..2]
        && ip[6..10] == first[6..10]
        && ip[12..] == first[12..]
        && (id_counts_on || ip[6] & V4_DONT_FRAGMENT != 0)
}

/// All but the sequence number, the checksum and PSH.
fn same_tcp(tcp: &[u8], first: &[u8]) -> bool {
    tcp[..4] == first[..4]
        && tcp[8..13] == first[8..13]
        && (tcp[TCP_FLAGS] ^ first[TCP_FLAGS]) & !TCP_PSH == 0
        && tcp[14..16] == first[14..16]
        && tcp[18..] == first[18..]
}
