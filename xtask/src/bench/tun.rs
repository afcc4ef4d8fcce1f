//! `cargo xtask bench tun`: network interfaces of two hosts joined by a tunnel, ours beside others'.
//!
//! Two hosts (network namespaces) are joined by a cable (a veth pair), each runs the same program, and
//! iperf3 talks through the tunnel between them. What a gigabyte costs is the time that both programs
//! spent on a processor: where both share a machine, that says more than the rate.

use super::daemon::{Daemon, Program};
use super::iperf::{self, Load, Measured};
use crate::interop::config::{Addresses, Config, KeyPair, MTU, Peer};
use crate::interop::network::{Cable, Family, Host};
use crate::interop::sandbox;
use crate::steps::cargo;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail, ensure};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

const USAGE: &str = "\
Usage: cargo xtask bench tun [OPTIONS]     (as root, on Linux)

Options:
  --quick             2 s a load instead of 10, and once instead of three times
  --only FILTER       only loads with FILTER in their name
  --rival NAME=PATH   another program beside ours; NAME is wireguard-go or boringtun

Of several runs the median is printed. The machine should have nothing else to do.
";

/// The whole run takes no longer.
const TIME_LIMIT: Duration = Duration::from_secs(900);

const LISTEN_PORT: u16 = 51_820;

struct Options {
    seconds: u32,
    runs: usize,
    only: String,
    rivals: Vec<Program>,
    /// Where our program is; given by the task to itself inside its namespaces.
    inside: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            seconds: 10,
            runs: 3,
            only: String::new(),
            rivals: Vec::new(),
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
                "--quick" => (options.seconds, options.runs) = (2, 1),
                "--only" => options.only.clone_from(value()?),
                "--rival" => options.rivals.push(value()?.parse()?),
                "--inside" => options.inside = Some(value()?.into()),
                other => bail!("unknown option {other}; see cargo xtask bench tun --help"),
            }
        }
        Ok(Some(options))
    }

    fn loads(&self) -> impl Iterator<Item = &'static Load> {
        let loads = iperf::LOADS.iter();
        loads.filter(|load| load.name.contains(&self.only))
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
    if let Some(program) = &options.inside {
        return run_inside(&options, program);
    }
    sandbox::check_rights("bench tun")?;
    ensure!(
        options.loads().next().is_some(),
        "no load has that in its name"
    );
    let workspace = Workspace::load()?;
    let build = "build --profile harness --package wirecraft-cli --bin wirecraft";
    let status = cargo(build.split(' ')).status()?;
    ensure!(status.success(), "building wirecraft: {status}");
    let program = workspace.target.join("harness").join("wirecraft");
    let mut again = vec!["tun".to_owned()];
    again.extend_from_slice(arguments);
    again.extend(["--inside".to_owned(), program.display().to_string()]);
    let status = sandbox::enter("bench", &again, TIME_LIMIT)?;
    ensure!(status.success(), "the measurement failed");
    Ok(())
}

/// The second life: first process of the namespaces.
fn run_inside(options: &Options, program: &std::path::Path) -> Result<()> {
    sandbox::furnish()?;
    std::fs::create_dir("/run/wireguard").context("creating /run/wireguard")?;
    println!("| program | load | Gbit/s | CPU s/GB | kpps received | lost |");
    println!("|---|---|---|---|---|---|");
    let ours = Program::Wirecraft(program.to_path_buf());
    for (number, program) in [&ours].into_iter().chain(&options.rivals).enumerate() {
        let ends = Ends::start(number, program)?;
        for load in options.loads() {
            let runs = (0..options.runs).map(|_| ends.measure(load, options.seconds));
            let median = Measured::median(runs.collect::<Result<_>>()?)?;
            println!("| {program} | {} | {median} |", load.name);
        }
    }
    Ok(())
}

/// Two hosts with a tunnel between them.
struct Ends {
    near: Daemon,
    far: Daemon,
}

impl Ends {
    fn start(number: usize, program: &Program) -> Result<Self> {
        let near = Host::add(format!("near{number}"))?;
        let far = Host::add(format!("far{number}"))?;
        let cable = Cable::join(&near, &far, 1)?;
        let (mut near_config, mut far_config) = (config(1)?, config(2)?);
        let peer = |config: &Config, address: IpAddr| Peer {
            public_key: config.keys.public.clone(),
            preshared_key: None,
            endpoint: Some(SocketAddr::new(address, LISTEN_PORT)),
            addresses: config.addresses,
        };
        let near_peer = peer(&near_config, cable.near(Family::V4));
        let far_peer = peer(&far_config, cable.far(Family::V4));
        near_config.peers.push(far_peer);
        far_config.peers.push(near_peer);
        Ok(Self {
            near: Daemon::start(program, near, &near_config)?,
            far: Daemon::start(program, far, &far_config)?,
        })
    }

    /// Puts `load` on the tunnel for some seconds, and counts what it costs.
    fn measure(&self, load: &Load, seconds: u32) -> Result<Measured> {
        let to = self.far.address();
        let before = self.near.cpu_time()? + self.far.cpu_time()?;
        let mut measured = iperf::run(&self.near.host, &self.far.host, to, load, seconds)?;
        let spent = self.near.cpu_time()? + self.far.cpu_time()? - before;
        measured.cpu_per_byte = spent.as_secs_f64() / measured.bytes;
        Ok(measured)
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
