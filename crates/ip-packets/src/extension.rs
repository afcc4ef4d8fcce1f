//! The chain of extension headers between an IPv6 header and its upper layer.

use core::net::Ipv6Addr;

use crate::Protocol;
use crate::error::{Field, Layer, ParseError};
use crate::header::IPV6_HEADER_LEN;

/// The length of a fragment header, in bytes.
pub(crate) const FRAGMENT_HEADER_LEN: usize = 8;

/// One extension header, its next header and length fields included.
///
/// Source: RFC 8200 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtensionHeader<'a> {
    /// What kind of header it is.
    pub protocol: Protocol,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The fields of a fragment header.
///
/// Source: RFC 8200 §4.5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6Fragment {
    /// Where the payload stands in the fragmentable part of the packet, in bytes.
    pub offset: usize,
    /// Whether fragments follow this one.
    pub more: bool,
    /// What the fragments of a packet share.
    pub identification: u32,
}

impl Ipv6Fragment {
    /// Returns whether the fragment is the whole packet.
    ///
    /// Source: RFC 6946.
    #[must_use]
    #[inline]
    pub const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more
    }

    fn read(header: &[u8]) -> Option<Self> {
        let [_, _, high, low, id @ ..] = header.first_chunk::<FRAGMENT_HEADER_LEN>()?;
        Some(Self {
            offset: usize::from(u16::from_be_bytes([*high, *low]) & 0xfff8),
            more: low & 1 != 0,
            identification: u32::from_be_bytes(*id),
        })
    }
}

/// Where the extension headers of a packet stand; offsets count from the IPv6 header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chain {
    protocol: Protocol,
    upper_offset: usize,
    /// The offset of the next header field that names what the cursor stands at.
    next_header_at: usize,
    fragment: Option<(Cut, Ipv6Fragment)>,
    routing_at: Option<usize>,
    /// The end of what every fragment repeats, and the next header field that points past it.
    per_fragment: Cut,
}

/// A place between two headers of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    /// Where the first header after the cut stands.
    pub(crate) offset: usize,
    /// Where the field stands that says what this header is.
    pub(crate) next_header_at: usize,
}

impl Chain {
    /// Walks to the upper layer of the whole packet `bytes`, which starts with `header`.
    #[inline]
    pub(crate) fn walk(header: &[u8; IPV6_HEADER_LEN], bytes: &[u8]) -> Result<Self, ParseError> {
        let mut chain = Self::at_start(header);
        if is_extension(chain.protocol) {
            chain.advance(bytes)?;
        }
        Ok(chain)
    }

    /// Walks as far as the bytes go.
    pub(crate) fn walk_leniently(header: &[u8; IPV6_HEADER_LEN], bytes: &[u8]) -> Self {
        let mut chain = Self::at_start(header);
        // Where the chain is cut off, it stands at the first header that is not whole.
        let _ = chain.advance(bytes);
        chain
    }

