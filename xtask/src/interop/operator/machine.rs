//! An interface of ours as an operator meets it: a name, a socket, a process in the background.

use crate::interop::config::KeyPair;
use crate::interop::journal::Journal;
use crate::interop::network::{Cable, Family, Host};
use crate::interop::node::Programs;
use crate::interop::output_of;
use crate::interop::sandbox::{DIRECTORY, write_secret};
use crate::stopwatch::Deadline;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::thread::sleep;
use std::time::Duration;

/// How long a program may take for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The port of tunnels that are called.
pub(super) const PORT: u16 = 51_820;

/// Two hosts with a cable between them.
pub(super) struct Hosts {
    pub(super) near: Host,
    pub(super) far: Host,
    pub(super) cable: Cable,
}

impl Hosts {
    pub(super) fn add(number: usize) -> Result<Self> {
        let near = Host::add(format!("c{number}-near"))?;
        let far = Host::add(format!("c{number}-far"))?;
        let cable = Cable::join(&near, &far, 1)?;
        Ok(Self { near, far, cable })
    }
}

/// One end of a tunnel.
pub(super) struct Machine<'a> {
    pub(super) host: &'a Host,
    pub(super) interface: String,
    pub(super) keys: KeyPair,
    pub(super) programs: &'a Programs,
    pub(super) journal: &'a Journal,
    /// The last byte of its addresses inside the tunnel.
    pub(super) number: u8,
}

impl<'a> Machine<'a> {
    /// An end that is not up.
    pub(super) fn new(
        host: &'a Host,
        number: u8,
        programs: &'a Programs,
        journal: &'a Journal,
    ) -> Result<Self> {
        Ok(Self {
            host,
            interface: host.name().replace('-', ""),
            keys: KeyPair::generate()?,
            programs,
            journal,
            number,
        })
    }

    /// Runs `wirecraft-tun` with these options and the name of the interface.
    pub(super) fn start(&self, options: &[&str]) -> Result<Output> {
        let mut command = self.host.command(&self.programs.wirecraft_tun);
        let output = command.args(options).arg(&self.interface).output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        let line = format!("wirecraft-tun {options:?}: {}: {told}", output.status);
        self.journal.add(&self.interface, &line);
        Ok(output)
    }

    /// Runs it, and has it go to the background.
    pub(super) fn goes_to_the_background(&self, options: &[&str]) -> Result<()> {
        let output = self.start(options)?;
        ensure!(output.status.success(), "{}", output.status);
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(told.is_empty(), "it said: {told}");
        self.host.ip(&format!("link show {}", self.interface))?;
        ensure!(self.socket().exists(), "no socket");
        ensure!(self.pid()?.is_some(), "no process");
        Ok(())
    }

    /// Runs it in the background with a configuration, its addresses, and the link up.
    pub(super) fn is_up(&self, options: &[&str], text: &str) -> Result<()> {
        self.goes_to_the_background(options)?;
        self.configure("setconf", text)?;
        self.address()
    }

    /// Gives the interface its addresses and brings the link up.
    pub(super) fn address(&self) -> Result<()> {
        let (interface, number) = (&self.interface, self.number);
        for words in [
            format!("addr add 10.99.0.{number}/24 dev {interface}"),
            format!("addr add fd99::{number}/64 dev {interface} nodad"),
            format!("link set {interface} up"),
        ] {
            self.host.ip(&words)?;
        }
        Ok(())
    }

    /// Has `wg` read a text: `setconf`, `syncconf` or `addconf`.
    pub(super) fn configure(&self, command: &str, text: &str) -> Result<()> {
        let path = self.write(&format!("{}.{command}", self.interface), text)?;
        let outcome = self.wg(&[command, &self.interface, &path.display().to_string()]);
        fs::remove_file(path)?;
        outcome.map(drop)
    }

