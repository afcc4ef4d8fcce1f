//! Options and objects in words, each on one line.

use core::fmt;

use super::tree::{Bytes, Listed};
use crate::{
    IcmpObject, InterfaceInformation, Ipv4Option, Ipv4OptionKind, Ipv4Route, Ipv4Timestamps,
    Ipv6Option, Ipv6OptionKind, MplsLabel, NdpOption, RoutingHeader,
};

/// An option of IPv4.
pub(super) struct V4<'a>(pub(super) Ipv4Option<'a>);

impl fmt::Display for V4<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Ipv4OptionKind::new(self.0.kind()))?;
        match &self.0 {
            Ipv4Option::RecordRoute(it)
            | Ipv4Option::LooseSourceRoute(it)
            | Ipv4Option::StrictSourceRoute(it) => route(f, it),
            Ipv4Option::Timestamps(it) => timestamps(f, it),
            Ipv4Option::RouterAlert(value) => write!(f, ", value {value}"),
            Ipv4Option::Security {
                level,
                compartments,
                handling,
                control,
            } => {
                write!(f, ", level {level:#06x}, compartments {compartments:#06x}")?;
                write!(f, ", handling {handling:#06x}, control {}", Bytes(control))
            }
            Ipv4Option::BasicSecurity {
                classification,
                authorities,
            } => {
                write!(f, ", classification {classification:#04x}")?;
                write!(f, ", authorities {}", Bytes(authorities))
            }
            Ipv4Option::Unknown { data, .. } => unknown(f, data),
            Ipv4Option::End | Ipv4Option::Nop => Ok(()),
        }
    }
}

fn unknown(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    match data {
        [] => f.write_str(", no data"),
        data => write!(f, ", data {}", Bytes(data)),
    }
}

fn route(f: &mut fmt::Formatter<'_>, route: &Ipv4Route) -> fmt::Result {
    write!(f, ", pointer {}, addresses", route.pointer())?;
    let mut addresses = route.addresses().iter();
    addresses.try_for_each(|address| write!(f, " {address}"))
}

fn timestamps(f: &mut fmt::Formatter<'_>, times: &Ipv4Timestamps) -> fmt::Result {
    let (pointer, overflow) = (times.pointer(), times.overflow());
    write!(f, ", pointer {pointer}, overflow {overflow}, times")?;
    for entry in times.entries() {
        match entry.address {
            Some(address) => write!(f, " {address}@{}", entry.time)?,
            None => write!(f, " {}", entry.time)?,
        }
    }
    Ok(())
}

/// An option of an IPv6 extension header.
pub(super) struct V6<'a>(pub(super) Ipv6Option<'a>);

impl fmt::Display for V6<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Ipv6OptionKind::new(self.0.kind()))?;
        match &self.0 {
            Ipv6Option::Pad1 => Ok(()),
            Ipv6Option::PadN(_) => write!(f, ", {} bytes", self.0.encoded_len()),
            Ipv6Option::RouterAlert(value) => write!(f, ", value {value}"),
            Ipv6Option::JumboPayload(len) => write!(f, ", {len} bytes"),
            Ipv6Option::HomeAddress(address) => write!(f, ", {address}"),
            Ipv6Option::Unknown { data, .. } => unknown(f, data),
        }
    }
}

/// A routing header behind its type and segments left.
pub(super) struct Routing<'a>(pub(super) RoutingHeader<'a>);

impl fmt::Display for Routing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, octets: &[[u8; 16]]| {
            let mut addresses = octets.iter().map(|it| core::net::Ipv6Addr::from(*it));
            addresses.try_for_each(|address| write!(f, " {address}"))
        };
        match &self.0 {
            RoutingHeader::Source { addresses, .. } => {
                f.write_str("addresses")?;
                list(f, addresses)
            }
            RoutingHeader::Home { address, .. } => write!(f, "home address {address}"),
            RoutingHeader::Rpl(route) => {
                let (elided, last) = (route.elided, route.elided_in_last);
                write!(
                    f,
                    "elided {elided}, in the last {last}, padding {}",
                    route.padding
                )?;
                write!(f, ", addresses {}", Bytes(route.addresses))
            }
            RoutingHeader::Segments {
                last_entry,
                flags,
                tag,
                segments,
                tlvs,
                ..
            } => {
                write!(
                    f,
                    "last entry {last_entry}, flags {flags:#04x}, tag {tag:#06x}"
                )?;
                f.write_str(", segments")?;
                list(f, segments)?;
                match tlvs {
                    [] => Ok(()),
                    tlvs => write!(f, ", tlvs {}", Bytes(tlvs)),
                }
            }
            RoutingHeader::Unknown { data, .. } => write!(f, "data {}", Bytes(data)),
        }
    }
}

