//! The options of IPv4, IPv6, TCP and neighbour discovery.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::argument::{self, Arguments, bytes, named, number, number_from, v4, v6};
use super::error::{ExpressionProblem, Problem};
use super::syntax::{Call, Value, ValueKind};
use super::{link_options, multipath};
use crate::{
    AccEcn, AccEcnOrder, Ipv4Option, Ipv4OptionKind, Ipv4Route, Ipv4Timestamps, Ipv6Option,
    SackBlock, SackBlocks, TcpOption, TcpOptionKind, UserTimeout,
};

/// One option: its name, its fields, and how it is written.
pub(super) struct Shape {
    name: &'static str,
    fields: &'static [&'static str],
    write: Write,
}

type Write = fn(&Arguments<'_>, &mut Vec<u8>) -> Result<(), Problem>;

pub(super) const fn shape(
    name: &'static str,
    fields: &'static [&'static str],
    write: Write,
) -> Shape {
    Shape {
        name,
        fields,
        write,
    }
}

/// The fields of an option by its number.
pub(super) const RAW: &[&str] = &["kind", "data", "len"];
const ROUTE: &[&str] = &["addresses", "pointer"];

const IPV4: &[Shape] = &[
    shape("eol", &[], |it, out| put_ipv4(it, out, &Ipv4Option::End)),
    shape("nop", &[], |it, out| put_ipv4(it, out, &Ipv4Option::Nop)),
    shape("rr", ROUTE, |it, out| {
        put_ipv4(it, out, &Ipv4Option::RecordRoute(route(it)?))
    }),
    shape("lsrr", ROUTE, |it, out| {
        put_ipv4(it, out, &Ipv4Option::LooseSourceRoute(route(it)?))
    }),
    shape("ssrr", ROUTE, |it, out| {
        put_ipv4(it, out, &Ipv4Option::StrictSourceRoute(route(it)?))
    }),
    shape(
        "ts",
        &["flag", "words", "pointer", "overflow"],
        write_ipv4_timestamps,
    ),
    shape("ra", &["value"], |it, out| {
        let value = it.u16("value")?.unwrap_or(0);
        put_ipv4(it, out, &Ipv4Option::RouterAlert(value))
    }),
    shape("sec", &["data"], |it, out| {
        let (kind, data) = (Ipv4OptionKind::SECURITY.number(), it.bytes("data")?);
        put_ipv4(it, out, &Ipv4Option::Unknown { kind, data: &data })
    }),
    shape("opt", RAW, |it, out| {
        let kind: Ipv4OptionKind = it.needed("kind").and_then(named)?;
        let (start, data) = (out.len(), it.bytes("data")?);
        let kind = kind.number();
        put_ipv4(it, out, &Ipv4Option::Unknown { kind, data: &data })?;
        override_len(it, &mut out[start..])
    }),
];

const IPV4_NAMES: &[&str] = &[
    "eol", "nop", "rr", "lsrr", "ssrr", "ts", "ra", "sec", "opt", "hex",
];

const IPV6: &[Shape] = &[
    shape("pad1", &[], |it, out| put_ipv6(it, out, &Ipv6Option::Pad1)),
    shape("padn", &["len"], |it, out| {
        let len = it.read("len", |value| number_from(value, PAD_N))?;
        let zeros = len.unwrap_or(*PAD_N.start()) - *PAD_N.start();
        put_ipv6(it, out, &Ipv6Option::PadN(zeros.to_le_bytes()[0]))
    }),
    shape("ra", &["value"], |it, out| {
        let value = it.u16("value")?.unwrap_or(0);
        put_ipv6(it, out, &Ipv6Option::RouterAlert(value))
    }),
    shape("jumbo", &["len"], |it, out| {
        let len = it.needed("len").and_then(argument::u32)?;
        align(out, 4, 2);
        put_ipv6(it, out, &Ipv6Option::JumboPayload(len))
    }),
    shape("home", &["address"], |it, out| {
        let address = it.needed("address").and_then(v6)?;
        align(out, 8, 6);
        put_ipv6(it, out, &Ipv6Option::HomeAddress(address))
    }),
    shape("opt", RAW, |it, out| {
        let kind = it.needed("kind").and_then(argument::u8)?;
        let (start, data) = (out.len(), it.bytes("data")?);
        put_ipv6(it, out, &Ipv6Option::Unknown { kind, data: &data })?;
        override_len(it, &mut out[start..])
    }),
];

