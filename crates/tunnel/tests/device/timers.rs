//! Retransmission, keepalives and the detection of a lost connection.

use core::time::Duration;

use wirecraft_tunnel::Event;

use crate::world::{ALICE, BOB, Kind, World, milliseconds, numbered, packet, seconds};

const JITTER_MAX: Duration = Duration::from_millis(333);

fn set_persistent_keepalive(world: &mut World, host: usize, peer: usize, interval: Duration) {
    let id = world.peer(host, peer);
    let set = world.change(host, |device, now| {
        device.set_persistent_keepalive(now, id, Some(interval))
    });
    set.expect("the hosts were introduced");
}

fn assert_within_jitter_of(actual: Duration, expected: Duration) {
    let allowed = expected..=expected + JITTER_MAX;
    assert!(
        allowed.contains(&actual),
        "{actual:?} is not about {expected:?}"
    );
}

#[test]
fn an_initiation_is_repeated_after_5_s_and_some_jitter() {
    let mut world = World::pair();
    world.lose(|_| true);

    world.start_handshake(ALICE, BOB);
    world.advance(seconds(80));

    let times = world.times_sent(ALICE, Kind::Initiation);
    assert!(times.len() >= 15, "{times:?}");
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for pause in &pauses {
        assert_within_jitter_of(*pause, seconds(5));
    }
    assert!(
        pauses.iter().any(|pause| *pause != pauses[0]),
        "no jitter: {pauses:?}"
    );
}

#[test]
fn a_handshake_that_is_cancelled_is_not_repeated_and_may_be_started_again() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    world.lose(|_| true);

    // Ten minutes of calls once a minute, each given up after six seconds.
    for _ in 0..10 {
        world.start_handshake(ALICE, BOB);
        world.advance(seconds(6));
        let cancelled = world.change(ALICE, |device, _| device.cancel_handshake(bob));
        cancelled.expect("the hosts were introduced");
        world.advance(seconds(54));
    }
    let times = world.times_sent(ALICE, Kind::Initiation);
    assert_eq!(times.len(), 20, "{times:?}");

    world.lose_nothing();
    world.handshake(ALICE, BOB);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn packets_that_waited_for_a_handshake_that_is_cancelled_are_dropped() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    world.lose(|_| true);
    world.send_batch(ALICE, &[numbered(ALICE, BOB, 1), numbered(ALICE, BOB, 2)]);
    world.advance(seconds(6));

    let cancelled = world.change(ALICE, |device, _| device.cancel_handshake(bob));

    cancelled.expect("the hosts were introduced");
    assert_eq!(world.status(ALICE, BOB).staged, 0);
    assert_eq!(world.counters(ALICE).staged_dropped, 2);
    world.lose_nothing();
    world.advance(seconds(3600));
    world.handshake(ALICE, BOB);
    assert_eq!(world.take_delivered(BOB), Vec::<Vec<u8>>::new());
}

#[test]
fn a_handshake_is_given_up_after_90_s_and_staged_packets_are_dropped() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    world.lose(|_| true);

    world.send_batch(ALICE, &[numbered(ALICE, BOB, 1), numbered(ALICE, BOB, 2)]);
    world.advance(seconds(90));
    assert_eq!(world.status(ALICE, BOB).staged, 2);
    world.advance(seconds(300));

    let failed = world.times_of(ALICE, Event::HandshakeFailed { peer: bob });
    assert_eq!(failed.len(), 1);
    assert!(
        failed[0] >= seconds(90) && failed[0] <= seconds(95) + JITTER_MAX,
        "{failed:?}"
    );
    assert!(
        world
            .times_sent(ALICE, Kind::Initiation)
            .iter()
            .all(|at| *at < seconds(90))
    );
    assert_eq!(world.status(ALICE, BOB).staged, 0);
    assert_eq!(world.counters(ALICE).staged_dropped, 2);
}

#[test]
fn a_packet_after_a_failed_handshake_starts_another() {
    let mut world = World::pair();
    world.lose(|_| true);
    world.start_handshake(ALICE, BOB);
    world.advance(seconds(200));
    world.lose_nothing();

    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.settle();

    assert_eq!(world.take_delivered(BOB), [packet(ALICE, BOB, b"hello")]);
}

