//! Neighbour discovery and multicast listener discovery.

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use super::argument::{Arguments, flags, v6};
use super::build::{Addresses, Carried, Layer, refused, without_ip};
use super::error::Problem;
use super::icmp::{override_flags, records, source_query, written};
use super::options;
use crate::{
    Icmpv6Kind, Icmpv6Type, MldQuery, NdpOptions, NdpRedirect, NeighborAdvertisement,
    NeighborFlags, NeighborSolicitation, Protocol, RouterAdvertisement, RouterFlags,
};

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "rs",
        fields: &["options", "chksum"],
        build: |it, at, carried| {
            let options = NdpOptions::EMPTY;
            finish(
                &it,
                at,
                carried,
                &Icmpv6Kind::RouterSolicitation { options },
            )
        },
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
            let message = NeighborSolicitation {
                target: it.needed("target").and_then(v6)?,
                options: NdpOptions::EMPTY,
            };
            finish(&it, at, carried, &Icmpv6Kind::NeighborSolicitation(message))
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
            let message = NeighborAdvertisement {
                flags: NeighborFlags::from_bits(bits.to_le_bytes()[0]),
                target: it.needed("target").and_then(v6)?,
                options: NdpOptions::EMPTY,
            };
            finish(
                &it,
                at,
                carried,
                &Icmpv6Kind::NeighborAdvertisement(message),
            )
        },
    },
    Layer {
        name: "redirect",
        fields: &["target", "dst", "options", "chksum"],
        build: |it, at, carried| {
            let message = NdpRedirect {
                target: it.needed("target").and_then(v6)?,
                destination: it.needed("dst").and_then(v6)?,
                options: NdpOptions::EMPTY,
            };
            finish(&it, at, carried, &Icmpv6Kind::Redirect(message))
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
        build: |it, at, carried| {
            let group = group(&it)?;
            finish(&it, at, carried, &Icmpv6Kind::MldReport { group })
        },
    },
    Layer {
        name: "mldd",
        fields: &["group", "chksum"],
        build: |it, at, carried| {
            let group = group(&it)?;
            finish(&it, at, carried, &Icmpv6Kind::MldDone { group })
        },
    },
    Layer {
        name: "mld2r",
        fields: &["records", "chksum"],
        build: build_report_of_records,
    },
];

/// Builds a message with the options of the expression and what is carried behind it.
fn finish(
    it: &Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
    kind: &Icmpv6Kind<'_>,
) -> Result<(), Problem> {
    let mut body = written(kind.body_len(), |room| kind.write_body(room));
    body.extend(options::ndp(it.list("options"))?);
    wrap(
        it,
        at,
        carried,
        (kind.message_type(), kind.word().unwrap_or_default(), body),
    )
}

/// Builds a message of its type, its word and what stands before what is carried.
fn wrap(
    it: &Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
    (number, word, mut body): (Icmpv6Type, [u8; 4], Vec<u8>),
) -> Result<(), Problem> {
    body.append(&mut carried.bytes);
    let message = at.builder().icmp(number.number(), 0);
    let mut message = message.word(word).payload(&body);
    if let Some(sum) = it.u16("chksum")? {
        message = message.checksum(sum);
    }
    let message = without_ip(message.try_build().map_err(refused(it))?, at);
    carried.wrap(message, Protocol::ICMPV6);
    Ok(())
}

/// RFC 4861 §4.2.
fn build_advertisement(
    it: Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
) -> Result<(), Problem> {
    const FLAGS: &[(&str, u64)] = &[("M", 0x80), ("O", 0x40), ("H", 0x20), ("P", 0x04)];
    let bits = it.read("flags", |value| flags(value, FLAGS))?.unwrap_or(0);
    let message = RouterAdvertisement {
        hop_limit: it.u8("hlim")?.unwrap_or(64),
        flags: RouterFlags::from_bits(bits.to_le_bytes()[0]),
        lifetime: it.u16("lifetime")?.unwrap_or(1800),
        reachable_time: it.u32("reachable")?.unwrap_or(0),
        retransmit_timer: it.u32("retrans")?.unwrap_or(0),
        options: NdpOptions::EMPTY,
    };
    finish(&it, at, carried, &Icmpv6Kind::RouterAdvertisement(message))
}

/// A query; with `flags`, `qqic` or `sources` one of version 2. RFC 2710 §3, RFC 3810 §5.1.
fn build_query(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let sources = it.v6s("sources")?;
    let query = Icmpv6Kind::MldQuery(MldQuery {
        maximum_response: it.u16("delay")?.unwrap_or(10_000),
        group: group(&it)?,
        v2: source_query(&it, &sources)?,
    });
    let mut body = written(query.body_len(), |room| query.write_body(room));
    if let Some(v2) = body.get_mut(GROUP_LEN..) {
        override_flags(&it, v2)?;
    }
    wrap(
        &it,
        at,
        carried,
        (query.message_type(), query.word().unwrap_or_default(), body),
    )
}

/// The length of the group before what version 2 adds to a query, in bytes.
const GROUP_LEN: usize = 16;

fn group(it: &Arguments<'_>) -> Result<Ipv6Addr, Problem> {
    Ok(it.read("group", v6)?.unwrap_or(Ipv6Addr::UNSPECIFIED))
}

/// RFC 3810 §5.2.
fn build_report_of_records(
    it: Arguments<'_>,
    at: &Addresses,
    carried: &mut Carried,
) -> Result<(), Problem> {
    let (count, body) = records(&it, v6)?;
    let [low, high, ..] = count.to_le_bytes();
    let word = [0, 0, high, low];
    wrap(&it, at, carried, (Icmpv6Type::MLD2_REPORT, word, body))
}
