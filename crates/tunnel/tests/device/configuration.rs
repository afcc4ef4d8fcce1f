//! Changes to the configuration, with and without sessions under way.

use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey, Tai64N};
use wirecraft_tunnel::{ConfigureError, Device, Held, ReceiveError, Received, SendError};

use crate::raw_peer::RawPeer;
use crate::world::{ALICE, BOB, Kind, MTU, WALL_CLOCK_AT_START, World, address, packet, seconds};

#[test]
fn a_peer_with_the_devices_own_key_is_refused() {
    let mut world = World::new(1, 1);
    let own = world.public_key(ALICE);

    assert_eq!(
        world.device(ALICE).add_peer(own),
        Err(ConfigureError::OwnKey)
    );
}

#[test]
fn the_keys_that_were_set_can_be_read_back_and_vanish_with_what_they_belong_to() {
    let mut world = World::pair();
    let (bob, key) = (world.peer(ALICE, BOB), world.hosts[ALICE].key.clone());
    let preshared_key = PresharedKey::from_bytes([7; 32]);
    let device = world.device(ALICE);
    assert_eq!(device.private_key(), Some(&key));
    assert_eq!(device.preshared_key(bob), Some(&PresharedKey::ZERO));

    device
        .set_preshared_key(bob, preshared_key.clone())
        .unwrap();
    assert_eq!(device.preshared_key(bob), Some(&preshared_key));

    device.set_private_key(None);
    device.remove_peer(bob);
    assert_eq!(device.private_key(), None);
    assert_eq!(device.preshared_key(bob), None);
}

#[test]
fn a_peer_with_the_key_that_becomes_our_own_is_removed() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    let key = world.hosts[BOB].key.clone();

    world.device(ALICE).set_private_key(Some(key));

    assert_eq!(world.hosts[ALICE].device.peer_status(world.now, bob), None);
    assert_eq!(world.device(ALICE).peers().count(), 0);
}

#[test]
fn peers_may_be_configured_before_the_private_key() {
    let mut world = World::pair();
    let key = world.hosts[ALICE].key.clone();
    world.device(ALICE).set_private_key(None);
    world.send(ALICE, &packet(ALICE, BOB, b"early"));
    assert!(world.intercept().is_empty());

    world.device(ALICE).set_private_key(Some(key));
    world.send(ALICE, &packet(ALICE, BOB, b"late"));
    world.settle();

    let expected = [packet(ALICE, BOB, b"early"), packet(ALICE, BOB, b"late")];
    assert_eq!(world.take_delivered(BOB), expected);
}

#[test]
fn packets_that_waited_for_a_private_key_leave_though_nothing_else_is_sent() {
    let mut world = World::pair();
    let key = world.hosts[ALICE].key.clone();
    world.device(ALICE).set_private_key(None);
    world.send(ALICE, &packet(ALICE, BOB, b"early"));

    world.device(ALICE).set_private_key(Some(key));
    world.advance(seconds(0));

    assert_eq!(world.take_delivered(BOB), [packet(ALICE, BOB, b"early")]);
}

#[test]
fn a_handshake_that_was_under_way_when_the_private_key_was_taken_away_goes_on_with_the_next() {
    let mut world = World::pair();
    let key = world.hosts[ALICE].key.clone();
    world.lose(|_| true);
    world.start_handshake(ALICE, BOB);
    world.device(ALICE).set_private_key(None);
    world.advance(seconds(200));
    world.lose_nothing();

    world.device(ALICE).set_private_key(Some(key));
    world.advance(seconds(0));

    assert!(world.status(ALICE, BOB).has_session);
}

