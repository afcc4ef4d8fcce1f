//! `cargo xtask mutants`: whether tests notice it when the code is changed.

use crate::steps::{Steps, cargo};
use anyhow::{Result, bail};
use std::process::Stdio;

/// A package, the features to build it with and the tests that are to notice.
const SUITES: &[(&str, &[&str])] = &[
    // AWS-LC is code of ours too, if little.
    (
        "wirecraft-noise-handshake",
        &["--features", "probe", "--", "--lib", "--tests"],
    ),
    // The fallback builds faster; the tests that search memory take long and look for nothing else.
    (
        "wirecraft-tunnel",
        &["--no-default-features", "--", "--lib", "--test", "device"],
    ),
];

/// Runs cargo-mutants on the crates of the protocol, or on `PACKAGE` alone; options as `--shard 0/4` are
/// passed on. What is left out, and why, is in `.cargo/mutants.toml`.
///
/// # Errors
/// When a mutant survives, or cargo-mutants is not installed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let installed = cargo(["mutants", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        bail!("`cargo install --locked cargo-mutants` installs what is missing");
    }
    let (package, options) = match arguments.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (Some(first.as_str()), rest),
        _ => (None, arguments),
    };
    let wanted = |name: &str| package.is_none_or(|package| package == name);
    let mut steps = Steps::new();
    for (name, tests) in SUITES.iter().filter(|(name, _)| wanted(name)) {
        let mut mutants = cargo(["mutants", "--package", name, "--timeout", "150"]);
        mutants.args(["--cap-lints", "true"]);
        // A build is most of the time of a mutant, its debug information most of a build.
        mutants.env("CARGO_PROFILE_DEV_DEBUG", "0");
        mutants.args(options).args(*tests);
        steps.command(name, mutants);
    }
    steps.finish()
}