    /// Writes a file for root alone.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = Path::new(DIRECTORY).join(name);
        write_secret(&path, text, 0)?;
        Ok(path)
    }

    /// A configuration for `wg`.
    pub(super) fn text(&self, peer: &Self, endpoint: Option<&str>) -> String {
        let (private, public) = (&self.keys.private, &peer.keys.public);
        let number = peer.number;
        let endpoint = endpoint.map(|to| format!("Endpoint = {to}\nPersistentKeepalive = 25\n"));
        let endpoint = endpoint.unwrap_or_default();
        format!(
            "[Interface]\nPrivateKey = {private}\nListenPort = {PORT}\n\n[Peer]\n\
             PublicKey = {public}\nAllowedIPs = 10.99.0.{number}/32, fd99::{number}/128\n{endpoint}"
        )
    }

    /// Pings a far end by both IP versions.
    pub(super) fn pings(&self, far: &Self) -> Result<()> {
        for address in [
            format!("10.99.0.{}", far.number),
            format!("fd99::{}", far.number),
        ] {
            let mut ping = self.host.command("ping");
            output_of(ping.args(["-n", "-c", "3", "-i", "0.1", "-W", "5", &address]))?;
        }
        Ok(())
    }

    pub(super) fn wg(&self, arguments: &[&str]) -> Result<String> {
        output_of(self.host.command("wg").args(arguments))
    }

    pub(super) fn shows(&self, what: &str) -> Result<String> {
        self.wg(&["show", &self.interface, what])
    }

    pub(super) fn socket(&self) -> PathBuf {
        Path::new("/var/run/wireguard").join(format!("{}.sock", self.interface))
    }

    /// The process that serves the interface.
    pub(super) fn pid(&self) -> Result<Option<u32>> {
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // A process that has ended meanwhile is none.
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            let is_ours = words
                .next()
                .is_some_and(|word| word.ends_with(b"/wirecraft-tun"));
            if is_ours && words.any(|word| word == self.interface.as_bytes()) {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    }

    /// What the kernel says of the process.
    pub(super) fn status_line(&self, key: &str) -> Result<String> {
        let pid = self.pid()?.context("no process")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        Ok(value
            .with_context(|| format!("no {key}"))?
            .trim()
            .to_owned())
    }

    pub(super) fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.pid()?.context("no process")?;
        let mut kill = std::process::Command::new("kill");
        output_of(kill.args([format!("-{signal}"), pid.to_string()])).map(drop)
    }

    /// Waits until nothing of the interface is left.
    pub(super) fn vanishes(&self) -> Result<()> {
        self.waits("something of it is left", || {
            Ok(self.is_dead()? && !self.socket().exists())
        })
    }

    /// Whether the process and its interface are gone: the kernel takes them away one after the other.
    pub(super) fn is_dead(&self) -> Result<bool> {
        let link = self.host.ip(&format!("link show {}", self.interface));
        Ok(link.is_err() && self.pid()?.is_none())
    }

    /// Waits for the first handshake.
    pub(super) fn shakes_hands(&self) -> Result<()> {
        self.waits("no handshake", || {
            let times = self.shows("latest-handshakes")?;
            Ok(times
                .split_whitespace()
                .any(|word| word.parse().is_ok_and(|at: u64| at > 0)))
        })
    }

    pub(super) fn waits(
        &self,
        failure: &str,
        mut done: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Deadline::after(PATIENCE);
        while !done()? {
            ensure!(!deadline.has_passed(), "{failure}");
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Two ends that are up: the near one calls the far one.
pub(super) fn two_that_are_up<'a>(
    hosts: &'a Hosts,
    near_options: &[&str],
    programs: &'a Programs,
    journal: &'a Journal,
) -> Result<[Machine<'a>; 2]> {
    let near = Machine::new(&hosts.near, 1, programs, journal)?;
    let far = Machine::new(&hosts.far, 2, programs, journal)?;
    let endpoint = format!("{}:{PORT}", hosts.cable.far(Family::V4));
    far.is_up(&[], &far.text(&near, None))?;
    near.is_up(near_options, &near.text(&far, Some(&endpoint)))?;
    Ok([near, far])
}
