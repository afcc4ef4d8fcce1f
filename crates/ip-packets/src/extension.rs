//! The chain of extension headers between an IPv6 header and its upper layer.

use core::net::Ipv6Addr;

use crate::error::{Field, Layer, ParseError};
use crate::header::{IPV4_HEADER_LEN, IPV6_HEADER_LEN};
use crate::sctp::SCTP_HEADER_LEN;
use crate::tcp::TCP_HEADER_LEN;
use crate::{BuildError, Ipv6Extension, Protocol};

/// The length of a fragment header, in bytes.
pub(crate) const FRAGMENT_HEADER_LEN: usize = 8;
/// The greatest offset that a fragment header can say, in bytes.
const OFFSET_MAX: usize = 0x1fff * 8;

/// One extension header, its next header and length fields included.
///
/// Source: RFC 8200 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExtensionHeader<'a> {
    /// What kind of header it is.
    pub protocol: Protocol,
    /// Its bytes: at least 8.
    pub bytes: &'a [u8],
}

/// The fields of a fragment header.
///
/// Source: RFC 8200 §4.5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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

    pub(crate) fn read(header: &[u8]) -> Option<Self> {
        let [_, _, high, low, id @ ..] = header.first_chunk::<FRAGMENT_HEADER_LEN>()?;
        Some(Self {
            offset: usize::from(u16::from_be_bytes([*high, *low]) & 0xfff8),
            more: low & 1 != 0,
            identification: u32::from_be_bytes(*id),
        })
    }

    /// Says whether the field can say the offset, which is written rounded down to 8.
    pub(crate) const fn check(&self) -> Result<(), BuildError> {
        let (layer, value, max) = (Layer::Ipv6Extension, self.offset, OFFSET_MAX);
        if value > max {
            return Err(BuildError::TooGreat { layer, value, max });
        }
        Ok(())
    }

    /// Returns the header as it is on the wire, before one of kind `next`.
    pub(crate) fn bytes(&self, next: u8) -> [u8; FRAGMENT_HEADER_LEN] {
        let [low, high, ..] = (self.offset & 0xfff8 | usize::from(self.more)).to_le_bytes();
        let [a, b, c, d] = self.identification.to_be_bytes();
        [next, 0, high, low, a, b, c, d]
    }
}

/// A place between two headers of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    /// Where the header after the cut starts, in bytes from the start of the packet.
    pub(crate) offset: usize,
    /// Where the next header field stands that says what it is.
    pub(crate) next_header_at: usize,
}

impl Cut {
    const AFTER_IPV6_HEADER: Self = Self {
        offset: IPV6_HEADER_LEN,
        next_header_at: 6,
    };
}

/// Walks over the extension headers of a packet, up to the upper layer.
///
/// The walk ends at a fragment header that is not of the first fragment, since what follows is no
/// header, and at a second fragment header, which no sender makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk<'a> {
    bytes: &'a [u8],
    /// What the header after the cut is.
    protocol: Protocol,
    cut: Cut,
    fragment: Option<Ipv6Fragment>,
}

impl<'a> Walk<'a> {
    /// Starts behind `header`, the start of the packet `bytes`.
    #[inline]
    pub(crate) const fn new(header: &[u8; IPV6_HEADER_LEN], bytes: &'a [u8]) -> Self {
        let protocol = Protocol::new(header[6]);
        Self {
            bytes,
            protocol,
            cut: Cut::AFTER_IPV6_HEADER,
            fragment: None,
        }
    }

    /// Returns where a packet ends its way whose header says `destination`: each routing header
    /// takes over where the one before it has led.
    pub(crate) fn final_destination(self, destination: Ipv6Addr) -> Ipv6Addr {
        self.fold(destination, |to, header| {
            header.final_destination(to).unwrap_or(to)
        })
    }

    /// Returns the home address of a mobile node that sent the packet, the last one of several.
    pub(crate) fn home_address(self) -> Option<Ipv6Addr> {
        let homes = self.filter_map(|header| match header.content() {
            Ipv6Extension::Destination(options) => options.home_address(),
            _ => None,
        });
        homes.last()
    }

    /// Goes to the end; where a header is cut off, it stops there and says so.
    #[inline]
    pub(crate) fn go_on(&mut self) -> Result<(), ParseError> {
        while let Some(step) = self.step() {
            step?;
        }
        Ok(())
    }

