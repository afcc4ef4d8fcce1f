//! Text to syntax.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::{ExpressionProblem, Problem};
use super::syntax::{Argument, Call, Part, Place, Value, ValueKind};

/// How deep values may be nested.
const DEPTH_MAX: usize = 8;

/// The call whose argument is digits in pairs, with or without spaces.
pub(super) const HEX: &str = "hex";

pub(super) fn parse(text: &str) -> Result<Vec<Part>, Problem> {
    let mut parser = Parser { text, at: 0 };
    let mut parts = Vec::new();
    loop {
        parts.push(parser.part()?);
        match parser.peek() {
            None => return Ok(parts),
            Some('/') => parser.bump(),
            Some(_) => return Err(parser.expected("`/` or the end")),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn part(&mut self) -> Result<Part, Problem> {
        match self.peek() {
            Some('"') => {
                let at = Place(self.at);
                Ok(Part::Text(self.quoted()?, at))
            }
            _ => {
                let at = Place(self.at);
                let Some(name) = self.name() else {
                    return Err(self.expected("a layer, such as ip(dst=10.0.0.1), or a text"));
                };
                self.call(name, at, 0).map(Part::Call)
            }
        }
    }

    /// Reads the arguments behind a name, where there are any.
    fn call(&mut self, name: String, at: Place, depth: usize) -> Result<Call, Problem> {
        let mut arguments = Vec::new();
        if self.peek() == Some('(') {
            self.bump();
            if name == HEX {
                // No digits are no argument, as without brackets.
                arguments.extend(self.digits()?);
            } else if self.peek() != Some(')') {
                loop {
                    arguments.push(self.argument(depth)?);
                    match self.peek() {
                        Some(',') => self.bump(),
                        Some(')') => break,
                        _ => return Err(self.expected("`,` or `)`")),
                    }
                }
            }
            self.bump();
        }
        Ok(Call {
            name,
            at,
            arguments,
        })
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, Problem> {
        self.skip_space();
        let start = self.at;
        if let Some(name) = self.name() {
            if self.peek() == Some('=') {
                self.bump();
                return Ok(Argument {
                    name: Some(name),
                    at: Place(start),
                    value: self.value(depth)?,
                });
            }
            self.at = start;
        }
        Ok(Argument {
            name: None,
            at: Place(start),
            value: self.value(depth)?,
        })
    }

    fn value(&mut self, depth: usize) -> Result<Value, Problem> {
        self.skip_space();
        let at = Place(self.at);
        if depth == DEPTH_MAX {
            let most = DEPTH_MAX;
            return Err(Problem::new(at, ExpressionProblem::TooDeep { most }));
        }
        let kind = match self.peek() {
            Some('"') => ValueKind::Text(self.quoted()?),
            Some('[') => ValueKind::List(self.list(depth)?),
            _ => {
                let Some(word) = self.word() else {
                    return Err(self.expected("a value"));
                };
                if self.peek() == Some('(') {
                    let name = word.to_ascii_lowercase();
                    ValueKind::Call(self.call(name, at, depth + 1)?)
                } else {
                    ValueKind::Word(word.to_string())
                }
            }
        };
        Ok(Value { at, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, Problem> {
        self.bump();
        let mut values = Vec::new();
        if self.peek() == Some(']') {
            self.bump();
            return Ok(values);
        }
        loop {
            values.push(self.value(depth + 1)?);
            match self.peek() {
                Some(',') => self.bump(),
                Some(']') => break,
                _ => return Err(self.expected("`,` or `]`")),
            }
        }
        self.bump();
        Ok(values)
    }

    /// Reads what stands in the brackets of `hex`, up to the closing one; `None` if nothing does.
    fn digits(&mut self) -> Result<Option<Argument>, Problem> {
        self.skip_space();
        let at = Place(self.at);
        let mut digits = String::new();
        loop {
            match self.peek() {
                Some(digit) if digit.is_ascii_hexdigit() => {
                    digits.push(digit.to_ascii_lowercase());
                    self.bump();
                }
                Some(')') if digits.len().is_multiple_of(2) => break,
                Some(')') => return Err(self.expected("another hexadecimal digit")),
                _ => return Err(self.expected("hexadecimal digits or `)`")),
            }
        }
        let is_empty = digits.is_empty();
        let kind = ValueKind::Word(digits);
        let value = Value { at, kind };
        let argument = Argument {
            name: None,
            at,
            value,
        };
        Ok((!is_empty).then_some(argument))
    }

    /// Reads a text; the opening mark was seen.
    fn quoted(&mut self) -> Result<Vec<u8>, Problem> {
        self.bump();
        let mut bytes = Vec::new();
        loop {
            let Some(character) = self.text[self.at..].chars().next() else {
                return Err(Problem::expected(Place(self.text.len()), "a closing `\"`"));
            };
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(bytes),
                '\\' => bytes.push(self.escaped()?),
                other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    /// Reads what follows a backslash.
    fn escaped(&mut self) -> Result<u8, Problem> {
        let rest = &self.text.as_bytes()[self.at..];
        let (byte, len) = match rest {
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'"', ..] => (b'"', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => return Err(Problem::expected(Place(self.at), "two hexadecimal digits")),
            },
            _ => {
                let what = "one of \\n \\r \\t \\0 \\\" \\\\ \\xHH";
                return Err(Problem::expected(Place(self.at - 1), what));
            }
        };
        self.at += len;
        Ok(byte)
    }

    /// Reads a name, in lower case.
    fn name(&mut self) -> Option<String> {
        self.skip_space();
        let starts = self.text[self.at..].starts_with(|it: char| it.is_ascii_alphabetic());
        let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
        starts.then(|| self.run(is_name).to_ascii_lowercase())
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = self.run(|it: char| {
            it.is_ascii_alphanumeric() || matches!(it, '.' | ':' | '_' | '+' | '|' | '-')
        });
        (!word.is_empty()).then_some(word)
    }

    /// Takes the characters that `belongs` is true of.
    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        self.skip_space();
        let text: &'a str = self.text;
        let rest = &text[self.at..];
        let len = rest.find(|it| !belongs(it)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Looks at the character that follows spaces, and goes there.
    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.text[self.at..].chars().next()
    }

    /// Goes over the character that was looked at.
    fn bump(&mut self) {
        let next = self.text[self.at..].chars().next();
        self.at += next.map_or(0, char::len_utf8);
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn expected(&self, what: &'static str) -> Problem {
        Problem::expected(Place(self.at), what)
    }
}

/// Returns the value of a hexadecimal digit.
pub(super) fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
