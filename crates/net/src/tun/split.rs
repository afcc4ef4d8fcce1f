//! Down: what the kernel handed over in one read, written into an arena packet by packet.
//!
//! ```text
//!  read:   | headers | payload payload payload pay |         one packet of up to 64 KiB
//!  arena:  | headers | payload |  | headers | payload |  | headers | payload |  | headers | pay |
//! ```
//!
//! Each segment gets the headers with lengths, identification, sequence number, flags and checksums of
//! its own. Source: Linux `net/ipv4/tcp_offload.c:tcp_gso_segment`, `net/ipv4/udp_offload.c`.

use wirecraft_ip_packets::checksum::Sum;
use wirecraft_ip_packets::{
    IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpVersion, TCP_HEADER_LEN, UDP_HEADER_LEN,
};
use wirecraft_tunnel::{Arena, ArenaFull};

use super::virtio::{ChecksumPlace, Cut, Todo, Transport, VIRTIO_HEADER_LEN};

/// The flags that only the last segment keeps.
const TCP_FIN_PSH: u8 = 0x01 | 0x08;
/// The flag that only the first segment keeps.
const TCP_CWR: u8 = 0x80;

/// Where fields are, in bytes from the start of the TCP header.
pub(super) const TCP_SEQ: usize = 4;
pub(super) const TCP_DATA_OFFSET: usize = 12;
pub(super) const TCP_FLAGS: usize = 13;
pub(super) const TCP_CHECKSUM: usize = 16;
/// Where fields are, in bytes from the start of the UDP header.
pub(super) const UDP_LEN: usize = 4;
pub(super) const UDP_CHECKSUM: usize = 6;

/// Lengths that do not agree: nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

/// What of a read is still to be written into an arena.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest {
    Nothing,
    Whole,
    Segments(Segments),
}

/// The segments of a packet that are left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segments {
    version: IpVersion,
    is_tcp: bool,
    transport_at: usize,
    checksum_at: usize,
    header_len: usize,
    segment_len: usize,
    /// The number of the next segment.
    number: u16,
    /// Where the payload of the next segment begins.
    at: usize,
    /// The sum of the pseudo header without its length.
    pseudo_header: Sum,
}

impl Rest {
    /// Looks at what was read: a virtio header and a packet. Completes the checksum of a whole packet.
    ///
    /// # Errors
    /// [`Malformed`] if the header asks for what the packet does not have.
    pub(super) fn of(read: &mut [u8]) -> Result<Self, Malformed> {
        let (header, packet) = read.split_first_chunk_mut().ok_or(Malformed)?;
        match Todo::read(header).ok_or(Malformed)? {
            Todo::Nothing => Ok(Self::Whole),
            Todo::Checksum(place) => {
                complete_checksum(packet, place).ok_or(Malformed)?;
                Ok(Self::Whole)
            }
            Todo::Split(cut) => Segments::of(packet, cut)
                .map(Self::Segments)
                .ok_or(Malformed),
        }
    }

    /// Writes as much as fits; says whether that was all.
    pub(super) fn write_into(&mut self, read: &[u8], arena: &mut Arena) -> bool {
        let packet = read.get(VIRTIO_HEADER_LEN..).unwrap_or_default();
        let written = match self {
            Self::Nothing => Ok(()),
            Self::Whole => arena.push(packet),
            Self::Segments(segments) => segments.write_into(packet, arena),
        };
        if written.is_ok() {
            *self = Self::Nothing;
        }
        written.is_ok()
    }
}

/// Completes a checksum whose field holds the sum of the pseudo header.
fn complete_checksum(packet: &mut [u8], place: ChecksumPlace) -> Option<()> {
    let sum = Sum::new().add_bytes(packet.get(place.start..)?).finish();
    // UDP writes zero as its other form; TCP may.
    let sum = if sum == 0 { 0xffff } else { sum };
    let field = packet.get_mut(place.field..)?.first_chunk_mut()?;
    *field = sum.to_be_bytes();
    Some(())
}

