//! `cargo xtask bench tun`: network interfaces of two hosts joined by a tunnel, ours beside others'.
//!
//! Two hosts (network namespaces) are joined by a cable (a veth pair), each runs the same program, and
//! iperf3 talks through the tunnel between them. What a gigabyte costs is the time that both programs
//! spent on a processor: where both share a machine, that says more than the rate. Every round measures
//! all programs, so that what else the machine does falls on all of them.

mod options;

use super::calls::{Counting, Probes};
use super::daemon::Daemon;
use super::figures::{Figure, Figures};
use super::iperf::{self, Load, Measured};
use super::machine::machine;
use super::ping;
use super::program::Program;
use crate::interop::config::{Addresses, Config, KeyPair, MTU, Peer};
use crate::interop::network::{Cable, Family, Host};
use crate::interop::{output_of, sandbox};
use crate::steps::cargo;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, ensure};
use options::Options;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The whole run takes no longer.
const TIME_LIMIT: Duration = Duration::from_secs(3000);

const LISTEN_PORT: u16 = 51_820;

/// The payload of a full TCP segment in bytes: the MTU without IPv4, TCP and its time stamps.
const SEGMENT_LEN: f64 = (MTU - 52) as f64;

/// Measures, prints tables and writes them with a chart.
///
/// # Errors
/// When our programs fail, or this machine cannot have namespaces.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    if let Some(directory) = &options.inside {
        return run_inside(&options, directory);
    }
    sandbox::check_rights("bench tun")?;
    ensure!(
        options.loads().next().is_some() || options.wants("ping") || options.wants("calls"),
        "no load has that in its name"
    );
    let workspace = Workspace::load()?;
    let build = "build --profile harness -p wirecraft-cli -p wirecraft-interface-bench --bins";
    let status = cargo(build.split(' ')).status()?;
    ensure!(status.success(), "building the programs: {status}");
    let mut again = vec!["tun".to_owned()];
    again.extend_from_slice(arguments);
    if options.has_usual_rivals {
        for rival in Program::usual_rivals(&workspace.target)? {
            again.extend(["--rival".to_owned(), rival]);
        }
    }
    let directory = workspace.target.join("harness");
    again.extend(["--inside".to_owned(), directory.display().to_string()]);
    if options.output.is_none() {
        let output = workspace.root.join("docs").join("benchmarks");
        again.extend(["--output".to_owned(), output.display().to_string()]);
    }
    let status = sandbox::enter("bench", &again, TIME_LIMIT)?;
    ensure!(status.success(), "the measurement failed");
    Ok(())
}

/// The second life: first process of the namespaces.
fn run_inside(options: &Options, directory: &Path) -> Result<()> {
    sandbox::furnish()?;
    std::fs::create_dir("/run/wireguard").context("creating /run/wireguard")?;
    let mut programs = Program::ours(directory);
    programs.extend(options.rivals.iter().cloned());
    programs.retain(|program| program.name.contains(&options.program));
    let mut figures = Figures::default();
    let mut number = 0;
    for round in 1..=options.rounds {
        for program in &programs {
            eprintln!("round {round}: {program}");
            number += 1;
            let measured = measure(number, program, options, &mut figures);
            // A rival that fails leaves holes in the table; ours may not.
            match measured {
                Err(error) if !program.is_wirecraft() => eprintln!("{program}: {error:#}"),
                outcome => outcome?,
            }
        }
    }
    let mut calls = String::new();
    for program in programs.iter().filter(|it| it.is_wirecraft()) {
        if options.wants("calls") {
            number += 1;
            let counted = count_calls(number, program, options, &mut figures)?;
            calls += &format!("\n{counted}\n");
        }
    }
    let text = format!("{}\n{}{calls}", figures.table(), figures.targets());
    println!("{text}");
    write(options, directory, &figures, &text)?;
    let missed = figures.missed();
    ensure!(missed.is_empty(), "missed: {}", missed.join(", "));
    Ok(())
}

fn write(options: &Options, directory: &Path, figures: &Figures, text: &str) -> Result<()> {
    let Some(output) = options.output.as_ref().filter(|_| options.is_whole()) else {
        return Ok(());
    };
    std::fs::create_dir_all(output)?;
    let (seconds, rounds) = (options.seconds, options.rounds);
    let how = format!(
        "{rounds} rounds, {seconds} s a load, medians; {}",
        machine()
    );
    let page = format!(
        "# Interfaces, end to end\n\n`cargo xtask bench tun`: {how}.\n\n![Bars](tun.svg)\n\n{text}"
    );
    std::fs::write(output.join("tun.md"), page.trim_end().to_owned() + "\n")?;
    let title = "TUN to TUN in one machine: two namespaces, veth, both ends the same program";
    figures.draw(&directory.join("chart"), &output.join("tun.svg"), title)
}

