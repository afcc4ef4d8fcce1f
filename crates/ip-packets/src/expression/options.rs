//! The options of IPv4, IPv6, TCP and neighbour discovery.

use alloc::vec::Vec;

use super::argument::{self, Arguments, bytes, mac, number, v4, v6};
use super::error::{ExpressionProblem, Problem};
use super::syntax::{Call, Value, ValueKind};

/// One option: its name, its fields, and how it is written.
struct Shape {
    name: &'static str,
    fields: &'static [&'static str],
    write: Write,
}

type Write = fn(&Arguments<'_>, &mut Vec<u8>) -> Result<(), Problem>;

const fn shape(name: &'static str, fields: &'static [&'static str], write: Write) -> Shape {
    Shape {
        name,
        fields,
        write,
    }
}

/// The fields of an option by its number.
const RAW: &[&str] = &["kind", "data", "len"];
const ROUTE: &[&str] = &["addresses", "pointer"];

const IPV4: &[Shape] = &[
    shape("eol", &[], |_, out| plain(out, 0)),
    shape("nop", &[], |_, out| plain(out, 1)),
    shape("rr", ROUTE, |it, out| write_route(it, out, 7)),
    shape("lsrr", ROUTE, |it, out| write_route(it, out, 131)),
    shape("ssrr", ROUTE, |it, out| write_route(it, out, 137)),
    shape(
        "ts",
        &["flag", "words", "pointer", "overflow"],
        write_ipv4_timestamps,
    ),
    shape("ra", &["value"], |it, out| {
        let value = it.u16("value")?.unwrap_or(0);
        counted(out, 148, &value.to_be_bytes(), it)
    }),
    shape("sec", &["data"], |it, out| {
        counted(out, 130, &it.bytes("data")?, it)
    }),
    shape("opt", RAW, write_raw),
];

const IPV4_NAMES: &[&str] = &[
    "eol", "nop", "rr", "lsrr", "ssrr", "ts", "ra", "sec", "opt", "hex",
];

const IPV6: &[Shape] = &[
    shape("pad1", &[], |_, out| plain(out, 0)),
    shape("padn", &["len"], |it, out| {
        let len = usize::from(it.u8("len")?.unwrap_or(2)).saturating_sub(2);
        tagged(out, 1, &alloc::vec![0; len], it)
    }),
    shape("ra", &["value"], |it, out| {
        tagged(out, 5, &it.u16("value")?.unwrap_or(0).to_be_bytes(), it)
    }),
    shape("jumbo", &["len"], |it, out| {
        let len = it.needed("len").and_then(argument::u32)?;
        tagged(out, 0xc2, &len.to_be_bytes(), it)
    }),
    shape("home", &["address"], |it, out| {
        let address = it.needed("address").and_then(v6)?;
        tagged(out, 0xc9, &address.octets(), it)
    }),
    shape("opt", RAW, |it, out| {
        let kind = it.needed("kind").and_then(argument::u8)?;
        tagged(out, kind, &it.bytes("data")?, it)
    }),
];

const IPV6_NAMES: &[&str] = &["pad1", "padn", "ra", "jumbo", "home", "opt", "hex"];

const TCP: &[Shape] = &[
    shape("eol", &[], |_, out| plain(out, 0)),
    shape("nop", &[], |_, out| plain(out, 1)),
    shape("mss", &["mss"], |it, out| {
        let mss = it.needed("mss").and_then(argument::u16)?;
        counted(out, 2, &mss.to_be_bytes(), it)
    }),
    shape("wscale", &["shift"], |it, out| {
        counted(out, 3, &[it.needed("shift").and_then(argument::u8)?], it)
    }),
    shape("sackok", &[], |it, out| counted(out, 4, &[], it)),
    shape("sack", &["edges"], |it, out| {
        let edges: Result<Vec<u32>, Problem> = it.list("edges").iter().map(argument::u32).collect();
        let edges: Vec<u8> = edges?.iter().flat_map(|edge| edge.to_be_bytes()).collect();
        counted(out, 5, &edges, it)
    }),
    shape("ts", &["value", "echo"], |it, out| {
        let value = it.u32("value")?.unwrap_or(0).to_be_bytes();
        let echo = it.u32("echo")?.unwrap_or(0).to_be_bytes();
        counted(out, 8, &[value, echo].concat(), it)
    }),
    shape("md5", &["digest"], |it, out| {
        counted(out, 19, &it.bytes("digest")?, it)
    }),
    shape("ao", &["keyid", "rnextkeyid", "mac"], |it, out| {
        let mut data = alloc::vec![
            it.u8("keyid")?.unwrap_or(0),
            it.u8("rnextkeyid")?.unwrap_or(0),
        ];
        data.extend(it.bytes("mac")?);
        counted(out, 29, &data, it)
    }),
    // The granularity is in the high bit: minutes if set, else seconds. RFC 5482 §3.
    shape("uto", &["timeout", "granularity"], |it, out| {
        let timeout = it
            .needed("timeout")
            .and_then(|value| number(value, 0x7fff))?;
        let bit = u64::from(it.bits("granularity", 1)?.unwrap_or(0)) << 15;
        counted(out, 28, &(timeout | bit).to_be_bytes()[6..], it)
    }),
    shape("tfo", &["cookie"], |it, out| {
        counted(out, 34, &it.bytes("cookie")?, it)
    }),
    shape("mptcp", &["subtype", "data"], write_mptcp),
    shape("accecn0", ACCECN, |it, out| write_counters(it, out, 172)),
    shape("accecn1", ACCECN, |it, out| write_counters(it, out, 174)),
    shape("exp", &["kind", "exid", "data"], |it, out| {
        let kind = it.u8("kind")?.unwrap_or(254);
        let mut data = Vec::new();
        if let Some(identifier) = it.u16("exid")? {
            data.extend(identifier.to_be_bytes());
        }
        data.extend(it.bytes("data")?);
        counted(out, kind, &data, it)
    }),
    shape("opt", RAW, write_raw),
];

const TCP_NAMES: &[&str] = &[
    "eol", "nop", "mss", "wscale", "sackok", "sack", "ts", "md5", "ao", "uto", "tfo", "mptcp",
    "accecn0", "accecn1", "exp", "opt", "hex",
];

const ACCECN: &[&str] = &["first", "second", "third"];

const NDP: &[Shape] = &[
    shape("slla", &["address"], |it, out| {
        in_words(out, 1, it.needed("address").and_then(mac)?, it)
    }),
    shape("tlla", &["address"], |it, out| {
        in_words(out, 2, it.needed("address").and_then(mac)?, it)
    }),
    shape(
        "prefix",
        &["prefix", "length", "valid", "preferred", "flags"],
        write_prefix,
    ),
    shape("quoted", &["data"], |it, out| {
        in_words(out, 4, [alloc::vec![0; 6], it.bytes("data")?].concat(), it)
    }),
    shape("mtu", &["mtu"], |it, out| {
        let mtu = it.needed("mtu").and_then(argument::u32)?;
        in_words(out, 5, [&[0; 2][..], &mtu.to_be_bytes()].concat(), it)
    }),
    shape("nonce", &["data"], |it, out| {
        in_words(out, 14, it.bytes("data")?, it)
    }),
    shape(
        "route",
        &["prefix", "length", "lifetime", "preference"],
        |it, out| {
            let prefix = it.needed("prefix").and_then(v6)?;
            let length = it.bits("length", 128)?.unwrap_or(64);
            let preference = it.bits("preference", 3)?.unwrap_or(0);
            let mut data = alloc::vec![length, preference << 3];
            data.extend(it.u32("lifetime")?.unwrap_or(0).to_be_bytes());
            data.extend(&prefix.octets()[..usize::from(length.div_ceil(64)) * 8]);
            in_words(out, 24, data, it)
        },
    ),
    shape("rdnss", &["lifetime", "addresses"], |it, out| {
        let servers = it.v6s("addresses")?;
        let servers = servers
            .iter()
            .flat_map(|address| address.octets())
            .collect();
        write_dns(it, out, 25, servers)
    }),
    shape("dnssl", &["lifetime", "data"], |it, out| {
        write_dns(it, out, 31, it.bytes("data")?)
    }),
    shape("opt", RAW, |it, out| {
        let kind = it.needed("kind").and_then(argument::u8)?;
        in_words(out, kind, it.bytes("data")?, it)
    }),
];

const NDP_NAMES: &[&str] = &[
    "slla", "tlla", "prefix", "quoted", "mtu", "nonce", "route", "rdnss", "dnssl", "opt", "hex",
];

/// Writes the options of IPv4.
pub(super) fn ipv4(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, IPV4, IPV4_NAMES)
}

/// Writes the options of TCP.
pub(super) fn tcp(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, TCP, TCP_NAMES)
}

