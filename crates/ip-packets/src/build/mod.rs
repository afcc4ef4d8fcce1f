//! Builders: one chain of calls from the addresses to the bytes.
//!
//! Lengths and checksums are filled in; each can be set to another value, so that a packet can be
//! wrong on purpose. A builder is a plain value: it can be kept, changed and written many times.

mod ah;
mod esp;
mod gre;
mod icmp;
mod igmp;
mod ip;
mod ipv4;
mod ipv6;
mod options;
mod payload;
mod sctp;
mod tcp;
mod udp;
mod udp_lite;

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use crate::Protocol;
use crate::checksum::PseudoHeader;
use crate::error::Layer;
use crate::header::IpVersion;

pub use ah::{Ah, AhBuilder};
pub use esp::{Esp, EspBuilder};
pub use gre::{Gre, GreBuilder};
#[cfg(feature = "alloc")]
pub use icmp::Quote;
pub use icmp::{Icmp, IcmpBuilder, Icmpv4Body, Icmpv6Body, MultiPart};
#[cfg(feature = "text")]
pub(crate) use icmp::{icmp_layer, length_octet, quote_unit};
pub use igmp::{Igmp, IgmpBody, IgmpBuilder};
pub use ip::{IpBuilder, ip, v4, v6};
pub use ipv4::Ipv4Builder;
pub use ipv6::Ipv6Builder;
pub use payload::Payload;
pub use sctp::{Sctp, SctpBuilder};
pub use tcp::{Tcp, TcpBuilder};
pub use udp::{Udp, UdpBuilder};
pub use udp_lite::{UdpLite, UdpLiteBuilder};

/// Why a packet cannot be written.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BuildError {
    /// The buffer is too small.
    #[error("the packet takes {needed} bytes, the buffer has {available}")]
    BufferTooSmall {
        /// The length of the packet, in bytes.
        needed: usize,
        /// The length of the buffer, in bytes.
        available: usize,
    },
    /// Something is longer than its length field can say.
    #[error("{layer} cannot say that it is {len} bytes long, {max} at most")]
    TooLong {
        /// The layer with the length field.
        layer: Layer,
        /// The length, in bytes.
        len: usize,
        /// The greatest length it can say, in bytes.
        max: usize,
    },
    /// Something of which there must be a byte at least has none: a label of a domain name.
    #[error("{layer} cannot have a domain name with an empty label")]
    Empty {
        /// The layer that has it.
        layer: Layer,
    },
    /// There is more of something than its count can say.
    #[error("{layer} cannot count {count} entries, {max} at most")]
    TooMany {
        /// The layer with the count.
        layer: Layer,
        /// How many there are.
        count: usize,
        /// The greatest number it can say.
        max: usize,
    },
    /// A number is greater than its field can say.
    #[error("{layer} has no room for {value} in a field whose greatest value is {max}")]
    TooGreat {
        /// The layer with the field.
        layer: Layer,
        /// The number.
        value: usize,
        /// The greatest number the field can say.
        max: usize,
    },
    /// The options do not fit into the header.
    #[error("{layer} has room for {max} bytes of options, there are {len}")]
    OptionsTooLong {
        /// The layer the options are of.
        layer: Layer,
        /// The length of the options, in bytes.
        len: usize,
        /// The room for them, in bytes.
        max: usize,
    },
    /// The addresses are of different versions.
    #[error("source and destination are of different IP versions")]
    MixedVersions,
}

/// The header of a protocol that stands on IP.
///
/// TCP, UDP and ICMP are built this way, and so can be any protocol of a caller's own:
/// [`IpBuilder::upper`] takes it.
pub trait Upper {
    /// Returns the number of the protocol.
    fn protocol(&self, version: IpVersion) -> Protocol;

    /// Returns the length of the header, in bytes.
    fn header_len(&self) -> usize;

    /// Says whether a header can be written for `segment_len` bytes, itself included.
    ///
    /// # Errors
    /// [`BuildError`] if the header cannot hold what it was told to.
    fn check(&self, segment_len: usize) -> Result<(), BuildError>;

    /// Writes the header to the start of `segment`, which holds the payload behind it.
    ///
    /// Every byte of the header is written, and none behind it.
    fn write(&self, segment: &mut [u8], pseudo_header: &PseudoHeader);

    /// Takes note of what it carries, for a header with a field that says so.
    ///
    /// Called when a payload is nested that has a protocol of its own, such as a whole IP packet.
    fn carry(&mut self, _payload: Protocol) {}
}

/// No header at all: the payload stands on IP by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bare(pub Protocol);

impl Upper for Bare {
    fn protocol(&self, _: IpVersion) -> Protocol {
        self.0
    }

    fn header_len(&self) -> usize {
        0
    }

    fn check(&self, _: usize) -> Result<(), BuildError> {
        Ok(())
    }

    fn write(&self, _: &mut [u8], _: &PseudoHeader) {}
}

/// A packet in the making: an IP header, the header of an upper layer and a payload.
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder does nothing until it is written"]
pub struct PacketBuilder<'a, U, P = &'a [u8]> {
    ip: IpBuilder<'a>,
    upper: U,
    payload: P,
}

impl<'a, U> PacketBuilder<'a, U> {
    #[inline]
    pub(crate) const fn new(ip: IpBuilder<'a>, upper: U) -> Self {
        Self {
            ip,
            upper,
            payload: &[],
        }
    }

    /// Sets the payload.
    #[inline]
    pub const fn payload(mut self, payload: &'a [u8]) -> Self {
        self.payload = payload;
        self
    }
}

