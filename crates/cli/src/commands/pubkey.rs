//! `wirecraft pubkey`: the public key of a private key.

use std::io::{self, Read};

use anyhow::anyhow;
use clap::Args;
use wirecraft::PrivateKey;

use crate::failure::Failure;
use crate::output;

/// Read a private key from standard input and print its public key, as `wg pubkey` does
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  wirecraft pubkey < private.key")]
pub(crate) struct Pubkey {}

impl Pubkey {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut input = Vec::with_capacity(2 * INPUT_LEN);
        let read = io::stdin()
            .lock()
            .take(INPUT_LEN as u64)
            .read_to_end(&mut input);
        let key = read
            .map_err(Failure::call)
            .and_then(|_| private_key(&input));
        input.fill(0);
        output::line(key?.public_key())
    }
}

/// The characters of a key.
const KEY_TEXT_LEN: usize = 44;

/// A key and more white space than anybody puts behind one.
const INPUT_LEN: usize = 1024;

/// Reads 44 characters and lets white space and zeros follow them, nothing else.
///
/// Source: `pubkey_main` of wireguard-tools.
fn private_key(input: &[u8]) -> Result<PrivateKey, Failure> {
    let malformed = || Failure::call(anyhow!("Key is not the correct length or format"));
    let (key, rest) = input.split_at_checked(KEY_TEXT_LEN).ok_or_else(malformed)?;
    let is_blank = |byte: &u8| matches!(byte, 0 | b'\x0b') || byte.is_ascii_whitespace();
    if !rest.iter().all(is_blank) || input.len() == INPUT_LEN {
        return Err(Failure::call(anyhow!(
            "Trailing characters found after key"
        )));
    }
    let key = str::from_utf8(key).map_err(|_| malformed())?;
    key.parse().map_err(|_| malformed())
}
