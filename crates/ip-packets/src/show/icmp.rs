//! ICMP as tcpdump has it.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    Icmpv4Kind, Icmpv4Message, Icmpv4ParameterCode, Icmpv4RedirectCode, Icmpv4Unreachable,
    Icmpv6Kind, Icmpv6Message, Icmpv6ParameterCode, Icmpv6Type, Icmpv6Unreachable, Protocol,
    QuotedPacket, TimeExceededCode,
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
        Icmpv4Kind::TimeExceeded { code, .. } => match code {
            TimeExceededCode::HOP_LIMIT => f.write_str("time exceeded in-transit")?,
            TimeExceededCode::REASSEMBLY => f.write_str("ip reassembly time exceeded")?,
            other => write!(f, "time exceeded-#{}", other.number())?,
        },
        Icmpv4Kind::ParameterProblem { code, pointer, .. } => match code {
            Icmpv4ParameterCode::POINTER => write!(f, "parameter problem - octet {pointer}")?,
            other => write!(f, "parameter problem - code {}", other.number())?,
        },
        Icmpv4Kind::Redirect { code, gateway, .. } => {
            redirect_v4(f, code, gateway, quoted.as_ref())?;
        }
        other => other_v4(f, &other)?,
    }
    write!(f, ", length {}", message.as_bytes().len())
}

fn redirect_v4(
    f: &mut fmt::Formatter<'_>,
    code: Icmpv4RedirectCode,
    gateway: Ipv4Addr,
    quoted: Option<&QuotedPacket<'_>>,
) -> fmt::Result {
    let (what, whose) = match code {
        Icmpv4RedirectCode::NETWORK => ("redirect", " to net"),
        Icmpv4RedirectCode::HOST => ("redirect", " to host"),
        Icmpv4RedirectCode::NETWORK_TOS => ("redirect-tos", " to net"),
        Icmpv4RedirectCode::HOST_TOS => ("redirect-tos", " to host"),
        _ => ("redirect-#", " to"),
    };
    f.write_str(what)?;
    if what.ends_with('#') {
        write!(f, "{}", code.number())?;
    }
    if let Some(quoted) = quoted {
        write!(f, " {}", quoted.destination())?;
    }
    write!(f, "{whose} {gateway}")
}

fn other_v4(f: &mut fmt::Formatter<'_>, kind: &Icmpv4Kind<'_>) -> fmt::Result {
    match kind {
        Icmpv4Kind::TimestampRequest(it) => {
            let (identifier, sequence) = (it.identifier, it.sequence);
            write!(f, "time stamp query id {identifier} seq {sequence}")
        }
        Icmpv4Kind::TimestampReply(it) => {
            let (identifier, sequence) = (it.identifier, it.sequence);
            write!(f, "time stamp reply id {identifier} seq {sequence}: org ")?;
            time_of_day(f, it.originate)?;
            f.write_str(", recv ")?;
            time_of_day(f, it.receive)?;
            f.write_str(", xmit ")?;
            time_of_day(f, it.transmit)
        }
        Icmpv4Kind::AddressMaskReply(it) => {
            write!(f, "address mask is 0x{:08x}", it.mask.to_bits())
        }
        Icmpv4Kind::RouterAdvertisement {
            lifetime, routers, ..
        } => {
            f.write_str("router advertisement lifetime ")?;
            span(f, *lifetime)?;
            write!(f, " {}:", routers.len())?;
            for router in *routers {
                let preference = router.preference.cast_unsigned();
                write!(f, " {{{} {preference}}}", router.address)?;
            }
            Ok(())
        }
        other => write!(f, "{}", other.message_type()),
    }
}

/// Writes a time in milliseconds since midnight.
fn time_of_day(f: &mut fmt::Formatter<'_>, milliseconds: u32) -> fmt::Result {
    let (seconds, fraction) = (milliseconds / 1000, milliseconds % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(
        f,
        "{hours:02}:{minutes:02}:{:02}.{fraction:03}",
        seconds % 60
    )
}

/// Writes a time in seconds, without hours or minutes that it has not.
fn span(f: &mut fmt::Formatter<'_>, seconds: u16) -> fmt::Result {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => write!(f, "{rest}"),
        (0, minutes) => write!(f, "{minutes}:{rest:02}"),
        (hours, minutes) => write!(f, "{hours}:{minutes:02}:{rest:02}"),
    }
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
                let name = PortsOf(quoted.protocol());
                let port = ports.destination;
                write!(f, "{destination} {name} port {port} unreachable")
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
        code => other_unreachable_v4(f, code, destination),
    }
}

