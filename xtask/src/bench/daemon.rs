//! A program that serves the tunnel of one host.

use crate::interop::config::Config;
use crate::interop::network::Host;
use crate::interop::output_of;
use anyhow::{Context as _, Result, bail, ensure};
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

/// Processor time is counted in these (`getconf CLK_TCK`; Linux has no other).
const TICKS_PER_SECOND: u32 = 100;

const POLL: Duration = Duration::from_millis(20);

/// How often it is looked whether the interface is there.
const POLLS_MAX: u32 = 500;

/// Which program it is, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Program {
    Wirecraft(PathBuf),
    WireguardGo(PathBuf),
    Boringtun(PathBuf),
}

impl FromStr for Program {
    type Err = anyhow::Error;

    fn from_str(argument: &str) -> Result<Self> {
        let (name, path) = argument
            .split_once('=')
            .context("--rival takes NAME=PATH")?;
        let path = PathBuf::from(path);
        match name {
            "wireguard-go" => Ok(Self::WireguardGo(path)),
            "boringtun" => Ok(Self::Boringtun(path)),
            _ => bail!("no rival {name}: wireguard-go, boringtun"),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wirecraft(_) => "wirecraft",
            Self::WireguardGo(_) => "wireguard-go",
            Self::Boringtun(_) => "boringtun",
        })
    }
}

/// A running program and its interface, which has the name of its host; dropping it ends both.
pub(super) struct Daemon {
    pub(super) host: Host,
    address: IpAddr,
    child: Child,
}

impl Daemon {
    /// Starts `program` on `host` and gives its interface the addresses of `config`.
    ///
    /// # Errors
    /// When the program or a command refuses something.
    pub(super) fn start(program: &Program, host: Host, config: &Config) -> Result<Self> {
        let interface = host.name().to_owned();
        let file = write_config(program, &interface, config)?;
        let mut command = match program {
            Program::Wirecraft(path) => {
                let mut command = host.command(path);
                command
                    .args(["-q", "tun", &interface, "-f", "-c"])
                    .arg(&file);
                command
            }
            Program::WireguardGo(path) => {
                let mut command = host.command(path);
                command.args(["--foreground", &interface]);
                command
            }
            Program::Boringtun(path) => {
                let mut command = host.command(path);
                command.args(["--foreground", "--disable-drop-privileges", &interface]);
                command
            }
        };
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut daemon = Self {
            host,
            address: config.addresses.v4.into(),
            child: child.with_context(|| format!("starting {program}"))?,
        };
        daemon.wait_for_interface()?;
        if !matches!(program, Program::Wirecraft(_)) {
            let mut setconf = daemon.host.command("wg");
            output_of(setconf.args(["setconf", &interface]).arg(&file))?;
        }
        daemon.bring_up(config)?;
        Ok(daemon)
    }

    /// The address of this end inside the tunnel.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// The time that the program has spent on processors so far.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
        cpu_time(&stat).context(path)
    }

    fn wait_for_interface(&mut self) -> Result<()> {
        let name = self.host.name().to_owned();
        for _ in 0..POLLS_MAX {
            // The socket of a rival comes after its interface.
            let mut show = self.host.command("wg");
            let link = self.host.ip(&format!("link show {name}"));
            if link.is_ok() && output_of(show.args(["show", "interfaces"])).is_ok() {
                sleep(POLL);
                return Ok(());
            }
            ensure!(self.child.try_wait()?.is_none(), "it ended");
            sleep(POLL);
        }
        bail!("its interface does not come up")
    }

    fn bring_up(&self, config: &Config) -> Result<()> {
        let (host, name) = (&self.host, self.host.name());
        let (v4, v6) = (config.addresses.v4, config.addresses.v6);
        host.ip(&format!("addr add {v4}/24 dev {name}"))?;
        host.ip(&format!("addr add {v6}/64 dev {name} nodad"))?;
        host.ip(&format!("link set {name} mtu {} up", config.mtu))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_config(program: &Program, interface: &str, config: &Config) -> Result<PathBuf> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = Path::new("/run").join(format!("{interface}.conf"));
    let text = match program {
        Program::Wirecraft(_) => config.for_wg_quick(),
        Program::WireguardGo(_) | Program::Boringtun(_) => config.for_wg(),
    };
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    file.with_context(|| format!("creating {}", path.display()))?
        .write_all(text.as_bytes())?;
    Ok(path)
}

/// Reads user and system time from a line of `/proc/PID/stat`; the name in it may hold anything.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs((user + system).into()) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0";
        assert_eq!(cpu_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(cpu_time("7 (a"), None);
    }

    #[test]
    fn rival_has_a_known_name_and_a_path() {
        let parsed: Result<Program> = "boringtun=/usr/bin/b".parse();
        assert!(parsed.is_ok_and(|it| it == Program::Boringtun("/usr/bin/b".into())));
        assert!("boringtun".parse::<Program>().is_err());
        assert!("other=/x".parse::<Program>().is_err());
    }
}
