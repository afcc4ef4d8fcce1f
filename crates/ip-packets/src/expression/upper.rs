//! TCP, UDP, UDP-Lite, GRE and SCTP.

use alloc::vec::Vec;

use super::argument::{self, Arguments, flags, named};
use super::build::{Addresses, Carried, Layer, refused, without_ip};
use super::error::Problem;
use super::options;
use super::syntax::{Value, ValueKind};
use crate::sequence::Element;
use crate::{EtherType, Protocol, SctpChunk, SctpChunkType, TcpFlags, TcpOption};

pub(super) const LAYERS: &[Layer] = &[
    Layer {
        name: "tcp",
        fields: &[
            "sport", "dport", "seq", "ack", "dataofs", "reserved", "flags", "window", "chksum",
            "urgptr", "options", "mss", "wscale", "sackok", "ts",
        ],
        build: build_tcp,
    },
    Layer {
        name: "udp",
        fields: &["sport", "dport", "len", "chksum"],
        build: build_udp,
    },
    Layer {
        name: "udplite",
        fields: &["sport", "dport", "cscov", "chksum"],
        build: build_udplite,
    },
    Layer {
        name: "gre",
        fields: &["proto", "chksum", "key", "seq", "version"],
        build: build_gre,
    },
    Layer {
        name: "sctp",
        fields: &["sport", "dport", "tag", "chksum", "chunks"],
        build: build_sctp,
    },
];

/// As scapy has them: N is the bit that AE took over.
const FLAGS: &[(&str, u64)] = &[
    ("F", 0x01),
    ("S", 0x02),
    ("R", 0x04),
    ("P", 0x08),
    ("A", 0x10),
    ("U", 0x20),
    ("E", 0x40),
    ("C", 0x80),
    ("N", 0x100),
];

/// The flags where none are given.
const SYN: u64 = 0x02;

/// Ports that scapy takes as well: FTP data, HTTP, DNS.
const DEFAULT_TCP_PORTS: (u16, u16) = (20, 80);
const DEFAULT_UDP_PORTS: (u16, u16) = (53, 53);

fn build_tcp(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let ip = at.builder();
    let options = tcp_options(&it)?;
    let set = it.read("flags", |value| flags(value, FLAGS))?;
    let [low, high, ..] = set.unwrap_or(SYN).to_le_bytes();
    let mut tcp = ip
        .tcp(
            it.u16("sport")?.unwrap_or(DEFAULT_TCP_PORTS.0),
            it.u16("dport")?.unwrap_or(DEFAULT_TCP_PORTS.1),
        )
        .seq(it.u32("seq")?.unwrap_or(0))
        .ack_number(it.u32("ack")?.unwrap_or(0))
        .flags(TcpFlags::from_bits(u16::from_le_bytes([low, high])))
        .reserved(it.bits("reserved", 7)?.unwrap_or(0))
        .urgent_pointer(it.u16("urgptr")?.unwrap_or(0))
        .raw_options(&options)
        .payload(&carried.bytes);
    if let Some(window) = it.u16("window")? {
        tcp = tcp.window(window);
    }
    if let Some(words) = it.bits("dataofs", 15)? {
        tcp = tcp.header_len(words * 4);
    }
    if let Some(sum) = it.u16("chksum")? {
        tcp = tcp.checksum(sum);
    }
    let segment = without_ip(tcp.try_build().map_err(refused(&it))?, at);
    carried.wrap(segment, Protocol::TCP);
    Ok(())
}

/// Writes the options in the list, and those that are fields of their own for being common.
fn tcp_options(it: &Arguments<'_>) -> Result<Vec<u8>, Problem> {
    let mut out = options::tcp(it.list("options"))?;
    let mut put = |option: TcpOption<'_>| options::put_tcp(it, &mut out, &option);
    if let Some(mss) = it.u16("mss")? {
        put(TcpOption::Mss(mss))?;
    }
    if it.bits("sackok", 1)? == Some(1) {
        put(TcpOption::SackPermitted)?;
    }
    if it.value("ts").is_some() {
        let times: Result<Vec<u32>, Problem> = it.list("ts").iter().map(argument::u32).collect();
        let (value, echo) = match times?[..] {
            [value] => (value, 0),
            [value, echo] => (value, echo),
            _ => return Err(Problem::expected(it.place("ts"), "[value, echo]")),
        };
        put(TcpOption::Timestamps { value, echo })?;
    }
    if let Some(shift) = it.u8("wscale")? {
        put(TcpOption::Nop)?;
        put(TcpOption::WindowScale(shift))?;
    }
    Ok(out)
}

