//! `cargo xtask flood`: a flow through a tunnel, and somebody who floods its receiver.
//!
//! The hosts stand in namespaces of their own, as those of `cargo xtask interop` do; the programs
//! on them are in `tests/flood`, which says what is measured.

use crate::interop::network::{Cable, Family, Host};
use crate::interop::sandbox;
use crate::steps::cargo;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
Usage: cargo xtask flood [OPTIONS]     (as root, on Linux)

Options:
  --quick         3 s an attack instead of 10; the handshake of a new peer makes it up to 6
  --only FILTER   only attacks with FILTER in their name

Runs best on a machine that has nothing else to do: two cores are shared by attacker, receiver
and flow.
";

/// The whole run takes no longer, in namespaces that are there.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Where the attacker's datagrams pretend to come from.
const SPOOFED: [&str; 2] = ["100.64.0.0/10", "fd64::/16"];

struct Options {
    seconds: u32,
    only: String,
    /// Where the programs are; given by the task to itself inside its namespaces.
    inside: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            seconds: 10,
            only: String::new(),
            inside: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                rest.next()
                    .with_context(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.seconds = 3,
                "--only" => options.only.clone_from(value()?),
                "--inside" => options.inside = Some(value()?.into()),
                other => bail!("unknown option {other}; see cargo xtask flood --help"),
            }
        }
        Ok(Some(options))
    }
}

/// Floods a tunnel and prints what it made of it.
///
/// # Errors
/// When a target was missed, or this machine cannot run the harness.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(());
    };
    if options.inside.is_some() {
        return run_inside(&options);
    }
    sandbox::check_rights("flood")?;
    let program = build("flood")?;
    let mut again = arguments.to_vec();
    again.extend(["--inside".to_owned(), program.display().to_string()]);
    let status = sandbox::enter("flood", &again, TIME_LIMIT)?;
    ensure!(status.success(), "not every target was met");
    Ok(())
}

/// Builds one of the harness programs, optimised; answers where it is.
///
/// # Errors
/// When it does not build.
pub(crate) fn build(program: &str) -> Result<PathBuf> {
    let workspace = Workspace::load()?;
    let mut build = cargo("build --profile harness --package wirecraft-tests --bin".split(' '));
    let status = build.arg(program).status()?;
    ensure!(status.success(), "building {program}: {status}");
    Ok(workspace.target.join("harness").join(program))
}

/// The second life: first process of the namespaces.
fn run_inside(options: &Options) -> Result<()> {
    sandbox::furnish()?;
    let program = options.inside.as_ref().context("the program")?;
    let receiver = Host::add("receiver".to_owned())?;
    let peers = Host::add("peers".to_owned())?;
    let attacker = Host::add("attacker".to_owned())?;
    let to_peers = Cable::join(&receiver, &peers, 1)?;
    let to_attacker = Cable::join(&receiver, &attacker, 2)?;
    for (range, family) in SPOOFED.iter().zip([Family::V4, Family::V6]) {
        // Answers go back over the cable and come to nobody: the attacker does not forward.
        receiver.ip(&format!(
            "route add {range} via {}",
            to_attacker.far(family)
        ))?;
    }
    let status = std::process::Command::new(program)
        .arg("conduct")
        .args([receiver.name(), peers.name(), attacker.name()])
        .arg(to_peers.near(Family::V4).to_string())
        .arg(to_attacker.near(Family::V4).to_string())
        .arg(to_attacker.near(Family::V6).to_string())
        .arg(format!("{}/recording", sandbox::DIRECTORY))
        .arg(options.seconds.to_string())
        .arg(&options.only)
        .status()
        .context("starting the conductor")?;
    ensure!(status.success(), "not every target was met");
    Ok(())
}
