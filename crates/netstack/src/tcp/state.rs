//! The states of RFC 9293 and how a connection came to its end.

use smoltcp::socket::tcp::State;

use super::error::TcpError;

/// The state of a connection.
///
/// Source: RFC 9293 §3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpState {
    /// No connection, or one that has ended.
    Closed,
    /// Waiting for the answer to our first segment.
    SynSent,
    /// Waiting for the acknowledgement of our answer.
    SynReceived,
    /// Data flows in both directions.
    Established,
    /// We closed our direction; the other end has not acknowledged it.
    FinWait1,
    /// We closed our direction; the other end may still send.
    FinWait2,
    /// The other end closed its direction; we may still send.
    CloseWait,
    /// Both closed at once; ours is not acknowledged.
    Closing,
    /// The other end closed first, then we did; ours is not acknowledged.
    LastAck,
    /// Both closed; late segments are waited for.
    TimeWait,
}

impl From<State> for TcpState {
    fn from(state: State) -> Self {
        match state {
            // A socket of ours listens only while its first segment is processed.
            State::Closed | State::Listen => Self::Closed,
            State::SynSent => Self::SynSent,
            State::SynReceived => Self::SynReceived,
            State::Established => Self::Established,
            State::FinWait1 => Self::FinWait1,
            State::FinWait2 => Self::FinWait2,
            State::CloseWait => Self::CloseWait,
            State::Closing => Self::Closing,
            State::LastAck => Self::LastAck,
            State::TimeWait => Self::TimeWait,
        }
    }
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both directions were closed in order.
    Finished,
    /// It was cut off.
    Failed(TcpError),
}

impl Ending {
    /// Tells what it means that a received segment closed a connection in state `before`.
    pub(super) fn by_segment(before: TcpState, unacknowledged_len: usize) -> Self {
        match before {
            TcpState::SynSent => Self::Failed(TcpError::Refused),
            TcpState::TimeWait => Self::Finished,
            TcpState::LastAck if unacknowledged_len == 0 => Self::Finished,
            _ => Self::Failed(TcpError::Reset),
        }
    }
}
