//! How far a scan has come, as text that a later one goes on from.
//!
//! ```text
//! wirecraft-scan 1
//! seed 81985529216486895
//! options 66d2a1c3b4e5f607          a hash of targets, ports, method and shard
//! pass 0
//! next 4711                         the position in the order of this pass
//! answers 0 0016100ff2..            a page of 65,536 targets: place and state of those that answered
//! states 7 2222022..                a page with many answers: the states of all its targets
//! end 2                             how many lines of answers there are
//! ```

use core::fmt::{self, Write as _};
use core::str::FromStr;

use crate::PortState;
use crate::answers::{Answers, PAGE_TARGETS, Page, digit_of, index_of, state_of};

const HEAD: &str = "wirecraft-scan 1";

/// Digits of an answer on a line of few: four of its place, one of its state.
const ENTRY_DIGITS: usize = 5;

/// How far a scan has come.
///
/// Shown as text, and parsed from it; [`CheckpointReader`] takes it line by line. It shares its memory with
/// the scan, so that to make one takes little time, and it may be written while the scan goes on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    pub(crate) seed: u64,
    pub(crate) options: u64,
    pub(crate) pass: u8,
    pub(crate) next: u128,
    pub(crate) answers: Answers,
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
    pub const fn answered(&self) -> u128 {
        self.answers.len()
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "options {:016x}", self.options)?;
        writeln!(f, "pass {}", self.pass)?;
        writeln!(f, "next {}", self.next)?;
        let mut count = 0;
        let mut line = String::new();
        for (number, page) in self.answers.pages() {
            line.clear();
            write_page(&mut line, number, page)?;
            f.write_str(&line)?;
            count += 1;
        }
        writeln!(f, "end {count}")
    }
}

fn write_page(line: &mut String, number: u128, page: &Page) -> fmt::Result {
    match page {
        Page::Few(entries) => {
            write!(line, "answers {number} ")?;
            for entry in entries {
                write!(line, "{:04x}{}", entry.place, digit_of(entry.state))?;
            }
        }
        Page::Many(_) => {
            write!(line, "states {number} ")?;
            for place in 0..=u16::MAX {
                let digit = page.get(place).map_or(0, digit_of);
                write!(line, "{digit}")?;
            }
        }
    }
    writeln!(line)
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let mut reader = CheckpointReader::new();
        for line in text.lines() {
            if reader.line(line)? == LineTaken::Last {
                break;
            }
        }
        reader.finish()
    }
}

/// Reads a checkpoint line by line, so that its text need not be held as a whole.
#[derive(Clone, Debug)]
pub struct CheckpointReader {
    checkpoint: Checkpoint,
    lines: usize,
    pages: u64,
    is_whole: bool,
}

/// What a [`CheckpointReader`] made of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineTaken {
    /// More lines follow.
    More,
    /// It was the last one of the checkpoint.
    Last,
}

impl CheckpointReader {
    /// Waits for the first line.
    #[must_use]
    pub fn new() -> Self {
        Self {
            checkpoint: Checkpoint {
                seed: 0,
                options: 0,
                pass: 0,
                next: 0,
                answers: Answers::default(),
            },
            lines: 0,
            pages: 0,
            is_whole: false,
        }
    }

    /// Takes the next line, without its end.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is not as it should be.
    pub fn line(&mut self, text: &str) -> Result<LineTaken, CheckpointError> {
        self.lines += 1;
        let broken = CheckpointError::Line { line: self.lines };
        let checkpoint = &mut self.checkpoint;
        match self.lines {
            1 if text == HEAD => {}
            1 => return Err(CheckpointError::NotACheckpoint),
            2 => checkpoint.seed = field(text, "seed ", 10).ok_or(broken)?,
            3 => checkpoint.options = field(text, "options ", 16).ok_or(broken)?,
            4 => checkpoint.pass = field(text, "pass ", 10).ok_or(broken)?,
            5 => checkpoint.next = field(text, "next ", 10).ok_or(broken)?,
            _ => match text.strip_prefix("end ") {
                Some(count) if count.parse() == Ok(self.pages) => {
                    self.is_whole = true;
                    return Ok(LineTaken::Last);
                }
                Some(_) => return Err(broken),
                None => {
                    read_page(text, &mut checkpoint.answers).ok_or(broken)?;
                    self.pages += 1;
                }
            },
        }
        Ok(LineTaken::More)
    }

