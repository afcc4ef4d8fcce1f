//! `wirecraft genpsk`: a new preshared key.

use clap::Args;
use wirecraft::{PresharedKey, SystemEntropy};

use super::key_output;
use crate::arguments::Verbosity;
use crate::failure::Failure;

/// Make a preshared key and print it, as `wg genpsk` does
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  umask 077; wirecraft genpsk > preshared.key")]
pub(crate) struct Genpsk {}

impl Genpsk {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let key = PresharedKey::generate(&mut SystemEntropy::default());
        key_output::print_secret(&key.to_base64(), verbosity)
    }
}