#[test]
fn a_receiver_with_nothing_to_say_sends_a_keepalive_after_10_s() {
    let mut world = World::pair_with_session();
    world.advance(seconds(1));
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));

    world.advance(milliseconds(9_999));
    assert_eq!(world.times_sent(BOB, Kind::Keepalive), []);
    world.advance(milliseconds(1));

    assert_eq!(world.times_sent(BOB, Kind::Keepalive), [seconds(11)]);
}

#[test]
fn a_receiver_that_answers_needs_no_keepalive() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.advance(seconds(9));
    world.send(BOB, &packet(BOB, ALICE, b"hello yourself"));
    world.advance(seconds(9));

    assert_eq!(world.times_sent(BOB, Kind::Keepalive), []);
}

#[test]
fn data_that_comes_while_a_keepalive_is_due_causes_one_more() {
    let mut world = World::pair_with_session();
    for number in 0..3 {
        world.send(ALICE, &numbered(ALICE, BOB, number));
        world.advance(seconds(3));
    }

    world.advance(seconds(100));

    assert_eq!(
        world.times_sent(BOB, Kind::Keepalive),
        [10, 20].map(seconds)
    );
}

#[test]
fn idle_peers_do_not_answer_keepalives_by_keepalives() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.advance(seconds(11));
    let sent = world.sent.len();

    world.advance(seconds(1000));

    assert_eq!(world.sent.len(), sent);
}

#[test]
fn idle_peers_are_not_reported_as_lost() {
    let mut world = World::pair_with_session();
    let bob = world.peer(ALICE, BOB);
    world.assert_connected(ALICE, BOB);

    world.advance(seconds(170));

    assert_eq!(
        world.times_of(ALICE, Event::ConnectionLost { peer: bob }),
        []
    );
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
}

#[test]
fn data_without_an_answer_for_15_s_starts_a_handshake() {
    let mut world = World::pair_with_session();
    let bob = world.peer(ALICE, BOB);
    world.lose(|_| true);
    world.advance(seconds(5));
    world.send(ALICE, &numbered(ALICE, BOB, 1));
    world.advance(seconds(10));
    world.send(ALICE, &numbered(ALICE, BOB, 2));

    world.advance(milliseconds(4_999));
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
    world.advance(milliseconds(334));

    let lost = world.times_of(ALICE, Event::ConnectionLost { peer: bob });
    assert_eq!(lost.len(), 1);
    assert_within_jitter_of(lost[0], seconds(20));
    assert_eq!(world.times_sent(ALICE, Kind::Initiation)[1], lost[0]);
}

#[test]
fn what_confirmed_the_key_is_no_answer_to_the_packets_that_waited_for_it() {
    let mut world = World::pair();
    let alice = world.peer(BOB, ALICE);
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();
    world.send(BOB, &numbered(BOB, ALICE, 1));
    world.deliver_and_process(&response).unwrap();
    let keepalive = world.intercept_one();
    world.lose(|_| true);
    world.deliver(&keepalive).unwrap();
    assert_eq!(world.times_sent(BOB, Kind::Data), [seconds(0)]);

    world.advance(seconds(16));

    let lost = world.times_of(BOB, Event::ConnectionLost { peer: alice });
    assert_eq!(lost.len(), 1);
    assert_within_jitter_of(lost[0], seconds(15));
    assert_eq!(world.times_sent(BOB, Kind::Initiation), lost);
}

#[test]
fn a_keepalive_in_time_is_answer_enough() {
    let mut world = World::pair_with_session();
    let bob = world.peer(ALICE, BOB);

    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.advance(seconds(100));

    assert_eq!(
        world.times_of(ALICE, Event::ConnectionLost { peer: bob }),
        []
    );
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
}

#[test]
fn a_persistent_keepalive_is_sent_at_once_when_switched_on_and_then_at_its_interval() {
    let mut world = World::pair_with_session();
    world.advance(seconds(2));

    set_persistent_keepalive(&mut world, BOB, ALICE, seconds(25));
    world.advance(seconds(60));

    assert_eq!(
        world.times_sent(BOB, Kind::Keepalive),
        [2, 27, 52].map(seconds)
    );
}

#[test]
fn a_changed_interval_of_the_persistent_keepalive_counts_from_the_change() {
    let mut world = World::pair_with_session();
    set_persistent_keepalive(&mut world, BOB, ALICE, seconds(25));
    world.advance(seconds(10));

    set_persistent_keepalive(&mut world, BOB, ALICE, seconds(40));
    world.advance(seconds(60));

    assert_eq!(world.times_sent(BOB, Kind::Keepalive), [0, 50].map(seconds));
}

