//! Routing headers.

use core::net::Ipv6Addr;

use crate::Ipv6RoutingKind;

/// A routing header behind its next header and length fields.
///
/// Addresses are in the form they have on the wire: `Ipv6Addr::from` and `octets` convert them.
/// What would not write back to the same bytes is [`Unknown`](Self::Unknown).
///
/// Source: RFC 8200 §4.4; IANA, IPv6 Routing Types.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoutingHeader<'a> {
    /// Type 0: the addresses to be passed, in order. Deprecated. RFC 2460 §4.4, RFC 5095.
    Source {
        /// How many of them are still to come.
        segments_left: u8,
        /// The addresses.
        addresses: &'a [[u8; 16]],
    },
    /// Type 2: the home address of a mobile node. RFC 6275 §6.4.
    Home {
        /// 1 until the node has taken the packet.
        segments_left: u8,
        /// The home address.
        address: Ipv6Addr,
    },
    /// Type 3: addresses to be passed in a low-power network. RFC 6554 §3.
    Rpl(RplRoute<'a>),
    /// Type 4: segments to be passed, the last first. RFC 8754 §2.
    Segments {
        /// The number of the segment that is the destination at present.
        segments_left: u8,
        /// The number of the last segment in the list, the first to be passed.
        last_entry: u8,
        /// The flags.
        flags: u8,
        /// What groups packets of a kind.
        tag: u16,
        /// The segments.
        segments: &'a [[u8; 16]],
        /// What follows them, as it is on the wire.
        tlvs: &'a [u8],
    },
    /// Any other header.
    Unknown {
        /// Its type.
        kind: Ipv6RoutingKind,
        /// How many segments are still to come.
        segments_left: u8,
        /// What follows.
        data: &'a [u8],
    },
}

/// Addresses that leave out the octets they share with the destination.
///
/// Source: RFC 6554 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RplRoute<'a> {
    /// How many of the addresses are still to come.
    pub segments_left: u8,
    /// How many octets all addresses but the last leave out; 15 at most.
    pub elided: u8,
    /// How many octets the last address leaves out; 15 at most.
    pub elided_in_last: u8,
    /// How many of the bytes of `addresses` are padding; 15 at most. What fills the header up to a
    /// multiple of 8 bytes is counted beside when it is written.
    pub padding: u8,
    /// The addresses with their padding.
    pub addresses: &'a [u8],
}

impl<'a> RplRoute<'a> {
    /// Takes whole addresses, the first of them next.
    #[must_use]
    pub const fn whole(segments_left: u8, addresses: &'a [[u8; 16]]) -> Self {
        Self {
            segments_left,
            elided: 0,
            elided_in_last: 0,
            padding: 0,
            addresses: addresses.as_flattened(),
        }
    }

    /// Returns all addresses, completed from that of `destination`; none if the lengths disagree.
    pub fn completed(&self, destination: Ipv6Addr) -> impl Iterator<Item = Ipv6Addr> + use<'a> {
        let (elided, elided_in_last) = (self.elided & 15, self.elided_in_last & 15);
        let (len, last_len) = (16 - usize::from(elided), 16 - usize::from(elided_in_last));
        let list_len = self.addresses.len().checked_sub(usize::from(self.padding));
        let list = list_len.and_then(|len| self.addresses.get(..len));
        let (most, last) = list
            .and_then(|list| list.split_at_checked(list.len().checked_sub(last_len)?))
            .filter(|(most, _)| most.len().is_multiple_of(len))
            .unwrap_or_default();
        let complete = move |octets: &[u8]| {
            let mut address = destination.octets();
            address[16 - octets.len()..].copy_from_slice(octets);
            Ipv6Addr::from(address)
        };
        let last = (!last.is_empty()).then_some(last);
        most.chunks_exact(len).chain(last).map(complete)
    }

    /// Returns the padding with what fills the header up.
    fn written_padding(&self) -> u8 {
        let len = self.addresses.len();
        let [filled, ..] = (len.next_multiple_of(8) - len).to_le_bytes();
        self.padding.saturating_add(filled).min(15)
    }

    fn read(segments_left: u8, data: &'a [u8]) -> Option<Self> {
        let ([lengths, padding, 0, 0], addresses) = data.split_first_chunk::<4>()? else {
            return None;
        };
        (padding & 0x0f == 0).then_some(Self {
            segments_left,
            elided: lengths >> 4,
            elided_in_last: lengths & 0x0f,
            padding: padding >> 4,
            addresses,
        })
    }
}

