//! `cargo xtask bench packets`: packets read and written, and checksums, beside other libraries.

use super::rates::{Key, Limit, Options, Page, Rates, Row, Target};
use anyhow::Result;
use std::fmt::Write as _;

const USAGE: &str = "usage: cargo xtask bench packets [--runs N] [--check]";

const RIVALS: [&str; 3] = ["etherparse", "smoltcp", "pnet"];

/// Measures, prints the tables and writes `docs/benchmarks/packets.md`.
///
/// # Errors
/// When the program does not build or fails, or a target was missed and that was asked.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let page = Page {
        word: "packets",
        title: "Packets read and written, and checksums",
        command: "cargo xtask bench packets",
        file: "packets.md",
        targets,
        tables,
    };
    page.make(&Options::parse(arguments, USAGE)?)
}

fn targets(rates: &Rates) -> Vec<Target> {
    let row = |work, group| {
        let is_it = |key: &Key| key.work == work && key.group == group && key.code == "wirecraft";
        rates
            .0
            .iter()
            .find(|(key, _)| is_it(key))
            .map(|(_, row)| row)
    };
    let time = |row: Option<&Row>| row.map(|row| row.time);
    let ratio = |row: Option<&Row>, rival| row?.ratios.get(rival).copied();
    let (parsed, built) = (row("parse", "tcp-v4"), row("build", "tcp-v4"));
    let target = |what: &str, limit, found| Target {
        what: what.to_owned(),
        limit,
        found,
    };
    vec![
        target("parse TCP/IPv4, ns", Limit::AtMost(12.0), time(parsed)),
        target(
            "parse TCP/IPv4, against etherparse",
            Limit::AtLeast(2.0),
            ratio(parsed, "etherparse"),
        ),
        target("build TCP/IPv4, ns", Limit::AtMost(25.0), time(built)),
        target(
            "checksum of 1460 bytes, against smoltcp",
            Limit::AtLeast(1.0),
            ratio(row("checksum", "1460"), "smoltcp"),
        ),
    ]
}

fn tables(rates: &Rates) -> String {
    let mut text = String::from(
        "\nBuilt with fat LTO, which inlines the accessors of the other libraries; nanoseconds, and how many\n\
         times as fast as others.\n",
    );
    for work in ["parse", "build", "checksum"] {
        let _ = write!(
            text,
            "\n## {work}\n\n| | ns | × etherparse | × smoltcp | × pnet |\n|---|---|---|---|---|\n"
        );
        let rows = rates.0.iter();
        for (key, row) in rows.filter(|(key, _)| key.work == work && key.code == "wirecraft") {
            let _ = writeln!(text, "{}", line(key, row));
        }
    }
    text
}

fn line(key: &Key, row: &Row) -> String {
    let unit = if key.work == "checksum" { " bytes" } else { "" };
    let mut line = format!("| {}{unit} | {:.1} |", key.group, row.time);
    for rival in RIVALS {
        let _ = match row.ratios.get(rival) {
            Some(ratio) => write!(line, " {ratio:.2} |"),
            None => write!(line, " |"),
        };
    }
    line
}