    /// Ends the text.
    ///
    /// # Errors
    /// [`CheckpointError::CutOff`] if its last line has not come, [`CheckpointError::NotACheckpoint`] if none
    /// has.
    pub fn finish(self) -> Result<Checkpoint, CheckpointError> {
        match (self.is_whole, self.lines) {
            (true, _) => Ok(self.checkpoint),
            (false, 0) => Err(CheckpointError::NotACheckpoint),
            (false, _) => Err(CheckpointError::CutOff),
        }
    }
}

impl Default for CheckpointReader {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a number of any width.
fn field<T: TryFrom<u128>>(text: &str, name: &str, radix: u32) -> Option<T> {
    let digits = text.strip_prefix(name)?;
    let number = u128::from_str_radix(digits, radix).ok()?;
    T::try_from(number).ok()
}

/// Reads a line of answers; `None` if it is not as it should be, or tells of a target twice.
fn read_page(line: &str, answers: &mut Answers) -> Option<()> {
    let (kind, rest) = line.split_once(' ')?;
    let (number, digits) = rest.split_once(' ')?;
    let number: u128 = number.parse().ok()?;
    let mut insert = |place: u16, state: PortState| {
        let index = index_of(number, place)?;
        answers.insert(index, state).then_some(())
    };
    let digits = digits.as_bytes();
    match kind {
        "answers" if !digits.is_empty() && digits.len().is_multiple_of(ENTRY_DIGITS) => {
            for entry in digits.chunks(ENTRY_DIGITS) {
                let (place, state) = core::str::from_utf8(entry).ok()?.split_at_checked(4)?;
                let is_hex = place.bytes().all(|byte| byte.is_ascii_hexdigit());
                let place = u16::from_str_radix(place, 16).ok().filter(|_| is_hex)?;
                insert(
                    place,
                    state_of(u64::from(state.as_bytes()[0].wrapping_sub(b'0')))?,
                )?;
            }
        }
        "states" if digits.len() == PAGE_TARGETS => {
            for (place, digit) in (0..=u16::MAX).zip(digits) {
                match digit {
                    b'0' => {}
                    digit => insert(place, state_of(u64::from(digit.wrapping_sub(b'0')))?)?,
                }
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few answers on one page, many on another.
    fn checkpoint() -> Checkpoint {
        let mut answers = Answers::default();
        answers.insert(0x16, PortState::Open);
        answers.insert(0xff, PortState::Closed);
        for place in 0..5000 {
            answers.insert(2 * 65_536 + 7 * place, PortState::Filtered);
        }
        Checkpoint {
            seed: 7,
            options: 0xab,
            pass: 1,
            next: 300,
            answers,
        }
    }

    #[test]
    fn text_is_read_as_it_was_written() {
        let text = checkpoint().to_string();
        assert!(text.contains("\nanswers 0 0016100ff2\nstates 2 30000003000"));
        let read: Checkpoint = text.parse().unwrap();
        assert_eq!(read.to_string(), text);
        assert_eq!((read.seed(), read.answered()), (7, 5002));
        assert_eq!(read.answers.get(2 * 65_536 + 7), Some(PortState::Filtered));
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
            ("00161", "00160", 6),
            ("00161", "00167", 6),
            ("00161", "+0161", 6),
            ("00161", "00ff2", 6),
            ("00161", "001", 6),
            ("answers 0", "answer 0", 6),
            (
                "answers 0 ",
                "answers 340282366920938463463374607431768211455 ",
                6,
            ),
            ("states 2", "states x", 7),
            ("states 2 3", "states 2 \u{e9}", 7),
            ("states 2 30", "states 2 3", 7),
            ("end 2", "end 3", 8),
        ] {
            let broken = text.replace(old, new);
            assert_eq!(parse(&broken), CheckpointError::Line { line }, "{new}");
        }
    }
}
