//! `cargo xtask bench rootless`: TCP through tunnels without an interface, ours beside others'.
//!
//! The far host has an interface of ours in any case; what differs is the near one. iperf3 talks to a port
//! of the near host's loopback that is forwarded to the far host, or runs inside `exec`; through `proxy` curl loads
//! a file, and sends one. Beside the rates stands what a gigabyte costs the near program in processor time, and the
//! most memory it had. What misses its target is told at the end, and fails the run.

mod targets;

use super::daemon::{Daemon, cpu_time_of};
use super::iperf::{self, Load};
use super::program::{Program, usual_rival};
use crate::interop::config::{Addresses, Config, KeyPair, MTU, Peer};
use crate::interop::network::{Cable, Family, Host};
use crate::interop::sandbox;
use crate::steps::cargo;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail, ensure};
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;
use targets::Row;

const USAGE: &str = "\
Usage: cargo xtask bench rootless [OPTIONS]     (as root, on Linux)

Options:
  --quick             2 s a load instead of 10, and once instead of three times
  --rival NAME=PATH   another program beside ours; NAME is onetun or wireproxy
  --usual-rivals      onetun, installed from crates.io under target/ if it is missing

The last row is our own interface on both hosts. Of several runs the median is printed. The machine should
have nothing else to do.
";

/// The whole run takes no longer.
const TIME_LIMIT: Duration = Duration::from_secs(900);

const LISTEN_PORT: u16 = 51_820;
/// The port of iperf3, here and there.
const PORT: u16 = 5201;

const POLL: Duration = Duration::from_millis(50);
const POLLS_MAX: u32 = 200;

struct Options {
    seconds: u32,
    runs: usize,
    rivals: Vec<Forwarder>,
    has_usual_rivals: bool,
    /// Where our programs are; given by the task to itself inside its namespaces.
    inside: Option<PathBuf>,
}

/// What forwards the port.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Forwarder {
    Wirecraft(PathBuf),
    /// `wirecraft proxy --socks`.
    Proxy(PathBuf),
    /// `wirecraft exec`, with a program in it that only waits.
    Exec(PathBuf),
    Onetun(PathBuf),
    Wireproxy(PathBuf),
}

impl FromStr for Forwarder {
    type Err = anyhow::Error;

    fn from_str(argument: &str) -> Result<Self> {
        let split = argument.split_once('=');
        let (name, path) = split.context("--rival takes NAME=PATH")?;
        match name {
            "onetun" => Ok(Self::Onetun(path.into())),
            "wireproxy" => Ok(Self::Wireproxy(path.into())),
            _ => bail!("no rival {name}: onetun, wireproxy"),
        }
    }
}

impl fmt::Display for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wirecraft(_) => "wirecraft forward",
            Self::Proxy(_) => "wirecraft proxy",
            Self::Exec(_) => "wirecraft exec",
            Self::Onetun(_) => "onetun",
            Self::Wireproxy(_) => "wireproxy",
        })
    }
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            seconds: 10,
            runs: 3,
            rivals: Vec::new(),
            has_usual_rivals: false,
            inside: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let value = rest.clone().next();
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => (options.seconds, options.runs) = (2, 1),
                "--rival" => {
                    let value = value.context("--rival needs a value")?;
                    options.rivals.push(value.parse()?);
                    rest.next();
                }
                "--usual-rivals" => options.has_usual_rivals = true,
                "--inside" => {
                    options.inside = value.map(PathBuf::from);
                    rest.next();
                }
                other => bail!("unknown option {other}; see cargo xtask bench rootless --help"),
            }
        }
        Ok(Some(options))
    }
}

/// Measures and prints a table.
///
/// # Errors
/// When a program fails, or this machine cannot have namespaces.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(());
    };
    if let Some(directory) = &options.inside {
        return run_inside(&options, directory);
    }
    sandbox::check_rights("bench rootless")?;
    let workspace = Workspace::load()?;
    let build = "build --profile harness --package wirecraft-cli --bin wirecraft";
    let status = cargo(build.split(' ')).status()?;
    ensure!(status.success(), "building wirecraft: {status}");
    let directory = workspace.target.join("harness");
    let mut again = vec!["rootless".to_owned()];
    again.extend_from_slice(arguments);
    if options.has_usual_rivals {
        let onetun = usual_rival(&workspace.target, "onetun", "onetun")?;
        again.extend(["--rival".to_owned(), format!("onetun={}", onetun.display())]);
    }
    again.extend(["--inside".to_owned(), directory.display().to_string()]);
    let status = sandbox::enter("bench", &again, TIME_LIMIT)?;
    ensure!(status.success(), "the measurement failed");
    Ok(())
}

