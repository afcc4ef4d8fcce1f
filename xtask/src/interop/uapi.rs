//! `wg` and the sockets of two tunnels of wirecraft: what it sets, it is shown again.

use super::config::{KeyPair, preshared_key};
use super::journal::Journal;
use super::network::Host;
use super::node::Programs;
use super::output_of;
use super::process::Process;
use super::sandbox::{DIRECTORY, write_secret};
use super::traffic::Check;
use crate::stopwatch::Deadline;
use anyhow::{Context as _, Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// How long a program may take until it can be used, and a handshake until it is done.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ports of the near and the far tunnel, and one that is free.
const NEAR: u16 = 51_821;
const FAR: u16 = 51_822;
const FREE: u16 = 51_823;

/// Where `wg` looks for sockets.
const SOCKETS: &str = "/var/run/wireguard";

/// Runs the case on a host of its own.
///
/// # Errors
/// When it cannot be set up; what fails later is in the checks.
pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let host = Host::add(format!("c{number}-uapi"))?;
    let preshared_key = preshared_key()?;
    let mut near = Tunnel::start(&host, format!("u{number}near"), programs, journal)?;
    let mut far = Tunnel::start(&host, format!("u{number}far"), programs, journal)?;
    let stranger = KeyPair::generate()?.public;
    let mut checks = Vec::new();
    let mut check = |name: &str, outcome| checks.push(Check::new(name.to_owned(), outcome));

    check(
        "show interfaces",
        near.is_listed().and_then(|()| far.is_listed()),
    );
    let to_far = far.as_peer(&preshared_key, &format!("Endpoint = 127.0.0.1:{FAR}\n"));
    let to_near = near.as_peer(&preshared_key, "");
    check("setconf", far.survives_a_round_trip(FAR, &to_near));
    check("showconf", near.survives_a_round_trip(NEAR, &to_far));
    check("handshake", near.wait_for_handshake(&far.keys.public));
    let more = format!("{to_far}\n[Peer]\nPublicKey = {stranger}\nAllowedIPs = fd01::/64\n");
    for (command, peers) in [
        ("setconf", &more),
        ("syncconf", &to_far),
        ("addconf", &more),
    ] {
        let name = format!("{command} keeps the session");
        check(
            &name,
            near.keeps_its_session(command, peers, &far.keys.public),
        );
    }
    check("set peer remove", near.removes(&stranger));
    check("set listen-port, fwmark", near.moves_to(FREE));
    check("set listen-port to one in use", near.stays_at(FREE, FAR));
    check("what is no request", near.refuses_what_is_no_request());
    check("a socket left behind", near.starts_again(programs));
    for tunnel in [&mut near, &mut far] {
        let name = format!("program of {}", tunnel.interface);
        check(&name, tunnel.is_alive());
    }
    Ok(checks)
}

struct Tunnel<'a> {
    host: &'a Host,
    interface: String,
    keys: KeyPair,
    program: Process,
    journal: &'a Journal,
}

impl<'a> Tunnel<'a> {
    fn start(
        host: &'a Host,
        interface: String,
        programs: &Programs,
        journal: &'a Journal,
    ) -> Result<Self> {
        let program = start_program(host, &interface, programs, journal)?;
        Ok(Self {
            host,
            interface,
            keys: KeyPair::generate()?,
            program,
            journal,
        })
    }

    /// What another tunnel is told of this one.
    fn as_peer(&self, preshared_key: &str, endpoint: &str) -> String {
        let public_key = &self.keys.public;
        format!(
            "[Peer]\nPublicKey = {public_key}\nPresharedKey = {preshared_key}\n\
             AllowedIPs = 10.9.0.0/16, fd09::/64\n{endpoint}PersistentKeepalive = 25\n"
        )
    }

    fn wg(&self, arguments: &[&str]) -> Result<String> {
        output_of(self.host.command("wg").args(arguments))
    }

    fn show(&self, what: &str) -> Result<String> {
        self.wg(&["show", &self.interface, what])
    }

    /// Has `wg` read a file: `setconf`, `syncconf` or `addconf`.
    fn configure(&self, command: &str, text: &str) -> Result<()> {
        let path = self.path();
        write_secret(&path, text, 0)?;
        let outcome = self.wg(&[command, &self.interface, &path.display().to_string()]);
        std::fs::remove_file(path)?;
        outcome.map(drop)
    }

    fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(format!("{}.conf", self.interface))
    }

    fn text(&self, port: u16, peers: &str) -> String {
        let key = &self.keys.private;
        format!("[Interface]\nListenPort = {port}\nFwMark = 0xca6c\nPrivateKey = {key}\n\n{peers}")
    }

    fn is_alive(&mut self) -> Result<()> {
        ensure!(self.program.is_running(), "it ended before its time");
        Ok(())
    }

    fn is_listed(&self) -> Result<()> {
        let names = self.wg(&["show", "interfaces"])?;
        let mut names = names.split_whitespace();
        ensure!(names.any(|name| name == self.interface), "not listed");
        Ok(())
    }

    /// Sets a configuration and is shown the same, but for where a peer was heard.
    fn survives_a_round_trip(&self, port: u16, peers: &str) -> Result<()> {
        let text = self.text(port, peers);
        self.configure("setconf", &text)?;
        let shown = self.wg(&["showconf", &self.interface])?;
        let lines = |text: &str| {
            let lines = text.lines().map(str::trim);
            let mut lines: Vec<String> =
                lines.filter(|line| !line.is_empty()).map(sorted).collect();
            lines.sort();
            lines
        };
        ensure!(
            lines(&shown) == lines(&text),
            "set:\n{text}\nshown:\n{shown}"
        );
        Ok(())
    }

    fn wait_for_handshake(&self, peer: &str) -> Result<()> {
        let deadline = Deadline::after(PATIENCE);
        while self.of_peer("latest-handshakes", peer)? == ["0"] {
            ensure!(!deadline.has_passed(), "no handshake");
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The columns after the public key.
    fn of_peer(&self, what: &str, peer: &str) -> Result<Vec<String>> {
        let shown = self.show(what)?;
        let line = shown.lines().find_map(|line| line.strip_prefix(peer));
        let line = line.with_context(|| format!("{what}: no {peer} in {shown}"))?;
        Ok(line.split_whitespace().map(str::to_owned).collect())
    }

    fn keeps_its_session(&self, command: &str, peers: &str, peer: &str) -> Result<()> {
        let before = self.of_peer("latest-handshakes", peer)?;
        let received = self.received_len(peer)?;
        ensure!(received > 0, "nothing received");
        let text = if command == "addconf" {
            peers.to_owned()
        } else {
            self.text(NEAR, peers)
        };
        self.configure(command, &text)?;
        ensure!(
            self.of_peer("latest-handshakes", peer)? == before,
            "another handshake"
        );
        ensure!(self.received_len(peer)? >= received, "counted anew");
        let count = self.show("peers")?.lines().count();
        let expected = peers.matches("[Peer]").count();
        ensure!(count == expected, "{count} peers, not {expected}");
        Ok(())
    }

    fn received_len(&self, peer: &str) -> Result<u64> {
        let columns = self.of_peer("transfer", peer)?;
        Ok(columns.first().context("two columns")?.parse()?)
    }

    fn removes(&self, peer: &str) -> Result<()> {
        self.wg(&["set", &self.interface, "peer", peer, "remove"])?;
        ensure!(!self.show("peers")?.contains(peer), "still there");
        Ok(())
    }

    fn moves_to(&self, port: u16) -> Result<()> {
        let text = port.to_string();
        let arguments = [
            "set",
            &self.interface,
            "listen-port",
            &text,
            "fwmark",
            "0x77",
        ];
        self.wg(&arguments)?;
        ensure!(self.show("listen-port")? == text, "at another port");
        ensure!(self.show("fwmark")? == "0x77", "another mark");
        self.wg(&["set", &self.interface, "fwmark", "0"])?;
        ensure!(self.show("fwmark")? == "off", "still marked");
        Ok(())
    }

    fn stays_at(&self, port: u16, taken: u16) -> Result<()> {
        let taken = taken.to_string();
        let outcome = self.wg(&["set", &self.interface, "listen-port", &taken]);
        let message = outcome.err().map(|error| error.to_string());
        let message = message.unwrap_or_default();
        ensure!(
            message.contains("Address already in use"),
            "it said: {message}"
        );
        ensure!(
            self.show("listen-port")? == port.to_string(),
            "at another port"
        );
        Ok(())
    }

    fn refuses_what_is_no_request(&self) -> Result<()> {
        let before = self.wg(&["showconf", &self.interface])?;
        let long = format!("set=1\n{}\n\n", "x".repeat(100_000));
        for (request, expected) in [
            ("set=1\ncolour=red\n\n", "errno=-22\n\n"),
            ("set=2\nlisten_port=1\n\n", "errno=-22\n\n"),
            ("set=1\nlisten_port=1\n", "errno=-71\n\n"),
            (&long, "errno=-22\n\n"),
        ] {
            let mut stream = UnixStream::connect(self.socket())?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            stream.shutdown(Shutdown::Write)?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            ensure!(answer == expected, "{answer:?}, not {expected:?}");
        }
        ensure!(
            self.wg(&["showconf", &self.interface])? == before,
            "it changed"
        );
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        Path::new(SOCKETS).join(format!("{}.sock", self.interface))
    }

    /// Is killed, leaves its socket behind, and replaces it when it is started again.
    fn starts_again(&mut self, programs: &Programs) -> Result<()> {
        self.program.kill()?;
        ensure!(self.socket().exists(), "the socket is gone");
        self.program = start_program(self.host, &self.interface, programs, self.journal)?;
        self.is_listed()?;
        ensure!(self.show("peers")?.is_empty(), "it has peers");
        Ok(())
    }
}

fn start_program(
    host: &Host,
    interface: &str,
    programs: &Programs,
    journal: &Journal,
) -> Result<Process> {
    let mut command = host.command(&programs.interop_peer);
    command.args(["uapi", interface]);
    let program = Process::start(interface, command, journal)?;
    program.wait_for_line("ready", PATIENCE)?;
    Ok(program)
}

/// A line with the values of its list in order.
fn sorted(line: &str) -> String {
    let mut values: Vec<&str> = line.split([' ', ',']).filter(|it| !it.is_empty()).collect();
    values.sort_unstable();
    values.join(" ")
}
