//! What an interface that is set down and up again does to sessions.

use wirecraft_tunnel::{Event, ReceiveError, SendError};

use crate::raw_peer::RawPeer;
use crate::world::{ALICE, BOB, Kind, World, numbered, packet, seconds};

#[test]
fn a_halted_device_forgets_its_sessions_and_sends_nothing() {
    let mut world = World::pair_with_session();
    let (alice, bob) = (world.peer(BOB, ALICE), world.peer(ALICE, BOB));
    world
        .change(ALICE, |device, now| {
            device.set_persistent_keepalive(now, bob, Some(seconds(10)))
        })
        .unwrap();
    world.settle();
    let sent = world.kinds_sent(ALICE).len();

    world.change(ALICE, |device, _| device.halt());
    world.advance(seconds(300));
    world.settle();

    assert_eq!(world.kinds_sent(ALICE).len(), sent);
    assert!(!world.status(ALICE, BOB).has_session);
    let expired = Event::SessionExpired { peer: bob };
    assert_eq!(world.times_of(ALICE, expired).len(), 1);
    assert!(world.status(BOB, ALICE).endpoint.is_some(), "{alice:?}");
}

#[test]
fn a_peer_that_is_configured_while_nothing_is_sent_is_called_on_resuming() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    world.change(ALICE, |device, _| device.halt());
    world
        .change(ALICE, |device, now| {
            device.set_persistent_keepalive(now, bob, Some(seconds(10)))?;
            device.start_handshake(now, bob)
        })
        .unwrap();
    world.advance(seconds(60));
    world.settle();
    assert_eq!(world.kinds_sent(ALICE), []);

    world.change(ALICE, |device, now| device.resume(now));
    world.settle();

    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_device_that_resumes_right_after_it_was_halted_connects_at_once() {
    let mut world = World::pair_with_session();
    // Of initiations within 50 ms all but the first are taken for a flood.
    world.advance(seconds(1));
    world.change(ALICE, |device, now| {
        device.halt();
        device.resume(now);
    });

    world.send(ALICE, &packet(ALICE, BOB, b"afterwards"));
    world.settle();

    let delivered = world.take_delivered(BOB);
    assert_eq!(delivered, [packet(ALICE, BOB, b"afterwards")]);
}

#[test]
fn a_halted_device_takes_no_datagram_whatever_it_is() {
    let mut world = World::pair_with_session();
    world.advance(seconds(10));
    world.start_handshake(BOB, ALICE);
    let initiation = world.intercept_one();
    world.send(BOB, &packet(BOB, ALICE, b"data"));
    let data = world.intercept_one();
    let mut stranger = RawPeer::stranger(&world, ALICE);
    let flood: Vec<_> = (0..600)
        .map(|_| stranger.hollow_initiation(None).0)
        .collect();
    let sent = world.sent.len();

    world.change(ALICE, |device, _| device.halt());
    for flight in [initiation, data].iter().chain(&flood) {
        let refused = world.deliver_and_process(flight);
        assert_eq!(refused, Err(ReceiveError::Halted));
    }

    assert_eq!(world.sent.len(), sent, "nothing is answered");
    assert_eq!(world.counters(ALICE).halted, 602);
    assert!(!world.status(ALICE, BOB).has_session);
    assert_eq!(world.take_delivered(ALICE), Vec::<Vec<u8>>::new());
}

#[test]
fn packets_that_a_halted_device_was_given_do_not_leave_later() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    world.change(ALICE, |device, _| device.halt());
    let packets = [numbered(ALICE, BOB, 1), numbered(ALICE, BOB, 2)];
    let failures = world.send_batch(ALICE, &packets);
    assert_eq!(failures, [SendError::Halted; 2]);
    assert_eq!(world.status(ALICE, BOB).staged, 0);
    assert_eq!(world.counters(ALICE).send_halted, 2);

    world.advance(seconds(600));
    world.change(ALICE, |device, now| device.resume(now));
    world
        .change(ALICE, |device, now| device.start_handshake(now, bob))
        .unwrap();
    world.settle();

    assert_eq!(world.take_delivered(BOB), Vec::<Vec<u8>>::new());
    world.assert_connected(ALICE, BOB);
}
