//! Runs of the simulator: fixed seeds, twenty simulated hours, and the trace of one run.

use core::time::Duration;

use wirecraft_testing::{Campaign, Failure, Goal, Recorder, Report, Scenario, Violation, simulate};
use wirecraft_tunnel::REPLAY_WINDOW_LEN;

const SIMULATED_IN_CI: Duration = Duration::from_secs(20 * 3600);

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let fingerprint = |seed| simulate(&Scenario::draw(seed), None).fingerprint;
    assert_eq!(fingerprint(2), fingerprint(2));
    assert_ne!(fingerprint(2), fingerprint(4));
}

#[test]
fn what_must_always_hold_holds_for_twenty_simulated_hours() {
    let campaign = Campaign {
        first_seed: 0,
        goal: Goal::Simulated(SIMULATED_IN_CI),
        jobs: 2,
    };
    let report = campaign.run(|_| true);
    let mut said = Vec::new();
    report.explain(&mut said, &std::env::temp_dir()).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(report.is_good(), "{}\n{said}", report.tally);
    let tally = &report.tally;
    assert!(tally.simulated >= SIMULATED_IN_CI);
    for (what, count) in [
        ("delivered", tally.packets_delivered),
        ("lost", tally.datagrams_lost),
        ("handshakes", tally.handshakes),
        ("restarts", tally.restarts),
        ("suspends", tally.suspends),
        ("clock steps", tally.clock_steps),
        ("rebinds", tally.rebinds),
        ("partitions", tally.partitions),
        ("replays", tally.replays),
        ("replayed handshakes", tally.replayed_handshakes),
        ("cookie replies", tally.cookie_replies),
        ("peers readded", tally.readded),
        ("reconnected", tally.reconnections.in_time),
        ("reconnected at 30 % loss", tally.at_30_percent.in_time),
    ] {
        assert!(count > 10, "{what}: {count}");
    }
    let overtaken_by = tally.deepest_overtaking;
    assert!(overtaken_by > REPLAY_WINDOW_LEN, "by {overtaken_by}");
}

#[test]
fn a_failed_run_is_explained_by_its_trace_and_the_command_that_has_it_again() {
    let directory = tempfile::tempdir().unwrap();
    let failure = |seed| Failure {
        seed,
        violation: Violation::SentToStranger { from: 0 },
    };
    let mut seeds: Vec<u64> = (0..50).collect();
    seeds.sort_by_key(|seed| Scenario::draw(*seed).lasts());
    let short = &seeds[..4];
    let report = Report {
        failures: short.iter().copied().map(failure).collect(),
        late: vec![800],
        ..Report::default()
    };
    let mut said = Vec::new();

    report.explain(&mut said, directory.path()).unwrap();

    let said = String::from_utf8(said).unwrap();
    for seed in short {
        let command = format!("cargo xtask simulate --seed {seed}");
        assert!(said.contains(&command), "{said}");
    }
    assert!(said.contains("60 s are in seeds [800]"), "{said}");
    assert!(
        said.contains("sent to an address that is no node's"),
        "{said}"
    );
    let traces = std::fs::read_dir(directory.path()).unwrap();
    assert_eq!(traces.count(), 3, "of the first few");
}

#[test]
fn a_run_is_the_same_when_it_is_recorded_and_its_trace_can_be_read() {
    let scenario = Scenario::draw(4);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.pcapng");
    let file = Box::new(std::fs::File::create(&path).unwrap());
    let mut recorder = Recorder::new(file, scenario.nodes.len()).unwrap();

    let recorded = simulate(&scenario, Some(&mut recorder));
    recorder.finish().unwrap();

    assert_eq!(recorded, simulate(&scenario, None));
    let trace = std::fs::File::open(&path).unwrap();
    let mut reader = pcap_file::pcapng::PcapNgReader::new(trace).unwrap();
    let (mut outer, mut inner) = (0, 0);
    while let Some(block) = reader.next_block() {
        if let pcap_file::pcapng::Block::EnhancedPacket(packet) = block.unwrap() {
            outer += u64::from(packet.interface_id == 0);
            inner += u64::from(packet.interface_id >= 2);
        }
    }
    assert_eq!(outer, recorded.tally.datagrams_sent);
    assert_eq!(inner, recorded.tally.packets_delivered);
}
