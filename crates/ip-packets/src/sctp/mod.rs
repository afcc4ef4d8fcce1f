//! Stream control transmission: the common header, its CRC32c and the chunks behind it.

mod crc32c;

use crate::error::{Field, Layer, ParseError, short_header};
use crate::registry::registry;
use crate::sequence::{Element, Sequence, cut, too_short};
use crate::{BuildError, Lenient, Ports};

pub use crc32c::Crc32c;

/// The length of the common header, in bytes.
pub const SCTP_HEADER_LEN: usize = 12;
/// The length of the header of a chunk, in bytes.
const CHUNK_HEADER_LEN: usize = 4;

registry! {
    /// The type of a chunk.
    ///
    /// Source: IANA sctp-parameters registry, as of January 2025.
    pub struct SctpChunkType {
        /// Payload, RFC 9260.
        DATA = 0, "DATA";
        /// Start of an association, RFC 9260.
        INIT = 1, "INIT";
        /// Answer to a start, RFC 9260.
        INIT_ACK = 2, "INIT ACK";
        /// Acknowledgment of payload, RFC 9260.
        SACK = 3, "SACK";
        /// Question whether the peer is there, RFC 9260.
        HEARTBEAT = 4, "HEARTBEAT";
        /// The peer is there, RFC 9260.
        HEARTBEAT_ACK = 5, "HEARTBEAT ACK";
        /// End at once, RFC 9260.
        ABORT = 6, "ABORT";
        /// End in order, RFC 9260.
        SHUTDOWN = 7, "SHUTDOWN";
        /// Answer to the end, RFC 9260.
        SHUTDOWN_ACK = 8, "SHUTDOWN ACK";
        /// Something is wrong, RFC 9260.
        ERROR = 9, "ERROR";
        /// The state cookie comes back, RFC 9260.
        COOKIE_ECHO = 10, "COOKIE ECHO";
        /// The state cookie was right, RFC 9260.
        COOKIE_ACK = 11, "COOKIE ACK";
        /// Congestion was marked, reserved.
        ECNE = 12, "ECNE";
        /// The window was reduced, reserved.
        CWR = 13, "CWR";
        /// The end is complete, RFC 9260.
        SHUTDOWN_COMPLETE = 14, "SHUTDOWN COMPLETE";
        /// Authentication of what follows, RFC 4895.
        AUTH = 15, "AUTH";
        /// Payload of interleaved messages, RFC 8260.
        I_DATA = 64, "I-DATA";
        /// Acknowledgment of a change of addresses, RFC 5061.
        ASCONF_ACK = 128, "ASCONF-ACK";
        /// Change of streams, RFC 6525.
        RE_CONFIG = 130, "RE-CONFIG";
        /// Padding, RFC 4820.
        PAD = 132, "PAD";
        /// Payload is given up, RFC 3758.
        FORWARD_TSN = 192, "FORWARD TSN";
        /// Change of addresses, RFC 5061.
        ASCONF = 193, "ASCONF";
        /// Payload of interleaved messages is given up, RFC 8260.
        I_FORWARD_TSN = 194, "I-FORWARD-TSN";
    }
}

/// A chunk, whose value is not looked into.
///
/// Source: RFC 9260 §3.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SctpChunk<'a> {
    /// The type.
    pub chunk_type: SctpChunkType,
    /// The flags, whose meaning depends on the type.
    pub flags: u8,
    /// What follows, without padding; its length with four bytes more is written modulo 65536.
    pub value: &'a [u8],
}

/// An SCTP packet whose header and chunks are all there.
///
/// Source: RFC 9260 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SctpPacket<'a> {
    bytes: &'a [u8],
    header: &'a [u8; SCTP_HEADER_LEN],
    chunks: &'a [u8],
}

