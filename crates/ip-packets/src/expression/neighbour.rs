//! Neighbour discovery and multicast listener discovery.

use alloc::vec::Vec;

use super::argument::{self, Arguments, flags, v6};
use super::build::{Addresses, Carried, Layer};
use super::error::Problem;
use super::{icmp, options};
use crate::Protocol;

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "rs",
        fields: &["options", "chksum"],
        build: |it, at, carried| finish(&it, at, carried, 133, alloc::vec![0; 4]),
    },
    Layer {
        name: "ra",
        fields: &[
            "hlim",
            "flags",
            "lifetime",
            "reachable",
            "retrans",
            "options",
            "chksum",
        ],
        build: build_advertisement,
    },
    Layer {
        name: "ns",
        fields: &["target", "options", "chksum"],
        build: |it, at, carried| {
            let mut rest = alloc::vec![0; 4];
            rest.extend(it.needed("target").and_then(v6)?.octets());
            finish(&it, at, carried, 135, rest)
        },
    },
    Layer {
        name: "na",
        fields: &["target", "flags", "options", "chksum"],
        build: |it, at, carried| {
            const FLAGS: &[(&str, u64)] = &[("R", 0x80), ("S", 0x40), ("O", 0x20)];
            let bits = it
                .read("flags", |value| flags(value, FLAGS))?
                .unwrap_or(0x60);
            let mut rest = alloc::vec![bits.to_le_bytes()[0], 0, 0, 0];
            rest.extend(it.needed("target").and_then(v6)?.octets());
            finish(&it, at, carried, 136, rest)
        },
    },
    Layer {
        name: "redirect",
        fields: &["target", "dst", "options", "chksum"],
        build: |it, at, carried| {
            let mut rest = alloc::vec![0; 4];
            rest.extend(it.needed("target").and_then(v6)?.octets());
            rest.extend(it.needed("dst").and_then(v6)?.octets());
            finish(&it, at, carried, 137, rest)
        },
    },
    Layer {
        name: "mldq",
        fields: &["group", "delay", "flags", "qqic", "sources", "chksum"],
        build: build_query,
    },
    Layer {
        name: "mldr",
        fields: &["group", "chksum"],
        build: |it, at, carried| build_report(&it, at, carried, 131),
    },
    Layer {
        name: "mldd",
        fields: &["group", "chksum"],
        build: |it, at, carried| build_report(&it, at, carried, 132),
    },
    Layer {
        name: "mld2r",
        fields: &["records", "chksum"],
        build: build_report_of_records,
    },
];

/// Puts type, code and checksum before `rest`, and options and what is carried behind it.
fn finish(
    it: &Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
    kind: u8,
    rest: Vec<u8>,
) -> Result<(), Problem> {
    let mut message = alloc::vec![kind, 0, 0, 0];
    message.extend(rest);
    message.extend(options::ndp(it.list("options"))?);
    message.append(&mut carried.bytes);
    let pseudo_header = at.pseudo_header();
    icmp::finish(it, message, Some(&pseudo_header), carried, Protocol::ICMPV6)
}

/// RFC 4861 §4.2.
fn build_advertisement(
    it: Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
) -> Result<(), Problem> {
    const FLAGS: &[(&str, u64)] = &[("M", 0x80), ("O", 0x40), ("H", 0x20), ("P", 0x04)];
    let bits = it.read("flags", |value| flags(value, FLAGS))?.unwrap_or(0);
    let mut rest = alloc::vec![it.u8("hlim")?.unwrap_or(64), bits.to_le_bytes()[0]];
    rest.extend(it.u16("lifetime")?.unwrap_or(1800).to_be_bytes());
    rest.extend(it.u32("reachable")?.unwrap_or(0).to_be_bytes());
    rest.extend(it.u32("retrans")?.unwrap_or(0).to_be_bytes());
    finish(&it, at, carried, 134, rest)
}

/// A query; with `flags`, `qqic` or `sources` one of version 2. RFC 2710 §3, RFC 3810 §5.1.
fn build_query(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let delay = it.u16("delay")?.unwrap_or(10_000).to_be_bytes();
    let mut rest = alloc::vec![delay[0], delay[1], 0, 0];
    rest.extend(group(&it)?);
    let is_newest = ["flags", "qqic", "sources"]
        .iter()
        .any(|field| it.value(field).is_some());
    if is_newest {
        let sources = it.v6s("sources")?;
        rest.extend([it.u8("flags")?.unwrap_or(2), it.u8("qqic")?.unwrap_or(0)]);
        rest.extend(count(sources.len()));
        rest.extend(sources.iter().flat_map(|source| source.octets()));
    }
    finish(&it, at, carried, 130, rest)
}

fn build_report(
    it: &Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
    kind: u8,
) -> Result<(), Problem> {
    let mut rest = alloc::vec![0; 4];
    rest.extend(group(it)?);
    finish(it, at, carried, kind, rest)
}

fn group(it: &Arguments<'_>) -> Result<[u8; 16], Problem> {
    Ok(it
        .read("group", v6)?
        .map_or([0; 16], |group| group.octets()))
}

/// RFC 3810 §5.2.
fn build_report_of_records(
    it: Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
) -> Result<(), Problem> {
    let records = it.list("records");
    let mut rest = alloc::vec![0; 2];
    rest.extend(count(records.len()));
    for value in records {
        let (it, kind, auxiliary) = icmp::record(value)?;
        let sources = it.v6s("sources")?;
        rest.extend([kind, icmp::count_words(&auxiliary)]);
        rest.extend(count(sources.len()));
        rest.extend(it.needed("group").and_then(v6)?.octets());
        rest.extend(sources.iter().flat_map(|source| source.octets()));
        rest.extend(auxiliary);
        argument::check_len(rest.len(), value.at)?;
    }
    finish(&it, at, carried, 143, rest)
}

/// Returns a number of things, or the greatest that the field can say.
fn count(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}