/// The second life: first process of the namespaces.
fn run_inside(options: &Options, directory: &Path) -> Result<()> {
    sandbox::furnish()?;
    fs::create_dir("/run/wireguard").context("creating /run/wireguard")?;
    println!("| program | load | Gbit/s | CPU s/GB | MB |");
    println!("|---|---|---|---|---|");
    let path = directory.join("wirecraft");
    let ours = [
        Forwarder::Wirecraft(path.clone()),
        Forwarder::Proxy(path.clone()),
        Forwarder::Exec(path),
    ];
    let mut rows = Vec::new();
    for (number, forwarder) in ours.iter().chain(&options.rivals).enumerate() {
        let (near, ends) = Ends::prepare(number, directory)?;
        let running = Running::start(forwarder, &near, &ends)?;
        let (to, talker) = match forwarder {
            Forwarder::Proxy(_) => (ends.far.address(), Talker::Curl),
            Forwarder::Exec(_) => (ends.far.address(), Talker::Inside(running.inner()?)),
            _ => (Ipv4Addr::LOCALHOST.into(), Talker::Iperf),
        };
        let way = Way {
            near: &near,
            far: &ends.far.host,
            to,
            talker,
            process: running.0.id(),
        };
        rows.extend(way.measure(options, &forwarder.to_string())?);
    }
    let (near, ends) = Ends::prepare(ours.len() + options.rivals.len(), directory)?;
    let tun = Daemon::start(&ours_of(directory)?, near, &ends.near, ends.outside)?;
    let way = Way {
        near: &tun.host,
        far: &ends.far.host,
        to: ends.far.address(),
        talker: Talker::Iperf,
        process: tun.process(),
    };
    rows.extend(way.measure(options, "wirecraft tun")?);
    let missed = targets::missed(&rows);
    missed.iter().for_each(|line| println!("missed: {line}"));
    ensure!(missed.is_empty(), "{} targets are missed", missed.len());
    Ok(())
}

/// Our program as the bench of interfaces starts it.
fn ours_of(directory: &Path) -> Result<Program> {
    let mut programs = Program::ours(directory).into_iter();
    programs.find(Program::is_wirecraft).context("our program")
}

/// TCP alone is forwarded: down, up, and up in eight flows.
fn loads() -> impl Iterator<Item = &'static Load> {
    let up = iperf::LOADS.iter();
    let up = up.filter(|load| load.name.starts_with("tcp"));
    std::iter::once(&iperf::STREAM_BACK).chain(up)
}

/// From where to where iperf3 talks, and who carries it on the near side.
struct Way<'a> {
    near: &'a Host,
    far: &'a Host,
    to: IpAddr,
    talker: Talker,
    process: u32,
}

/// Who talks through the tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Talker {
    /// iperf3 on the near host.
    Iperf,
    /// iperf3 in the namespaces of a process.
    Inside(u32),
    /// curl on the near host, by SOCKS; a load of one stream alone.
    Curl,
}

/// What curl loads and sends: longer than any run.
const FILE_LEN: u64 = 1 << 36;
/// Sends and takes files without end.
const FILE_SERVER: &str = "\
import socket, threading
def serve(s):
    head = b''
    while b'\\r\\n\\r\\n' not in head: head += s.recv(65536)
    block = bytes(1 << 20)
    try:
        if head.startswith(b'GET'):
            s.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 68719476736\\r\\n\\r\\n')
            while True: s.sendall(block)
        while s.recv_into(bytearray(1 << 20)): pass
    except OSError: pass
l = socket.create_server(('', 5201))
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
";

