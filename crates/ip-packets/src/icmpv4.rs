//! A validated view of an ICMP message for IPv4.

use core::net::Ipv4Addr;

use crate::error::{Layer, ParseError, short_header};
use crate::icmp::quoted_part;
use crate::registry::registry;
use crate::{Echo, QuotedPacket, checksum};

/// The length of an ICMP header with its type-dependent word, in bytes.
pub const ICMP_HEADER_LEN: usize = 8;

registry! {
    /// The type of an ICMP message for IPv4.
    ///
    /// Source: IANA, ICMP Type Numbers.
    pub struct Icmpv4Type {
        /// Echo reply.
        ECHO_REPLY = 0, "echo reply";
        /// Destination unreachable.
        DESTINATION_UNREACHABLE = 3, "destination unreachable";
        /// Redirect.
        REDIRECT = 5, "redirect";
        /// Echo request.
        ECHO_REQUEST = 8, "echo request";
        /// Time exceeded.
        TIME_EXCEEDED = 11, "time exceeded";
        /// Parameter problem.
        PARAMETER_PROBLEM = 12, "parameter problem";
    }
}

registry! {
    /// Why an IPv4 destination is unreachable.
    ///
    /// Source: RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1.
    pub struct Icmpv4Unreachable {
        /// Network unreachable.
        NETWORK = 0, "network unreachable";
        /// Host unreachable.
        HOST = 1, "host unreachable";
        /// Protocol unreachable.
        PROTOCOL = 2, "protocol unreachable";
        /// Port unreachable.
        PORT = 3, "port unreachable";
        /// Too big, and may not be fragmented.
        FRAGMENTATION_NEEDED = 4, "fragmentation needed";
        /// Source route failed.
        SOURCE_ROUTE_FAILED = 5, "source route failed";
        /// Network unknown.
        NETWORK_UNKNOWN = 6, "network unknown";
        /// Host unknown.
        HOST_UNKNOWN = 7, "host unknown";
        /// Network administratively prohibited.
        NETWORK_PROHIBITED = 9, "network prohibited";
        /// Host administratively prohibited.
        HOST_PROHIBITED = 10, "host prohibited";
        /// Communication administratively prohibited.
        ADMINISTRATIVELY_PROHIBITED = 13, "administratively prohibited";
    }
}

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
    /// A packet ran out of hops (code 0) or its fragments out of time (code 1).
    TimeExceeded {
        /// Which of both.
        code: u8,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// A packet has a field that somebody did not like.
    ParameterProblem {
        /// What was wrong.
        code: u8,
        /// Where, in bytes from the start of the packet; meant under code 0.
        pointer: u8,
        /// The start of that packet.
        quoted: &'a [u8],
    },
    /// There is a better way for a packet.
    Redirect {
        /// What the redirection is for.
        code: u8,
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
                code,
                quoted: self.quoted_bytes(word),
            },
            Icmpv4Type::PARAMETER_PROBLEM => Icmpv4Kind::ParameterProblem {
                code,
                pointer: word[0],
                quoted: self.quoted_bytes(word),
            },
            Icmpv4Type::REDIRECT => Icmpv4Kind::Redirect {
                code,
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
