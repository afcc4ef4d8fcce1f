//! Why bytes are not the packet they were taken for.

use core::fmt;

/// Says which layer and field made parsing stop, where it is and what was expected there.
///
/// Offsets count bytes from the first byte of the layer that is named; those of
/// [`Layer::IcmpExtension`] count from the first byte of the ICMP message, where the structure was
/// found in one.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ParseError {
    /// The bytes end before the field, or before what the field says is there.
    #[error(
        "{layer} is cut off at its {field} (byte {offset}): {needed} bytes needed, {available} there"
    )]
    Truncated {
        /// The layer that is cut off.
        layer: Layer,
        /// The field that is missing, or that says more is there.
        field: Field,
        /// Where the field starts.
        offset: usize,
        /// How many bytes the layer would need.
        needed: usize,
        /// How many bytes it has.
        available: usize,
    },
    /// The field has a value it cannot have.
    #[error("{layer} has {found} as its {field} (byte {offset}), expected {expected}")]
    Invalid {
        /// The layer the field belongs to.
        layer: Layer,
        /// The field.
        field: Field,
        /// Where the field starts.
        offset: usize,
        /// The value that was found.
        found: usize,
        /// The values it may have.
        expected: Expected,
    },
}

impl ParseError {
    /// Returns the layer that could not be read.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        match *self {
            Self::Truncated { layer, .. } | Self::Invalid { layer, .. } => layer,
        }
    }

    /// Returns the field at which parsing stopped.
    #[must_use]
    pub const fn field(&self) -> Field {
        match *self {
            Self::Truncated { field, .. } | Self::Invalid { field, .. } => field,
        }
    }

    /// Returns where the field starts, in bytes from the start of its layer.
    #[must_use]
    pub const fn offset(&self) -> usize {
        match *self {
            Self::Truncated { offset, .. } | Self::Invalid { offset, .. } => offset,
        }
    }
}

impl ParseError {
    /// Moves what an inner part said of itself to where the part starts, in bytes.
    #[cold]
    pub(crate) const fn shifted(self, by: usize) -> Self {
        match self {
            Self::Truncated {
                layer,
                field,
                offset,
                needed,
                available,
            } => Self::Truncated {
                layer,
                field,
                offset: offset + by,
                needed: needed + by,
                available: available + by,
            },
            Self::Invalid {
                layer,
                field,
                offset,
                found,
                expected,
            } => Self::Invalid {
                layer,
                field,
                offset: offset + by,
                found,
                expected,
            },
        }
    }
}

/// Makes the error for a layer whose fixed header is not all there.
#[cold]
pub(crate) const fn short_header(layer: Layer, needed: usize, available: usize) -> ParseError {
    ParseError::Truncated {
        layer,
        field: Field::FixedHeader,
        offset: 0,
        needed,
        available,
    }
}

/// A protocol layer, as an error names it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Layer {
    /// An IP packet whose version could not be told.
    Ip,
    /// Internet protocol, version 4.
    Ipv4,
    /// Internet protocol, version 6, with its extension headers.
    Ipv6,
    /// Transmission control.
    Tcp,
    /// User datagrams.
    Udp,
    /// User datagrams with partial checksums.
    UdpLite,
    /// The authentication header of IPsec.
    Authentication,
    /// The encapsulated payload of IPsec.
    Encapsulation,
    /// An extension header of IPv6, taken by itself.
    Ipv6Extension,
    /// Control messages for IPv4.
    Icmpv4,
    /// Control messages for IPv6.
    Icmpv6,
    /// The extension structure of control messages.
    IcmpExtension,
    /// Internet group management.
    Igmp,
    /// Generic routing encapsulation.
    Gre,
    /// Stream control transmission.
    Sctp,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ip => "IP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::UdpLite => "UDP-Lite",
            Self::Authentication => "AH",
            Self::Encapsulation => "ESP",
            Self::Ipv6Extension => "IPv6 extension header",
            Self::Icmpv4 => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::IcmpExtension => "ICMP extension",
            Self::Igmp => "IGMP",
            Self::Gre => "GRE",
            Self::Sctp => "SCTP",
        })
    }
}

/// A field of a header, as an error names it.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Field {
    /// The part of the header that is always there.
    FixedHeader,
    /// The version: a nibble of IP and of ICMP extensions.
    Version,
    /// The header length (IPv4) or data offset (TCP), in bytes.
    HeaderLen,
    /// The total length of IPv4, in bytes.
    TotalLen,
    /// The payload length of IPv6, in bytes.
    PayloadLen,
    /// The length of UDP, in bytes.
    Length,
    /// The protocol of IPv4 or the last next header of IPv6.
    Protocol,
    /// An extension header of IPv6.
    ExtensionHeader,
    /// The checksum coverage of UDP-Lite, in bytes.
    Coverage,
    /// An option of a header.
    Option,
    /// Fragment offset and more-fragments flag, in the word of the header that has both.
    Fragment,
    /// An address in a list.
    Address,
    /// An entry of a list of routers.
    Router,
    /// An object of an ICMP extension.
    ExtensionObject,
    /// The number of entries that follow.
    Count,
    /// A record of a group.
    GroupRecord,
    /// The flags of GRE.
    Flags,
    /// A chunk of SCTP.
    Chunk,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FixedHeader => "fixed header",
            Self::Version => "version",
            Self::HeaderLen => "header length",
            Self::TotalLen => "total length",
            Self::PayloadLen => "payload length",
            Self::Length => "length",
            Self::Protocol => "protocol",
            Self::ExtensionHeader => "extension header",
            Self::Coverage => "checksum coverage",
            Self::Option => "option",
            Self::Fragment => "fragment word",
            Self::Address => "address",
            Self::Router => "router entry",
            Self::ExtensionObject => "extension object",
            Self::Count => "number of entries",
            Self::GroupRecord => "group record",
            Self::Flags => "flags",
            Self::Chunk => "chunk",
        })
    }
}

/// What a field should have held.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Expected {
    /// This value.
    Exactly(usize),
    /// One of these values.
    Either(usize, usize),
    /// This value or more.
    AtLeast(usize),
    /// This value or less.
    AtMost(usize),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(value) => write!(f, "{value}"),
            Self::Either(one, other) => write!(f, "{one} or {other}"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}