/// Writes the options of neighbour discovery.
pub(super) fn ndp(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, NDP, NDP_NAMES)
}

/// Writes the options of an extension header and padding up to 8 bytes, two of which stand before.
///
/// Source: RFC 8200 §4.2.
pub(super) fn ipv6(values: &[Value]) -> Result<Vec<u8>, Problem> {
    let mut out = write_all(values, IPV6, IPV6_NAMES)?;
    let missing = (out.len() + 2).next_multiple_of(8) - 2 - out.len();
    match u8::try_from(missing) {
        Ok(0) => {}
        Ok(1) => out.push(0),
        Ok(len) => {
            out.extend([1, len - 2]);
            out.resize(out.len() + missing - 2, 0);
        }
        Err(_) => {}
    }
    Ok(out)
}

fn write_all(
    values: &[Value],
    shapes: &[Shape],
    names: &'static [&'static str],
) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    for value in values {
        write_one(value, shapes, names, &mut out)?;
        argument::check_len(out.len(), value.at)?;
    }
    Ok(out)
}

fn write_one(
    value: &Value,
    shapes: &[Shape],
    names: &'static [&'static str],
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let bare;
    let call = match &value.kind {
        ValueKind::Call(call) => call,
        // A name alone is an option without fields.
        ValueKind::Word(name) => {
            bare = Call {
                name: name.to_ascii_lowercase(),
                at: value.at,
                arguments: Vec::new(),
            };
            &bare
        }
        _ => {
            out.extend(bytes(value)?);
            return Ok(());
        }
    };
    if argument::is_payload(&call.name) {
        out.extend(argument::payload(call)?);
        return Ok(());
    }
    let Some(shape) = shapes.iter().find(|shape| shape.name == call.name) else {
        let problem = ExpressionProblem::UnknownName { known: names };
        return Err(Problem::new(value.at, problem));
    };
    (shape.write)(&Arguments::new(call, shape.fields)?, out)
}

