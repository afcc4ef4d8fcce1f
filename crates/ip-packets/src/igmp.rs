//! Internet group management: routers ask who listens to which group, hosts say so.

use core::net::Ipv4Addr;
use core::time::Duration;

use crate::error::{Layer, ParseError, short_header};
use crate::multicast::{GroupRecord, SOURCE_QUERY_LEN, SourceQuery, floating};
use crate::registry::registry;
use crate::{BuildError, Lenient, Sequence, checksum};

/// The length of an IGMP header, in bytes.
pub const IGMP_HEADER_LEN: usize = 8;

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
    header: &'a [u8; IGMP_HEADER_LEN],
    body: &'a [u8],
}

/// What a message says.
///
/// Reserved bits are not kept; the message's own accessors have them.
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
    /// Any other type.
    Other {
        /// The type.
        message_type: IgmpType,
        /// The byte behind the type.
        code: u8,
        /// What follows the checksum.
        word: [u8; 4],
        /// What follows the word.
        body: &'a [u8],
    },
}

impl<'a> IgmpMessage<'a> {
    /// Reads the message that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes, or fewer sources or records than the message
    /// counts; a query of 9 to 11 bytes is none of any version.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let message = Self::split(bytes)?;
        let inner = match message.message_type() {
            IgmpType::MEMBERSHIP_QUERY if !message.body.is_empty() => {
                SourceQuery::<Ipv4Addr>::read(message.body).err()
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
    /// there is read as one of version 2.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes.
    pub fn parse_lenient(bytes: &'a [u8]) -> Result<Lenient<Self>, ParseError> {
        let message = Self::split(bytes)?;
        Ok(match Self::parse(bytes) {
            Ok(message) => Lenient::whole(message),
            Err(error) => Lenient::stopped(message, error),
        })
    }

    fn split(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.split_first_chunk() {
            Some((header, body)) => Ok(Self {
                bytes,
                header,
                body,
            }),
            None => Err(short_header(Layer::Igmp, IGMP_HEADER_LEN, bytes.len())),
        }
    }

    /// Returns the whole message.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the type.
    #[must_use]
    pub const fn message_type(&self) -> IgmpType {
        IgmpType::new(self.header[0])
    }

    /// Returns the byte behind the type: how long an answer may take, as it is coded.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.header[1]
    }

    /// Returns the checksum as it stands in the header.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Says whether the checksum is right.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        checksum::checksum(self.bytes) == 0
    }

    /// Returns the four bytes after the checksum: the group but for version 3 reports.
    #[must_use]
    pub const fn word(&self) -> [u8; 4] {
        let [_, _, _, _, word @ ..] = *self.header;
        word
    }

    /// Returns how long an answer to a query may take; version 1 leaves ten seconds, and in version 3
    /// a code of 0 is no time at all.
    #[must_use]
    pub const fn maximum_response_time(&self) -> Duration {
        let tenths = match self.code() {
            code if self.body.len() >= SOURCE_QUERY_LEN => floating(code),
            0 => 100,
            code => code as u32,
        };
        Duration::from_millis(tenths as u64 * 100)
    }

    /// Returns what the message says.
    #[must_use]
    pub fn kind(&self) -> IgmpKind<'a> {
        let (word, body) = (self.word(), self.body);
        let group = Ipv4Addr::from(word);
        match self.message_type() {
            IgmpType::MEMBERSHIP_QUERY => IgmpKind::Query {
                maximum_response: self.code(),
                group,
                v3: SourceQuery::read(body).ok(),
            },
            IgmpType::V1_MEMBERSHIP_REPORT => IgmpKind::V1Report { group },
            IgmpType::V2_MEMBERSHIP_REPORT => IgmpKind::V2Report { group },
            IgmpType::LEAVE_GROUP => IgmpKind::Leave { group },
            IgmpType::V3_MEMBERSHIP_REPORT => IgmpKind::V3Report {
                records: self.records().read,
            },
            message_type => IgmpKind::Other {
                message_type,
                code: self.code(),
                word,
                body,
            },
        }
    }

    fn records(&self) -> Lenient<Sequence<'a, GroupRecord<'a, Ipv4Addr>>> {
        let [_, _, high, low] = self.word();
        let count = u16::from_be_bytes([high, low]);
        Sequence::counted(self.body, usize::from(count))
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
            Self::Other { message_type, .. } => *message_type,
        }
    }

    /// Returns the byte behind the type.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Query {
                maximum_response, ..
            } => *maximum_response,
            Self::Other { code, .. } => *code,
            _ => 0,
        }
    }

    /// Returns the four bytes after the checksum.
    pub(crate) fn word(&self) -> [u8; 4] {
        match self {
            Self::Query { group, .. }
            | Self::V1Report { group }
            | Self::V2Report { group }
            | Self::Leave { group } => group.octets(),
            Self::V3Report { records } => {
                let [low, high, ..] = records.len().to_le_bytes();
                [0, 0, high, low]
            }
            Self::Other { word, .. } => *word,
        }
    }

    /// Returns the length of what follows the word, in bytes.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Self::Query { v3, .. } => v3.map_or(0, |query| query.encoded_len()),
            Self::V3Report { records } => records.encoded_len(),
            Self::Other { body, .. } => body.len(),
            _ => 0,
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
            Self::Other { body, .. } => room.copy_from_slice(body),
            _ => {}
        }
    }
}
