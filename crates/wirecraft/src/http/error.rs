//! Why there is no answer.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::dial::DialError;

/// A request without an answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The text is no address of the web that could be fetched.
    #[error("{url}: {reason}")]
    BadUrl {
        /// The text as it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header cannot be sent as it is.
    #[error("{name:?}: not a header that can be sent")]
    BadHeader {
        /// The name of the header.
        name: String,
    },
    /// The server cannot be reached.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The certificates to trust cannot be read.
    #[error("{}: no certificates to trust: {reason}", .path.display())]
    Trust {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS handshake failed.
    #[error("{host}: TLS: {reason}")]
    Tls {
        /// The server.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The certificate of the server is not trusted.
    #[error("{host}: the server's certificate is not valid: {reason}")]
    Certificate {
        /// The server.
        host: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The server took too long.
    #[error("no {step} within {} s", .limit.as_secs_f32())]
    TimedOut {
        /// What was waited for.
        step: &'static str,
        /// How long.
        limit: Duration,
    },
    /// Every answer was another redirect.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// How many were followed.
        limit: u8,
    },
    /// A redirect leads nowhere.
    #[error("redirect to {location:?}, which is not an http or https address")]
    BadRedirect {
        /// Where to, escaped.
        location: String,
    },
    /// The server broke off, or does not speak HTTP.
    #[error("{reason}")]
    Protocol {
        /// What happened.
        reason: String,
    },
}

impl From<hyper::Error> for HttpError {
    fn from(error: hyper::Error) -> Self {
        let reason = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Self::Protocol { reason }
    }
}
