//! `cargo xtask aead-table`: the AEAD by its paths and by the libraries, and its targets.

use super::rates::{Limit, Options, Page, Rates, Row, Target, greatest, least};
use anyhow::Result;
use std::fmt::Write as _;

const USAGE: &str = "usage: cargo xtask aead-table [--runs N] [--check]";

const LIBRARIES: [&str; 3] = ["ring", "aws-lc-rs", "RustCrypto"];

const VECTOR_PATHS: [&str; 2] = ["avx512", "avx2"];

/// The fewest packets of a full batch.
const FULL: u32 = 16;

/// Measures, prints the tables and writes `docs/benchmarks/aead.md`.
///
/// # Errors
/// When the program does not build or fails, or a target was missed and that was asked.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let page = Page {
        word: "aead",
        title: "The AEAD alone, in place",
        command: "cargo xtask aead-table",
        file: "aead.md",
        targets,
        tables,
    };
    page.make(&Options::parse(arguments, USAGE)?)
}

fn targets(rates: &Rates) -> Vec<Target> {
    let mut targets = Vec::new();
    for (code, len, limit) in [
        ("avx512", "64", 45.0),
        ("avx512", "256", 110.0),
        ("avx512", "1420", 460.0),
        ("avx2", "64", 85.0),
    ] {
        let times = rates.rows(len, code, |batch| batch >= FULL);
        targets.push(Target {
            what: format!("{code}, {len} B, full batches of 16 or more, ns a packet"),
            limit: Limit::AtMost(limit),
            found: greatest(full_registers(times).map(|row| row.time)),
        });
    }
    for code in VECTOR_PATHS {
        let of_group = |group| {
            let rows = rates.rows(group, code, |batch| batch >= FULL);
            let rows = rows.filter(|(key, _)| key.work == "open");
            greatest(rows.filter_map(|(_, row)| Some(1.0 / row.ratios.get("seal")?)))
        };
        targets.push(Target {
            what: format!("{code}, opening against sealing, batches of 16 or more, time"),
            limit: Limit::AtMost(1.15),
            found: greatest(rates.groups().into_iter().filter_map(of_group)),
        });
        let of_group = |group| {
            let rows = rates.rows(group, code, |_| true);
            least(rows.filter_map(|(_, row)| row.ratios.get("single").copied()))
        };
        targets.push(Target {
            what: format!("{code}, any batch, against one packet after the other, speed"),
            limit: Limit::AtLeast(0.95),
            found: least(rates.groups().into_iter().filter_map(of_group)),
        });
    }
    targets
}

/// Those of batches without a rest.
fn full_registers<'a>(
    rows: impl Iterator<Item = (&'a super::rates::Key, &'a Row)>,
) -> impl Iterator<Item = &'a Row> {
    rows.filter(|(key, _)| key.batch.is_multiple_of(FULL))
        .map(|(_, row)| row)
}

/// What AWS-LC took for a packet of 64 bytes where the limits in nanoseconds were set.
const REFERENCE: f64 = 170.0;

/// How fast the machine was.
fn state(rates: &Rates) -> String {
    let mut rows = rates.rows("64", "aws-lc-rs", |_| true);
    let time = rows.next().map_or(f64::NAN, |(_, row)| row.time);
    format!(
        "\nThe limits in nanoseconds are of a machine on which AWS-LC seals 64 bytes in {REFERENCE:.0} ns; here it took \
         {time:.0}.\n"
    )
}

fn tables(rates: &Rates) -> String {
    let mut text = state(rates);
    text.push_str(
        "\nNanoseconds a packet and how many times as fast as others, sealing / opening; the libraries and\n\
         `single`, by which AWS-LC works on each packet, take one at a time.\n",
    );
    for group in rates.groups() {
        let unit = if group.bytes().all(|it| it.is_ascii_digit()) {
            " bytes"
        } else {
            " of two packets of 1420 bytes and one of 64"
        };
        let _ = write!(
            text,
            "\n## {group}{unit}\n\n| | at once | ns | × single | × ring | × aws-lc-rs | × RustCrypto |\n\
             |---|---|---|---|---|---|---|\n"
        );
        for code in VECTOR_PATHS.into_iter().chain(["single"]).chain(LIBRARIES) {
            let rows: Vec<_> = rates.rows(group, code, |_| true).collect();
            for pair in rows.chunks_exact(2) {
                let (batch, rows) = (pair[0].0.batch, [pair[0].1, pair[1].1]);
                let _ = write!(text, "| {code} | {batch} | {} |", times(rows));
                for rival in ["single", "ring", "aws-lc-rs", "RustCrypto"] {
                    let _ = write!(text, " {} |", ratios(rows, rival));
                }
                text.push('\n');
            }
        }
    }
    text
}

fn times(rows: [&Row; 2]) -> String {
    let [seal, open] = rows.map(|row| row.time);
    format!("{seal:.0} / {open:.0}")
}

fn ratios(rows: [&Row; 2], rival: &str) -> String {
    match rows.map(|row| row.ratios.get(rival)) {
        [Some(seal), Some(open)] => format!("{seal:.2} / {open:.2}"),
        _ => String::new(),
    }
}
