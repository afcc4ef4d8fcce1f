//! TCP, UDP, UDP-Lite, GRE and SCTP.

use alloc::vec::Vec;

use super::argument::{self, Arguments, flags};
use super::build::{Addresses, Carried, Layer, refused};
use super::error::Problem;
use super::options;
use super::syntax::{Value, ValueKind};
use crate::checksum::checksum;
use crate::{Crc32c, Protocol, TcpFlags};

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

/// Takes the IP header off that a layer was built with.
fn without_ip(mut packet: Vec<u8>, at: &Addresses) -> Vec<u8> {
    packet.drain(..at.header_len());
    packet
}

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
    if let Some(mss) = it.u16("mss")? {
        out.extend([2, 4]);
        out.extend(mss.to_be_bytes());
    }
    if it.bits("sackok", 1)? == Some(1) {
        out.extend([4, 2]);
    }
    if it.value("ts").is_some() {
        let mut values = it.list("ts").iter().map(argument::u32);
        let value = values.next().transpose()?.unwrap_or(0);
        let echo = values.next().transpose()?.unwrap_or(0);
        out.extend([8, 10]);
        out.extend(value.to_be_bytes());
        out.extend(echo.to_be_bytes());
    }
    if let Some(shift) = it.u8("wscale")? {
        out.extend([1, 3, 3, shift]);
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
    let covered = it.u16("cscov")?.unwrap_or(0);
    let mut datagram = Vec::new();
    datagram.extend(
        it.u16("sport")?
            .unwrap_or(DEFAULT_UDP_PORTS.0)
            .to_be_bytes(),
    );
    datagram.extend(
        it.u16("dport")?
            .unwrap_or(DEFAULT_UDP_PORTS.1)
            .to_be_bytes(),
    );
    datagram.extend(covered.to_be_bytes());
    datagram.extend([0; 2]);
    datagram.extend(&carried.bytes);
    let len = match usize::from(covered) {
        0 => datagram.len(),
        covered => covered.min(datagram.len()),
    };
    // The pseudo header has the whole length, whatever is covered.
    let sum = at.pseudo_header().sum(Protocol::UDP_LITE, datagram.len());
    let sum = match sum.add_bytes(&datagram[..len]).finish() {
        0 => 0xffff,
        sum => sum,
    };
    let sum = it.u16("chksum")?.unwrap_or(sum);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    carried.wrap(datagram, Protocol::UDP_LITE);
    Ok(())
}

/// RFC 2784 §2, RFC 2890 §2: each optional word has a flag.
fn build_gre(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let (has_sum, key, seq) = (it.value("chksum"), it.u32("key")?, it.u32("seq")?);
    let flags = u8::from(has_sum.is_some()) << 7
        | u8::from(key.is_some()) << 5
        | u8::from(seq.is_some()) << 4;
    let ether_type: u16 = match carried.protocol() {
        Protocol::IPV6 => 0x86dd,
        _ => 0x0800,
    };
    let mut packet = alloc::vec![flags, it.bits("version", 7)?.unwrap_or(0)];
    packet.extend(it.u16("proto")?.unwrap_or(ether_type).to_be_bytes());
    if has_sum.is_some() {
        packet.extend([0; 4]);
    }
    packet.extend(key.iter().chain(&seq).flat_map(|word| word.to_be_bytes()));
    packet.extend(&carried.bytes);
    if let Some(value) = has_sum {
        let sum = sum_or_auto(value, || checksum(&packet))?;
        packet[4..6].copy_from_slice(&sum.to_be_bytes());
    }
    carried.wrap(packet, Protocol::GRE);
    Ok(())
}

/// Reads a checksum, or computes it where the word `auto` stands.
fn sum_or_auto(value: &Value, compute: impl FnOnce() -> u16) -> Result<u16, Problem> {
    match &value.kind {
        ValueKind::Word(word) if word.eq_ignore_ascii_case("auto") => Ok(compute()),
        _ => argument::u16(value),
    }
}

/// RFC 9260 §3: a common header, then chunks, each filled up to 4 bytes.
fn build_sctp(it: Arguments<'_>, _: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let mut packet = Vec::new();
    packet.extend(it.u16("sport")?.unwrap_or(0).to_be_bytes());
    packet.extend(it.u16("dport")?.unwrap_or(0).to_be_bytes());
    packet.extend(it.u32("tag")?.unwrap_or(0).to_be_bytes());
    packet.extend([0; 4]);
    for chunk in it.list("chunks") {
        write_chunk(chunk, &mut packet)?;
        argument::check_len(packet.len(), chunk.at)?;
    }
    packet.extend(&carried.bytes);
    let sum = match it.u32("chksum")? {
        Some(sum) => sum,
        None => Crc32c::new().add_bytes(&packet).finish(),
    };
    // The low byte comes first. RFC 9260 appendix A.
    packet[8..12].copy_from_slice(&sum.to_le_bytes());
    carried.wrap(packet, Protocol::SCTP);
    Ok(())
}

fn write_chunk(value: &Value, packet: &mut Vec<u8>) -> Result<(), Problem> {
    let ValueKind::Call(call) = &value.kind else {
        packet.extend(argument::bytes(value)?);
        return Ok(());
    };
    if call.name != "chunk" {
        return Err(Problem::expected(value.at, "chunk(type, flags, data)"));
    }
    let it = Arguments::new(call, &["type", "flags", "data", "len"])?;
    let data = it.bytes("data")?;
    let len = match it.u16("len")? {
        Some(len) => len,
        None => u16::try_from(data.len() + 4)
            .map_err(|_| Problem::expected(value.at, "a chunk of at most 65535 bytes"))?,
    };
    packet.extend([it.u8("type")?.unwrap_or(0), it.u8("flags")?.unwrap_or(0)]);
    packet.extend(len.to_be_bytes());
    packet.extend(&data);
    packet.resize(packet.len().next_multiple_of(4), 0);
    Ok(())
}
