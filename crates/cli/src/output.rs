//! Results on standard output, remarks on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Prints one line of results.
pub(crate) fn line(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    // Whoever reads a pipe sees each result when it is there.
    Ok(out.flush()?)
}

/// Prints one result as one JSON object on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(Failure::call)?;
    line(text)
}

/// Tells something on standard error, `wirecraft: ` in front.
pub(crate) fn remark(text: impl Display) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "wirecraft: {text:#}");
}
