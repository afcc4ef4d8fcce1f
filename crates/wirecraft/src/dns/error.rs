//! Why a name has no answer.

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use thiserror::Error;

use super::provider::LastFault;

/// A name that could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The configuration names no server.
    #[error("no DNS server to ask: the configuration has no DNS line")]
    NoServers,
    /// The text is not a name.
    #[error("{name}: not a domain name")]
    BadName {
        /// The text, escaped.
        name: String,
    },
    /// The servers say that there is no such name.
    #[error("{name}: no such name (NXDOMAIN)")]
    NoSuchName {
        /// The name as it was asked for.
        name: String,
    },
    /// The name is there, but has no record of the type.
    #[error("{name}: no record of this type")]
    NoRecords {
        /// The name as it was asked for.
        name: String,
    },
    /// A server answered with an error.
    #[error("{name}: the DNS server answered: {answer}")]
    Refused {
        /// The name as it was asked for.
        name: String,
        /// What the server said.
        answer: String,
    },
    /// No server answered in time.
    #[error("{name}: no answer from the DNS server")]
    TimedOut {
        /// The name as it was asked for.
        name: String,
    },
    /// No server can be reached.
    #[error("{name}: the DNS server cannot be reached: {reason}")]
    Unreachable {
        /// The name as it was asked for.
        name: String,
        /// What the network said.
        reason: String,
    },
    /// The query could not be sent, or its answer not be read.
    #[error("{name}: {reason}")]
    Failed {
        /// The name as it was asked for.
        name: String,
        /// What happened.
        reason: String,
    },
}

impl ResolveError {
    pub(super) fn new(name: &str, error: NetError, fault: &LastFault) -> Self {
        let name = name.to_owned();
        match error {
            error if error.is_nx_domain() => Self::NoSuchName { name },
            error if error.is_no_records_found() => Self::NoRecords { name },
            NetError::Timeout => Self::TimedOut { name },
            NetError::Dns(DnsError::ResponseCode(code)) => Self::Refused {
                name,
                answer: answer(code),
            },
            NetError::Io(error) => Self::Unreachable {
                name,
                reason: error.to_string(),
            },
            error @ NetError::NoConnections => Self::Unreachable {
                name,
                reason: fault.latest().unwrap_or_else(|| error.to_string()),
            },
            other => Self::Failed {
                name,
                reason: other.to_string(),
            },
        }
    }
}

fn answer(code: ResponseCode) -> String {
    match code {
        ResponseCode::Refused => "query refused (REFUSED)".to_owned(),
        ResponseCode::ServFail => "server failure (SERVFAIL)".to_owned(),
        other => other.to_string(),
    }
}
