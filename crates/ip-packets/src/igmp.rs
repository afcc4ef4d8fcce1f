//! Internet group management: routers ask who listens to which group, hosts say so.

use core::net::Ipv4Addr;
use core::time::Duration;

use crate::error::{Layer, ParseError, short_header};
use crate::icmp::two_words;
use crate::multicast::{GroupRecord, SOURCE_QUERY_LEN, SourceQuery, all_of, floating};
use crate::registry::registry;
use crate::{BuildError, Lenient, Sequence, checksum};

/// The length of an IGMP header, in bytes.
///
/// Two messages about multicast routers end before its last four bytes, RFC 4286.
pub const IGMP_HEADER_LEN: usize = 8;
/// The length of type, code and checksum: all that every message has.
pub(crate) const START_LEN: usize = 4;

registry! {
    /// The type of an IGMP message.
    ///
    /// Source: IANA igmp-type-numbers registry, as of January 2025.
    pub struct IgmpType {
        /// Question who listens, RFC 1112, RFC 2236, RFC 9776.
        MEMBERSHIP_QUERY = 0x11, "membership query" | "query";
        /// Somebody listens, RFC 1112.
        V1_MEMBERSHIP_REPORT = 0x12, "IGMPv1 membership report" | "v1-report";
        /// Distance vector multicast routing.
        DVMRP = 0x13, "DVMRP";
        /// Version 1 of protocol independent multicast.
        PIM_V1 = 0x14, "PIM version 1" | "pimv1";
        /// Cisco trace messages.
        CISCO_TRACE = 0x15, "Cisco trace messages" | "cisco-trace";
        /// Somebody listens, RFC 2236.
        V2_MEMBERSHIP_REPORT = 0x16, "IGMPv2 membership report" | "v2-report";
        /// Somebody ceased to listen, RFC 2236.
        LEAVE_GROUP = 0x17, "IGMPv2 leave group" | "leave";
        /// Answer to a multicast traceroute.
        TRACEROUTE_RESPONSE = 0x1e, "multicast traceroute response";
        /// Multicast traceroute.
        TRACEROUTE = 0x1f, "multicast traceroute";
        /// What somebody listens to and from whom, RFC 9776.
        V3_MEMBERSHIP_REPORT = 0x22, "IGMPv3 membership report" | "v3-report";
        /// A multicast router says that it is there, RFC 4286.
        ROUTER_ADVERTISEMENT = 0x30, "multicast router advertisement";
        /// Question for multicast routers, RFC 4286.
        ROUTER_SOLICITATION = 0x31, "multicast router solicitation";
        /// A multicast router ceases, RFC 4286.
        ROUTER_TERMINATION = 0x32, "multicast router termination";
    }
}

/// An IGMP message whose header is all there.
///
/// Source: RFC 1112 appendix I, RFC 2236 §2, RFC 9776 §4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IgmpMessage<'a> {
    bytes: &'a [u8],
    start: &'a [u8; START_LEN],
    /// What follows the checksum: the word and the body.
    rest: &'a [u8],
}

/// What a message says.
///
/// Reserved bits are not kept; the message's own accessors have them. All else writes back as it was.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IgmpKind<'a> {
    /// A router asks who listens, in any version.
    Query {
        /// How long an answer may take as it is coded, in tenths of a second: 0 under version 1.
        /// See [`IgmpMessage::maximum_response_time`].
        maximum_response: u8,
        /// The group that is asked about; unspecified: all groups.
        group: Ipv4Addr,
        /// What version 3 says beyond that; `None` under earlier ones.
        v3: Option<SourceQuery<'a, Ipv4Addr>>,
    },
    /// Somebody listens to a group, in version 1.
    V1Report {
        /// The group.
        group: Ipv4Addr,
    },
    /// Somebody listens to a group, in version 2.
    V2Report {
        /// The group.
        group: Ipv4Addr,
    },
    /// Somebody ceased to listen to a group.
    Leave {
        /// The group.
        group: Ipv4Addr,
    },
    /// What somebody listens to and from whom, in version 3.
    V3Report {
        /// One record for each group; their count is written modulo 65536.
        records: Sequence<'a, GroupRecord<'a, Ipv4Addr>>,
    },
    /// A multicast router says that it is there. RFC 4286 §3.
    RouterAdvertisement {
        /// The time between two of these, in seconds.
        interval: u8,
        /// The time between queries, in seconds; 0 says nothing.
        query_interval: u16,
        /// How many messages may get lost; 0 says nothing.
        robustness: u16,
    },
    /// Somebody asks for multicast routers. RFC 4286 §4.
    RouterSolicitation,
    /// A multicast router ceases. RFC 4286 §5.
    RouterTermination,
    /// Any other type, and what has not the length of its type.
    Other {
        /// The type.
        message_type: IgmpType,
        /// The byte behind the type.
        code: u8,
        /// What follows the checksum.
        rest: &'a [u8],
    },
}

