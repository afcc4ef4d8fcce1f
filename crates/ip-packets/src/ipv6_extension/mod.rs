//! Extension headers of IPv6, typed both ways.

mod options;
mod routing;

use crate::error::Layer;
use crate::extension::{ExtensionHeader, FRAGMENT_HEADER_LEN, Ipv6Fragment};
use crate::{AuthenticationHeader, BuildError, Protocol};

pub use options::{Ipv6Option, Ipv6Options, Ipv6OptionsIter, UnknownOptionAction};
pub use routing::{RoutingHeader, RplRoute};

/// The greatest length that a header of 8-byte units can say, in bytes.
const HEADER_LEN_MAX: usize = 256 * 8;

/// What an extension header says.
///
/// ```
/// use wirecraft_ip_packets::{Ipv6Extension, Ipv6Option, Ipv6Options, Ipv6Packet, v6};
///
/// let alert = [Ipv6Option::RouterAlert(0)];
/// let extensions = [Ipv6Extension::HopByHop(Ipv6Options::new(&alert))];
/// let bytes = v6([1; 16].into(), [2; 16].into()).extensions(&extensions).udp(1, 2).build();
/// let packet = Ipv6Packet::parse(&bytes)?;
/// let first = packet.extension_headers().next().map(|header| header.content());
/// let Some(Ipv6Extension::HopByHop(options)) = first else { panic!("no options") };
/// assert_eq!(options.iter().next(), Some(Ok(alert[0])));
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
///
/// Source: RFC 8200 §4.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv6Extension<'a> {
    /// Options for every node on the way.
    HopByHop(Ipv6Options<'a>),
    /// Options for the destination.
    Destination(Ipv6Options<'a>),
    /// Where the packet goes.
    Routing(RoutingHeader<'a>),
    /// Which part of a larger packet this is.
    Fragment(Ipv6Fragment),
    /// Who the packet is from.
    Authentication(AuthenticationHeader<'a>),
    /// Any other header, or one with reserved bits set, or malformed within.
    Other {
        /// What kind of header it is.
        protocol: Protocol,
        /// What follows its next header field, a length field mostly.
        rest: &'a [u8],
    },
}

impl<'a> ExtensionHeader<'a> {
    /// Reads what the header says.
    #[must_use]
    pub fn content(&self) -> Ipv6Extension<'a> {
        let protocol = self.protocol;
        let rest = self.bytes.get(1..).unwrap_or_default();
        let typed = match (protocol, rest) {
            (Protocol::HOP_BY_HOP_OPTIONS, [_, options @ ..]) => {
                Some(Ipv6Extension::HopByHop(Ipv6Options::from_bytes(options)))
            }
            (Protocol::DESTINATION_OPTIONS, [_, options @ ..]) => {
                Some(Ipv6Extension::Destination(Ipv6Options::from_bytes(options)))
            }
            (Protocol::ROUTING, [_, kind, segments_left, data @ ..]) => Some(
                Ipv6Extension::Routing(RoutingHeader::read(*kind, *segments_left, data)),
            ),
            (Protocol::FRAGMENT, [0, _, low, ..]) if low & 0b110 == 0 => {
                Ipv6Fragment::read(self.bytes).map(Ipv6Extension::Fragment)
            }
            (Protocol::AH, [_, 0, 0, ..]) => AuthenticationHeader::parse(self.bytes)
                .ok()
                .map(Ipv6Extension::Authentication),
            _ => None,
        };
        typed.unwrap_or(Ipv6Extension::Other { protocol, rest })
    }
}

impl Ipv6Extension<'_> {
    /// Returns what kind of header it is.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::HopByHop(_) => Protocol::HOP_BY_HOP_OPTIONS,
            Self::Destination(_) => Protocol::DESTINATION_OPTIONS,
            Self::Routing(_) => Protocol::ROUTING,
            Self::Fragment(_) => Protocol::FRAGMENT,
            Self::Authentication(_) => Protocol::AH,
            Self::Other { protocol, .. } => *protocol,
        }
    }

    /// Returns the length of the header with padding, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut len = 0;
        self.emit(Protocol::NO_NEXT_HEADER, &mut |bytes| len += bytes.len());
        len
    }

    /// Says whether its lengths can say what it is.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        match self {
            Self::HopByHop(options) | Self::Destination(options) => {
                options.check()?;
                BuildError::check_len(Layer::Ipv6Extension, self.encoded_len(), HEADER_LEN_MAX)
            }
            Self::Routing(_) => {
                BuildError::check_len(Layer::Ipv6Extension, self.encoded_len(), HEADER_LEN_MAX)
            }
            Self::Fragment(fragment) => fragment.check(),
            Self::Authentication(header) => header.check(),
            Self::Other { .. } => Ok(()),
        }
    }

    /// Writes the header, before one of kind `next`, to `room`, which is exactly as long.
    pub(crate) fn write(&self, next: Protocol, room: &mut [u8]) {
        let mut at = 0;
        self.emit(next, &mut |bytes| {
            room[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
    }

    fn emit(&self, next: Protocol, put: &mut dyn FnMut(&[u8])) {
        let next = next.number();
        match self {
            Self::HopByHop(options) | Self::Destination(options) => {
                let (len, padding) = padded_to_8(|put| options.emit(put));
                put(&[next, len]);
                options.emit(put);
                Ipv6Options::emit_padding(padding, put);
            }
            Self::Routing(routing) => {
                let (len, padding) = padded_to_8(|put| routing.emit(put));
                put(&[next, len]);
                routing.emit(put);
                put(&[0; 8][..padding]);
            }
            Self::Fragment(fragment) => put(&fragment.bytes(next)),
            Self::Authentication(header) => header.emit(next, put),
            Self::Other { rest, .. } => {
                put(&[next]);
                put(rest);
            }
        }
    }
}

/// Returns the length field of a header of next header, length and what `emit` writes, modulo the
/// field, and how many bytes fill it up to a multiple of 8.
fn padded_to_8(emit: impl FnOnce(&mut dyn FnMut(&[u8]))) -> (u8, usize) {
    let mut len = 2;
    emit(&mut |bytes| len += bytes.len());
    let padded = len.next_multiple_of(8);
    let [field, ..] = (padded / 8 - 1).to_le_bytes();
    (field, padded - len)
}

const _: () = assert!(FRAGMENT_HEADER_LEN == 8);
