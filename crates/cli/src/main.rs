//! The `wirecraft` command.

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

use arguments::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.verbosity.start_logging();
    let outcome = cli.command.run(cli.verbosity);
    let is_recorded = recording::finish();
    match outcome {
        Ok(()) if is_recorded => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(2),
        Err(failure) => failure.report(),
    }
}
