//! Which packets answer which.

use wirecraft_ip_packets::{
    Echo, EchoId, Icmpv4Kind, Icmpv6Kind, IpPacket, Protocol, QuotedPacket, Transport,
};

/// Says whether `reply` answers `sent`: the other end of its ports or its echo, or an ICMP error that
/// quotes it.
///
/// Of protocols without ports, whatever comes back from the destination is a reply.
///
/// ```
/// use wirecraft::ip_packets::{IpPacket, v4};
/// use wirecraft::is_reply;
///
/// let (here, there) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
/// let query = v4(here, there).udp(40_000, 53).build();
/// let answer = v4(there, here).udp(53, 40_000).build();
/// assert!(is_reply(&IpPacket::parse(&query)?, &IpPacket::parse(&answer)?));
/// # Ok::<(), wirecraft::ip_packets::ParseError>(())
/// ```
#[must_use]
pub fn is_reply(sent: &IpPacket<'_>, reply: &IpPacket<'_>) -> bool {
    let transport = reply.transport().ok();
    if let Some(quoted) = transport.as_ref().and_then(quoted) {
        return quotes(sent, &quoted);
    }
    if (reply.source(), reply.destination()) != (sent.destination(), sent.source()) {
        return false;
    }
    match (sent.transport().ok(), transport) {
        (Some(Transport::Tcp(sent)), Some(Transport::Tcp(reply))) => {
            (reply.source_port(), reply.destination_port())
                == (sent.destination_port(), sent.source_port())
        }
        (Some(Transport::Udp(sent)), Some(Transport::Udp(reply))) => {
            (reply.source_port(), reply.destination_port())
                == (sent.destination_port(), sent.source_port())
        }
        (Some(sent), Some(reply)) if echo_request(&sent).is_some() => {
            echo_reply(&reply) == echo_request(&sent)
        }
        (Some(Transport::Tcp(_) | Transport::Udp(_)), _) => false,
        _ => reply.protocol() == sent.protocol(),
    }
}

fn quoted<'a>(transport: &Transport<'a>) -> Option<QuotedPacket<'a>> {
    match transport {
        Transport::Icmpv4(message) => message.quoted_packet(),
        Transport::Icmpv6(message) => message.quoted_packet(),
        _ => None,
    }
}

/// Says whether an error quotes `sent`.
fn quotes(sent: &IpPacket<'_>, quoted: &QuotedPacket<'_>) -> bool {
    if (quoted.source(), quoted.destination(), quoted.protocol())
        != (sent.source(), sent.destination(), sent.protocol())
    {
        return false;
    }
    match quoted.protocol() {
        Protocol::TCP | Protocol::UDP => {
            let (Some(ports), Some(first)) = (quoted.ports(), sent.payload().first_chunk::<4>())
            else {
                return false;
            };
            let [a, b, c, d] = *first;
            (ports.source, ports.destination)
                == (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
        }
        _ => match sent.transport().ok().as_ref().and_then(echo_request) {
            Some(echo) => quoted.echo_request() == Some(echo),
            None => true,
        },
    }
}

fn echo_request(transport: &Transport<'_>) -> Option<EchoId> {
    match transport {
        Transport::Icmpv4(message) => match message.kind() {
            Icmpv4Kind::EchoRequest(echo) => Some(id(&echo)),
            _ => None,
        },
        Transport::Icmpv6(message) => match message.kind() {
            Icmpv6Kind::EchoRequest(echo) => Some(id(&echo)),
            _ => None,
        },
        _ => None,
    }
}

fn echo_reply(transport: &Transport<'_>) -> Option<EchoId> {
    match transport {
        Transport::Icmpv4(message) => match message.kind() {
            Icmpv4Kind::EchoReply(echo) => Some(id(&echo)),
            _ => None,
        },
        Transport::Icmpv6(message) => match message.kind() {
            Icmpv6Kind::EchoReply(echo) => Some(id(&echo)),
            _ => None,
        },
        _ => None,
    }
}

fn id(echo: &Echo<'_>) -> EchoId {
    EchoId {
        identifier: echo.identifier,
        sequence: echo.sequence,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use wirecraft_ip_packets::ip;

    use super::*;

    const ENDS: [[&str; 3]; 2] = [
        ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        ["fd00::1", "fd00::2", "fd00::3"],
    ];

    fn answers(sent: &[u8], reply: &[u8]) -> bool {
        is_reply(
            &IpPacket::parse(sent).unwrap(),
            &IpPacket::parse(reply).unwrap(),
        )
    }

    #[test]
    fn a_reply_comes_back_between_the_same_ports_or_with_the_same_echo() {
        for ends in ENDS {
            let [here, there, other]: [IpAddr; 3] = ends.map(|text| text.parse().unwrap());
            let from = |source, destination| ip(source, destination).unwrap();
            let query = from(here, there).udp(7, 53).build();
            assert!(answers(&query, &from(there, here).udp(53, 7).build()));
            assert!(!answers(&query, &from(there, here).udp(53, 8).build()));
            assert!(!answers(&query, &from(other, here).udp(53, 7).build()));
            assert!(!answers(&query, &from(there, here).tcp(53, 7).build()));
            let syn = from(here, there).tcp(7, 80).syn().build();
            assert!(answers(&syn, &from(there, here).tcp(80, 7).rst().build()));
            assert!(!answers(&syn, &from(there, here).tcp(81, 7).rst().build()));
            let ping = from(here, there).icmp_echo_request(1, 2).build();
            assert!(answers(
                &ping,
                &from(there, here).icmp_echo_reply(1, 2).build()
            ));
            assert!(!answers(
                &ping,
                &from(there, here).icmp_echo_reply(1, 3).build()
            ));
        }
    }

    #[test]
    fn an_error_is_a_reply_to_what_it_quotes() {
        for ends in ENDS {
            let [here, there, router]: [IpAddr; 3] = ends.map(|text| text.parse().unwrap());
            let from = |source, destination| ip(source, destination).unwrap();
            let sent = [
                from(here, there).udp(7, 53).build(),
                from(here, there).tcp(7, 53).syn().build(),
                from(here, there).icmp_echo_request(1, 2).build(),
            ];
            for (number, packet) in sent.iter().enumerate() {
                let error = from(router, here).icmp_time_exceeded(packet).build();
                for (other, packet) in sent.iter().enumerate() {
                    assert_eq!(answers(packet, &error), number == other);
                }
            }
        }
    }
}
