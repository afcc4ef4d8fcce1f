//! What counts as an answer.

use super::*;

#[test]
fn an_open_port_tells_window_and_mss_and_gets_a_reset_for_each_answer() {
    let mut scan = one_target();
    let probe = flush(&mut scan, START).remove(0);
    let syn_ack = answer(&probe, true);
    let finding = scan.receive(START, &syn_ack).unwrap();
    assert_eq!(
        finding.reason,
        Reason::SynAck(SynAck {
            window: 1000,
            mss: Some(1460),
            ..SynAck::default()
        })
    );
    assert_eq!((finding.state, finding.hop_limit), (PortState::Open, 64));
    assert_eq!(scan.receive(START, &syn_ack), None);
    assert!(!scan.is_finished());
    assert_eq!(scan.poll_timeout(), Some(START));

    let resets = flush(&mut scan, START);
    assert_eq!(resets.len(), 2);
    let (probe, reset) = (
        IpPacket::parse(&probe).unwrap(),
        IpPacket::parse(&resets[0]).unwrap(),
    );
    let (syn, rst) = (probe.tcp().unwrap(), reset.tcp().unwrap());
    assert_eq!(
        (rst.flags(), rst.seq()),
        (TcpFlags::RST, syn.seq().wrapping_add(1))
    );
    assert_eq!(
        (rst.source_port(), rst.destination_port()),
        (syn.source_port(), 80)
    );
    assert_eq!(
        (reset.source(), reset.destination()),
        (probe.source(), probe.destination())
    );
    assert!(scan.is_finished());
    assert_eq!(scan.counts().repeated, 1);
}

#[test]
fn a_reset_may_acknowledge_the_probe_or_the_byte_after() {
    for (offset, is_valid) in [(0, true), (1, true), (2, false), (u32::MAX, false)] {
        let mut scan = one_target();
        let probe = flush(&mut scan, START).remove(0);
        let syn = IpPacket::parse(&probe).unwrap().tcp().unwrap();
        let reset = v4([10, 0, 0, 1].into(), US_V4.into())
            .tcp(80, syn.source_port())
            .ack(syn.seq().wrapping_add(offset))
            .rst()
            .build();
        let finding = scan.receive(START, &reset);
        assert_eq!(
            finding.map(|finding| finding.reason),
            is_valid.then_some(Reason::Reset)
        );
    }
}

#[test]
fn answers_that_do_not_show_the_cookie_are_ignored() {
    let mut scan = one_target();
    let probe = flush(&mut scan, START).remove(0);
    let genuine = answer(&probe, true);
    let forged = |change: fn(&mut IpPacketMut<'_>)| {
        let mut packet = genuine.clone();
        change(&mut IpPacketMut::parse(&mut packet).unwrap());
        packet
    };
    let forgeries = [
        forged(|packet| packet.set_destination_port(40_000).unwrap()),
        forged(|packet| packet.set_source_port(81).unwrap()),
        forged(|packet| packet.set_source_address([10, 0, 0, 2].into()).unwrap()),
        forged(|packet| {
            packet
                .set_destination_address([10, 9, 9, 8].into())
                .unwrap()
        }),
        with_ack(&probe, 0, TcpFlags::SYN | TcpFlags::ACK),
        with_ack(&probe, 2, TcpFlags::SYN | TcpFlags::ACK),
        with_ack(&probe, 1, TcpFlags::ACK),
        with_ack(&probe, 1, TcpFlags::SYN),
        with_ack(&probe, 1, TcpFlags::RST),
        genuine[..genuine.len() - 1].to_vec(),
        broken_checksum(&genuine),
    ];
    for forgery in &forgeries {
        assert_eq!(scan.receive(START, forgery), None, "{forgery:x?}");
    }
    assert_eq!(
        scan.counts().ignored,
        u64::try_from(forgeries.len()).unwrap()
    );
    assert!(scan.receive(START, &genuine).is_some());
}

fn with_ack(probe: &[u8], offset: u32, flags: TcpFlags) -> Vec<u8> {
    let syn = IpPacket::parse(probe).unwrap().tcp().unwrap();
    v4([10, 0, 0, 1].into(), US_V4.into())
        .tcp(80, syn.source_port())
        .ack_number(syn.seq().wrapping_add(offset))
        .flags(flags)
        .build()
}