fn other_unreachable_v4(
    f: &mut fmt::Formatter<'_>,
    code: Icmpv4Unreachable,
    destination: IpAddr,
) -> fmt::Result {
    let (what, why) = match code {
        Icmpv4Unreachable::SOURCE_ROUTE_FAILED => ("", "source route failed"),
        Icmpv4Unreachable::NETWORK_UNKNOWN => ("net ", "unknown"),
        Icmpv4Unreachable::HOST_UNKNOWN => ("host ", "unknown"),
        Icmpv4Unreachable::SOURCE_HOST_ISOLATED => ("", "source host isolated"),
        Icmpv4Unreachable::NETWORK_PROHIBITED => ("net ", "admin prohibited"),
        Icmpv4Unreachable::HOST_PROHIBITED => ("host ", "admin prohibited"),
        Icmpv4Unreachable::NETWORK_TOS => ("net ", "tos prohibited"),
        Icmpv4Unreachable::HOST_TOS => ("host ", "tos prohibited"),
        Icmpv4Unreachable::ADMINISTRATIVELY_PROHIBITED => ("host ", "admin prohibited filter"),
        Icmpv4Unreachable::PRECEDENCE_VIOLATION => ("host ", "host precedence violation"),
        Icmpv4Unreachable::PRECEDENCE_CUTOFF => ("host ", "precedence cutoff"),
        other => return write!(f, "{destination} unreachable - #{}", other.number()),
    };
    write!(f, "{what}{destination} unreachable - {why}")
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
        Icmpv6Kind::TimeExceeded { code, .. } => {
            f.write_str("time exceeded in-transit")?;
            match (code, quoted) {
                (TimeExceededCode::HOP_LIMIT, Some(quoted)) => {
                    write!(f, " for {}", quoted.destination())?;
                }
                (TimeExceededCode::HOP_LIMIT, None) => {}
                (TimeExceededCode::REASSEMBLY, _) => f.write_str(" (reassembly)")?,
                (other, _) => write!(f, ", unknown code ({})", other.number())?,
            }
        }
        Icmpv6Kind::ParameterProblem { code, pointer, .. } => {
            f.write_str("parameter problem, ")?;
            match code {
                Icmpv6ParameterCode::ERRONEOUS_FIELD => write!(f, "erroneous - octet {pointer}")?,
                Icmpv6ParameterCode::UNRECOGNIZED_NEXT_HEADER => {
                    write!(f, "next header - octet {pointer}")?;
                }
                Icmpv6ParameterCode::UNRECOGNIZED_OPTION => write!(f, "option - octet {pointer}")?,
                code => write!(f, "{code} - octet {pointer}")?,
            }
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
    let Some(quoted) = quoted else {
        return write!(f, "{code}");
    };
    let destination = quoted.destination();
    match (code, quoted.ports()) {
        (Icmpv6Unreachable::NO_ROUTE, _) => write!(f, "unreachable route {destination}"),
        (Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED, _) => {
            write!(f, "unreachable prohibited {destination}")
        }
        (Icmpv6Unreachable::BEYOND_SCOPE, _) => {
            let source = quoted.source();
            write!(f, "beyond scope {destination}, source address {source}")
        }
        (Icmpv6Unreachable::ADDRESS, _) => write!(f, "unreachable address {destination}"),
        (Icmpv6Unreachable::PORT, Some(ports)) => {
            let (name, port) = (PortsOf(quoted.protocol()), ports.destination);
            write!(f, "unreachable port, {destination} {name} port {port}")
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
        (Icmpv6Type::REDIRECT, Some(target)) => {
            let destination = message.as_bytes().get(24..);
            if let Some(destination) = destination.and_then(<[u8]>::first_chunk::<16>) {
                write!(f, ", {}", Ipv6Addr::from(*destination))?;
            }
            write!(f, " to {}", Ipv6Addr::from(*target))
        }
        _ => Ok(()),
    }
}

/// What tcpdump calls a protocol with ports.
struct PortsOf(Protocol);

impl fmt::Display for PortsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Protocol::TCP => f.write_str("tcp"),
            Protocol::UDP => f.write_str("udp"),
            other => write!(f, "protocol {}", other.number()),
        }
    }
}