impl<'a, U: Upper, P> PacketBuilder<'a, U, P> {
    /// Sets as the payload whatever can be one: another packet in the making above all.
    ///
    /// ```
    /// use wirecraft_ip_packets::v4;
    ///
    /// let (near, far) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    /// let lost = v4(near, far).ttl(1).udp(40_000, 33_434);
    /// let error = v4(far, near).icmp(11, 0).nest(lost);
    /// assert_eq!(error.len(), 20 + 8 + 20 + 8);
    /// ```
    #[inline]
    pub fn nest<Q: Payload>(self, payload: Q) -> PacketBuilder<'a, U, Q> {
        let Self { ip, mut upper, .. } = self;
        if let Some(protocol) = payload.protocol() {
            upper.carry(protocol);
        }
        PacketBuilder { ip, upper, payload }
    }
}

impl<'a, U, P> PacketBuilder<'a, U, P> {
    /// Replaces the payload, and changes the header to what it says of it.
    pub(crate) fn map_payload<Q>(
        self,
        change: impl FnOnce(&mut U, P) -> Q,
    ) -> PacketBuilder<'a, U, Q> {
        let Self {
            ip,
            mut upper,
            payload,
        } = self;
        let payload = change(&mut upper, payload);
        PacketBuilder { ip, upper, payload }
    }
}

impl<U: Upper, P: Payload> PacketBuilder<'_, U, P> {
    /// Returns the length of the whole packet, in bytes.
    #[must_use]
    #[inline(always)]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a packet has a header and is never empty"
    )]
    pub fn len(&self) -> usize {
        self.ip.header_len() + self.segment_len()
    }

    /// Writes the packet to the start of `buf` and returns its length in bytes.
    ///
    /// # Errors
    /// [`BuildError`] if the buffer is too small, options do not fit, or something is longer, more or
    /// greater than its field can say and the field was not set by hand. `buf` is then as it was.
    #[inline(always)]
    pub fn write(&self, buf: &mut [u8]) -> Result<usize, BuildError> {
        self.check_all()?;
        let len = self.len();
        let available = buf.len();
        match buf.get_mut(..len) {
            Some(packet) => self.emit_all(packet),
            None => {
                return Err(BuildError::BufferTooSmall {
                    needed: len,
                    available,
                });
            }
        }
        Ok(len)
    }

    /// Returns the packet.
    ///
    /// This never fails: a length too great for its field is written modulo the field, and
    /// options that do not fit are left out. Where that must not happen, use
    /// [`try_build`](Self::try_build).
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let mut packet = vec![0; self.len()];
        self.emit_all(&mut packet);
        packet
    }

    /// Returns the packet, or why it cannot be.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    #[cfg(feature = "alloc")]
    pub fn try_build(&self) -> Result<Vec<u8>, BuildError> {
        self.check_all()?;
        Ok(self.build())
    }

    #[inline(always)]
    fn segment_len(&self) -> usize {
        self.upper.header_len() + self.payload.encoded_len()
    }

    #[inline(always)]
    pub(super) fn check_all(&self) -> Result<(), BuildError> {
        self.ip.check(self.segment_len())?;
        self.upper.check(self.segment_len())?;
        self.payload.check()
    }

    #[inline]
    pub(super) const fn ip_version(&self) -> IpVersion {
        self.ip.version()
    }

    /// Writes to a buffer of exactly the right length.
    #[inline(always)]
    pub(super) fn emit_all(&self, packet: &mut [u8]) {
        let (header, segment) = packet.split_at_mut(self.ip.header_len());
        let payload = &mut segment[self.upper.header_len()..];
        if !payload.is_empty() {
            self.payload.emit(payload);
        }
        let protocol = self.upper.protocol(self.ip.version());
        self.ip.write(header, segment.len(), protocol);
        self.upper.write(segment, &self.ip.pseudo_header(header));
    }
}

impl BuildError {
    /// Refuses a length beyond what its field can say.
    pub(crate) const fn check_len(layer: Layer, len: usize, max: usize) -> Result<(), Self> {
        if len > max {
            return Err(Self::TooLong { layer, len, max });
        }
        Ok(())
    }

    /// Refuses a count beyond what its field can say.
    pub(crate) const fn check_count(layer: Layer, count: usize, max: usize) -> Result<(), Self> {
        if count > max {
            return Err(Self::TooMany { layer, count, max });
        }
        Ok(())
    }
}

/// Returns the low 16 bits of a length, which [`Upper::check`] found to be all, or not to matter.
#[inline]
const fn low_u16(len: usize) -> u16 {
    let [low, high, ..] = len.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Returns a header length in words of 4 bytes, as much of it as fits a field of four bits.
#[inline]
const fn in_words(len: usize) -> u8 {
    let [low, ..] = (len / 4).to_le_bytes();
    low & 0x0f
}

/// Writes a header that was put together in words.
///
/// Their checksum is taken from the words as well: reading bytes back in wider pieces than they were
/// written in makes a processor wait for the writes.
#[inline(always)]
fn write_words(header: &mut [u8], words: &[u32]) {
    for (room, word) in header.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *room = word.to_be_bytes();
    }
}

/// Returns two 16-bit fields as a word.
#[inline(always)]
const fn word(high: u16, low: u16) -> u32 {
    (high as u32) << 16 | low as u32
}

/// Returns the smallest multiple of 4 that is no less than `len`.
#[inline]
const fn padded_to_words(len: usize) -> usize {
    (len + 3) & !3
}