/// Puts all loads on one program.
fn measure(
    number: usize,
    program: &Program,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let ends = Ends::start(number, program)?;
    let name = &program.name;
    let idle = ends.far.resident_len()?;
    #[expect(clippy::cast_precision_loss, reason = "memory of a program")]
    figures.add(name, Figure::Resident, idle as f64 / 1e6);
    if options.wants("ping") {
        let tenth = ping::tenth(&ends.near.host, ends.far.address())?;
        figures.add(name, Figure::Ping, tenth);
    }
    for load in options.loads() {
        let (measured, cost) = ends.measure(load, options.seconds)?;
        for (figure, value) in [
            (load.rate, measured.rate),
            (load.cost, cost * 1e9),
            (load.lost, measured.lost_percent),
        ] {
            if let Some(figure) = figure {
                figures.add(name, figure, value);
            }
        }
    }
    Ok(())
}

/// Counts system calls and allocations of both ends under TCP.
#[expect(clippy::cast_precision_loss, reason = "counts of some seconds")]
fn count_calls(
    number: usize,
    program: &Program,
    options: &Options,
    figures: &mut Figures,
) -> Result<String> {
    let ends = Ends::start(number, program)?;
    let (load, seconds) = (&iperf::LOADS[0], options.seconds);
    // What is allocated once is allocated before.
    ends.measure(load, 1)?;
    let mut text = format!("{program}, TCP, per full packet:");
    let probes = match Probes::set(ends.near.process()) {
        Ok(probes) => probes,
        Err(error) => return Ok(format!("{text} not counted ({error:#})")),
    };
    let counting =
        [&ends.near, &ends.far].map(|end| Counting::start(&probes, end.process(), seconds + 1));
    let (measured, _) = ends.measure(load, seconds)?;
    let packets = measured.bytes / SEGMENT_LEN;
    for (end, counting) in ["sender", "receiver"].into_iter().zip(counting) {
        let calls = counting.and_then(Counting::finish)?;
        let (system, allocations) = (
            calls.system as f64 / packets,
            calls.allocations as f64 / packets,
        );
        figures.add_greatest(&program.name, Figure::SystemCalls, system);
        figures.add_greatest(&program.name, Figure::Allocations, allocations);
        text += &format!(
            " {end} {system:.4} system calls (1/{:.0}) and {allocations:.5} allocations;",
            1.0 / system
        );
    }
    Ok(text.trim_end_matches(';').to_owned())
}

/// Two hosts with a tunnel between them.
pub(super) struct Ends {
    pub(super) near: Daemon,
    pub(super) far: Daemon,
}

impl Ends {
    pub(super) fn start(number: usize, program: &Program) -> Result<Self> {
        let near = Host::add(format!("near{number}"))?;
        let far = Host::add(format!("far{number}"))?;
        let cable = Cable::join(&near, &far, 1)?;
        let (mut near_config, mut far_config) = (config(1)?, config(2)?);
        let near_at = SocketAddr::new(cable.near(Family::V4), LISTEN_PORT);
        let far_at = SocketAddr::new(cable.far(Family::V4), LISTEN_PORT);
        let peer = |config: &Config, endpoint: SocketAddr| Peer {
            public_key: config.keys.public.clone(),
            preshared_key: None,
            endpoint: Some(endpoint),
            addresses: config.addresses,
        };
        let near_peer = peer(&near_config, near_at);
        let far_peer = peer(&far_config, far_at);
        near_config.peers.push(far_peer);
        far_config.peers.push(near_peer);
        let ends = Self {
            near: Daemon::start(program, near, &near_config, [near_at, far_at])?,
            far: Daemon::start(program, far, &far_config, [far_at, near_at])?,
        };
        let mut ping = ends.near.host.command("ping");
        ping.args(["-n", "-q", "-c", "3", "-i", "0.1", "-W", "5"]);
        output_of(ping.arg(ends.far.address().to_string()))?;
        Ok(ends)
    }

    /// Puts `load` on the tunnel for some seconds; also returns the processor seconds of both programs
    /// for each byte of payload.
    fn measure(&self, load: &Load, seconds: u32) -> Result<(Measured, f64)> {
        let to = self.far.address();
        let before = self.near.cpu_time()? + self.far.cpu_time()?;
        let measured = iperf::run(&self.near.host, &self.far.host, to, load, seconds)?;
        let spent = self.near.cpu_time()? + self.far.cpu_time()? - before;
        Ok((measured, spent.as_secs_f64() / measured.bytes))
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
