//! Why there is no connection, in the words of SOCKS and of HTTP.

use std::fmt;
use std::io;

use wirecraft::dial::DialError;
use wirecraft::dns::ResolveError;
use wirecraft::{PoolError, SocketError};

use crate::socks::Reply;

/// Why there is no connection for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The host refused it.
    Refused,
    /// No way leads to the network: the tunnel does not carry it.
    NetworkUnreachable,
    /// No way leads to the host.
    HostUnreachable,
    /// There is no host of this name.
    NoSuchHost,
    /// The name could not be looked up.
    NotLookedUp,
    /// Nobody answered in time.
    TimedOut,
    /// No exit may carry it.
    NoExit,
    /// Something else.
    Failed,
}

impl Refusal {
    /// The answer of SOCKS5.
    #[must_use]
    pub fn socks(self) -> Reply {
        match self {
            Self::Refused => Reply::ConnectionRefused,
            Self::NetworkUnreachable => Reply::NetworkUnreachable,
            Self::HostUnreachable | Self::NoSuchHost | Self::NotLookedUp => Reply::HostUnreachable,
            Self::TimedOut => Reply::TtlExpired,
            Self::NoExit => Reply::NotAllowed,
            Self::Failed => Reply::GeneralFailure,
        }
    }

    /// The status of HTTP: 502 says that the next server is at fault, 504 that it took too long, 503 that we are.
    ///
    /// Source: RFC 9110 §15.6.
    #[must_use]
    pub fn http(self) -> u16 {
        match self {
            Self::TimedOut | Self::NotLookedUp => 504,
            Self::NoExit => 503,
            _ => 502,
        }
    }

    fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::NetworkUnreachable => Self::NetworkUnreachable,
            io::ErrorKind::HostUnreachable => Self::HostUnreachable,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => Self::Failed,
        }
    }
}

impl From<&DialError> for Refusal {
    fn from(error: &DialError) -> Self {
        match error {
            DialError::Resolve(error) => Self::from(error),
            DialError::Connect { reason, .. } => Self::of_io(reason),
            _ => Self::Failed,
        }
    }
}

impl From<&ResolveError> for Refusal {
    fn from(error: &ResolveError) -> Self {
        match error {
            ResolveError::BadName { .. }
            | ResolveError::NoSuchName { .. }
            | ResolveError::NoRecords { .. } => Self::NoSuchHost,
            _ => Self::NotLookedUp,
        }
    }
}

impl From<SocketError> for Refusal {
    fn from(error: SocketError) -> Self {
        Self::of_io(&error.into())
    }
}

impl From<PoolError> for Refusal {
    fn from(_: PoolError) -> Self {
        Self::NoExit
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::NetworkUnreachable => "network unreachable through the tunnel",
            Self::HostUnreachable => "host unreachable",
            Self::NoSuchHost => "no such host",
            Self::NotLookedUp => "the name could not be looked up",
            Self::TimedOut => "no answer in time",
            Self::NoExit => "no exit may carry it",
            Self::Failed => "failed",
        })
    }
}
