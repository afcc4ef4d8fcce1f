//! What ICMP messages for IPv4 say, type by type.

use core::net::Ipv4Addr;

use super::ICMP_HEADER_LEN;
use super::codes::{
    Icmpv4ParameterCode, Icmpv4PhoturisCode, Icmpv4RedirectCode, Icmpv4RouterCode, Icmpv4Type,
    Icmpv4Unreachable,
};
use crate::error::{Field, Layer, ParseError, short_header};
use crate::icmp::{quoted_part, structure_len, two_words, write_structure};
use crate::sequence::{Element, cut};
use crate::{BuildError, Echo, ExtendedEchoReply, ExtendedEchoRequest, Sequence, TimeExceededCode};

/// The length of a router entry on the wire, in words of 4 bytes. RFC 1256 §3.
const ROUTER_ENTRY_WORDS: u8 = 2;

/// What a message says.
///
/// Reserved bits are not kept, nor the code where it has no meaning, nor the extensions of errors
/// with the octet that says where they start, nor the checksum of the extension structure that an
/// extended echo request is: absent or wrong, it is written as it should be. The message's own
/// accessors have all of them. All else writes back as it was.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv4Kind<'a> {
    /// Somebody asks for an answer.
    EchoRequest(Echo<'a>),
    /// The answer.
    EchoReply(Echo<'a>),
    /// A packet did not reach its destination.
    DestinationUnreachable {
        /// Why.
        code: Icmpv4Unreachable,
        /// The MTU of the hop that a packet was too big for, in bytes; 0 where the router does not
        /// say, and under other codes. RFC 1191 §4.
        next_hop_mtu: u16,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// A packet was dropped for there were too many. Deprecated by RFC 6633.
    SourceQuench {
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// A packet ran out of hops, or its fragments out of time.
    TimeExceeded {
        /// Which of both.
        code: TimeExceededCode,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// A packet has a field that somebody did not like.
    ParameterProblem {
        /// What was wrong.
        code: Icmpv4ParameterCode,
        /// Where, in bytes from the start of the packet; meant under
        /// [`POINTER`](Icmpv4ParameterCode::POINTER).
        pointer: u8,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// There is a better way for a packet.
    Redirect {
        /// What the redirection is for.
        code: Icmpv4RedirectCode,
        /// The better next hop.
        gateway: Ipv4Addr,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// Routers of a link. RFC 1256.
    RouterAdvertisement {
        /// What they forward.
        code: Icmpv4RouterCode,
        /// How long this holds, in seconds.
        lifetime: u16,
        /// The routers; their count is written modulo 256.
        routers: Sequence<'a, RouterEntry>,
    },
    /// A host asks for routers. RFC 1256.
    RouterSolicitation,
    /// Somebody asks for the time.
    TimestampRequest(Timestamps),
    /// The time.
    TimestampReply(Timestamps),
    /// Somebody asks for the number of the network. Deprecated by RFC 6918.
    InformationRequest {
        /// Tells programs apart.
        identifier: u16,
        /// Tells the requests of one apart.
        sequence: u16,
    },
    /// The number of the network is in the addresses of the packet. Deprecated by RFC 6918.
    InformationReply {
        /// The identifier of the request.
        identifier: u16,
        /// The sequence number of the request.
        sequence: u16,
    },
    /// Somebody asks for the address mask of the network. RFC 950, deprecated by RFC 6918.
    AddressMaskRequest(AddressMask),
    /// The address mask of the network.
    AddressMaskReply(AddressMask),
    /// The Photuris key exchange failed. RFC 2521.
    Photuris {
        /// Why.
        code: Icmpv4PhoturisCode,
        /// Where, in bytes from the start of the packet.
        pointer: u16,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// Somebody asks for the state of an interface. RFC 8335.
    ExtendedEchoRequest(ExtendedEchoRequest<'a>),
    /// The state of an interface. RFC 8335.
    ExtendedEchoReply(ExtendedEchoReply),
    /// Any other type, and what has not the length of its type.
    Other {
        /// The type.
        message_type: Icmpv4Type,
        /// The code.
        code: u8,
        /// What follows type, code and checksum.
        word: [u8; 4],
        /// What follows the word.
        body: &'a [u8],
    },
}

/// A router, as another advertises it.
///
/// Source: RFC 1256 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct RouterEntry {
    /// Its address.
    pub address: Ipv4Addr,
    /// How it is preferred to others: the greater the more; `i32::MIN` says that it is no default.
    pub preference: i32,
}

/// Times of day, each in milliseconds since midnight UTC.
///
/// Source: RFC 792.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Timestamps {
    /// Tells programs apart.
    pub identifier: u16,
    /// Tells the requests of one apart.
    pub sequence: u16,
    /// When the request was sent.
    pub originate: u32,
    /// When the request arrived.
    pub receive: u32,
    /// When the reply was sent.
    pub transmit: u32,
}

/// The address mask of a network.
///
/// Source: RFC 950 §2.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct AddressMask {
    /// Tells programs apart.
    pub identifier: u16,
    /// Tells the requests of one apart.
    pub sequence: u16,
    /// The mask.
    pub mask: Ipv4Addr,
}

/// Says what a message lacks of the body that its type requires.
pub(super) fn check(
    message_type: Icmpv4Type,
    word: [u8; 4],
    body: &[u8],
) -> Result<(), ParseError> {
    let needed = match message_type {
        Icmpv4Type::TIMESTAMP_REQUEST | Icmpv4Type::TIMESTAMP_REPLY => 12,
        Icmpv4Type::ADDRESS_MASK_REQUEST | Icmpv4Type::ADDRESS_MASK_REPLY => 4,
        Icmpv4Type::EXTENDED_ECHO_REQUEST => {
            return ExtendedEchoRequest::check(body)
                .map_err(|error| error.shifted(ICMP_HEADER_LEN));
        }
        Icmpv4Type::ROUTER_ADVERTISEMENT => {
            let [count, words, _, _] = word;
            let needed = usize::from(count) * usize::from(words) * 4;
            if body.len() < needed {
                let error = cut(Layer::Icmpv4, Field::Count, needed, body.len());
                return Err(error.shifted(ICMP_HEADER_LEN));
            }
            return Ok(());
        }
        _ => return Ok(()),
    };
    if body.len() < needed {
        let (needed, available) = (ICMP_HEADER_LEN + needed, ICMP_HEADER_LEN + body.len());
        return Err(short_header(Layer::Icmpv4, needed, available));
    }
    Ok(())
}

impl<'a> Icmpv4Kind<'a> {
    /// Reads what follows the checksum of a message.
    #[inline]
    pub(super) fn read(message_type: Icmpv4Type, code: u8, word: [u8; 4], body: &'a [u8]) -> Self {
        match message_type {
            Icmpv4Type::ECHO_REQUEST => Self::EchoRequest(Echo::new(word, body)),
            Icmpv4Type::ECHO_REPLY => Self::EchoReply(Echo::new(word, body)),
            Icmpv4Type::DESTINATION_UNREACHABLE => Self::DestinationUnreachable {
                code: Icmpv4Unreachable::new(code),
                next_hop_mtu: u16::from_be_bytes([word[2], word[3]]),
                quoted: quoted_part(body, quote_len(message_type, word)),
            },
            Icmpv4Type::TIME_EXCEEDED => Self::TimeExceeded {
                code: TimeExceededCode::new(code),
                quoted: quoted_part(body, quote_len(message_type, word)),
            },
            Icmpv4Type::PARAMETER_PROBLEM => Self::ParameterProblem {
                code: Icmpv4ParameterCode::new(code),
                pointer: word[0],
                quoted: quoted_part(body, quote_len(message_type, word)),
            },
            Icmpv4Type::REDIRECT => Self::Redirect {
                code: Icmpv4RedirectCode::new(code),
                gateway: Ipv4Addr::from(word),
                quoted: body,
            },
            _ => Self::read_rare(message_type, code, word, body).unwrap_or(Self::Other {
                message_type,
                code,
                word,
                body,
            }),
        }
    }

    fn read_rare(
        message_type: Icmpv4Type,
        code: u8,
        word: [u8; 4],
        body: &'a [u8],
    ) -> Option<Self> {
        let (first, second) = (
            u16::from_be_bytes([word[0], word[1]]),
            u16::from_be_bytes([word[2], word[3]]),
        );
        Some(match message_type {
            Icmpv4Type::SOURCE_QUENCH => Self::SourceQuench { quoted: body },
            Icmpv4Type::ROUTER_ADVERTISEMENT
                if word[1] == ROUTER_ENTRY_WORDS && body.len() == usize::from(word[0]) * 8 =>
            {
                Self::RouterAdvertisement {
                    code: Icmpv4RouterCode::new(code),
                    lifetime: second,
                    routers: Sequence::counted(body, usize::from(word[0])).read,
                }
            }
            Icmpv4Type::ROUTER_SOLICITATION if body.is_empty() => Self::RouterSolicitation,
            Icmpv4Type::TIMESTAMP_REQUEST => {
                Self::TimestampRequest(Timestamps::read(first, second, body)?)
            }
            Icmpv4Type::TIMESTAMP_REPLY => {
                Self::TimestampReply(Timestamps::read(first, second, body)?)
            }
            Icmpv4Type::INFORMATION_REQUEST if body.is_empty() => Self::InformationRequest {
                identifier: first,
                sequence: second,
            },
            Icmpv4Type::INFORMATION_REPLY if body.is_empty() => Self::InformationReply {
                identifier: first,
                sequence: second,
            },
            Icmpv4Type::ADDRESS_MASK_REQUEST => {
                Self::AddressMaskRequest(AddressMask::read(first, second, body)?)
            }
            Icmpv4Type::ADDRESS_MASK_REPLY => {
                Self::AddressMaskReply(AddressMask::read(first, second, body)?)
            }
            Icmpv4Type::PHOTURIS => Self::Photuris {
                code: Icmpv4PhoturisCode::new(code),
                pointer: second,
                quoted: body,
            },
            Icmpv4Type::EXTENDED_ECHO_REQUEST => {
                Self::ExtendedEchoRequest(ExtendedEchoRequest::new(word, body)?)
            }
            Icmpv4Type::EXTENDED_ECHO_REPLY if body.is_empty() => {
                Self::ExtendedEchoReply(ExtendedEchoReply::new(code, word))
            }
            _ => return None,
        })
    }

    /// Returns the start of the packet that an error quotes.
    #[must_use]
    pub const fn quoted(&self) -> Option<&'a [u8]> {
        match self {
            Self::DestinationUnreachable { quoted, .. }
            | Self::SourceQuench { quoted }
            | Self::TimeExceeded { quoted, .. }
            | Self::ParameterProblem { quoted, .. }
            | Self::Redirect { quoted, .. }
            | Self::Photuris { quoted, .. } => Some(quoted),
            _ => None,
        }
    }

    /// Returns the type.
    #[must_use]
    pub const fn message_type(&self) -> Icmpv4Type {
        match self {
            Self::EchoRequest(_) => Icmpv4Type::ECHO_REQUEST,
            Self::EchoReply(_) => Icmpv4Type::ECHO_REPLY,
            Self::DestinationUnreachable { .. } => Icmpv4Type::DESTINATION_UNREACHABLE,
            Self::SourceQuench { .. } => Icmpv4Type::SOURCE_QUENCH,
            Self::TimeExceeded { .. } => Icmpv4Type::TIME_EXCEEDED,
            Self::ParameterProblem { .. } => Icmpv4Type::PARAMETER_PROBLEM,
            Self::Redirect { .. } => Icmpv4Type::REDIRECT,
            Self::RouterAdvertisement { .. } => Icmpv4Type::ROUTER_ADVERTISEMENT,
            Self::RouterSolicitation => Icmpv4Type::ROUTER_SOLICITATION,
            Self::TimestampRequest(_) => Icmpv4Type::TIMESTAMP_REQUEST,
            Self::TimestampReply(_) => Icmpv4Type::TIMESTAMP_REPLY,
            Self::InformationRequest { .. } => Icmpv4Type::INFORMATION_REQUEST,
            Self::InformationReply { .. } => Icmpv4Type::INFORMATION_REPLY,
            Self::AddressMaskRequest(_) => Icmpv4Type::ADDRESS_MASK_REQUEST,
            Self::AddressMaskReply(_) => Icmpv4Type::ADDRESS_MASK_REPLY,
            Self::Photuris { .. } => Icmpv4Type::PHOTURIS,
            Self::ExtendedEchoRequest(_) => Icmpv4Type::EXTENDED_ECHO_REQUEST,
            Self::ExtendedEchoReply(_) => Icmpv4Type::EXTENDED_ECHO_REPLY,
            Self::Other { message_type, .. } => *message_type,
        }
    }

    /// Returns the code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::DestinationUnreachable { code, .. } => code.number(),
            Self::TimeExceeded { code, .. } => code.number(),
            Self::ParameterProblem { code, .. } => code.number(),
            Self::Redirect { code, .. } => code.number(),
            Self::RouterAdvertisement { code, .. } => code.number(),
            Self::Photuris { code, .. } => code.number(),
            Self::ExtendedEchoReply(reply) => reply.code.number(),
            Self::Other { code, .. } => *code,
            _ => 0,
        }
    }

    /// Returns what follows the checksum.
    pub(crate) fn word(&self) -> [u8; 4] {
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => echo.word(),
            Self::DestinationUnreachable { next_hop_mtu, .. } => two_words(0, *next_hop_mtu),
            Self::ParameterProblem { pointer, .. } => [*pointer, 0, 0, 0],
            Self::Redirect { gateway, .. } => gateway.octets(),
            Self::RouterAdvertisement {
                lifetime, routers, ..
            } => {
                let [count, ..] = routers.len().to_le_bytes();
                let [high, low] = lifetime.to_be_bytes();
                [count, ROUTER_ENTRY_WORDS, high, low]
            }
            Self::TimestampRequest(times) | Self::TimestampReply(times) => {
                two_words(times.identifier, times.sequence)
            }
            Self::InformationRequest {
                identifier,
                sequence,
            }
            | Self::InformationReply {
                identifier,
                sequence,
            } => two_words(*identifier, *sequence),
            Self::AddressMaskRequest(mask) | Self::AddressMaskReply(mask) => {
                two_words(mask.identifier, mask.sequence)
            }
            Self::Photuris { pointer, .. } => two_words(0, *pointer),
            Self::ExtendedEchoRequest(request) => request.word(),
            Self::ExtendedEchoReply(reply) => reply.word(),
            Self::Other { word, .. } => *word,
            Self::SourceQuench { .. } | Self::TimeExceeded { .. } | Self::RouterSolicitation => {
                [0; 4]
            }
        }
    }

    /// Returns the length of what follows the word, in bytes.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => echo.payload.len(),
            Self::RouterAdvertisement { routers, .. } => routers.encoded_len(),
            Self::TimestampRequest(_) | Self::TimestampReply(_) => 12,
            Self::AddressMaskRequest(_) | Self::AddressMaskReply(_) => 4,
            Self::ExtendedEchoRequest(request) => structure_len(&request.objects),
            Self::Other { body, .. } => body.len(),
            other => other.quoted().map_or(0, <[u8]>::len),
        }
    }

    /// Says whether the count in the word can be written.
    pub(crate) fn check_word(&self) -> Result<(), BuildError> {
        match self {
            Self::RouterAdvertisement { routers, .. } => {
                BuildError::check_count(Layer::Icmpv4, routers.len(), usize::from(u8::MAX))
            }
            _ => Ok(()),
        }
    }

    /// Says whether what follows the word can be written.
    pub(crate) fn check_body(&self) -> Result<(), BuildError> {
        match self {
            Self::ExtendedEchoRequest(request) => request.objects.check(),
            _ => Ok(()),
        }
    }

    /// Writes what follows the word to a buffer of exactly its length.
    pub(crate) fn write_body(&self, room: &mut [u8]) {
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => room.copy_from_slice(echo.payload),
            Self::RouterAdvertisement { routers, .. } => routers.write(room),
            Self::TimestampRequest(times) | Self::TimestampReply(times) => {
                room[..4].copy_from_slice(&times.originate.to_be_bytes());
                room[4..8].copy_from_slice(&times.receive.to_be_bytes());
                room[8..].copy_from_slice(&times.transmit.to_be_bytes());
            }
            Self::AddressMaskRequest(mask) | Self::AddressMaskReply(mask) => {
                room.copy_from_slice(&mask.mask.octets());
            }
            Self::ExtendedEchoRequest(request) => write_structure(&request.objects, room),
            Self::Other { body, .. } => room.copy_from_slice(body),
            other => room.copy_from_slice(other.quoted().unwrap_or_default()),
        }
    }
}

