//! ICMP of both versions, the extensions of its errors, and IGMP.

use alloc::vec::Vec;

use super::argument::{self, Arguments, named, v4};
use super::build::{Addresses, Carried, Layer};
use super::error::Problem;
use super::syntax::{Value, ValueKind};
use crate::checksum::{PseudoHeader, checksum};
use crate::header::IpVersion;
use crate::{Icmpv4Type, Icmpv6Type, Protocol};

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "icmp",
        fields: FIELDS,
        build: build_v4,
    },
    Layer {
        name: "icmp6",
        fields: FIELDS,
        build: build_v6,
    },
    Layer {
        name: "ext",
        fields: &["objects", "version", "chksum"],
        build: build_extension,
    },
    Layer {
        name: "igmp",
        fields: &["type", "mrt", "group", "flags", "qqic", "sources", "chksum"],
        build: build_igmp,
    },
    Layer {
        name: "igmp3r",
        fields: &["records", "type", "chksum"],
        build: build_igmp_report,
    },
];

const FIELDS: &[&str] = &[
    "type", "code", "chksum", "id", "seq", "mtu", "ptr", "gw", "length", "word", "ori", "rx", "tx",
];

/// The least length of a quoted packet that an extension follows, in bytes. RFC 4884 §3.
const QUOTED_LEN_MIN: usize = 128;

fn build_v4(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let kind = it.read("type", named)?.unwrap_or(Icmpv4Type::ECHO_REQUEST);
    let mut word = word(&it, kind == Icmpv4Type::DESTINATION_UNREACHABLE)?;
    // The pointer is the first byte of the word, the length the second. RFC 4884 §4.
    if let Some(pointer) = it.u8("ptr")? {
        word[0] = pointer;
    }
    if let Some(gateway) = it.read("gw", v4)? {
        word = gateway.octets();
    }
    let has_length = matches!(
        kind,
        Icmpv4Type::DESTINATION_UNREACHABLE
            | Icmpv4Type::TIME_EXCEEDED
            | Icmpv4Type::PARAMETER_PROBLEM
    );
    let quoted_words = quote(carried, 4).filter(|_| has_length);
    if let Some(len) = it.u8("length")?.or(quoted_words) {
        word[1] = len;
    }
    let mut message = message(&it, kind.number(), word)?;
    for field in ["ori", "rx", "tx"] {
        message.extend(it.u32(field)?.iter().flat_map(|time| time.to_be_bytes()));
    }
    message.append(&mut carried.bytes);
    finish(&it, message, None, carried, Protocol::ICMPV4)
}

fn build_v6(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let kind = it.read("type", named)?.unwrap_or(Icmpv6Type::ECHO_REQUEST);
    let mut word = word(&it, false)?;
    if let Some(value) = it.u32("ptr")?.or(it.u32("mtu")?) {
        word = value.to_be_bytes();
    }
    let has_length = matches!(
        kind,
        Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED
    );
    let quoted_words = quote(carried, 8).filter(|_| has_length);
    if let Some(len) = it.u8("length")?.or(quoted_words) {
        word[0] = len;
    }
    let mut message = message(&it, kind.number(), word)?;
    message.append(&mut carried.bytes);
    let pseudo_header = at.pseudo_header();
    finish(
        &it,
        message,
        Some(&pseudo_header),
        carried,
        Protocol::ICMPV6,
    )
}

/// Reads what follows the checksum: a word as it is, or in halves.
fn word(it: &Arguments<'_>, has_mtu: bool) -> Result<[u8; 4], Problem> {
    let [a, b, c, d] = it.u32("word")?.unwrap_or(0).to_be_bytes();
    let [a, b] = it.u16("id")?.map_or([a, b], u16::to_be_bytes);
    let [c, d] = it.u16("seq")?.map_or([c, d], u16::to_be_bytes);
    let mtu = if has_mtu { it.u16("mtu")? } else { None };
    let [c, d] = mtu.map_or([c, d], u16::to_be_bytes);
    Ok([a, b, c, d])
}

/// Starts a message: type, code, room for the checksum, and the word.
fn message(it: &Arguments<'_>, kind: u8, word: [u8; 4]) -> Result<Vec<u8>, Problem> {
    let code = it.u8("code")?.unwrap_or(0);
    let [a, b, c, d] = word;
    Ok(alloc::vec![kind, code, 0, 0, a, b, c, d])
}

