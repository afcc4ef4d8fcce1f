//! What ICMPv6 messages say, type by type.

use core::net::Ipv6Addr;

use super::HEADER_LEN;
use super::codes::{Icmpv6ParameterCode, Icmpv6Type, Icmpv6Unreachable};
use super::mld::{self, GroupRecords, MldQuery};
use super::ndp::{
    NdpOptions, NdpRedirect, NeighborAdvertisement, NeighborFlags, NeighborSolicitation,
    RouterAdvertisement, RouterFlags,
};
use crate::error::{Layer, ParseError, short_header};
use crate::icmp::{quoted_part, structure_len, two_words, write_structure};
use crate::multicast::all_of;
use crate::{BuildError, Echo, ExtendedEchoReply, ExtendedEchoRequest, Sequence, TimeExceededCode};

/// What a message says.
///
/// Reserved bits are not kept, nor the code where it has no meaning, nor the extensions of errors
/// with the octet that says where they start, nor the checksum of the extension structure that an
/// extended echo request is: absent or wrong, it is written as it should be. The message's own
/// accessors have all of them. All else writes back as it was.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv6Kind<'a> {
    /// Somebody asks for an answer.
    EchoRequest(Echo<'a>),
    /// The answer.
    EchoReply(Echo<'a>),
    /// A packet did not reach its destination.
    DestinationUnreachable {
        /// Why.
        code: Icmpv6Unreachable,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// A packet does not fit the next hop.
    PacketTooBig {
        /// The MTU of that hop, in bytes.
        mtu: u32,
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
    /// A packet has a field that somebody did not understand.
    ParameterProblem {
        /// What was wrong.
        code: Icmpv6ParameterCode,
        /// Where, in bytes from the start of the packet.
        pointer: u32,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// A host asks for routers.
    RouterSolicitation {
        /// The link-layer address of who asks, and others.
        options: NdpOptions<'a>,
    },
    /// A router says who it is.
    RouterAdvertisement(RouterAdvertisement<'a>),
    /// Somebody asks for a link-layer address.
    NeighborSolicitation(NeighborSolicitation<'a>),
    /// Somebody says its link-layer address.
    NeighborAdvertisement(NeighborAdvertisement<'a>),
    /// There is a better next hop.
    Redirect(NdpRedirect<'a>),
    /// A router asks who listens, in either version of multicast listener discovery.
    MldQuery(MldQuery<'a>),
    /// Somebody listens to a group. RFC 2710.
    MldReport {
        /// The group.
        group: Ipv6Addr,
    },
    /// Somebody ceased to listen to a group. RFC 2710.
    MldDone {
        /// The group.
        group: Ipv6Addr,
    },
    /// What somebody listens to and from whom. RFC 9777.
    Mld2Report {
        /// One record for each group; their count is written modulo 65536.
        records: GroupRecords<'a>,
    },
    /// A multicast router says that it is there. RFC 4286 §3.
    MulticastRouterAdvertisement {
        /// The time between two of these, in seconds.
        interval: u8,
        /// The time between queries, in seconds; 0 says nothing.
        query_interval: u16,
        /// How many messages may get lost; 0 says nothing.
        robustness: u16,
    },
    /// Somebody asks for multicast routers. RFC 4286 §4.
    MulticastRouterSolicitation,
    /// A multicast router ceases. RFC 4286 §5.
    MulticastRouterTermination,
    /// Somebody asks for the state of an interface. RFC 8335.
    ExtendedEchoRequest(ExtendedEchoRequest<'a>),
    /// The state of an interface. RFC 8335.
    ExtendedEchoReply(ExtendedEchoReply),
    /// Any other type, and what has not the length of its type.
    Other {
        /// The type.
        message_type: Icmpv6Type,
        /// The code.
        code: u8,
        /// What follows type, code and checksum.
        body: &'a [u8],
    },
}

/// Returns the length of what a type always has behind the checksum, in bytes.
const fn least_len(message_type: Icmpv6Type) -> usize {
    match message_type {
        Icmpv6Type::DESTINATION_UNREACHABLE
        | Icmpv6Type::PACKET_TOO_BIG
        | Icmpv6Type::TIME_EXCEEDED
        | Icmpv6Type::PARAMETER_PROBLEM
        | Icmpv6Type::ECHO_REQUEST
        | Icmpv6Type::ECHO_REPLY
        | Icmpv6Type::ROUTER_SOLICITATION
        | Icmpv6Type::MLD2_REPORT
        | Icmpv6Type::MULTICAST_ROUTER_ADVERTISEMENT
        | Icmpv6Type::EXTENDED_ECHO_REQUEST
        | Icmpv6Type::EXTENDED_ECHO_REPLY => 4,
        Icmpv6Type::ROUTER_ADVERTISEMENT => 12,
        Icmpv6Type::NEIGHBOR_SOLICITATION
        | Icmpv6Type::NEIGHBOR_ADVERTISEMENT
        | Icmpv6Type::MLD_QUERY
        | Icmpv6Type::MLD_REPORT
        | Icmpv6Type::MLD_DONE => 20,
        Icmpv6Type::REDIRECT => 36,
        _ => 0,
    }
}

/// Says what is wrong with what follows the checksum.
#[inline]
pub(super) fn check(message_type: Icmpv6Type, body: &[u8]) -> Result<(), ParseError> {
    let needed = least_len(message_type);
    let Some(rest) = body.get(needed..) else {
        let (needed, available) = (HEADER_LEN + needed, HEADER_LEN + body.len());
        return Err(short_header(Layer::Icmpv6, needed, available));
    };
    let inner = match message_type {
        Icmpv6Type::ROUTER_SOLICITATION
        | Icmpv6Type::ROUTER_ADVERTISEMENT
        | Icmpv6Type::NEIGHBOR_SOLICITATION
        | Icmpv6Type::NEIGHBOR_ADVERTISEMENT
        | Icmpv6Type::REDIRECT => NdpOptions::from_bytes(rest).stopped(),
        Icmpv6Type::MLD_QUERY => mld::check_query(rest),
        Icmpv6Type::MLD2_REPORT => mld::records(body).stopped,
        Icmpv6Type::EXTENDED_ECHO_REQUEST => {
            let checked = ExtendedEchoRequest::check(rest);
            return checked.map_err(|error| error.shifted(HEADER_LEN + needed));
        }
        _ => None,
    };
    match inner {
        Some(error) => Err(error.shifted(HEADER_LEN + needed)),
        None => Ok(()),
    }
}

impl<'a> Icmpv6Kind<'a> {
    /// Reads what follows the checksum of a message.
    #[inline]
    pub(super) fn read(message_type: Icmpv6Type, code: u8, body: &'a [u8]) -> Self {
        let other = Self::Other {
            message_type,
            code,
            body,
        };
        let Some((word, rest)) = body.split_first_chunk::<4>() else {
            return match message_type {
                Icmpv6Type::MULTICAST_ROUTER_SOLICITATION if body.is_empty() => {
                    Self::MulticastRouterSolicitation
                }
                Icmpv6Type::MULTICAST_ROUTER_TERMINATION if body.is_empty() => {
                    Self::MulticastRouterTermination
                }
                _ => other,
            };
        };
        match message_type {
            Icmpv6Type::ECHO_REQUEST => Self::EchoRequest(Echo::new(*word, rest)),
            Icmpv6Type::ECHO_REPLY => Self::EchoReply(Echo::new(*word, rest)),
            Icmpv6Type::DESTINATION_UNREACHABLE => Self::DestinationUnreachable {
                code: Icmpv6Unreachable::new(code),
                quoted: quoted_part(rest, quote_len(message_type, *word)),
            },
            Icmpv6Type::PACKET_TOO_BIG => Self::PacketTooBig {
                mtu: u32::from_be_bytes(*word),
                quoted: rest,
            },
            Icmpv6Type::TIME_EXCEEDED => Self::TimeExceeded {
                code: TimeExceededCode::new(code),
                quoted: quoted_part(rest, quote_len(message_type, *word)),
            },
            Icmpv6Type::PARAMETER_PROBLEM => Self::ParameterProblem {
                code: Icmpv6ParameterCode::new(code),
                pointer: u32::from_be_bytes(*word),
                quoted: rest,
            },
            Icmpv6Type::EXTENDED_ECHO_REQUEST => {
                ExtendedEchoRequest::new(*word, rest).map_or(other, Self::ExtendedEchoRequest)
            }
            Icmpv6Type::EXTENDED_ECHO_REPLY if rest.is_empty() => {
                Self::ExtendedEchoReply(ExtendedEchoReply::new(code, *word))
            }
            Icmpv6Type::MULTICAST_ROUTER_ADVERTISEMENT if rest.is_empty() => {
                Self::MulticastRouterAdvertisement {
                    interval: code,
                    query_interval: u16::from_be_bytes([word[0], word[1]]),
                    robustness: u16::from_be_bytes([word[2], word[3]]),
                }
            }
            _ => Self::read_link(message_type, *word, rest, body).unwrap_or(other),
        }
    }

    /// Reads messages that do not leave the link.
    fn read_link(
        message_type: Icmpv6Type,
        word: [u8; 4],
        rest: &'a [u8],
        body: &'a [u8],
    ) -> Option<Self> {
        let address_and_rest = || {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            Some((Ipv6Addr::from(*octets), rest))
        };
        Some(match message_type {
            Icmpv6Type::ROUTER_SOLICITATION => Self::RouterSolicitation {
                options: Sequence::from_bytes(rest),
            },
            Icmpv6Type::ROUTER_ADVERTISEMENT => {
                Self::RouterAdvertisement(router_advertisement(word, rest)?)
            }
            Icmpv6Type::NEIGHBOR_SOLICITATION => {
                let (target, options) = address_and_rest()?;
                let options = Sequence::from_bytes(options);
                Self::NeighborSolicitation(NeighborSolicitation { target, options })
            }
            Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
                let (target, options) = address_and_rest()?;
                Self::NeighborAdvertisement(NeighborAdvertisement {
                    flags: NeighborFlags::from_bits(word[0]),
                    target,
                    options: Sequence::from_bytes(options),
                })
            }
            Icmpv6Type::REDIRECT => {
                let (target, rest) = address_and_rest()?;
                let (destination, options) = rest.split_first_chunk::<16>()?;
                Self::Redirect(NdpRedirect {
                    target,
                    destination: Ipv6Addr::from(*destination),
                    options: Sequence::from_bytes(options),
                })
            }
            Icmpv6Type::MLD_QUERY => {
                let (group, rest) = address_and_rest()?;
                Self::MldQuery(MldQuery::read(word, group, rest)?)
            }
            Icmpv6Type::MLD_REPORT => Self::MldReport {
                group: group_alone(rest)?,
            },
            Icmpv6Type::MLD_DONE => Self::MldDone {
                group: group_alone(rest)?,
            },
            Icmpv6Type::MLD2_REPORT => Self::Mld2Report {
                records: all_of(mld::records(body), rest)?,
            },
            _ => return None,
        })
    }

    /// Returns the start of the packet that an error quotes.
    #[must_use]
    pub const fn quoted(&self) -> Option<&'a [u8]> {
        match self {
            Self::DestinationUnreachable { quoted, .. }
            | Self::PacketTooBig { quoted, .. }
            | Self::TimeExceeded { quoted, .. }
            | Self::ParameterProblem { quoted, .. } => Some(quoted),
            _ => None,
        }
    }

    /// Returns the options of a message of neighbor discovery.
    #[must_use]
    pub const fn ndp_options(&self) -> Option<NdpOptions<'a>> {
        match self {
            Self::RouterSolicitation { options } => Some(*options),
            Self::RouterAdvertisement(message) => Some(message.options),
            Self::NeighborSolicitation(message) => Some(message.options),
            Self::NeighborAdvertisement(message) => Some(message.options),
            Self::Redirect(message) => Some(message.options),
            _ => None,
        }
    }

    /// Returns the type.
    #[must_use]
    pub const fn message_type(&self) -> Icmpv6Type {
        match self {
            Self::EchoRequest(_) => Icmpv6Type::ECHO_REQUEST,
            Self::EchoReply(_) => Icmpv6Type::ECHO_REPLY,
            Self::DestinationUnreachable { .. } => Icmpv6Type::DESTINATION_UNREACHABLE,
            Self::PacketTooBig { .. } => Icmpv6Type::PACKET_TOO_BIG,
            Self::TimeExceeded { .. } => Icmpv6Type::TIME_EXCEEDED,
            Self::ParameterProblem { .. } => Icmpv6Type::PARAMETER_PROBLEM,
            Self::RouterSolicitation { .. } => Icmpv6Type::ROUTER_SOLICITATION,
            Self::RouterAdvertisement(_) => Icmpv6Type::ROUTER_ADVERTISEMENT,
            Self::NeighborSolicitation(_) => Icmpv6Type::NEIGHBOR_SOLICITATION,
            Self::NeighborAdvertisement(_) => Icmpv6Type::NEIGHBOR_ADVERTISEMENT,
            Self::Redirect(_) => Icmpv6Type::REDIRECT,
            Self::MldQuery(_) => Icmpv6Type::MLD_QUERY,
            Self::MldReport { .. } => Icmpv6Type::MLD_REPORT,
            Self::MldDone { .. } => Icmpv6Type::MLD_DONE,
            Self::Mld2Report { .. } => Icmpv6Type::MLD2_REPORT,
            Self::MulticastRouterAdvertisement { .. } => Icmpv6Type::MULTICAST_ROUTER_ADVERTISEMENT,
            Self::MulticastRouterSolicitation => Icmpv6Type::MULTICAST_ROUTER_SOLICITATION,
            Self::MulticastRouterTermination => Icmpv6Type::MULTICAST_ROUTER_TERMINATION,
            Self::ExtendedEchoRequest(_) => Icmpv6Type::EXTENDED_ECHO_REQUEST,
            Self::ExtendedEchoReply(_) => Icmpv6Type::EXTENDED_ECHO_REPLY,
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
            Self::MulticastRouterAdvertisement { interval, .. } => *interval,
            Self::ExtendedEchoReply(reply) => reply.code.number(),
            Self::Other { code, .. } => *code,
            _ => 0,
        }
    }

    /// Returns the four bytes after the checksum, where there are any.
    pub(crate) fn word(&self) -> Option<[u8; 4]> {
        Some(match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => echo.word(),
            Self::PacketTooBig { mtu, .. } => mtu.to_be_bytes(),
            Self::ParameterProblem { pointer, .. } => pointer.to_be_bytes(),
            Self::RouterAdvertisement(message) => {
                let [high, low] = message.lifetime.to_be_bytes();
                [message.hop_limit, message.flags.bits(), high, low]
            }
            Self::NeighborAdvertisement(message) => [message.flags.bits(), 0, 0, 0],
            Self::MldQuery(query) => two_words(query.maximum_response, 0),
            Self::Mld2Report { records } => {
                let [low, high, ..] = records.len().to_le_bytes();
                [0, 0, high, low]
            }
            Self::ExtendedEchoRequest(request) => request.word(),
            Self::ExtendedEchoReply(reply) => reply.word(),
            Self::MulticastRouterAdvertisement {
                query_interval,
                robustness,
                ..
            } => two_words(*query_interval, *robustness),
            Self::MulticastRouterSolicitation | Self::MulticastRouterTermination => return None,
            Self::Other { body, .. } => *body.first_chunk()?,
            _ => [0; 4],
        })
    }

    /// Returns what stands behind the word of another type, or behind the checksum if it has no word.
    fn other_body(&self) -> &'a [u8] {
        match self {
            Self::Other { body, .. } => body.get(4..).unwrap_or(body),
            other => other.quoted().unwrap_or_default(),
        }
    }

    /// Returns the length of what follows the word, in bytes.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => echo.payload.len(),
            Self::RouterSolicitation { options } => options.encoded_len(),
            Self::RouterAdvertisement(message) => 8 + message.options.encoded_len(),
            Self::NeighborSolicitation(message) => 16 + message.options.encoded_len(),
            Self::NeighborAdvertisement(message) => 16 + message.options.encoded_len(),
            Self::Redirect(message) => 32 + message.options.encoded_len(),
            Self::MldQuery(query) => query.body_len(),
            Self::MldReport { .. } | Self::MldDone { .. } => 16,
            Self::Mld2Report { records } => records.encoded_len(),
            Self::ExtendedEchoRequest(request) => structure_len(&request.objects),
            other => other.other_body().len(),
        }
    }

    /// Says whether the count in the word can be written.
    pub(crate) fn check_word(&self) -> Result<(), BuildError> {
        match self {
            Self::Mld2Report { records } => {
                BuildError::check_count(Layer::Icmpv6, records.len(), usize::from(u16::MAX))
            }
            _ => Ok(()),
        }
    }

    /// Says whether what follows the word can be written.
    pub(crate) fn check_body(&self) -> Result<(), BuildError> {
        match self {
            Self::MldQuery(query) => query.v2.map_or(Ok(()), |query| query.check()),
            Self::Mld2Report { records } => records.check(),
            Self::ExtendedEchoRequest(request) => request.objects.check(),
            other => other.ndp_options().map_or(Ok(()), |it| it.check()),
        }
    }

    /// Writes what follows the word to a buffer of exactly its length.
    pub(crate) fn write_body(&self, room: &mut [u8]) {
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => room.copy_from_slice(echo.payload),
            Self::RouterSolicitation { options } => options.write(room),
            Self::RouterAdvertisement(message) => {
                room[..4].copy_from_slice(&message.reachable_time.to_be_bytes());
                room[4..8].copy_from_slice(&message.retransmit_timer.to_be_bytes());
                message.options.write(&mut room[8..]);
            }
            Self::NeighborSolicitation(NeighborSolicitation { target, options })
            | Self::NeighborAdvertisement(NeighborAdvertisement {
                target, options, ..
            }) => {
                room[..16].copy_from_slice(&target.octets());
                options.write(&mut room[16..]);
            }
            Self::Redirect(message) => {
                room[..16].copy_from_slice(&message.target.octets());
                room[16..32].copy_from_slice(&message.destination.octets());
                message.options.write(&mut room[32..]);
            }
            Self::MldQuery(query) => query.write_body(room),
            Self::MldReport { group } | Self::MldDone { group } => {
                room.copy_from_slice(&group.octets());
            }
            Self::Mld2Report { records } => records.write(room),
            Self::ExtendedEchoRequest(request) => write_structure(&request.objects, room),
            other => room.copy_from_slice(other.other_body()),
        }
    }
}

/// Returns the length of the quote as the message says it, 0 if it does not.
///
/// The length octet of RFC 4884 §4.4 and §4.5 counts words of 8 bytes.
#[inline]
pub(super) const fn quote_len(message_type: Icmpv6Type, word: [u8; 4]) -> usize {
    match message_type {
        Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => word[0] as usize * 8,
        _ => 0,
    }
}

/// Reads a group with nothing behind it.
fn group_alone(rest: &[u8]) -> Option<Ipv6Addr> {
    Some(<[u8; 16]>::try_from(rest).ok()?.into())
}

fn router_advertisement(word: [u8; 4], rest: &[u8]) -> Option<RouterAdvertisement<'_>> {
    let (times, options) = rest.split_first_chunk::<8>()?;
    let (times, _) = times.as_chunks::<4>();
    Some(RouterAdvertisement {
        hop_limit: word[0],
        flags: RouterFlags::from_bits(word[1]),
        lifetime: u16::from_be_bytes([word[2], word[3]]),
        reachable_time: u32::from_be_bytes(times[0]),
        retransmit_timer: u32::from_be_bytes(times[1]),
        options: Sequence::from_bytes(options),
    })
}