impl<'a> IgmpMessage<'a> {
    /// Reads the message that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes, 4 for [`IgmpKind::RouterSolicitation`] and
    /// [`IgmpKind::RouterTermination`], or fewer sources or records than the message counts; a query
    /// of 9 to 11 bytes is none of any version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let message = Self::split(bytes)?;
        let has_word = !matches!(
            message.message_type(),
            IgmpType::ROUTER_SOLICITATION | IgmpType::ROUTER_TERMINATION
        );
        if has_word && bytes.len() < IGMP_HEADER_LEN {
            return Err(short_header(Layer::Igmp, IGMP_HEADER_LEN, bytes.len()));
        }
        let inner = match message.message_type() {
            IgmpType::MEMBERSHIP_QUERY if !message.body().is_empty() => {
                SourceQuery::<Ipv4Addr>::read(message.body()).err()
            }
            IgmpType::V3_MEMBERSHIP_REPORT => message.records().stopped,
            _ => None,
        };
        match inner {
            Some(error) => Err(error.shifted(IGMP_HEADER_LEN)),
            None => Ok(message),
        }
    }

    /// Reads what there is of a message: see [`Lenient`].
    ///
    /// Records are there up to the first that cannot be read; a query whose sources are not all
    /// there is read as one of version 2, and what is too short for its type, or has bytes behind
    /// what its type has, is [`IgmpKind::Other`].
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 4 bytes.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let message = Self::split(bytes)?;
        Ok(match Self::parse(bytes) {
            Ok(message) => Lenient::whole(message),
            Err(error) => Lenient::stopped(message, error),
        })
    }

    fn split(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.split_first_chunk() {
            Some((start, rest)) => Ok(Self { bytes, start, rest }),
            None => Err(short_header(Layer::Igmp, START_LEN, bytes.len())),
        }
    }

    /// Returns what follows the word.
    fn body(&self) -> &'a [u8] {
        self.bytes.get(IGMP_HEADER_LEN..).unwrap_or_default()
    }

    /// Returns the whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the type.
    #[must_use]
    pub const fn message_type(&self) -> IgmpType {
        IgmpType::new(self.start[0])
    }

    /// Returns the byte behind the type: how long an answer may take, as it is coded.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.start[1]
    }

    /// Returns the checksum as it stands in the header.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.start[2], self.start[3]])
    }

    /// Says whether the checksum is right.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        checksum::checksum(self.bytes) == 0
    }

    /// Returns the four bytes after the checksum, the group but for version 3 reports; `None` if
    /// the message ends before.
    #[must_use]
    pub fn word(&self) -> Option<[u8; 4]> {
        self.rest.first_chunk().copied()
    }

    /// Returns how long an answer to a query may take; version 1 leaves ten seconds, and in version 3
    /// a code of 0 is no time at all.
    #[must_use]
    pub const fn maximum_response_time(&self) -> Duration {
        let tenths = match self.code() {
            code if self.bytes.len() >= IGMP_HEADER_LEN + SOURCE_QUERY_LEN => floating(code),
            0 => 100,
            code => code as u32,
        };
        Duration::from_millis(tenths as u64 * 100)
    }

    /// Returns what the message says.
    #[must_use]
    pub fn kind(&self) -> IgmpKind<'a> {
        let other = IgmpKind::Other {
            message_type: self.message_type(),
            code: self.code(),
            rest: self.rest,
        };
        match (self.message_type(), self.word()) {
            (IgmpType::ROUTER_SOLICITATION, _) if self.rest.is_empty() => {
                IgmpKind::RouterSolicitation
            }
            (IgmpType::ROUTER_TERMINATION, _) if self.rest.is_empty() => {
                IgmpKind::RouterTermination
            }
            (_, Some(word)) => self.known(word).unwrap_or(other),
            (_, None) => other,
        }
    }

    /// Reads messages with a word behind the checksum.
    fn known(&self, word: [u8; 4]) -> Option<IgmpKind<'a>> {
        let (group, body) = (Ipv4Addr::from(word), self.body());
        Some(match self.message_type() {
            IgmpType::MEMBERSHIP_QUERY => IgmpKind::Query {
                maximum_response: self.code(),
                group,
                v3: SourceQuery::read_all(body)?,
            },
            IgmpType::V1_MEMBERSHIP_REPORT if body.is_empty() => IgmpKind::V1Report { group },
            IgmpType::V2_MEMBERSHIP_REPORT if body.is_empty() => IgmpKind::V2Report { group },
            IgmpType::LEAVE_GROUP if body.is_empty() => IgmpKind::Leave { group },
            IgmpType::V3_MEMBERSHIP_REPORT => IgmpKind::V3Report {
                records: all_of(self.records(), body)?,
            },
            IgmpType::ROUTER_ADVERTISEMENT if body.is_empty() => IgmpKind::RouterAdvertisement {
                interval: self.code(),
                query_interval: u16::from_be_bytes([word[0], word[1]]),
                robustness: u16::from_be_bytes([word[2], word[3]]),
            },
            _ => return None,
        })
    }

    fn records(&self) -> Lenient<Sequence<'a, GroupRecord<'a, Ipv4Addr>>> {
        let [_, _, high, low] = self.word().unwrap_or_default();
        let count = u16::from_be_bytes([high, low]);
        Sequence::counted(self.body(), usize::from(count))
    }
}

