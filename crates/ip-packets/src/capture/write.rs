//! Writing files of packets.

use alloc::borrow::Cow;
use alloc::vec;
use core::time::Duration;
use std::io::Write;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};

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
        self.writer.write_pcapng_block(InterfaceDescriptionBlock {
            linktype: link.for_file(),
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Borrowed(cut(name))),
                InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
            ],
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
    /// [`CaptureError::Io`] if it cannot be written.
    pub fn packet(
        &mut self,
        interface: InterfaceId,
        timestamp: Duration,
        data: &[u8],
        comment: Option<&str>,
    ) -> Result<(), CaptureError> {
        let comment = comment.map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(cut(text))));
        self.writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: interface.0,
            timestamp: timestamp.min(Duration::from_nanos(u64::MAX)),
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
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

/// Cuts a text to what an option can have.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_LEN_MAX)]
}
