//! The options of `cargo xtask interop`.

use super::node::Implementation;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Duration;

pub(super) const USAGE: &str = "\
Usage: cargo xtask interop [OPTIONS]     (as root, on Linux)

Options:
  --quick            wireguard-go alone and fewer combinations; less than 3 minutes
  --long             also the cases that run across two key changes (5 minutes more)
  --repeat N         all of it N times, until a run fails
  --only FILTER      only cases with FILTER in their name
  --ours NAME        what plays our side: wirecraft (default), wirecraft-tun, wireguard-go, boringtun;
                     another name than wirecraft checks the harness itself
  --rival boringtun=PATH
                     the boringtun-cli to use; otherwise the directory in WIRECRAFT_RIVALS,
                     PATH, and target/rivals/bin (built at the first run) are looked through
";

/// What the caller asked for.
pub(super) struct Options {
    pub(super) quick: bool,
    pub(super) long: bool,
    pub(super) repeat: usize,
    pub(super) only: Option<String>,
    pub(super) ours: Implementation,
    pub(super) boringtun: Option<PathBuf>,
    /// Where our programs are; given by the harness to itself inside its namespaces.
    pub(super) inside: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    pub(super) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            quick: false,
            long: false,
            repeat: 1,
            only: None,
            ours: Implementation::Wirecraft,
            boringtun: None,
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
                "--quick" => options.quick = true,
                "--long" => options.long = true,
                "--repeat" => options.repeat = value()?.parse().context("--repeat")?,
                "--only" => options.only = Some(value()?.clone()),
                "--ours" => options.ours = value()?.parse()?,
                "--rival" => options.boringtun = Some(rival(value()?)?),
                "--inside" => options.inside = Some(value()?.into()),
                other => bail!("unknown option {other}; see cargo xtask interop --help"),
            }
        }
        Ok(Some(options))
    }

    /// How long the whole run may take inside its namespaces.
    pub(super) fn time_limit(&self) -> Duration {
        // Twice what a machine takes that has nothing else to do.
        let usual = if self.quick { 5 } else { 25 };
        let longer = if self.long { 10 } else { 0 };
        Duration::from_secs(60 * (usual + longer))
    }
}

fn rival(argument: &str) -> Result<PathBuf> {
    let path = argument.strip_prefix("boringtun=");
    path.map(PathBuf::from)
        .context("--rival takes boringtun=PATH")
}