impl<'a> RoutingHeader<'a> {
    /// Reads what follows next header and length fields.
    pub(super) fn read(kind: u8, segments_left: u8, data: &'a [u8]) -> Self {
        let kind = Ipv6RoutingKind::new(kind);
        let typed = match kind {
            Ipv6RoutingKind::SOURCE_ROUTE => behind_zeros(data).map(|addresses| Self::Source {
                segments_left,
                addresses,
            }),
            Ipv6RoutingKind::HOME_ADDRESS => match behind_zeros(data) {
                Some([address]) => Some(Self::Home {
                    segments_left,
                    address: (*address).into(),
                }),
                _ => None,
            },
            Ipv6RoutingKind::RPL_SOURCE_ROUTE => RplRoute::read(segments_left, data).map(Self::Rpl),
            Ipv6RoutingKind::SEGMENT_ROUTING => Self::read_segments(segments_left, data),
            _ => None,
        };
        typed.unwrap_or(Self::Unknown {
            kind,
            segments_left,
            data,
        })
    }

    fn read_segments(segments_left: u8, data: &'a [u8]) -> Option<Self> {
        let ([last_entry, flags, high, low], rest) = data.split_first_chunk::<4>()?;
        let list_len = (usize::from(*last_entry) + 1) * 16;
        let (list, tlvs) = rest.split_at_checked(list_len)?;
        Some(Self::Segments {
            segments_left,
            last_entry: *last_entry,
            flags: *flags,
            tag: u16::from_be_bytes([*high, *low]),
            segments: list.as_chunks().0,
            tlvs,
        })
    }

    /// Returns the type.
    #[must_use]
    pub const fn kind(&self) -> Ipv6RoutingKind {
        match self {
            Self::Source { .. } => Ipv6RoutingKind::SOURCE_ROUTE,
            Self::Home { .. } => Ipv6RoutingKind::HOME_ADDRESS,
            Self::Rpl(_) => Ipv6RoutingKind::RPL_SOURCE_ROUTE,
            Self::Segments { .. } => Ipv6RoutingKind::SEGMENT_ROUTING,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Returns how many segments are still to come.
    #[must_use]
    pub const fn segments_left(&self) -> u8 {
        match self {
            Self::Source { segments_left, .. }
            | Self::Home { segments_left, .. }
            | Self::Rpl(RplRoute { segments_left, .. })
            | Self::Segments { segments_left, .. }
            | Self::Unknown { segments_left, .. } => *segments_left,
        }
    }

    /// Returns the address where a packet ends its way whose header says `destination`; `None` if
    /// no segments are left, or the type is unknown.
    #[must_use]
    pub fn final_destination(&self, destination: Ipv6Addr) -> Option<Ipv6Addr> {
        if self.segments_left() == 0 {
            return None;
        }
        match self {
            Self::Source { addresses, .. } => addresses.last().copied().map(Ipv6Addr::from),
            Self::Home { address, .. } => Some(*address),
            Self::Rpl(route) => route.completed(destination).last(),
            Self::Segments { segments, .. } => segments.first().copied().map(Ipv6Addr::from),
            Self::Unknown { .. } => None,
        }
    }

    pub(super) fn emit(&self, put: &mut dyn FnMut(&[u8])) {
        put(&[self.kind().number(), self.segments_left()]);
        match self {
            Self::Source { addresses, .. } => {
                put(&[0; 4]);
                put(addresses.as_flattened());
            }
            Self::Home { address, .. } => {
                put(&[0; 4]);
                put(&address.octets());
            }
            Self::Rpl(route) => {
                let lengths = route.elided << 4 | route.elided_in_last & 0x0f;
                put(&[lengths, route.written_padding() << 4, 0, 0]);
                put(route.addresses);
            }
            Self::Segments {
                last_entry,
                flags,
                tag,
                segments,
                tlvs,
                ..
            } => {
                let [high, low] = tag.to_be_bytes();
                put(&[*last_entry, *flags, high, low]);
                put(segments.as_flattened());
                put(tlvs);
            }
            Self::Unknown { data, .. } => put(data),
        }
    }
}

/// Returns the addresses behind four bytes of zeros.
fn behind_zeros(data: &[u8]) -> Option<&[[u8; 16]]> {
    match data.split_first_chunk::<4>()? {
        ([0, 0, 0, 0], rest) => match rest.as_chunks() {
            (addresses, []) => Some(addresses),
            _ => None,
        },
        _ => None,
    }
}