/// An option that is one byte.
#[expect(
    clippy::unnecessary_wraps,
    reason = "it stands where options are written that can fail"
)]
fn plain(out: &mut Vec<u8>, kind: u8) -> Result<(), Problem> {
    out.push(kind);
    Ok(())
}

/// An option whose length counts kind and length too.
fn counted(out: &mut Vec<u8>, kind: u8, data: &[u8], it: &Arguments<'_>) -> Result<(), Problem> {
    let len = u8::try_from(data.len() + 2).map_err(|_| too_long(it, 253))?;
    out.extend([kind, len]);
    out.extend(data);
    Ok(())
}

/// An option whose length counts its data alone.
fn tagged(out: &mut Vec<u8>, kind: u8, data: &[u8], it: &Arguments<'_>) -> Result<(), Problem> {
    let len = u8::try_from(data.len()).map_err(|_| too_long(it, 255))?;
    out.extend([kind, len]);
    out.extend(data);
    Ok(())
}

/// An option whose length counts words of 8 bytes, which zeros fill up. RFC 4861 §4.6.
fn in_words(
    out: &mut Vec<u8>,
    kind: u8,
    mut data: Vec<u8>,
    it: &Arguments<'_>,
) -> Result<(), Problem> {
    let len = (data.len() + 2).next_multiple_of(8);
    data.resize(len - 2, 0);
    out.extend([kind, u8::try_from(len / 8).map_err(|_| too_long(it, 2038))?]);
    out.extend(data);
    Ok(())
}

fn too_long(it: &Arguments<'_>, most: usize) -> Problem {
    Problem::new(it.at(), ExpressionProblem::TooLong { most })
}

