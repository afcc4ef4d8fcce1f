//! Up: packets of one flow that follow each other, handed to the kernel as one.
//!
//! ```text
//!  opened:  | h | A1 |   | h | B1 |   | h | A2 |   | ack |   | h | A3 |   | h | B2 |
//!  written: [virtio + h A][A1][A2][A3]   [virtio + h B][B1][B2]   [virtio][ack]
//! ```
//!
//! Nothing is copied but headers: one `writev` gathers the payloads from where they were opened. The
//! kernel takes the result as it takes what its own network cards put together, and does for all
//! segments at once what it else does for each.
//!
//! The order within a flow is kept: what cannot be put together closes its flow, and all is written in
//! the order in which it began. Checksums are verified before packets are put together, as the kernel
//! trusts them from then on. Source: Linux `net/ipv4/tcp_offload.c:tcp_gro_receive`,
//! `net/ipv4/udp_offload.c:udp_gro_receive_segment`.

use core::time::Duration;
use std::io::{self, IoSlice};

use arrayvec::ArrayVec;
use rustix::io::Errno;
use wirecraft_ip_packets::{IPV4_HEADER_LEN, checksum::checksum};
use wirecraft_time::Instant;

use super::segment::{Kinship, Segment, TCP_PSH, kinship};
use super::split::{TCP_CHECKSUM, TCP_FLAGS, UDP_CHECKSUM, UDP_LEN};
use super::virtio::{ChecksumPlace, Cut, Todo, Transport, VIRTIO_HEADER_LEN};

/// The most packets that are looked at together.
pub(super) const BATCH_MAX: usize = 128;

/// The most bytes of an IP packet.
const PACKET_LEN_MAX: usize = 65_535;

/// The most datagrams that the kernel takes as one (Linux: `UDP_MAX_SEGMENTS` was 64 for long).
const UDP_SEGMENTS_MAX: u16 = 64;

/// The longest headers that are put together: IPv6 and TCP with all its options, behind virtio's.
const HEADERS_LEN_MAX: usize = VIRTIO_HEADER_LEN + 40 + 60;

/// How long a protocol is left alone after the kernel took its packets one by one but not as one.
const PAUSE: Duration = Duration::from_secs(60);

/// Puts packets together and writes them.
#[derive(Debug)]
pub(super) struct Coalescer {
    tcp: Switch,
    udp: Switch,
    groups: ArrayVec<Group, BATCH_MAX>,
    /// For each packet the number of the one behind it in its group.
    behind: [u8; BATCH_MAX],
}

/// Whether a protocol is put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Switch {
    /// Never: it is not wanted, or the kernel cannot.
    Off,
    /// From then on.
    From(Instant),
}

/// What became of packets that were not simply taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Written {
    /// Packets that were not taken.
    pub(super) refused: u64,
    /// Packets put together that were taken one by one alone.
    pub(super) apart: u64,
}

/// Packets that are written as one, or one packet alone.
#[derive(Clone, Copy, Debug)]
struct Group {
    flow: u64,
    /// Of the first packet; `None` is a packet that stays alone.
    segment: Option<Segment>,
    is_open: bool,
    is_verified: bool,
    first: u8,
    last: u8,
    count: u16,
    payload_len: usize,
}

impl Coalescer {
    pub(super) fn new(tcp: bool, udp: bool) -> Self {
        let switch = |is_on: bool| {
            if is_on {
                Switch::From(Instant::ORIGIN)
            } else {
                Switch::Off
            }
        };
        Self {
            tcp: switch(tcp),
            udp: switch(udp),
            groups: ArrayVec::new(),
            behind: [0; BATCH_MAX],
        }
    }

    /// Writes at most [`BATCH_MAX`] packets by `write`.
    ///
    /// A protocol of which the kernel takes packets alone but not put together is left alone for a while.
    pub(super) fn write_all(
        &mut self,
        now: Instant,
        packets: &[&[u8]],
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<()>,
    ) -> Written {
        self.groups.clear();
        for (number, packet) in (0..).zip(packets.iter().take(BATCH_MAX)) {
            self.add(now, number, packet, packets);
        }
        let mut written = Written::default();
        for number in 0..self.groups.len() {
            let group = self.groups[number];
            if let Some(transport) = self.write_group(&group, packets, &mut write, &mut written) {
                *self.switch(transport) = Switch::From(now + PAUSE);
            }
        }
        written
    }

