//! ICMP of both versions, the extensions of its errors, and IGMP.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::argument::{self, Arguments, named, v4};
use super::build::{Addresses, Carried, Extension, Layer, refused, without_ip};
use super::error::{ExpressionProblem, Problem};
use super::syntax::{Value, ValueKind};
use crate::build::{icmp_layer, length_octet, quote_unit};
use crate::header::IpVersion;
use crate::icmp::{EXTENSION_HEADER_LEN, EXTENSION_VERSION, MIN_QUOTE_LEN, seal_structure};
use crate::sequence::Element;
use crate::{
    BuildError, GroupRecord, GroupRecordKind, IcmpObject, Icmpv4Type, Icmpv6Type, IgmpKind,
    IgmpType, InterfaceInformation, InterfaceRole, MplsLabel, Protocol, Sequence, SourceQuery,
};

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "icmp",
        fields: &[
            "type", "code", "chksum", "id", "seq", "mtu", "ptr", "gw", "length", "word", "ori",
            "rx", "tx", "mask",
        ],
        build: build_v4,
    },
    Layer {
        name: "icmp6",
        fields: &[
            "type", "code", "chksum", "id", "seq", "mtu", "ptr", "length", "word",
        ],
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

fn build_v4(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let kind = it.read("type", named)?.unwrap_or(Icmpv4Type::ECHO_REQUEST);
    let mut word = word(&it)?;
    if let Some(mtu) = it.u16("mtu")? {
        word[2..].copy_from_slice(&mtu.to_be_bytes());
    }
    // The pointer is the first byte of the word, the length the second. RFC 4884 §4.
    if let Some(pointer) = it.u8("ptr")? {
        word[0] = pointer;
    }
    if let Some(gateway) = it.read("gw", v4)? {
        word = gateway.octets();
    }
    let body = numbers(&it, kind, carried.bytes.is_empty())?;
    let message = Message {
        version: IpVersion::V4,
        number: kind.number(),
        word,
        body,
    };
    // Nothing of the header around it is in the checksum.
    let at = Addresses::in_v4();
    message.build(&it, &at, carried)
}

/// Writes the times or the mask that stand behind the word: all of them where one is given, or
/// where a message of the type would be cut off without.
fn numbers(it: &Arguments<'_>, kind: Icmpv4Type, is_needed: bool) -> Result<Vec<u8>, Problem> {
    const TIMES: [&str; 3] = ["ori", "rx", "tx"];
    let is_given = |fields: &[&str]| fields.iter().any(|field| it.value(field).is_some());
    let mut body = Vec::new();
    let is_timed = matches!(
        kind,
        Icmpv4Type::TIMESTAMP_REQUEST | Icmpv4Type::TIMESTAMP_REPLY
    );
    if is_given(&TIMES) || is_timed && is_needed {
        for field in TIMES {
            body.extend(it.u32(field)?.unwrap_or(0).to_be_bytes());
        }
    }
    let is_masked = matches!(
        kind,
        Icmpv4Type::ADDRESS_MASK_REQUEST | Icmpv4Type::ADDRESS_MASK_REPLY
    );
    if is_given(&["mask"]) || is_masked && is_needed {
        let mask = it.read("mask", v4)?.unwrap_or(Ipv4Addr::UNSPECIFIED);
        body.extend(mask.octets());
    }
    Ok(body)
}

fn build_v6(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let kind = it.read("type", named)?.unwrap_or(Icmpv6Type::ECHO_REQUEST);
    let mut word = word(&it)?;
    if let (Some(_), Some(pointer)) = (it.value("mtu"), it.value("ptr")) {
        // Both are the whole word.
        return Err(Problem::new(pointer.at, ExpressionProblem::SetTwice));
    }
    for field in ["mtu", "ptr"] {
        if let Some(value) = it.u32(field)? {
            word = value.to_be_bytes();
        }
    }
    let message = Message {
        version: IpVersion::V6,
        number: kind.number(),
        word,
        body: Vec::new(),
    };
    message.build(&it, at, carried)
}

/// Reads what follows the checksum: a word as it is, or in halves.
fn word(it: &Arguments<'_>) -> Result<[u8; 4], Problem> {
    let [a, b, c, d] = it.u32("word")?.unwrap_or(0).to_be_bytes();
    let [a, b] = it.u16("id")?.map_or([a, b], u16::to_be_bytes);
    let [c, d] = it.u16("seq")?.map_or([c, d], u16::to_be_bytes);
    Ok([a, b, c, d])
}

/// A message of the type that an expression says by number.
struct Message {
    version: IpVersion,
    number: u8,
    word: [u8; 4],
    /// What stands before what is carried.
    body: Vec<u8>,
}

/// The fields of the word after the checksum.
const WORD_FIELDS: [&str; 6] = ["word", "id", "seq", "mtu", "ptr", "length"];

/// Says whether a message ends behind the checksum: two types do, RFC 4286, where nothing of the
/// word is given.
fn has_no_word(it: &Arguments<'_>, kind: Icmpv6Type) -> bool {
    let is_short = matches!(
        kind,
        Icmpv6Type::MULTICAST_ROUTER_SOLICITATION | Icmpv6Type::MULTICAST_ROUTER_TERMINATION
    );
    is_short && WORD_FIELDS.iter().all(|field| it.value(field).is_none())
}

impl Message {
    /// Builds it around what is carried, which may have an extension.
    fn build(
        mut self,
        it: &Arguments<'_>,
        at: &Addresses,
        carried: &mut Carried,
    ) -> Result<(), Problem> {
        let quote_len = self.take_extension(carried);
        self.write_length(it, quote_len)?;
        self.body.append(&mut carried.bytes);
        let mut message = at
            .builder()
            .icmp(self.number, it.u8("code")?.unwrap_or(0))
            .word(self.word)
            .payload(&self.body);
        if self.version == IpVersion::V6 && has_no_word(it, Icmpv6Type::new(self.number)) {
            message = message.without_word();
        }
        if let Some(sum) = it.u16("chksum")? {
            message = message.checksum(sum);
        }
        let message = without_ip(message.try_build().map_err(refused(it))?, at);
        let protocol = match self.version {
            IpVersion::V4 => Protocol::ICMPV4,
            IpVersion::V6 => Protocol::ICMPV6,
        };
        carried.wrap(message, protocol);
        Ok(())
    }

    /// Writes how long a quote before extensions is, or what the expression says instead.
    fn write_length(
        &mut self,
        it: &Arguments<'_>,
        quote_len: Option<usize>,
    ) -> Result<(), Problem> {
        let by_type = length_octet(self.version, self.number);
        // Where no octet is a length by the type, the one of errors is meant.
        let at = by_type.unwrap_or(match self.version {
            IpVersion::V4 => 1,
            IpVersion::V6 => 0,
        });
        if let Some(len) = it.u8("length")? {
            self.word[at] = len;
            return Ok(());
        }
        let (Some(quote_len), Some(at)) = (quote_len, by_type) else {
            return Ok(());
        };
        // Who says the word says the octet in it.
        if it.value("word").is_some() {
            return Ok(());
        }
        let (layer, unit) = (icmp_layer(self.version), quote_unit(self.version));
        match u8::try_from(quote_len / unit) {
            Ok(units) => self.word[at] = units,
            Err(_) => {
                let max = usize::from(u8::MAX) * unit;
                BuildError::check_len(layer, quote_len, max).map_err(refused(it))?;
            }
        }
        Ok(())
    }

    /// Puts an extension behind what is carried, if the type has one: errors have it behind the
    /// packet they quote, extended echo requests have nothing else. All others leave it to the
    /// error that quotes them.
    ///
    /// Returns the length of the quote before the extension of an error, in bytes.
    ///
    /// Source: RFC 4884 §4, RFC 8335 §2.
    fn take_extension(&self, carried: &mut Carried) -> Option<usize> {
        let (is_error, is_request) = match self.version {
            IpVersion::V4 => {
                let kind = Icmpv4Type::new(self.number);
                let is_error = matches!(
                    kind,
                    Icmpv4Type::DESTINATION_UNREACHABLE
                        | Icmpv4Type::SOURCE_QUENCH
                        | Icmpv4Type::REDIRECT
                        | Icmpv4Type::TIME_EXCEEDED
                        | Icmpv4Type::PARAMETER_PROBLEM
                        | Icmpv4Type::PHOTURIS
                );
                (is_error, kind == Icmpv4Type::EXTENDED_ECHO_REQUEST)
            }
            // The high bit says that it is none. RFC 4443 §2.1.
            IpVersion::V6 => {
                let kind = Icmpv6Type::new(self.number);
                (self.number < 128, kind == Icmpv6Type::EXTENDED_ECHO_REQUEST)
            }
        };
        if is_error {
            return quote(carried, quote_unit(self.version));
        }
        if is_request && let Some(extension) = carried.extensions.pop() {
            carried.bytes.extend(extension.bytes);
        }
        None
    }
}

/// Fills up a quoted packet that an extension follows, and puts the extension there.
///
/// Returns the length of the quote in bytes, a multiple of `unit`.
fn quote(carried: &mut Carried, unit: usize) -> Option<usize> {
    let extension = carried.extensions.pop()?;
    let len = carried
        .bytes
        .len()
        .max(MIN_QUOTE_LEN)
        .next_multiple_of(unit);
    carried.bytes.resize(len, 0);
    carried.bytes.extend(extension.bytes);
    Some(len)
}

/// RFC 4884 §7: version and checksum, then objects.
fn build_extension(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let version = it.bits("version", 15)?.unwrap_or(EXTENSION_VERSION);
    let mut extension = alloc::vec![0; EXTENSION_HEADER_LEN];
    extension[0] = version << 4;
    for value in it.list("objects") {
        write_object(value, &mut extension)?;
        argument::check_len(extension.len(), value.at)?;
    }
    seal_structure(&mut extension);
    if let Some(sum) = it.u16("chksum")? {
        extension[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    extension.append(&mut carried.bytes);
    carried.extensions.push(Extension {
        bytes: extension,
        at: it.at(),
    });
    Ok(())
}

/// An object: labels (RFC 4950), an interface (RFC 5837), what an extended echo asks about
/// (RFC 8335), or any by class and type.
fn write_object(value: &Value, out: &mut Vec<u8>) -> Result<(), Problem> {
    const WHAT: &str = "mpls(label, tc, s, ttl), iface(role, index, address, name, mtu), \
                        ifname(name), ifindex(index), ifaddr(address) or object(class, type, data)";
    let ValueKind::Call(call) = &value.kind else {
        return Err(Problem::expected(value.at, WHAT));
    };
    match call.name.as_str() {
        "mpls" => {
            let it = Arguments::new(call, &["label", "tc", "s", "ttl"])?;
            let labels = [label(&it)?];
            put_object(&it, out, &IcmpObject::MplsLabels(Sequence::new(&labels)))
        }
        "iface" => {
            let it = Arguments::new(call, &["role", "index", "address", "name", "mtu"])?;
            let name = it.read("name", argument::bytes)?;
            let information = InterfaceInformation {
                role: InterfaceRole::from_bits(it.bits("role", 3)?.unwrap_or(0)),
                index: it.u32("index")?,
                address: it.read("address", argument::address)?,
                name: name.as_deref(),
                mtu: it.u32("mtu")?,
            };
            put_object(&it, out, &IcmpObject::Interface(information))
        }
        "ifname" => {
            let it = Arguments::new(call, &["name"])?;
            let name = it.needed("name").and_then(argument::bytes)?;
            put_object(&it, out, &IcmpObject::InterfaceName(&name))
        }
        "ifindex" => {
            let it = Arguments::new(call, &["index"])?;
            let index = it.needed("index").and_then(argument::u32)?;
            put_object(&it, out, &IcmpObject::InterfaceIndex(index))
        }
        "ifaddr" => {
            let it = Arguments::new(call, &["address"])?;
            let address = it.needed("address").and_then(argument::address)?;
            put_object(&it, out, &IcmpObject::InterfaceAddress(address))
        }
        "object" => {
            let it = Arguments::new(call, &["class", "type", "data"])?;
            let object = IcmpObject::Unknown {
                class: it.needed("class").and_then(named)?,
                kind: it.u8("type")?.unwrap_or(0),
                data: &it.bytes("data")?,
            };
            put_object(&it, out, &object)
        }
        _ => Err(Problem::expected(value.at, WHAT)),
    }
}

fn label(it: &Arguments<'_>) -> Result<MplsLabel, Problem> {
    let label = it
        .needed("label")
        .and_then(|it| argument::number(it, 0xf_ffff))?;
    let [a, b, c, ..] = label.to_le_bytes();
    Ok(MplsLabel {
        label: u32::from_le_bytes([a, b, c, 0]),
        traffic_class: it.bits("tc", 7)?.unwrap_or(0),
        bottom: it.bits("s", 1)?.unwrap_or(1) == 1,
        ttl: it.u8("ttl")?.unwrap_or(1),
    })
}

fn put_object(
    it: &Arguments<'_>,
    out: &mut Vec<u8>,
    object: &IcmpObject<'_>,
) -> Result<(), Problem> {
    object.check().map_err(refused(it))?;
    let start = out.len();
    out.resize(start + object.encoded_len(), 0);
    object.write(&mut out[start..]);
    Ok(())
}

/// A query, a report or a leave; with `flags`, `qqic` or `sources` a query of version 3.
///
/// Source: RFC 2236 §2, RFC 3376 §4.1.
fn build_igmp(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let group = it.read("group", v4)?.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let sources = it.v4s("sources")?;
    let v3 = source_query(&it, &sources)?;
    let query = IgmpKind::Query {
        maximum_response: it.u8("mrt")?.unwrap_or(0),
        group,
        v3,
    };
    let number = it.read("type", named)?;
    // Two types end behind the checksum. RFC 4286 §4, §5.
    let kind = match number {
        Some(IgmpType::ROUTER_SOLICITATION) if it.value("group").is_none() => {
            IgmpKind::RouterSolicitation
        }
        Some(IgmpType::ROUTER_TERMINATION) if it.value("group").is_none() => {
            IgmpKind::RouterTermination
        }
        _ => query,
    };
    let mut body = written(kind.body_len(), |room| kind.write_body(room));
    override_flags(&it, &mut body)?;
    finish_igmp(&it, number, &kind, body, carried)
}

/// Reads what queries of the newest versions have, `None` where nothing of it is there.
pub(super) fn source_query<'a, A: Element<'a>>(
    it: &Arguments<'_>,
    sources: &'a [A],
) -> Result<Option<SourceQuery<'a, A>>, Problem> {
    let is_newest = ["flags", "qqic", "sources"]
        .iter()
        .any(|field| it.value(field).is_some());
    let flags = it.u8("flags")?.unwrap_or(2);
    let query = SourceQuery {
        suppress: flags & 8 != 0,
        robustness: flags & 7,
        interval_code: it.u8("qqic")?.unwrap_or(0),
        sources: Sequence::new(sources),
    };
    if is_newest {
        query.check().map_err(refused(it))?;
    }
    Ok(is_newest.then_some(query))
}

/// Writes the flags of such a query as they are given, with those that are reserved.
pub(super) fn override_flags(it: &Arguments<'_>, query: &mut [u8]) -> Result<(), Problem> {
    if let (Some(flags), Some(octet)) = (it.u8("flags")?, query.first_mut()) {
        *octet = flags;
    }
    Ok(())
}

/// A report of version 3. RFC 3376 §4.2.
fn build_igmp_report(
    it: Arguments<'_>,
    _: &Addresses,
    carried: &mut Carried,
) -> Result<(), Problem> {
    let (count, body) = records(&it, v4)?;
    let [low, high, ..] = count.to_le_bytes();
    let report = IgmpKind::Other {
        message_type: IgmpType::V3_MEMBERSHIP_REPORT,
        code: 0,
        rest: &[0, 0, high, low],
    };
    let number = it.read("type", named)?;
    finish_igmp(&it, number, &report, body, carried)
}

fn finish_igmp(
    it: &Arguments<'_>,
    number: Option<IgmpType>,
    kind: &IgmpKind<'_>,
    mut body: Vec<u8>,
    carried: &mut Carried,
) -> Result<(), Problem> {
    let mut rest = kind.word().map_or_else(Vec::new, Vec::from);
    rest.append(&mut body);
    rest.append(&mut carried.bytes);
    let at = Addresses::in_v4();
    let mut message = at.builder().igmp(IgmpKind::Other {
        message_type: number.unwrap_or_else(|| kind.message_type()),
        code: kind.code(),
        rest: &rest,
    });
    if let Some(sum) = it.u16("chksum")? {
        message = message.checksum(sum);
    }
    let message = without_ip(message.try_build().map_err(refused(it))?, &at);
    carried.wrap(message, Protocol::IGMP);
    Ok(())
}

/// Writes the records of a report of either version; returns how many there are, and their bytes.
pub(super) fn records<A: for<'x> Element<'x>>(
    it: &Arguments<'_>,
    address: fn(&Value) -> Result<A, Problem>,
) -> Result<(usize, Vec<u8>), Problem> {
    let (values, mut out) = (it.list("records"), Vec::new());
    for value in values {
        let it = record(value)?;
        let sources: Result<Vec<A>, Problem> = it.list("sources").iter().map(address).collect();
        let sources = sources?;
        let record = GroupRecord {
            kind: it
                .read("type", named)?
                .unwrap_or(GroupRecordKind::CHANGE_TO_EXCLUDE),
            group: it.needed("group").and_then(address)?,
            sources: Sequence::new(&sources),
            auxiliary: &it.bytes("aux")?,
        };
        record.check().map_err(refused(&it))?;
        let start = out.len();
        out.resize(start + record.encoded_len(), 0);
        record.write(&mut out[start..]);
        argument::check_len(out.len(), value.at)?;
    }
    Ok((values.len(), out))
}

fn record(value: &Value) -> Result<Arguments<'_>, Problem> {
    match &value.kind {
        ValueKind::Call(call) if call.name == "record" => {
            Arguments::new(call, &["type", "group", "sources", "aux"])
        }
        _ => Err(Problem::expected(value.at, "record(type, group, sources)")),
    }
}

/// Makes bytes of what writes them.
pub(super) fn written(len: usize, write: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = alloc::vec![0; len];
    write(&mut bytes);
    bytes
}
