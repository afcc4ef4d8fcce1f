//! The options of an IPv4 packet, typed both ways.

mod route;
mod timestamps;

use core::iter::FusedIterator;
use core::net::Ipv4Addr;

use crate::Ipv4OptionKind;
use crate::error::{Layer, ParseError};
use crate::option_frames::{END, Frame, Frames, NOP};

pub use route::Ipv4Route;
pub use timestamps::{Ipv4Timestamp, Ipv4Timestamps, Ipv4TimestampsKind};

const RECORD_ROUTE: u8 = Ipv4OptionKind::RECORD_ROUTE.number();
const TIMESTAMPS: u8 = Ipv4OptionKind::TIMESTAMP.number();
const SECURITY: u8 = Ipv4OptionKind::SECURITY.number();
const LOOSE_SOURCE_ROUTE: u8 = Ipv4OptionKind::LOOSE_SOURCE_ROUTE.number();
const STRICT_SOURCE_ROUTE: u8 = Ipv4OptionKind::STRICT_SOURCE_ROUTE.number();
const ROUTER_ALERT: u8 = Ipv4OptionKind::ROUTER_ALERT.number();

/// One option of an IPv4 packet.
///
/// An option whose length does not fit its kind is [`Unknown`](Self::Unknown): every well-framed
/// option reads as something that writes back to the same bytes.
///
/// ```
/// use wirecraft_ip_packets::{Ipv4Option, Ipv4Packet, Ipv4Route, v4};
///
/// let route = Ipv4Option::RecordRoute(Ipv4Route::empty(3));
/// let bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).option(route).udp(1, 2).build();
/// let packet = Ipv4Packet::parse(&bytes)?;
/// assert_eq!(packet.header_len(), 20 + 16);
/// assert_eq!(packet.options().next(), Some(Ok(route)));
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
///
/// Source: RFC 791 §3.1; IANA, IP Option Numbers.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv4Option<'a> {
    /// The end of all options. Reading stops at it and does not return it.
    End,
    /// No operation: padding between options.
    Nop,
    /// Routers write their addresses into it.
    RecordRoute(Ipv4Route),
    /// Addresses the packet passes, others between them.
    LooseSourceRoute(Ipv4Route),
    /// Addresses the packet passes, and no others.
    StrictSourceRoute(Ipv4Route),
    /// Hosts and routers write the time into it.
    Timestamps(Ipv4Timestamps),
    /// Routers look into the packet, for the reason given; 0 is the only one there is.
    ///
    /// Source: RFC 2113.
    RouterAlert(u16),
    /// Security as first defined: 11 bytes.
    ///
    /// Source: RFC 791 §3.1, p. 17.
    Security {
        /// The level.
        level: u16,
        /// The compartments.
        compartments: u16,
        /// The handling restrictions.
        handling: u16,
        /// The transmission control code.
        control: [u8; 3],
    },
    /// Basic security: the same number of any other length.
    ///
    /// Source: RFC 1108 §2.
    BasicSecurity {
        /// The classification level.
        classification: u8,
        /// The flags of the protection authorities.
        authorities: &'a [u8],
    },
    /// Any other option.
    Unknown {
        /// Its type: copied flag, class and number.
        kind: u8,
        /// What follows type and length.
        data: &'a [u8],
    },
}

impl<'a> Ipv4Option<'a> {
    /// Reads the content of an option.
    fn read(kind: u8, data: &'a [u8]) -> Self {
        let typed = match kind {
            RECORD_ROUTE => Ipv4Route::read(data).map(Self::RecordRoute),
            LOOSE_SOURCE_ROUTE => Ipv4Route::read(data).map(Self::LooseSourceRoute),
            STRICT_SOURCE_ROUTE => Ipv4Route::read(data).map(Self::StrictSourceRoute),
            TIMESTAMPS => Ipv4Timestamps::read(data).map(Self::Timestamps),
            ROUTER_ALERT => <[u8; 2]>::try_from(data)
                .ok()
                .map(|value| Self::RouterAlert(u16::from_be_bytes(value))),
            SECURITY => Self::read_security(data),
            _ => None,
        };
        typed.unwrap_or(Self::Unknown { kind, data })
    }

    fn read_security(data: &'a [u8]) -> Option<Self> {
        match *data {
            [s, t, c, d, h, i, ref control @ ..] if control.len() == 3 => Some(Self::Security {
                level: u16::from_be_bytes([s, t]),
                compartments: u16::from_be_bytes([c, d]),
                handling: u16::from_be_bytes([h, i]),
                control: *control.first_chunk()?,
            }),
            [classification, ref authorities @ ..] => Some(Self::BasicSecurity {
                classification,
                authorities,
            }),
            [] => None,
        }
    }

