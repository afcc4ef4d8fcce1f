//! Why a socket in the tunnel cannot do what it is asked to.

use std::io;
use std::net::IpAddr;

use thiserror::Error;
use wirecraft_netstack::{
    EchoError, ListenerClosed, PortError, RawError, TcpError, UdpError, Unreachable,
};

/// Why a socket in the tunnel cannot do what it is asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The tunnel carries nothing to the destination.
    #[error("no peer's allowed IPs cover {destination}")]
    NoPeer {
        /// The address that was to be reached.
        destination: IpAddr,
    },
    /// The peer that would carry it has not been heard of yet.
    #[error("the peer for {destination} has no known endpoint")]
    NoEndpoint {
        /// The address that was to be reached.
        destination: IpAddr,
    },
    /// The tunnel has no address to send from.
    #[error("the tunnel has no address of the family of {destination}")]
    NoSource {
        /// The address that was to be reached.
        destination: IpAddr,
    },
    /// The address to bind to is not one of the tunnel's.
    #[error("{address} is not an address of the tunnel")]
    NotOurs {
        /// The address.
        address: IpAddr,
    },
    /// The port cannot be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The TCP connection failed.
    #[error(transparent)]
    Tcp(#[from] TcpError),
    /// The datagram was not sent, or came back.
    #[error(transparent)]
    Udp(UdpError),
    /// The UDP socket is to be connected first.
    #[error("the socket is not connected")]
    NotConnected,
    /// The echo request got no reply.
    #[error(transparent)]
    Echo(EchoError),
    /// The packet was not sent.
    #[error(transparent)]
    Raw(RawError),
    /// The socket or the whole tunnel was closed.
    #[error("the tunnel is closed")]
    Closed,
}

impl SocketError {
    /// Tells the failures of the tunnel itself from those of the network behind it.
    pub(crate) const fn of_path(destination: IpAddr, why: Unreachable) -> Option<Self> {
        match why {
            Unreachable::NoRoute => Some(Self::NoPeer { destination }),
            Unreachable::NoNextHop => Some(Self::NoEndpoint { destination }),
            _ => None,
        }
    }

    pub(crate) fn of_tcp(destination: IpAddr, error: TcpError) -> Self {
        let of_path = match error {
            TcpError::Unreachable(why) => Self::of_path(destination, why),
            _ => None,
        };
        of_path.unwrap_or(Self::Tcp(error))
    }

    pub(crate) fn of_echo(destination: IpAddr, error: EchoError) -> Self {
        let of_path = match error {
            EchoError::Closed => Some(Self::Closed),
            EchoError::Unreachable { why, .. } => Self::of_path(destination, why),
            _ => None,
        };
        of_path.unwrap_or(Self::Echo(error))
    }

    const fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NoPeer { .. } | Self::NoSource { .. } => io::ErrorKind::NetworkUnreachable,
            Self::NoEndpoint { .. } => io::ErrorKind::HostUnreachable,
            Self::NotOurs { .. } => io::ErrorKind::AddrNotAvailable,
            Self::Port(_) => io::ErrorKind::AddrInUse,
            Self::Tcp(error) => tcp_kind(*error),
            Self::Udp(UdpError::Refused { .. }) => io::ErrorKind::ConnectionRefused,
            Self::Udp(UdpError::TooLong { .. }) | Self::Raw(RawError::TooLong { .. }) => {
                io::ErrorKind::InvalidInput
            }
            Self::Udp(_) | Self::Raw(_) => io::ErrorKind::HostUnreachable,
            Self::Echo(EchoError::TimedOut) => io::ErrorKind::TimedOut,
            Self::Echo(_) => io::ErrorKind::HostUnreachable,
            Self::NotConnected => io::ErrorKind::NotConnected,
            Self::Closed => io::ErrorKind::BrokenPipe,
        }
    }
}

const fn tcp_kind(error: TcpError) -> io::ErrorKind {
    match error {
        TcpError::Refused => io::ErrorKind::ConnectionRefused,
        TcpError::Reset => io::ErrorKind::ConnectionReset,
        TcpError::TimedOut => io::ErrorKind::TimedOut,
        TcpError::Aborted => io::ErrorKind::ConnectionAborted,
        TcpError::SendingClosed => io::ErrorKind::BrokenPipe,
        TcpError::Unreachable(Unreachable::Network) => io::ErrorKind::NetworkUnreachable,
        TcpError::Unreachable(_) => io::ErrorKind::HostUnreachable,
        _ => io::ErrorKind::InvalidInput,
    }
}

impl From<UdpError> for SocketError {
    fn from(error: UdpError) -> Self {
        let of_path = match error {
            UdpError::Closed => Some(Self::Closed),
            UdpError::Unreachable { to, why } => Self::of_path(to.ip(), why),
            _ => None,
        };
        of_path.unwrap_or(Self::Udp(error))
    }
}

impl From<RawError> for SocketError {
    fn from(error: RawError) -> Self {
        let of_path = match error {
            RawError::Closed => Some(Self::Closed),
            RawError::Unreachable { destination, why } => Self::of_path(destination, why),
            _ => None,
        };
        of_path.unwrap_or(Self::Raw(error))
    }
}

impl From<ListenerClosed> for SocketError {
    fn from(_: ListenerClosed) -> Self {
        Self::Closed
    }
}

impl From<SocketError> for io::Error {
    fn from(error: SocketError) -> Self {
        Self::new(error.kind(), error)
    }
}
