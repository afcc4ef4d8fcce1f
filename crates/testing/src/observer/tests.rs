//! The observer objects to what may not be: each check is shown a case that breaks it.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use wirecraft_noise_handshake::initiate;
use wirecraft_wire_format::{Counter, DATA_MIN_LEN, DataHeader, Index};

use super::*;

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

/// The sender indices of a handshake that Alice begins with Bob.
const ALICE_INDEX: u32 = 0xa11c;
const BOB_INDEX: u32 = 0xb0b;

struct Stage {
    observer: Observer,
    keys: Vec<PrivateKey>,
    rng: ChaCha8Rng,
}

fn at(seconds: f64) -> Instant {
    Instant::ORIGIN + Duration::from_secs_f64(seconds)
}

impl Stage {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let keys: Vec<PrivateKey> = (0..3).map(|_| PrivateKey::generate(&mut rng)).collect();
        let observer = Observer::new(&keys);
        Self {
            observer,
            keys,
            rng,
        }
    }

    /// Alice and Bob, whose handshake was made at the start.
    fn with_keypair() -> Self {
        let mut stage = Self::new();
        let response = Response::new(Index::new(BOB_INDEX), Index::new(ALICE_INDEX));
        let sent = stage
            .observer
            .datagram_sent(at(0.0), BOB, Some(ALICE), response.as_bytes());
        assert_eq!(sent, Ok(()));
        stage
    }

    fn initiate(&mut self, when: f64, unix_time: u64) -> Result<(), Violation> {
        let local = LocalStatic::new(self.keys[ALICE].clone());
        let remote = RemoteStatic::new(&local, self.keys[BOB].public_key()).unwrap();
        let timestamp = Tai64N::from_unix(Duration::from_secs(unix_time));
        let index = Index::new(ALICE_INDEX);
        let (message, _) = initiate(&local, &remote, timestamp, index, &mut self.rng).unwrap();
        let bytes = message.as_bytes();
        self.observer
            .datagram_sent(at(when), ALICE, Some(BOB), bytes)
    }

    fn seal(&mut self, when: f64, from: usize, to: usize, counter: u64) -> Result<(), Violation> {
        let index = Index::new(if to == BOB { BOB_INDEX } else { ALICE_INDEX });
        let mut bytes = [0; DATA_MIN_LEN];
        let header = DataHeader::new(index, Counter::new(counter));
        bytes[..header.as_bytes().len()].copy_from_slice(header.as_bytes());
        self.observer
            .datagram_sent(at(when), from, Some(to), &bytes)
    }
}

fn label() -> Label {
    Label {
        origin: ALICE,
        destination: BOB,
        incarnation: 0,
        flow: 0,
        is_answer: false,
        number: 7,
        offered_at: Duration::from_secs(1),
    }
}

#[test]
fn a_counter_is_sealed_once_in_each_direction_of_a_keypair() {
    let mut stage = Stage::with_keypair();
    for counter in [0, 1, 3] {
        assert_eq!(stage.seal(1.0, ALICE, BOB, counter), Ok(()));
        assert_eq!(stage.seal(1.0, BOB, ALICE, counter), Ok(()));
    }
    let reused = Violation::CounterReused {
        from: ALICE,
        to: BOB,
        index: BOB_INDEX,
        counter: 1,
    };
    assert_eq!(stage.seal(2.0, ALICE, BOB, 1), Err(reused));
}

#[test]
fn a_handshake_that_makes_new_keys_begins_a_new_count() {
    let mut stage = Stage::with_keypair();
    assert_eq!(stage.seal(1.0, ALICE, BOB, 0), Ok(()));
    let response = Response::new(Index::new(BOB_INDEX), Index::new(ALICE_INDEX));
    let sent = stage
        .observer
        .datagram_sent(at(2.0), BOB, Some(ALICE), response.as_bytes());
    assert_eq!(sent, Ok(()));
    assert_eq!(stage.seal(3.0, ALICE, BOB, 0), Ok(()));
}

#[test]
fn data_needs_a_handshake() {
    let sealed = Stage::new().seal(1.0, ALICE, BOB, 0);
    assert!(matches!(
        sealed,
        Err(Violation::SealedWithoutHandshake { .. })
    ));
}

#[test]
fn a_keypair_seals_nothing_at_180_s() {
    let mut stage = Stage::with_keypair();
    assert_eq!(stage.seal(179.9, BOB, ALICE, 0), Ok(()));
    let late = stage.seal(180.0, BOB, ALICE, 1);
    assert!(matches!(
        late,
        Err(Violation::SealedTooLate { from: BOB, .. })
    ));
}

#[test]
fn initiations_are_5_s_apart_from_each_other_and_from_responses() {
    let mut stage = Stage::new();
    assert_eq!(stage.initiate(1.0, 100), Ok(()));
    assert_eq!(stage.initiate(6.0, 101), Ok(()));
    let soon = stage.initiate(10.9, 102);
    assert!(matches!(soon, Err(Violation::InitiationTooSoon { .. })));

    let mut stage = Stage::new();
    let response = Response::new(Index::new(1), Index::new(2));
    let sent = stage
        .observer
        .datagram_sent(at(1.0), ALICE, Some(BOB), response.as_bytes());
    assert_eq!(sent, Ok(()));
    let soon = stage.initiate(5.9, 100);
    assert!(matches!(soon, Err(Violation::InitiationTooSoon { .. })));
}

