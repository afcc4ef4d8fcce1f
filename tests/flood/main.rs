//! A tunnel under attack, measured: a flow of packets, its receiver, and somebody who floods it.
//!
//! ```text
//!   host of the peers                 host of the receiver             host of the attacker
//!   flood peers ------- tunnel -----> flood receiver <--- spoofed ---- flood attacker
//!   the flow, new handshakes          counts what arrives              recorded by flood recorder
//! ```
//!
//! `flood conduct` starts the others in network namespaces that are there already, asks them by
//! lines of JSON and prints a table. Exit status 0 says that every target was met.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the programs speak to each other and to the terminal"
)]

mod attacker;
mod conduct;
mod flow;
mod identities;
mod peers;
mod phase;
mod receiver;
mod recorder;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("flood: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Plays the part that the first argument names; answers whether every target was met.
fn run(arguments: &[String]) -> Result<bool> {
    let (part, rest) = arguments
        .split_first()
        .map_or(("", arguments), |(part, rest)| (part, rest));
    match part {
        "conduct" => conduct::run(rest),
        "receiver" => receiver::run().map(|()| true),
        "peers" => peers::run().map(|()| true),
        "attacker" => attacker::run().map(|()| true),
        "recorder" => recorder::run(rest).map(|()| true),
        _ => bail!("no such part; the source says which there are"),
    }
}
