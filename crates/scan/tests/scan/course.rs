//! When probes leave, and when a scan ends.

use super::*;

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

#[test]
fn an_answer_for_a_target_of_another_shard_is_ignored() {
    let mut config = config(&["10.0.0.0/29"], &[53]);
    (config.seed, config.method) = (Some(5), Method::Udp);
    let shards = [1, 2].map(|number| {
        let mut config = config.clone();
        config.shard = Shard::new(number, 2).unwrap();
        config.burst = 1000.try_into().unwrap();
        scan(config)
    });
    let [mut ours, mut theirs] = shards;
    let foreign = flush(&mut theirs, START).remove(0);
    let foreign = IpPacket::parse(&foreign).unwrap();
    let udp = foreign.udp().unwrap();
    let reply = wirecraft_ip_packets::ip(foreign.destination(), foreign.source())
        .unwrap()
        .udp(udp.destination_port(), udp.source_port())
        .payload(b"answer")
        .build();
    // Both shards have the keys of one generator, so that the port is right.
    assert!(theirs.receive(START, &reply).is_some());
    assert_eq!(ours.receive(START, &reply), None);
    assert_eq!(ours.counts().answered, 0);
}

#[test]
fn targets_that_answered_are_passed_over_in_steps() {
    let ports: Vec<u16> = (1..=5000).collect();
    let mut config = config(&["10.0.0.1"], &ports);
    config.burst = 10_000.try_into().unwrap();
    let mut scan = scan(config);
    let mut last = None;
    for probe in flush(&mut scan, START) {
        match &last {
            None => last = Some(destination(&probe)),
            Some(_) => drop(scan.receive(START, &answer(&probe, false))),
        }
    }
    // The first one alone is silent: it is probed again after some looks, and the rest passed over.
    let after = START + Duration::from_secs(4);
    let mut buf = [0; PROBE_MAX_LEN];
    let (mut looks, mut found) = (0, None);
    while found.is_none() {
        looks += 1;
        if let Polled::Probe { target, .. } = scan.poll_probe(after, &mut buf).unwrap() {
            found = Some(target);
        }
        assert!(looks < 10, "{looks}");
    }
    assert_eq!(found, last);
    let mut rest = 0;
    while let Some(at) = scan.poll_timeout() {
        rest += 1;
        scan.poll_probe(after.max(at), &mut buf).unwrap();
        assert!(rest < 10, "{rest}");
    }
    assert!(rest > 3, "5000 targets are more than three steps: {rest}");
}
