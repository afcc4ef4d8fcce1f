//! The options of neighbor discovery.

use core::net::Ipv6Addr;

use super::domain::names;
use super::{DomainName, Pref64, PrefixInformation, RouteInformation};
use crate::BuildError;
use crate::error::{Field, Layer, ParseError};
use crate::icmp::trimmed;
use crate::registry::registry;
use crate::sequence::{Element, Sequence, cut, too_short};

/// Options are as long as a multiple of this, in bytes.
const UNIT: usize = 8;
/// The length of kind and length, in bytes.
const HEADER_LEN: usize = 2;

registry! {
    /// The kind of an option of neighbor discovery.
    ///
    /// Source: IANA icmpv6-parameters registry, as of April 2025.
    pub struct NdpOptionKind {
        /// The link-layer address of the sender, RFC 4861.
        SOURCE_LINK_LAYER = 1, "source link-layer address" | "sllao";
        /// The link-layer address of the target, RFC 4861.
        TARGET_LINK_LAYER = 2, "target link-layer address" | "tllao";
        /// A prefix of the link, RFC 4861.
        PREFIX_INFORMATION = 3, "prefix information" | "pio";
        /// The packet that was redirected, RFC 4861.
        REDIRECTED_HEADER = 4, "redirected header" | "redirected";
        /// The MTU of the link, RFC 4861.
        MTU = 5, "MTU";
        /// The shortcut limit of non-broadcast links, RFC 2491.
        NBMA_SHORTCUT_LIMIT = 6, "NBMA shortcut limit";
        /// The interval of advertisements, RFC 6275.
        ADVERTISEMENT_INTERVAL = 7, "advertisement interval";
        /// Preference and lifetime of a home agent, RFC 6275.
        HOME_AGENT = 8, "home agent information" | "home-agent";
        /// Source addresses, RFC 3122.
        SOURCE_ADDRESS_LIST = 9, "source address list";
        /// Target addresses, RFC 3122.
        TARGET_ADDRESS_LIST = 10, "target address list";
        /// A cryptographically generated address, RFC 3971.
        CGA = 11, "CGA";
        /// A signature, RFC 3971.
        RSA_SIGNATURE = 12, "RSA signature";
        /// The time, RFC 3971.
        TIMESTAMP = 13, "timestamp";
        /// A number used once, RFC 3971.
        NONCE = 14, "nonce";
        /// A trust anchor, RFC 3971.
        TRUST_ANCHOR = 15, "trust anchor";
        /// A certificate, RFC 3971.
        CERTIFICATE = 16, "certificate";
        /// An address or prefix for fast handovers, RFC 5568.
        IP_ADDRESS = 17, "IP address/prefix" | "ip-address";
        /// A prefix of a new router, RFC 4068.
        NEW_ROUTER_PREFIX = 18, "new router prefix information" | "new-router-prefix";
        /// A link-layer address for fast handovers, RFC 5568.
        LINK_LAYER_ADDRESS = 19, "link-layer address";
        /// Acknowledgment of a neighbor advertisement, RFC 5568.
        ADVERTISEMENT_ACKNOWLEDGMENT = 20, "neighbor advertisement acknowledgment" | "naack";
        /// The provisioning domain of an advertisement, RFC 8801.
        PROVISIONING_DOMAIN = 21, "provisioning domain" | "pvd";
        /// A mobility anchor point, RFC 4140.
        MAP = 23, "MAP";
        /// A route that a router has, RFC 4191.
        ROUTE_INFORMATION = 24, "route information" | "rio";
        /// Name servers, RFC 8106.
        RECURSIVE_DNS = 25, "recursive DNS server" | "rdnss";
        /// More flags of router advertisements, RFC 5175.
        FLAGS_EXTENSION = 26, "RA flags extension" | "flags-extension";
        /// Question for a handover key, RFC 5269.
        HANDOVER_KEY_REQUEST = 27, "handover key request";
        /// A handover key, RFC 5269.
        HANDOVER_KEY_REPLY = 28, "handover key reply";
        /// Help for handovers, RFC 5271.
        HANDOVER_ASSIST = 29, "handover assist information" | "handover-assist";
        /// Who a mobile node is, RFC 5271.
        MOBILE_NODE_IDENTIFIER = 30, "mobile node identifier";
        /// Domains to search, RFC 8106.
        DNS_SEARCH_LIST = 31, "DNS search list" | "dnssl";
        /// Signature of a proxy, RFC 6496.
        PROXY_SIGNATURE = 32, "proxy signature";
        /// Registration of an address, RFC 8505.
        ADDRESS_REGISTRATION = 33, "address registration" | "aro";
        /// Context of header compression, RFC 6775.
        SIXLOWPAN_CONTEXT = 34, "6LoWPAN context" | "6co";
        /// The router at the border, RFC 6775.
        BORDER_ROUTER = 35, "authoritative border router" | "abro";
        /// What a node of a low-power network can, RFC 7400.
        SIXLOWPAN_CAPABILITY = 36, "6LoWPAN capability indication" | "6cio";
        /// Where the captive portal is, RFC 8910.
        CAPTIVE_PORTAL = 37, "captive portal";
        /// The prefix of NAT64, RFC 8781.
        PREF64 = 38, "PREF64";
        /// Question for routers that a host could move to, RFC 4065.
        CARD_REQUEST = 138, "CARD request";
        /// Routers that a host could move to, RFC 4065.
        CARD_REPLY = 139, "CARD reply";
        /// Encrypted name servers, RFC 9463.
        ENCRYPTED_DNS = 144, "encrypted DNS";
        /// Experiments, RFC 4727.
        EXPERIMENT_1 = 253, "experiment 1";
        /// Experiments, RFC 4727.
        EXPERIMENT_2 = 254, "experiment 2";
    }
}