    #[inline]
    const fn at_start(header: &[u8; IPV6_HEADER_LEN]) -> Self {
        Self {
            protocol: Protocol::new(header[6]),
            upper_offset: IPV6_HEADER_LEN,
            next_header_at: 6,
            fragment: None,
            routing_at: None,
            per_fragment: Cut {
                offset: IPV6_HEADER_LEN,
                next_header_at: 6,
            },
        }
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<(), ParseError> {
        while is_extension(self.protocol) && self.is_followed() {
            let at = self.upper_offset;
            let header = header_at(self.protocol, bytes, at)?;
            match self.protocol {
                Protocol::FRAGMENT => {
                    let cut = self.end();
                    self.fragment = Ipv6Fragment::read(header).map(|fragment| (cut, fragment));
                }
                Protocol::ROUTING => self.routing_at = Some(at),
                _ => {}
            }
            let repeated = matches!(
                self.protocol,
                Protocol::ROUTING | Protocol::HOP_BY_HOP_OPTIONS
            );
            self.protocol = Protocol::new(header[0]);
            self.upper_offset += header.len();
            self.next_header_at = at;
            if repeated && self.fragment.is_none() {
                self.per_fragment = self.end();
            }
        }
        Ok(())
    }

    /// Says whether headers can follow: not in a fragment other than the first.
    ///
    /// A second fragment header ends the walk too: no sender makes one.
    fn is_followed(&self) -> bool {
        match self.fragment {
            Some((_, fragment)) => fragment.offset == 0 && self.protocol != Protocol::FRAGMENT,
            None => true,
        }
    }

    #[inline]
    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns where the next header field stands that names the protocol.
    pub(crate) const fn protocol_at(&self) -> usize {
        self.next_header_at
    }

    #[inline]
    pub(crate) const fn upper_offset(&self) -> usize {
        self.upper_offset
    }

    #[inline]
    pub(crate) const fn fragment(&self) -> Option<Ipv6Fragment> {
        match self.fragment {
            Some((_, fragment)) => Some(fragment),
            None => None,
        }
    }

    /// Returns the cut before the fragment header.
    pub(crate) const fn before_fragment(&self) -> Option<Cut> {
        match self.fragment {
            Some((cut, _)) => Some(cut),
            None => None,
        }
    }

    /// Returns the end of the part that every fragment repeats.
    pub(crate) const fn per_fragment(&self) -> Cut {
        self.per_fragment
    }

    const fn end(&self) -> Cut {
        Cut {
            offset: self.upper_offset,
            next_header_at: self.next_header_at,
        }
    }

    /// Returns the last address of a routing header that has segments left.
    #[inline]
    pub(crate) fn final_destination(&self, bytes: &[u8]) -> Option<Ipv6Addr> {
        let routing = bytes.get(self.routing_at?..)?;
        let [_, len, kind, segments_left, ..] = *routing else {
            return None;
        };
        let last_at = match kind {
            _ if segments_left == 0 => return None,
            // Type 0 lists the way forwards, type 2 has one address.
            0 | 2 => (usize::from(len) * 8).checked_sub(8)?,
            // Segment routing lists it backwards.
            4 => 8,
            _ => return None,
        };
        let address = routing.get(last_at..)?.first_chunk::<16>()?;
        Some(Ipv6Addr::from(*address))
    }

    /// Says whether a routing header still steers, so that the destination is not the last one.
    pub(crate) fn is_steered(&self, bytes: &[u8]) -> bool {
        self.routing_at
            .is_some_and(|at| bytes.get(at + 3).is_some_and(|left| *left != 0))
    }

    /// Walks over the headers again.
    #[inline]
    pub(crate) fn headers<'a>(
        &self,
        first: Protocol,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = ExtensionHeader<'a>> + use<'a> {
        let end = self.upper_offset;
        let mut protocol = first;
        let mut at = IPV6_HEADER_LEN;
        core::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let header = ExtensionHeader {
                protocol,
                bytes: header_at(protocol, bytes, at).ok()?,
            };
            at += header.bytes.len();
            protocol = Protocol::new(header.bytes[0]);
            Some(header)
        })
    }
}

/// Says whether a number names a header that is walked over.
#[inline]
const fn is_extension(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::HOP_BY_HOP_OPTIONS
            | Protocol::ROUTING
            | Protocol::FRAGMENT
            | Protocol::AH
            | Protocol::DESTINATION_OPTIONS
    )
}

/// Returns the extension header of kind `protocol` at `at`: at least 8 bytes.
fn header_at(protocol: Protocol, bytes: &[u8], at: usize) -> Result<&[u8], ParseError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let len = match (protocol, rest.get(1)) {
        (Protocol::FRAGMENT, _) | (_, None) => FRAGMENT_HEADER_LEN,
        // RFC 4302 §2.2: in words of 4 bytes, minus 2.
        (Protocol::AH, Some(words)) => ((usize::from(*words) + 2) * 4).max(8),
        (_, Some(words)) => (usize::from(*words) + 1) * 8,
    };
    rest.get(..len).ok_or(ParseError::Truncated {
        layer: Layer::Ipv6,
        field: Field::ExtensionHeader,
        offset: at,
        needed: at + len,
        available: bytes.len(),
    })
}
