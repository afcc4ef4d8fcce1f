//! One endpoint with ten thousand peers, measured.
//!
//! ```text
//! scale [--quick]       prints a table; exit status 0 says that every target was met
//! scale --long          the same, and watches idle peers until all have changed their keys
//! scale in-process      the first half of it: what needs no sockets
//! scale endpoint        plays the endpoint over real sockets, as told by the former
//! scale clients         plays all its peers, each at an address of its own in 127.0.0.0/8
//! ```
//!
//! What can be measured without sockets is: loading, memory, the cost of a packet, idle timers. Over
//! sockets come the handshakes of all peers at once, and what the endpoint does while they are idle.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the programs speak to the terminal"
)]

mod cast;
mod clients;
mod crowd;
mod endpoint;
mod in_process;
mod packets;
mod sockets;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use wirecraft_tests::Figures;

/// How thorough to be.
struct Plan {
    peers: usize,
    /// How often the cost of packets is measured.
    repetitions: usize,
    /// How long idle peers are watched.
    idle: Duration,
    /// Whether to watch them until all have changed their keys, too.
    long: bool,
}

impl Plan {
    const FULL: Self = Self {
        peers: 10_000,
        repetitions: 101,
        idle: Duration::from_secs(30),
        long: false,
    };

    const LONG: Self = Self {
        long: true,
        ..Self::FULL
    };

    const QUICK: Self = Self {
        peers: 1000,
        repetitions: 41,
        idle: Duration::from_secs(5),
        long: false,
    };
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scale: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does what the arguments say; answers whether every target was met.
fn run(arguments: &[String]) -> Result<bool> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => measure(&Plan::FULL),
        ["--quick"] => measure(&Plan::QUICK),
        ["--long"] => measure(&Plan::LONG),
        ["in-process"] => measure_in_process(&Plan::FULL),
        ["endpoint"] => endpoint::run().map(|()| true),
        ["clients"] => clients::run().map(|()| true),
        _ => bail!("scale [--quick | --long | in-process]"),
    }
}

fn measure_in_process(plan: &Plan) -> Result<bool> {
    let mut figures = Figures::default();
    in_process::measure(plan, &mut figures)?;
    print!("{figures}");
    Ok(figures.all_met())
}

fn measure(plan: &Plan) -> Result<bool> {
    let mut figures = Figures::default();
    eprintln!("without sockets ..");
    in_process::measure(plan, &mut figures)?;
    eprintln!("over sockets ..");
    sockets::measure(plan, &mut figures)?;
    print!("{figures}");
    Ok(figures.all_met())
}