fn broken_checksum(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[36] ^= 1;
    packet
}

#[test]
fn icmp_errors_are_told_apart_by_their_code() {
    let cases = [
        (Icmpv4Unreachable::NETWORK, Some(PortState::Unreachable)),
        (Icmpv4Unreachable::HOST, Some(PortState::Filtered)),
        (Icmpv4Unreachable::PROTOCOL, Some(PortState::Filtered)),
        (Icmpv4Unreachable::PORT, Some(PortState::Filtered)),
        (Icmpv4Unreachable::FRAGMENTATION_NEEDED, None),
        (
            Icmpv4Unreachable::NETWORK_PROHIBITED,
            Some(PortState::Filtered),
        ),
        (
            Icmpv4Unreachable::HOST_PROHIBITED,
            Some(PortState::Filtered),
        ),
        (
            Icmpv4Unreachable::ADMINISTRATIVELY_PROHIBITED,
            Some(PortState::Filtered),
        ),
    ];
    for (code, state) in cases {
        let mut scan = one_target();
        let probe = flush(&mut scan, START).remove(0);
        // Routers need not quote more than 8 bytes of TCP.
        let error = v4([192, 0, 2, 1].into(), US_V4.into())
            .icmp_unreachable(code, &probe[..28])
            .build();
        let finding = scan.receive(START, &error);
        assert_eq!(finding.map(|finding| finding.state), state, "{code}");
        if let Some(finding) = finding {
            assert_eq!(finding.from, IpAddr::from([192, 0, 2, 1]));
            assert_eq!(finding.reason, Reason::Icmpv4(code));
            assert_eq!(finding.target.to_string(), "10.0.0.1:80");
        }
    }
}

#[test]
fn icmpv6_errors_and_lost_hops_are_found() {
    let mut filtered = scan(config(&["fd00::1"], &[80]));
    let probe = flush(&mut filtered, START).remove(0);
    let router = v6("fd00::99".parse().unwrap(), "fd00::9".parse().unwrap());
    let code = Icmpv6Unreachable::ADMINISTRATIVELY_PROHIBITED;
    let finding = filtered
        .receive(START, &router.icmp_unreachable(code, &probe).build())
        .unwrap();
    assert_eq!(
        (finding.state, finding.reason),
        (PortState::Filtered, Reason::Icmpv6(code))
    );

    let mut lost = scan(config(&["fd00::1"], &[80]));
    let probe = flush(&mut lost, START).remove(0);
    let finding = lost
        .receive(START, &router.icmp_time_exceeded(&probe).build())
        .unwrap();
    assert_eq!(
        (finding.state, finding.reason),
        (PortState::Unreachable, Reason::TimeExceeded)
    );
}

#[test]
fn an_icmp_error_that_quotes_another_sequence_number_is_ignored() {
    let mut scan = one_target();
    let mut probe = flush(&mut scan, START).remove(0);
    IpPacketMut::parse(&mut probe)
        .unwrap()
        .set_tcp_seq(1)
        .unwrap();
    let error = v4([192, 0, 2, 1].into(), US_V4.into())
        .icmp_port_unreachable(&probe)
        .build();
    assert_eq!(scan.receive(START, &error), None);
}

#[test]
fn an_answer_to_the_first_pass_counts_in_the_second() {
    let mut scan = one_target();
    let first = flush(&mut scan, START).remove(0);
    let later = START + Duration::from_secs(4);
    assert_eq!(flush(&mut scan, later).len(), 1);
    assert!(scan.receive(later, &answer(&first, false)).is_some());
}

#[test]
fn an_answer_to_a_pass_that_was_not_sent_is_a_forgery() {
    let mut first = one_target();
    flush(&mut first, START);
    let mut second = one_target();
    flush(&mut second, START);
    let of_second_pass = flush(&mut second, START + Duration::from_secs(4)).remove(0);
    assert_eq!(first.receive(START, &answer(&of_second_pass, false)), None);
}
