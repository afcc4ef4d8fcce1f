//! What a peer is told when nothing can be passed on.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::task::JoinSet;
use wirecraft::ip_packets::{
    Icmpv4Unreachable, Icmpv6Unreachable, IpPacket, TcpFlags, TcpSegment, v4, v6,
};

use super::Shared;

/// Why a host does not get it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The host is there, and nobody listens.
    Refused,
    /// There is no way to the network.
    Network,
    /// There is a way, and no such host.
    Host,
    /// It is not allowed.
    Prohibited,
}

impl Refusal {
    /// Reads an error of a socket; `None` if it says nothing about the way or the host.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::NetworkUnreachable => Some(Self::Network),
            io::ErrorKind::HostUnreachable => Some(Self::Host),
            io::ErrorKind::PermissionDenied => Some(Self::Prohibited),
            _ => None,
        }
    }
}

/// Builds the ICMP error for `packet`. It comes from an own address, or from where the packet went if there
/// is none of that family.
pub(super) fn unreachable(
    packet: &IpPacket<'_>,
    own: &[IpAddr],
    refusal: Refusal,
) -> Option<Vec<u8>> {
    let (source, quoted) = (packet.destination(), packet.as_bytes());
    let own = own.iter().find(|own| own.is_ipv4() == source.is_ipv4());
    // That a port is closed the host itself says.
    let source = match refusal {
        Refusal::Refused => source,
        _ => own.copied().unwrap_or(source),
    };
    match (source, packet.source()) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            let code = match refusal {
                Refusal::Refused => Icmpv4Unreachable::PORT,
                Refusal::Network => Icmpv4Unreachable::NETWORK,
                Refusal::Host => Icmpv4Unreachable::HOST,
                Refusal::Prohibited => Icmpv4Unreachable::ADMINISTRATIVELY_PROHIBITED,
            };
            Some(v4(source, to).icmp_unreachable(code, quoted).build())
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let code = match refusal {
                Refusal::Refused => Icmpv6Unreachable::PORT,
                Refusal::Network => Icmpv6Unreachable::NO_ROUTE,
                Refusal::Host => Icmpv6Unreachable::ADDRESS,
                Refusal::Prohibited => Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED,
            };
            Some(v6(source, to).icmp_unreachable(code, quoted).build())
        }
        _ => None,
    }
}

/// Builds the reset for the first segment of a connection.
///
/// Source: RFC 9293 §3.10.7.1.
pub(super) fn reset(packet: &IpPacket<'_>, segment: &TcpSegment<'_>) -> Option<Vec<u8>> {
    let (from, to) = (segment.destination_port(), segment.source_port());
    let payload_len = u32::try_from(segment.payload().len()).ok()?;
    let acknowledged = segment.seq().wrapping_add(payload_len).wrapping_add(1);
    let flags = TcpFlags::RST.with(TcpFlags::ACK);
    match (packet.destination(), packet.source()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let reset = v4(source, destination).tcp(from, to).window(0);
            Some(reset.ack(acknowledged).flags(flags).build())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let reset = v6(source, destination).tcp(from, to).window(0);
            Some(reset.ack(acknowledged).flags(flags).build())
        }
        _ => None,
    }
}

/// Sends an answer in a task of its own: the tunnel may have no room for it at present.
pub(super) fn send(shared: &Arc<Shared>, tasks: &mut JoinSet<()>, answer: Option<Vec<u8>>) {
    let Some(answer) = answer else {
        return;
    };
    // Where too many wait, one more is not sent: errors must be limited (RFC 1812 §4.3.2.8).
    let Ok(permit) = Arc::clone(&shared.answering).try_acquire_owned() else {
        return;
    };
    let shared = Arc::clone(shared);
    tasks.spawn(async move {
        let _permit = permit;
        // An answer that cannot be sent is lost, as it might be on the way.
        let _ = shared.passage.send(&answer).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_with_the_code_that_says_so() {
        let bytes = v4([10, 0, 0, 2].into(), [192, 0, 2, 1].into())
            .udp(1000, 9)
            .build();
        let packet = IpPacket::parse(&bytes).unwrap();
        let own: [IpAddr; 2] = ["fd00::1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        for (refusal, from, code) in [
            (Refusal::Refused, "192.0.2.1", 3),
            (Refusal::Host, "10.0.0.1", 1),
            (Refusal::Network, "10.0.0.1", 0),
            (Refusal::Prohibited, "10.0.0.1", 13),
        ] {
            let error = unreachable(&packet, &own, refusal).unwrap();
            let error = IpPacket::parse(&error).unwrap();
            assert_eq!(error.source(), from.parse::<IpAddr>().unwrap());
            assert_eq!(error.payload()[..2], [3, code], "{refusal:?}");
        }
    }

    #[test]
    fn reset_acknowledges_the_first_segment() {
        let bytes = v6("fd00::2".parse().unwrap(), "2001:db8::1".parse().unwrap())
            .tcp(1000, 80)
            .seq(u32::MAX)
            .syn()
            .build();
        let packet = IpPacket::parse(&bytes).unwrap();
        let reset = reset(&packet, &packet.tcp().unwrap()).unwrap();
        let reset = IpPacket::parse(&reset).unwrap();
        let segment = reset.tcp().unwrap();
        assert_eq!(segment.flags(), TcpFlags::RST.with(TcpFlags::ACK));
        assert_eq!((segment.source_port(), segment.ack()), (80, 0));
    }
}
