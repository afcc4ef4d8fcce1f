//! The header before every packet of an interface with offloads: `struct virtio_net_hdr`.
//!
//! ```text
//! | flags 1 | kind 1 | header length 2 | segment length 2 | checksum start 2 | checksum offset 2 | packet
//! ```
//!
//! Numbers are in the byte order of the machine. Source: Linux `include/uapi/linux/virtio_net.h`.

/// The length of the header in bytes.
pub(super) const VIRTIO_HEADER_LEN: usize = 10;

/// The checksum is left to whoever takes the packet: its field holds the sum of the pseudo header.
const FLAG_NEEDS_CHECKSUM: u8 = 1;

const KIND_WHOLE: u8 = 0;
const KIND_TCP_V4: u8 = 1;
const KIND_TCP_V6: u8 = 4;
const KIND_UDP: u8 = 5;
/// May stand beside a TCP kind: the first segment alone carries CWR.
const KIND_ECN: u8 = 0x80;

/// What is left to do to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Todo {
    Nothing,
    /// The checksum has to be completed.
    Checksum(ChecksumPlace),
    /// The packet has to be cut into segments.
    Split(Cut),
}

/// Where a checksum begins to sum, and where it is written, in bytes from the start of the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ChecksumPlace {
    pub(super) start: usize,
    pub(super) field: usize,
}

/// How a packet is to be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cut {
    pub(super) transport: Transport,
    /// The length of all headers together in bytes; a hint that need not be right when read.
    pub(super) header_len: usize,
    /// The payload of each segment in bytes, the last one may have less; never 0.
    pub(super) segment_len: usize,
    pub(super) checksum: ChecksumPlace,
}

/// The protocols that are cut and put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    TcpV4,
    TcpV6,
    Udp,
}

impl Todo {
    /// Reads a header; `None` is one that nobody asked for.
    pub(super) fn read(header: &[u8; VIRTIO_HEADER_LEN]) -> Option<Self> {
        let word = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let start = usize::from(word(6));
        let checksum = ChecksumPlace {
            start,
            field: start + usize::from(word(8)),
        };
        let needs_checksum = header[0] & FLAG_NEEDS_CHECKSUM != 0;
        let transport = match header[1] & !KIND_ECN {
            KIND_WHOLE if needs_checksum => return Some(Self::Checksum(checksum)),
            KIND_WHOLE => return Some(Self::Nothing),
            KIND_TCP_V4 => Transport::TcpV4,
            KIND_TCP_V6 => Transport::TcpV6,
            KIND_UDP => Transport::Udp,
            _ => return None,
        };
        let cut = Cut {
            transport,
            header_len: usize::from(word(2)),
            segment_len: usize::from(word(4)),
            checksum,
        };
        (needs_checksum && cut.segment_len > 0).then_some(Self::Split(cut))
    }

    /// Writes the header of a packet that the kernel is to finish.
    pub(super) fn to_bytes(self) -> [u8; VIRTIO_HEADER_LEN] {
        let mut header = [0; VIRTIO_HEADER_LEN];
        let checksum = match self {
            Self::Nothing => return header,
            Self::Checksum(checksum) => checksum,
            Self::Split(cut) => {
                header[1] = match cut.transport {
                    Transport::TcpV4 => KIND_TCP_V4,
                    Transport::TcpV6 => KIND_TCP_V6,
                    Transport::Udp => KIND_UDP,
                };
                header[2..4].copy_from_slice(&word(cut.header_len));
                header[4..6].copy_from_slice(&word(cut.segment_len));
                cut.checksum
            }
        };
        header[0] = FLAG_NEEDS_CHECKSUM;
        header[6..8].copy_from_slice(&word(checksum.start));
        header[8..10].copy_from_slice(&word(checksum.field.saturating_sub(checksum.start)));
        header
    }
}

/// A length or place inside a packet of at most 64 KiB.
fn word(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Cut = Cut {
        transport: Transport::TcpV6,
        header_len: 72,
        segment_len: 1348,
        checksum: ChecksumPlace {
            start: 40,
            field: 56,
        },
    };

    #[test]
    fn what_is_written_is_read_again() {
        for todo in [
            Todo::Nothing,
            Todo::Checksum(CUT.checksum),
            Todo::Split(CUT),
        ] {
            assert_eq!(Todo::read(&todo.to_bytes()), Some(todo));
        }
    }

    #[test]
    fn a_packet_with_nothing_left_to_do_has_a_header_of_zeros() {
        assert_eq!(Todo::Nothing.to_bytes(), [0; VIRTIO_HEADER_LEN]);
    }

    #[test]
    fn a_mark_of_congestion_changes_nothing_about_the_cut() {
        let mut header = Todo::Split(CUT).to_bytes();
        header[1] |= KIND_ECN;
        assert_eq!(Todo::read(&header), Some(Todo::Split(CUT)));
    }

    #[test]
    fn segments_without_length_or_checksum_and_unknown_kinds_are_refused() {
        let header = Todo::Split(CUT).to_bytes();
        for (at, value) in [(0, 0), (1, 3), (1, 6)] {
            let mut wrong = header;
            wrong[at] = value;
            assert_eq!(Todo::read(&wrong), None);
        }
        let mut empty = header;
        empty[4..6].fill(0);
        assert_eq!(Todo::read(&empty), None);
    }
}