#[test]
fn an_interval_that_is_set_again_and_again_does_not_silence_the_persistent_keepalive() {
    let mut world = World::pair_with_session();

    for _ in 0..10 {
        set_persistent_keepalive(&mut world, BOB, ALICE, seconds(25));
        world.advance(seconds(20));
    }

    let expected = [0, 25, 50, 75, 100, 125, 150, 175, 200].map(seconds);
    assert_eq!(world.times_sent(BOB, Kind::Keepalive), expected);
}

#[test]
fn a_persistent_keepalive_without_a_session_makes_one() {
    let mut world = World::pair();

    set_persistent_keepalive(&mut world, ALICE, BOB, seconds(25));
    world.settle();

    assert!(world.status(ALICE, BOB).has_session);
}

#[test]
fn a_persistent_keepalive_goes_on_after_a_failed_handshake() {
    let mut world = World::pair();
    world.lose(|_| true);
    set_persistent_keepalive(&mut world, ALICE, BOB, seconds(25));
    world.advance(seconds(100));
    world.lose_nothing();

    world.advance(seconds(30));

    assert!(world.status(ALICE, BOB).has_session);
}

#[test]
fn data_that_is_sent_postpones_the_persistent_keepalive() {
    let mut world = World::pair_with_session();
    set_persistent_keepalive(&mut world, BOB, ALICE, seconds(25));
    world.advance(seconds(20));

    world.send(BOB, &packet(BOB, ALICE, b"hello"));
    world.advance(seconds(9));
    assert_eq!(world.times_sent(BOB, Kind::Keepalive), [seconds(0)]);

    // Alice's answer, a keepalive at 30 s, postpones it once more.
    world.advance(seconds(26));
    assert_eq!(world.times_sent(BOB, Kind::Keepalive), [0, 55].map(seconds));
}

#[test]
fn whatever_is_received_postpones_the_persistent_keepalive() {
    let mut world = World::pair_with_session();
    set_persistent_keepalive(&mut world, BOB, ALICE, seconds(25));
    world.advance(seconds(1));

    set_persistent_keepalive(&mut world, ALICE, BOB, seconds(24));
    world.advance(seconds(100));

    assert_eq!(world.times_sent(BOB, Kind::Keepalive), [seconds(0)]);
    assert_eq!(world.counters(ALICE).keepalives_sent, 6);
}

#[test]
fn a_persistent_keepalive_that_is_switched_off_is_not_sent() {
    let mut world = World::pair_with_session();
    set_persistent_keepalive(&mut world, BOB, ALICE, seconds(25));
    let alice = world.peer(BOB, ALICE);

    let off = world.change(BOB, |device, now| {
        device.set_persistent_keepalive(now, alice, None)
    });
    off.unwrap();
    world.advance(seconds(100));

    assert_eq!(world.times_sent(BOB, Kind::Keepalive), [seconds(0)]);
}

#[test]
fn a_persistent_keepalive_interval_of_zero_switches_it_off() {
    let mut world = World::pair_with_session();

    set_persistent_keepalive(&mut world, BOB, ALICE, Duration::ZERO);
    world.advance(seconds(100));

    assert_eq!(world.times_sent(BOB, Kind::Keepalive), []);
    assert_eq!(world.status(BOB, ALICE).persistent_keepalive, None);
}

#[test]
fn a_responder_with_packets_to_send_begins_a_handshake_if_its_own_is_not_confirmed() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    world.intercept_one();
    // Alice would call again at about the same time.
    let alice = world.hosts[ALICE].address;
    world.lose(move |flight| flight.from == alice && flight.kind() == Kind::Initiation);
    world.advance(seconds(1));

    world.send(BOB, &packet(BOB, ALICE, b"hello"));
    world.advance(seconds(4) + JITTER_MAX);

    assert_eq!(world.take_delivered(ALICE), [packet(BOB, ALICE, b"hello")]);
    assert_within_jitter_of(world.times_sent(BOB, Kind::Initiation)[0], seconds(5));
}

#[test]
fn a_device_at_rest_asks_for_no_more_than_a_handful_of_wakeups() {
    let mut world = World::pair_with_session();
    world.assert_connected(ALICE, BOB);
    let mut wakeups = 0;

    while let Some(at) = world.next_deadline() {
        wakeups += 1;
        let pause = at.since(world.now);
        world.advance(pause);
        assert!(wakeups <= 20, "at {:?}", world.elapsed());
    }

    assert!(world.elapsed() >= seconds(540));
}