    /// How many UDP datagrams there were among the packets that were written last, as far as they are put
    /// together.
    pub(super) fn datagrams(&self) -> usize {
        let is_udp = |segment: Segment| segment.transport == Transport::Udp;
        let of_udp = self
            .groups
            .iter()
            .filter(|it| it.segment.is_some_and(is_udp));
        of_udp.map(|group| usize::from(group.count)).sum()
    }

    fn add(&mut self, now: Instant, number: u8, packet: &[u8], packets: &[&[u8]]) {
        let (flow, segment) = match kinship(packet) {
            Kinship::Segment(segment) if self.is_on(now, segment.transport) => {
                (segment.flow, Some(segment))
            }
            Kinship::Segment(Segment { flow, .. }) | Kinship::Alone { flow } => (flow, None),
            Kinship::Fragment => {
                for group in &mut self.groups {
                    group.is_open = false;
                }
                (0, None)
            }
            Kinship::Stranger => (0, None),
        };
        let of_flow = |group: &&mut Group| group.is_open && group.flow == flow;
        if let Some(group) = self.groups.iter_mut().rev().find(of_flow) {
            let last = usize::from(group.last);
            if segment.is_some_and(|segment| group.take(number, &segment, packets)) {
                self.behind[last] = number;
                return;
            }
            group.is_open = false;
        }
        self.groups.push(Group::new(number, flow, segment));
    }

    fn is_on(&self, now: Instant, transport: Transport) -> bool {
        let switch = match transport {
            Transport::TcpV4 | Transport::TcpV6 => self.tcp,
            Transport::Udp => self.udp,
        };
        matches!(switch, Switch::From(at) if at <= now)
    }

    fn switch(&mut self, transport: Transport) -> &mut Switch {
        match transport {
            Transport::TcpV4 | Transport::TcpV6 => &mut self.tcp,
            Transport::Udp => &mut self.udp,
        }
    }

    /// Writes a group; returns the protocol whose packets the kernel takes alone, but not as one.
    fn write_group(
        &self,
        group: &Group,
        packets: &[&[u8]],
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<()>,
        written: &mut Written,
    ) -> Option<Transport> {
        let Some(segment) = group.segment.filter(|_| group.count > 1) else {
            let alone = write_alone(packets[usize::from(group.first)], write);
            written.refused += u64::from(alone.is_err());
            return None;
        };
        let error = self.write_together(group, &segment, packets, write).err()?;
        let mut refused = 0;
        for number in self.members(group) {
            refused += u64::from(write_alone(packets[number], write).is_err());
        }
        written.refused += refused;
        written.apart += u64::from(group.count) - refused;
        let transport = segment.transport;
        let is_unfit = refused < u64::from(group.count) && is_of_putting_together(&error);
        is_unfit.then(|| {
            tracing::debug!(%error, ?transport, "packets are written one by one for a while");
            transport
        })
    }

    fn write_together(
        &self,
        group: &Group,
        segment: &Segment,
        packets: &[&[u8]],
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<()>,
    ) -> io::Result<()> {
        let headers = group.headers(segment, packets);
        let mut slices = ArrayVec::<IoSlice<'_>, { BATCH_MAX + 1 }>::new();
        slices.push(IoSlice::new(&headers));
        for number in self.members(group) {
            slices.push(IoSlice::new(&packets[number][segment.header_len..]));
        }
        write(&slices)
    }

    /// The numbers of the packets of a group, in order.
    fn members(&self, group: &Group) -> impl Iterator<Item = usize> {
        let behind = |number: &u8| Some(self.behind[usize::from(*number)]);
        core::iter::successors(Some(group.first), behind)
            .take(group.count.into())
            .map(usize::from)
    }
}

/// Whether a kernel that refuses packets as one says by it that it never takes such. For want of memory,
/// or while the interface is set up, it refuses others as well.
fn is_of_putting_together(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INVAL | Errno::MSGSIZE | Errno::OPNOTSUPP)
    )
}