/// Returns the length of the quote as the message says it, 0 if it does not.
///
/// The length octet of RFC 4884 §4.1 to §4.3 counts words of 4 bytes.
#[inline]
pub(super) const fn quote_len(message_type: Icmpv4Type, word: [u8; 4]) -> usize {
    match message_type {
        Icmpv4Type::DESTINATION_UNREACHABLE
        | Icmpv4Type::TIME_EXCEEDED
        | Icmpv4Type::PARAMETER_PROBLEM => word[1] as usize * 4,
        _ => 0,
    }
}

impl Timestamps {
    fn read(identifier: u16, sequence: u16, body: &[u8]) -> Option<Self> {
        let (times, []) = body.as_chunks::<4>() else {
            return None;
        };
        let [originate, receive, transmit] = times else {
            return None;
        };
        Some(Self {
            identifier,
            sequence,
            originate: u32::from_be_bytes(*originate),
            receive: u32::from_be_bytes(*receive),
            transmit: u32::from_be_bytes(*transmit),
        })
    }
}

impl AddressMask {
    fn read(identifier: u16, sequence: u16, body: &[u8]) -> Option<Self> {
        Some(Self {
            identifier,
            sequence,
            mask: Ipv4Addr::from(<[u8; 4]>::try_from(body).ok()?),
        })
    }
}

impl Element<'_> for RouterEntry {
    fn read(bytes: &[u8]) -> Result<(Self, usize), ParseError> {
        let Some([a, b, c, d, preference @ ..]) = bytes.first_chunk::<8>() else {
            return Err(cut(Layer::Icmpv4, Field::Router, 8, bytes.len()));
        };
        let entry = Self {
            address: Ipv4Addr::new(*a, *b, *c, *d),
            preference: i32::from_be_bytes(*preference),
        };
        Ok((entry, 8))
    }

    fn encoded_len(&self) -> usize {
        8
    }

    fn write(&self, room: &mut [u8]) {
        room[..4].copy_from_slice(&self.address.octets());
        room[4..].copy_from_slice(&self.preference.to_be_bytes());
    }
}
