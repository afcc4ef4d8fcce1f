//! Scans that go on where they were interrupted.

use super::*;

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
    let text = first.checkpoint(end).to_string();
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
    let checkpoint = scan(other.clone()).checkpoint(START);
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

/// Probes `probes` targets, of which nothing comes back, and returns them with the scan's checkpoint at `at`.
fn killed_after(config: &ScanConfig, probes: usize, at: Instant) -> (Vec<Target>, Checkpoint) {
    let mut scan = scan(config.clone());
    let mut buf = [0; PROBE_MAX_LEN];
    let probed = (0..probes).map(|_| match scan.poll_probe(START, &mut buf).unwrap() {
        Polled::Probe { target, .. } => target,
        other => panic!("{other:?}"),
    });
    (probed.collect(), scan.checkpoint(at))
}

fn probed_after(config: &ScanConfig, checkpoint: &Checkpoint) -> Vec<Target> {
    let mut scan = Scan::resume(config.clone(), checkpoint, &mut FixedRng(9)).unwrap();
    let mut probed = Vec::new();
    run(&mut scan, |packet| {
        probed.push(destination(packet));
        None
    });
    probed
}

#[test]
fn probes_that_may_still_be_answered_are_not_counted_as_sent() {
    let mut config = config(&["10.0.0.0/29"], &[1, 2, 3]);
    config.burst = 1000.try_into().unwrap();
    config.retries = 0;
    let second = Duration::from_secs(1);
    let (probed, early) = killed_after(&config, 10, START + second);
    assert_eq!(probed.len(), 10);
    assert_eq!(probed_after(&config, &early).len(), 24, "all of them again");
    let (_, late) = killed_after(&config, 10, START + second * 4);
    assert_eq!(
        probed_after(&config, &late).len(),
        14,
        "those were waited for"
    );
}

#[test]
fn a_scan_that_goes_back_probes_again_what_was_lost() {
    let mut config = config(&["10.0.0.0/24"], &[80]);
    config.rate = 10.try_into().unwrap();
    config.burst = 1.try_into().unwrap();
    config.retries = 0;
    let mut scan = scan(config);
    let at = |seconds| START + Duration::from_secs(seconds);
    let mut probed = Vec::new();
    for tenth in 0..=200 {
        let now = START + Duration::from_millis(100) * tenth;
        probed.extend(flush(&mut scan, now).iter().map(|it| destination(it)));
    }
    assert_eq!(probed.len(), 201);
    scan.go_back(at(15));
    let again = flush(&mut scan, at(21));
    let position = probed.iter().position(|it| *it == destination(&again[0]));
    assert!((148..=150).contains(&position.unwrap()), "{position:?}");
    // Once more: nothing between is left out.
    scan.go_back(at(16));
    let once_more = flush(&mut scan, at(22));
    assert_eq!(destination(&once_more[0]), destination(&again[0]));
}

#[test]
fn a_checkpoint_with_targets_that_the_scan_does_not_have_is_broken() {
    let mut config = config(&["10.0.0.0/29"], &[80]);
    config.seed = Some(1);
    let text = scan(config.clone()).checkpoint(START).to_string();
    let resume =
        |text: &str| Scan::resume(config.clone(), &text.parse().unwrap(), &mut FixedRng(1));
    for (old, new) in [("end 0", "answers 0 00081\nend 1"), ("next 0", "next 9")] {
        let refused = resume(&text.replace(old, new)).map(drop);
        assert_eq!(refused, Err(ScanError::BrokenCheckpoint), "{new}");
    }
    assert!(resume(&text.replace("end 0", "answers 0 00071\nend 1")).is_ok());
}