impl Way<'_> {
    /// Puts each load on the path, and prints a line of the table for it.
    fn measure(&self, options: &Options, name: &str) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let is_curl = self.talker == Talker::Curl;
        let _server = is_curl.then(|| FileServer::start(self.far)).transpose()?;
        let single = |load: &&Load| !is_curl || [targets::DOWN, targets::UP].contains(&load.name);
        for load in loads().filter(single) {
            let runs = (0..options.runs).map(|_| self.run(load, options.seconds));
            let mut runs = runs.collect::<Result<Vec<_>>>()?;
            runs.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            let (rate, cost) = runs.get(runs.len() / 2).context("a run")?;
            let peak = peak_of(self.process)?;
            println!(
                "| {name} | {} | {rate:.2} | {cost:.2} | {peak} |",
                load.name
            );
            rows.push(Row {
                program: name.to_owned(),
                load: load.name,
                rate: *rate,
                cost: *cost,
                peak,
            });
        }
        Ok(rows)
    }

    /// Runs a load once; returns gigabits a second, and processor seconds of the near program a gigabyte.
    fn run(&self, load: &Load, seconds: u32) -> Result<(f64, f64)> {
        let before = cpu_time_of(self.process)?;
        let (rate, bytes) = match self.talker {
            Talker::Curl => self.run_curl(load.name == targets::DOWN, seconds)?,
            Talker::Iperf => {
                let measured = iperf::run(self.near, self.far, self.to, load, seconds)?;
                (measured.rate, measured.bytes)
            }
            Talker::Inside(process) => {
                let mut client = self.near.command("nsenter");
                client.args(["-n", "-t", &process.to_string(), "iperf3"]);
                let measured = iperf::run_by(client, self.far, self.to, load, seconds)?;
                (measured.rate, measured.bytes)
            }
        };
        let spent = cpu_time_of(self.process)? - before;
        Ok((rate, spent.as_secs_f64() / bytes * 1e9))
    }

    /// Lets curl load or send as much as it can; returns gigabits a second, and the bytes.
    fn run_curl(&self, is_down: bool, seconds: u32) -> Result<(f64, f64)> {
        let mut client = self.near.command("curl");
        client.args(["--silent", "--proxy", &format!("socks5://127.0.0.1:{PORT}")]);
        client.args(["--max-time", &seconds.to_string(), "--output", "/dev/null"]);
        client.args([
            "--write-out",
            "%{size_download} %{size_upload} %{time_total} %{time_connect}",
        ]);
        if !is_down {
            let file = Path::new("/run/endless");
            fs::File::create(file)?.set_len(FILE_LEN)?;
            client
                .args(["--header", "Expect:", "--upload-file"])
                .arg(file);
        }
        let output = client
            .arg(format!("http://{}:{PORT}/", self.to))
            .output()
            .context("starting curl")?;
        // That the time is over is no failure.
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<f64> = text.split(' ').flat_map(str::parse).collect();
        let &[down, up, total, connect] = numbers.as_slice() else {
            bail!(
                "curl: {text:?}, {}",
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let bytes = if is_down { down } else { up };
        ensure!(bytes > 0.0, "curl moved nothing: {}", output.status);
        Ok((bytes * 8e-9 / (total - connect), bytes))
    }
}

/// A server of python's for curl; killed when dropped.
struct FileServer(Child);

impl FileServer {
    fn start(host: &Host) -> Result<Self> {
        let mut command = host.command("python3");
        let child = command.args(["-c", FILE_SERVER]).spawn();
        let server = Self(child.context("starting python3")?);
        wait_for_port(host, "the file server")?;
        Ok(server)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody listens on the port of iperf3.
fn wait_for_port(host: &Host, who: &str) -> Result<()> {
    for _ in 0..POLLS_MAX {
        let mut listening = host.command("ss");
        let filter = format!("sport = :{PORT}");
        let found = crate::interop::output_of(listening.args(["-Hltn", &filter]))?;
        if found.contains("LISTEN") {
            return Ok(());
        }
        sleep(POLL);
    }
    bail!("{who} does not listen")
}

/// The far host with its interface, and what the near one has to know.
struct Ends {
    near: Config,
    far: Daemon,
    /// Where the near end is outside the tunnel, and the far one.
    outside: [SocketAddr; 2],
}

impl Ends {
    fn prepare(number: usize, directory: &Path) -> Result<(Host, Self)> {
        let near = Host::add(format!("rn{number}"))?;
        let far = Host::add(format!("rf{number}"))?;
        let cable = Cable::join(&near, &far, 1)?;
        let (mut near_config, mut far_config) = (config(1)?, config(2)?);
        let outside = [cable.near(Family::V4), cable.far(Family::V4)]
            .map(|address| SocketAddr::new(address, LISTEN_PORT));
        let peer = |config: &Config, endpoint: SocketAddr| Peer {
            public_key: config.keys.public.clone(),
            preshared_key: None,
            endpoint: Some(endpoint),
            addresses: config.addresses,
        };
        let (near_peer, far_peer) = (
            peer(&near_config, outside[0]),
            peer(&far_config, outside[1]),
        );
        near_config.peers.push(far_peer);
        far_config.peers.push(near_peer);
        let swapped = [outside[1], outside[0]];
        let far = Daemon::start(&ours_of(directory)?, far, &far_config, swapped)?;
        let ends = Self {
            near: near_config,
            far,
            outside,
        };
        Ok((near, ends))
    }
}

fn config(number: u8) -> Result<Config> {
    Ok(Config {
        keys: KeyPair::generate()?,
        addresses: Addresses::of_peer(number),
        listen_port: Some(LISTEN_PORT),
        mtu: MTU,
        peers: Vec::new(),
    })
}

/// A running forwarder; killed when dropped.
struct Running(Child);

impl Running {
    fn start(forwarder: &Forwarder, near: &Host, ends: &Ends) -> Result<Self> {
        let mut command = command(forwarder, near, ends)?;
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut running = Self(child.with_context(|| format!("starting {forwarder}"))?);
        if !matches!(forwarder, Forwarder::Exec(_)) {
            wait_for_port(near, &forwarder.to_string())?;
        }
        let ended = running.0.try_wait()?;
        ensure!(ended.is_none(), "{forwarder} ended");
        Ok(running)
    }

    /// Returns the process that runs inside `exec`, once it is the program that was asked for.
    fn inner(&self) -> Result<u32> {
        for _ in 0..POLLS_MAX {
            let found = children_of(self.0.id());
            let is_program = |child: &u32| {
                let name = fs::read_to_string(format!("/proc/{child}/comm"));
                name.is_ok_and(|name| name.trim() == "sleep")
            };
            if let Some(child) = found.into_iter().find(is_program) {
                return Ok(child);
            }
            sleep(POLL);
        }
        bail!("wirecraft exec does not start its program")
    }
}

fn command(forwarder: &Forwarder, near: &Host, ends: &Ends) -> Result<Command> {
    let to = ends.far.address();
    match forwarder {
        Forwarder::Wirecraft(path) => {
            let file = write("forward", &ends.near.for_wg_quick())?;
            let mut command = near.command(path);
            command.args(["-q", "forward", "-L", &format!("{PORT}:{to}:{PORT}")]);
            command.arg("-c").arg(file);
            Ok(command)
        }
        Forwarder::Proxy(path) => {
            let file = write("proxy", &ends.near.for_wg_quick())?;
            let mut command = near.command(path);
            command.args(["-q", "proxy", "--socks", &PORT.to_string(), "-c"]);
            command.arg(file);
            Ok(command)
        }
        Forwarder::Exec(path) => {
            let file = write("exec", &ends.near.for_wg_quick())?;
            let mut command = near.command(path);
            command.args(["-q", "exec", "-c"]).arg(file);
            command.args(["--", "sleep", "100000"]);
            Ok(command)
        }
        Forwarder::Onetun(path) => {
            let peer = ends.near.peers.first().context("a peer")?;
            let endpoint = peer.endpoint.context("an endpoint")?;
            let mut command = near.command(path);
            command.arg(format!("127.0.0.1:{PORT}:{to}:{PORT}"));
            for (name, value) in [
                ("--endpoint-addr", endpoint.to_string()),
                ("--endpoint-public-key", peer.public_key.clone()),
                ("--private-key", ends.near.keys.private.clone()),
                ("--source-peer-ip", ends.near.addresses.v4.to_string()),
                ("--max-transmission-unit", MTU.to_string()),
                ("--keep-alive", "10".to_owned()),
            ] {
                command.args([name, &value]);
            }
            Ok(command)
        }
        Forwarder::Wireproxy(path) => {
            let text = ends.near.for_wg_quick();
            let section = format!(
                "\n[TCPClientTunnel]\nBindAddress = 127.0.0.1:{PORT}\nTarget = {to}:{PORT}\n"
            );
            let mut command = near.command(path);
            command
                .arg("-c")
                .arg(write("wireproxy", &(text + &section))?);
            Ok(command)
        }
    }
}

fn write(name: &str, text: &str) -> Result<PathBuf> {
    let path = Path::new("/run").join(format!("{name}.conf"));
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// Returns the children of a process, whichever of its threads started them.
fn children_of(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let texts = threads.flat_map(|thread| fs::read_to_string(thread.path().join("children")));
    let texts: Vec<String> = texts.collect();
    let words = texts.iter().flat_map(|text| text.split_whitespace());
    words.flat_map(str::parse).collect()
}

/// The most memory that a process had so far, in megabytes.
fn peak_of(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    peak(&status).context(path)
}

fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_is_read_in_megabytes() {
        assert_eq!(peak("Name:\tx\nVmHWM:\t   31250 kB\n"), Some(32));
        assert_eq!(peak("Name:\tx\n"), None);
    }

    #[test]
    fn options_name_known_rivals() {
        let arguments = ["--quick", "--rival", "onetun=/x"].map(str::to_owned);
        let options = Options::parse(&arguments).ok().flatten();
        let options = options.filter(|options| options.seconds == 2);
        assert!(options.is_some_and(|it| it.rivals == [Forwarder::Onetun("/x".into())]));
        assert!(Options::parse(&["--rival".to_owned()]).is_err());
        assert!("ssh=/x".parse::<Forwarder>().is_err());
    }
}