/// One option of neighbor discovery.
///
/// What has not the length that its kind requires, or more padding than that needs, is
/// [`Unknown`](Self::Unknown). On the wire every
/// option takes a multiple of 8 bytes: data is padded with zeros when written, and comes with its
/// padding when read, but for texts.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NdpOption<'a> {
    /// The link-layer address of the sender: six bytes on Ethernet.
    SourceLinkLayer(&'a [u8]),
    /// The link-layer address of the target.
    TargetLinkLayer(&'a [u8]),
    /// A prefix of the link.
    Prefix(PrefixInformation),
    /// The start of the packet that was redirected.
    RedirectedHeader(&'a [u8]),
    /// The MTU of the link, in bytes.
    Mtu(u32),
    /// A route that the router has. RFC 4191.
    Route(RouteInformation),
    /// Name servers. RFC 8106 §5.1.
    RecursiveDns {
        /// How long they may be used, in seconds; `u32::MAX` is forever.
        lifetime: u32,
        /// Their addresses.
        servers: Sequence<'a, Ipv6Addr>,
    },
    /// Domains to search. RFC 8106 §5.2.
    DnsSearchList {
        /// How long they may be used, in seconds; `u32::MAX` is forever.
        lifetime: u32,
        /// Their names.
        domains: Sequence<'a, DomainName<'a>>,
    },
    /// A number used once, at least six bytes. RFC 3971 §5.3.2.
    Nonce(&'a [u8]),
    /// The URI of the captive portal's API. RFC 8910 §2.3.
    CaptivePortal(&'a [u8]),
    /// The prefix of NAT64. RFC 8781.
    Pref64(Pref64),
    /// Any other option.
    Unknown {
        /// Its kind.
        kind: NdpOptionKind,
        /// What follows kind and length: 6 bytes, 14, ..
        data: &'a [u8],
    },
}

impl<'a> NdpOption<'a> {
    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> NdpOptionKind {
        match self {
            Self::SourceLinkLayer(_) => NdpOptionKind::SOURCE_LINK_LAYER,
            Self::TargetLinkLayer(_) => NdpOptionKind::TARGET_LINK_LAYER,
            Self::Prefix(_) => NdpOptionKind::PREFIX_INFORMATION,
            Self::RedirectedHeader(_) => NdpOptionKind::REDIRECTED_HEADER,
            Self::Mtu(_) => NdpOptionKind::MTU,
            Self::Route(_) => NdpOptionKind::ROUTE_INFORMATION,
            Self::RecursiveDns { .. } => NdpOptionKind::RECURSIVE_DNS,
            Self::DnsSearchList { .. } => NdpOptionKind::DNS_SEARCH_LIST,
            Self::Nonce(_) => NdpOptionKind::NONCE,
            Self::CaptivePortal(_) => NdpOptionKind::CAPTIVE_PORTAL,
            Self::Pref64(_) => NdpOptionKind::PREF64,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    fn known(kind: NdpOptionKind, data: &'a [u8]) -> Option<Self> {
        Some(match kind {
            NdpOptionKind::SOURCE_LINK_LAYER => Self::SourceLinkLayer(data),
            NdpOptionKind::TARGET_LINK_LAYER => Self::TargetLinkLayer(data),
            NdpOptionKind::PREFIX_INFORMATION => {
                Self::Prefix(PrefixInformation::read(data.try_into().ok()?))
            }
            NdpOptionKind::REDIRECTED_HEADER => Self::RedirectedHeader(data.get(6..)?),
            NdpOptionKind::MTU => {
                let data: &[u8; 6] = data.try_into().ok()?;
                Self::Mtu(u32::from_be_bytes([data[2], data[3], data[4], data[5]]))
            }
            NdpOptionKind::ROUTE_INFORMATION => Self::Route(RouteInformation::read(data)?),
            NdpOptionKind::RECURSIVE_DNS => {
                let (lifetime, servers) = lifetime_and_rest(data)?;
                if servers.is_empty() || !servers.len().is_multiple_of(16) {
                    return None;
                }
                let servers = Sequence::from_bytes(servers);
                Self::RecursiveDns { lifetime, servers }
            }
            NdpOptionKind::DNS_SEARCH_LIST => {
                let (lifetime, domains) = lifetime_and_rest(data)?;
                let domains = Sequence::from_bytes(names(domains)?);
                Self::DnsSearchList { lifetime, domains }
            }
            NdpOptionKind::NONCE => Self::Nonce(data),
            NdpOptionKind::CAPTIVE_PORTAL => Self::CaptivePortal(trimmed(data)),
            NdpOptionKind::PREF64 => Self::Pref64(Pref64::read(data.try_into().ok()?)),
            _ => return None,
        })
    }

    fn data_len(&self) -> usize {
        match self {
            Self::SourceLinkLayer(data)
            | Self::TargetLinkLayer(data)
            | Self::Nonce(data)
            | Self::CaptivePortal(data)
            | Self::Unknown { data, .. } => data.len(),
            Self::Prefix(_) => 30,
            Self::RedirectedHeader(packet) => 6 + packet.len(),
            Self::Mtu(_) => 6,
            Self::Route(route) => route.data_len(),
            Self::RecursiveDns { servers, .. } => 6 + servers.encoded_len(),
            Self::DnsSearchList { domains, .. } => 6 + domains.encoded_len(),
            Self::Pref64(_) => 14,
        }
    }

    fn write_data(&self, room: &mut [u8]) {
        match self {
            Self::SourceLinkLayer(data)
            | Self::TargetLinkLayer(data)
            | Self::Nonce(data)
            | Self::CaptivePortal(data)
            | Self::Unknown { data, .. } => room[..data.len()].copy_from_slice(data),
            Self::Prefix(prefix) => prefix.write(room),
            Self::RedirectedHeader(packet) => room[6..][..packet.len()].copy_from_slice(packet),
            Self::Mtu(mtu) => room[2..].copy_from_slice(&mtu.to_be_bytes()),
            Self::Route(route) => route.write(room),
            Self::RecursiveDns { lifetime, servers } => {
                room[2..6].copy_from_slice(&lifetime.to_be_bytes());
                servers.write(&mut room[6..]);
            }
            Self::DnsSearchList { lifetime, domains } => {
                room[2..6].copy_from_slice(&lifetime.to_be_bytes());
                domains.write(&mut room[6..]);
            }
            Self::Pref64(prefix) => prefix.write(room),
        }
    }
}

/// Splits what follows two reserved bytes.
fn lifetime_and_rest(data: &[u8]) -> Option<(u32, &[u8])> {
    let ([_, _, a, b, c, d], rest) = data.split_first_chunk::<6>()?;
    Some((u32::from_be_bytes([*a, *b, *c, *d]), rest))
}

impl<'a> Element<'a> for NdpOption<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), ParseError> {
        let (layer, field) = (Layer::Icmpv6, Field::Option);
        let Some([kind, units]) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(cut(layer, field, HEADER_LEN, bytes.len()));
        };
        let len = usize::from(*units) * UNIT;
        if len == 0 {
            return Err(too_short(layer, field, 0, UNIT));
        }
        let Some(data) = bytes.get(HEADER_LEN..len) else {
            return Err(cut(layer, field, len, bytes.len()));
        };
        let kind = NdpOptionKind::new(*kind);
        let unknown = Self::Unknown { kind, data };
        let known = Self::known(kind, data).filter(|option| option.encoded_len() == len);
        Ok((known.unwrap_or(unknown), len))
    }

    fn encoded_len(&self) -> usize {
        (HEADER_LEN + self.data_len()).next_multiple_of(UNIT)
    }

    fn check(&self) -> Result<(), BuildError> {
        if let Self::DnsSearchList { domains, .. } = self {
            domains.check()?;
        }
        let max = usize::from(u8::MAX) * UNIT;
        BuildError::check_len(Layer::Icmpv6, self.encoded_len(), max)
    }

    /// The length is written modulo 256 units.
    fn write(&self, room: &mut [u8]) {
        let [units, ..] = (room.len() / UNIT).to_le_bytes();
        let Some((header, data)) = room.split_first_chunk_mut::<HEADER_LEN>() else {
            return;
        };
        *header = [self.kind().number(), units];
        self.write_data(data);
    }
}
