//! Answers of name servers in the form that zone files have.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hickory_resolver::proto::rr;
use thiserror::Error;

/// A type of records, such as `AAAA`.
///
/// ```
/// use wirecraft::dns::RecordType;
///
/// assert_eq!("aaaa".parse(), Ok(RecordType::AAAA));
/// assert_eq!("TYPE65".parse::<RecordType>().unwrap().to_string(), "HTTPS");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordType(u16);

/// The text is not a type of records that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a record type such as A, AAAA, MX, TXT or TYPE65")]
pub struct ParseRecordTypeError;

impl RecordType {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// A name for an address.
    pub const PTR: Self = Self(12);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
}

/// Transfers of whole zones (IXFR, AXFR) are conversations of another kind, and 0 and 41 (OPT) are no questions.
///
/// Source: RFC 5936, RFC 1995, RFC 6891 §6.1.1.
const NOT_ASKED_FOR: [u16; 4] = [0, 41, 251, 252];

impl FromStr for RecordType {
    type Err = ParseRecordTypeError;

    fn from_str(text: &str) -> Result<Self, ParseRecordTypeError> {
        let name = text.to_ascii_uppercase();
        let number = match name.strip_prefix("TYPE") {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            _ => name.parse::<rr::RecordType>().ok().map(u16::from),
        };
        number
            .filter(|number| !NOT_ASKED_FOR.contains(number))
            .map(Self)
            .ok_or(ParseRecordTypeError)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rr::RecordType::from(self.0) {
            rr::RecordType::Unknown(number) => f.pad(&format!("TYPE{number}")),
            known => f.pad(&known.to_string()),
        }
    }
}

impl From<RecordType> for rr::RecordType {
    fn from(kind: RecordType) -> Self {
        Self::from(kind.0)
    }
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The name that has the record, with its final dot.
    pub name: String,
    /// How long the record may be kept.
    pub ttl: Duration,
    /// The type of the record.
    pub kind: RecordType,
    /// The content in the form of zone files, control characters escaped.
    pub data: String,
}

impl From<&rr::Record> for Record {
    fn from(record: &rr::Record) -> Self {
        Self {
            name: escaped(&record.name.to_string()),
            ttl: Duration::from_secs(u64::from(record.ttl)),
            kind: RecordType(record.record_type().into()),
            data: escaped(&record.data.to_string()),
        }
    }
}

/// Whoever runs the server writes its answers: on a terminal they must stay text.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// `name ttl IN type data`, as `dig` prints it.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\t{}\tIN\t{}\t{}",
            self.name,
            self.ttl.as_secs(),
            self.kind,
            self.data
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_names_or_numbers() {
        for (text, shown) in [
            ("a", "A"),
            ("MX", "MX"),
            ("TYPE1", "A"),
            ("type65280", "TYPE65280"),
            ("*", "ANY"),
        ] {
            assert_eq!(text.parse::<RecordType>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        for text in [
            "",
            "TYPE",
            "TYPE70000",
            "TYPE0",
            "AXFR",
            "IXFR",
            "OPT",
            "HOUSE",
        ] {
            assert_eq!(
                text.parse::<RecordType>(),
                Err(ParseRecordTypeError),
                "{text}"
            );
        }
    }

    #[test]
    fn control_characters_of_an_answer_do_not_reach_the_terminal() {
        assert_eq!(escaped("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}