/// An option by its number, with any length.
fn write_raw(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let kind = it.needed("kind").and_then(argument::u8)?;
    let start = out.len();
    counted(out, kind, &it.bytes("data")?, it)?;
    if let (Some(len), Some(field)) = (it.u8("len")?, out.get_mut(start + 1)) {
        *field = len;
    }
    Ok(())
}

/// Addresses behind a pointer: as many empty ones as a number says, or those in a list.
fn write_route(it: &Arguments<'_>, out: &mut Vec<u8>, kind: u8) -> Result<(), Problem> {
    let mut data = alloc::vec![it.u8("pointer")?.unwrap_or(4)];
    let slots = match it.value("addresses") {
        Some(value) if matches!(value.kind, ValueKind::Word(_)) => number(value, 9).ok(),
        _ => None,
    };
    match slots {
        Some(slots) => data.resize(1 + usize::from(slots.to_le_bytes()[0]) * 4, 0),
        None => {
            for value in it.list("addresses") {
                data.extend(v4(value)?.octets());
            }
        }
    }
    counted(out, kind, &data, it)
}

/// RFC 791 §3.1: each word is an address or a time.
fn write_ipv4_timestamps(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let flag = it.bits("flag", 15)?.unwrap_or(0);
    let overflow = it.bits("overflow", 15)?.unwrap_or(0);
    let mut data = alloc::vec![it.u8("pointer")?.unwrap_or(5), overflow << 4 | flag];
    for value in it.list("words") {
        match v4(value) {
            Ok(address) => data.extend(address.octets()),
            Err(_) => data.extend(argument::u32(value)?.to_be_bytes()),
        }
    }
    counted(out, 68, &data, it)
}

/// RFC 8684 §3: the subtype is in the high half of the first byte of data.
fn write_mptcp(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let subtype = it.needed("subtype").and_then(|value| number(value, 15))?;
    let mut data = it.bytes("data")?;
    match data.first_mut() {
        Some(first) => *first = subtype.to_le_bytes()[0] << 4 | *first & 0x0f,
        None => data.push(subtype.to_le_bytes()[0] << 4),
    }
    counted(out, 30, &data, it)
}

/// RFC 9768 §3.2.3: up to three counters of 24 bits.
fn write_counters(it: &Arguments<'_>, out: &mut Vec<u8>, kind: u8) -> Result<(), Problem> {
    let mut data = Vec::new();
    for field in ACCECN {
        if let Some(count) = it.read(field, |value| number(value, 0xff_ffff))? {
            data.extend(&count.to_be_bytes()[5..]);
        }
    }
    counted(out, kind, &data, it)
}

/// RFC 4861 §4.6.2.
fn write_prefix(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    const FLAGS: &[(&str, u64)] = &[("L", 0x80), ("A", 0x40), ("R", 0x20)];
    let flags = it
        .read("flags", |value| argument::flags(value, FLAGS))?
        .unwrap_or(0xc0);
    let mut data = alloc::vec![
        it.bits("length", 128)?.unwrap_or(64),
        flags.to_le_bytes()[0],
    ];
    data.extend(it.u32("valid")?.unwrap_or(u32::MAX).to_be_bytes());
    data.extend(it.u32("preferred")?.unwrap_or(u32::MAX).to_be_bytes());
    data.extend([0; 4]);
    data.extend(it.needed("prefix").and_then(v6)?.octets());
    in_words(out, 3, data, it)
}

/// RFC 8106 §5: a lifetime in seconds, then servers or names.
fn write_dns(
    it: &Arguments<'_>,
    out: &mut Vec<u8>,
    kind: u8,
    content: Vec<u8>,
) -> Result<(), Problem> {
    let mut data = alloc::vec![0; 2];
    data.extend(it.u32("lifetime")?.unwrap_or(0).to_be_bytes());
    data.extend(content);
    in_words(out, kind, data, it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_list_every_option() {
        let tables = [
            (IPV4, IPV4_NAMES),
            (IPV6, IPV6_NAMES),
            (TCP, TCP_NAMES),
            (NDP, NDP_NAMES),
        ];
        for (shapes, names) in tables {
            let all = shapes.iter().map(|shape| shape.name).chain(["hex"]);
            assert!(all.eq(names.iter().copied()), "{names:?}");
        }
    }
}
