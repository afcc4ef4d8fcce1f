//! `cargo xtask simulate`: devices on a bad simulated network.

use crate::steps::{Steps, cargo};
use anyhow::Result;

/// Builds the simulator optimised and runs it; it reads the options by itself.
///
/// # Errors
/// When it does not build, or found something that must not be.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut simulate = cargo(["run", "--quiet", "--profile", "harness"]);
    simulate.args(["--package", "wirecraft-testing", "--bin", "simulate", "--"]);
    simulate.args(arguments);
    let mut steps = Steps::new();
    steps.command("simulation", simulate);
    steps.finish()
}
