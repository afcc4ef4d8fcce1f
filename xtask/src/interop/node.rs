//! One end of a tunnel: a host, its configuration and the programs that run there.

use super::config::Config;
use super::journal::Journal;
use super::network::{Host, publish_program};
use super::output_of;
use super::process::Process;
use super::sandbox::{DIRECTORY, NOBODY, create_directory, write_secret};
use crate::stopwatch::{Deadline, unix_seconds};
use anyhow::{Context, Result, bail, ensure};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

/// How long a program may take until it can be used.
const START_TIME: Duration = Duration::from_secs(10);

/// Who plays one end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Implementation {
    /// Ours, without a network interface and without root.
    Wirecraft,
    /// Ours, with a network interface.
    WirecraftTun,
    WireguardGo,
    Boringtun,
}

impl FromStr for Implementation {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "wirecraft" => Ok(Self::Wirecraft),
            "wirecraft-tun" => Ok(Self::WirecraftTun),
            "wireguard-go" => Ok(Self::WireguardGo),
            "boringtun" => Ok(Self::Boringtun),
            _ => {
                bail!("no implementation {name}: wirecraft, wirecraft-tun, wireguard-go, boringtun")
            }
        }
    }
}

impl fmt::Display for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wirecraft => "wirecraft",
            Self::WirecraftTun => "wirecraft-tun",
            Self::WireguardGo => "wireguard-go",
            Self::Boringtun => "boringtun",
        })
    }
}

/// Paths of the programs that are not in `PATH`.
pub(super) struct Programs {
    pub(super) wirecraft: PathBuf,
    pub(super) wirecraft_tun: PathBuf,
    pub(super) interop_peer: PathBuf,
    boringtun: Option<PathBuf>,
}

impl Programs {
    /// Copies our programs from `directory` to where a user without rights can start them.
    ///
    /// # Errors
    /// When a program was not built.
    pub(super) fn publish(directory: &Path, boringtun: Option<PathBuf>) -> Result<Self> {
        let programs = Self {
            wirecraft: Path::new(DIRECTORY).join("wirecraft"),
            wirecraft_tun: Path::new(DIRECTORY).join("wirecraft-tun"),
            interop_peer: Path::new(DIRECTORY).join("interop-peer"),
            boringtun,
        };
        publish_program(&directory.join("wirecraft"), &programs.wirecraft)?;
        publish_program(&directory.join("wirecraft-tun"), &programs.wirecraft_tun)?;
        publish_program(&directory.join("interop-peer"), &programs.interop_peer)?;
        Ok(programs)
    }
}

impl Programs {
    /// Copies `wirecraft` alone from `directory`: nobody is to talk by the interop peer.
    ///
    /// # Errors
    /// When it was not built.
    pub(super) fn without_peer(directory: &Path) -> Result<Self> {
        let programs = Self {
            wirecraft: Path::new(DIRECTORY).join("wirecraft"),
            wirecraft_tun: PathBuf::new(),
            interop_peer: PathBuf::new(),
            boringtun: None,
        };
        publish_program(&directory.join("wirecraft"), &programs.wirecraft)?;
        Ok(programs)
    }
}

/// What an end does once it is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// Waits for the other end and answers it.
    Serves,
    /// Starts the conversation; [`super::traffic::drive`] says with what.
    Drives,
}

/// What an end is made from.
pub(super) struct Plan {
    pub(super) implementation: Implementation,
    pub(super) host: Host,
    pub(super) config: Config,
    pub(super) task: Task,
}

/// One end of a tunnel, up until it is dropped.
pub(super) struct Node<'a> {
    pub(super) implementation: Implementation,
    pub(super) host: Host,
    pub(super) programs: &'a Programs,
    pub(super) journal: Journal,
    /// Files of this end; a user without rights can write here.
    pub(super) directory: PathBuf,
    running: Vec<Process>,
}

impl<'a> Node<'a> {
    /// Brings an end up.
    ///
    /// # Errors
    /// When a program does not start or refuses the configuration.
    pub(super) fn start(plan: Plan, programs: &'a Programs, journal: &Journal) -> Result<Self> {
        let Plan {
            implementation,
            host,
            config,
            task,
        } = plan;
        let directory = Path::new(DIRECTORY).join(host.name());
        create_directory(&directory, NOBODY)?;
        let mut node = Self {
            implementation,
            host,
            programs,
            journal: journal.clone(),
            directory,
            running: Vec::new(),
        };
        let (text, owner) = match implementation {
            Implementation::Wirecraft => (config.for_wg_quick(), NOBODY),
            Implementation::WirecraftTun => (config.for_wg_quick(), 0),
            Implementation::WireguardGo | Implementation::Boringtun => (config.for_wg(), 0),
        };
        write_secret(&node.config_path(), &text, owner)?;
        if implementation != Implementation::Wirecraft {
            node.start_interface(&config)
                .with_context(|| format!("{implementation}"))?;
        }
        if task == Task::Serves {
            node.start_services()?;
        }
        Ok(node)
    }

    /// The configuration file of this end.
    pub(super) fn config_path(&self) -> PathBuf {
        self.directory.join("tunnel.conf")
    }

