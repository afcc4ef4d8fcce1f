//! Syntax to text.

use core::fmt::{self, Write};

use super::Expression;
use super::syntax::{Argument, Call, Part, Value, ValueKind};

/// As it parses to the same again: without spaces, names in lower case.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, "/", &self.parts, |f, part| match part {
            Part::Text(bytes, _) => quoted(f, bytes),
            Part::Call(call) => show_call(f, call),
        })
    }
}

fn show_call(f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
    write!(f, "{}(", call.name)?;
    joined(f, ",", &call.arguments, show_argument)?;
    f.write_char(')')
}

fn show_argument(f: &mut fmt::Formatter<'_>, argument: &Argument) -> fmt::Result {
    if let Some(name) = &argument.name {
        write!(f, "{name}=")?;
    }
    show_value(f, &argument.value)
}

fn show_value(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match &value.kind {
        ValueKind::Word(word) => f.write_str(word),
        ValueKind::Text(bytes) => quoted(f, bytes),
        ValueKind::Call(call) => show_call(f, call),
        ValueKind::List(values) => {
            f.write_char('[')?;
            joined(f, ",", values, show_value)?;
            f.write_char(']')
        }
    }
}

fn joined<T>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: &[T],
    mut show: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        show(f, item)?;
    }
    Ok(())
}

fn quoted(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for byte in bytes {
        match byte {
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            b' '..=b'~' => f.write_char(char::from(*byte))?,
            other => write!(f, "\\x{other:02x}")?,
        }
    }
    f.write_char('"')
}
