//! How commands fail: which exit status, and one line that says why.

use std::io;
use std::process::ExitCode;

use anyhow::anyhow;
use wirecraft::SocketError;

use crate::output;

/// The end of a command that did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The network said no: exit status 1.
    Network(anyhow::Error),
    /// The call, the configuration or a local file is wrong: exit status 2.
    Call(anyhow::Error),
    /// The network said no, and the output has told so: exit status 1 without a further line.
    Told,
    /// The program that was run ended so, and has told why: its exit status without a further line.
    Status(u8),
    /// Nobody reads the output any more, as behind `| head`: exit status 0.
    OutputClosed,
}

impl Failure {
    pub(crate) fn network(error: impl Into<anyhow::Error>) -> Self {
        Self::Network(error.into())
    }

    pub(crate) fn call(error: impl Into<anyhow::Error>) -> Self {
        Self::Call(error.into())
    }

    /// Prints the line and gives the exit status.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Network(error) => {
                output::remark(error);
                ExitCode::from(1)
            }
            Self::Call(error) => {
                output::remark(error);
                ExitCode::from(2)
            }
            Self::Told => ExitCode::from(1),
            Self::Status(status) => ExitCode::from(status),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }
}

/// A failure of the tunnel. What the configuration leaves out is wrong with the call.
impl From<SocketError> for Failure {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::NoPeer { .. } => Self::Call(anyhow!(
                "{error} (AllowedIPs of the configuration say what goes through)"
            )),
            SocketError::NoSource { .. } => Self::Call(anyhow!(
                "{error} (Address of the configuration gives it one)"
            )),
            _ => Self::network(error),
        }
    }
}

/// A failure to write results.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::OutputClosed;
        }
        Self::Call(anyhow!("standard output: {error}"))
    }
}
