//! A validated view of an ICMP message for IPv4.

mod codes;

use core::net::Ipv4Addr;

use crate::error::{Layer, ParseError, short_header};
use crate::icmp::quoted_part;
use crate::{Echo, QuotedPacket, TimeExceededCode, checksum};

pub use codes::{
    Icmpv4ParameterCode, Icmpv4PhoturisCode, Icmpv4RedirectCode, Icmpv4RouterCode, Icmpv4Type,
    Icmpv4Unreachable,
};

/// The length of an ICMP header with its type-dependent word, in bytes.
pub const ICMP_HEADER_LEN: usize = 8;

/// An ICMP message whose header is all there.
///
/// Source: RFC 792.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icmpv4Message<'a> {
    bytes: &'a [u8],
    header: &'a [u8; ICMP_HEADER_LEN],
    body: &'a [u8],
}

/// What a message says.
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
    /// Any other type.
    Other {
        /// What follows type, code and checksum.
        word: [u8; 4],
        /// What follows the word.
        body: &'a [u8],
    },
}

impl<'a> Icmpv4Message<'a> {
    /// Reads the message that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 8 bytes.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.split_first_chunk() {
            Some((header, body)) => Ok(Self {
                bytes,
                header,
                body,
            }),
            None => Err(short_header(Layer::Icmpv4, ICMP_HEADER_LEN, bytes.len())),
        }
    }

    /// Returns the whole message.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the type.
    #[must_use]
    #[inline]
    pub const fn message_type(&self) -> Icmpv4Type {
        Icmpv4Type::new(self.header[0])
    }

    /// Returns the code, whose meaning depends on the type.
    #[must_use]
    #[inline]
    pub const fn code(&self) -> u8 {
        self.header[1]
    }

    /// Returns the name of the code under the type, `None` where this crate has no name for it.
    #[must_use]
    pub const fn code_name(&self) -> Option<&'static str> {
        codes::code_name(self.message_type(), self.code())
    }

    /// Returns what type and code mean together, as a sentence; `None` for an unassigned pair.
    #[must_use]
    pub const fn meaning(&self) -> Option<&'static str> {
        codes::meaning(self.message_type(), self.code())
    }

    /// Returns the checksum as it stands in the header.
    #[must_use]
    #[inline]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.header[2], self.header[3]])
    }

    /// Says whether the checksum is right.
    #[must_use]
    #[inline]
    pub fn checksum_is_valid(&self) -> bool {
        checksum::checksum(self.bytes) == 0
    }

    /// Returns what the message says.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Icmpv4Kind<'a> {
        let [_, code, _, _, word @ ..] = *self.header;
        let body = self.body;
        match self.message_type() {
            Icmpv4Type::ECHO_REQUEST => Icmpv4Kind::EchoRequest(Echo::new(word, body)),
            Icmpv4Type::ECHO_REPLY => Icmpv4Kind::EchoReply(Echo::new(word, body)),
            Icmpv4Type::DESTINATION_UNREACHABLE => Icmpv4Kind::DestinationUnreachable {
                code: Icmpv4Unreachable::new(code),
                next_hop_mtu: u16::from_be_bytes([word[2], word[3]]),
                quoted: self.quoted_bytes(word),
            },
            Icmpv4Type::TIME_EXCEEDED => Icmpv4Kind::TimeExceeded {
                code: TimeExceededCode::new(code),
                quoted: self.quoted_bytes(word),
            },
            Icmpv4Type::PARAMETER_PROBLEM => Icmpv4Kind::ParameterProblem {
                code: Icmpv4ParameterCode::new(code),
                pointer: word[0],
                quoted: self.quoted_bytes(word),
            },
            Icmpv4Type::REDIRECT => Icmpv4Kind::Redirect {
                code: Icmpv4RedirectCode::new(code),
                gateway: Ipv4Addr::from(word),
                quoted: body,
            },
            _ => Icmpv4Kind::Other { word, body },
        }
    }

    /// Returns the packet that an error message quotes, as far as it can be read.
    #[must_use]
    pub fn quoted_packet(&self) -> Option<QuotedPacket<'a>> {
        match self.kind() {
            Icmpv4Kind::DestinationUnreachable { quoted, .. }
            | Icmpv4Kind::TimeExceeded { quoted, .. }
            | Icmpv4Kind::ParameterProblem { quoted, .. }
            | Icmpv4Kind::Redirect { quoted, .. } => QuotedPacket::parse(quoted).ok(),
            _ => None,
        }
    }

    /// The length octet of RFC 4884 §4.1 to §4.3 counts words of 4 bytes.
    #[inline]
    fn quoted_bytes(&self, word: [u8; 4]) -> &'a [u8] {
        quoted_part(self.body, usize::from(word[1]) * 4)
    }
}
