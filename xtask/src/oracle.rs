//! `cargo xtask oracle`: packets that are built here, read by tshark and tcpdump.

use crate::steps::{Steps, cargo};
use anyhow::Result;

/// Builds the oracle and runs it; it reads the options by itself.
///
/// # Errors
/// When it does not build, or a reader found something wrong.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let mut oracle = cargo(["run", "--quiet"]);
    oracle.args(["--package", "wirecraft-testing", "--bin", "oracle", "--"]);
    oracle.args(arguments);
    let mut steps = Steps::new();
    steps.command("oracle", oracle);
    steps.finish()
}
