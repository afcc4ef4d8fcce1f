//! Writing files of packets.

use alloc::borrow::Cow;
use alloc::vec;
use core::time::Duration;
use std::io::Write;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter as ClassicWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};

use pcap_file::{Endianness, TsResolution};

use super::{CaptureError, LinkType};

/// Nanoseconds, as digits behind the point of a second.
const NANOSECONDS: u8 = 9;

/// The longest text that an option can have, in bytes.
const TEXT_LEN_MAX: usize = 65_535;

/// Writes packets to a pcapng file, in nanoseconds.
///
/// [`CaptureReader`](super::CaptureReader) has an example.
pub struct CaptureWriter<W: Write> {
    writer: PcapNgWriter<W>,
    interfaces: u32,
}

/// An interface of the file that is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct InterfaceId(u32);

impl<W: Write> CaptureWriter<W> {
    /// Starts a file.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be written.
    pub fn new(file: W) -> Result<Self, CaptureError> {
        Ok(Self {
            writer: PcapNgWriter::new(file)?,
            interfaces: 0,
        })
    }

    /// Describes an interface, before its first packet.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be written.
    pub fn interface(&mut self, name: &str, link: LinkType) -> Result<InterfaceId, CaptureError> {
        self.interface_with_comments(name, link, &[])
    }

    /// Describes an interface, before its first packet, with notes about it.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be written.
    pub fn interface_with_comments(
        &mut self,
        name: &str,
        link: LinkType,
        comments: &[&str],
    ) -> Result<InterfaceId, CaptureError> {
        let mut options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(cut(name))),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        let comments = comments.iter().map(|text| Cow::Borrowed(cut(text)));
        options.extend(comments.map(InterfaceDescriptionOption::Comment));
        self.writer.write_pcapng_block(InterfaceDescriptionBlock {
            linktype: link.for_file(),
            snaplen: 0,
            options,
        })?;
        let id = InterfaceId(self.interfaces);
        self.interfaces += 1;
        Ok(id)
    }

    /// Writes a packet of an interface, with its link layer if it has one.
    ///
    /// `timestamp` counts from the start of 1970; what is after the year 2554 does not fit.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be written, [`CaptureError::NoSuchInterface`] if the
    /// interface is of another writer, which has more of them.
    pub fn packet(
        &mut self,
        interface: InterfaceId,
        timestamp: Duration,
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), CaptureError> {
        self.cut_packet(interface, timestamp, data, data.len(), comment)
    }

    /// Writes the start of a packet that had `original_len` bytes, or as many as are there if that is
    /// less.
    ///
    /// # Errors
    /// As [`packet`](Self::packet).
    pub fn cut_packet(
        &mut self,
        interface: InterfaceId,
        timestamp: Duration,
        data: &[u8],
        original_len: usize,
        comment: Option<&str>,
    ) -> Result<(), CaptureError> {
        if interface.0 >= self.interfaces {
            return Err(CaptureError::NoSuchInterface {
                interface: interface.0,
                count: usize::try_from(self.interfaces).unwrap_or(usize::MAX),
            });
        }
        let original_len = original_len.max(data.len());
        let comment = comment.map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(cut(text))));
        self.writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: interface.0,
            timestamp: timestamp.min(Duration::from_nanos(u64::MAX)),
            original_len: u32::try_from(original_len).unwrap_or(u32::MAX),
            data: Cow::Borrowed(data),
            options: comment.into_iter().collect(),
        })?;
        Ok(())
    }

    /// Ends the file and returns what it was written to.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if what is buffered cannot be written.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        self.writer.get_mut().flush().map_err(CaptureError::Io)?;
        Ok(self.writer.into_inner())
    }
}

/// Writes packets to a file of the older format, pcap: one link layer, no names, no comments.
///
/// Timestamps are in nanoseconds.
///
/// ```
/// use core::time::Duration;
/// use wirecraft_ip_packets::{CaptureReader, LinkType, PcapWriter, v4};
///
/// let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1000, 53).build();
/// let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW)?;
/// writer.packet(Duration::from_nanos(7), &packet)?;
///
/// let file = writer.finish()?;
/// let captured = CaptureReader::new(&file[..])?.next().unwrap()?;
/// assert_eq!(captured.packet(), Some(&packet[..]));
/// assert_eq!(captured.timestamp, Duration::from_nanos(7));
/// # Ok::<(), wirecraft_ip_packets::CaptureError>(())
/// ```
pub struct PcapWriter<W: Write>(ClassicWriter<W>);

impl<W: Write> PcapWriter<W> {
    /// Starts a file of packets that `link` stands before.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be written.
    pub fn new(file: W, link: LinkType) -> Result<Self, CaptureError> {
        let header = PcapHeader {
            datalink: link.for_file(),
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::Little,
            snaplen: u32::try_from(SNAP_LEN).unwrap_or(u32::MAX),
            ..PcapHeader::default()
        };
        Ok(Self(ClassicWriter::with_header(file, header)?))
    }

    /// Writes a packet, with its link layer if it has one.
    ///
    /// `timestamp` counts from the start of 1970; what is after the year 2106 does not fit. Of more
    /// than 262,144 bytes the first are written, as tcpdump does, and how many there were.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if it cannot be written.
    pub fn packet(&mut self, timestamp: Duration, data: &[u8]) -> Result<(), CaptureError> {
        self.cut_packet(timestamp, data, data.len())
    }

    /// Writes the start of a packet that had `original_len` bytes, or as many as are there if that is
    /// less.
    ///
    /// # Errors
    /// As [`packet`](Self::packet).
    pub fn cut_packet(
        &mut self,
        timestamp: Duration,
        data: &[u8],
        original_len: usize,
    ) -> Result<(), CaptureError> {
        let latest = Duration::from_secs(u32::MAX.into());
        let len = u32::try_from(original_len.max(data.len())).unwrap_or(u32::MAX);
        let data = data.get(..SNAP_LEN).unwrap_or(data);
        let packet = PcapPacket::new(timestamp.min(latest), len, data);
        self.0.write_packet(&packet)?;
        Ok(())
    }

    /// Ends the file and returns what it was written to.
    ///
    /// # Errors
    /// [`CaptureError::Io`] if what is buffered cannot be written.
    pub fn finish(self) -> Result<W, CaptureError> {
        let mut file = self.0.into_writer();
        file.flush().map_err(CaptureError::Io)?;
        Ok(file)
    }
}

/// The longest packet of a file, in bytes, as tcpdump has it.
const SNAP_LEN: usize = 262_144;

/// Cuts a text to what an option can have.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_LEN_MAX)]
}
