//! One end of a tunnel: a host, its interface, and the program that serves it.

use crate::interop::config::{Addresses, KeyPair, MTU};
use crate::interop::journal::Journal;
use crate::interop::network::Host;
use crate::interop::node::{Implementation, Programs, daemon};
use crate::interop::output_of;
use crate::interop::process::Process;
use crate::interop::sandbox::{DIRECTORY, write_secret};
use crate::stopwatch::Deadline;
use anyhow::{Context as _, Result, ensure};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// How long a program may take until it can be used.
const START_TIME: Duration = Duration::from_secs(10);

/// How often something that is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// An interface that `wg` configures; it and its program go when this is dropped.
pub(in crate::interop) struct End<'a> {
    pub(in crate::interop) host: Host,
    pub(in crate::interop) interface: String,
    pub(in crate::interop) keys: KeyPair,
    pub(in crate::interop) addresses: Addresses,
    pub(in crate::interop) implementation: Implementation,
    pub(in crate::interop) programs: &'a Programs,
    pub(in crate::interop) journal: Journal,
    daemon: Process,
}

/// The bytes of WireGuard's messages that a peer was heard and told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::interop) struct Transfer {
    pub(in crate::interop) received: u64,
    pub(in crate::interop) sent: u64,
}

impl<'a> End<'a> {
    /// Starts a program on `host`, gives its interface the addresses of peer `number`, and brings it up.
    pub(in crate::interop) fn start(
        host: Host,
        interface: String,
        number: u8,
        implementation: Implementation,
        (programs, journal): (&'a Programs, &Journal),
    ) -> Result<Self> {
        let command = daemon(implementation, &host, &interface, programs)?;
        let label = format!("{interface} {implementation}");
        let end = Self {
            daemon: Process::start(&label, command, journal)?,
            host,
            interface,
            keys: KeyPair::generate()?,
            addresses: Addresses::of_peer(number),
            implementation,
            programs,
            journal: journal.clone(),
        };
        end.come_up()?;
        Ok(end)
    }

    /// Kills the program, starts it again and brings its interface up; it has no configuration then.
    pub(in crate::interop) fn start_again(&mut self) -> Result<()> {
        self.daemon.kill()?;
        let command = daemon(
            self.implementation,
            &self.host,
            &self.interface,
            self.programs,
        )?;
        let label = format!("{} {}", self.interface, self.implementation);
        self.daemon = Process::start(&label, command, &self.journal)?;
        self.come_up()
    }

    /// Kills the program.
    pub(in crate::interop) fn kill(&mut self) -> Result<()> {
        self.daemon.kill()
    }

    fn come_up(&self) -> Result<()> {
        let deadline = Deadline::after(START_TIME);
        // A socket that a killed program left behind answers nobody.
        while self.wg(&["show", &self.interface]).is_err() || !self.has_interface() {
            ensure!(!deadline.has_passed(), "no interface {}", self.interface);
            sleep(POLL);
        }
        let (name, Addresses { v4, v6 }) = (&self.interface, self.addresses);
        self.host.ip(&format!("addr add {v4}/24 dev {name}"))?;
        self.host
            .ip(&format!("addr add {v6}/64 dev {name} nodad"))?;
        self.host.ip(&format!("link set {name} mtu {MTU} up"))
    }

    pub(in crate::interop) fn has_interface(&self) -> bool {
        let link = self.host.ip(&format!("link show {}", self.interface));
        link.is_ok()
    }

    pub(in crate::interop) fn check_alive(&mut self) -> Result<()> {
        let name = &self.interface;
        ensure!(self.daemon.is_running(), "the program of {name} ended");
        Ok(())
    }

    /// Where the kernel tells of the program.
    pub(in crate::interop) fn proc(&self) -> PathBuf {
        Path::new("/proc").join(self.daemon.id().to_string())
    }

    pub(in crate::interop) fn wg(&self, arguments: &[&str]) -> Result<String> {
        output_of(self.host.command("wg").args(arguments))
    }

    /// `wg set` of this interface with these words.
    pub(in crate::interop) fn set(&self, words: &str) -> Result<()> {
        let mut command = self.host.command("wg");
        command.args(["set", &self.interface]);
        output_of(command.args(words.split_whitespace())).map(drop)
    }

    /// Has `wg` read `text`.
    pub(in crate::interop) fn setconf(&self, text: &str) -> Result<()> {
        let path = self.secret("conf", text)?;
        let outcome = self.wg(&["setconf", &self.interface, &path.display().to_string()]);
        std::fs::remove_file(path)?;
        outcome.map(drop)
    }

    /// Writes a file that `wg` is to read; whoever asks for it removes it.
    pub(in crate::interop) fn secret(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = Path::new(DIRECTORY).join(format!("{}.{name}", self.interface));
        write_secret(&path, text, 0)?;
        Ok(path)
    }

    /// The columns behind the public key of a peer.
    pub(in crate::interop) fn of_peer(&self, what: &str, public_key: &str) -> Result<Vec<String>> {
        let shown = self.wg(&["show", &self.interface, what])?;
        let line = shown.lines().find_map(|line| line.strip_prefix(public_key));
        let line = line.with_context(|| format!("{what}: no {public_key} in {shown}"))?;
        Ok(line.split_whitespace().map(str::to_owned).collect())
    }

    pub(in crate::interop) fn transfer(&self, public_key: &str) -> Result<Transfer> {
        let columns = self.of_peer("transfer", public_key)?;
        let number = |at: usize| -> Result<u64> { Ok(columns.get(at).context("two")?.parse()?) };
        Ok(Transfer {
            received: number(0)?,
            sent: number(1)?,
        })
    }

    /// Whether the endpoint of a peer is `expected`.
    pub(in crate::interop) fn has_endpoint(
        &self,
        public_key: &str,
        expected: SocketAddr,
    ) -> Result<()> {
        let columns = self.of_peer("endpoints", public_key)?;
        ensure!(
            columns == [expected.to_string()],
            "{columns:?}, not {expected}"
        );
        Ok(())
    }

    /// Pings; each has to be answered within a second but for the first, which may take a handshake.
    pub(in crate::interop) fn ping(&self, to: IpAddr, count: u32) -> Result<()> {
        self.ping_with(to, &format!("-c {count} -W 2 -i 0.1"))
    }

    pub(in crate::interop) fn ping_with(&self, to: IpAddr, words: &str) -> Result<()> {
        let mut command = self.host.command("ping");
        command.args(["-n", "-q"]).args(words.split(' '));
        let printed = output_of(command.arg(to.to_string()))?;
        ensure!(printed.contains(" 0% packet loss"), "{printed}");
        Ok(())
    }

    /// Packets that the interface had for the host so far.
    pub(in crate::interop) fn packets_received(&self) -> Result<u64> {
        let mut command = Command::new("ip");
        command.args([
            "-n",
            self.host.name(),
            "-s",
            "-j",
            "link",
            "show",
            &self.interface,
        ]);
        let links: serde_json::Value = serde_json::from_str(&output_of(&mut command)?)?;
        let packets = links[0]["stats64"]["rx"]["packets"].as_u64();
        packets.context("the packets of the interface")
    }
}
