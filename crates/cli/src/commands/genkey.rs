//! `wirecraft genkey`: a new private key.

use clap::Args;
use wirecraft::{PrivateKey, SystemEntropy};

use super::key_output;
use crate::arguments::Verbosity;
use crate::failure::Failure;

/// Make a private key and print it, as `wg genkey` does
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  umask 077; wirecraft genkey | tee private.key | wirecraft pubkey > public.key")]
pub(crate) struct Genkey {}

impl Genkey {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let key = PrivateKey::generate(&mut SystemEntropy::default());
        key_output::print_secret(&key.to_base64(), verbosity)
    }
}
