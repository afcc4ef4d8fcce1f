//! The extension headers of IPv6, and the security headers of both versions.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use super::argument::{self, Arguments, named, number};
use super::build::{Addresses, Carried, Layer, refused, without_ip};
use super::error::Problem;
use super::ip::protocol;
use super::options;
use super::syntax::Call;
use crate::{
    AuthenticationHeader, Ipv6Extension, Ipv6Fragment, Ipv6Options, Ipv6RoutingKind, Protocol,
    RoutingHeader, RplRoute,
};

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "hbh",
        fields: OPTION_FIELDS,
        build: |it, _, carried| build_options(&it, carried, Protocol::HOP_BY_HOP_OPTIONS),
    },
    Layer {
        name: "dstopts",
        fields: OPTION_FIELDS,
        build: |it, _, carried| build_options(&it, carried, Protocol::DESTINATION_OPTIONS),
    },
    Layer {
        name: "routing",
        fields: ROUTING_FIELDS,
        build: build_routing,
    },
    Layer {
        name: "srh",
        fields: SRH_FIELDS,
        build: build_srh,
    },
    Layer {
        name: "frag",
        fields: &["offset", "m", "id", "nh", "reserved"],
        build: build_fragment,
    },
    Layer {
        name: "ah",
        fields: &["spi", "seq", "icv", "nh", "len"],
        build: build_ah,
    },
    Layer {
        name: "esp",
        fields: &["spi", "seq"],
        build: build_esp,
    },
];

const OPTION_FIELDS: &[&str] = &["options", "nh", "len"];
const ROUTING_FIELDS: &[&str] = &["type", "segleft", "addresses", "data", "nh", "len"];
const SRH_FIELDS: &[&str] = &[
    "addresses",
    "segleft",
    "lastentry",
    "flags",
    "tag",
    "tlvs",
    "nh",
    "len",
];

/// Goes into a header: one that routes has another last destination, and one with a home address
/// another source, which checksums cover.
///
/// Source: RFC 8200 §8.1, RFC 8754 §4, RFC 6275 §11.3.1.
pub(super) fn enter(call: &Call, at: &mut Addresses) -> Result<(), Problem> {
    let IpAddr::V6(destination) = at.destination else {
        return Ok(());
    };
    let route = match call.name.as_str() {
        "routing" => Route::read(&Arguments::new(call, ROUTING_FIELDS)?)?,
        "srh" => Route::read_segments(&Arguments::new(call, SRH_FIELDS)?)?,
        "dstopts" => {
            let options = options::ipv6(Arguments::new(call, OPTION_FIELDS)?.list("options"))?;
            if let Some(home) = Ipv6Options::from_bytes(&options).home_address() {
                at.source = home.into();
            }
            return Ok(());
        }
        _ => return Ok(()),
    };
    if let Some(last) = route.header().final_destination(destination) {
        at.destination = last.into();
    }
    Ok(())
}

fn build_options(
    it: &Arguments<'_>,
    carried: &mut Carried,
    protocol: Protocol,
) -> Result<(), Problem> {
    let options = options::ipv6(it.list("options"))?;
    let options = Ipv6Options::from_bytes(&options);
    let header = match protocol {
        Protocol::HOP_BY_HOP_OPTIONS => Ipv6Extension::HopByHop(options),
        _ => Ipv6Extension::Destination(options),
    };
    finish(it, carried, &header)
}

/// Puts a header before what it carries.
fn finish(
    it: &Arguments<'_>,
    carried: &mut Carried,
    header: &Ipv6Extension<'_>,
) -> Result<(), Problem> {
    let len = it.u8("len")?;
    if len.is_none() {
        header.check().map_err(refused(it))?;
    }
    let mut bytes = written(it, carried, header)?;
    if let (Some(len), Some(field)) = (len, bytes.get_mut(1)) {
        *field = len;
    }
    carried.prepend(&bytes, header.protocol());
    Ok(())
}

fn written(
    it: &Arguments<'_>,
    carried: &Carried,
    header: &Ipv6Extension<'_>,
) -> Result<Vec<u8>, Problem> {
    let next = protocol(it, "nh")?.unwrap_or_else(|| match carried.bytes.is_empty() {
        true => Protocol::NO_NEXT_HEADER,
        false => carried.protocol(),
    });
    let mut bytes = alloc::vec![0; header.encoded_len()];
    header.write(next, &mut bytes);
    Ok(bytes)
}

/// The fields of a routing header.
struct Route {
    kind: Ipv6RoutingKind,
    segments_left: u8,
    addresses: Vec<[u8; 16]>,
    /// What stands before the addresses where the expression says so, and makes the header one of
    /// an unknown kind.
    data: Vec<u8>,
    last_entry: u8,
    flags: u8,
    tag: u16,
    tlvs: Vec<u8>,
}

