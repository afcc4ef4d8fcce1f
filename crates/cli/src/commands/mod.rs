//! The subcommands, one file each.

mod genkey;
mod genpsk;
mod key_output;
mod pubkey;

use clap::Subcommand;

use crate::arguments::Verbosity;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Genkey(genkey::Genkey),
    Genpsk(genpsk::Genpsk),
    Pubkey(pubkey::Pubkey),
}

impl Command {
    pub(crate) fn run(self, _verbosity: Verbosity) -> Result<(), Failure> {
        match self {
            Self::Genkey(command) => command.run(),
            Self::Genpsk(command) => command.run(),
            Self::Pubkey(command) => command.run(),
        }
    }
}
