//! Other probes than SYNs, and networks that lose them.

use super::*;

fn one_target_by(method: Method, address: &str, port: u16) -> Scan {
    let mut config = config(&[address], &[port]);
    config.method = method;
    scan(config)
}

#[test]
fn a_reset_to_an_ack_tells_that_the_port_is_not_filtered() {
    let mut scan = one_target_by(Method::Ack, "10.0.0.1", 80);
    let probe = flush(&mut scan, START).remove(0);
    let packet = IpPacket::parse(&probe).unwrap();
    let ack = packet.tcp().unwrap();
    assert_eq!(ack.flags(), TcpFlags::ACK);
    let reset = |seq| {
        v4([10, 0, 0, 1].into(), US_V4.into())
            .tcp(80, ack.source_port())
            .seq(seq)
            .rst()
            .build()
    };
    assert_eq!(scan.receive(START, &reset(ack.ack().wrapping_add(1))), None);
    let finding = scan.receive(START, &reset(ack.ack())).unwrap();
    assert_eq!(finding.state, PortState::Unfiltered);
}

#[test]
fn udp_is_open_if_it_answers_and_closed_if_the_host_says_so() {
    for (address, from) in [("10.0.0.1", IpAddr::from(US_V4)), ("fd00::1", us_v6())] {
        let host: IpAddr = address.parse().unwrap();
        let probe_of = |scan: &mut Scan| {
            let probe = flush(scan, START).remove(0);
            let port = IpPacket::parse(&probe)
                .unwrap()
                .udp()
                .unwrap()
                .source_port();
            (probe, port)
        };
        let mut open = one_target_by(Method::Udp, address, 53);
        let (probe, port) = probe_of(&mut open);
        assert!(
            !IpPacket::parse(&probe)
                .unwrap()
                .udp()
                .unwrap()
                .payload()
                .is_empty()
        );
        let reply = |port| {
            let back = wirecraft_ip_packets::ip(host, from).unwrap();
            back.udp(53, port).payload(b"yes").build()
        };
        assert_eq!(open.receive(START, &reply(port ^ 1)), None);
        let finding = open.receive(START, &reply(port)).unwrap();
        assert_eq!(
            (finding.state, finding.reason),
            (PortState::Open, Reason::Datagram { len: 3 })
        );
        assert!(flush(&mut open, START).is_empty());

        let mut closed = one_target_by(Method::Udp, address, 9);
        let (probe, _) = probe_of(&mut closed);
        let back = wirecraft_ip_packets::ip(host, from).unwrap();
        let error = back.icmp_port_unreachable(&probe).build();
        assert_eq!(
            closed.receive(START, &error).unwrap().state,
            PortState::Closed
        );
    }
}

#[test]
fn a_host_that_answers_its_echo_request_is_up() {
    for (address, from) in [("10.0.0.1", IpAddr::from(US_V4)), ("fd00::1", us_v6())] {
        let host: IpAddr = address.parse().unwrap();
        let mut scan = one_target_by(Method::Ping, address, 0);
        let probe = flush(&mut scan, START).remove(0);
        let upper = IpPacket::parse(&probe).unwrap().payload().to_vec();
        let number = |at: usize| u16::from_be_bytes([upper[at], upper[at + 1]]);
        let reply = |id, sequence| {
            let back = wirecraft_ip_packets::ip(host, from).unwrap();
            back.icmp_echo_reply(id, sequence)
                .payload(&upper[8..])
                .build()
        };
        assert_eq!(scan.receive(START, &reply(number(4), number(6) ^ 1)), None);
        let finding = scan.receive(START, &reply(number(4), number(6))).unwrap();
        assert_eq!(
            (finding.state, finding.reason),
            (PortState::Up, Reason::EchoReply)
        );
    }
}

#[test]
fn a_probe_has_the_options_of_its_shape() {
    for (shape, len) in [
        (ProbeShape::None, 0),
        (ProbeShape::Mss, 4),
        (ProbeShape::Windows, 12),
        (ProbeShape::Linux, 20),
        (ProbeShape::Bsd, 20),
    ] {
        let mut config = config(&["10.0.0.1"], &[80]);
        config.shape = shape;
        let probe = flush(&mut scan(config), START).remove(0);
        assert_eq!(probe.len(), 40 + len, "{shape:?}");
    }
}

/// Scans all ports of a host with nineteen open ones, each packet lost with a chance of 2 %; returns how
/// many open and closed ports were found.
fn found_at_loss(retries: u8) -> (usize, usize) {
    let ports: Vec<u16> = (1..=u16::MAX).collect();
    let mut config = config(&["10.0.0.1"], &ports);
    (config.retries, config.rate, config.burst) = (
        retries,
        1_000_000.try_into().unwrap(),
        70_000.try_into().unwrap(),
    );
    let mut dice = FixedRng(11);
    let mut is_lost = || dice.try_next_u32().unwrap() % 100 < 2;
    let is_open = |port: u16| port.is_multiple_of(3277);
    let findings = run(&mut scan(config), |packet| {
        let is_answered = is_syn(packet) && !is_lost() && !is_lost();
        is_answered.then(|| answer(packet, is_open(destination(packet).port)))
    });
    let wrong = findings
        .iter()
        .filter(|it| (it.state == PortState::Open) != is_open(it.target.port));
    assert_eq!(wrong.count(), 0);
    let open = findings
        .iter()
        .filter(|it| it.state == PortState::Open)
        .count();
    (open, findings.len() - open)
}

#[test]
fn at_two_percent_loss_each_way_retries_find_what_is_there() {
    let (open, closed) = found_at_loss(2);
    assert_eq!(open, 19);
    assert!(closed * 10_000 >= 65_516 * 9_998, "{closed}");
    assert_eq!(found_at_loss(4), (19, 65_516));
}
