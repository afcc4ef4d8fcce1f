//! `cargo xtask interop`: real traffic between wirecraft and other WireGuard implementations.
//!
//! The task builds the programs, then starts itself a second time as the first process of new
//! network, mount and process namespaces. There it lays out hosts joined by cables (network
//! namespaces and veth pairs), runs the cases and prints a table. When that process ends, however
//! it ends, the kernel removes all it made: processes, interfaces, hosts, the private `/run`.

mod cases;
pub(crate) mod config;
mod interface;
mod journal;
pub(crate) mod network;
mod node;
mod operator;
mod options;
mod packets;
mod probe;
mod process;
mod report;
pub(crate) mod sandbox;
mod scan;
mod scenario;
pub(crate) mod soak;
mod traffic;
mod uapi;

use crate::release::install_boringtun;
use crate::steps::cargo;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use node::{Implementation, Programs};
use options::Options;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the system must have; Debian's packages of them are named in [`check_tools`].
const TOOLS: &[&str] = &[
    "ip",
    "nmap",
    "ping",
    "setpriv",
    "tcpdump",
    "unshare",
    "mount",
    "wg",
    "wg-quick",
    "wireguard-go",
];

/// Runs the cases that the options choose.
///
/// # Errors
/// When a case failed, the time ran out, or this machine cannot run the harness.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    if let Some(directory) = &options.inside {
        return run_inside(&options, directory);
    }
    ensure!(
        !cases::chosen(&options).is_empty(),
        "no case has that in its name"
    );
    check_machine()?;
    let workspace = Workspace::load()?;
    let mut again = arguments.to_vec();
    let directory = build_programs(&workspace)?;
    again.extend(["--inside".to_owned(), directory.display().to_string()]);
    if let Some(path) = boringtun(&options, &workspace.target)? {
        again.extend([
            "--rival".to_owned(),
            format!("boringtun={}", path.display()),
        ]);
    }
    for number in 1..=options.repeat {
        if options.repeat > 1 {
            println!("Run {number} of {}", options.repeat);
        }
        let status = sandbox::enter("interop", &again, options.time_limit())?;
        ensure!(status.success(), "interop failed");
    }
    Ok(())
}

/// The second life: first process of the namespaces.
fn run_inside(options: &Options, directory: &Path) -> Result<()> {
    sandbox::furnish()?;
    let programs = Programs::publish(directory, options.boringtun.clone())?;
    let cases = cases::chosen(options);
    let results = cases::run_all(&cases, &programs);
    report::print(&results);
    let failed = results.iter().filter(|result| !result.passed()).count();
    ensure!(failed == 0, "{failed} of {} cases failed", results.len());
    Ok(())
}

fn check_machine() -> Result<()> {
    sandbox::check_rights("interop")?;
    check_tools()
}

fn check_tools() -> Result<()> {
    let missing: Vec<&str> = TOOLS
        .iter()
        .copied()
        .filter(|tool| in_path(tool).is_none())
        .collect();
    ensure!(
        missing.is_empty(),
        "not installed: {}; on Debian: apt-get install --no-install-recommends \
         wireguard-go wireguard-tools iproute2 iputils-ping util-linux nmap tcpdump",
        missing.join(" ")
    );
    Ok(())
}

/// Builds the command line and the interop peer; answers the directory they are in.
///
/// This program is left out: it must stay where it is, to be started a second time.
fn build_programs(workspace: &Workspace) -> Result<PathBuf> {
    let status = cargo("build --workspace --exclude xtask --bins".split(' ')).status()?;
    ensure!(status.success(), "building the programs: {status}");
    Ok(workspace.target.join("debug"))
}

/// Finds boringtun, and builds it for a run that needs it.
fn boringtun(options: &Options, target: &Path) -> Result<Option<PathBuf>> {
    let needed = cases::chosen(options).iter().any(|case| {
        case.implementations()
            .any(|it| it == Implementation::Boringtun)
    });
    if !needed {
        return Ok(None);
    }
    if let Some(path) = &options.boringtun {
        let path = path.canonicalize();
        return Ok(Some(path.context("the program after --rival boringtun=")?));
    }
    let name = "boringtun-cli";
    let directory = std::env::var_os("WIRECRAFT_RIVALS").map(|path| Path::new(&path).join(name));
    let found = directory
        .filter(|path| path.is_file())
        .or_else(|| in_path(name));
    if found.is_some() {
        return Ok(found);
    }
    install_boringtun(target).map(Some)
}

pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    // A login shell of a normal user leaves out the system directories.
    std::env::split_paths(&directories)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// Runs a short command to its end and answers what it printed.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let line = crate::steps::command_line(command);
    let output = command
        .output()
        .with_context(|| format!("starting `{line}`"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}`: {}: {}", output.status, errors.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
