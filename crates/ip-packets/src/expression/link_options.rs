//! The options of neighbour discovery.

use alloc::vec::Vec;

use super::argument::{self, Arguments, mac, named, v6};
use super::build::refused;
use super::error::Problem;
use super::options::{RAW, Shape, override_len, shape, too_long};
use super::syntax::{Value, ValueKind};
use crate::sequence::Element;
use crate::{
    BuildError, DomainName, NdpOption, NdpOptionKind, Pref64, PrefixFlags, PrefixInformation,
    RouteInformation, RouterPreference, Sequence,
};

/// One for each option.
pub(super) const SHAPES: &[Shape] = &[
    shape("slla", &["address"], |it, out| {
        let address = it.needed("address").and_then(mac)?;
        put_ndp(it, out, &NdpOption::SourceLinkLayer(&address))
    }),
    shape("tlla", &["address"], |it, out| {
        let address = it.needed("address").and_then(mac)?;
        put_ndp(it, out, &NdpOption::TargetLinkLayer(&address))
    }),
    shape(
        "prefix",
        &["prefix", "length", "valid", "preferred", "flags"],
        write_prefix,
    ),
    shape("quoted", &["data"], |it, out| {
        put_ndp(it, out, &NdpOption::RedirectedHeader(&it.bytes("data")?))
    }),
    shape("mtu", &["mtu"], |it, out| {
        let mtu = it.needed("mtu").and_then(argument::u32)?;
        put_ndp(it, out, &NdpOption::Mtu(mtu))
    }),
    shape("nonce", &["data"], |it, out| {
        put_ndp(it, out, &NdpOption::Nonce(&it.bytes("data")?))
    }),
    shape(
        "route",
        &["prefix", "length", "lifetime", "preference"],
        write_route_information,
    ),
    shape("rdnss", &["lifetime", "addresses"], |it, out| {
        let servers = it.v6s("addresses")?;
        let option = NdpOption::RecursiveDns {
            lifetime: it.u32("lifetime")?.unwrap_or(0),
            servers: Sequence::new(&servers),
        };
        put_ndp(it, out, &option)
    }),
    shape("dnssl", &["lifetime", "domains"], write_search_list),
    shape("captive", &["uri"], |it, out| {
        put_ndp(it, out, &NdpOption::CaptivePortal(&it.bytes("uri")?))
    }),
    shape("pref64", &["prefix", "lifetime", "plc"], |it, out| {
        let prefix = Pref64 {
            prefix: it.needed("prefix").and_then(v6)?,
            lifetime: it.u16("lifetime")?.unwrap_or(0),
            prefix_len_code: it.bits("plc", 7)?.unwrap_or(0),
        };
        put_ndp(it, out, &NdpOption::Pref64(prefix))
    }),
    shape("opt", RAW, |it, out| {
        let kind: NdpOptionKind = it.needed("kind").and_then(named)?;
        let (start, data) = (out.len(), it.bytes("data")?);
        put_ndp(it, out, &NdpOption::Unknown { kind, data: &data })?;
        override_len(it, &mut out[start..])
    }),
];

/// Adds an option of neighbor discovery.
fn put_ndp(it: &Arguments<'_>, out: &mut Vec<u8>, option: &NdpOption<'_>) -> Result<(), Problem> {
    option.check().map_err(|error| match error {
        BuildError::TooLong { max: 2040, .. } => too_long(it, 2038),
        other => refused(it)(other),
    })?;
    let start = out.len();
    out.resize(start + option.encoded_len(), 0);
    option.write(&mut out[start..]);
    Ok(())
}

/// RFC 4861 §4.6.2.
fn write_prefix(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    const FLAGS: &[(&str, u64)] = &[("L", 0x80), ("A", 0x40), ("R", 0x20), ("P", 0x10)];
    let flags = it
        .read("flags", |value| argument::flags(value, FLAGS))?
        .unwrap_or(0xc0);
    let prefix = PrefixInformation {
        prefix_len: it.bits("length", 128)?.unwrap_or(64),
        flags: PrefixFlags::from_bits(flags.to_le_bytes()[0]),
        valid_lifetime: it.u32("valid")?.unwrap_or(u32::MAX),
        preferred_lifetime: it.u32("preferred")?.unwrap_or(u32::MAX),
        prefix: it.needed("prefix").and_then(v6)?,
    };
    put_ndp(it, out, &NdpOption::Prefix(prefix))
}

/// RFC 4191 §2.3.
fn write_route_information(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let prefix_len = it.bits("length", 128)?.unwrap_or(64);
    let route = RouteInformation {
        prefix_len,
        preference: RouterPreference::from_bits(it.bits("preference", 3)?.unwrap_or(0)),
        lifetime: it.u32("lifetime")?.unwrap_or(0),
        prefix: it.needed("prefix").and_then(v6)?,
        prefix_octets: RouteInformation::octets_for(prefix_len),
    };
    put_ndp(it, out, &NdpOption::Route(route))
}

/// RFC 8106 §5.2: names in a list, or bytes as they are on the wire.
fn write_search_list(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let lifetime = it.u32("lifetime")?.unwrap_or(0);
    let Some(Value {
        kind: ValueKind::List(values),
        ..
    }) = it.value("domains")
    else {
        let data = [&[0; 2][..], &lifetime.to_be_bytes(), &it.bytes("domains")?].concat();
        let kind = NdpOptionKind::DNS_SEARCH_LIST;
        return put_ndp(it, out, &NdpOption::Unknown { kind, data: &data });
    };
    let names: Result<Vec<DomainName<'_>>, Problem> = values.iter().map(domain).collect();
    let names = names?;
    let option = NdpOption::DnsSearchList {
        lifetime,
        domains: Sequence::new(&names),
    };
    put_ndp(it, out, &option)
}

fn domain(value: &Value) -> Result<DomainName<'_>, Problem> {
    match &value.kind {
        ValueKind::Text(bytes) => core::str::from_utf8(bytes).ok(),
        ValueKind::Word(word) => Some(word.as_str()),
        _ => None,
    }
    .map(DomainName::new)
    .ok_or_else(|| Problem::expected(value.at, "a domain, such as example.org"))
}
