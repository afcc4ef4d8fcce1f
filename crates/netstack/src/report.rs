//! What ICMP errors say about which of our packets.

use core::net::{IpAddr, SocketAddr};

use wirecraft_ip_packets::{
    EchoId, Icmpv4Kind, Icmpv4Message, Icmpv4Unreachable, Icmpv6Kind, Icmpv6Message,
    Icmpv6ParameterCode, Icmpv6Unreachable, IpPacket, Protocol, QuotedPacket, TimeExceededCode,
    Transport,
};

use crate::four_tuple::FourTuple;
use crate::unreachable::Unreachable;

/// What a link of the internet takes at the least, for routers that do not say the next hop's MTU.
///
/// Source: RFC 791 §3.1.
const UNSAID_MTU: usize = 576;

/// A packet of ours did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who says so; nobody if the packet never left.
    pub from: Option<IpAddr>,
    /// Why.
    pub why: Unreachable,
    /// Which packet.
    pub subject: Subject,
}

/// Which packet of ours a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// A segment of a TCP connection.
    Tcp {
        /// Where it came from and went.
        tuple: FourTuple,
        /// Its sequence number; routers quote that much.
        sequence: u32,
    },
    /// A datagram.
    Udp {
        /// Where it came from.
        local: SocketAddr,
        /// Where it went.
        remote: SocketAddr,
    },
    /// An echo request.
    Echo(EchoId),
    /// Anything else, by its destination.
    Other(IpAddr),
}

impl Report {
    /// Reads an ICMP error out of `packet`; `None` if it is none, or damaged.
    #[must_use]
    pub fn parse(packet: &IpPacket<'_>, transport: &Transport<'_>) -> Option<Self> {
        let (why, quoted) = match transport {
            Transport::Icmpv4(message) if message.checksum_is_valid() => read_v4(message)?,
            Transport::Icmpv6(message) if message.checksum_is_valid(&packet.pseudo_header()) => {
                read_v6(message)?
            }
            _ => return None,
        };
        let subject = Subject::read(quoted)?;
        Some(Self {
            from: Some(packet.source()),
            why,
            subject,
        })
    }

    /// Makes a report on a packet of ours that could not be sent.
    #[must_use]
    pub fn unsent(packet: &[u8], why: Unreachable) -> Option<Self> {
        Some(Self {
            from: None,
            why,
            subject: Subject::read(packet)?,
        })
    }
}

impl Subject {
    /// Reads the start of a packet that we sent.
    fn read(packet: &[u8]) -> Option<Self> {
        let quoted = QuotedPacket::parse(packet).ok()?;
        let (source, destination) = (quoted.source(), quoted.destination());
        if let Some(ports) = quoted.ports() {
            let local = SocketAddr::new(source, ports.source);
            let remote = SocketAddr::new(destination, ports.destination);
            return Some(match (quoted.protocol(), quoted.tcp_seq()) {
                (Protocol::TCP, Some(sequence)) => Self::Tcp {
                    tuple: FourTuple::new(local, remote),
                    sequence,
                },
                (Protocol::TCP, None) => Self::Other(destination),
                (Protocol::UDP, _) => Self::Udp { local, remote },
                _ => Self::Other(destination),
            });
        }
        Some(
            quoted
                .echo_request()
                .map_or(Self::Other(destination), Self::Echo),
        )
    }
}

fn read_v4<'a>(message: &Icmpv4Message<'a>) -> Option<(Unreachable, &'a [u8])> {
    match message.kind() {
        Icmpv4Kind::DestinationUnreachable {
            code,
            next_hop_mtu,
            quoted,
        } => {
            let why = match code {
                Icmpv4Unreachable::PORT => Unreachable::Port,
                Icmpv4Unreachable::PROTOCOL => Unreachable::Protocol,
                Icmpv4Unreachable::HOST | Icmpv4Unreachable::HOST_UNKNOWN => Unreachable::Host,
                Icmpv4Unreachable::NETWORK_PROHIBITED
                | Icmpv4Unreachable::HOST_PROHIBITED
                | Icmpv4Unreachable::ADMINISTRATIVELY_PROHIBITED => Unreachable::Prohibited,
                Icmpv4Unreachable::FRAGMENTATION_NEEDED if next_hop_mtu == 0 => {
                    Unreachable::TooBig { mtu: UNSAID_MTU }
                }
                Icmpv4Unreachable::FRAGMENTATION_NEEDED => Unreachable::TooBig {
                    mtu: usize::from(next_hop_mtu),
                },
                _ => Unreachable::Network,
            };
            Some((why, quoted))
        }
        Icmpv4Kind::TimeExceeded {
            code: TimeExceededCode::HOP_LIMIT,
            quoted,
        } => Some((Unreachable::TimeExceeded, quoted)),
        _ => None,
    }
}

