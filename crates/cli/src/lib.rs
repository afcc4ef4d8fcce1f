//! The commands `wirecraft` and `wirecraft-tun`.
//!
//! `wirecraft-tun` is a program of its own, though it does what `wirecraft tun` does: of a daemon that
//! runs for months only what it needs is in memory.

#![forbid(unsafe_code)]

mod aead;
mod arguments;
mod commands;
mod exits;
mod failure;
mod interrupt;
mod open_files;
mod output;
mod recording;
mod upkeep;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Cli, TunCli, Verbosity};
use failure::Failure;

/// Does what the arguments of `wirecraft` say, and returns its exit status.
#[must_use]
pub fn wirecraft() -> ExitCode {
    let cli = Cli::parse();
    run(cli.verbosity, |verbosity| cli.command.run(verbosity))
}

/// Does what the arguments of `wirecraft-tun` say, and returns its exit status.
#[cfg(target_os = "linux")]
#[must_use]
pub fn wirecraft_tun() -> ExitCode {
    let cli = TunCli::read();
    run(cli.verbosity, |verbosity| cli.tun.run(verbosity))
}

fn run(verbosity: Verbosity, command: impl FnOnce(Verbosity) -> Result<(), Failure>) -> ExitCode {
    verbosity.start_logging();
    let outcome = command(verbosity);
    let is_recorded = recording::finish();
    match outcome {
        Ok(()) if is_recorded => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(2),
        Err(failure) => failure.report(),
    }
}