    /// The name of a program of this end in the journal.
    pub(super) fn label(&self, program: &str) -> String {
        format!("{} {program}", self.host.name())
    }

    /// A command for this end: without rights for ours, as root for the others.
    pub(super) fn command(&self, program: &Path) -> Command {
        if self.implementation == Implementation::Wirecraft {
            self.host.command_as_nobody(program, &self.directory)
        } else {
            self.host.command(program)
        }
    }

    /// Fails when a program that should still run has ended.
    ///
    /// # Errors
    /// When one has.
    pub(super) fn check_alive(&mut self) -> Result<()> {
        let name = self.host.name();
        let all_run = self.running.iter_mut().all(Process::is_running);
        ensure!(all_run, "a program of {name} ended before its time");
        Ok(())
    }

    /// The age of the newest handshake in seconds, 0 without one; `None` for an end without an
    /// interface.
    ///
    /// # Errors
    /// When `wg` fails.
    pub(super) fn handshake_age(&self) -> Result<Option<u64>> {
        let without_wg = [Implementation::Wirecraft, Implementation::WirecraftTun];
        if without_wg.contains(&self.implementation) {
            return Ok(None);
        }
        let mut show = self.host.command("wg");
        show.args(["show", self.interface(), "latest-handshakes"]);
        let lines = output_of(&mut show)?;
        let times = lines
            .lines()
            .filter_map(|line| line.split('\t').nth(1)?.parse().ok());
        let newest: u64 = times.max().unwrap_or_default();
        Ok(Some(match self.implementation {
            // Its `last_handshake_time_sec` is the age, not the time.
            Implementation::Boringtun => newest,
            _ if newest == 0 => 0,
            _ => unix_seconds().saturating_sub(newest),
        }))
    }

    /// The interface has the name of its host, so sockets of two hosts do not collide.
    fn interface(&self) -> &str {
        self.host.name()
    }

    fn start_interface(&mut self, config: &Config) -> Result<()> {
        let mut daemon = daemon(
            self.implementation,
            &self.host,
            self.interface(),
            self.programs,
        )?;
        if self.implementation == Implementation::WirecraftTun {
            daemon.arg("-c").arg(self.config_path());
        }
        let label = self.label(&self.implementation.to_string());
        self.running
            .push(Process::start(&label, daemon, &self.journal)?);
        self.wait_for_interface()?;
        let interface = self.interface();
        if self.implementation != Implementation::WirecraftTun {
            let mut setconf = self.host.command("wg");
            setconf.args(["setconf", interface]).arg(self.config_path());
            output_of(&mut setconf)?;
        }
        let ours = config.addresses;
        self.host
            .ip(&format!("addr add {}/32 dev {interface}", ours.v4))?;
        self.host
            .ip(&format!("addr add {}/128 dev {interface} nodad", ours.v6))?;
        self.host
            .ip(&format!("link set {interface} mtu {} up", config.mtu))?;
        for peer in &config.peers {
            self.host.ip(&format!(
                "route add {}/32 dev {interface}",
                peer.addresses.v4
            ))?;
            self.host.ip(&format!(
                "route add {}/128 dev {interface}",
                peer.addresses.v6
            ))?;
        }
        Ok(())
    }

    fn wait_for_interface(&mut self) -> Result<()> {
        let deadline = Deadline::after(START_TIME);
        loop {
            let up = if self.implementation == Implementation::WirecraftTun {
                self.host.ip(&format!("link show {}", self.interface()))
            } else {
                let mut show = self.host.command("wg");
                output_of(show.args(["show", self.interface()])).map(drop)
            };
            let Err(error) = up else {
                return Ok(());
            };
            self.check_alive()?;
            if deadline.has_passed() {
                return Err(error);
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn start_services(&mut self) -> Result<()> {
        let mut command = self.command(&self.programs.interop_peer);
        if self.implementation == Implementation::Wirecraft {
            command.arg("serve").arg(self.config_path());
        } else {
            command.arg("host-services");
        }
        let services = Process::start(&self.label("services"), command, &self.journal)?;
        services.wait_for_line("ready", START_TIME)?;
        self.running.push(services);
        Ok(())
    }
}

/// The program that serves `interface` on `host`, not started yet.
///
/// # Errors
/// When it needs no interface, or it is not known where it is.
pub(super) fn daemon(
    implementation: Implementation,
    host: &Host,
    interface: &str,
    programs: &Programs,
) -> Result<Command> {
    let mut command = match implementation {
        Implementation::Wirecraft => bail!("wirecraft plays without an interface"),
        Implementation::WirecraftTun => {
            let mut command = host.command(&programs.wirecraft);
            command.args(["-v", "tun", interface, "--foreground"]);
            return Ok(command);
        }
        Implementation::WireguardGo => {
            let mut command = host.command("wireguard-go");
            command.arg("--foreground").env("LOG_LEVEL", "verbose");
            command
        }
        Implementation::Boringtun => {
            let path = programs.boringtun.as_ref();
            let mut command = host.command(path.context("no boringtun-cli is known")?);
            command.args(["--foreground", "--disable-drop-privileges"]);
            command.args(["--threads", "2", "--verbosity", "info"]);
            command
        }
    };
    command.arg(interface);
    Ok(command)
}