fn read_v6<'a>(message: &Icmpv6Message<'a>) -> Option<(Unreachable, &'a [u8])> {
    match message.kind() {
        Icmpv6Kind::DestinationUnreachable { code, quoted } => {
            let why = match code {
                Icmpv6Unreachable::PORT => Unreachable::Port,
                Icmpv6Unreachable::ADDRESS => Unreachable::Host,
                Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED
                | Icmpv6Unreachable::SOURCE_POLICY
                | Icmpv6Unreachable::REJECT_ROUTE => Unreachable::Prohibited,
                _ => Unreachable::Network,
            };
            Some((why, quoted))
        }
        Icmpv6Kind::PacketTooBig { mtu, quoted } => Some((
            Unreachable::TooBig {
                mtu: usize::try_from(mtu).ok()?,
            },
            quoted,
        )),
        Icmpv6Kind::TimeExceeded {
            code: TimeExceededCode::HOP_LIMIT,
            quoted,
        } => Some((Unreachable::TimeExceeded, quoted)),
        Icmpv6Kind::ParameterProblem {
            code: Icmpv6ParameterCode::UNRECOGNIZED_NEXT_HEADER,
            quoted,
            ..
        } => Some((Unreachable::Protocol, quoted)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wirecraft_ip_packets::{v4, v6};

    use super::*;

    fn parse(bytes: &[u8]) -> Option<Report> {
        let packet = IpPacket::parse(bytes).unwrap();
        Report::parse(&packet, &packet.transport().unwrap())
    }

    #[test]
    fn port_unreachable_names_the_datagram() {
        let (us, them) = ("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let sent = v4(us, them).udp(4000, 53).payload(b"query").build();
        let error = v4(them, us).icmp_port_unreachable(&sent).build();
        let subject = Subject::Udp {
            local: "10.0.0.2:4000".parse().unwrap(),
            remote: "10.0.0.1:53".parse().unwrap(),
        };
        let from = Some(IpAddr::V4(them));
        assert_eq!(
            parse(&error),
            Some(Report {
                from,
                why: Unreachable::Port,
                subject
            })
        );
    }

    #[test]
    fn packet_too_big_names_the_connection_and_the_mtu() {
        let (us, them) = ("fd00::2".parse().unwrap(), "fd00::1".parse().unwrap());
        let segment = v6(us, them).tcp(4000, 80).seq(77);
        let sent = segment.payload(&[0; 1300]).build();
        let error = v6(them, us).icmp_packet_too_big(1280, &sent).build();
        let tuple = FourTuple::new(
            "[fd00::2]:4000".parse().unwrap(),
            "[fd00::1]:80".parse().unwrap(),
        );
        let report = parse(&error).unwrap();
        let sequence = 77;
        assert_eq!(report.subject, Subject::Tcp { tuple, sequence });
        assert_eq!(report.why, Unreachable::TooBig { mtu: 1280 });
    }

    #[test]
    fn damaged_error_says_nothing() {
        let (us, them) = ("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap());
        let sent = v4(us, them).udp(4000, 53).build();
        let mut error = v4(them, us).icmp_time_exceeded(&sent).build();
        assert!(parse(&error).is_some());
        error[40] ^= 1;
        assert_eq!(parse(&error), None);
    }

    #[test]
    fn echo_is_no_error() {
        let (us, them) = ("10.0.0.2".parse().unwrap(), "10.0.0.1".parse().unwrap());
        assert_eq!(parse(&v4(them, us).icmp_echo_request(1, 2).build()), None);
    }
}
