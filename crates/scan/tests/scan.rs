//! Scans against a network made up on the spot.

#![cfg(test)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use wirecraft_ip_packets::{
    BuildError, Icmpv4Unreachable, Icmpv6Unreachable, IpPacket, IpPacketMut, IpVersion, TcpFlags,
    v4, v6,
};
use wirecraft_scan::{
    Finding, Method, PROBE_MAX_LEN, Polled, PortState, ProbeShape, Reason, Scan, ScanConfig,
    ScanError, Shard, SynAck, Target, Targets,
};
use wirecraft_time::Instant;

const US_V4: [u8; 4] = [10, 9, 9, 9];
const START: Instant = Instant::ORIGIN;

/// Not random at all: the same keys in every run.
struct FixedRng(u64);

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64()
            .map(|word| u32::try_from(word >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

fn config(targets: &[&str], ports: &[u16]) -> ScanConfig {
    let ranges = targets.iter().map(|text| text.parse().unwrap());
    let targets = Targets::new(ranges, [], ports.iter().copied()).unwrap();
    ScanConfig::new(targets, &[US_V4.into(), us_v6()])
}

fn us_v6() -> IpAddr {
    "fd00::9".parse().unwrap()
}

fn scan(config: ScanConfig) -> Scan {
    Scan::new(config, &mut FixedRng(7)).unwrap()
}

fn one_target() -> Scan {
    scan(config(&["10.0.0.1"], &[80]))
}

/// Sends what is to be sent now.
fn flush(scan: &mut Scan, now: Instant) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    let mut buf = [0; PROBE_MAX_LEN];
    while let Polled::Probe { len, .. } | Polled::Reset { len, .. } =
        scan.poll_probe(now, &mut buf).unwrap()
    {
        sent.push(buf[..len].to_vec());
    }
    sent
}

/// Answers a SYN as a TCP does that has the port open, or that has not.
fn answer(probe: &[u8], is_open: bool) -> Vec<u8> {
    let probe = IpPacket::parse(probe).unwrap();
    let syn = probe.tcp().unwrap();
    let answer = wirecraft_ip_packets::ip(probe.destination(), probe.source())
        .unwrap()
        .tcp(syn.destination_port(), syn.source_port())
        .ack(syn.seq().wrapping_add(1));
    if is_open {
        answer.seq(99).syn().mss(1460).window(1000).build()
    } else {
        answer.rst().build()
    }
}

/// Runs a scan to its end; `network` returns what answers a packet. Returns the findings.
fn run(scan: &mut Scan, mut network: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut now = START;
    for _ in 0..1_000_000 {
        for packet in flush(scan, now) {
            let reply = network(&packet);
            findings.extend(reply.and_then(|reply| scan.receive(now, &reply)));
        }
        match scan.poll_timeout() {
            Some(at) => now = now.max(at),
            None => return findings,
        }
    }
    panic!("the scan never ends");
}

fn is_syn(packet: &[u8]) -> bool {
    IpPacket::parse(packet).unwrap().tcp().unwrap().flags() == TcpFlags::SYN
}

fn destination(packet: &[u8]) -> Target {
    let packet = IpPacket::parse(packet).unwrap();
    Target {
        address: packet.destination(),
        port: packet.tcp().unwrap().destination_port(),
    }
}

#[test]
fn every_target_is_probed_and_found_as_it_is() {
    let mut scan = scan(config(&["10.0.0.0/28", "fd00::/124"], &[22, 80, 443]));
    let state = |target: Target| match target.port {
        22 => Some(PortState::Open),
        80 => Some(PortState::Closed),
        _ => None,
    };
    let mut probes = BTreeMap::new();
    let findings = run(&mut scan, |packet| {
        let target = destination(packet);
        is_syn(packet).then(|| *probes.entry(target).or_insert(0) += 1)?;
        state(target).map(|state| answer(packet, state == PortState::Open))
    });
    assert_eq!(probes.len(), 96);
    // Silent ports are probed twice, others once.
    assert!(
        probes
            .iter()
            .all(|(target, count)| *count == if target.port == 443 { 2 } else { 1 })
    );
    assert_eq!(findings.len(), 64);
    assert!(
        findings
            .iter()
            .all(|finding| Some(finding.state) == state(finding.target))
    );
    assert!(
        scan.findings()
            .all(|(target, found)| found == state(target))
    );
    assert_eq!(scan.findings().count(), 96);
    assert!(scan.is_finished());
    let counts = scan.counts();
    assert_eq!(
        (counts.probes, counts.resets, counts.answered),
        (128, 32, 64)
    );
}

#[test]
fn a_probe_is_a_valid_syn_of_another_port_and_number_in_every_pass() {
    let mut scan = one_target();
    let mut seen = Vec::new();
    run(&mut scan, |packet| {
        let packet = IpPacket::parse(packet).unwrap();
        let syn = packet.tcp().unwrap();
        assert!(syn.checksum_is_valid(&packet.pseudo_header()));
        assert_eq!(packet.source(), IpAddr::from(US_V4));
        assert_eq!(
            (syn.flags(), syn.mss(), packet.hop_limit()),
            (TcpFlags::SYN, Some(1380), 64)
        );
        assert!((32_768..=60_999).contains(&syn.source_port()));
        seen.push((syn.source_port(), syn.seq()));
        None
    });
    assert_eq!(seen.len(), 2);
    assert!(seen[0].0 != seen[1].0 && seen[0].1 != seen[1].1);
}

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

#[test]
fn probes_leave_at_the_rate_and_passes_wait_for_answers() {
    let mut config = config(&["10.0.0.0/24"], &[80]);
    config.rate = 100.try_into().unwrap();
    config.burst = 5.try_into().unwrap();
    let mut scan = scan(config);
    assert_eq!(flush(&mut scan, START).len(), 5);
    assert_eq!(scan.poll_timeout(), Some(START + Duration::from_millis(10)));
    assert_eq!(flush(&mut scan, START + Duration::from_millis(9)).len(), 0);
    let mut now = START;
    while scan.counts().probes < 256 {
        now = scan.poll_timeout().unwrap();
        assert_eq!(flush(&mut scan, now).len(), 1);
    }
    assert_eq!(now, START + Duration::from_millis(2510));
    assert_eq!(scan.poll_timeout(), Some(now + Duration::from_secs(3)));
}

#[test]
fn a_scan_ends_as_soon_as_all_answered() {
    let mut scan = one_target();
    let probe = flush(&mut scan, START).remove(0);
    scan.receive(START, &answer(&probe, false)).unwrap();
    assert_eq!(scan.poll_timeout(), Some(Instant::ORIGIN));
    assert_eq!(
        scan.poll_probe(START, &mut [0; PROBE_MAX_LEN]),
        Ok(Polled::Finished)
    );
    assert_eq!((scan.poll_timeout(), scan.is_finished()), (None, true));
}

#[test]
fn a_buffer_too_small_loses_no_probe() {
    let mut scan = one_target();
    let error = BuildError::BufferTooSmall {
        needed: PROBE_MAX_LEN,
        available: 10,
    };
    assert_eq!(scan.poll_probe(START, &mut [0; 10]), Err(error));
    assert_eq!(flush(&mut scan, START).len(), 1);
}

#[test]
fn targets_without_a_source_address_of_their_version_are_refused() {
    let mut config = config(&["10.0.0.1", "fd00::1"], &[80]);
    config.source_v6 = None;
    let error = Scan::new(config, &mut FixedRng(7)).unwrap_err();
    assert_eq!(
        error,
        ScanError::NoSource {
            version: IpVersion::V6
        }
    );
}

/// Runs a scan for `probes` packets, then stops it and makes a new one from its checkpoint.
fn interrupted_after(
    config: &ScanConfig,
    probes: usize,
    network: &dyn Fn(Target) -> bool,
) -> Vec<Target> {
    let mut first = scan(config.clone());
    let (mut probed, mut buf) = (Vec::new(), [0; PROBE_MAX_LEN]);
    while probed.len() < probes {
        let Polled::Probe { target, len } = first.poll_probe(START, &mut buf).unwrap() else {
            panic!("the scan has more targets");
        };
        probed.push(target);
        if network(target) {
            first.receive(START, &answer(&buf[..len], false)).unwrap();
        }
    }
    first.stop(START);
    assert_eq!(first.poll_probe(START, &mut buf), Ok(Polled::Wait));
    let end = START + Duration::from_secs(3);
    assert_eq!(first.poll_probe(end, &mut buf), Ok(Polled::Finished));
    let text = first.checkpoint().to_string();
    let mut second =
        Scan::resume(config.clone(), &text.parse().unwrap(), &mut FixedRng(9)).unwrap();
    run(&mut second, |packet| {
        probed.push(destination(packet));
        network(destination(packet)).then(|| answer(packet, false))
    });
    assert!(
        second
            .findings()
            .all(|(target, state)| state.is_some() == network(target))
    );
    probed
}

#[test]
fn a_scan_goes_on_exactly_where_it_was_stopped() {
    for addresses in ["10.0.0.0-10.0.0.12", "fd00::-fd00::6"] {
        let mut config = config(&[addresses], &[22, 80, 443]);
        config.burst = 1000.try_into().unwrap();
        config.retries = 0;
        let len = usize::try_from(config.targets.len()).unwrap();
        for probes in [1, 7, len - 1] {
            let mut probed = interrupted_after(&config, probes, &|target| target.port == 80);
            assert_eq!(probed.len(), len);
            probed.sort_unstable();
            probed.dedup();
            assert_eq!(probed.len(), len);
        }
    }
}

#[test]
fn what_answered_before_the_interruption_is_not_probed_again() {
    let mut config = config(&["10.0.0.0/29"], &[1, 2, 3]);
    config.burst = 1000.try_into().unwrap();
    config.retries = 2;
    let probed = interrupted_after(&config, 20, &|target| target.port != 1);
    let mut counts = BTreeMap::new();
    for target in probed {
        *counts.entry(target).or_insert(0) += 1;
    }
    let expected = |target: &Target| if target.port == 1 { 3 } else { 1 };
    assert!(
        counts
            .iter()
            .all(|(target, count)| *count == expected(target)),
        "{counts:?}"
    );
}

#[test]
fn a_checkpoint_of_another_scan_is_refused() {
    let mut other = config(&["10.0.0.1"], &[80]);
    other.seed = Some(1);
    let checkpoint = scan(other.clone()).checkpoint();
    let resume = |config| Scan::resume(config, &checkpoint, &mut FixedRng(1)).map(drop);
    assert_eq!(resume(other.clone()), Ok(()));
    let seeded = ScanConfig {
        seed: Some(2),
        ..other.clone()
    };
    let ports = config(&["10.0.0.1"], &[81]);
    let addresses = config(&["10.0.0.2"], &[80]);
    let method = ScanConfig {
        method: Method::Ack,
        ..other.clone()
    };
    let shard = ScanConfig {
        shard: Shard::new(1, 2).unwrap(),
        ..other
    };
    for config in [seeded, ports, addresses, method, shard] {
        let refused = resume(config);
        assert!(
            matches!(refused, Err(ScanError::OtherScan | ScanError::EmptyShard)),
            "{refused:?}"
        );
    }
}

#[test]
fn shards_with_one_seed_probe_every_target_once_between_them() {
    let mut probed = Vec::new();
    for number in 1..=3 {
        let mut config = config(&["10.0.0.0-10.0.0.12", "fd00::-fd00::6"], &[22, 80]);
        config.seed = Some(5);
        config.retries = 0;
        config.shard = Shard::new(number, 3).unwrap();
        let mut scan = scan(config);
        let before = probed.len();
        run(&mut scan, |packet| {
            probed.push(destination(packet));
            None
        });
        assert_eq!(scan.findings().count(), probed.len() - before);
    }
    assert_eq!(probed.len(), 40);
    probed.sort_unstable();
    probed.dedup();
    assert_eq!(probed.len(), 40);
}

#[test]
fn an_answer_tells_its_round_trip_time() {
    let mut scan = one_target();
    let probe = flush(&mut scan, START).remove(0);
    let later = START + Duration::from_millis(42);
    let finding = scan.receive(later, &answer(&probe, true)).unwrap();
    assert_eq!(finding.round_trip, Some(Duration::from_millis(42)));
}

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
