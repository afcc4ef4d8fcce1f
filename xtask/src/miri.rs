//! `cargo xtask miri`: tests in an interpreter that sees undefined behaviour.
//!
//! There is no `unsafe` in what is interpreted; what it shows is that the libraries below are used as
//! they want to be.

use crate::steps::Steps;
use anyhow::{Result, bail};
use std::process::{Command, Stdio};

/// What is interpreted: a package, then arguments of `cargo test`. Vectors are left out and random
/// sequences cut short, an interpreter takes hours for them; `tests/README.md` says which.
const SUITES: &[&str] = &[
    "wirecraft-wire-format",
    "wirecraft-noise-handshake --no-default-features --lib -- \
     --skip wycheproof --skip hmac_equals --skip transcripts --skip initiation",
    "wirecraft-tunnel --no-default-features --lib -- replay allowed_ips",
    "wirecraft-tunnel --no-default-features --test models",
];

/// Runs the suites with the nightly toolchain.
///
/// # Errors
/// When a test fails, or miri is not installed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask miri");
    }
    if !is_installed() {
        bail!("`rustup component add miri rust-src --toolchain nightly` installs what is missing");
    }
    let mut steps = Steps::new();
    for suite in SUITES {
        // The cargo that runs this task belongs to one toolchain; rustup chooses the other.
        let mut miri = Command::new("cargo");
        miri.env_remove("RUSTUP_TOOLCHAIN");
        miri.env("MIRIFLAGS", "-Zmiri-disable-isolation");
        miri.args(["+nightly", "miri", "test", "--package"]);
        miri.args(suite.split_whitespace());
        steps.command(suite, miri);
    }
    steps.finish()
}

fn is_installed() -> bool {
    let asked = Command::new("cargo")
        .env_remove("RUSTUP_TOOLCHAIN")
        .args(["+nightly", "miri", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}