impl Route {
    fn read(it: &Arguments<'_>) -> Result<Self, Problem> {
        let kind = it
            .read("type", named)?
            .unwrap_or(Ipv6RoutingKind::SOURCE_ROUTE);
        let addresses = octets(it)?;
        let mut data = it.bytes("data")?;
        let left = match kind {
            // The first to be passed is the destination in the IPv6 header.
            Ipv6RoutingKind::SEGMENT_ROUTING => addresses.len().saturating_sub(1),
            _ => addresses.len(),
        };
        let is_typed = match kind {
            Ipv6RoutingKind::SOURCE_ROUTE
            | Ipv6RoutingKind::RPL_SOURCE_ROUTE
            | Ipv6RoutingKind::SEGMENT_ROUTING => data.is_empty(),
            Ipv6RoutingKind::HOME_ADDRESS => data.is_empty() && addresses.len() == 1,
            _ => false,
        };
        if !is_typed {
            if data.is_empty() {
                data.extend([0; 4]);
            }
            data.extend(addresses.as_flattened());
        }
        Ok(Self {
            kind,
            segments_left: it.u8("segleft")?.unwrap_or_else(|| count(left)),
            last_entry: count(addresses.len().saturating_sub(1)),
            addresses,
            data,
            flags: 0,
            tag: 0,
            tlvs: Vec::new(),
        })
    }

    /// The header of segment routing. RFC 8754 §2.
    fn read_segments(it: &Arguments<'_>) -> Result<Self, Problem> {
        let addresses = octets(it)?;
        let last = count(addresses.len().saturating_sub(1));
        Ok(Self {
            kind: Ipv6RoutingKind::SEGMENT_ROUTING,
            segments_left: it.u8("segleft")?.unwrap_or(last),
            addresses,
            data: Vec::new(),
            last_entry: it.u8("lastentry")?.unwrap_or(last),
            flags: it.u8("flags")?.unwrap_or(0),
            tag: it.u16("tag")?.unwrap_or(0),
            tlvs: it.bytes("tlvs")?,
        })
    }

    fn header(&self) -> RoutingHeader<'_> {
        let segments_left = self.segments_left;
        match (self.kind, &self.addresses[..]) {
            (kind, _) if !self.data.is_empty() => RoutingHeader::Unknown {
                kind,
                segments_left,
                data: &self.data,
            },
            (Ipv6RoutingKind::HOME_ADDRESS, [address]) => RoutingHeader::Home {
                segments_left,
                address: (*address).into(),
            },
            (Ipv6RoutingKind::RPL_SOURCE_ROUTE, addresses) => {
                RoutingHeader::Rpl(RplRoute::whole(segments_left, addresses))
            }
            (Ipv6RoutingKind::SEGMENT_ROUTING, segments) => RoutingHeader::Segments {
                segments_left,
                last_entry: self.last_entry,
                flags: self.flags,
                tag: self.tag,
                segments,
                tlvs: &self.tlvs,
            },
            (_, addresses) => RoutingHeader::Source {
                segments_left,
                addresses,
            },
        }
    }
}

fn octets(it: &Arguments<'_>) -> Result<Vec<[u8; 16]>, Problem> {
    let addresses = it.v6s("addresses")?;
    Ok(addresses.iter().map(Ipv6Addr::octets).collect())
}

/// Returns a number of things, or the greatest that the field can say.
fn count(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

fn build_routing(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let route = Route::read(&it)?;
    finish(&it, carried, &Ipv6Extension::Routing(route.header()))
}

fn build_srh(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let route = Route::read_segments(&it)?;
    finish(&it, carried, &Ipv6Extension::Routing(route.header()))
}

fn build_fragment(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let offset = it.read("offset", |value| number(value, 0x1fff))?;
    let [low, high, ..] = offset.unwrap_or(0).to_le_bytes();
    let header = Ipv6Extension::Fragment(Ipv6Fragment {
        offset: usize::from(u16::from_le_bytes([low, high])) * 8,
        more: it.bits("m", 1)? == Some(1),
        identification: it.u32("id")?.unwrap_or(0),
    });
    let mut bytes = written(&it, carried, &header)?;
    if let (Some(reserved), Some(field)) = (it.u8("reserved")?, bytes.get_mut(1)) {
        *field = reserved;
    }
    carried.prepend(&bytes, header.protocol());
    Ok(())
}

/// The authentication header. RFC 4302 §2.
fn build_ah(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let icv = it.read("icv", argument::bytes)?;
    let header = Ipv6Extension::Authentication(AuthenticationHeader {
        spi: it.u32("spi")?.unwrap_or(0),
        sequence: it.u32("seq")?.unwrap_or(0),
        icv: icv.as_deref().unwrap_or(&[0; 12]),
    });
    finish(&it, carried, &header)
}

/// The start of an encrypted packet: the rest is the payload. RFC 4303 §2.
fn build_esp(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let esp = at
        .builder()
        .esp(it.u32("spi")?.unwrap_or(0), it.u32("seq")?.unwrap_or(0))
        .payload(&carried.bytes);
    let packet = without_ip(esp.try_build().map_err(refused(&it))?, at);
    carried.wrap(packet, Protocol::ESP);
    Ok(())
}