#[test]
fn timestamps_increase_while_a_node_lives_and_it_may_be_shut_out_afterwards() {
    let mut stage = Stage::new();
    assert_eq!(stage.initiate(0.0, 100), Ok(()));
    let repeated = stage.initiate(10.0, 100);
    assert_eq!(
        repeated,
        Err(Violation::TimestampNotIncreasing {
            from: ALICE,
            to: BOB
        })
    );
    stage.observer.restarted(ALICE);
    assert_eq!(stage.initiate(20.0, 50), Ok(()));
    let shut_out = |unix_time| {
        let unix_time = Duration::from_secs(unix_time);
        stage.observer.is_shut_out(ALICE, BOB, unix_time)
    };
    assert!(shut_out(100) && !shut_out(101));
}

#[test]
fn an_initiation_verifies_with_the_keys_of_both_nodes() {
    let mut stage = Stage::new();
    let forged = Initiation::new(Index::new(1));
    let sent = stage
        .observer
        .datagram_sent(at(0.0), ALICE, Some(BOB), forged.as_bytes());
    assert!(matches!(sent, Err(Violation::InvalidInitiation { .. })));
}

#[test]
fn what_a_device_sends_is_a_message_to_a_node() {
    let mut stage = Stage::with_keypair();
    let mut send = |to, bytes: &[u8]| stage.observer.datagram_sent(at(0.0), ALICE, to, bytes);
    assert!(matches!(
        send(Some(BOB), &[9; 40]),
        Err(Violation::NotAMessage { .. })
    ));
    let response = Response::new(Index::new(1), Index::new(2));
    let stranger = send(None, response.as_bytes());
    assert_eq!(stranger, Err(Violation::SentToStranger { from: ALICE }));
}

#[test]
fn a_packet_is_delivered_once() {
    let mut stage = Stage::new();
    let packet = label().packet(100);
    let mut deliver = || stage.observer.packet_delivered(BOB, Some(ALICE), &packet);
    assert_eq!(deliver(), Ok(label()));
    assert!(matches!(
        deliver(),
        Err(Violation::DeliveredTwice { number: 7, .. })
    ));
}

#[test]
fn a_packet_is_delivered_as_it_was_and_to_whom_it_was_for() {
    let mut stage = Stage::new();
    let mut deliver = |to, claimed, packet: &[u8]| {
        let delivered = stage.observer.packet_delivered(to, claimed, packet);
        delivered.expect_err("something is wrong with it")
    };
    let packet = label().packet(100);
    let wrong_peer = deliver(BOB, Some(CAROL), &packet);
    assert!(matches!(
        wrong_peer,
        Violation::WrongPeer { origin: ALICE, .. }
    ));
    let wrong_node = deliver(CAROL, Some(ALICE), &packet);
    assert!(matches!(wrong_node, Violation::Altered { .. }));
    for position in 0..packet.len() {
        let mut altered = packet.clone();
        altered[position] ^= 1;
        let violation = deliver(BOB, Some(ALICE), &altered);
        let is_seen = matches!(
            violation,
            Violation::Altered { .. } | Violation::WrongPeer { .. }
        );
        assert!(is_seen, "byte {position}: {violation}");
    }
}

#[test]
fn a_packet_with_the_source_address_of_a_third_node_is_altered() {
    let packet = label().packet_from(CAROL, 100);
    let delivered = Stage::new()
        .observer
        .packet_delivered(BOB, Some(ALICE), &packet);
    assert!(matches!(delivered, Err(Violation::Altered { .. })));
}

#[test]
fn a_timer_that_spins_is_seen() {
    let mut stage = Stage::new();
    let mut wake = |when, next| stage.observer.woken(at(when), ALICE, Some(at(next)));
    assert_eq!(
        wake(1.0, 1.0),
        Err(Violation::DeadlineNotMoved { node: ALICE })
    );
    for number in 0..WAKEUPS_PER_SECOND_MAX {
        assert_eq!(wake(2.0 + number as f64 * 0.01, 10.0), Ok(()));
    }
    assert!(matches!(wake(2.9, 10.0), Err(Violation::TimerSpins { .. })));
    assert_eq!(wake(3.9, 10.0), Ok(()));
}

#[test]
fn what_grows_without_bounds_is_seen() {
    let observer = Stage::new().observer;
    let held = Held {
        peers: 2,
        prefixes: 4,
        trie_nodes: 8,
        staged: 128,
        indices: 8,
        wakeups: 2,
        known_endpoints: 2,
        handshakes: 8192,
        sources: 16_384,
        events: 4096,
        transmits: 0,
    };
    assert_eq!(observer.holds(ALICE, held), Ok(()));
    let more: [fn(&mut Held) -> &mut usize; 9] = [
        |held| &mut held.trie_nodes,
        |held| &mut held.staged,
        |held| &mut held.indices,
        |held| &mut held.wakeups,
        |held| &mut held.known_endpoints,
        |held| &mut held.handshakes,
        |held| &mut held.sources,
        |held| &mut held.events,
        |held| &mut held.transmits,
    ];
    for entries in more {
        let mut held = held;
        *entries(&mut held) += 1;
        let seen = observer.holds(ALICE, held);
        assert!(matches!(seen, Err(Violation::Unbounded { .. })), "{held:?}");
    }
    assert_eq!(observer.transmitted(ALICE, 137, 1, 1), Ok(()));
    let transmitted = observer.transmitted(ALICE, 138, 1, 1);
    assert!(matches!(transmitted, Err(Violation::Unbounded { .. })));
}
