//! `cargo xtask aead-table`: what the bench `batch_aead` found, a packet's time and its ratios in rows.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const PATHS: [&str; 3] = ["single", "avx2", "avx512"];

const LIBRARIES: [&str; 3] = ["ring", "aws-lc-rs", "RustCrypto"];

/// The batch that the libraries were measured with; they take packet by packet.
const LIBRARY_BATCH: u32 = 16;

const BATCHES: [u32; 6] = [1, 4, 8, 16, 32, 64];

/// Prints the medians of the last run of each benchmark, whenever that was.
///
/// # Errors
/// When there was no run.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask aead-table");
    }
    let results = Workspace::load()?.target.join("criterion");
    let entries = fs::read_dir(&results);
    let entries = entries.with_context(|| format!("listing {}", results.display()))?;
    let mut groups: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("batch-aead_"))
        .collect();
    groups.sort_by_key(|name| (name.len(), name.clone()));
    if groups.is_empty() {
        bail!("no run: cargo bench --package wirecraft-benches --bench batch_aead -- --quick");
    }
    println!(
        "ns a packet; how many times as fast as the path single in such batches and as libraries"
    );
    for group in groups {
        print!("{}", table(&group, &results.join(&group)));
    }
    Ok(())
}

/// The rows of one direction and length.
fn table(name: &str, group: &Path) -> String {
    let libraries = LIBRARIES.map(|library| median(group, library, LIBRARY_BATCH));
    let mut text = format!("{name}\n");
    for path in PATHS {
        for batch in BATCHES {
            let Some(time) = median(group, path, batch) else {
                continue;
            };
            let _ = write!(text, "  {path:<6} {batch:>2} {time:>8.1} ns");
            let single = ("single", median(group, "single", batch));
            for (rival, its) in [single]
                .into_iter()
                .chain(LIBRARIES.into_iter().zip(libraries))
            {
                if let Some(its) = its {
                    let _ = write!(text, "  {:>5.2} x {rival}", its / time);
                }
            }
            text.push('\n');
        }
    }
    text
}

/// The median time of a packet in nanoseconds, if it was measured.
fn median(group: &Path, code: &str, batch: u32) -> Option<f64> {
    let file = group.join(code).join(batch.to_string());
    let text = fs::read(file.join("new/estimates.json")).ok()?;
    let estimates: Value = serde_json::from_slice(&text).ok()?;
    let of_batch = estimates["median"]["point_estimate"].as_f64()?;
    Some(of_batch / f64::from(batch))
}
