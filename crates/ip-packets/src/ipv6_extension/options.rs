//! The options in hop-by-hop and destination options headers.

use core::net::Ipv6Addr;

use crate::error::{Field, Layer, ParseError};
use crate::{BuildError, Ipv6OptionKind};

const PAD_1: u8 = Ipv6OptionKind::PAD1.number();
const PAD_N: u8 = Ipv6OptionKind::PAD_N.number();
const ROUTER_ALERT: u8 = Ipv6OptionKind::ROUTER_ALERT.number();
const JUMBO_PAYLOAD: u8 = Ipv6OptionKind::JUMBO_PAYLOAD.number();
const HOME_ADDRESS: u8 = Ipv6OptionKind::HOME_ADDRESS.number();

/// One option of a hop-by-hop or destination options header.
///
/// An option whose length does not fit its type is [`Unknown`](Self::Unknown): every well-framed
/// option reads as something that writes back to the same bytes.
///
/// Source: RFC 8200 §4.2; IANA, Destination Options and Hop-by-Hop Options.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv6Option<'a> {
    /// One byte of padding.
    Pad1,
    /// Two bytes of padding and this many zeros.
    PadN(u8),
    /// Routers look into the packet: 0 MLD, 1 RSVP, 2 active networks. RFC 2711 §2.1.
    RouterAlert(u16),
    /// The payload length where it does not fit its field, in bytes. RFC 2675 §2.
    ///
    /// Packets with one are not read as such.
    JumboPayload(u32),
    /// The home address of a mobile node. RFC 6275 §6.3.
    HomeAddress(Ipv6Addr),
    /// Any other option.
    Unknown {
        /// Its type: what to do about it, whether it changes on the way, and a number.
        kind: u8,
        /// What follows type and length.
        data: &'a [u8],
    },
}

/// What a node does about an option it does not know.
///
/// Source: RFC 8200 §4.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum UnknownOptionAction {
    /// Skips it.
    Skip,
    /// Drops the packet.
    Discard,
    /// Drops the packet and reports a parameter problem.
    Report,
    /// The same, unless the destination is multicast.
    ReportUnicast,
}

impl<'a> Ipv6Option<'a> {
    fn read(kind: u8, data: &'a [u8]) -> Self {
        let typed = match kind {
            PAD_N if data.iter().all(|byte| *byte == 0) => {
                u8::try_from(data.len()).ok().map(Self::PadN)
            }
            ROUTER_ALERT => data
                .try_into()
                .ok()
                .map(|value| Self::RouterAlert(u16::from_be_bytes(value))),
            JUMBO_PAYLOAD => data
                .try_into()
                .ok()
                .map(|len| Self::JumboPayload(u32::from_be_bytes(len))),
            HOME_ADDRESS => <[u8; 16]>::try_from(data)
                .ok()
                .map(|octets| Self::HomeAddress(octets.into())),
            _ => None,
        };
        typed.unwrap_or(Self::Unknown { kind, data })
    }

    /// Returns the type octet.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Pad1 => PAD_1,
            Self::PadN(_) => PAD_N,
            Self::RouterAlert(_) => ROUTER_ALERT,
            Self::JumboPayload(_) => JUMBO_PAYLOAD,
            Self::HomeAddress(_) => HOME_ADDRESS,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Returns what a node does that does not know the option: the two high bits of the type.
    #[must_use]
    pub const fn action(&self) -> UnknownOptionAction {
        match self.kind() >> 6 {
            0 => UnknownOptionAction::Skip,
            1 => UnknownOptionAction::Discard,
            2 => UnknownOptionAction::Report,
            _ => UnknownOptionAction::ReportUnicast,
        }
    }

    /// Returns whether the data may change on the way: the third highest bit of the type.
    #[must_use]
    pub const fn may_change(&self) -> bool {
        self.kind() & 0x20 != 0
    }

    /// Returns the length with type and length fields, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Pad1 => 1,
            Self::PadN(zeros) => 2 + usize::from(*zeros),
            Self::RouterAlert(_) => 4,
            Self::JumboPayload(_) => 6,
            Self::HomeAddress(_) => 18,
            Self::Unknown { data, .. } => 2 + data.len(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let data_len = self.encoded_len().saturating_sub(2);
        BuildError::check_len(Layer::Ipv6Extension, data_len, usize::from(u8::MAX))
    }