/// Fills in the checksum, over a pseudo header or without.
pub(super) fn finish(
    it: &Arguments<'_>,
    mut message: Vec<u8>,
    pseudo_header: Option<&PseudoHeader>,
    carried: &mut Carried,
    protocol: Protocol,
) -> Result<(), Problem> {
    let sum = match (it.u16("chksum")?, pseudo_header) {
        (Some(sum), _) => sum,
        (None, Some(header)) if header.version() == IpVersion::V6 => {
            header.checksum(protocol, &message)
        }
        (None, _) => checksum(&message),
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    carried.wrap(message, protocol);
    Ok(())
}

/// Fills up a quoted packet that an extension follows, and puts the extension there.
///
/// Returns the length that the error says: in words of `unit` bytes.
fn quote(carried: &mut Carried, unit: usize) -> Option<u8> {
    let extension = carried.extension.take()?;
    let len = carried
        .bytes
        .len()
        .max(QUOTED_LEN_MIN)
        .next_multiple_of(unit);
    carried.bytes.resize(len, 0);
    carried.bytes.extend(extension);
    u8::try_from(len / unit).ok()
}

/// RFC 4884 §7: version and checksum, then objects.
fn build_extension(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let version = it.bits("version", 15)?.unwrap_or(2);
    let mut extension = alloc::vec![version << 4, 0, 0, 0];
    for value in it.list("objects") {
        write_object(value, &mut extension)?;
        argument::check_len(extension.len(), value.at)?;
    }
    let sum = match it.u16("chksum")? {
        Some(sum) => sum,
        // Zero would say that there is none. RFC 4884 §7.
        None => match checksum(&extension) {
            0 => 0xffff,
            sum => sum,
        },
    };
    extension[2..4].copy_from_slice(&sum.to_be_bytes());
    extension.append(&mut carried.bytes);
    carried.extension = Some(extension);
    Ok(())
}

/// An object: labels (RFC 4950), or any by class and type.
fn write_object(value: &Value, out: &mut Vec<u8>) -> Result<(), Problem> {
    const WHAT: &str = "mpls(label, tc, s, ttl) or object(class, type, data)";
    let ValueKind::Call(call) = &value.kind else {
        return Err(Problem::expected(value.at, WHAT));
    };
    let (class, kind, data) = match call.name.as_str() {
        "mpls" => {
            let it = Arguments::new(call, &["label", "tc", "s", "ttl"])?;
            let label = it
                .needed("label")
                .and_then(|it| argument::number(it, 0xf_ffff))?;
            let entry = label << 12
                | u64::from(it.bits("tc", 7)?.unwrap_or(0)) << 9
                | u64::from(it.bits("s", 1)?.unwrap_or(1)) << 8
                | u64::from(it.u8("ttl")?.unwrap_or(1));
            (1, 1, entry.to_be_bytes()[4..].to_vec())
        }
        "object" => {
            let it = Arguments::new(call, &["class", "type", "data"])?;
            let class = it.needed("class").and_then(argument::u8)?;
            (class, it.u8("type")?.unwrap_or(0), it.bytes("data")?)
        }
        _ => return Err(Problem::expected(value.at, WHAT)),
    };
    let len = u16::try_from(data.len() + 4)
        .map_err(|_| Problem::expected(value.at, "an object of at most 65535 bytes"))?;
    out.extend(len.to_be_bytes());
    out.extend([class, kind]);
    out.extend(data);
    Ok(())
}

/// A query, a report or a leave; with `flags`, `qqic` or `sources` a query of version 3.
///
/// Source: RFC 2236 §2, RFC 3376 §4.1.
fn build_igmp(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let mut message = alloc::vec![
        it.u8("type")?.unwrap_or(0x11),
        it.u8("mrt")?.unwrap_or(0),
        0,
        0
    ];
    let group = it.read("group", v4)?;
    message.extend(group.map_or([0; 4], |group| group.octets()));
    let is_newest = ["flags", "qqic", "sources"]
        .iter()
        .any(|it_is| it.value(it_is).is_some());
    if is_newest {
        let sources = it.v4s("sources")?;
        message.extend([it.u8("flags")?.unwrap_or(2), it.u8("qqic")?.unwrap_or(0)]);
        message.extend(
            u16::try_from(sources.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        message.extend(sources.iter().flat_map(|source| source.octets()));
    }
    message.append(&mut carried.bytes);
    finish(&it, message, None, carried, Protocol::IGMP)
}

/// A report of version 3. RFC 3376 §4.2.
fn build_igmp_report(
    it: Arguments<'_>,
    _: &Addresses,
    carried: &mut Carried,
) -> Result<(), Problem> {
    let records = it.list("records");
    let mut message = alloc::vec![it.u8("type")?.unwrap_or(0x22), 0, 0, 0, 0, 0];
    message.extend(
        u16::try_from(records.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes(),
    );
    for value in records {
        let (it, kind, auxiliary) = record(value)?;
        let sources = it.v4s("sources")?;
        message.extend([kind, count_words(&auxiliary)]);
        message.extend(
            u16::try_from(sources.len())
                .unwrap_or(u16::MAX)
                .to_be_bytes(),
        );
        message.extend(it.needed("group").and_then(v4)?.octets());
        message.extend(sources.iter().flat_map(|source| source.octets()));
        message.extend(auxiliary);
        argument::check_len(message.len(), value.at)?;
    }
    message.append(&mut carried.bytes);
    finish(&it, message, None, carried, Protocol::IGMP)
}

/// Reads what a record of a report has under both versions: its type, and its auxiliary data.
pub(super) fn record(value: &Value) -> Result<(Arguments<'_>, u8, Vec<u8>), Problem> {
    let ValueKind::Call(call) = &value.kind else {
        return Err(Problem::expected(value.at, "record(type, group, sources)"));
    };
    if call.name != "record" {
        return Err(Problem::expected(call.at, "record(type, group, sources)"));
    }
    let it = Arguments::new(call, &["type", "group", "sources", "aux"])?;
    let mut auxiliary = it.bytes("aux")?;
    auxiliary.resize(auxiliary.len().next_multiple_of(4), 0);
    let kind = it.u8("type")?.unwrap_or(4);
    Ok((it, kind, auxiliary))
}

/// Returns a length in words of 4 bytes, or the greatest that the field can say.
pub(super) fn count_words(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len() / 4).unwrap_or(u8::MAX)
}