impl IgmpKind<'_> {
    /// Returns the type.
    #[must_use]
    pub const fn message_type(&self) -> IgmpType {
        match self {
            Self::Query { .. } => IgmpType::MEMBERSHIP_QUERY,
            Self::V1Report { .. } => IgmpType::V1_MEMBERSHIP_REPORT,
            Self::V2Report { .. } => IgmpType::V2_MEMBERSHIP_REPORT,
            Self::Leave { .. } => IgmpType::LEAVE_GROUP,
            Self::V3Report { .. } => IgmpType::V3_MEMBERSHIP_REPORT,
            Self::RouterAdvertisement { .. } => IgmpType::ROUTER_ADVERTISEMENT,
            Self::RouterSolicitation => IgmpType::ROUTER_SOLICITATION,
            Self::RouterTermination => IgmpType::ROUTER_TERMINATION,
            Self::Other { message_type, .. } => *message_type,
        }
    }

    /// Returns the byte behind the type.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Query {
                maximum_response, ..
            } => *maximum_response,
            Self::RouterAdvertisement { interval, .. } => *interval,
            Self::Other { code, .. } => *code,
            _ => 0,
        }
    }

    /// Returns the four bytes after the checksum, where there are any.
    pub(crate) fn word(&self) -> Option<[u8; 4]> {
        Some(match self {
            Self::Query { group, .. }
            | Self::V1Report { group }
            | Self::V2Report { group }
            | Self::Leave { group } => group.octets(),
            Self::V3Report { records } => {
                let [low, high, ..] = records.len().to_le_bytes();
                [0, 0, high, low]
            }
            Self::RouterAdvertisement {
                query_interval,
                robustness,
                ..
            } => two_words(*query_interval, *robustness),
            Self::RouterSolicitation | Self::RouterTermination => return None,
            Self::Other { rest, .. } => *rest.first_chunk()?,
        })
    }

    /// Returns the length of what follows the word, in bytes.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Self::Query { v3, .. } => v3.map_or(0, |query| query.encoded_len()),
            Self::V3Report { records } => records.encoded_len(),
            other => other.other_body().len(),
        }
    }

    /// Returns what stands behind the word of another type, or behind the checksum if it has no word.
    fn other_body(&self) -> &[u8] {
        match self {
            Self::Other { rest, .. } => rest.get(4..).unwrap_or(rest),
            _ => &[],
        }
    }

    /// Says whether the count in the word can be written.
    pub(crate) fn check_word(&self) -> Result<(), BuildError> {
        match self {
            Self::V3Report { records } => {
                BuildError::check_count(Layer::Igmp, records.len(), usize::from(u16::MAX))
            }
            _ => Ok(()),
        }
    }

    /// Says whether what follows the word can be written.
    pub(crate) fn check_body(&self) -> Result<(), BuildError> {
        match self {
            Self::Query { v3: Some(v3), .. } => v3.check(),
            Self::V3Report { records } => records.check(),
            _ => Ok(()),
        }
    }

    /// Writes what follows the word to a buffer of exactly its length.
    pub(crate) fn write_body(&self, room: &mut [u8]) {
        match self {
            Self::Query { v3: Some(v3), .. } => v3.write(room),
            Self::V3Report { records } => records.write(room),
            other => room.copy_from_slice(other.other_body()),
        }
    }
}
