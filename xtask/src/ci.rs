//! `cargo xtask ci`: everything a change must pass.

mod arrows;
mod rules;
mod sources;
mod units;

use crate::aead_tests;
use crate::steps::{Steps, cargo};
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::process::Stdio;

/// Packages whose default features are switched off once, so that both ways compile.
const WITH_AND_WITHOUT_DEFAULTS: &[&str] = &[
    "wirecraft-batch-aead",
    "wirecraft-ip-packets",
    "wirecraft-noise-handshake",
    "wirecraft-tunnel",
];

/// Features of packages that nothing else of the workspace builds alone.
const FEATURES_ALONE: &[(&str, &str)] = &[
    ("wirecraft-batch-aead", "aws-lc"),
    ("wirecraft-batch-aead", "batch"),
    ("wirecraft-ip-packets", "alloc"),
    ("wirecraft-ip-packets", "pcap"),
    ("wirecraft-ip-packets", "serde"),
];

/// Packages that must compile where there is no standard library.
const WITHOUT_STD: &[&str] = &[
    "wirecraft-time",
    "wirecraft-wire-format",
    "wirecraft-batch-aead",
    "wirecraft-noise-handshake",
    "wirecraft-ip-packets",
];

/// A target without `std`, tried where the toolchain has it.
const BARE_TARGET: &str = "x86_64-unknown-none";

/// The package with the system calls, which differ from machine to machine and from C library to C library.
const OF_THE_SYSTEM: &str = "wirecraft-net";

/// Targets with another C library and with another machine, tried where the toolchain has them. Nothing is
/// linked, and without its default features no C is compiled.
const OTHER_TARGETS: &[&str] = &["x86_64-unknown-linux-musl", "i686-unknown-linux-gnu"];

/// Runs the checks; `--no-tests` leaves out `cargo test`.
///
/// # Errors
/// When a step failed or the arguments are wrong.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let with_tests = match arguments {
        [] => true,
        [only] if only == "--no-tests" => false,
        _ => bail!("usage: cargo xtask ci [--no-tests]"),
    };
    let workspace = Workspace::load()?;
    let mut steps = Steps::new();
    steps.command("format", cargo(["fmt", "--all", "--check"]));
    house_rules(&mut steps, &workspace);
    lints(&mut steps);
    bare_target(&mut steps);
    other_targets(&mut steps);
    if with_tests {
        steps.command("tests", cargo(["test", "--workspace"]));
        let package = "wirecraft-ip-packets";
        let test = cargo(["test", "--package", package, "--all-features"]);
        steps.command(&format!("tests, {package} with all features"), test);
        aead_tests::ways_to_build(&mut steps);
    }
    let mut docs = cargo(["doc", "--workspace", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "-D warnings");
    steps.command("docs", docs);
    licences(&mut steps);
    steps.finish()
}

/// Checks that read the sources and the manifests and build nothing.
fn house_rules(steps: &mut Steps, workspace: &Workspace) {
    let rerun = "cargo xtask ci --no-tests";
    steps.check("crate arrows", rerun, || arrows::check(workspace));
    steps.check("protocol rules have tests", rerun, || {
        rules::check(workspace)
    });
    steps.check("unsafe stays in its crates", rerun, || {
        sources::unsafe_stays_in_its_crates(workspace)
    });
    steps.check("length of files", rerun, || {
        sources::files_are_short(workspace)
    });
    steps.check("unit files name interfaces as they are", rerun, || {
        units::name_interfaces_as_they_are(workspace)
    });
}

fn lints(steps: &mut Steps) {
    steps.command(
        "clippy",
        cargo("clippy --locked --workspace --all-targets -- -D warnings".split(' ')),
    );
    for package in WITH_AND_WITHOUT_DEFAULTS {
        let mut clippy = cargo(["clippy", "--package", package]);
        clippy.args("--no-default-features --all-targets -- -D warnings".split(' '));
        steps.command(&format!("clippy, {package} without features"), clippy);
    }
    for (package, feature) in FEATURES_ALONE {
        let mut clippy = cargo(["clippy", "--package", package, "--no-default-features"]);
        clippy.args(["--features", feature]);
        clippy.args("--all-targets -- -D warnings".split(' '));
        steps.command(&format!("clippy, {package} with {feature} alone"), clippy);
    }
}

/// Compiles the `no_std` packages for a target that has no `std`, where one is installed.
fn bare_target(steps: &mut Steps) {
    let name = "build without std";
    if !target_is_installed(BARE_TARGET) {
        let reason = format!("`rustup target add {BARE_TARGET}` makes it run");
        steps.skip(name, &reason);
        return;
    }
    let mut check = cargo(["check", "--no-default-features", "--target", BARE_TARGET]);
    for package in WITHOUT_STD {
        check.args(["--package", package]);
    }
    steps.command(name, check);
}

/// Compiles the system calls for other targets, where they are installed.
fn other_targets(steps: &mut Steps) {
    for target in OTHER_TARGETS {
        let name = format!("check for {target}");
        if !target_is_installed(target) {
            let reason = format!("`rustup target add {target}` makes it run");
            steps.skip(&name, &reason);
            continue;
        }
        let mut check = cargo(["check", "--no-default-features", "--target", target]);
        check.args(["--package", OF_THE_SYSTEM]);
        steps.command(&name, check);
    }
}

fn target_is_installed(target: &str) -> bool {
    let output = std::process::Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output();
    output.is_ok_and(|output| {
        let directory = String::from_utf8_lossy(&output.stdout);
        std::path::Path::new(directory.trim()).is_dir()
    })
}

fn licences(steps: &mut Steps) {
    let name = "licences and sources";
    let installed = cargo(["deny", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if installed.is_ok_and(|status| status.success()) {
        steps.command(
            name,
            cargo(["deny", "check", "bans", "licenses", "sources"]),
        );
    } else {
        steps.skip(
            name,
            "cargo-deny is not installed; `cargo xtask release` installs it",
        );
    }
}