impl Segments {
    /// `None` if the headers are not all there, or not those that the cut speaks of.
    fn of(packet: &[u8], cut: Cut) -> Option<Self> {
        let ChecksumPlace { start, field } = cut.checksum;
        let version = match packet.first()? >> 4 {
            4 if start >= IPV4_HEADER_LEN => IpVersion::V4,
            6 if start >= IPV6_HEADER_LEN => IpVersion::V6,
            _ => return None,
        };
        let transport = packet.get(start..)?;
        // The hint of the header may be wrong for packets that were forwarded: TCP tells itself.
        let (is_tcp, transport_len, checksum_at) = match (cut.transport, version) {
            (Transport::TcpV4, IpVersion::V4) | (Transport::TcpV6, IpVersion::V6) => {
                let len = usize::from(transport.get(TCP_DATA_OFFSET)? >> 4) * 4;
                (true, len.max(TCP_HEADER_LEN), TCP_CHECKSUM)
            }
            (Transport::Udp, _) => (false, UDP_HEADER_LEN, UDP_CHECKSUM),
            _ => return None,
        };
        let header_len = start + transport_len;
        if field != start + checksum_at || header_len > packet.len() {
            return None;
        }
        // The field holds the sum of the pseudo header with the length of all; each segment has its own.
        let all_len = u32::try_from(transport.len()).ok()?;
        let sum = u16::from_be_bytes([*packet.get(field)?, *packet.get(field + 1)?]);
        Some(Self {
            version,
            is_tcp,
            transport_at: start,
            checksum_at: field,
            header_len,
            segment_len: cut.segment_len,
            number: 0,
            at: header_len,
            pseudo_header: Sum::new()
                .add_u16(sum)
                .subtract_bytes(&all_len.to_be_bytes()),
        })
    }

    fn write_into(&mut self, packet: &[u8], arena: &mut Arena) -> Result<(), ArenaFull> {
        loop {
            let end = packet.len().min(self.at + self.segment_len);
            arena.push_with(self.header_len + end - self.at, |slot| {
                self.write(packet, end, slot);
            })?;
            self.number = self.number.wrapping_add(1);
            self.at = end;
            if end == packet.len() {
                return Ok(());
            }
        }
    }

    /// Writes the segment whose payload ends at `end`.
    fn write(&self, packet: &[u8], end: usize, slot: &mut [u8]) {
        let (headers, payload) = slot.split_at_mut(self.header_len);
        headers.copy_from_slice(&packet[..self.header_len]);
        payload.copy_from_slice(&packet[self.at..end]);
        let (ip, transport) = slot.split_at_mut(self.transport_at);
        self.write_ip(ip, transport.len());
        if self.is_tcp {
            self.write_tcp(transport, end == packet.len());
        } else {
            let len = u16::try_from(transport.len()).unwrap_or(u16::MAX);
            transport[UDP_LEN..UDP_LEN + 2].copy_from_slice(&len.to_be_bytes());
        }
        self.write_checksum(transport);
    }

    fn write_ip(&self, ip: &mut [u8], transport_len: usize) {
        // A segment is not longer than the packet it comes from.
        let total_len = u16::try_from(ip.len() + transport_len).unwrap_or(u16::MAX);
        match self.version {
            IpVersion::V4 => {
                let id = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(self.number);
                ip[2..4].copy_from_slice(&total_len.to_be_bytes());
                ip[4..6].copy_from_slice(&id.to_be_bytes());
                ip[10..12].fill(0);
                let sum = Sum::new().add_bytes(ip).finish();
                ip[10..12].copy_from_slice(&sum.to_be_bytes());
            }
            IpVersion::V6 => {
                let payload_len = total_len.saturating_sub(40);
                ip[4..6].copy_from_slice(&payload_len.to_be_bytes());
            }
        }
    }

    fn write_tcp(&self, tcp: &mut [u8], is_last: bool) {
        let Some(seq) = tcp[TCP_SEQ..].first_chunk_mut() else {
            return;
        };
        let before = u32::try_from(self.at - self.header_len).unwrap_or(u32::MAX);
        *seq = u32::from_be_bytes(*seq).wrapping_add(before).to_be_bytes();
        if !is_last {
            tcp[TCP_FLAGS] &= !TCP_FIN_PSH;
        }
        if self.number > 0 {
            tcp[TCP_FLAGS] &= !TCP_CWR;
        }
    }

    fn write_checksum(&self, transport: &mut [u8]) {
        let field = self.checksum_at - self.transport_at;
        transport[field..field + 2].fill(0);
        let len = u32::try_from(transport.len()).unwrap_or(u32::MAX);
        let sum = self
            .pseudo_header
            .add_u32(len)
            .add_bytes(transport)
            .finish();
        // Zero would say that a UDP datagram has no checksum.
        let sum = if sum == 0 && !self.is_tcp {
            0xffff
        } else {
            sum
        };
        transport[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    }
}
