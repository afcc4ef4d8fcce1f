//! A validated view of an ICMPv6 message.

mod codes;

use crate::checksum::PseudoHeader;
use crate::error::{Layer, ParseError, short_header};
use crate::icmp::quoted_part;
use crate::{Echo, Protocol, QuotedPacket, TimeExceededCode};

pub use codes::{
    Icmpv6NodeQueryCode, Icmpv6NodeResponseCode, Icmpv6ParameterCode, Icmpv6RenumberingCode,
    Icmpv6Type, Icmpv6Unreachable,
};

/// An ICMPv6 message whose header is all there.
///
/// Source: RFC 4443 §2.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icmpv6Message<'a> {
    bytes: &'a [u8],
    header: &'a [u8; HEADER_LEN],
    body: &'a [u8],
}

/// The length of type, code and checksum: all that every message has.
const HEADER_LEN: usize = 4;
/// The length of the header with the word that errors and echoes have.
const HEADER_AND_WORD_LEN: usize = 8;

/// What a message says.
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
    /// Any other type.
    Other {
        /// What follows type, code and checksum.
        body: &'a [u8],
    },
}

impl<'a> Icmpv6Message<'a> {
    /// Reads the message that `bytes` is.
    ///
    /// # Errors
    /// [`ParseError`] if there are less than 4 bytes, or less than 8 for an error or an echo.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, body)) = bytes.split_first_chunk() else {
            return Err(short_header(Layer::Icmpv6, HEADER_LEN, bytes.len()));
        };
        let message = Self {
            bytes,
            header,
            body,
        };
        if body.len() < 4 && message.has_word() {
            return Err(short_header(
                Layer::Icmpv6,
                HEADER_AND_WORD_LEN,
                bytes.len(),
            ));
        }
        Ok(message)
    }

    #[inline]
    const fn has_word(&self) -> bool {
        matches!(
            self.message_type(),
            Icmpv6Type::DESTINATION_UNREACHABLE
                | Icmpv6Type::PACKET_TOO_BIG
                | Icmpv6Type::TIME_EXCEEDED
                | Icmpv6Type::PARAMETER_PROBLEM
                | Icmpv6Type::ECHO_REQUEST
                | Icmpv6Type::ECHO_REPLY
        )
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
    pub const fn message_type(&self) -> Icmpv6Type {
        Icmpv6Type::new(self.header[0])
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
    pub fn checksum_is_valid(&self, pseudo_header: &PseudoHeader) -> bool {
        pseudo_header.verify(Protocol::ICMPV6, self.bytes)
    }

    /// Returns what the message says.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> Icmpv6Kind<'a> {
        let code = self.code();
        let Some((word, body)) = self.body.split_first_chunk::<4>() else {
            return Icmpv6Kind::Other { body: self.body };
        };
        match self.message_type() {
            Icmpv6Type::ECHO_REQUEST => Icmpv6Kind::EchoRequest(Echo::new(*word, body)),
            Icmpv6Type::ECHO_REPLY => Icmpv6Kind::EchoReply(Echo::new(*word, body)),
            Icmpv6Type::DESTINATION_UNREACHABLE => Icmpv6Kind::DestinationUnreachable {
                code: Icmpv6Unreachable::new(code),
                quoted: quoted_bytes(*word, body),
            },
            Icmpv6Type::PACKET_TOO_BIG => Icmpv6Kind::PacketTooBig {
                mtu: u32::from_be_bytes(*word),
                quoted: body,
            },
            Icmpv6Type::TIME_EXCEEDED => Icmpv6Kind::TimeExceeded {
                code: TimeExceededCode::new(code),
                quoted: quoted_bytes(*word, body),
            },
            Icmpv6Type::PARAMETER_PROBLEM => {
                let pointer = u32::from_be_bytes(*word);
                Icmpv6Kind::ParameterProblem {
                    code: Icmpv6ParameterCode::new(code),
                    pointer,
                    quoted: body,
                }
            }
            _ => Icmpv6Kind::Other { body: self.body },
        }
    }

    /// Returns the packet that an error message quotes, as far as it can be read.
    #[must_use]
    pub fn quoted_packet(&self) -> Option<QuotedPacket<'a>> {
        match self.kind() {
            Icmpv6Kind::DestinationUnreachable { quoted, .. }
            | Icmpv6Kind::PacketTooBig { quoted, .. }
            | Icmpv6Kind::TimeExceeded { quoted, .. }
            | Icmpv6Kind::ParameterProblem { quoted, .. } => QuotedPacket::parse(quoted).ok(),
            _ => None,
        }
    }
}

/// The length octet of RFC 4884 §4.4 and §4.5 counts words of 8 bytes.
#[inline]
fn quoted_bytes(word: [u8; 4], body: &[u8]) -> &[u8] {
    quoted_part(body, usize::from(word[0]) * 8)
}
