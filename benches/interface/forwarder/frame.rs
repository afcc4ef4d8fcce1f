//! What stands in front of a packet: the header of virtio, and what has to be known of IP, TCP and UDP.

use wirecraft_ip_packets::checksum::{Sum, checksum};

pub(crate) const VIRTIO_LEN: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const KIND_TCP_V4: u8 = 1;
const KIND_TCP_V6: u8 = 4;
const KIND_UDP: u8 = 5;

const TCP: u8 = 6;
const UDP: u8 = 17;
const TCP_ACK: u8 = 0x10;
const TCP_PSH_FIN: u8 = 0x09;

/// The header of virtio, as far as it is used here; lengths in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Virtio {
    pub(crate) needs_checksum: bool,
    pub(crate) is_whole: bool,
    pub(crate) segment_len: usize,
    pub(crate) transport_at: usize,
    pub(crate) checksum_at: usize,
}

impl Virtio {
    pub(crate) fn read(header: &[u8; VIRTIO_LEN]) -> Self {
        let word = |at: usize| usize::from(u16::from_ne_bytes([header[at], header[at + 1]]));
        Self {
            needs_checksum: header[0] & NEEDS_CHECKSUM != 0,
            is_whole: header[1] == 0,
            segment_len: word(4),
            transport_at: word(6),
            checksum_at: word(6) + word(8),
        }
    }
}

/// A TCP segment or a UDP datagram with payload; lengths in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) is_v4: bool,
    pub(crate) is_tcp: bool,
    pub(crate) transport_at: usize,
    pub(crate) header_len: usize,
}

impl Frame {
    /// `None` for anything that is neither, or has options or flags that make it special.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let (is_v4, transport_at, protocol) = match packet.first()? {
            0x45 if packet.len() >= 20 && packet[6] & 0xbf == 0 && packet[7] == 0 => {
                (true, 20, packet[9])
            }
            it if it >> 4 == 6 && packet.len() >= 40 => (false, 40, packet[6]),
            _ => return None,
        };
        let transport = &packet[transport_at..];
        let (is_tcp, len) = match protocol {
            TCP if transport.len() >= 20 => (true, usize::from(transport[12] >> 4) * 4),
            UDP if transport.len() >= 8 => (false, 8),
            _ => return None,
        };
        let header_len = transport_at + len;
        let is_special = is_tcp
            && (len < 20 || transport[13] & !TCP_PSH_FIN != TCP_ACK || transport[13] & 1 != 0);
        (header_len < packet.len() && !is_special).then_some(Self {
            is_v4,
            is_tcp,
            transport_at,
            header_len,
        })
    }

    pub(crate) fn seq(self, packet: &[u8]) -> u32 {
        let at = self.transport_at + 4;
        if self.is_tcp {
            u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
        } else {
            0
        }
    }

    /// Whether `packet` could follow `first` in one super-packet, as far as addresses, ports,
    /// acknowledgement, window and options go.
    pub(crate) fn is_kin(self, first: &[u8], packet: &[u8]) -> bool {
        let same = |range: std::ops::Range<usize>| first[range.clone()] == packet[range];
        let addresses = if self.is_v4 { 12..20 } else { 8..40 };
        let at = self.transport_at;
        same(0..2)
            && same(addresses)
            && same(at..at + 4)
            && (!self.is_tcp
                || (same(at + 8..at + 13)
                    && same(at + 14..at + 16)
                    && same(at + 18..self.header_len)))
    }

    /// Whether the checksum of the transport header is right.
    pub(crate) fn is_intact(self, packet: &[u8]) -> bool {
        let transport = &packet[self.transport_at..];
        self.pseudo(packet, transport.len())
            .add_bytes(transport)
            .finish()
            == 0
    }

    fn pseudo(self, packet: &[u8], len: usize) -> Sum {
        let addresses = if self.is_v4 {
            &packet[12..20]
        } else {
            &packet[8..40]
        };
        let protocol = if self.is_tcp { TCP } else { UDP };
        Sum::new()
            .add_bytes(addresses)
            .add_u16(protocol.into())
            .add_u32(u32::try_from(len).unwrap_or(0))
    }

    fn checksum_offset(self) -> usize {
        if self.is_tcp { 16 } else { 6 }
    }

    /// Writes lengths and the IP checksum for `payload_len` bytes behind `headers`.
    pub(crate) fn set_lengths(self, headers: &mut [u8], payload_len: usize) {
        let len = headers.len() + payload_len;
        let word = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
        if self.is_v4 {
            headers[2..4].copy_from_slice(&word(len));
            headers[10..12].fill(0);
            let sum = checksum(&headers[..20]);
            headers[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            headers[4..6].copy_from_slice(&word(len - 40));
        }
        if !self.is_tcp {
            let at = self.transport_at;
            headers[at + 4..at + 6].copy_from_slice(&word(len - at));
        }
    }

    /// Writes the header of virtio and the sum of the pseudo header, for the kernel to go on with.
    pub(crate) fn leave_to_kernel(self, all: &mut [u8], segment_len: usize, payload_len: usize) {
        let (virtio, headers) = all.split_at_mut(VIRTIO_LEN);
        let field = self.transport_at + self.checksum_offset();
        let sum = !self
            .pseudo(headers, headers.len() - self.transport_at + payload_len)
            .finish();
        headers[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        let word = |value: usize| u16::try_from(value).unwrap_or(u16::MAX).to_ne_bytes();
        virtio[0] = NEEDS_CHECKSUM;
        virtio[1] = match (self.is_tcp, self.is_v4) {
            (false, _) => KIND_UDP,
            (true, true) => KIND_TCP_V4,
            (true, false) => KIND_TCP_V6,
        };
        virtio[2..4].copy_from_slice(&word(headers.len()));
        virtio[4..6].copy_from_slice(&word(segment_len));
        virtio[6..8].copy_from_slice(&word(self.transport_at));
        virtio[8..10].copy_from_slice(&word(self.checksum_offset()));
    }

    /// Makes the segment in `slot` number `number` of a super-packet, whose payload begins at `offset`.
    pub(crate) fn finish_segment(
        self,
        slot: &mut [u8],
        (number, offset): (u16, usize),
        is_last: bool,
    ) {
        let (headers, payload) = slot.split_at_mut(self.header_len);
        if self.is_v4 {
            let id = u16::from_be_bytes([headers[4], headers[5]]).wrapping_add(number);
            headers[4..6].copy_from_slice(&id.to_be_bytes());
        }
        self.set_lengths(headers, payload.len());
        let at = self.transport_at;
        if self.is_tcp {
            let seq = self
                .seq(headers)
                .wrapping_add(u32::try_from(offset).unwrap_or(0));
            headers[at + 4..at + 8].copy_from_slice(&seq.to_be_bytes());
            if !is_last {
                headers[at + 13] &= !TCP_PSH_FIN;
            }
        }
        let field = at + self.checksum_offset();
        slot[field..field + 2].fill(0);
        let sum = self
            .pseudo(slot, slot.len() - at)
            .add_bytes(&slot[at..])
            .finish();
        slot[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    }
}
