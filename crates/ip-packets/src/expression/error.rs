//! Why a text is no packet, and where.

use alloc::string::{String, ToString};
use core::fmt;

use super::syntax::Place;
use crate::BuildError;

/// Why a text is not the expression of a packet.
///
/// Shown, it is a sentence, the line it is about, and a caret under the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpressionError {
    problem: ExpressionProblem,
    /// The line of the text in which it is.
    line: String,
    /// In characters from the start of the line.
    column: usize,
}

/// What is wrong with the expression of a packet.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExpressionProblem {
    /// Something else should be here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// There is no such layer or option.
    #[error("unknown name, expected one of: {}", Names(known))]
    UnknownName {
        /// The names there are.
        known: &'static [&'static str],
    },
    /// The layer or option has no such field.
    #[error("unknown field, expected one of: {}", Names(known))]
    UnknownField {
        /// The fields there are.
        known: &'static [&'static str],
    },
    /// The field was set before.
    #[error("the field is set twice")]
    SetTwice,
    /// There are more values than fields.
    #[error("too many values, {most} at most")]
    TooManyValues {
        /// How many fields there are.
        most: usize,
    },
    /// The field is needed.
    #[error("the field {field} is missing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// The number does not fit its field.
    #[error("expected a number from 0 to {most}")]
    TooGreat {
        /// The greatest number that fits.
        most: u64,
    },
    /// The number is less than its field can be.
    #[error("expected a number of at least {least}")]
    TooSmall {
        /// The least number there can be.
        least: u64,
    },
    /// Something is within something within something, too often.
    #[error("nested too deep, {most} levels at most")]
    TooDeep {
        /// How often it may be.
        most: usize,
    },
    /// There is more than a packet can hold.
    #[error("longer than a packet can be, {most} bytes at most")]
    TooLong {
        /// The most bytes there may be.
        most: usize,
    },
    /// The text is longer than any packet needs.
    #[error("the text is too long, {most} bytes at most")]
    TextTooLong {
        /// The most bytes it may have.
        most: usize,
    },
    /// No ICMP message before the extension takes it: errors do, and extended echo requests.
    #[error("no ICMP error before it takes this extension")]
    NoSuchError,
    /// The packet cannot be built.
    #[error("{0}")]
    Build(BuildError),
}

/// Names, as a sentence lists them.
struct Names<'a>(&'a [&'a str]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for name in self.0 {
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl ExpressionError {
    /// Returns what is wrong.
    #[must_use]
    pub const fn problem(&self) -> ExpressionProblem {
        self.problem
    }

    /// Returns where it is, in characters from the start of its line; the first is 1.
    #[must_use]
    pub const fn column(&self) -> usize {
        self.column + 1
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (column {})", self.problem, self.column())?;
        writeln!(f, "  {}", self.line)?;
        write!(f, "  {:1$}^", "", self.column)
    }
}

impl core::error::Error for ExpressionError {}

/// What is wrong, and where in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    at: Place,
    problem: ExpressionProblem,
}

impl Problem {
    pub(super) const fn new(at: Place, problem: ExpressionProblem) -> Self {
        Self { at, problem }
    }

    pub(super) const fn expected(at: Place, what: &'static str) -> Self {
        Self::new(at, ExpressionProblem::Expected(what))
    }

    /// Makes the error of the text in which the place is.
    pub(super) fn within(self, text: &str) -> ExpressionError {
        let (before, after) = text.split_at_checked(self.at.0).unwrap_or((text, ""));
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = after
            .find('\n')
            .map_or(text.len(), |newline| before.len() + newline);
        // A tab or another control character would move what stands behind it.
        let line: String = text[start..end]
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        ExpressionError {
            problem: self.problem,
            line: line.trim_end().to_string(),
            column: before[start..].chars().count(),
        }
    }
}