    /// Goes over one header.
    #[inline]
    fn step(&mut self) -> Option<Result<ExtensionHeader<'a>, ParseError>> {
        if is_extension(self.protocol) {
            self.step_over()
        } else {
            None
        }
    }

    fn step_over(&mut self) -> Option<Result<ExtensionHeader<'a>, ParseError>> {
        let protocol = self.protocol;
        if self
            .fragment
            .is_some_and(|one| one.offset != 0 || protocol == Protocol::FRAGMENT)
        {
            return None;
        }
        let bytes = match header_at(protocol, self.bytes, self.cut.offset) {
            Ok(bytes) => bytes,
            Err(error) => return Some(Err(error)),
        };
        if protocol == Protocol::FRAGMENT {
            self.fragment = Ipv6Fragment::read(bytes);
        }
        self.protocol = Protocol::new(bytes[0]);
        self.cut = Cut {
            offset: self.cut.offset + bytes.len(),
            next_header_at: self.cut.offset,
        };
        Some(Ok(ExtensionHeader { protocol, bytes }))
    }

    /// Returns what follows.
    #[inline]
    pub(crate) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Returns where it walked to.
    #[inline]
    pub(crate) const fn cut(&self) -> Cut {
        self.cut
    }

    /// Returns the fragment header that it walked over.
    #[inline]
    pub(crate) const fn fragment(&self) -> Option<Ipv6Fragment> {
        self.fragment
    }

    /// Returns the cut before the fragment header.
    pub(crate) fn cut_before_fragment(mut self) -> Option<Cut> {
        while self.protocol != Protocol::FRAGMENT {
            self.next()?;
        }
        Some(self.cut)
    }

    /// Returns the end of the part that every fragment repeats: behind hop-by-hop options and
    /// routing header. RFC 8200 §4.5.
    pub(crate) fn cut_for_fragments(mut self) -> Cut {
        let mut cut = self.cut;
        while let Some(header) = self.next() {
            if matches!(
                header.protocol,
                Protocol::ROUTING | Protocol::HOP_BY_HOP_OPTIONS
            ) {
                cut = self.cut;
            }
        }
        cut
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = ExtensionHeader<'a>;

    fn next(&mut self) -> Option<ExtensionHeader<'a>> {
        self.step()?.ok()
    }
}

impl ExtensionHeader<'_> {
    /// Returns where a packet with this header ends its way whose IPv6 header says `destination`;
    /// `None` if that is not for this header to say.
    pub(crate) fn final_destination(&self, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        match self.content() {
            Ipv6Extension::Routing(routing) => routing.final_destination(destination),
            _ => None,
        }
    }
}

/// Says whether a number names a header that is walked over.
#[inline]
pub(crate) const fn is_extension(protocol: Protocol) -> bool {
    matches!(
        protocol,
        Protocol::HOP_BY_HOP_OPTIONS
            | Protocol::ROUTING
            | Protocol::FRAGMENT
            | Protocol::AH
            | Protocol::DESTINATION_OPTIONS
    )
}

/// Returns how much of the header behind the extension headers the first fragment has to have at least, in
/// bytes.
///
/// Source: RFC 8200 §4.5, RFC 7112 §5.
pub(crate) const fn upper_header_len(protocol: Protocol) -> usize {
    match protocol {
        Protocol::TCP => TCP_HEADER_LEN,
        Protocol::SCTP => SCTP_HEADER_LEN,
        Protocol::IPV4 => IPV4_HEADER_LEN,
        Protocol::IPV6 => IPV6_HEADER_LEN,
        Protocol::NO_NEXT_HEADER => 0,
        _ => 8,
    }
}

/// Returns the extension header of kind `protocol` at `at`: at least 8 bytes.
fn header_at(protocol: Protocol, bytes: &[u8], at: usize) -> Result<&[u8], ParseError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let len = match (protocol, rest.get(1)) {
        (Protocol::FRAGMENT, _) | (_, None) => FRAGMENT_HEADER_LEN,
        // RFC 4302 §2.2: in words of 4 bytes, minus 2.
        (Protocol::AH, Some(words)) => (usize::from(*words) + 2) * 4,
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