fn build_udp(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let ip = at.builder();
    let mut udp = ip
        .udp(
            it.u16("sport")?.unwrap_or(DEFAULT_UDP_PORTS.0),
            it.u16("dport")?.unwrap_or(DEFAULT_UDP_PORTS.1),
        )
        .payload(&carried.bytes);
    if let Some(len) = it.u16("len")? {
        udp = udp.length(len);
    }
    if let Some(sum) = it.u16("chksum")? {
        udp = udp.checksum(sum);
    }
    let datagram = without_ip(udp.try_build().map_err(refused(&it))?, at);
    carried.wrap(datagram, Protocol::UDP);
    Ok(())
}

/// UDP whose checksum covers the first `cscov` bytes, 0 for all. RFC 3828 §3.1.
fn build_udplite(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let ip = at.builder();
    let mut udp = ip
        .udp_lite(
            it.u16("sport")?.unwrap_or(DEFAULT_UDP_PORTS.0),
            it.u16("dport")?.unwrap_or(DEFAULT_UDP_PORTS.1),
        )
        .coverage(it.u16("cscov")?.unwrap_or(0))
        .payload(&carried.bytes);
    if let Some(sum) = it.u16("chksum")? {
        udp = udp.checksum(sum);
    }
    let datagram = without_ip(udp.try_build().map_err(refused(&it))?, at);
    carried.wrap(datagram, Protocol::UDP_LITE);
    Ok(())
}

/// RFC 2784 §2, RFC 2890 §2.
fn build_gre(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let ether_type = match carried.protocol() {
        Protocol::IPV6 => EtherType::IPV6,
        _ => EtherType::IPV4,
    };
    let ether_type = it.u16("proto")?.map_or(ether_type, EtherType);
    let mut gre = at
        .builder()
        .gre()
        .protocol(ether_type)
        .version(it.bits("version", 7)?.unwrap_or(0))
        .payload(&carried.bytes);
    if let Some(value) = it.value("chksum") {
        gre = match &value.kind {
            ValueKind::Word(word) if word.eq_ignore_ascii_case("auto") => gre.with_checksum(),
            _ => gre.checksum(argument::u16(value)?),
        };
    }
    if let Some(key) = it.u32("key")? {
        gre = gre.key(key);
    }
    if let Some(sequence) = it.u32("seq")? {
        gre = gre.sequence(sequence);
    }
    let packet = without_ip(gre.try_build().map_err(refused(&it))?, at);
    carried.wrap(packet, Protocol::GRE);
    Ok(())
}

/// RFC 9260 §3: a common header, then chunks, each filled up to 4 bytes.
fn build_sctp(it: Arguments<'_>, at: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let mut chunks = Vec::new();
    for chunk in it.list("chunks") {
        write_chunk(chunk, &mut chunks)?;
        argument::check_len(chunks.len(), chunk.at)?;
    }
    chunks.append(&mut carried.bytes);
    let mut sctp = at
        .builder()
        .sctp(it.u16("sport")?.unwrap_or(0), it.u16("dport")?.unwrap_or(0))
        .verification_tag(it.u32("tag")?.unwrap_or(0))
        .payload(&chunks);
    if let Some(sum) = it.u32("chksum")? {
        sctp = sctp.checksum(sum);
    }
    let packet = without_ip(sctp.try_build().map_err(refused(&it))?, at);
    carried.wrap(packet, Protocol::SCTP);
    Ok(())
}

fn write_chunk(value: &Value, chunks: &mut Vec<u8>) -> Result<(), Problem> {
    let ValueKind::Call(call) = &value.kind else {
        chunks.extend(argument::bytes(value)?);
        return Ok(());
    };
    if call.name != "chunk" {
        return Err(Problem::expected(value.at, "chunk(type, flags, data)"));
    }
    let it = Arguments::new(call, &["type", "flags", "data", "len"])?;
    let chunk = SctpChunk {
        chunk_type: it.read("type", named)?.unwrap_or(SctpChunkType::DATA),
        flags: it.u8("flags")?.unwrap_or(0),
        value: &it.bytes("data")?,
    };
    let len = it.u16("len")?;
    if len.is_none() {
        chunk.check().map_err(refused(&it))?;
    }
    let start = chunks.len();
    chunks.resize(start + chunk.encoded_len(), 0);
    chunk.write(&mut chunks[start..]);
    if let Some(len) = len {
        chunks[start + 2..start + 4].copy_from_slice(&len.to_be_bytes());
    }
    Ok(())
}
