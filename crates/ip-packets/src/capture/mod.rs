//! Files of packets: pcap and pcapng, read and written.
//!
//! The formats themselves are `pcap-file`'s; here are link layers, units of time and bounds.

mod link;
mod read;
mod tidy;
mod write;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use pcap_file::PcapError;

pub use link::LinkType;
pub use read::CaptureReader;
pub use write::{CaptureWriter, InterfaceId, PcapWriter};

/// A packet out of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Captured {
    /// The interface it was captured on: an index into [`CaptureReader::interfaces`].
    pub interface: usize,
    /// When, since the start of 1970; zero where the file does not say.
    pub timestamp: Duration,
    /// How long the packet was, in bytes; more than `data` has if it was cut.
    pub original_len: usize,
    /// What the first bytes of `data` are.
    pub link: LinkType,
    /// The packet with its link layer.
    pub data: Vec<u8>,
    /// What somebody noted about it.
    pub comments: Vec<String>,
}

impl Captured {
    /// Returns the IP packet in it, without the link layer.
    ///
    /// `None` if it carries something else, or the link layer is none that this crate reads. What is
    /// returned is not parsed yet.
    #[must_use]
    pub fn packet(&self) -> Option<&[u8]> {
        self.link.packet(&self.data)
    }
}

/// Where packets were captured.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CaptureInterface {
    /// What it is called, empty where the file does not say.
    pub name: String,
    /// Its link layer.
    pub link: LinkType,
    /// What somebody noted about it.
    pub comments: Vec<String>,
}

/// Why a file of packets could not be read or written.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file starts as no file of packets does.
    #[error("neither pcap nor pcapng: the file starts with {start:02x?}")]
    UnknownFormat {
        /// Its first four bytes.
        start: [u8; 4],
    },
    /// The bytes end within a header, a block or a packet, or a block is too long to be read.
    #[error("the file is cut off, or has a block of more than 8 MB")]
    Truncated,
    /// The bytes are not what the format says they are.
    #[error("the file is malformed: {reason}")]
    Malformed {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// A packet is of an interface that was not described before.
    #[error("a packet is of interface {interface}, of which there are {count}")]
    NoSuchInterface {
        /// Its number.
        interface: u32,
        /// How many interfaces were described.
        count: usize,
    },
    /// More interfaces than anything has.
    #[error("more than {most} interfaces")]
    TooManyInterfaces {
        /// How many there may be.
        most: usize,
    },
    /// The file could not be read or written.
    #[error("reading or writing packets failed")]
    Io(#[source] std::io::Error),
}

impl From<PcapError> for CaptureError {
    fn from(error: PcapError) -> Self {
        match error {
            PcapError::IncompleteBuffer => Self::Truncated,
            PcapError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Truncated
            }
            PcapError::IoError(error) => Self::Io(error),
            PcapError::InvalidField(reason) => Self::Malformed { reason },
            PcapError::Utf8Error(_) | PcapError::FromUtf8Error(_) => Self::Malformed {
                reason: "a text is not UTF-8",
            },
            PcapError::InvalidInterfaceId(interface) => Self::NoSuchInterface {
                interface,
                count: 0,
            },
        }
    }
}
