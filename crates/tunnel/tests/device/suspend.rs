//! What a machine's sleep does to sessions.

use wirecraft_tunnel::Event;

use crate::world::{ALICE, BOB, Kind, World, milliseconds, numbered, packet, seconds};

/// Lets a host sleep while time passes: it takes no datagram and none of its timers.
fn sleep(world: &mut World, host: usize, duration: core::time::Duration) {
    world.settle();
    world.now = world.now + duration;
    world.change(host, |device, now| {
        device.handle_suspend(now);
        device.handle_timeout(now);
    });
}

#[test]
fn keys_are_wiped_when_the_machine_was_suspended() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);

    sleep(&mut world, BOB, seconds(30));

    assert!(!world.status(BOB, ALICE).has_session);
    let expired = Event::SessionExpired { peer: alice };
    assert_eq!(world.times_of(BOB, expired).len(), 1);
    world.send(ALICE, &packet(ALICE, BOB, b"under the old key"));
    world.settle();
    assert!(world.take_delivered(BOB).is_empty());
    assert_eq!(world.counters(BOB).unknown_index, 1);
}

#[test]
fn the_initiator_of_a_session_begins_another_at_once_after_it_slept() {
    let mut world = World::pair_with_session();

    sleep(&mut world, ALICE, seconds(3600));
    world.settle();

    assert!(world.status(ALICE, BOB).has_session);
    world.assert_connected(ALICE, BOB);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 2);
}

#[test]
fn after_a_short_sleep_the_initiator_begins_another_session_as_soon_as_it_may() {
    let mut world = World::pair_with_session();

    sleep(&mut world, ALICE, milliseconds(200));
    assert!(!world.status(ALICE, BOB).has_session);
    world.advance(seconds(6));

    let initiations = world.times_sent(ALICE, Kind::Initiation);
    assert_eq!(initiations.len(), 2, "{initiations:?}");
    assert!(initiations[1] >= seconds(5), "{initiations:?}");
    assert!(world.status(ALICE, BOB).has_session);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_responder_that_slept_waits_to_be_called_or_to_have_something_to_say() {
    let mut world = World::pair_with_session();

    sleep(&mut world, BOB, seconds(3600));
    assert_eq!(world.times_sent(BOB, Kind::Initiation), []);

    world.send(BOB, &packet(BOB, ALICE, b"good morning"));
    world.settle();
    assert_eq!(
        world.take_delivered(ALICE),
        [packet(BOB, ALICE, b"good morning")]
    );
}

#[test]
fn a_responder_that_slept_amid_traffic_neither_calls_nor_takes_the_peer_for_lost() {
    for last_to_speak in [ALICE, BOB] {
        let mut world = World::pair_with_session();
        let alice = world.peer(BOB, ALICE);
        let other = ALICE + BOB - last_to_speak;
        for (from, to) in [
            (last_to_speak, other),
            (other, last_to_speak),
            (last_to_speak, other),
            (last_to_speak, other),
        ] {
            world.send(from, &packet(from, to, b"before"));
            world.settle();
        }

        sleep(&mut world, BOB, seconds(30));

        let lost = Event::ConnectionLost { peer: alice };
        assert_eq!(world.times_of(BOB, lost), []);
        assert_eq!(world.times_sent(BOB, Kind::Initiation), []);
    }
}

#[test]
fn a_handshake_under_way_does_not_outlive_a_sleep() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();

    sleep(&mut world, ALICE, seconds(2));
    let refused = world.deliver_and_process(&response);

    refused.unwrap();
    assert_eq!(world.counters(ALICE).unknown_index, 1);
    assert!(!world.status(ALICE, BOB).has_session);
}

#[test]
fn packets_that_wait_are_delivered_after_a_sleep() {
    let mut world = World::pair();
    world.lose(|_| true);
    world.send(ALICE, &numbered(ALICE, BOB, 1));
    world.settle();
    world.lose_nothing();

    sleep(&mut world, ALICE, seconds(60));
    world.settle();

    assert_eq!(world.take_delivered(BOB), [numbered(ALICE, BOB, 1)]);
}

#[test]
fn a_peer_with_a_persistent_keepalive_is_called_at_once_after_a_sleep() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);
    world
        .change(BOB, |device, now| {
            device.set_persistent_keepalive(now, alice, Some(seconds(25)))
        })
        .unwrap();

    sleep(&mut world, BOB, seconds(3600));

    assert_eq!(world.times_sent(BOB, Kind::Initiation).len(), 1);
    world.settle();
    world.assert_connected(ALICE, BOB);
}