/// The lengths that a `PadN` option can have, in bytes. RFC 8200 §4.2.
const PAD_N: RangeInclusive<u64> = 2..=257;

const IPV6_NAMES: &[&str] = &["pad1", "padn", "ra", "jumbo", "home", "opt", "hex"];

const TCP: &[Shape] = &[
    shape("eol", &[], |it, out| put_tcp(it, out, &TcpOption::End)),
    shape("nop", &[], |it, out| put_tcp(it, out, &TcpOption::Nop)),
    shape("mss", &["mss"], |it, out| {
        let mss = it.needed("mss").and_then(argument::u16)?;
        put_tcp(it, out, &TcpOption::Mss(mss))
    }),
    shape("wscale", &["shift"], |it, out| {
        let shift = it.needed("shift").and_then(argument::u8)?;
        put_tcp(it, out, &TcpOption::WindowScale(shift))
    }),
    shape("sackok", &[], |it, out| {
        put_tcp(it, out, &TcpOption::SackPermitted)
    }),
    shape("sack", &["edges"], write_sack),
    shape("ts", &["value", "echo"], |it, out| {
        let value = it.u32("value")?.unwrap_or(0);
        let echo = it.u32("echo")?.unwrap_or(0);
        put_tcp(it, out, &TcpOption::Timestamps { value, echo })
    }),
    shape("md5", &["digest"], |it, out| {
        put_unknown_tcp(it, out, TcpOptionKind::MD5, &it.bytes("digest")?)
    }),
    shape("ao", &["keyid", "rnextkeyid", "mac"], |it, out| {
        let option = TcpOption::Authentication {
            key_id: it.u8("keyid")?.unwrap_or(0),
            next_key_id: it.u8("rnextkeyid")?.unwrap_or(0),
            mac: &it.bytes("mac")?,
        };
        put_tcp(it, out, &option)
    }),
    // The granularity counts minutes if it is 1, else seconds. RFC 5482 §3.
    shape("uto", &["timeout", "granularity"], |it, out| {
        let timeout = it
            .needed("timeout")
            .and_then(|value| number(value, 0x7fff))?;
        let [low, high, ..] = timeout.to_le_bytes();
        let timeout = u16::from_le_bytes([low, high]);
        let timeout = match it.bits("granularity", 1)? {
            Some(1) => UserTimeout::Minutes(timeout),
            _ => UserTimeout::Seconds(timeout),
        };
        put_tcp(it, out, &TcpOption::UserTimeout(timeout))
    }),
    shape("tfo", &["cookie"], |it, out| {
        put_tcp(it, out, &TcpOption::FastOpen(&it.bytes("cookie")?))
    }),
    shape("mptcp", &["subtype", "data"], write_mptcp),
    shape("accecn0", ACCECN, |it, out| {
        write_counters(it, out, AccEcnOrder::Ect0First)
    }),
    shape("accecn1", ACCECN, |it, out| {
        write_counters(it, out, AccEcnOrder::Ect1First)
    }),
    shape("exp", &["kind", "exid", "data"], |it, out| {
        let kind = it.u8("kind")?.unwrap_or(254);
        let data = &it.bytes("data")?;
        match it.u16("exid")? {
            Some(id) => put_tcp(it, out, &TcpOption::Experiment { kind, id, data }),
            None => put_tcp(it, out, &TcpOption::Unknown { kind, data }),
        }
    }),
    shape("opt", RAW, |it, out| {
        let kind: TcpOptionKind = it.needed("kind").and_then(named)?;
        let (start, data) = (out.len(), it.bytes("data")?);
        let kind = kind.number();
        put_tcp(it, out, &TcpOption::Unknown { kind, data: &data })?;
        override_len(it, &mut out[start..])
    }),
];

const TCP_NAMES: &[&str] = &[
    "eol",
    "nop",
    "mss",
    "wscale",
    "sackok",
    "sack",
    "ts",
    "md5",
    "ao",
    "uto",
    "tfo",
    "mptcp",
    "accecn0",
    "accecn1",
    "exp",
    "opt",
    "mpcapable",
    "mpjoin",
    "dss",
    "addaddr",
    "remaddr",
    "mpprio",
    "mpfail",
    "fastclose",
    "mpreset",
    "hex",
];

