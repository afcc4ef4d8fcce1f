//! `cargo xtask dudect`: whether what handles secrets takes the same time for all of them.

use crate::steps::{Steps, cargo};
use anyhow::Result;

/// Runs the measuring program; `--samples N` says how many times each operation is timed.
///
/// # Errors
/// When an operation's time depends on a secret, or the program does not build.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut steps = Steps::new();
    measure(&mut steps, arguments);
    steps.finish()
}

/// The same as a step of another task.
pub(crate) fn measure(steps: &mut Steps, arguments: &[String]) {
    let mut dudect = cargo(["run", "--quiet", "--profile", "harness"]);
    dudect.args(["--package", "wirecraft-benches", "--bin", "dudect", "--"]);
    dudect.args(arguments);
    steps.command("times that depend on no secret", dudect);
}
