//! `cargo xtask scale`: one endpoint with ten thousand peers; `tests/scale` says what is measured.

use crate::flood::build;
use anyhow::{Context as _, Result, ensure};
use std::process::Command;

/// Measures; the arguments go to the program as they are.
///
/// # Errors
/// When a target was missed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let program = build("scale")?;
    let mut scale = Command::new(program);
    let status = scale.args(arguments).status();
    let status = status.context("starting the program")?;
    ensure!(status.success(), "not every target was met");
    Ok(())
}
