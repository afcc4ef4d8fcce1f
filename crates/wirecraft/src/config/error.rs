//! What is wrong with a configuration, and where.

use std::fmt;
use std::io;

use thiserror::Error;

/// A configuration that cannot be used: the file, the line and the problem.
///
/// Its text never holds a key, nor anything that could be one.
#[derive(Debug, Error)]
pub struct ConfigError {
    file: String,
    line: Option<usize>,
    problem: Problem,
}

/// The two kinds of sections of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `[Interface]`, the own side.
    Interface,
    /// `[Peer]`, one of the other sides.
    Peer,
}

/// What is wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The file is longer than any configuration.
    #[error("is longer than {limit_len} bytes: not a configuration")]
    TooLong {
        /// The largest size that is read, in bytes.
        limit_len: u64,
    },
    /// The file is in UTF-16, as some editors of Windows save.
    #[error("is UTF-16 text: save it as UTF-8")]
    Utf16,
    /// A line that is neither a section nor `Key = value`.
    #[error("expected `Key = value`, [Interface] or [Peer]")]
    NotALine,
    /// A section that configurations do not have.
    #[error("expected [Interface] or [Peer], found another section")]
    UnknownSection,
    /// A key before the first section.
    #[error("{key}: expected [Interface] or [Peer] before the first key")]
    OutsideSection {
        /// The key as the manual spells it.
        key: &'static str,
    },
    /// A key that neither section has. The text does not show it where it could be a pasted secret.
    #[error("{}: unknown key; {section} may have {}", .key.as_deref().unwrap_or("(not shown)"), .section.key_list())]
    UnknownKey {
        /// The key, unless it could be a secret.
        key: Option<String>,
        /// The section it stands in.
        section: Section,
    },
    /// A key that only the other section has.
    #[error("{key}: belongs into {belongs}")]
    WrongSection {
        /// The key as the manual spells it.
        key: &'static str,
        /// The section that may have it.
        belongs: Section,
    },
    /// A key of AmneziaWG, whose packets differ from WireGuard's.
    #[error(
        "{key}: a key of AmneziaWG: this is not plain WireGuard, its server would not understand us"
    )]
    NotPlainWireGuard {
        /// The key as AmneziaWG spells it.
        key: &'static str,
    },
    /// A value that its key does not allow.
    #[error("{key}: expected {expected}, found {found:?}")]
    Value {
        /// The key as the manual spells it.
        key: &'static str,
        /// What the key allows.
        expected: &'static str,
        /// What was there instead, shortened.
        found: String,
    },
    /// A key of cryptography that is not one. What was there is a secret and is not kept.
    #[error("{key}: expected {expected}")]
    Secret {
        /// The key as the manual spells it.
        key: &'static str,
        /// What the key allows.
        expected: &'static str,
    },
    /// A key without which nothing works.
    #[error("{key}: missing from {section}")]
    Missing {
        /// The key as the manual spells it.
        key: &'static str,
        /// The section that must have it.
        section: Section,
    },
}

impl ConfigError {
    pub(super) fn new(file: &str, line: Option<usize>, problem: Problem) -> Self {
        Self {
            file: file.to_owned(),
            line,
            problem,
        }
    }

    /// The file as it was named by the caller.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1; `None` where the whole file is meant.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem),
            None => write!(f, "{}: {}", self.file, self.problem),
        }
    }
}

impl Section {
    /// The keys of the section, as the manual spells them.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Interface => &[
                "PrivateKey",
                "Address",
                "ListenPort",
                "DNS",
                "MTU",
                "FwMark",
                "Table",
                "PreUp",
                "PostUp",
                "PreDown",
                "PostDown",
                "SaveConfig",
            ],
            Self::Peer => &[
                "PublicKey",
                "PresharedKey",
                "AllowedIPs",
                "Endpoint",
                "PersistentKeepalive",
            ],
        }
    }

    fn key_list(self) -> String {
        self.keys().join(", ")
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interface => "[Interface]",
            Self::Peer => "[Peer]",
        })
    }
}