fn write_alone(
    packet: &[u8],
    write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<()>,
) -> io::Result<()> {
    let header = Todo::Nothing.to_bytes();
    write(&[IoSlice::new(&header), IoSlice::new(packet)])
}

impl Group {
    fn new(number: u8, flow: u64, segment: Option<Segment>) -> Self {
        Self {
            flow,
            segment,
            is_open: segment.is_some_and(|segment| !segment.is_last),
            is_verified: false,
            first: number,
            last: number,
            count: 1,
            payload_len: segment.map_or(0, |segment| segment.payload_len),
        }
    }

    /// Takes packet `number` as the next one, if it is.
    fn take(&mut self, number: u8, next: &Segment, packets: &[&[u8]]) -> bool {
        let Some(segment) = self.segment else {
            return false;
        };
        let (first, packet) = (
            packets[usize::from(self.first)],
            packets[usize::from(number)],
        );
        if !self.has_room_for(&segment, next) || !segment.continues(packet, first, self.count) {
            return false;
        }
        self.is_verified = self.is_verified || segment.verify(first);
        if !self.is_verified || !segment.verify(packet) {
            return false;
        }
        self.last = number;
        self.count += 1;
        self.payload_len += next.payload_len;
        self.is_open = !next.is_last && next.payload_len == segment.payload_len;
        true
    }

    /// Whether the lengths and the sequence number allow `next` to follow.
    fn has_room_for(&self, segment: &Segment, next: &Segment) -> bool {
        let len = segment.header_len + self.payload_len + next.payload_len;
        // Sequence numbers wrap around, as a cast of at most 64 KiB does not.
        let seq = segment
            .seq
            .wrapping_add(u32::try_from(self.payload_len).unwrap_or(0));
        next.transport == segment.transport
            && next.transport_at == segment.transport_at
            && next.header_len == segment.header_len
            && next.payload_len <= segment.payload_len
            && len <= PACKET_LEN_MAX
            && match segment.transport {
                Transport::TcpV4 | Transport::TcpV6 => next.seq == seq,
                Transport::Udp => self.count < UDP_SEGMENTS_MAX,
            }
    }

    /// The headers for all packets of the group together, virtio's in front.
    fn headers(&self, segment: &Segment, packets: &[&[u8]]) -> ArrayVec<u8, HEADERS_LEN_MAX> {
        let first = &packets[usize::from(self.first)][..segment.header_len];
        let last = packets[usize::from(self.last)];
        let mut all = ArrayVec::new();
        all.extend(Todo::Split(self.cut(segment)).to_bytes());
        all.extend(first.iter().copied());
        let (ip, transport) = all[VIRTIO_HEADER_LEN..].split_at_mut(segment.transport_at);
        let transport_len = transport.len() + self.payload_len;
        let total_len = u16::try_from(ip.len() + transport_len).unwrap_or(u16::MAX);
        if ip.len() == IPV4_HEADER_LEN {
            ip[2..4].copy_from_slice(&total_len.to_be_bytes());
            ip[10..12].fill(0);
            let sum = checksum(ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            ip[4..6].copy_from_slice(&total_len.saturating_sub(40).to_be_bytes());
        }
        let field = match segment.transport {
            Transport::TcpV4 | Transport::TcpV6 => {
                transport[TCP_FLAGS] |= last[segment.transport_at + TCP_FLAGS] & TCP_PSH;
                TCP_CHECKSUM
            }
            Transport::Udp => {
                let len = u16::try_from(transport_len).unwrap_or(u16::MAX);
                transport[UDP_LEN..UDP_LEN + 2].copy_from_slice(&len.to_be_bytes());
                UDP_CHECKSUM
            }
        };
        let sum = !segment.pseudo_header(ip, transport_len).finish();
        transport[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        all
    }

    fn cut(&self, segment: &Segment) -> Cut {
        let field = match segment.transport {
            Transport::TcpV4 | Transport::TcpV6 => TCP_CHECKSUM,
            Transport::Udp => UDP_CHECKSUM,
        };
        Cut {
            transport: segment.transport,
            header_len: segment.header_len,
            segment_len: segment.payload_len,
            checksum: ChecksumPlace {
                start: segment.transport_at,
                field: segment.transport_at + field,
            },
        }
    }
}
