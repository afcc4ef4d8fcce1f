//! How far a scan has come, as text that a later one goes on from.
//!
//! ```text
//! wirecraft-scan 1
//! seed 81985529216486895
//! options 66d2a1c3b4e5f607          a hash of targets, ports, method and shard
//! pass 0
//! next 4711                         the position in the order of this pass
//! answers 0 11110200..              256 targets a line, four bits each
//! end 1                             how many lines of answers there are
//! ```

use core::fmt::Write as _;
use core::str::FromStr;

use crate::answers::Answers;

const HEAD: &str = "wirecraft-scan 1";
const WORDS: usize = 16;

/// How far a scan has come.
///
/// Shown as text, and parsed from it.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub(crate) seed: u64,
    pub(crate) options: u64,
    pub(crate) pass: u8,
    pub(crate) next: u128,
    pub(crate) pages: Vec<(u128, [u64; WORDS])>,
}

/// Why a text is no checkpoint.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It does not start as one does.
    #[error("not the resume file of a scan")]
    NotACheckpoint,
    /// A line is not as it should be.
    #[error("the resume file is broken in line {line}")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// It ends before its last line.
    #[error("the resume file is cut off")]
    CutOff,
}

impl Checkpoint {
    /// Returns the seed of the scan's order.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns the number of targets that answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        let words = self.pages.iter().flat_map(|(_, page)| page);
        words.map(|word| nibbles(*word)).sum()
    }

    pub(crate) fn answers(&self, len: u128) -> Option<Answers> {
        let mut answers = Answers::default();
        let is_valid =
            |(number, page): &(u128, [u64; WORDS])| answers.insert_page(*number, *page, len);
        self.pages.iter().all(is_valid).then_some(answers)
    }
}

/// Counts the groups of four bits that are not zero.
fn nibbles(word: u64) -> usize {
    (0..16)
        .filter(|shift| word >> (4 * shift) & 0xf != 0)
        .count()
}

impl core::fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{HEAD}")?;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "options {:016x}", self.options)?;
        writeln!(f, "pass {}", self.pass)?;
        writeln!(f, "next {}", self.next)?;
        let mut line = String::new();
        for (number, page) in &self.pages {
            line.clear();
            for word in page {
                write!(line, "{word:016x}")?;
            }
            writeln!(f, "answers {number} {line}")?;
        }
        writeln!(f, "end {}", self.pages.len())
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(CheckpointError::NotACheckpoint);
        }
        let mut number = |name| {
            let (line, text) = lines.next().ok_or(CheckpointError::CutOff)?;
            let value = text
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '));
            value
                .map(|value| (line, value))
                .ok_or(CheckpointError::Line { line })
        };
        let mut checkpoint = Self {
            seed: field(number("seed")?, 10)?,
            options: field(number("options")?, 16)?,
            pass: field(number("pass")?, 10)?,
            next: field(number("next")?, 10)?,
            pages: Vec::new(),
        };
        for (line, text) in lines {
            let broken = CheckpointError::Line { line };
            if let Some(count) = text.strip_prefix("end ") {
                let is_whole = count.parse() == Ok(checkpoint.pages.len());
                return if is_whole {
                    Ok(checkpoint)
                } else {
                    Err(broken)
                };
            }
            checkpoint.pages.push(page(text).ok_or(broken)?);
        }
        Err(CheckpointError::CutOff)
    }
}

/// Reads a number of any width.
fn field<T: TryFrom<u128>>((line, text): (usize, &str), radix: u32) -> Result<T, CheckpointError> {
    let number = u128::from_str_radix(text, radix).ok().map(T::try_from);
    number
        .and_then(Result::ok)
        .ok_or(CheckpointError::Line { line })
}

fn page(line: &str) -> Option<(u128, [u64; WORDS])> {
    let (number, digits) = line.strip_prefix("answers ")?.split_once(' ')?;
    if digits.len() != WORDS * 16 || !digits.is_ascii() {
        return None;
    }
    let mut page = [0; WORDS];
    for (at, word) in page.iter_mut().enumerate() {
        *word = u64::from_str_radix(&digits[16 * at..16 * at + 16], 16).ok()?;
    }
    Some((number.parse().ok()?, page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            seed: 7,
            options: 0xab,
            pass: 1,
            next: 300,
            pages: vec![(0, [0x1234_0000; WORDS]), (2, [0; WORDS])],
        }
    }

    #[test]
    fn text_is_read_as_it_was_written() {
        let text = checkpoint().to_string();
        let read: Checkpoint = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!((read.seed(), read.answered()), (7, 64));
    }

    #[test]
    fn broken_text_is_refused_with_its_line() {
        let text = checkpoint().to_string();
        let parse = |text: &str| text.parse::<Checkpoint>().unwrap_err();
        assert_eq!(parse(""), CheckpointError::NotACheckpoint);
        assert_eq!(parse("PK\u{3}"), CheckpointError::NotACheckpoint);
        for lines in 1..7 {
            let cut: Vec<&str> = text.lines().take(lines).collect();
            assert_eq!(parse(&cut.join("\n")), CheckpointError::CutOff, "{lines}");
        }
        for (old, new, line) in [
            ("seed 7", "seed -7", 2),
            ("seed 7", "seed", 2),
            ("00ab", "00xy", 3),
            ("pass 1", "pass 256", 4),
            ("answers 0 0", "answers 0 ", 6),
            ("answers 2", "answers x", 7),
            ("end 2", "end 3", 8),
        ] {
            let broken = text.replace(old, new);
            assert_eq!(parse(&broken), CheckpointError::Line { line }, "{new}");
        }
    }
}
