//! The IPv6 header of a packet in the making.

use core::net::Ipv6Addr;

use super::ip::{DEFAULT_HOP_LIMIT, MAX_LEN};
use super::{BuildError, low_u16};
use crate::checksum::PseudoHeader;
use crate::error::Layer;
use crate::extension::Walk;
use crate::header::IPV6_HEADER_LEN;
use crate::traffic_class::{with_dscp, with_ecn};
use crate::{Dscp, Ecn, Ipv6Extension, Protocol};

const FLOW_LABEL_MASK: u32 = 0x000f_ffff;

/// The IPv6 header of a packet in the making; [`v6`](crate::v6) starts it.
#[derive(Clone, Copy, Debug)]
#[must_use = "a builder does nothing until it is written"]
pub struct Ipv6Builder<'a> {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    traffic_class: u8,
    version: u8,
    flow_label: u32,
    payload_len: Option<u16>,
    next_header: Option<Protocol>,
    extensions: Extensions<'a>,
}

/// Extension headers as the caller gives them.
#[derive(Clone, Copy, Debug)]
enum Extensions<'a> {
    Wire(&'a [u8]),
    Typed(&'a [Ipv6Extension<'a>]),
}

impl Extensions<'_> {
    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Wire(bytes) => bytes.len(),
            Self::Typed(headers) => headers.iter().map(Ipv6Extension::encoded_len).sum(),
        }
    }

    /// Says whether each header can say how long it is.
    #[inline]
    fn check(&self) -> Result<(), BuildError> {
        match self {
            Self::Wire(_) => Ok(()),
            Self::Typed(headers) => headers.iter().try_for_each(Ipv6Extension::check),
        }
    }

    /// Returns what the first header is, where the headers themselves know.
    #[inline]
    const fn first(&self) -> Option<Protocol> {
        match self {
            Self::Wire(_) | Self::Typed([]) => None,
            Self::Typed([first, ..]) => Some(first.protocol()),
        }
    }

    /// Writes the headers, before one of kind `last`, to `room`, which is exactly as long.
    fn write(&self, last: Protocol, mut room: &mut [u8]) {
        match self {
            Self::Wire(bytes) => room.copy_from_slice(bytes),
            Self::Typed(headers) => {
                for (at, header) in headers.iter().enumerate() {
                    let next = headers.get(at + 1).map_or(last, Ipv6Extension::protocol);
                    let (own, rest) = room.split_at_mut(header.encoded_len());
                    header.write(next, own);
                    room = rest;
                }
            }
        }
    }
}

impl<'a> Ipv6Builder<'a> {
    #[inline]
    pub(super) const fn new(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            source,
            destination,
            hop_limit: DEFAULT_HOP_LIMIT,
            traffic_class: 0,
            version: 6,
            flow_label: 0,
            payload_len: None,
            next_header: None,
            extensions: Extensions::Wire(&[]),
        }
    }

    /// Sets the hop limit.
    #[inline]
    pub const fn hop_limit(mut self, hops: u8) -> Self {
        self.hop_limit = hops;
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

    /// Sets the flow label; the low 20 bits count.
    #[inline]
    pub const fn flow_label(mut self, label: u32) -> Self {
        self.flow_label = label & FLOW_LABEL_MASK;
        self
    }

    /// Puts extension headers before the upper layer, in the order given.
    ///
    /// Each says what the next is, and the last what the upper layer is. Where one of them is a
    /// routing header with segments left, checksums cover the address where the packet ends its way;
    /// and with a home address among destination options, that in place of the source.
    #[inline]
    pub const fn extensions(mut self, headers: &'a [Ipv6Extension<'a>]) -> Self {
        self.extensions = Extensions::Typed(headers);
        self
    }

    /// Puts extension headers before the upper layer, as they are on the wire.
    ///
    /// `first` is what the first of them is. The last one says in its own next header field what
    /// follows: it is written as given.
    #[inline]
    pub const fn extension_headers(mut self, first: Protocol, headers: &'a [u8]) -> Self {
        self.next_header = Some(first);
        self.extensions = Extensions::Wire(headers);
        self
    }

    /// Overrides the version nibble.
    #[inline]
    pub const fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Overrides the payload length field, in bytes.
    #[inline]
    pub const fn payload_len(mut self, len: u16) -> Self {
        self.payload_len = Some(len);
        self
    }

    /// Overrides the next header field.
    #[inline]
    pub const fn next_header(mut self, protocol: Protocol) -> Self {
        self.next_header = Some(protocol);
        self
    }

    /// Returns the length of the header as it is written.
    #[inline(always)]
    pub(super) fn own_len(&self) -> usize {
        IPV6_HEADER_LEN + self.extensions.len()
    }

    /// Returns what checksums cover, for the `header` as it was written.
    #[inline(always)]
    pub(super) fn pseudo_header(&self, header: &[u8]) -> PseudoHeader {
        match header.first_chunk() {
            Some(fixed) if header.len() > IPV6_HEADER_LEN => {
                let walk = Walk::new(fixed, header);
                let source = walk.home_address().unwrap_or(self.source);
                PseudoHeader::v6(source, walk.final_destination(self.destination))
            }
            _ => PseudoHeader::v6(self.source, self.destination),
        }
    }

    #[inline(always)]
    pub(super) fn check(&self, segment_len: usize) -> Result<(), BuildError> {
        self.extensions.check()?;
        let len = self.extensions.len() + segment_len;
        if len > MAX_LEN && self.payload_len.is_none() {
            return Err(BuildError::TooLong {
                layer: Layer::Ipv6,
                len,
                max: MAX_LEN,
            });
        }
        Ok(())
    }

    /// Writes the header to a buffer of exactly its length.
    #[inline(always)]
    pub(super) fn write(&self, header: &mut [u8], segment_len: usize, protocol: Protocol) {
        let Some((fixed, rest)) = header.split_first_chunk_mut::<IPV6_HEADER_LEN>() else {
            return;
        };
        let payload_len = self
            .payload_len
            .unwrap_or_else(|| low_u16(rest.len() + segment_len));
        let first_word = u32::from(self.version & 0x0f) << 28
            | u32::from(self.traffic_class) << 20
            | self.flow_label;
        fixed[..4].copy_from_slice(&first_word.to_be_bytes());
        fixed[4..6].copy_from_slice(&payload_len.to_be_bytes());
        let first = self.extensions.first().unwrap_or(protocol);
        fixed[6] = self.next_header.unwrap_or(first).number();
        fixed[7] = self.hop_limit;
        fixed[8..24].copy_from_slice(&self.source.octets());
        fixed[24..40].copy_from_slice(&self.destination.octets());
        if !rest.is_empty() {
            self.extensions.write(protocol, rest);
        }
    }
}