    /// Returns the type octet: copied flag, class and number.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::End => END,
            Self::Nop => NOP,
            Self::RecordRoute(_) => RECORD_ROUTE,
            Self::LooseSourceRoute(_) => LOOSE_SOURCE_ROUTE,
            Self::StrictSourceRoute(_) => STRICT_SOURCE_ROUTE,
            Self::Timestamps(_) => TIMESTAMPS,
            Self::RouterAlert(_) => ROUTER_ALERT,
            Self::Security { .. } | Self::BasicSecurity { .. } => SECURITY,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Returns whether every fragment repeats the option.
    #[must_use]
    pub const fn is_copied(&self) -> bool {
        self.kind() & 0x80 != 0
    }

    /// Returns the length with type and length fields, in bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::End | Self::Nop => 1,
            Self::RecordRoute(route)
            | Self::LooseSourceRoute(route)
            | Self::StrictSourceRoute(route) => 2 + route.data_len(),
            Self::Timestamps(timestamps) => 2 + timestamps.data_len(),
            Self::RouterAlert(_) => 4,
            Self::Security { .. } => 11,
            Self::BasicSecurity { authorities, .. } => 3 + authorities.len(),
            Self::Unknown { data, .. } => 2 + data.len(),
        }
    }

    /// Writes the option to the start of `buf` and returns its length in bytes.
    ///
    /// `None` if it does not fit, or is longer than 255 bytes; `buf` is then as it was.
    pub fn write(&self, buf: &mut [u8]) -> Option<usize> {
        let len = self.encoded_len();
        let buf = buf.get_mut(..len)?;
        let Some((head, data)) = buf.split_first_chunk_mut::<2>() else {
            buf.fill(self.kind());
            return Some(len);
        };
        *head = [self.kind(), u8::try_from(len).ok()?];
        match self {
            Self::End | Self::Nop => {}
            Self::RecordRoute(route)
            | Self::LooseSourceRoute(route)
            | Self::StrictSourceRoute(route) => route.write(data),
            Self::Timestamps(timestamps) => timestamps.write(data),
            Self::RouterAlert(value) => data.copy_from_slice(&value.to_be_bytes()),
            Self::Security {
                level,
                compartments,
                handling,
                control,
            } => {
                data[..2].copy_from_slice(&level.to_be_bytes());
                data[2..4].copy_from_slice(&compartments.to_be_bytes());
                data[4..6].copy_from_slice(&handling.to_be_bytes());
                data[6..].copy_from_slice(control);
            }
            Self::BasicSecurity {
                classification,
                authorities,
            } => {
                data[0] = *classification;
                data[1..].copy_from_slice(authorities);
            }
            Self::Unknown { data: content, .. } => data.copy_from_slice(content),
        }
        Some(len)
    }
}

/// Reads options one after the other, up to the end-of-options mark or the end of the header.
///
/// After an error nothing follows: the framing is lost.
#[derive(Clone, Debug)]
pub struct Ipv4Options<'a>(Frames<'a>);

impl<'a> Ipv4Options<'a> {
    /// Reads options from the bytes between the fixed header and the payload.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Frames::new(bytes))
    }

    /// Returns the bytes of all options with their padding.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Returns the end mark and what follows it; nothing where no end mark is.
    #[must_use]
    pub fn padding(&self) -> &'a [u8] {
        self.0.clone().padding(Layer::Ipv4)
    }

    /// Returns where a packet with these options ends its way whose header says `destination`.
    pub(crate) fn final_destination(self, destination: Ipv4Addr) -> Ipv4Addr {
        self.route_end().unwrap_or(destination)
    }

    /// Returns the last address of a source route that is not used up.
    pub(crate) fn route_end(self) -> Option<Ipv4Addr> {
        self.map_while(Result::ok).find_map(|option| match option {
            Ipv4Option::LooseSourceRoute(route) | Ipv4Option::StrictSourceRoute(route) => {
                route.end()
            }
            _ => None,
        })
    }
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.0.next(Layer::Ipv4)?;
        Some(frame.map(|frame| match frame {
            Frame::Nop => Ipv4Option::Nop,
            Frame::Option { kind, data } => Ipv4Option::read(kind, data),
        }))
    }
}

impl FusedIterator for Ipv4Options<'_> {}
