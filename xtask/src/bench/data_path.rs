//! `cargo xtask bench data-path`: the library data path and handshakes, beside other libraries.

use super::rates::{Key, Limit, Options, Page, Rates, Row, Target, least};
use anyhow::Result;
use std::fmt::Write as _;

const USAGE: &str = "usage: cargo xtask bench data-path [--runs N] [--check]";

const RIVALS: [&str; 2] = ["boringtun", "gotatun"];

/// Measures, prints the tables and writes `docs/benchmarks/data_path.md`.
///
/// # Errors
/// When the program does not build or fails, or a target was missed and that was asked.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let page = Page {
        word: "data-path",
        title: "The library data path, one thread, both ends",
        command: "cargo xtask bench data-path",
        file: "data_path.md",
        targets,
        tables,
    };
    page.make(&Options::parse(arguments, USAGE)?)
}

/// A target for the ratios to some rivals.
struct Ratio {
    code: &'static str,
    group: &'static str,
    batch: u32,
    rivals: &'static [&'static str],
    limit: f64,
}

const RATIOS: [Ratio; 11] = [
    to("avx512", "64", 32, &RIVALS, 3.0),
    to("avx512", "1420", 32, &RIVALS, 1.6),
    to("avx2", "64", 32, &RIVALS, 1.7),
    to("avx2", "1420", 32, &RIVALS, 1.0),
    to("single", "1420", 32, &RIVALS, 1.0),
    to("avx512", "64", 1, &["boringtun"], 1.0),
    to("avx512", "512", 1, &["boringtun"], 1.0),
    to("avx512", "1420", 1, &["boringtun"], 1.0),
    to("single", "64", 1, &["boringtun"], 1.0),
    to("single", "1420", 1, &["boringtun"], 1.0),
    to("wirecraft", "handshake", 1, &["boringtun"], 1.8),
];

const fn to(
    code: &'static str,
    group: &'static str,
    batch: u32,
    rivals: &'static [&'static str],
    limit: f64,
) -> Ratio {
    Ratio {
        code,
        group,
        batch,
        rivals,
        limit,
    }
}

fn targets(rates: &Rates) -> Vec<Target> {
    let target = |ratio: &Ratio| {
        let mut rows = rates.rows(ratio.group, ratio.code, |batch| batch == ratio.batch);
        let row = rows.next().map(|(_, row)| row);
        let of_rival = |rival: &&str| row?.ratios.get(*rival).copied();
        Target {
            what: match ratio.group {
                "handshake" => format!("handshakes against {}", ratio.rivals.join(" and ")),
                len => format!(
                    "{}, {len} B, {} at once, against {}",
                    ratio.code,
                    ratio.batch,
                    ratio.rivals.join(" and ")
                ),
            },
            limit: Limit::AtLeast(ratio.limit),
            found: least(ratio.rivals.iter().filter_map(of_rival)),
        }
    };
    RATIOS.iter().map(target).collect()
}

fn tables(rates: &Rates) -> String {
    let mut text = String::from(
        "\nRouting, sealing, carrying over, opening, validating; how many times as fast as others. What is\n\
         named after a path is wirecraft. The others take one packet at a time. Ours copies datagrams from\n\
         one end to the other, as a socket would; the others are handed them where they lie.\n",
    );
    for group in rates.groups() {
        let (title, unit) = match group {
            "handshake" => ("Handshakes".to_owned(), "µs"),
            len => (format!("{len} bytes"), "ns a packet"),
        };
        let _ = write!(
            text,
            "\n## {title}\n\n| | at once | {unit} | × boringtun | × gotatun |\n|---|---|---|---|---|\n"
        );
        for (key, row) in rates.0.iter().filter(|(key, _)| key.group == group) {
            let _ = writeln!(text, "{}", line(key, row));
        }
    }
    text
}

fn line(key: &Key, row: &Row) -> String {
    let time = match key.group.as_str() {
        "handshake" => row.time / 1000.0,
        _ => row.time,
    };
    let mut line = format!("| {} | {} | {time:.0} |", key.code, key.batch);
    for rival in RIVALS {
        let ratio = row.ratios.get(rival);
        let _ = match ratio {
            Some(ratio) => write!(line, " {ratio:.2} |"),
            None => write!(line, " |"),
        };
    }
    line
}
