//! The subcommands, one file each.

mod demo;
mod dns;
mod genkey;
mod genpsk;
mod get;
mod key_output;
mod ping;
mod pubkey;

use clap::Subcommand;

use crate::arguments::Verbosity;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Genkey(genkey::Genkey),
    Genpsk(genpsk::Genpsk),
    Pubkey(pubkey::Pubkey),
    Ping(ping::Ping),
    Dns(dns::Dns),
    Get(get::Get),
}

impl Command {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        match self {
            Self::Demo(command) => block_on(command.run(verbosity)),
            Self::Genkey(command) => command.run(verbosity),
            Self::Genpsk(command) => command.run(verbosity),
            Self::Pubkey(command) => command.run(),
            Self::Ping(command) => block_on(command.run(verbosity)),
            Self::Dns(command) => block_on(command.run(verbosity)),
            Self::Get(command) => block_on(command.run(verbosity)),
        }
    }
}

/// Runs a command that needs the network.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(Failure::call)?;
    let outcome = runtime.block_on(command);
    // The system's resolver cannot be interrupted: what it still looks up nobody waits for.
    runtime.shutdown_background();
    outcome
}
