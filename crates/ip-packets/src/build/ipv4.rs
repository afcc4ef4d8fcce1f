//! The IPv4 header of a packet in the making.

use core::marker::PhantomData;
use core::net::Ipv4Addr;

use super::ip::{DEFAULT_HOP_LIMIT, MAX_LEN};
use super::options::Options;
use super::{BuildError, in_words, low_u16, word, write_words};
use crate::checksum::PseudoHeader;
use crate::error::Layer;
use crate::header::IPV4_HEADER_LEN;
use crate::traffic_class::{with_dscp, with_ecn};
use crate::{Dscp, Ecn, Ipv4Option, Ipv4Options, Protocol};

const RESERVED_FLAG: u16 = 0x8000;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// The IPv4 header of a packet in the making; [`v4`](crate::v4) starts it.
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder does nothing until it is written"]
pub struct Ipv4Builder<'a> {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    ttl: u8,
    traffic_class: u8,
    version: u8,
    identification: u16,
    flags_and_offset: u16,
    options: Options,
    header_len: Option<u8>,
    total_len: Option<u16>,
    protocol: Option<Protocol>,
    checksum: Option<u16>,
    /// A header of version 6 borrows what it is made of; this one stands beside it.
    borrowed: PhantomData<&'a [u8]>,
}

impl Ipv4Builder<'_> {
    #[inline]
    pub(super) const fn new(source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self {
            source,
            destination,
            ttl: DEFAULT_HOP_LIMIT,
            traffic_class: 0,
            version: 4,
            identification: 0,
            flags_and_offset: DONT_FRAGMENT,
            options: Options::NONE,
            header_len: None,
            total_len: None,
            protocol: None,
            checksum: None,
            borrowed: PhantomData,
        }
    }

    /// Sets the TTL.
    #[inline]
    pub const fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the differentiated services code point; the low six bits count.
    #[inline]
    pub const fn dscp(mut self, dscp: Dscp) -> Self {
        self.traffic_class = with_dscp(self.traffic_class, dscp);
        self
    }

    /// Sets the congestion notification bits.
    #[inline]
    pub const fn ecn(mut self, ecn: Ecn) -> Self {
        self.traffic_class = with_ecn(self.traffic_class, ecn);
        self
    }

    /// Sets the identification.
    #[inline]
    pub const fn identification(mut self, identification: u16) -> Self {
        self.identification = identification;
        self
    }

    /// Sets whether routers may not fragment the packet.
    #[inline]
    pub const fn dont_fragment(self, set: bool) -> Self {
        self.flag(DONT_FRAGMENT, set)
    }

    /// Sets whether fragments follow this one.
    #[inline]
    pub const fn more_fragments(self, set: bool) -> Self {
        self.flag(MORE_FRAGMENTS, set)
    }

    /// Sets the reserved flag.
    #[inline]
    pub const fn reserved_flag(self, set: bool) -> Self {
        self.flag(RESERVED_FLAG, set)
    }

    /// Sets where the payload stands in the whole datagram, in bytes, rounded down to 8.
    #[inline]
    pub const fn fragment_offset(mut self, offset: u16) -> Self {
        self.flags_and_offset = (self.flags_and_offset & !OFFSET_MASK) | (offset / 8);
        self
    }

    #[inline]
    const fn flag(mut self, flag: u16, set: bool) -> Self {
        self.flags_and_offset &= !flag;
        if set {
            self.flags_and_offset |= flag;
        }
        self
    }

    /// Adds an option.
    ///
    /// There is room for 40 bytes; zeros fill options up to a multiple of 4.
    #[inline]
    pub fn option(mut self, option: Ipv4Option<'_>) -> Self {
        self.options
            .push(option.encoded_len(), |room| option.write(room));
        self
    }

    /// Replaces all options by bytes as they are on the wire, right or wrong.
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options.set(options);
        self
    }

    /// Overrides the version nibble.
    #[inline]
    pub const fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Overrides the header length field, in bytes, rounded down to 4 and modulo 64.
    #[inline]
    pub const fn header_len(mut self, len: u8) -> Self {
        self.header_len = Some(len);
        self
    }

    /// Overrides the total length field, in bytes.
    #[inline]
    pub const fn total_len(mut self, len: u16) -> Self {
        self.total_len = Some(len);
        self
    }

    /// Overrides the protocol field.
    #[inline]
    pub const fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Overrides the header checksum.
    #[inline]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.checksum = Some(checksum);
        self
    }

    /// Returns the length of the header as it is written.
    #[inline(always)]
    pub(super) const fn own_len(&self) -> usize {
        IPV4_HEADER_LEN + self.options.padded_len()
    }

    /// Returns what checksums cover, for the `header` as it was written.
    #[inline(always)]
    pub(super) fn pseudo_header(&self, header: &[u8]) -> PseudoHeader {
        let destination = match header.get(IPV4_HEADER_LEN..) {
            None | Some([]) => self.destination,
            Some(options) => Ipv4Options::new(options).final_destination(self.destination),
        };
        PseudoHeader::v4(self.source, destination)
    }

    #[inline(always)]
    pub(super) const fn check(&self, segment_len: usize) -> Result<(), BuildError> {
        if let Err(error) = self.options.check(Layer::Ipv4) {
            return Err(error);
        }
        let len = self.own_len() + segment_len;
        if len > MAX_LEN && self.total_len.is_none() {
            return Err(BuildError::TooLong {
                layer: Layer::Ipv4,
                len,
                max: MAX_LEN,
            });
        }
        Ok(())
    }

    /// Writes the header to a buffer of exactly its length.
    #[inline(always)]
    pub(super) fn write(&self, header: &mut [u8], segment_len: usize, protocol: Protocol) {
        let own_len = header.len();
        let Some((fixed, rest)) = header.split_first_chunk_mut::<IPV4_HEADER_LEN>() else {
            return;
        };
        let header_len = self.header_len.map_or(own_len, usize::from);
        let total_len = self
            .total_len
            .unwrap_or_else(|| low_u16(own_len + segment_len));
        let first = [self.version << 4 | in_words(header_len), self.traffic_class];
        let third = [self.ttl, self.protocol.unwrap_or(protocol).number()];
        let mut words = [
            word(u16::from_be_bytes(first), total_len),
            word(self.identification, self.flags_and_offset),
            word(u16::from_be_bytes(third), 0),
            self.source.to_bits(),
            self.destination.to_bits(),
        ];
        let sum = self.options.write_rare(rest).add_words(&words);
        words[2] |= u32::from(self.checksum.unwrap_or_else(|| sum.finish()));
        write_words(fixed, &words);
    }
}
