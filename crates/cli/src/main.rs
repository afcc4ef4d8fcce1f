//! The `wirecraft` command.

#![forbid(unsafe_code)]

mod aead;
mod arguments;
mod commands;
mod exits;
mod failure;
mod interrupt;
mod output;
mod upkeep;

use std::process::ExitCode;

use clap::Parser;

use arguments::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.verbosity.start_logging();
    match cli.command.run(cli.verbosity) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