    pub(crate) fn emit(&self, put: &mut dyn FnMut(&[u8])) {
        const ZEROS: [u8; 255] = [0; 255];
        let [len, ..] = self.encoded_len().wrapping_sub(2).to_le_bytes();
        if *self == Self::Pad1 {
            return put(&[PAD_1]);
        }
        put(&[self.kind(), len]);
        match self {
            Self::Pad1 => {}
            Self::PadN(zeros) => put(&ZEROS[..usize::from(*zeros)]),
            Self::RouterAlert(value) => put(&value.to_be_bytes()),
            Self::JumboPayload(len) => put(&len.to_be_bytes()),
            Self::HomeAddress(address) => put(&address.octets()),
            Self::Unknown { data, .. } => put(data),
        }
    }
}

/// The options of a header: as they are on the wire, or to be written.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Options<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Wire(&'a [u8]),
    Typed(&'a [Ipv6Option<'a>]),
}

impl<'a> Ipv6Options<'a> {
    /// Takes options to be written; padding fills the header up to a multiple of 8 bytes.
    ///
    /// Where options must stand at multiples of their own, put padding between them.
    #[must_use]
    pub const fn new(options: &'a [Ipv6Option<'a>]) -> Self {
        Self(Form::Typed(options))
    }

    /// Takes options as they are on the wire.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Form::Wire(bytes))
    }

    /// Reads the options one after the other; after an error nothing follows.
    #[must_use]
    pub const fn iter(&self) -> Ipv6OptionsIter<'a> {
        Ipv6OptionsIter {
            form: self.0,
            at: 0,
        }
    }

    /// Returns the first home address of a mobile node among the options.
    ///
    /// Source: RFC 6275 §6.3.
    #[must_use]
    pub fn home_address(&self) -> Option<Ipv6Addr> {
        self.iter()
            .map_while(Result::ok)
            .find_map(|option| match option {
                Ipv6Option::HomeAddress(address) => Some(address),
                _ => None,
            })
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        match self.0 {
            Form::Wire(_) => Ok(()),
            Form::Typed(options) => options.iter().try_for_each(Ipv6Option::check),
        }
    }

    pub(super) fn emit(&self, put: &mut dyn FnMut(&[u8])) {
        match self.0 {
            Form::Wire(bytes) => put(bytes),
            Form::Typed(options) => {
                for option in options {
                    option.emit(put);
                }
            }
        }
    }

    /// Writes padding of `len` bytes.
    pub(super) fn emit_padding(len: usize, put: &mut dyn FnMut(&[u8])) {
        match len {
            0 => {}
            1 => Ipv6Option::Pad1.emit(put),
            len => Ipv6Option::PadN(u8::try_from(len - 2).unwrap_or(u8::MAX)).emit(put),
        }
    }
}

/// Equal where the options are, whichever form they are in.
impl PartialEq for Ipv6Options<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Ipv6Options<'_> {}

impl<'a> IntoIterator for Ipv6Options<'a> {
    type Item = Result<Ipv6Option<'a>, ParseError>;
    type IntoIter = Ipv6OptionsIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Reads the options of a header one after the other.
#[derive(Clone, Debug)]
pub struct Ipv6OptionsIter<'a> {
    form: Form<'a>,
    /// In bytes, or in options that are typed.
    at: usize,
}

impl<'a> Iterator for Ipv6OptionsIter<'a> {
    type Item = Result<Ipv6Option<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = match self.form {
            Form::Wire(bytes) => bytes,
            Form::Typed(options) => {
                let option = options.get(self.at)?;
                self.at += 1;
                return Some(Ok(*option));
            }
        };
        let at = self.at;
        let rest = bytes.get(at..)?;
        let (kind, len) = match *rest {
            [] => return None,
            [PAD_1, ..] => {
                self.at += 1;
                return Some(Ok(Ipv6Option::Pad1));
            }
            [kind, ref len @ ..] => (kind, len.first().copied()),
        };
        let needed = 2 + usize::from(len.unwrap_or(0));
        match rest.get(2..needed) {
            Some(data) if len.is_some() => {
                self.at += needed;
                Some(Ok(Ipv6Option::read(kind, data)))
            }
            _ => {
                self.at = bytes.len();
                Some(Err(cut_off(at, needed, rest.len())))
            }
        }
    }
}

/// Offsets count from the start of the extension header, two bytes before its options.
#[cold]
fn cut_off(at: usize, needed: usize, available: usize) -> ParseError {
    let offset = 2 + at;
    ParseError::Truncated {
        layer: Layer::Ipv6Extension,
        field: Field::Option,
        offset,
        needed: offset + needed,
        available: offset + available,
    }
}
