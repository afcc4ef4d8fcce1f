//! `cargo xtask bench`: the benchmarks of the workspace.

pub(crate) mod aead;
mod calls;
mod daemon;
mod data_path;
mod figures;
pub(crate) mod iperf;
mod machine;
mod packets;
mod ping;
mod program;
mod rates;
mod rootless;
mod tun;

use crate::steps::{Steps, cargo};
use crate::workspace::Workspace;
use anyhow::Result;

/// Runs the benchmarks whose name contains the filter; `--quick` gives up precision for time.
///
/// # Errors
/// When a benchmark does not build or fails.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some((task, rest)) = arguments.split_first() {
        match task.as_str() {
            "tun" => return tun::run(rest),
            "data-path" => return data_path::run(rest),
            "packets" => return packets::run(rest),
            "rootless" => return rootless::run(rest),
            _ => {}
        }
    }
    if arguments.first().is_some_and(|task| task == "scan") {
        let mut steps = Steps::new();
        let run = "run --quiet --profile harness --package wirecraft-benches --bin scan-rate";
        steps.command("scan rate", cargo(run.split(' ')));
        return steps.finish();
    }
    let workspace = Workspace::load()?;
    let mut bench = cargo(["bench", "--package", "wirecraft-benches"]);
    bench.arg("--").args(arguments);
    let mut steps = Steps::new();
    steps.command("benchmarks", bench);
    steps.finish()?;
    let results = workspace.target.join("criterion");
    eprintln!("results: {}", results.display());
    Ok(())
}
