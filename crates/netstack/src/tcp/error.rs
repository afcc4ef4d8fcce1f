//! Why a connection is not, or no longer, usable.

use thiserror::Error;

use crate::unreachable::Unreachable;

/// Why a connection failed, or refuses the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TcpError {
    /// The addresses cannot be the two ends of a connection: unspecified, port zero, mixed families.
    #[error("these addresses cannot be connected")]
    Unaddressable,
    /// The packet does not open a connection, so there is nothing to accept.
    #[error("not the first segment of a connection")]
    NotOpening,
    /// The other end answered the first segment with a reset.
    #[error("connection refused")]
    Refused,
    /// The other end reset the connection.
    #[error("connection reset")]
    Reset,
    /// Nothing was heard for the connect or user timeout.
    #[error("connection timed out")]
    TimedOut,
    /// The destination cannot be reached.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The call writes after the sending direction was shut down.
    #[error("the sending direction is closed")]
    SendingClosed,
    /// The connection was aborted on this side.
    #[error("connection aborted")]
    Aborted,
}
