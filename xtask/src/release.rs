//! `cargo xtask release`: what takes long and is needed once a release.

use crate::aead_tests;
use crate::steps::{Steps, cargo};
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Crate of the implementation in Rust that interop and the benchmarks compare with.
const BORINGTUN: &str = "boringtun-cli";

/// Runs the checks of a release.
///
/// # Errors
/// When a step failed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        bail!("usage: cargo xtask release");
    }
    let workspace = Workspace::load()?;
    let mut steps = Steps::new();
    install_subcommand(&mut steps, "deny");
    steps.command(
        "licences and sources",
        cargo(["deny", "check", "bans", "licenses", "sources"]),
    );
    semver(&mut steps);
    steps.check("rivals", "cargo xtask release", || {
        install_boringtun(&workspace.target).map(drop)
    });
    aead_tests::ways_to_build(&mut steps);
    aead_tests::every_length(&mut steps);
    crate::dudect::measure(&mut steps, &[]);
    steps.command("packets by tshark and tcpdump", cargo(["xtask", "oracle"]));
    packaging(&mut steps, &workspace);
    steps.finish()
}

/// Builds boringtun under the target directory, unless that was done before; answers where it is.
///
/// # Errors
/// When `cargo install` fails.
pub(crate) fn install_boringtun(target: &Path) -> Result<PathBuf> {
    install_rival(target, BORINGTUN, BORINGTUN)
}

/// Builds `program` of `package` under the target directory, unless that was done before; answers where
/// it is.
///
/// # Errors
/// When `cargo install` fails.
pub(crate) fn install_rival(target: &Path, package: &str, program: &str) -> Result<PathBuf> {
    let root = target.join("rivals");
    let path = root.join("bin").join(program);
    if path.is_file() {
        return Ok(path);
    }
    eprintln!("building {package}, once");
    let status = cargo(["install", package, "--locked", "--root"])
        .arg(&root)
        .status()?;
    if !status.success() {
        bail!("cargo install {package}: {status}");
    }
    Ok(path)
}

fn install_subcommand(steps: &mut Steps, name: &str) {
    if !is_installed(name) {
        let package = format!("cargo-{name}");
        let install = cargo(["install", "--locked", &package]);
        steps.command(&format!("install {package}"), install);
    }
}

fn is_installed(subcommand: &str) -> bool {
    let status = cargo([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// Compares the public API with the newest published version.
fn semver(steps: &mut Steps) {
    let name = "API changes";
    let published = cargo(["info", "--registry", "crates-io", "wirecraft"])
        .current_dir(std::env::temp_dir())
        .output();
    if !published.is_ok_and(|output| output.status.success()) {
        steps.skip(name, "no version of wirecraft is published to compare with");
        return;
    }
    install_subcommand(steps, "semver-checks");
    steps.command(name, cargo(["semver-checks", "--workspace"]));
}

/// Packs every package that gets published; each is built from its own archive.
fn packaging(steps: &mut Steps, workspace: &Workspace) {
    let mut publish = cargo(["publish", "--dry-run", "--allow-dirty"]);
    for package in workspace
        .packages
        .iter()
        .filter(|package| package.is_published)
    {
        publish.args(["--package", &package.name]);
    }
    steps.command("packaging", publish);
}
