//! The headers of IPv4 and IPv6.

use core::net::IpAddr;

use super::argument::{self, Arguments, flags, v4, v6};
use super::build::{Addresses, Carried, Layer, canonical, refused};
use super::error::Problem;
use super::syntax::Call;
use super::{Defaults, extension, options};
use crate::{Dscp, Ecn, Ipv4Builder, Ipv4Options, Ipv6Builder, Protocol};

const IP: &str = "ip";
const IP6: &str = "ip6";

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: IP,
        fields: &[
            "src", "dst", "ttl", "tos", "dscp", "ecn", "id", "flags", "frag", "proto", "len",
            "ihl", "chksum", "version", "options",
        ],
        build: build_v4,
    },
    Layer {
        name: IP6,
        fields: &[
            "src", "dst", "hlim", "tc", "dscp", "ecn", "fl", "plen", "nh", "version",
        ],
        build: build_v6,
    },
];

const FLAGS: &[(&str, u64)] = &[("MF", 1), ("DF", 2), ("evil", 4)];

/// Goes into a layer: changes the addresses that the layers in it see.
pub(super) fn enter(call: &Call, defaults: &Defaults, at: &mut Addresses) -> Result<(), Problem> {
    let Some(layer) = LAYERS
        .iter()
        .find(|layer| layer.name == canonical(&call.name))
    else {
        return extension::enter(call, at);
    };
    let arguments = Arguments::new(call, layer.fields)?;
    *at = if layer.name == IP {
        Addresses {
            source: arguments
                .read("src", v4)?
                .unwrap_or(defaults.source_v4)
                .into(),
            destination: arguments
                .read("dst", v4)?
                .unwrap_or(defaults.destination_v4)
                .into(),
        }
    } else {
        Addresses {
            source: arguments
                .read("src", v6)?
                .unwrap_or(defaults.source_v6)
                .into(),
            destination: arguments
                .read("dst", v6)?
                .unwrap_or(defaults.destination_v6)
                .into(),
        }
    };
    Ok(())
}

/// Goes on into what an IP header carries: checksums there cover the end of a source route.
pub(super) fn enter_payload(call: &Call, at: &mut Addresses) {
    let IpAddr::V4(destination) = at.destination else {
        return;
    };
    let layer = LAYERS.iter().find(|layer| layer.name == IP);
    let Some(layer) = layer.filter(|_| canonical(&call.name) == IP) else {
        return;
    };
    // What is wrong with the options is said where they are written.
    let options =
        Arguments::new(call, layer.fields).and_then(|it| options::ipv4(it.list("options")));
    if let Ok(options) = options {
        at.destination = Ipv4Options::new(&options)
            .final_destination(destination)
            .into();
    }
}

/// Says whether a call is the header of an IP packet.
pub(super) fn is_header(call: &Call) -> bool {
    LAYERS
        .iter()
        .any(|layer| layer.name == canonical(&call.name))
}

/// Returns an address of an IP header.
pub(super) fn address(call: &Call, field: &str) -> Option<IpAddr> {
    let layer = LAYERS
        .iter()
        .find(|layer| layer.name == canonical(&call.name))?;
    let value = Arguments::new(call, layer.fields).ok()?.value(field)?;
    if layer.name == IP {
        v4(value).ok().map(IpAddr::V4)
    } else {
        v6(value).ok().map(IpAddr::V6)
    }
}