#[test]
fn a_new_private_key_ends_the_session_and_begins_another() {
    let mut world = World::pair_with_session();
    let key = PrivateKey::generate(&mut world.rng);
    let old = world.peer(BOB, ALICE);
    world.send(BOB, &packet(BOB, ALICE, b"on the way"));

    world.device(ALICE).set_private_key(Some(key.clone()));
    world.settle();
    assert_eq!(
        world.take_delivered(ALICE),
        [packet(BOB, ALICE, b"on the way")]
    );
    assert!(!world.status(ALICE, BOB).has_session);

    world.hosts[ALICE].key = key;
    world.device(BOB).remove_peer(old);
    world.introduce(ALICE, BOB);
    world.send(ALICE, &packet(ALICE, BOB, b"under the new key"));
    world.settle();
    assert_eq!(
        world.take_delivered(BOB),
        [packet(ALICE, BOB, b"under the new key")]
    );
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_new_private_key_ends_the_attempt_under_way_and_may_start_another_at_once() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();
    let key = PrivateKey::generate(&mut world.rng);

    world.device(ALICE).set_private_key(Some(key));

    world.deliver_and_process(&response).unwrap_err();
    assert!(!world.status(ALICE, BOB).has_session);
    world.start_handshake(ALICE, BOB);
    assert_eq!(world.intercept_one().kind(), Kind::Initiation);
}

#[test]
fn setting_the_private_key_that_is_set_keeps_sessions_and_attempts() {
    let mut world = World::pair_with_session();
    let key = world.hosts[ALICE].key.clone();
    world.advance(seconds(10));
    world.start_handshake(ALICE, BOB);

    world.device(ALICE).set_private_key(Some(key));

    assert!(world.status(ALICE, BOB).has_session);
    world.settle();
    assert_eq!(world.counters(ALICE).responses_received, 2);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_new_preshared_key_takes_effect_on_the_next_handshake() {
    let mut world = World::pair_with_session();
    let preshared_key = PresharedKey::from_bytes([9; 32]);
    let (bob, alice) = (world.peer(ALICE, BOB), world.peer(BOB, ALICE));

    world
        .device(ALICE)
        .set_preshared_key(bob, preshared_key.clone())
        .unwrap();
    world.assert_connected(ALICE, BOB);
    world.advance(seconds(10));
    world.handshake(ALICE, BOB);
    assert_eq!(world.counters(ALICE).invalid_handshake, 1);
    world.assert_connected(ALICE, BOB);

    world
        .device(BOB)
        .set_preshared_key(alice, preshared_key)
        .unwrap();
    world.advance(seconds(6));
    assert_eq!(world.counters(ALICE).responses_received, 2);
    world.assert_connected(ALICE, BOB);
}

/// Points of low order: with them every Diffie-Hellman result is zero.
const LOW_ORDER: [[u8; 32]; 3] = [[0; 32], one(), twist()];

const fn one() -> [u8; 32] {
    let mut key = [0; 32];
    key[0] = 1;
    key
}

/// p - 1, which is -1.
const fn twist() -> [u8; 32] {
    let mut key = [0xff; 32];
    key[0] = 0xec;
    key[31] = 0x7f;
    key
}

#[test]
fn a_peer_with_a_key_of_low_order_is_never_sent_a_datagram() {
    for bytes in LOW_ORDER {
        let mut world = World::pair();
        let key = PublicKey::from_bytes(bytes);
        let peer = world.device(ALICE).add_peer(key).unwrap();
        let device = world.device(ALICE);
        device.set_endpoint(peer, address(BOB)).unwrap();
        device
            .add_allowed_ip(peer, "10.0.0.2/32".parse().unwrap())
            .unwrap();

        let enabled = world.change(ALICE, |device, now| {
            device.set_persistent_keepalive(now, peer, Some(seconds(1)))?;
            device.start_handshake(now, peer)
        });
        enabled.unwrap();
        let refused = world.send_batch(ALICE, &[packet(ALICE, BOB, b"hello")]);
        world.advance(seconds(200));

        assert_eq!(refused, [SendError::LowOrderKey(peer)]);
        assert_eq!(world.counters(ALICE).send_low_order_key, 1);
        assert_eq!(world.kinds_sent(ALICE), []);
    }
}

#[test]
fn adding_a_peer_again_keeps_its_session_counters_and_replay_window() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    let data = world.intercept_one();
    world.deliver(&data).unwrap();
    let before = world.status(BOB, ALICE);

    world.introduce(ALICE, BOB);

    assert_eq!(world.status(BOB, ALICE), before);
    assert_eq!(world.deliver(&data), Err(ReceiveError::Replayed));
    world.assert_connected(ALICE, BOB);
    let last = world
        .sent
        .iter()
        .rev()
        .find(|flight| flight.from == address(ALICE));
    assert_eq!(last.map(|flight| flight.counter()), Some(2));
}

