//! Reading what may be an answer, and what of it the cookie of its probe must match.

use core::net::IpAddr;

use wirecraft_ip_packets::{
    Echo, Icmpv4Kind, Icmpv4Message, Icmpv4Unreachable, Icmpv6Kind, Icmpv6Message, IpPacket,
    Protocol, QuotedPacket, TcpFlags, TcpOption, TcpSegment, TimeExceededCode, Transport,
    UdpDatagram,
};

use crate::cookie::Cookie;
use crate::{Method, Reason, SynAck, Target};

/// An answer, if its evidence holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) target: Target,
    pub(crate) reason: Reason,
    /// Who sent it, and the hops it had left.
    pub(crate) from: IpAddr,
    pub(crate) hop_limit: u8,
    /// Where the probe came from.
    pub(crate) probed_from: IpAddr,
    pub(crate) evidence: Evidence,
}

/// How an answer shows that its sender saw the probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Evidence {
    /// It goes to the port of the probe and acknowledges its sequence number plus one.
    SynAck { port: u16, ack: u32 },
    /// It acknowledges that, or as some systems do the sequence number itself.
    Reset { port: u16, ack: u32 },
    /// It has the sequence number that the probe acknowledged.
    ResetOfAck { port: u16, seq: u32 },
    /// It quotes port and sequence number of the probe.
    Quote { port: u16, seq: u32 },
    /// It goes to the port of the probe, or quotes it.
    Port(u16),
    /// It has, or quotes, identifier and sequence of the echo request.
    Echo(u32),
}

impl Evidence {
    /// Says whether this answers a probe with this cookie.
    pub(crate) const fn matches(self, cookie: Cookie) -> bool {
        let Cookie { source_port, seq } = cookie;
        let (port, is_seen) = match self {
            Self::SynAck { port, ack } => (port, ack == seq.wrapping_add(1)),
            Self::Reset { port, ack } => (port, ack == seq.wrapping_add(1) || ack == seq),
            Self::ResetOfAck { port, seq: theirs } | Self::Quote { port, seq: theirs } => {
                (port, theirs == seq)
            }
            Self::Port(port) => (port, true),
            Self::Echo(number) => (source_port, number == seq),
        };
        port == source_port && is_seen
    }
}

impl Answer {
    /// Reads a packet that may answer a probe; its checksums must be right.
    pub(crate) fn read(method: Method, packet: &[u8]) -> Option<Self> {
        let packet = IpPacket::parse(packet).ok()?;
        if let IpPacket::V4(v4) = &packet
            && !v4.checksum_is_valid()
        {
            return None;
        }
        let pseudo_header = packet.pseudo_header();
        match packet.transport().ok()? {
            Transport::Tcp(segment) if segment.checksum_is_valid(&pseudo_header) => {
                Self::of_segment(method, &packet, &segment)
            }
            Transport::Udp(datagram) if datagram.checksum_is_valid(&pseudo_header) => {
                Self::of_datagram(method, &packet, &datagram)
            }
            Transport::Icmpv4(message) if message.checksum_is_valid() => {
                if let Icmpv4Kind::EchoReply(echo) = message.kind() {
                    return Self::of_echo(method, &packet, &echo);
                }
                let reason = icmpv4_reason(&message)?;
                Self::of_error(method, &packet, reason, &message.quoted_packet()?)
            }
            Transport::Icmpv6(message) if message.checksum_is_valid(&pseudo_header) => {
                if let Icmpv6Kind::EchoReply(echo) = message.kind() {
                    return Self::of_echo(method, &packet, &echo);
                }
                let reason = icmpv6_reason(&message)?;
                Self::of_error(method, &packet, reason, &message.quoted_packet()?)
            }
            _ => None,
        }
    }

    fn of_segment(method: Method, packet: &IpPacket<'_>, segment: &TcpSegment<'_>) -> Option<Self> {
        let (port, ack, flags) = (segment.destination_port(), segment.ack(), segment.flags());
        let has = |flag| flags.contains(flag);
        let (reason, evidence) = match method {
            Method::Ack if has(TcpFlags::RST) => {
                let seq = segment.seq();
                (Reason::Reset, Evidence::ResetOfAck { port, seq })
            }
            Method::Syn if has(TcpFlags::RST) && has(TcpFlags::ACK) => {
                (Reason::Reset, Evidence::Reset { port, ack })
            }
            Method::Syn if has(TcpFlags::SYN) && has(TcpFlags::ACK) => (
                Reason::SynAck(offer(segment)),
                Evidence::SynAck { port, ack },
            ),
            _ => return None,
        };
        Some(Self::direct(
            packet,
            segment.source_port(),
            reason,
            evidence,
        ))
    }

    fn of_datagram(
        method: Method,
        packet: &IpPacket<'_>,
        datagram: &UdpDatagram<'_>,
    ) -> Option<Self> {
        let reason = Reason::Datagram {
            len: datagram.payload().len(),
        };
        let evidence = Evidence::Port(datagram.destination_port());
        let answer = Self::direct(packet, datagram.source_port(), reason, evidence);
        (method == Method::Udp).then_some(answer)
    }

    fn of_echo(method: Method, packet: &IpPacket<'_>, echo: &Echo<'_>) -> Option<Self> {
        let evidence = Evidence::Echo(echo_number(echo.identifier, echo.sequence));
        let answer = Self::direct(packet, 0, Reason::EchoReply, evidence);
        (method == Method::Ping).then_some(answer)
    }

    /// An answer of the target itself.
    fn direct(packet: &IpPacket<'_>, port: u16, reason: Reason, evidence: Evidence) -> Self {
        let address = packet.source();
        Self {
            target: Target { address, port },
            reason,
            from: address,
            hop_limit: packet.hop_limit(),
            probed_from: packet.destination(),
            evidence,
        }
    }

    fn of_error(
        method: Method,
        packet: &IpPacket<'_>,
        reason: Reason,
        quoted: &QuotedPacket<'_>,
    ) -> Option<Self> {
        let protocol = quoted.protocol();
        let (port, evidence) = match method {
            Method::Syn | Method::Ack if protocol == Protocol::TCP => {
                let ports = quoted.ports()?;
                let (port, seq) = (ports.source, quoted.tcp_seq()?);
                (ports.destination, Evidence::Quote { port, seq })
            }
            Method::Udp if protocol == Protocol::UDP => {
                let ports = quoted.ports()?;
                (ports.destination, Evidence::Port(ports.source))
            }
            Method::Ping => {
                let echo = quoted.echo_request()?;
                (
                    0,
                    Evidence::Echo(echo_number(echo.identifier, echo.sequence)),
                )
            }
            _ => return None,
        };
        Some(Self {
            target: Target {
                address: quoted.destination(),
                port,
            },
            reason,
            from: packet.source(),
            hop_limit: packet.hop_limit(),
            probed_from: quoted.source(),
            evidence,
        })
    }
}

/// Identifier and sequence of an echo, as one number.
fn echo_number(identifier: u16, sequence: u16) -> u32 {
    u32::from(identifier) << 16 | u32::from(sequence)
}

fn offer(segment: &TcpSegment<'_>) -> SynAck {
    let mut offer = SynAck {
        window: segment.window(),
        ..SynAck::default()
    };
    for option in segment.options().flatten() {
        match option {
            TcpOption::Mss(mss) => offer.mss = Some(mss),
            TcpOption::WindowScale(shift) => offer.window_scale = Some(shift),
            TcpOption::SackPermitted => offer.sack_permitted = true,
            TcpOption::Timestamps { .. } => offer.timestamps = true,
            _ => {}
        }
    }
    offer
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
