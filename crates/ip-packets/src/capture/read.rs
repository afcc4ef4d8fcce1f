//! Reading files of packets.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use std::io::{Cursor, Read};

use pcap_file::TsResolution;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::Block;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::packet::PacketOption;

use super::tidy::TidyBlocks;
use super::{CaptureError, CaptureInterface, Captured, LinkType};

/// The start of a pcapng file: a section header block.
const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// The starts of a pcap file: either order of bytes, micro- or nanoseconds.
const MAGICS: [[u8; 4]; 4] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0x4d, 0x3c, 0xb2, 0xa1],
];

/// How many interfaces a section may describe.
const INTERFACES_MAX: usize = 4096;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

type Source<R> = std::io::Chain<Cursor<[u8; 4]>, R>;

/// Reads the packets of a pcap or pcapng file one after the other.
///
/// Memory is bounded: 8 MB each for the block that is read and what was read ahead, and of the names
/// and comments of interfaces a MiB in a section; those beyond are left out, as are names and
/// comments of one interface or packet beyond 64. Of a text that is not UTF-8, bytes that are none
/// read as question marks. After an error nothing follows.
///
/// ```
/// use core::time::Duration;
/// use wirecraft_ip_packets::{CaptureReader, CaptureWriter, LinkType, v4};
///
/// let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1000, 53).build();
/// let mut writer = CaptureWriter::new(Vec::new())?;
/// let tunnel = writer.interface("wg0", LinkType::RAW)?;
/// writer.packet(tunnel, Duration::from_nanos(7), &packet, Some("the first"))?;
///
/// let file = writer.finish()?;
/// let mut reader = CaptureReader::new(&file[..])?;
/// let captured = reader.next().unwrap()?;
/// assert_eq!(captured.packet(), Some(&packet[..]));
/// assert_eq!(captured.timestamp, Duration::from_nanos(7));
/// assert_eq!(captured.comments, ["the first"]);
/// assert_eq!(reader.interfaces()[captured.interface].name, "wg0");
/// # Ok::<(), wirecraft_ip_packets::CaptureError>(())
/// ```
pub struct CaptureReader<R: Read> {
    format: Format<R>,
    interfaces: Vec<CaptureInterface>,
    /// How the timestamps of each interface count.
    clocks: Vec<Clock>,
    /// Where packets of the first interface are cut, in bytes; 0 says that they are not. Blocks of
    /// simple packets leave it to this how long they are.
    snap_len: u32,
    is_over: bool,
}

enum Format<R: Read> {
    Pcap(PcapReader<Source<R>>),
    PcapNg(PcapNgReader<TidyBlocks<Source<R>>>),
}