#[test]
fn the_greatest_timestamp_outlives_the_keys() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    world.settle();
    world.lose(|_| true);
    world.advance(seconds(600));
    world.introduce(ALICE, BOB);

    world.deliver_and_process(&initiation).unwrap();

    assert_eq!(world.counters(BOB).replayed_initiation, 1);
    assert_eq!(world.counters(BOB).initiations_received, 1);
}

#[test]
fn a_timestamp_must_be_greater_than_the_greatest_not_the_last() {
    let mut world = World::pair();
    let mut alice = RawPeer::impersonating(&world, ALICE, BOB);
    let steps = [
        (50, true),
        (40, false),
        (50, false),
        (45, false),
        (51, true),
    ];
    let mut accepted = 0;
    for (second, is_accepted) in steps {
        let timestamp = Tai64N::from_unix(WALL_CLOCK_AT_START + seconds(second));
        let (initiation, _) = alice.initiation_of(timestamp);
        assert_eq!(
            world.deliver_and_process(&initiation),
            Ok(Received::Handled)
        );
        world.advance(seconds(1));
        accepted += u64::from(is_accepted);
        assert_eq!(
            world.counters(BOB).initiations_received,
            accepted,
            "{second}"
        );
    }
}

#[test]
fn a_device_without_keys_or_peers_takes_every_call() {
    let world = World::new(1, 1);
    let mut device = Device::new(MTU, world.rng);

    device.handle_timeout(world.now);
    device.process_handshakes(world.now, usize::MAX);

    assert_eq!(device.public_key(), None);
    assert_eq!(device.poll_timeout(), None);
    assert_eq!(device.poll_transmit(), None);
    assert_eq!(device.poll_event(), None);
}

#[test]
fn packets_that_wait_for_a_peer_that_is_removed_are_counted_as_dropped() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    for _ in 0..3 {
        world.send(ALICE, &packet(ALICE, BOB, b"too late"));
    }

    world.device(ALICE).remove_peer(bob);

    assert_eq!(world.counters(ALICE).staged_dropped, 3);
}

#[test]
fn events_that_nobody_takes_are_dropped_from_the_oldest_on_and_counted() {
    let mut world = World::pair_with_session();
    let (now, bob) = (world.now, world.peer(ALICE, BOB));
    let device = world.device(ALICE);
    for _ in 0..5000 {
        // Switched on, it begins with a keepalive.
        for interval in [None, Some(seconds(25))] {
            let set = device.set_persistent_keepalive(now, bob, interval);
            set.expect("the peer is there");
        }
    }

    assert_eq!(device.counters().events_dropped, 5000 - 4096);
    let waiting = core::iter::from_fn(|| device.poll_event()).count();
    assert_eq!(waiting, 4096);
}

#[test]
fn a_device_holds_nothing_of_a_peer_that_was_removed() {
    let mut world = World::pair_with_session();
    let bob = world.peer(ALICE, BOB);
    world.start_handshake(ALICE, BOB);
    world.send(ALICE, &packet(ALICE, BOB, b"in a session"));
    let held = world.device(ALICE).held();
    assert_eq!((held.peers, held.known_endpoints), (1, 1));
    assert!(held.indices > 0 && held.wakeups > 0 && held.trie_nodes > 0);

    world.device(ALICE).remove_peer(bob);

    assert_eq!(world.device(ALICE).held(), Held::default());
}
