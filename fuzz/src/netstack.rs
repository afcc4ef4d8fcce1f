//! What a host makes of inner packets before any socket sees them.

use core::time::Duration;

use wirecraft_ip_packets::{
    Icmpv4Kind, Icmpv6Kind, IpPacket, Protocol, Reassembled, Reassembler, ReassemblyLimits,
    TcpFlags, Transport,
};
use wirecraft_netstack::{Answers, Filter, Report, Subject, Transmission, Unreachable};
use wirecraft_time::Instant;

use crate::checksums::{residue, upper_residue};
use crate::input::Input;

/// The MTU of the tunnel, in bytes.
const MTU: usize = 1280;

/// Whatever packet comes in, what is answered is sound, goes back, and is answered to no answer.
pub fn inner_packet(input: &[u8]) {
    let mut input = Input::new(input);
    let (first, second) = (input.word(), input.word());
    let Ok(packet) = IpPacket::parse(input.rest()) else {
        return;
    };
    check_filters(&packet, first.min(second), first.max(second));
    let Ok(transport) = packet.transport() else {
        return;
    };
    check_report(&packet, &transport);
    check_answers(&packet, &transport);
}

fn check_filters(packet: &IpPacket<'_>, first: u16, last: u16) {
    assert!(Filter::any().matches(packet));
    let is = |protocol| packet.protocol() == protocol;
    assert!(Filter::protocol(packet.protocol()).matches(packet));
    assert_eq!(Filter::tcp().matches(packet), is(Protocol::TCP));
    assert_eq!(Filter::udp().matches(packet), is(Protocol::UDP));
    let (source, destination) = (packet.source().into(), packet.destination().into());
    assert!(Filter::any().from(source).to(destination).matches(packet));
    let ports = match packet.transport() {
        Ok(Transport::Tcp(segment)) => Some((segment.source_port(), segment.destination_port())),
        Ok(Transport::Udp(datagram)) => Some((datagram.source_port(), datagram.destination_port())),
        _ => None,
    };
    if let Some((from, to)) = ports {
        let range = first..=last;
        let by_source = Filter::any().from_ports(range.clone()).matches(packet);
        assert_eq!(by_source, range.contains(&from));
        let by_destination = Filter::any().to_ports(range.clone()).matches(packet);
        assert_eq!(by_destination, range.contains(&to));
    }
}

fn check_report(packet: &IpPacket<'_>, transport: &Transport<'_>) {
    let report = Report::parse(packet, transport);
    if let Some(report) = report {
        assert!(is_icmp_error(transport), "{report:?} of {transport:?}");
        assert_eq!(report.from, Some(packet.source()));
        assert_eq!(
            upper_residue(packet),
            Some(0),
            "a damaged error says nothing"
        );
    }
    let own = Report::unsent(packet.as_bytes(), Unreachable::NoRoute);
    let own = own.expect("a whole packet has a subject");
    assert_eq!(own.from, None);
    match (own.subject, transport) {
        (Subject::Tcp { tuple, .. }, _) => {
            assert_eq!(packet.protocol(), Protocol::TCP);
            assert_eq!(tuple.local().ip(), packet.source());
            assert_eq!(tuple.remote().ip(), packet.destination());
        }
        (Subject::Udp { local, remote }, _) => {
            assert_eq!(packet.protocol(), Protocol::UDP);
            assert_eq!(
                (local.ip(), remote.ip()),
                (packet.source(), packet.destination())
            );
        }
        (Subject::Other(destination), _) => assert_eq!(destination, packet.destination()),
        (subject, transport @ (Transport::Tcp(_) | Transport::Udp(_))) => {
            panic!("{subject:?} of {transport:?}")
        }
        _ => {}
    }
}

fn is_icmp_error(transport: &Transport<'_>) -> bool {
    match transport {
        Transport::Icmpv4(message) => message.kind().quoted().is_some(),
        Transport::Icmpv6(message) => message.kind().quoted().is_some(),
        _ => false,
    }
}

/// Answers as the stack asks for them: an echo, a reset, an unreachable port.
fn check_answers(packet: &IpPacket<'_>, transport: &Transport<'_>) {
    let now = Instant::from_origin(Duration::from_secs(9));
    let mut answers = Answers::new(MTU, 1);
    match transport {
        Transport::Tcp(segment) => answers.reset(packet, segment),
        Transport::Udp(_) => answers.port_unreachable(now, packet),
        Transport::Icmpv4(message) => {
            if let Icmpv4Kind::EchoRequest(echo) = message.kind() {
                answers.echo_reply(packet, &echo);
            }
        }
        Transport::Icmpv6(message) => {
            if let Icmpv6Kind::EchoRequest(echo) = message.kind() {
                answers.echo_reply(packet, &echo);
            }
        }
        _ => return,
    }
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let complete = answers.poll_transmit(&mut sent, usize::MAX);
    assert!(complete == Transmission::Complete && answers.is_empty());
    assert!(sent.iter().all(|answer| answer.len() <= MTU));
    if let Some(answer) = whole(&sent) {
        check_answer(packet, transport, &answer);
    }
}

/// Puts an answer that was longer than the MTU together again.
fn whole(sent: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut reassembler = Reassembler::new(ReassemblyLimits::default());
    let mut complete = None;
    for bytes in sent {
        let packet = IpPacket::parse(bytes).expect("an answer is a packet");
        assert!(complete.is_none(), "there is one answer at most");
        match reassembler.push(Instant::ORIGIN, packet) {
            Ok(Reassembled::Whole(packet)) => complete = Some(packet.as_bytes().to_vec()),
            Ok(Reassembled::Complete(packet)) => complete = Some(packet),
            Ok(Reassembled::Waiting) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(complete.is_some(), !sent.is_empty());
    complete
}

fn check_answer(packet: &IpPacket<'_>, transport: &Transport<'_>, answer: &[u8]) {
    let answer = IpPacket::parse(answer).expect("an answer is a packet");
    assert_eq!(answer.source(), packet.destination());
    assert_eq!(answer.destination(), packet.source());
    assert!(!packet.destination().is_multicast() && !packet.source().is_multicast());
    assert_eq!(upper_residue(&answer), Some(0), "its checksum is right");
    if let IpPacket::V4(v4) = &answer {
        assert_eq!(residue(&v4.as_bytes()[..v4.header_len()]), 0);
    }
    let reply = answer.transport().expect("an answer reads");
    match (transport, reply) {
        (Transport::Tcp(segment), Transport::Tcp(reset)) => {
            assert!(reset.flags().contains(TcpFlags::RST));
            assert!(
                !segment.flags().contains(TcpFlags::RST),
                "resets are not answered"
            );
            assert_eq!(reset.source_port(), segment.destination_port());
            assert_eq!(reset.destination_port(), segment.source_port());
        }
        (Transport::Udp(_), reply) => assert!(is_icmp_error(&reply)),
        (Transport::Icmpv4(_), Transport::Icmpv4(reply)) => {
            assert!(matches!(reply.kind(), Icmpv4Kind::EchoReply(_)));
        }
        (Transport::Icmpv6(_), Transport::Icmpv6(reply)) => {
            assert!(matches!(reply.kind(), Icmpv6Kind::EchoReply(_)));
        }
        (asked, reply) => panic!("{reply:?} to {asked:?}"),
    }
}