impl<'a> SctpPacket<'a> {
    /// Reads the packet that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if the header or a chunk is cut off, or a chunk says that it is shorter than
    /// its header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Self::parse_lenient(bytes)?.strict()
    }

    /// Reads what there is of a packet: see [`Lenient`].
    ///
    /// Chunks are there up to the first that cannot be read.
    ///
    /// # Errors
    /// [`ParseError`] if the header is cut off.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let Some((header, chunks)) = bytes.split_first_chunk() else {
            return Err(short_header(Layer::Sctp, SCTP_HEADER_LEN, bytes.len()));
        };
        let packet = Self {
            bytes,
            header,
            chunks,
        };
        Ok(match packet.chunks().stopped() {
            Some(error) => Lenient::stopped(packet, error.shifted(SCTP_HEADER_LEN)),
            None => Lenient::whole(packet),
        })
    }

    /// Returns the whole packet.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the source port.
    #[must_use]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.header[0], self.header[1]])
    }

    /// Returns the destination port.
    #[must_use]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Returns both ports.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        Ports {
            source: self.source_port(),
            destination: self.destination_port(),
        }
    }

    /// Returns the tag that says which association the packet is of; 0 for one that starts.
    #[must_use]
    pub const fn verification_tag(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Returns the checksum as it stands in the header: a CRC32c, whose low byte comes first.
    #[must_use]
    pub const fn checksum(&self) -> u32 {
        let [.., a, b, c, d] = *self.header;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Says whether the checksum is right.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        checksum_of(self.bytes) == self.checksum()
    }

    /// Returns the chunks in order.
    #[must_use]
    pub const fn chunks(&self) -> Sequence<'a, SctpChunk<'a>> {
        Sequence::from_bytes(self.chunks)
    }

    /// Returns what follows the common header.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.chunks
    }
}

/// Computes the checksum of a packet as if its field were zero.
pub(crate) fn checksum_of(packet: &[u8]) -> u32 {
    let (header, chunks) = packet
        .split_at_checked(SCTP_HEADER_LEN)
        .unwrap_or((packet, &[]));
    Crc32c::new()
        .add_bytes(header.get(..8).unwrap_or(header))
        .add_bytes(&[0; 4])
        .add_bytes(chunks)
        .finish()
}

impl<'a> Element<'a> for SctpChunk<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), ParseError> {
        let (layer, field) = (Layer::Sctp, Field::Chunk);
        let Some([chunk_type, flags, a, b]) = bytes.first_chunk::<CHUNK_HEADER_LEN>() else {
            return Err(cut(layer, field, CHUNK_HEADER_LEN, bytes.len()));
        };
        let len = usize::from(u16::from_be_bytes([*a, *b]));
        if len < CHUNK_HEADER_LEN {
            return Err(too_short(layer, field, len, CHUNK_HEADER_LEN));
        }
        let Some(value) = bytes.get(CHUNK_HEADER_LEN..len) else {
            return Err(cut(layer, field, len, bytes.len()));
        };
        let chunk = Self {
            chunk_type: SctpChunkType::new(*chunk_type),
            flags: *flags,
            value,
        };
        // Some senders leave out the padding of the last chunk.
        Ok((chunk, len.next_multiple_of(4).min(bytes.len())))
    }

    fn encoded_len(&self) -> usize {
        CHUNK_HEADER_LEN + self.value.len().next_multiple_of(4)
    }

    fn check(&self) -> Result<(), BuildError> {
        let len = CHUNK_HEADER_LEN + self.value.len();
        BuildError::check_len(Layer::Sctp, len, usize::from(u16::MAX))
    }

    fn write(&self, room: &mut [u8]) {
        let [low, high, ..] = (CHUNK_HEADER_LEN + self.value.len()).to_le_bytes();
        let Some((header, value)) = room.split_first_chunk_mut::<CHUNK_HEADER_LEN>() else {
            return;
        };
        *header = [self.chunk_type.number(), self.flags, high, low];
        value[..self.value.len()].copy_from_slice(self.value);
    }
}
