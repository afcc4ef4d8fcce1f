//! ICMP as tcpdump has it.

use core::fmt;
use core::net::Ipv6Addr;

use crate::{
    Icmpv4Kind, Icmpv4Message, Icmpv4Unreachable, Icmpv6Kind, Icmpv6Message, Icmpv6Type,
    Icmpv6Unreachable, Protocol, QuotedPacket,
};

pub(super) fn line_v4(f: &mut fmt::Formatter<'_>, message: &Icmpv4Message<'_>) -> fmt::Result {
    f.write_str("ICMP ")?;
    let quoted = message.quoted_packet();
    match message.kind() {
        Icmpv4Kind::EchoRequest(it) => {
            write!(f, "echo request, id {}, seq {}", it.identifier, it.sequence)?;
        }
        Icmpv4Kind::EchoReply(it) => {
            write!(f, "echo reply, id {}, seq {}", it.identifier, it.sequence)?;
        }
        Icmpv4Kind::DestinationUnreachable {
            code, next_hop_mtu, ..
        } => unreachable_v4(f, code, next_hop_mtu, quoted.as_ref())?,
        Icmpv4Kind::TimeExceeded { .. } => {
            f.write_str(match message.code() {
                0 => "time exceeded in-transit",
                _ => "ip reassembly time exceeded",
            })?;
        }
        Icmpv4Kind::ParameterProblem { pointer, .. } => {
            write!(f, "parameter problem - octet {pointer}")?;
        }
        Icmpv4Kind::Redirect { gateway, .. } => match quoted {
            Some(quoted) => write!(f, "redirect {} to host {gateway}", quoted.destination())?,
            None => write!(f, "redirect to host {gateway}")?,
        },
        _ => write!(f, "{}", message.message_type())?,
    }
    write!(f, ", length {}", message.as_bytes().len())
}

fn unreachable_v4(
    f: &mut fmt::Formatter<'_>,
    code: Icmpv4Unreachable,
    mtu: u16,
    quoted: Option<&QuotedPacket<'_>>,
) -> fmt::Result {
    let Some(quoted) = quoted else {
        return write!(f, "{code}");
    };
    let destination = quoted.destination();
    match code {
        Icmpv4Unreachable::NETWORK => write!(f, "net {destination} unreachable"),
        Icmpv4Unreachable::HOST => write!(f, "host {destination} unreachable"),
        Icmpv4Unreachable::PROTOCOL => {
            let number = quoted.protocol().number();
            write!(f, "{destination} protocol {number} unreachable")
        }
        Icmpv4Unreachable::PORT => match quoted.ports() {
            Some(ports) => {
                let name = protocol(quoted.protocol());
                write!(
                    f,
                    "{destination} {name} port {} unreachable",
                    ports.destination
                )
            }
            None => write!(f, "{destination} port unreachable"),
        },
        Icmpv4Unreachable::FRAGMENTATION_NEEDED => {
            write!(f, "{destination} unreachable - need to frag")?;
            if mtu != 0 {
                write!(f, " (mtu {mtu})")?;
            }
            Ok(())
        }
        code => write!(f, "{destination} unreachable - {code}"),
    }
}

pub(super) fn line_v6(f: &mut fmt::Formatter<'_>, message: &Icmpv6Message<'_>) -> fmt::Result {
    f.write_str("ICMP6, ")?;
    let quoted = message.quoted_packet();
    match message.kind() {
        Icmpv6Kind::EchoRequest(it) => {
            write!(f, "echo request, id {}, seq {}", it.identifier, it.sequence)?;
        }
        Icmpv6Kind::EchoReply(it) => {
            write!(f, "echo reply, id {}, seq {}", it.identifier, it.sequence)?;
        }
        Icmpv6Kind::DestinationUnreachable { code, .. } => {
            f.write_str("destination unreachable, ")?;
            unreachable_v6(f, code, quoted.as_ref())?;
        }
        Icmpv6Kind::PacketTooBig { mtu, .. } => write!(f, "packet too big, mtu {mtu}")?,
        Icmpv6Kind::TimeExceeded { .. } => {
            f.write_str(match message.code() {
                0 => "time exceeded in-transit",
                _ => "ip reassembly time exceeded",
            })?;
            if let Some(quoted) = quoted {
                write!(f, " for {}", quoted.destination())?;
            }
        }
        Icmpv6Kind::ParameterProblem { pointer, .. } => {
            write!(f, "parameter problem, octet {pointer}")?;
        }
        _ => other_v6(f, message)?,
    }
    write!(f, ", length {}", message.as_bytes().len())
}

fn unreachable_v6(
    f: &mut fmt::Formatter<'_>,
    code: Icmpv6Unreachable,
    quoted: Option<&QuotedPacket<'_>>,
) -> fmt::Result {
    let ports = quoted.and_then(|it| it.ports().map(|ports| (it, ports)));
    match (code, ports) {
        (Icmpv6Unreachable::PORT, Some((quoted, ports))) => {
            let (destination, name) = (quoted.destination(), protocol(quoted.protocol()));
            write!(
                f,
                "unreachable port, {destination} {name} port {}",
                ports.destination
            )
        }
        _ => write!(f, "{code}"),
    }
}

fn other_v6(f: &mut fmt::Formatter<'_>, message: &Icmpv6Message<'_>) -> fmt::Result {
    let kind = message.message_type();
    write!(f, "{kind}")?;
    let target = message
        .as_bytes()
        .get(8..)
        .and_then(<[u8]>::first_chunk::<16>);
    match (kind, target) {
        (Icmpv6Type::NEIGHBOR_SOLICITATION, Some(target)) => {
            write!(f, ", who has {}", Ipv6Addr::from(*target))
        }
        (Icmpv6Type::NEIGHBOR_ADVERTISEMENT, Some(target)) => {
            write!(f, ", tgt is {}", Ipv6Addr::from(*target))
        }
        _ => Ok(()),
    }
}

const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "tcp",
        _ => "udp",
    }
}
