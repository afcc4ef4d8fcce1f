//! A program that serves the tunnel of one host.

use super::program::Program;
use crate::interop::config::Config;
use crate::interop::network::Host;
use crate::interop::output_of;
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Processor time is counted in these (`getconf CLK_TCK`; Linux has no other).
const TICKS_PER_SECOND: u32 = 100;

const POLL: Duration = Duration::from_millis(20);

/// How often it is looked whether the interface is there.
const POLLS_MAX: u32 = 500;

/// A running program and its interface, which has the name of its host; dropping it ends both.
pub(super) struct Daemon {
    pub(super) host: Host,
    address: IpAddr,
    child: Child,
}

impl Daemon {
    /// Starts `program` on `host` and gives its interface the addresses of `config`; outside it is at the
    /// first address, and the other end at the second.
    ///
    /// # Errors
    /// When the program or a command refuses something.
    pub(super) fn start(
        program: &Program,
        host: Host,
        config: &Config,
        outside: [SocketAddr; 2],
    ) -> Result<Self> {
        let interface = host.name().to_owned();
        let file = write_config(program, &interface, config)?;
        let mut command = program.command(&host, &interface, &file, outside);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut daemon = Self {
            host,
            address: config.addresses.v4.into(),
            child: child.with_context(|| format!("starting {program}"))?,
        };
        daemon.wait_for_interface(program.has_socket())?;
        if program.has_socket() {
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
        cpu_time_of(self.child.id())
    }

    /// The number of the process.
    pub(super) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The memory that the program has, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn resident_len(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| path.clone())?;
        resident_len(&status).context(path)
    }

    fn wait_for_interface(&mut self, has_socket: bool) -> Result<()> {
        let name = self.host.name().to_owned();
        for _ in 0..POLLS_MAX {
            // The socket of a rival comes after its interface.
            let mut show = self.host.command("wg");
            let link = self.host.ip(&format!("link show {name}"));
            let mut shown = || output_of(show.args(["show", &name]));
            if link.is_ok() && (!has_socket || shown().is_ok()) {
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
    let text = if program.is_wirecraft() {
        config.for_wg_quick()
    } else {
        config.for_wg()
    };
    let mut options = fs::OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path);
    file.with_context(|| format!("creating {}", path.display()))?
        .write_all(text.as_bytes())?;
    Ok(path)
}

/// The time that a process has spent on processors so far.
///
/// # Errors
/// When it has ended.
pub(super) fn cpu_time_of(process: u32) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    cpu_time(&stat).context(path)
}

/// Reads user and system time from a line of `/proc/PID/stat`; the name in it may hold anything.
fn cpu_time(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs((user + system).into()) / TICKS_PER_SECOND)
}

/// Reads the line `VmRSS` of `/proc/PID/status`.
fn resident_len(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
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
    fn memory_is_read_in_bytes() {
        let status = "VmPeak:\t   10 kB\nVmRSS:\t    8192 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident_len(status), Some(8 << 20));
        assert_eq!(resident_len("VmRSS:"), None);
    }
}