impl<R: Read> CaptureReader<R> {
    /// Reads the start of a file, which says what format it has.
    ///
    /// # Errors
    /// [`CaptureError`] if it has neither, or its header is malformed.
    pub fn new(mut file: R) -> Result<Self, CaptureError> {
        let mut start = [0; 4];
        file.read_exact(&mut start)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => CaptureError::Truncated,
                _ => CaptureError::Io(error),
            })?;
        let source = Cursor::new(start).chain(file);
        let mut reader = Self {
            format: if start == SECTION_HEADER {
                Format::PcapNg(PcapNgReader::new(TidyBlocks::new(source))?)
            } else if MAGICS.contains(&start) {
                Format::Pcap(PcapReader::new(source)?)
            } else {
                return Err(CaptureError::UnknownFormat { start });
            },
            interfaces: Vec::new(),
            clocks: Vec::new(),
            snap_len: 0,
            is_over: false,
        };
        if let Format::Pcap(pcap) = &reader.format {
            let header = pcap.header();
            let digits = match header.ts_resolution {
                TsResolution::MicroSecond => 6,
                TsResolution::NanoSecond => 9,
            };
            reader.clocks.push(Clock::of_file(digits));
            reader.interfaces.push(CaptureInterface {
                name: String::new(),
                link: LinkType::from_file(header.datalink),
                comments: Vec::new(),
            });
        }
        Ok(reader)
    }

    /// Returns the interfaces that were described so far; a pcap file has one, without a name.
    ///
    /// A pcapng file may describe them anywhere before their first packet.
    #[must_use]
    pub fn interfaces(&self) -> &[CaptureInterface] {
        &self.interfaces
    }

    /// Reads up to the next packet.
    fn read(&mut self) -> Result<Option<Captured>, CaptureError> {
        match &mut self.format {
            Format::Pcap(reader) => {
                let Some(packet) = reader.next_raw_packet() else {
                    return Ok(None);
                };
                let packet = packet?;
                let fraction = u64::from(packet.ts_frac);
                let timestamp = Duration::from_secs(packet.ts_sec.into())
                    .saturating_add(self.clocks[0].duration(fraction));
                Ok(Some(Captured {
                    interface: 0,
                    timestamp,
                    original_len: len(packet.orig_len),
                    link: self.interfaces[0].link,
                    data: packet.data.into_owned(),
                    comments: Vec::new(),
                }))
            }
            Format::PcapNg(_) => self.read_blocks(),
        }
    }

    fn read_blocks(&mut self) -> Result<Option<Captured>, CaptureError> {
        loop {
            let Format::PcapNg(reader) = &mut self.format else {
                return Ok(None);
            };
            let Some(block) = reader.next_block() else {
                return Ok(None);
            };
            match block?.into_owned() {
                Block::SectionHeader(_) => {
                    self.interfaces.clear();
                    self.clocks.clear();
                }
                Block::InterfaceDescription(block) => self.describe(block)?,
                Block::EnhancedPacket(block) => {
                    let comments = block.options.into_iter().filter_map(|option| match option {
                        EnhancedPacketOption::Comment(text) => Some(text.into_owned()),
                        _ => None,
                    });
                    let comments = comments.collect();
                    let units = u64::try_from(block.timestamp.as_nanos()).unwrap_or(u64::MAX);
                    let data = block.data.into_owned();
                    let mut captured =
                        self.captured(block.interface_id, data, block.original_len)?;
                    captured.timestamp = self.clocks[captured.interface].duration(units);
                    captured.comments = comments;
                    return Ok(Some(captured));
                }
                Block::Packet(block) => {
                    let comments = block.options.into_iter().filter_map(|option| match option {
                        PacketOption::Comment(text) => Some(text.into_owned()),
                        _ => None,
                    });
                    let comments = comments.collect();
                    let data = block.data.into_owned();
                    let interface = u32::from(block.interface_id);
                    let mut captured = self.captured(interface, data, block.original_len)?;
                    captured.timestamp = self.clocks[captured.interface].duration(block.timestamp);
                    captured.comments = comments;
                    return Ok(Some(captured));
                }
                Block::SimplePacket(block) => {
                    // What follows the packet in its block is padding.
                    let mut data = block.data.into_owned();
                    data.truncate(len(match self.snap_len {
                        0 => block.original_len,
                        snap_len => snap_len.min(block.original_len),
                    }));
                    return self.captured(0, data, block.original_len).map(Some);
                }
                _ => {}
            }
        }
    }

    fn describe(&mut self, block: InterfaceDescriptionBlock<'_>) -> Result<(), CaptureError> {
        if self.interfaces.len() == INTERFACES_MAX {
            let most = INTERFACES_MAX;
            return Err(CaptureError::TooManyInterfaces { most });
        }
        if self.interfaces.is_empty() {
            self.snap_len = block.snaplen;
        }
        let mut clock = Clock::of_file(6);
        let mut interface = CaptureInterface {
            name: String::new(),
            link: LinkType::from_file(block.linktype),
            comments: Vec::new(),
        };
        for option in block.options {
            match option {
                InterfaceDescriptionOption::IfName(name) => interface.name = name.into_owned(),
                InterfaceDescriptionOption::Comment(text) => {
                    interface.comments.push(text.into_owned());
                }
                InterfaceDescriptionOption::IfTsResol(resolution) => clock.resolution = resolution,
                InterfaceDescriptionOption::IfTsOffset(seconds) => {
                    clock.offset = seconds.cast_signed();
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        self.clocks.push(clock);
        Ok(())
    }

    fn captured(
        &self,
        interface: u32,
        data: Vec<u8>,
        original_len: u32,
    ) -> Result<Captured, CaptureError> {
        let index = len(interface);
        let Some(found) = self.interfaces.get(index) else {
            let count = self.interfaces.len();
            return Err(CaptureError::NoSuchInterface { interface, count });
        };
        Ok(Captured {
            interface: index,
            timestamp: Duration::ZERO,
            original_len: len(original_len),
            link: found.link,
            data,
            comments: Vec::new(),
        })
    }
}

impl<R: Read> Iterator for CaptureReader<R> {
    type Item = Result<Captured, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read().transpose();
        self.is_over = !matches!(read, Some(Ok(_)));
        read
    }
}

impl<R: Read> core::iter::FusedIterator for CaptureReader<R> {}

/// How the timestamps of an interface count.
struct Clock {
    /// Digits behind the point of a second; bits behind it if the highest bit is set.
    resolution: u8,
    /// Seconds that are added to every timestamp.
    offset: i64,
}

impl Clock {
    const fn of_file(resolution: u8) -> Self {
        Self {
            resolution,
            offset: 0,
        }
    }

    /// Returns what so many units are. Source: pcapng, section 4.2, `if_tsresol`.
    fn duration(&self, units: u64) -> Duration {
        let nanos = match self.resolution {
            bits @ 0x80.. => (u128::from(units) * NANOS_PER_SECOND)
                .checked_shr(u32::from(bits & 0x7f))
                .unwrap_or(0),
            digits => match 10_u128.checked_pow(u32::from(digits)) {
                Some(per_second) => u128::from(units) * NANOS_PER_SECOND / per_second,
                None => 0,
            },
        };
        let seconds = u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0);
        Duration::new(seconds.saturating_add_signed(self.offset), rest)
    }
}

/// Returns a 32-bit length of a file as one of memory.
fn len(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_behind() {
        let clock = Clock {
            resolution: 0,
            offset: -7,
        };
        assert_eq!(clock.duration(10), Duration::from_secs(3));
        assert_eq!(clock.duration(5), Duration::ZERO);
    }

    #[test]
    fn a_clock_counts_in_its_unit() {
        let at = |resolution, units| Clock::of_file(resolution).duration(units);
        assert_eq!(at(6, 1_500_000), Duration::from_millis(1500));
        assert_eq!(at(9, 7), Duration::from_nanos(7));
        assert_eq!(at(0, 7), Duration::from_secs(7));
        assert_eq!(at(0x81, 3), Duration::from_millis(1500));
        assert_eq!(at(127, u64::MAX), Duration::ZERO);
        assert_eq!(at(0xff, u64::MAX), Duration::ZERO);
        assert_eq!(at(0, u64::MAX), Duration::from_secs(u64::MAX));
    }
}
