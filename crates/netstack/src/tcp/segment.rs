//! A TCP segment in the bytes of its packet: what is read and corrected around the stack.

use wirecraft_ip_packets::checksum::Sum;
use wirecraft_ip_packets::{IPV6_HEADER_LEN, Protocol, TCP_HEADER_LEN, TcpOption, TcpSegment};

const SEQUENCE_AT: usize = 4;
const ACKNOWLEDGEMENT_AT: usize = 8;
const DATA_OFFSET_AT: usize = 12;
const FLAGS_AT: usize = 13;
const WINDOW_AT: usize = 14;
const CHECKSUM_AT: usize = 16;

pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 1 << 1;
pub(super) const RST: u8 = 1 << 2;
pub(super) const PSH: u8 = 1 << 3;
pub(super) const ACK: u8 = 1 << 4;

/// The fields of a segment that count here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Where it begins in its packet.
    pub(super) offset: usize,
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) flags: u8,
    /// The window as it is written: not scaled.
    pub(super) window: u16,
    pub(super) data_len: usize,
    /// As its packet says it: what a link padded it with does not count.
    packet_len: usize,
}

impl Segment {
    /// Reads a packet; `None` if it carries no TCP right behind its header: IPv6 extension headers
    /// are not followed.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        let offset = match first >> 4 {
            4 if *packet.get(9)? == Protocol::TCP.number() => usize::from(first & 0xf) * 4,
            6 if *packet.get(6)? == Protocol::TCP.number() => IPV6_HEADER_LEN,
            _ => return None,
        };
        let packet_len = match first >> 4 {
            4 => usize::from(u16_at(packet, 2)?),
            _ => IPV6_HEADER_LEN + usize::from(u16_at(packet, 4)?),
        };
        let segment = packet.get(offset..packet_len)?;
        let header = segment.first_chunk::<TCP_HEADER_LEN>()?;
        let header_len = usize::from(header[DATA_OFFSET_AT] >> 4) * 4;
        Some(Self {
            offset,
            sequence: read_u32(header, SEQUENCE_AT),
            acknowledgement: read_u32(header, ACKNOWLEDGEMENT_AT),
            flags: header[FLAGS_AT],
            window: read_u16(header, WINDOW_AT),
            data_len: segment.len().saturating_sub(header_len),
            packet_len,
        })
    }

    /// Says whether the checksum is right in the packet it was read from.
    pub(super) fn checksum_is_valid(&self, packet: &[u8]) -> bool {
        sum(packet, self.offset).is_some_and(|sum| sum.finish() == 0)
    }

    /// Says whether it acknowledges, and does nothing else.
    pub(super) const fn is_pure_acknowledgement(&self) -> bool {
        self.data_len == 0 && self.flags & (SYN | FIN | RST | ACK) == ACK
    }

    /// Returns the sequence number behind it.
    pub(super) fn end(&self) -> u32 {
        let flag = |flag| usize::from(self.flags & flag != 0);
        let len = self.data_len + flag(SYN) + flag(FIN);
        self.sequence.wrapping_add(u32::try_from(len).unwrap_or(0))
    }

    /// Writes another sequence number into the packet it was read from.
    pub(super) fn set_sequence(&self, packet: &mut [u8], sequence: u32) {
        self.replace(packet, SEQUENCE_AT, sequence);
    }

    /// Writes another acknowledgement number into the packet it was read from.
    pub(super) fn set_acknowledgement(&self, packet: &mut [u8], acknowledgement: u32) {
        self.replace(packet, ACKNOWLEDGEMENT_AT, acknowledgement);
    }

    /// Writes another window into the packet it was read from.
    pub(super) fn set_window(&self, packet: &mut [u8], window: u16) {
        // The field shares its four bytes with the checksum, which is corrected by itself.
        let Some(header) = packet.get_mut(self.offset..) else {
            return;
        };
        let Some(header) = header.first_chunk_mut::<TCP_HEADER_LEN>() else {
            return;
        };
        let difference = Sum::new()
            .add_u16(window)
            .subtract_bytes(&header[WINDOW_AT..WINDOW_AT + 2]);
        let checksum = difference.apply_to(read_u16(header, CHECKSUM_AT));
        header[WINDOW_AT..WINDOW_AT + 2].copy_from_slice(&window.to_be_bytes());
        header[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Cuts off what is behind the first `len` bytes of data, the end of the stream with it.
    pub(super) fn shorten(&self, packet: &mut Vec<u8>, len: usize) {
        let surplus_len = self.data_len.saturating_sub(len);
        packet.truncate(self.packet_len - surplus_len);
        let packet_len = packet.len();
        let is_v4 = packet.first().is_some_and(|first| first >> 4 == 4);
        let (at, value) = match is_v4 {
            true => (2, packet_len),
            false => (4, packet_len.saturating_sub(IPV6_HEADER_LEN)),
        };
        let field = packet.get_mut(at..at + 2);
        if let (Some(field), Ok(value)) = (field, u16::try_from(value)) {
            field.copy_from_slice(&value.to_be_bytes());
        }
        if is_v4 && let Some(header) = packet.get_mut(..self.offset) {
            header[10..12].fill(0);
            let checksum = Sum::new().add_bytes(header).finish();
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        if let Some(flags) = packet.get_mut(self.offset + FLAGS_AT) {
            *flags &= !(FIN | PSH);
        }
        if let Some(field) =
            packet.get_mut(self.offset + CHECKSUM_AT..self.offset + CHECKSUM_AT + 2)
        {
            field.fill(0);
        }
        write_checksum(packet);
    }

    /// Reads the window scale option from the packet it was read from; at most 14.
    ///
    /// Source: RFC 7323 §2.3.
    pub(super) fn window_scale(&self, packet: &[u8]) -> Option<u8> {
        let shift = |option| match option {
            Ok(TcpOption::WindowScale(shift)) => Some(shift.min(14)),
            _ => None,
        };
        let parsed = TcpSegment::parse(packet.get(self.offset..)?).ok()?;
        parsed.options().find_map(shift)
    }

    /// Replaces four bytes and updates the checksum. Source: RFC 1624 §3.
    fn replace(&self, packet: &mut [u8], at: usize, value: u32) {
        let Some(segment) = packet.get_mut(self.offset..) else {
            return;
        };
        let Some(header) = segment.first_chunk_mut::<TCP_HEADER_LEN>() else {
            return;
        };
        let checksum = read_u16(header, CHECKSUM_AT);
        let field = &mut header[at..at + 4];
        let difference = Sum::new()
            .add_bytes(&value.to_be_bytes())
            .subtract_bytes(field);
        field.copy_from_slice(&value.to_be_bytes());
        header[CHECKSUM_AT..CHECKSUM_AT + 2]
            .copy_from_slice(&difference.apply_to(checksum).to_be_bytes());
    }
}

/// Says whether the checksum of the segment in `packet` is right; `false` if there is none.
pub(super) fn checksum_is_valid(packet: &[u8]) -> bool {
    let segment = Segment::read(packet);
    segment.is_some_and(|segment| segment.checksum_is_valid(packet))
}

/// Writes the checksum of the segment in `packet`, whose field for it is zero.
pub(super) fn write_checksum(packet: &mut [u8]) {
    let Some(offset) = Segment::read(packet).map(|segment| segment.offset) else {
        return;
    };
    let checksum = sum(packet, offset).map(Sum::finish);
    let field = packet.get_mut(offset + CHECKSUM_AT..offset + CHECKSUM_AT + 2);
    if let (Some(checksum), Some(field)) = (checksum, field) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Sums a segment up to the end of its packet, and the pseudo header: addresses, protocol, length.
///
/// Source: RFC 9293 §3.1.
fn sum(packet: &[u8], offset: usize) -> Option<Sum> {
    let (packet_len, addresses) = match packet.first()? >> 4 {
        4 => (usize::from(u16_at(packet, 2)?), packet.get(12..20)?),
        _ => (
            IPV6_HEADER_LEN + usize::from(u16_at(packet, 4)?),
            packet.get(8..IPV6_HEADER_LEN)?,
        ),
    };
    let segment = packet.get(offset..packet_len)?;
    let sum = Sum::new()
        .add_bytes(addresses)
        .add_u16(u16::from(Protocol::TCP.number()))
        .add_u32(u32::try_from(segment.len()).ok()?);
    Some(sum.add_bytes(segment))
}

fn u16_at(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn read_u32(header: &[u8; TCP_HEADER_LEN], at: usize) -> u32 {
    u32::from(read_u16(header, at)) << 16 | u32::from(read_u16(header, at + 2))
}

fn read_u16(header: &[u8; TCP_HEADER_LEN], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

/// Compares in the circle of sequence numbers. Source: RFC 9293 §3.4.
pub(super) const fn is_before(left: u32, right: u32) -> bool {
    right.wrapping_sub(left).wrapping_sub(1) < 1 << 31
}

#[cfg(test)]
mod tests {
    use wirecraft_ip_packets::{IpPacket, TcpFlags, v4, v6};

    use super::*;

    #[test]
    fn fields_are_read_behind_either_header() {
        let four = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let six = v6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let packets = [
            four.tcp(1, 2)
                .seq(u32::MAX)
                .ack(7)
                .fin()
                .payload(b"abc")
                .build(),
            six.tcp(1, 2)
                .seq(u32::MAX)
                .ack(7)
                .fin()
                .payload(b"abc")
                .build(),
        ];
        for (packet, offset) in packets.iter().zip([20, 40]) {
            let flags = FIN | ACK;
            let (sequence, acknowledgement, window, data_len) = (u32::MAX, 7, 0xffff, 3);
            let packet_len = packet.len();
            let expected = Segment {
                offset,
                sequence,
                acknowledgement,
                flags,
                window,
                data_len,
                packet_len,
            };
            assert_eq!(Segment::read(packet), Some(expected));
            assert_eq!(expected.end(), 3);
        }
    }

    #[test]
    fn other_protocols_are_no_segments() {
        let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .udp(1, 2)
            .build();
        assert_eq!(Segment::read(&packet), None);
        assert_eq!(Segment::read(&[0x45]), None);
        assert_eq!(Segment::read(&[]), None);
    }

    #[test]
    fn replaced_numbers_keep_the_checksum_right() {
        let builder = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut packet = builder.tcp(1, 2).seq(0x0102_0304).ack(0xffff_0000).build();
        let segment = Segment::read(&packet).unwrap();
        assert!(segment.is_pure_acknowledgement());
        segment.set_sequence(&mut packet, 0xfffe_fffd);
        segment.set_acknowledgement(&mut packet, 0);
        let parsed = IpPacket::parse(&packet).unwrap();
        let segment = parsed.tcp().unwrap();
        assert_eq!((segment.seq(), segment.ack()), (0xfffe_fffd, 0));
        assert_eq!(segment.flags(), TcpFlags::ACK);
        assert!(segment.checksum_is_valid(&parsed.pseudo_header()));
    }

    #[test]
    fn checksum_is_that_of_the_builder_and_any_flipped_bit_is_noticed() {
        let four = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let six = v6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        for len in [0, 1, 1379, 1380] {
            let data = vec![0xa5; len];
            let packets = [
                four.tcp(1, 2).payload(&data).build(),
                six.tcp(1, 2).payload(&data).build(),
            ];
            for mut packet in packets {
                assert!(checksum_is_valid(&packet));
                // Ethernet pads short packets: what is behind the end does not count.
                assert!(checksum_is_valid(&[packet.as_slice(), &[1, 2, 3]].concat()));
                let built = packet.clone();
                let field = Segment::read(&packet).unwrap().offset + CHECKSUM_AT;
                packet[field..field + 2].fill(0);
                write_checksum(&mut packet);
                assert_eq!(packet, built);
                for at in [13, 25, field, packet.len() - 1] {
                    packet[at] ^= 0x10;
                    assert!(!checksum_is_valid(&packet), "byte {at}");
                    packet[at] ^= 0x10;
                }
            }
        }
        assert!(!checksum_is_valid(&[0x45; 20]) && !checksum_is_valid(&[]));
    }

    #[test]
    fn shortened_segment_is_whole_and_says_nothing_of_the_end() {
        let four = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let six = v6("fd00::1".parse().unwrap(), "fd00::2".parse().unwrap());
        let packets = [
            four.tcp(1, 2).seq(5).fin().psh().payload(b"abcdef").build(),
            six.tcp(1, 2).seq(5).fin().psh().payload(b"abcdef").build(),
        ];
        for mut packet in packets {
            packet.extend([9; 4]);
            let segment = Segment::read(&packet).unwrap();
            segment.shorten(&mut packet, 2);
            segment.set_window(&mut packet, 77);
            let parsed = IpPacket::parse(&packet).unwrap();
            let segment = parsed.tcp().unwrap();
            assert_eq!((segment.seq(), segment.payload()), (5, &b"ab"[..]));
            assert_eq!(segment.window(), 77);
            assert_eq!(segment.flags(), TcpFlags::from_bits(0));
            assert!(segment.checksum_is_valid(&parsed.pseudo_header()));
            assert_eq!(parsed.as_bytes().len(), packet.len());
        }
    }

    #[test]
    fn order_holds_across_the_end_of_the_circle() {
        assert!(is_before(u32::MAX, 0) && !is_before(0, u32::MAX) && !is_before(5, 5));
    }
}
