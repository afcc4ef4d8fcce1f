//! Traces of runs, as pcapng files that Wireshark reads.

use core::time::Duration;
use std::borrow::Cow;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};
use wirecraft_ip_packets as ip_packets;

use crate::link::Flight;
use crate::node::WALL_CLOCK_AT_START;

/// Nanoseconds, as a power of ten.
const TIMESTAMPS_IN_NANOSECONDS: u8 = 9;

/// The interface with the outer datagrams, and the one with the notes.
const WIRE: u32 = 0;
const NOTES: u32 = 1;

/// The interface with the inner packets of node 0; those of the others follow.
const INNER: u32 = 2;

/// Writes what happens in a run to a file.
///
/// Outer datagrams are on the interface `wire`, from the moment they are sent, lost or not. What comes
/// out of a tunnel is on the interface of its node. What befalls nodes is text on the interface
/// `notes`, and a comment. Time begins at the wall clock of the start of the run.
pub struct Recorder {
    writer: PcapNgWriter<Box<dyn Write + Send>>,
    failure: Option<PcapError>,
}

impl Recorder {
    /// Begins a trace of a run of so many nodes.
    ///
    /// # Errors
    /// [`PcapError`] if nothing can be written.
    pub fn new(output: Box<dyn Write + Send>, nodes: usize) -> Result<Self, PcapError> {
        let mut writer = PcapNgWriter::new(output)?;
        writer.write_pcapng_block(interface("wire", DataLink::RAW))?;
        writer.write_pcapng_block(interface("notes", DataLink::USER0))?;
        for node in 0..nodes {
            let name = format!("node {node}");
            writer.write_pcapng_block(interface(&name, DataLink::RAW))?;
        }
        Ok(Self {
            writer,
            failure: None,
        })
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// The first [`PcapError`] that kept something from being written.
    pub fn finish(mut self) -> Result<(), PcapError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        self.writer.get_mut().flush().map_err(PcapError::IoError)
    }

    pub(crate) fn outer(&mut self, at: Duration, flight: &Flight, comment: Option<&str>) {
        let (from, to) = (flight.from, flight.to);
        let ports = (from.port(), to.port());
        let packet = match endpoints(from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ip_packets::v4(from, to)
                .udp(ports.0, ports.1)
                .payload(&flight.bytes)
                .build(),
            (IpAddr::V6(from), IpAddr::V6(to)) => ip_packets::v6(from, to)
                .udp(ports.0, ports.1)
                .payload(&flight.bytes)
                .build(),
            _ => return,
        };
        self.write(at, WIRE, &packet, comment);
    }

    pub(crate) fn inner(&mut self, at: Duration, node: usize, packet: &[u8], comment: &str) {
        let interface = INNER + u32::try_from(node).unwrap_or(u32::MAX);
        self.write(at, interface, packet, Some(comment));
    }

    pub(crate) fn note(&mut self, at: Duration, text: &str) {
        self.write(at, NOTES, text.as_bytes(), Some(text));
    }

    /// A failure is kept for the end: a run does not depend on whether it is recorded.
    fn write(&mut self, at: Duration, interface_id: u32, data: &[u8], comment: Option<&str>) {
        let comment = comment.map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(text)));
        let block = EnhancedPacketBlock {
            interface_id,
            timestamp: WALL_CLOCK_AT_START + at,
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(data),
            options: comment.into_iter().collect(),
        };
        if let Err(error) = self.writer.write_pcapng_block(block) {
            self.failure.get_or_insert(error);
        }
    }
}

fn endpoints(from: SocketAddr, to: SocketAddr) -> (IpAddr, IpAddr) {
    (from.ip(), to.ip())
}

fn interface(name: &str, linktype: DataLink) -> InterfaceDescriptionBlock<'_> {
    InterfaceDescriptionBlock {
        linktype,
        snaplen: 0,
        options: vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            InterfaceDescriptionOption::IfTsResol(TIMESTAMPS_IN_NANOSECONDS),
        ],
    }
}
