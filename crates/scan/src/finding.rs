//! What an answer says of a target.

use core::net::IpAddr;

use wirecraft_ip_packets::{
    Icmpv4Kind, Icmpv4Message, Icmpv4Unreachable, Icmpv6Kind, Icmpv6Message, Icmpv6Unreachable,
    IpPacket, Protocol, QuotedPacket, TcpFlags, TcpSegment, TimeExceededCode, Transport,
};

use wirecraft_time::Instant;

use crate::Target;

/// The state of a port that something answered for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum PortState {
    /// It accepts connections.
    Open,
    /// The host refuses connections to it.
    Closed,
    /// Something on the way keeps it from being reached.
    Filtered,
    /// There is no way to the host.
    Unreachable,
}

/// What makes a port be in its state.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It accepted the connection.
    SynAck {
        /// The window offered, before scaling.
        window: u16,
        /// The maximum segment size offered, in bytes.
        mss: Option<u16>,
    },
    /// It refused the connection.
    Reset,
    /// An ICMP error.
    Icmpv4(Icmpv4Unreachable),
    /// An ICMPv6 error.
    Icmpv6(Icmpv6Unreachable),
    /// The probe ran out of hops.
    TimeExceeded,
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
}

/// An answer, and what of it the cookie of its probe must match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) finding: Finding,
    /// Where the probe came from.
    pub(crate) probed_from: IpAddr,
    pub(crate) source_port: u16,
    pub(crate) evidence: Evidence,
}

/// How an answer shows that its sender saw the probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Evidence {
    /// It acknowledges the sequence number of the probe plus one.
    SynAck { ack: u32 },
    /// It acknowledges that, or as some systems do the sequence number itself.
    Reset { ack: u32 },
    /// It quotes the sequence number of the probe.
    Quote { seq: u32 },
}

impl Evidence {
    /// Says whether this answers a probe with the sequence number `seq`.
    pub(crate) const fn matches(self, seq: u32) -> bool {
        match self {
            Self::SynAck { ack } => ack == seq.wrapping_add(1),
            Self::Reset { ack } => ack == seq.wrapping_add(1) || ack == seq,
            Self::Quote { seq: quoted } => quoted == seq,
        }
    }
}

impl Answer {
    /// Reads a packet that may be an answer; its checksums must be right.
    pub(crate) fn read(now: Instant, packet: &[u8]) -> Option<Self> {
        let packet = IpPacket::parse(packet).ok()?;
        if let IpPacket::V4(v4) = &packet
            && !v4.checksum_is_valid()
        {
            return None;
        }
        match packet.transport().ok()? {
            Transport::Tcp(segment) if segment.checksum_is_valid(&packet.pseudo_header()) => {
                Self::of_segment(now, &packet, &segment)
            }
            Transport::Icmpv4(message) if message.checksum_is_valid() => {
                let reason = icmpv4_reason(&message)?;
                Self::of_error(now, &packet, reason, &message.quoted_packet()?)
            }
            Transport::Icmpv6(message) if message.checksum_is_valid(&packet.pseudo_header()) => {
                let reason = icmpv6_reason(&message)?;
                Self::of_error(now, &packet, reason, &message.quoted_packet()?)
            }
            _ => None,
        }
    }

    fn of_segment(now: Instant, packet: &IpPacket<'_>, segment: &TcpSegment<'_>) -> Option<Self> {
        let ack = segment.ack();
        let flags = segment.flags();
        if !flags.contains(TcpFlags::ACK) {
            return None;
        }
        let (reason, evidence) = if flags.contains(TcpFlags::RST) {
            (Reason::Reset, Evidence::Reset { ack })
        } else if flags.contains(TcpFlags::SYN) {
            let reason = Reason::SynAck {
                window: segment.window(),
                mss: segment.mss(),
            };
            (reason, Evidence::SynAck { ack })
        } else {
            return None;
        };
        let target = Target {
            address: packet.source(),
            port: segment.source_port(),
        };
        Some(Self {
            finding: Finding::new(now, packet, target, reason),
            probed_from: packet.destination(),
            source_port: segment.destination_port(),
            evidence,
        })
    }

    fn of_error(
        now: Instant,
        packet: &IpPacket<'_>,
        reason: Reason,
        quoted: &QuotedPacket<'_>,
    ) -> Option<Self> {
        let ports = quoted
            .ports()
            .filter(|_| quoted.protocol() == Protocol::TCP)?;
        let target = Target {
            address: quoted.destination(),
            port: ports.destination,
        };
        Some(Self {
            finding: Finding::new(now, packet, target, reason),
            probed_from: quoted.source(),
            source_port: ports.source,
            evidence: Evidence::Quote {
                seq: quoted.tcp_seq()?,
            },
        })
    }
}

impl Finding {
    fn new(now: Instant, packet: &IpPacket<'_>, target: Target, reason: Reason) -> Self {
        Self {
            target,
            state: reason.state(),
            reason,
            from: packet.source(),
            hop_limit: packet.hop_limit(),
            at: now,
        }
    }
}

impl Reason {
    /// Returns the state that follows.
    #[must_use]
    pub const fn state(self) -> PortState {
        match self {
            Self::SynAck { .. } => PortState::Open,
            Self::Reset => PortState::Closed,
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

/// A probe is far below any MTU and in one piece: what says otherwise is no answer to one.
fn icmpv4_reason(message: &Icmpv4Message<'_>) -> Option<Reason> {
    match message.kind() {
        Icmpv4Kind::DestinationUnreachable { code, .. }
            if code != Icmpv4Unreachable::FRAGMENTATION_NEEDED =>
        {
            Some(Reason::Icmpv4(code))
        }
        Icmpv4Kind::TimeExceeded {
            code: TimeExceededCode::HOP_LIMIT,
            ..
        } => Some(Reason::TimeExceeded),
        _ => None,
    }
}

fn icmpv6_reason(message: &Icmpv6Message<'_>) -> Option<Reason> {
    match message.kind() {
        Icmpv6Kind::DestinationUnreachable { code, .. } => Some(Reason::Icmpv6(code)),
        Icmpv6Kind::TimeExceeded {
            code: TimeExceededCode::HOP_LIMIT,
            ..
        } => Some(Reason::TimeExceeded),
        _ => None,
    }
}
