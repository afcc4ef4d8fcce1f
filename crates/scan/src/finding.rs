//! What an answer says of a target.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use wirecraft_ip_packets::{Icmpv4Unreachable, Icmpv6Unreachable};
use wirecraft_time::Instant;

use crate::{Method, Target};

/// The state of a target that something answered for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum PortState {
    /// It accepts connections, or answers datagrams.
    Open,
    /// The host refuses them.
    Closed,
    /// Something on the way keeps it from being reached.
    Filtered,
    /// There is no way to the host.
    Unreachable,
    /// It can be reached; an ACK does not tell whether it is open.
    Unfiltered,
    /// The host answers echo requests.
    Up,
}

impl PortState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Closed,
        Self::Filtered,
        Self::Unreachable,
        Self::Unfiltered,
        Self::Up,
    ];

    /// Returns the name of the state, as other scanners spell it where they have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
            Self::Unreachable => "unreachable",
            Self::Unfiltered => "unfiltered",
            Self::Up => "up",
        }
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a SYN-ACK offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SynAck {
    /// The window, before scaling.
    pub window: u16,
    /// The maximum segment size in bytes.
    pub mss: Option<u16>,
    /// The shift of later windows.
    pub window_scale: Option<u8>,
    /// Whether selective acknowledgements may be sent.
    pub sack_permitted: bool,
    /// Whether it has timestamps.
    pub timestamps: bool,
}

/// What makes a target be in its state.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It accepted the connection.
    SynAck(SynAck),
    /// It refused the connection, or what belongs to none.
    Reset,
    /// It answered the datagram.
    Datagram {
        /// The length of the answer's payload, in bytes.
        len: usize,
    },
    /// It answered the echo request.
    EchoReply,
    /// An ICMP error.
    Icmpv4(Icmpv4Unreachable),
    /// An ICMPv6 error.
    Icmpv6(Icmpv6Unreachable),
    /// The probe ran out of hops.
    TimeExceeded,
}

impl Reason {
    /// Returns the state that follows, for what was sent.
    #[must_use]
    pub const fn state(self, method: Method) -> PortState {
        match self {
            Self::SynAck(_) | Self::Datagram { .. } => PortState::Open,
            Self::Reset => match method {
                Method::Ack => PortState::Unfiltered,
                _ => PortState::Closed,
            },
            Self::EchoReply => PortState::Up,
            Self::Icmpv4(Icmpv4Unreachable::PORT) | Self::Icmpv6(Icmpv6Unreachable::PORT)
                if matches!(method, Method::Udp) =>
            {
                PortState::Closed
            }
            Self::Icmpv4(Icmpv4Unreachable::HOST) | Self::Icmpv6(Icmpv6Unreachable::ADDRESS)
                if matches!(method, Method::Ping) =>
            {
                PortState::Unreachable
            }
            Self::Icmpv4(
                Icmpv4Unreachable::HOST
                | Icmpv4Unreachable::PROTOCOL
                | Icmpv4Unreachable::PORT
                | Icmpv4Unreachable::NETWORK_PROHIBITED
                | Icmpv4Unreachable::HOST_PROHIBITED
                | Icmpv4Unreachable::ADMINISTRATIVELY_PROHIBITED,
            )
            | Self::Icmpv6(_) => PortState::Filtered,
            Self::Icmpv4(_) | Self::TimeExceeded => PortState::Unreachable,
        }
    }
}

/// In a word where there is one, as other scanners have it.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SynAck(_) => f.write_str("syn-ack"),
            Self::Reset => f.write_str("reset"),
            Self::Datagram { .. } => f.write_str("udp-response"),
            Self::EchoReply => f.write_str("echo-reply"),
            Self::Icmpv4(Icmpv4Unreachable::NETWORK) => f.write_str("net-unreach"),
            Self::Icmpv4(Icmpv4Unreachable::HOST) | Self::Icmpv6(Icmpv6Unreachable::ADDRESS) => {
                f.write_str("host-unreach")
            }
            Self::Icmpv4(Icmpv4Unreachable::PROTOCOL) => f.write_str("proto-unreach"),
            Self::Icmpv4(Icmpv4Unreachable::PORT) | Self::Icmpv6(Icmpv6Unreachable::PORT) => {
                f.write_str("port-unreach")
            }
            Self::Icmpv4(Icmpv4Unreachable::NETWORK_PROHIBITED) => f.write_str("net-prohibited"),
            Self::Icmpv4(Icmpv4Unreachable::HOST_PROHIBITED) => f.write_str("host-prohibited"),
            Self::Icmpv4(Icmpv4Unreachable::ADMINISTRATIVELY_PROHIBITED)
            | Self::Icmpv6(Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED) => {
                f.write_str("admin-prohibited")
            }
            Self::Icmpv6(Icmpv6Unreachable::NO_ROUTE) => f.write_str("no-route"),
            Self::Icmpv4(code) => write!(f, "unreachable ({code})"),
            Self::Icmpv6(code) => write!(f, "unreachable ({code})"),
            Self::TimeExceeded => f.write_str("time-exceeded"),
        }
    }
}

/// The first valid answer for a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The target.
    pub target: Target,
    /// Its state.
    pub state: PortState,
    /// What says so.
    pub reason: Reason,
    /// Who says so: the target's address, or for errors perhaps a router's.
    pub from: IpAddr,
    /// TTL or hop limit of the answer as it arrived.
    pub hop_limit: u8,
    /// When it arrived.
    pub at: Instant,
    /// From the probe to the answer; `None` if many probes were sent between.
    pub round_trip: Option<Duration>,
}
