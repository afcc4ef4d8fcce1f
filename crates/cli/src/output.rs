//! Results on standard output, remarks on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

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

/// A time in the unit of results: milliseconds, to the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Tells something on standard error, `wirecraft: ` in front.
///
/// The errors of the library name their causes themselves.
pub(crate) fn remark(text: impl Display) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "wirecraft: {text}");
}

/// Makes text from the network safe for a terminal: control characters are escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}