/// An option of neighbor discovery.
pub(super) struct Ndp<'a>(pub(super) NdpOption<'a>);

impl fmt::Display for Ndp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind())?;
        match &self.0 {
            NdpOption::SourceLinkLayer(address) | NdpOption::TargetLinkLayer(address) => {
                write!(f, ", {}", Hardware(address))
            }
            NdpOption::Prefix(it) => {
                write!(f, ", {}/{}", it.prefix, it.prefix_len)?;
                write!(f, ", flags {:#04x}", it.flags.bits())?;
                let (valid, preferred) = (it.valid_lifetime, it.preferred_lifetime);
                write!(f, ", valid {valid} s, preferred {preferred} s")
            }
            NdpOption::RedirectedHeader(packet) => write!(f, ", {} bytes", packet.len()),
            NdpOption::Mtu(mtu) => write!(f, ", {mtu}"),
            NdpOption::Route(it) => {
                write!(f, ", {}/{}", it.prefix, it.prefix_len)?;
                write!(
                    f,
                    ", preference {:?}, lifetime {} s",
                    it.preference, it.lifetime
                )
            }
            NdpOption::RecursiveDns { lifetime, servers } => {
                write!(f, ", lifetime {lifetime} s, servers {}", Listed(*servers))
            }
            NdpOption::DnsSearchList { lifetime, domains } => {
                write!(f, ", lifetime {lifetime} s, domains {}", Listed(*domains))
            }
            NdpOption::Nonce(data) => write!(f, ", {}", Bytes(data)),
            NdpOption::CaptivePortal(uri) => write!(f, ", {}", uri.escape_ascii()),
            NdpOption::Pref64(it) => {
                write!(f, ", {}", it.prefix)?;
                if let Some(len) = it.prefix_len() {
                    write!(f, "/{len}")?;
                }
                write!(f, ", lifetime {} s", it.lifetime)
            }
            NdpOption::Unknown { data, .. } => unknown(f, data),
        }
    }
}

/// A hardware address, pairs of digits with colons between.
struct Hardware<'a>(&'a [u8]);

impl fmt::Display for Hardware<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for octet in self.0 {
            write!(f, "{separator}{octet:02x}")?;
            separator = ":";
        }
        Ok(())
    }
}

/// An object of an ICMP extension.
pub(super) struct Object<'a>(pub(super) IcmpObject<'a>);

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.class())?;
        match &self.0 {
            IcmpObject::MplsLabels(labels) => labels.iter().try_for_each(|it| label(f, &it)),
            IcmpObject::Interface(it) => interface(f, it),
            IcmpObject::InterfaceName(name) => write!(f, ", name {}", name.escape_ascii()),
            IcmpObject::InterfaceIndex(index) => write!(f, ", index {index}"),
            IcmpObject::InterfaceAddress(address) => write!(f, ", address {address}"),
            IcmpObject::Unknown { kind, data, .. } => {
                write!(f, ", type {kind}")?;
                unknown(f, data)
            }
        }
    }
}

fn label(f: &mut fmt::Formatter<'_>, it: &MplsLabel) -> fmt::Result {
    let (label, class, ttl) = (it.label, it.traffic_class, it.ttl);
    let bottom = if it.bottom { ", bottom" } else { "" };
    write!(
        f,
        ", label {label}, traffic class {class}{bottom}, ttl {ttl}"
    )
}

fn interface(f: &mut fmt::Formatter<'_>, it: &InterfaceInformation<'_>) -> fmt::Result {
    write!(f, ", {:?}", it.role)?;
    if let Some(index) = it.index {
        write!(f, ", index {index}")?;
    }
    if let Some(address) = it.address {
        write!(f, ", address {address}")?;
    }
    if let Some(name) = it.name {
        write!(f, ", name {}", name.escape_ascii())?;
    }
    it.mtu.map_or(Ok(()), |mtu| write!(f, ", mtu {mtu}"))
}
