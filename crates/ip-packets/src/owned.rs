//! A packet that is kept: its own bytes, checked once.

use alloc::vec::Vec;
use core::fmt;

use crate::{IpPacket, IpPacketMut, ParseError};

/// A packet of either version with bytes of its own.
///
/// ```
/// use wirecraft_ip_packets::{IpPacketBuf, v4};
///
/// let bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1000, 53).build();
/// let kept = IpPacketBuf::new(bytes)?;
/// assert_eq!(kept.view().udp()?.destination_port(), 53);
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IpPacketBuf {
    /// Exactly one packet that parses.
    bytes: Vec<u8>,
}

impl IpPacketBuf {
    /// Takes the packet at the start of `bytes`; what follows its length is cut off.
    ///
    /// # Errors
    /// As [`IpPacket::parse`].
    pub fn new(mut bytes: Vec<u8>) -> Result<Self, ParseError> {
        let len = IpPacket::parse(&bytes)?.as_bytes().len();
        bytes.truncate(len);
        Ok(Self { bytes })
    }

    /// Returns a view of the packet.
    #[must_use]
    pub fn view(&self) -> IpPacket<'_> {
        IpPacket::parse(&self.bytes).expect("what parsed once parses again")
    }

    /// Returns the packet to be changed in place; no change makes it one that does not parse.
    pub fn view_mut(&mut self) -> IpPacketMut<'_> {
        IpPacketMut::parse(&mut self.bytes).expect("what parsed once parses again")
    }

    /// Returns the whole packet.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl TryFrom<IpPacket<'_>> for IpPacketBuf {
    type Error = ParseError;

    /// Copies the packet; an error is possible only for what lenient parsing made.
    fn try_from(packet: IpPacket<'_>) -> Result<Self, ParseError> {
        Self::new(packet.as_bytes().to_vec())
    }
}

impl fmt::Debug for IpPacketBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}
