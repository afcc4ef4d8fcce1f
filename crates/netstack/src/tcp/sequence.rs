//! Gives acknowledgements the sequence number that the standard asks for.
//!
//! After a retransmission timeout smoltcp 0.14 starts again from the oldest unacknowledged byte
//! and puts *that* position on its pure acknowledgements. The other end has long received what
//! comes after it, takes the segment for an old one and ignores what it acknowledges. When both
//! ends are in that state, nothing moves again. A pure acknowledgement must carry SND.NXT, which
//! never goes back.
//!
//! Source: RFC 9293 §3.10.7.4, "If an incoming segment is not acceptable", and §3.4.

use core::ops::Range;

use super::device::tcp_offset;

const TCP_HEADER_LEN: usize = 20;

const SEQUENCE: Range<usize> = 4..8;
const DATA_OFFSET: usize = 12;
const FLAGS: usize = 13;
const CHECKSUM: Range<usize> = 16..18;

const FIN: u8 = 1;
const SYN: u8 = 1 << 1;
const RST: u8 = 1 << 2;
const ACK: u8 = 1 << 4;

/// The sequence number after the last one ever sent: SND.NXT without retransmissions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HighestSent(Option<u32>);

impl HighestSent {
    /// Takes note of an outgoing packet of the stack, and corrects it if it is an acknowledgement.
    pub(super) fn pass(&mut self, packet: &mut [u8]) {
        let Some(offset) = tcp_offset(packet) else {
            return;
        };
        let Some(segment) = packet.get_mut(offset..) else {
            return;
        };
        let Some(header) = segment.first_chunk::<TCP_HEADER_LEN>() else {
            return;
        };
        let flags = header[FLAGS];
        if flags & RST != 0 {
            return;
        }
        let data_len = segment
            .len()
            .saturating_sub(usize::from(header[DATA_OFFSET] >> 4) * 4);
        let in_stream = data_len + usize::from(flags & SYN != 0) + usize::from(flags & FIN != 0);
        let start = sequence(segment);
        let end = start.wrapping_add(u32::try_from(in_stream).unwrap_or(0));
        match self.0 {
            Some(highest) if in_stream == 0 && flags & ACK != 0 && is_before(start, highest) => {
                rewrite(segment, highest);
            }
            Some(highest) if !is_before(highest, end) => {}
            _ => self.0 = Some(end),
        }
    }
}

fn sequence(segment: &[u8]) -> u32 {
    segment[SEQUENCE]
        .iter()
        .fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Compares in the circle of sequence numbers. Source: RFC 9293 §3.4.
const fn is_before(left: u32, right: u32) -> bool {
    right.wrapping_sub(left).wrapping_sub(1) < 1 << 31
}

/// Replaces the sequence number and updates the checksum. Source: RFC 1624 §3.
fn rewrite(segment: &mut [u8], sequence_number: u32) {
    let mut sum = !word(segment, CHECKSUM.start) & 0xffff;
    for (at, half) in [(4, sequence_number >> 16), (6, sequence_number & 0xffff)] {
        sum += (!word(segment, at) & 0xffff) + half;
    }
    segment[SEQUENCE].copy_from_slice(&sequence_number.to_be_bytes());
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!sum).to_be_bytes();
    segment[CHECKSUM].copy_from_slice(&[high, low]);
}

fn word(segment: &[u8], at: usize) -> u32 {
    u32::from(segment[at]) << 8 | u32::from(segment[at + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPV4_HEADER_LEN: usize = 20;

    fn segment(sequence_number: u32, flags: u8, data: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; IPV4_HEADER_LEN];
        (packet[0], packet[9]) = (0x45, 6);
        packet.extend([0, 80, 0, 81]);
        packet.extend(sequence_number.to_be_bytes());
        packet.extend([0, 0, 0, 9, 0x50, flags, 1, 2, 0, 0, 0, 0]);
        packet.extend(data);
        let checksum = !folded_sum(&packet[IPV4_HEADER_LEN..]);
        packet[36..38].copy_from_slice(&checksum.to_be_bytes());
        packet
    }

    fn folded_sum(bytes: &[u8]) -> u16 {
        let mut sum: u32 = bytes
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::try_from(sum).unwrap()
    }

    #[test]
    fn acknowledgement_after_going_back_carries_the_highest_number() {
        let mut highest = HighestSent::default();
        highest.pass(&mut segment(u32::MAX - 3, ACK, &[7; 10]));
        let mut acknowledgement = segment(u32::MAX - 3, ACK, &[]);
        highest.pass(&mut acknowledgement);
        assert_eq!(sequence(&acknowledgement[IPV4_HEADER_LEN..]), 6);
        assert_eq!(folded_sum(&acknowledgement[IPV4_HEADER_LEN..]), 0xffff);
    }

    #[test]
    fn data_keeps_its_place() {
        let mut highest = HighestSent::default();
        highest.pass(&mut segment(1000, ACK, &[7; 10]));
        let again = segment(1000, ACK, &[7; 10]);
        let mut passed = again.clone();
        highest.pass(&mut passed);
        assert_eq!(passed, again);
    }

    #[test]
    fn order_holds_across_the_end_of_the_circle() {
        assert!(is_before(u32::MAX, 0) && !is_before(0, u32::MAX) && !is_before(5, 5));
    }
}
