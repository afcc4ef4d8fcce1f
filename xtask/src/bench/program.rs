//! The programs that are measured beside each other.

use crate::interop::in_path;
use crate::interop::network::Host;
use crate::release::install_rival;
use anyhow::{Context as _, Result};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// How a program is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Call {
    Wirecraft,
    /// Ours with packets sealed one by one, as on a processor without vector code for batches.
    WirecraftOneByOne,
    WireguardGo,
    Boringtun,
    BoringtunOneThread,
    Gotatun,
    /// No tunnel, but the bound of one.
    BareForwarder,
    /// Called as most are: `-f INTERFACE`.
    Other,
}

/// A program with a name for the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    call: Call,
    path: PathBuf,
}

impl FromStr for Program {
    type Err = anyhow::Error;

    /// Reads `NAME=PATH`; the name says how the program is called, if it begins as one that is known.
    fn from_str(argument: &str) -> Result<Self> {
        let (name, path) = argument
            .split_once('=')
            .context("--rival takes NAME=PATH")?;
        let call = match name {
            _ if name.starts_with("wireguard-go") => Call::WireguardGo,
            "boringtun -t 1" => Call::BoringtunOneThread,
            _ if name.starts_with("boringtun") => Call::Boringtun,
            _ if name.starts_with("gotatun") => Call::Gotatun,
            _ => Call::Other,
        };
        Ok(Self::new(name, call, Path::new(path)))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Program {
    fn new(name: &str, call: Call, path: &Path) -> Self {
        Self {
            name: name.to_owned(),
            call,
            path: path.to_owned(),
        }
    }

    /// Ours, built into `directory`: with batches, without, and the bound.
    pub(super) fn ours(directory: &Path) -> Vec<Self> {
        let wirecraft = directory.join("wirecraft");
        vec![
            Self::new("wirecraft", Call::Wirecraft, &wirecraft),
            Self::new("wirecraft, one by one", Call::WirecraftOneByOne, &wirecraft),
            Self::new(
                "bare forwarder",
                Call::BareForwarder,
                &directory.join("bare-forwarder"),
            ),
        ]
    }

    /// The rivals that are installed, as arguments to give to `--rival`; those of crates.io are installed
    /// under `target` if they are missing.
    ///
    /// # Errors
    /// When `cargo install` fails.
    pub(super) fn usual_rivals(target: &Path) -> Result<Vec<String>> {
        let mut rivals = Vec::new();
        if let Some(path) = in_path("wireguard-go") {
            rivals.push(format!("wireguard-go={}", path.display()));
        }
        let boringtun = usual_rival(target, "boringtun-cli", "boringtun-cli")?;
        for name in ["boringtun", "boringtun -t 1"] {
            rivals.push(format!("{name}={}", boringtun.display()));
        }
        let gotatun = usual_rival(target, "gotatun-cli", "gotatun")?;
        rivals.push(format!("gotatun={}", gotatun.display()));
        Ok(rivals)
    }

    /// Whether `wg` configures it while it runs.
    pub(super) fn has_socket(&self) -> bool {
        !matches!(
            self.call,
            Call::Wirecraft | Call::WirecraftOneByOne | Call::BareForwarder
        )
    }

    /// Whether it is ours and a tunnel.
    pub(super) fn is_wirecraft(&self) -> bool {
        matches!(self.call, Call::Wirecraft | Call::WirecraftOneByOne)
    }

    /// The command that serves `interface` on `host`, with the file `config` or between two addresses.
    pub(super) fn command(
        &self,
        host: &Host,
        interface: &str,
        config: &Path,
        [listen, peer]: [SocketAddr; 2],
    ) -> Command {
        let mut command = host.command(&self.path);
        match self.call {
            Call::Wirecraft | Call::WirecraftOneByOne => {
                command
                    .args(["-q", "tun", interface, "-f", "-c"])
                    .arg(config);
                if self.call == Call::WirecraftOneByOne {
                    command.env("WIRECRAFT_AEAD", "single");
                }
                return command;
            }
            Call::BareForwarder => {
                command.args([interface, &listen.to_string(), &peer.to_string()]);
                return command;
            }
            Call::WireguardGo | Call::Other => command.arg("-f"),
            Call::Boringtun => command.args(["-f", "--disable-drop-privileges"]),
            Call::BoringtunOneThread => {
                command.args(["-f", "--disable-drop-privileges", "-t", "1"])
            }
            Call::Gotatun => command.args(["-f", "--disable-drop-privileges"]),
        };
        command.arg(interface);
        command
    }
}

/// Finds a program of crates.io where interop looks for it, or installs it.
///
/// # Errors
/// When `cargo install` fails.
pub(super) fn usual_rival(target: &Path, package: &str, program: &str) -> Result<PathBuf> {
    let directory = std::env::var_os("WIRECRAFT_RIVALS").map(|path| Path::new(&path).join(program));
    let found = directory
        .filter(|path| path.is_file())
        .or_else(|| in_path(program));
    found.map_or_else(|| install_rival(target, package, program), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rival_is_called_as_its_name_begins() {
        for (argument, call) in [
            ("boringtun=/usr/bin/b", Call::Boringtun),
            ("boringtun -t 1=/usr/bin/b", Call::BoringtunOneThread),
            ("wireguard-go 2025=/x", Call::WireguardGo),
            ("gotatun=/x", Call::Gotatun),
            ("another=/x", Call::Other),
        ] {
            let parsed: Program = argument.parse().expect("NAME=PATH");
            assert_eq!(parsed.call, call);
        }
        assert!("boringtun".parse::<Program>().is_err());
    }
}