const ACCECN: &[&str] = &["first", "second", "third"];

const NDP_NAMES: &[&str] = &[
    "slla", "tlla", "prefix", "quoted", "mtu", "nonce", "route", "rdnss", "dnssl", "captive",
    "pref64", "opt", "hex",
];

/// Writes the options of IPv4.
pub(super) fn ipv4(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, &[IPV4], IPV4_NAMES)
}

/// Writes the options of TCP.
pub(super) fn tcp(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, &[TCP, multipath::SHAPES], TCP_NAMES)
}

/// Writes the options of neighbour discovery.
pub(super) fn ndp(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, &[link_options::SHAPES], NDP_NAMES)
}

/// Writes the options of an extension header, without the padding behind them.
pub(super) fn ipv6(values: &[Value]) -> Result<Vec<u8>, Problem> {
    write_all(values, &[IPV6], IPV6_NAMES)
}

fn write_all(
    values: &[Value],
    shapes: &[&'static [Shape]],
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
    shapes: &[&'static [Shape]],
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
    let Some(shape) = shapes
        .iter()
        .copied()
        .flatten()
        .find(|shape| shape.name == call.name)
    else {
        let problem = ExpressionProblem::UnknownName { known: names };
        return Err(Problem::new(value.at, problem));
    };
    (shape.write)(&Arguments::new(call, shape.fields)?, out)
}

/// Adds an option of IPv4.
fn put_ipv4(it: &Arguments<'_>, out: &mut Vec<u8>, option: &Ipv4Option<'_>) -> Result<(), Problem> {
    put(it, out, option.encoded_len(), |room| option.write(room))
}

/// Adds an option of TCP.
pub(super) fn put_tcp(
    it: &Arguments<'_>,
    out: &mut Vec<u8>,
    option: &TcpOption<'_>,
) -> Result<(), Problem> {
    put(it, out, option.encoded_len(), |room| option.write(room))
}

fn put_unknown_tcp(
    it: &Arguments<'_>,
    out: &mut Vec<u8>,
    kind: TcpOptionKind,
    data: &[u8],
) -> Result<(), Problem> {
    let kind = kind.number();
    put_tcp(it, out, &TcpOption::Unknown { kind, data })
}

fn put(
    it: &Arguments<'_>,
    out: &mut Vec<u8>,
    len: usize,
    write: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Result<(), Problem> {
    let start = out.len();
    out.resize(start + len, 0);
    match write(&mut out[start..]) {
        Some(_) => Ok(()),
        None => Err(too_long(it, 253)),
    }
}

/// Adds padding up to `offset` bytes behind a multiple of `unit` bytes in the header, where an
/// option must stand. RFC 8200 §4.2, RFC 2675 §2, RFC 6275 §6.3.
fn align(out: &mut Vec<u8>, unit: usize, offset: usize) {
    // Next header and length stand before the options.
    let at = (2 + out.len()) % unit;
    match (unit + offset - at) % unit {
        0 => {}
        1 => Ipv6Option::Pad1.emit(&mut |bytes| out.extend_from_slice(bytes)),
        len => {
            let [zeros, ..] = (len - 2).to_le_bytes();
            Ipv6Option::PadN(zeros).emit(&mut |bytes| out.extend_from_slice(bytes));
        }
    }
}

/// Adds an option of an extension header.
fn put_ipv6(it: &Arguments<'_>, out: &mut Vec<u8>, option: &Ipv6Option<'_>) -> Result<(), Problem> {
    option.check().map_err(|_| too_long(it, 255))?;
    option.emit(&mut |bytes| out.extend_from_slice(bytes));
    Ok(())
}

pub(super) fn too_long(it: &Arguments<'_>, most: usize) -> Problem {
    Problem::new(it.at(), ExpressionProblem::TooLong { most })
}

/// Overrides the length field of an option, where the expression does.
pub(super) fn override_len(it: &Arguments<'_>, option: &mut [u8]) -> Result<(), Problem> {
    if let (Some(len), Some(field)) = (it.u8("len")?, option.get_mut(1)) {
        *field = len;
    }
    Ok(())
}

/// Reads addresses behind a pointer: as many empty ones as a number says, or those in a list.
fn route(it: &Arguments<'_>) -> Result<Ipv4Route, Problem> {
    let slots = match it.value("addresses") {
        Some(value) if matches!(value.kind, ValueKind::Word(_)) => number(value, 9).ok(),
        _ => None,
    };
    let route = match slots {
        Some(slots) => Some(Ipv4Route::empty(usize::from(slots.to_le_bytes()[0]))),
        None => Ipv4Route::new(&it.v4s("addresses")?),
    };
    let route =
        route.ok_or_else(|| Problem::expected(it.place("addresses"), "at most 9 addresses"))?;
    Ok(match it.u8("pointer")? {
        Some(pointer) => route.with_pointer(pointer),
        None => route,
    })
}

/// RFC 791 §3.1: each word is an address or a time.
fn write_ipv4_timestamps(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let words: Result<Vec<u32>, Problem> = it
        .list("words")
        .iter()
        .map(|value| match v4(value) {
            Ok(address) => Ok(address.to_bits()),
            Err(_) => argument::u32(value),
        })
        .collect();
    let (flag, pointer) = (it.bits("flag", 15)?.unwrap_or(0), it.u8("pointer")?);
    let overflow = it.bits("overflow", 15)?.unwrap_or(0);
    let words = words?;
    if let Some(times) = Ipv4Timestamps::of_words(flag, &words) {
        let times = times.with_overflow(overflow);
        let times = pointer.map_or(times, |pointer| times.with_pointer(pointer));
        return put_ipv4(it, out, &Ipv4Option::Timestamps(times));
    }
    // A flag that is not assigned, or more or less words than it asks for.
    let mut data = alloc::vec![pointer.unwrap_or(5), overflow << 4 | flag];
    data.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    let kind = Ipv4OptionKind::TIMESTAMP.number();
    put_ipv4(it, out, &Ipv4Option::Unknown { kind, data: &data })
}

/// Left and right edges in turn; what is no list of blocks is written as it is.
fn write_sack(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let edges: Result<Vec<u32>, Problem> = it.list("edges").iter().map(argument::u32).collect();
    let edges = edges?;
    let (pairs, odd) = edges.as_chunks::<2>();
    let blocks: Vec<SackBlock> = pairs
        .iter()
        .map(|[left, right]| SackBlock {
            left: *left,
            right: *right,
        })
        .collect();
    match SackBlocks::new(&blocks) {
        Some(blocks) if odd.is_empty() => put_tcp(it, out, &TcpOption::Sack(blocks)),
        _ => {
            let data: Vec<u8> = edges.iter().flat_map(|edge| edge.to_be_bytes()).collect();
            put_unknown_tcp(it, out, TcpOptionKind::SACK, &data)
        }
    }
}

/// RFC 8684 §3: the subtype is in the high half of the first byte of data.
fn write_mptcp(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let subtype = it.needed("subtype").and_then(|value| number(value, 15))?;
    let mut data = it.bytes("data")?;
    match data.first_mut() {
        Some(first) => *first = subtype.to_le_bytes()[0] << 4 | *first & 0x0f,
        None => data.push(subtype.to_le_bytes()[0] << 4),
    }
    put_unknown_tcp(it, out, TcpOptionKind::MULTIPATH, &data)
}

/// RFC 9768 §3.2.3: up to three counters of 24 bits.
fn write_counters(
    it: &Arguments<'_>,
    out: &mut Vec<u8>,
    order: AccEcnOrder,
) -> Result<(), Problem> {
    let mut counters = Vec::with_capacity(ACCECN.len());
    for field in ACCECN {
        if let Some(count) = it.read(field, |value| number(value, 0xff_ffff))? {
            let [a, b, c, ..] = count.to_le_bytes();
            counters.push(u32::from_le_bytes([a, b, c, 0]));
        }
    }
    match AccEcn::new(order, &counters) {
        Some(counters) => put_tcp(it, out, &TcpOption::AccEcn(counters)),
        None => Err(too_long(it, 9)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_list_every_option() {
        let tables = [
            (IPV4, &[][..], IPV4_NAMES),
            (IPV6, &[], IPV6_NAMES),
            (TCP, multipath::SHAPES, TCP_NAMES),
            (link_options::SHAPES, &[], NDP_NAMES),
        ];
        for (shapes, more, names) in tables {
            let all = shapes.iter().chain(more);
            let all = all.map(|shape| shape.name).chain(["hex"]);
            assert!(all.eq(names.iter().copied()), "{names:?}");
        }
    }
}
