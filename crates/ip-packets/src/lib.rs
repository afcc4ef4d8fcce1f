#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "pcap", feature = "text")),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "the front page links to what features add"
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, doctest, feature = "pcap"))]
extern crate std;

pub mod checksum;

#[cfg(doc)]
#[doc = include_str!("../docs/py-wg.md")]
pub mod py_wg {
    // The page links to most of what there is.
    use crate::*;
}

mod build;
#[cfg(feature = "pcap")]
mod capture;
mod error;
#[cfg(feature = "text")]
mod expression;
mod extension;
mod fragment;
mod gre;
mod header;
mod icmp;
mod icmpv4;
mod icmpv6;
mod igmp;
mod ip;
mod ipsec;
mod ipv4;
mod ipv4_options;
mod ipv6;
mod ipv6_extension;
mod lenient;
mod multicast;
mod option_frames;
mod option_kinds;
#[cfg(feature = "alloc")]
mod owned;
mod protocol;
mod quote;
#[cfg(feature = "alloc")]
mod reassembly;
mod registry;
mod rewrite;
mod sctp;
mod sequence;
#[cfg(feature = "serde")]
mod serialize;
mod show;
mod tcp;
mod tcp_flags;
mod tcp_options;
mod traffic_class;
mod udp;
mod udp_lite;

#[cfg(feature = "alloc")]
pub use build::Quote;
pub use build::{
    Ah, AhBuilder, Bare, BuildError, Esp, EspBuilder, Gre, GreBuilder, Icmp, IcmpBuilder,
    Icmpv4Body, Icmpv6Body, Igmp, IgmpBody, IgmpBuilder, IpBuilder, Ipv4Builder, Ipv6Builder,
    MultiPart, PacketBuilder, Payload, Sctp, SctpBuilder, Tcp, TcpBuilder, Udp, UdpBuilder,
    UdpLite, UdpLiteBuilder, Upper, ip, v4, v6,
};
#[cfg(feature = "pcap")]
pub use capture::{
    CaptureError, CaptureInterface, CaptureReader, CaptureWriter, Captured, InterfaceId, LinkType,
    PcapWriter,
};
pub use error::{Expected, Field, Layer, ParseError};
#[cfg(feature = "text")]
pub use expression::{Defaults, Expression, ExpressionError, ExpressionProblem};
pub use extension::{ExtensionHeader, Ipv6Fragment};
pub use fragment::{Fragment, FragmentError, Fragments};
pub use gre::{EtherType, GRE_HEADER_LEN, GrePacket};
pub use header::{
    Header, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpVersion, destination_address, ecn, packet_len,
    set_ecn, source_address,
};
pub use icmp::{
    Echo, ExtendedEchoCode, ExtendedEchoReply, ExtendedEchoRequest, IcmpExtensions, IcmpObject,
    IcmpObjectClass, InterfaceInformation, InterfaceRole, MplsLabel, NeighborState,
    TimeExceededCode,
};
pub use icmpv4::{
    AddressMask, ICMP_HEADER_LEN, Icmpv4Kind, Icmpv4Message, Icmpv4ParameterCode,
    Icmpv4PhoturisCode, Icmpv4RedirectCode, Icmpv4RouterCode, Icmpv4Type, Icmpv4Unreachable,
    RouterEntry, Timestamps,
};
pub use icmpv6::{
    DomainName, DomainNameLabels, Icmpv6Kind, Icmpv6Message, Icmpv6NodeQueryCode,
    Icmpv6NodeResponseCode, Icmpv6ParameterCode, Icmpv6RenumberingCode, Icmpv6Type,
    Icmpv6Unreachable, MldQuery, NdpOption, NdpOptionKind, NdpOptions, NdpRedirect,
    NeighborAdvertisement, NeighborFlags, NeighborSolicitation, Pref64, PrefixFlags,
    PrefixInformation, RouteInformation, RouterAdvertisement, RouterFlags, RouterPreference,
};
pub use igmp::{IGMP_HEADER_LEN, IgmpKind, IgmpMessage, IgmpType};
pub use ip::{IpPacket, Transport};
pub use ipsec::{AuthenticatedPacket, AuthenticationHeader, EncapsulatedPayload};
pub use ipv4::Ipv4Packet;
pub use ipv4_options::{
    Ipv4Option, Ipv4Options, Ipv4Route, Ipv4Timestamp, Ipv4Timestamps, Ipv4TimestampsKind,
};
pub use ipv6::Ipv6Packet;
pub use ipv6_extension::{
    Ipv6Extension, Ipv6Option, Ipv6Options, Ipv6OptionsIter, RoutingHeader, RplRoute,
    UnknownOptionAction,
};
pub use lenient::Lenient;
pub use multicast::{GroupRecord, GroupRecordKind, SourceQuery};
pub use option_kinds::{Ipv4OptionKind, Ipv6OptionKind, Ipv6RoutingKind, TcpOptionKind};
#[cfg(feature = "alloc")]
pub use owned::IpPacketBuf;
pub use protocol::Protocol;
pub use quote::{EchoId, Ports, QuotedPacket};
#[cfg(feature = "alloc")]
pub use reassembly::{Reassembled, Reassembler, ReassemblyError, ReassemblyLimits};
pub use registry::UnknownName;
pub use rewrite::{IpPacketMut, RewriteError};
pub use sctp::{Crc32c, SCTP_HEADER_LEN, SctpChunk, SctpChunkType, SctpPacket};
pub use sequence::{Element, Sequence, SequenceIter};
pub use show::Hexdump;
pub use tcp::{TCP_HEADER_LEN, TcpSegment};
pub use tcp_flags::TcpFlags;
pub use tcp_options::{
    AccEcn, AccEcnOrder, DataMapping, DataNumber, DecodedTcpOption, DecodedTcpOptions, Mptcp,
    MptcpJoin, MptcpKeys, SackBlock, SackBlocks, TcpOption, TcpOptionCodec, TcpOptions,
    UserTimeout,
};
pub use traffic_class::{Dscp, Ecn};
pub use udp::{UDP_HEADER_LEN, UdpDatagram};
pub use udp_lite::UdpLiteDatagram;
