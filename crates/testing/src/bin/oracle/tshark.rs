//! What tshark reads.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::fields::{COMPARED, Fields, SUMS};
use crate::{Difference, Sample, groups, messages, output, tcp_options};

/// Every checksum is verified, and nothing is put together or made relative.
const PREFERENCES: &[&str] = &[
    "ip.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "udplite.check_checksum:TRUE",
    "sctp.checksum:CRC 32c",
    "ip.defragment:FALSE",
    "ipv6.defragment:FALSE",
    "tcp.analyze_sequence_numbers:FALSE",
    "tcp.relative_sequence_numbers:FALSE",
    "tcp.desegment_tcp_streams:FALSE",
];

/// What must not be there at all.
const COMPLAINTS: &[&str] = &["_ws.malformed", "_ws.unreassembled", "_ws.short"];

pub(crate) fn check(file: &Path, samples: &[Sample]) -> Result<Vec<Difference>> {
    let guesses = guesses()?;
    let mut arguments = vec!["-n", "-T", "json"];
    for preference in PREFERENCES {
        arguments.extend(["-o", preference]);
    }
    for guess in &guesses {
        arguments.extend(["--disable-protocol", guess]);
    }
    for field in asked() {
        arguments.extend(["-e", field]);
    }
    let text = output("tshark", &arguments, file)?;
    let read: Vec<Value> = serde_json::from_str(&text).context("tshark printed no JSON")?;
    anyhow::ensure!(
        read.len() == samples.len(),
        "tshark read {} packets of {}",
        read.len(),
        samples.len()
    );
    let mut differences = Vec::new();
    for (index, (sample, read)) in samples.iter().zip(&read).enumerate() {
        for says in compare(&sample.bytes, &read["_source"]["layers"]) {
            let packet = index + 1;
            differences.push(Difference { packet, says });
        }
    }
    Ok(differences)
}

/// What there is as often as tshark finds it: an option or a record that nobody here read shows.
const COUNTED: &[&str] = &[
    "ip.opt.type",
    "ipv6.opt.type",
    "tcp.option_kind",
    "icmpv6.opt.type",
    "icmp.ext.class",
    "igmp.maddr",
    "icmpv6.mldr.mar.record_type",
    "sctp.chunk_type",
];

/// Returns the names of all fields that are asked for.
fn asked() -> impl Iterator<Item = &'static str> {
    let lists = [
        COMPARED,
        messages::COMPARED,
        groups::COMPARED,
        COUNTED,
        tcp_options::COMPARED,
        SUMS.as_flattened(),
        COMPLAINTS,
    ];
    lists.into_iter().flatten().copied()
}

/// Returns the protocols that tshark would guess from payloads, which here mean nothing.
fn guesses() -> Result<Vec<String>> {
    let mut command = std::process::Command::new("tshark");
    let output = command.args(["-G", "heuristic-decodes"]).output();
    let text = output.context("cannot run tshark")?.stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    let guessed = text.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        let (parent, name) = (columns.next()?, columns.next()?);
        matches!(parent, "udp" | "tcp" | "sctp" | "udplite").then(|| name.to_owned())
    });
    Ok(guessed
        .filter(|name| !BUILT.contains(&name.as_str()))
        .collect())
}

/// What is built here, and so is read.
const BUILT: &[&str] = &[
    "ip", "ipv6", "tcp", "udp", "udplite", "sctp", "icmp", "icmpv6", "gre",
];

fn compare(bytes: &[u8], theirs: &Value) -> Vec<String> {
    let mut says: Vec<String> = Vec::new();
    for field in COMPLAINTS {
        if !theirs[field].is_null() {
            says.push(format!("tshark: {field}"));
        }
    }
    let ours = Fields::of(bytes).0;
    for (index, (name, value)) in ours.iter().enumerate() {
        let nth = ours[..index]
            .iter()
            .filter(|(other, _)| other == name)
            .count();
        let their = values(theirs, name).nth(nth);
        if !their.is_some_and(|their| is_same(their, value)) {
            says.push(format!("{name} is {value}, by tshark {their:?}"));
        }
    }
    for name in COUNTED {
        let count = ours.iter().filter(|(other, _)| other == name).count();
        let theirs = values(theirs, name).count();
        if count != theirs {
            says.push(format!("{count} of {name}, by tshark {theirs}"));
        }
    }
    says
}

fn values<'a>(theirs: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    theirs[field]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Versions differ in how they write a flag, and in the zeros before a number.
fn is_same(their: &str, our: &str) -> bool {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let flag = |text: &str| match text {
        "True" => Some(1),
        "False" => Some(0),
        text => number(text),
    };
    their == our || flag(their).is_some_and(|it| Some(it) == flag(our))
}