fn build_v4(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (at.source, at.destination) else {
        return Ok(());
    };
    let options = options::ipv4(it.list("options"))?;
    let mut ip = traffic_class_v4(crate::v4(source, destination), &it)?.options(&options);
    if let Some(ttl) = it.u8("ttl")? {
        ip = ip.ttl(ttl);
    }
    if let Some(id) = it.u16("id")? {
        ip = ip.identification(id);
    }
    let offset = it.read("frag", |value| argument::number(value, 0x1fff))?;
    if let Some([low, high, ..]) = offset.map(u64::to_le_bytes) {
        ip = ip.fragment_offset(u16::from_le_bytes([low, high]) * 8);
    }
    // A fragment may be fragmented, as nothing else says otherwise.
    ip = ip.dont_fragment(offset.is_none_or(|offset| offset == 0));
    if let Some(bits) = it.read("flags", |value| flags(value, FLAGS))? {
        ip = ip
            .more_fragments(bits & 1 != 0)
            .dont_fragment(bits & 2 != 0)
            .reserved_flag(bits & 4 != 0);
    }
    if let Some(len) = it.u16("len")? {
        ip = ip.total_len(len);
    }
    if let Some(words) = it.bits("ihl", 15)? {
        ip = ip.header_len(words * 4);
    }
    if let Some(sum) = it.u16("chksum")? {
        ip = ip.checksum(sum);
    }
    if let Some(version) = it.bits("version", 15)? {
        ip = ip.version(version);
    }
    let protocol = protocol(&it, "proto")?.unwrap_or_else(|| carried.protocol());
    let packet = ip.bare(protocol).payload(&carried.bytes).try_build();
    carried.wrap(packet.map_err(refused(&it))?, Protocol::IPV4);
    Ok(())
}

fn traffic_class_v4<'a>(
    mut ip: Ipv4Builder<'a>,
    it: &Arguments<'_>,
) -> Result<Ipv4Builder<'a>, Problem> {
    let (dscp, ecn) = traffic_class(it, "tos")?;
    if let Some(dscp) = dscp {
        ip = ip.dscp(dscp);
    }
    if let Some(ecn) = ecn {
        ip = ip.ecn(ecn);
    }
    Ok(ip)
}

fn build_v6(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (at.source, at.destination) else {
        return Ok(());
    };
    let mut ip: Ipv6Builder<'_> = crate::v6(source, destination);
    let (dscp, ecn) = traffic_class(&it, "tc")?;
    if let Some(dscp) = dscp {
        ip = ip.dscp(dscp);
    }
    if let Some(ecn) = ecn {
        ip = ip.ecn(ecn);
    }
    if let Some(hops) = it.u8("hlim")? {
        ip = ip.hop_limit(hops);
    }
    let label = it.read("fl", |value| argument::number(value, 0xf_ffff))?;
    if let Some([a, b, c, ..]) = label.map(u64::to_le_bytes) {
        ip = ip.flow_label(u32::from_le_bytes([a, b, c, 0]));
    }
    if let Some(len) = it.u16("plen")? {
        ip = ip.payload_len(len);
    }
    if let Some(version) = it.bits("version", 15)? {
        ip = ip.version(version);
    }
    let protocol = protocol(&it, "nh")?.unwrap_or_else(|| match carried.bytes.is_empty() {
        true => Protocol::NO_NEXT_HEADER,
        false => carried.protocol(),
    });
    let packet = ip.bare(protocol).payload(&carried.bytes).try_build();
    carried.wrap(packet.map_err(refused(&it))?, Protocol::IPV6);
    Ok(())
}

/// Reads a field with the number or the name of a protocol.
pub(super) fn protocol(it: &Arguments<'_>, field: &str) -> Result<Option<Protocol>, Problem> {
    it.read(field, argument::named)
}

/// Reads the octet as a whole, and its parts.
fn traffic_class(it: &Arguments<'_>, whole: &str) -> Result<(Option<Dscp>, Option<Ecn>), Problem> {
    let octet = it.u8(whole)?;
    let dscp = it.read("dscp", |value| match argument::named::<Dscp>(value)? {
        dscp if dscp.number() < 64 => Ok(dscp),
        dscp => argument::number(value, 63).map(|_| dscp),
    })?;
    let ecn = it.read("ecn", argument::ecn)?;
    Ok((
        dscp.or_else(|| octet.map(|octet| Dscp::new(octet >> 2))),
        ecn.or_else(|| octet.map(Ecn::from_traffic_class)),
    ))
}
