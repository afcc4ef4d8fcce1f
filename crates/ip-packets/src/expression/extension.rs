//! The extension headers of IPv6, and the security headers of both versions.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::argument::{Arguments, number};
use super::build::{Addresses, Carried, Layer};
use super::error::{ExpressionProblem, Problem};
use super::ip::protocol;
use super::options;
use super::syntax::Call;
use crate::Protocol;

const SEGMENT_ROUTING: u8 = 4;

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

/// Goes into a header: one that routes has another last destination, which checksums cover.
///
/// Source: RFC 8200 §8.1, RFC 8754 §4.
pub(super) fn enter(call: &Call, at: &mut Addresses) -> Result<(), Problem> {
    let last = match call.name.as_str() {
        "routing" => {
            let it = Arguments::new(call, ROUTING_FIELDS)?;
            let addresses = it.v6s("addresses")?;
            let steers = it.u8("segleft")? != Some(0);
            addresses.last().copied().filter(|_| steers)
        }
        "srh" => {
            let it = Arguments::new(call, SRH_FIELDS)?;
            let addresses = it.v6s("addresses")?;
            let steers = it
                .u8("segleft")?
                .map_or(addresses.len() > 1, |left| left != 0);
            addresses.first().copied().filter(|_| steers)
        }
        _ => None,
    };
    if let (Some(last), IpAddr::V6(_)) = (last, at.destination) {
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
    finish(it, carried, options, protocol)
}

/// Puts a header before what it carries: next header, length in 8 bytes, and the rest.
fn finish(
    it: &Arguments<'_>,
    carried: &mut Carried,
    rest: Vec<u8>,
    own: Protocol,
) -> Result<(), Problem> {
    let len = match it.u8("len")? {
        Some(len) => len,
        None => u8::try_from((rest.len() + 2) / 8 - 1).map_err(|_| too_long(it, 2048))?,
    };
    let next = next_header(it, carried)?;
    let mut head = alloc::vec![next.number(), len];
    head.extend(rest);
    carried.prepend(&head, own);
    Ok(())
}

fn too_long(it: &Arguments<'_>, most: usize) -> Problem {
    Problem::new(it.at(), ExpressionProblem::TooLong { most })
}

fn next_header(it: &Arguments<'_>, carried: &Carried) -> Result<Protocol, Problem> {
    Ok(
        protocol(it, "nh")?.unwrap_or_else(|| match carried.bytes.is_empty() {
            true => Protocol::NO_NEXT_HEADER,
            false => carried.protocol(),
        }),
    )
}

fn build_routing(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let addresses = it.v6s("addresses")?;
    let left = it.u8("segleft")?.unwrap_or_else(|| count(addresses.len()));
    let mut rest = alloc::vec![it.u8("type")?.unwrap_or(0), left];
    let data = it.bytes("data")?;
    if data.is_empty() {
        rest.extend([0; 4]);
    }
    rest.extend(data);
    rest.extend(addresses.iter().flat_map(|address| address.octets()));
    pad(&mut rest);
    finish(&it, carried, rest, Protocol::ROUTING)
}

/// The header of segment routing. RFC 8754 §2.
fn build_srh(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let addresses = it.v6s("addresses")?;
    let last = count(addresses.len()).saturating_sub(1);
    let tag = it.u16("tag")?.unwrap_or(0).to_be_bytes();
    let mut rest = alloc::vec![
        SEGMENT_ROUTING,
        it.u8("segleft")?.unwrap_or(last),
        it.u8("lastentry")?.unwrap_or(last),
        it.u8("flags")?.unwrap_or(0),
        tag[0],
        tag[1],
    ];
    rest.extend(addresses.iter().flat_map(|address| address.octets()));
    rest.extend(it.bytes("tlvs")?);
    pad(&mut rest);
    finish(&it, carried, rest, Protocol::ROUTING)
}

/// Fills up with zeros to 8 bytes, two of which stand before.
fn pad(rest: &mut Vec<u8>) {
    let len = (rest.len() + 2).next_multiple_of(8) - 2;
    rest.resize(len, 0);
}

/// Returns a number of things, or the greatest that the field can say.
fn count(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

fn build_fragment(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let offset = it
        .read("offset", |value| number(value, 0x1fff))?
        .unwrap_or(0);
    let [low, high, ..] = (offset << 3 | u64::from(it.bits("m", 1)?.unwrap_or(0))).to_le_bytes();
    let mut head = alloc::vec![
        next_header(&it, carried)?.number(),
        it.u8("reserved")?.unwrap_or(0),
        high,
        low,
    ];
    head.extend(it.u32("id")?.unwrap_or(0).to_be_bytes());
    carried.prepend(&head, Protocol::FRAGMENT);
    Ok(())
}

/// The authentication header, whose length counts words of 4 bytes, less 2. RFC 4302 §2.
fn build_ah(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let mut icv = it.bytes("icv")?;
    if it.value("icv").is_none() {
        icv = alloc::vec![0; 12];
    }
    icv.resize(icv.len().next_multiple_of(4), 0);
    let len = match it.u8("len")? {
        Some(len) => len,
        None => u8::try_from((12 + icv.len()) / 4 - 2).map_err(|_| too_long(&it, 1028))?,
    };
    let mut head = alloc::vec![next_header(&it, carried)?.number(), len, 0, 0];
    head.extend(it.u32("spi")?.unwrap_or(0).to_be_bytes());
    head.extend(it.u32("seq")?.unwrap_or(0).to_be_bytes());
    head.extend(icv);
    carried.prepend(&head, Protocol::AH);
    Ok(())
}

/// The start of an encrypted packet: the rest is the payload. RFC 4303 §2.
fn build_esp(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let spi = it.u32("spi")?.unwrap_or(0).to_be_bytes();
    let seq = it.u32("seq")?.unwrap_or(0).to_be_bytes();
    carried.prepend(&[spi, seq].concat(), Protocol::ESP);
    Ok(())
}
