//! The variable of the environment that says what encrypts batches of packets.

use std::env;
use std::ffi::OsStr;

use anyhow::anyhow;
use wirecraft::{AeadPath, ConnectOptions};

use crate::failure::Failure;

/// Names the path; without it the processor's fastest is taken.
const VARIABLE: &str = "WIRECRAFT_AEAD";

/// The options of a tunnel, with what the environment says.
pub(crate) fn connect_options() -> Result<ConnectOptions, Failure> {
    let mut options = ConnectOptions::default();
    if let Some(text) = env::var_os(VARIABLE) {
        options.aead_path = path(&text)?;
    }
    Ok(options)
}

fn path(text: &OsStr) -> Result<AeadPath, Failure> {
    let path = text.to_str().and_then(|text| text.parse().ok());
    path.ok_or_else(|| {
        let expected = AeadPath::ALL.map(AeadPath::name).join(", ");
        Failure::call(anyhow!(
            "{VARIABLE}: expected one of {expected}; found {text:?}"
        ))
    })
}
