//! The life of keypairs: confirmation, renewal, expiry, wiping.

use std::collections::VecDeque;

use wirecraft_noise_handshake::PrivateKey;
use wirecraft_tunnel::{Event, ReceiveError, Received};

use crate::world::{ALICE, BOB, Kind, World, milliseconds, numbered, packet, seconds};

#[test]
fn a_responder_does_not_send_before_the_key_is_confirmed() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();

    world.send_batch(BOB, &[numbered(BOB, ALICE, 1), numbered(BOB, ALICE, 2)]);
    assert_eq!(world.status(BOB, ALICE).staged, 2);
    assert!(!world.status(BOB, ALICE).has_session);
    assert!(world.intercept().is_empty());

    world.deliver_and_process(&response).unwrap();
    world.settle();
    let expected = [numbered(BOB, ALICE, 1), numbered(BOB, ALICE, 2)];
    assert_eq!(world.take_delivered(ALICE), expected);
}

#[test]
fn an_initiator_with_nothing_to_send_confirms_by_a_keepalive() {
    let mut world = World::pair();

    world.handshake(ALICE, BOB);

    assert_eq!(world.kinds_sent(ALICE), [Kind::Initiation, Kind::Keepalive]);
}

#[test]
fn forged_data_does_not_confirm_a_key() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();
    world.send(BOB, &packet(BOB, ALICE, b"staged"));
    world.deliver_and_process(&response).unwrap();
    let confirmation = world.intercept_one();

    let mut forged = confirmation.clone();
    forged.bytes[20] ^= 1;
    assert_eq!(world.deliver(&forged), Err(ReceiveError::InvalidTag));
    assert_eq!(world.status(BOB, ALICE).staged, 1);

    world.deliver(&confirmation).unwrap();
    assert_eq!(world.status(BOB, ALICE).staged, 0);
}

#[test]
fn the_initiator_renews_the_key_at_120_s_of_sending_and_nothing_is_lost() {
    let mut world = World::pair_with_session();
    let mut sent = [Vec::new(), Vec::new()];

    for number in 0..4000 {
        for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
            let packet = numbered(from, to, number);
            world.send(from, &packet);
            sent[to].push(packet);
        }
        world.advance(milliseconds(100));
    }

    assert_eq!(world.take_delivered(ALICE), sent[ALICE]);
    assert_eq!(world.take_delivered(BOB), sent[BOB]);
    let initiations = world.times_sent(ALICE, Kind::Initiation);
    assert_eq!(initiations, [0, 120, 240, 360].map(seconds));
}

/// Lets both sides send for a while on a network where datagrams take 50 ms.
fn talk_with_latency(world: &mut World, rounds: u32) {
    let mut on_the_way = VecDeque::from(vec![world.intercept()]);
    for number in 0..rounds {
        world.send(ALICE, &numbered(ALICE, BOB, number));
        world.send(BOB, &numbered(BOB, ALICE, number));
        on_the_way.push_back(world.intercept());
        if on_the_way.len() > 5 {
            let arriving = on_the_way.pop_front();
            for flight in arriving.into_iter().flatten() {
                assert_eq!(world.deliver_and_process(&flight).err(), None, "{flight:?}");
            }
        }
        world.now = world.now + milliseconds(10);
        for host in [ALICE, BOB] {
            world.change(host, |device, now| device.handle_timeout(now));
        }
    }
}

#[test]
fn nothing_is_lost_at_a_renewal_while_datagrams_are_under_way() {
    for both_begin in [false, true] {
        let mut world = World::pair();
        world.start_handshake(ALICE, BOB);
        if both_begin {
            world.start_handshake(BOB, ALICE);
        }

        talk_with_latency(&mut world, 25_000);

        for host in [ALICE, BOB] {
            let received = world.take_delivered(host).len();
            assert!(
                received > 25_000 - 10,
                "{received}, both begin: {both_begin}"
            );
            assert_eq!(world.counters(host).unknown_index, 0);
        }
    }
}

#[test]
fn the_responder_never_renews_the_key_because_of_its_age() {
    let mut world = World::pair_with_session();

    for number in 0..1000 {
        world.send(BOB, &numbered(BOB, ALICE, number));
        world.send(ALICE, &numbered(ALICE, BOB, number));
        world.advance(seconds(1));
    }

    assert_eq!(world.times_sent(BOB, Kind::Initiation), []);
    assert_eq!(world.take_delivered(ALICE).len(), 1000);
}

#[test]
fn what_was_sent_under_the_old_key_arrives_after_the_renewal() {
    let mut world = World::pair_with_session();
    world.advance(seconds(121));
    world.send(BOB, &packet(BOB, ALICE, b"late"));
    let late = world.intercept_one();
    world.send(ALICE, &packet(ALICE, BOB, b"renews"));
    world.settle();
    world.assert_connected(ALICE, BOB);

    let outcome = world.deliver(&late);

    assert!(matches!(outcome, Ok(Received::Packet { .. })));
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 2);
}

#[test]
fn what_comes_late_under_the_old_key_does_not_bring_it_back() {
    // Which side's index is smaller, and so which keypair would win had they crossed, is chance.
    for seed in 0..8 {
        for (renewing, age) in [(ALICE, 121), (BOB, 121), (BOB, 5)] {
            let mut world = World::new(2, seed);
            world.introduce(ALICE, BOB);
            world.handshake(ALICE, BOB);
            world.settle();
            world.advance(seconds(age));
            world.send(BOB, &packet(BOB, ALICE, b"late"));
            let late = world.intercept_one();
            world.start_handshake(renewing, BOB - renewing);
            world.settle();
            let renewed = receiver_index(&mut world);

            world.deliver(&late).unwrap();

            assert_eq!(
                receiver_index(&mut world),
                renewed,
                "seed {seed}, age {age}"
            );
        }
    }
}

/// The receiver index, and so the keypair, of what Alice sends; it is delivered.
fn receiver_index(world: &mut World) -> u32 {
    world.send(ALICE, &packet(ALICE, BOB, b"which keypair?"));
    let sealed = world.intercept_one();
    world.deliver(&sealed).expect("both sides have the keypair");
    sealed.word(4)
}

#[test]
fn an_initiator_that_only_receives_renews_the_key_once_at_165_s() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);
    let enable = world.change(BOB, |device, now| {
        device.set_persistent_keepalive(now, alice, Some(seconds(1)))
    });
    enable.unwrap();

    world.advance(seconds(400));

    let initiations = world.times_sent(ALICE, Kind::Initiation);
    assert_eq!(initiations, [0, 165, 330].map(seconds));
    assert_eq!(world.times_sent(BOB, Kind::Initiation), []);
}

#[test]
fn an_initiator_that_only_receives_renews_the_key_late_though_it_may_not_at_once() {
    let mut world = World::pair_with_session();
    world.advance(seconds(163));
    let alice = world.hosts[ALICE].address;
    world.lose(move |flight| flight.from == alice || flight.kind() == Kind::Initiation);
    world.start_handshake(BOB, ALICE);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();

    for _ in 0..2 {
        world.advance(seconds(3));
        world.send(BOB, &packet(BOB, ALICE, b"one way"));
        world.settle();
    }

    assert_eq!(
        world.times_sent(ALICE, Kind::Initiation),
        [0, 169].map(seconds)
    );
}

#[test]
fn a_session_of_a_former_private_key_is_not_renewed() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);
    let enable = world.change(BOB, |device, now| {
        device.set_persistent_keepalive(now, alice, Some(seconds(1)))
    });
    enable.unwrap();
    let key = PrivateKey::generate(&mut world.rng);

    world.device(ALICE).set_private_key(Some(key));
    world.advance(seconds(179));

    assert!(world.counters(ALICE).keepalives_received > 170);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
}

#[test]
fn a_packet_sent_at_179_s_arrives() {
    let mut world = World::pair_with_session();
    world.advance(milliseconds(179_900));

    world.send(BOB, &packet(BOB, ALICE, b"just in time"));
    world.settle();

    assert_eq!(
        world.take_delivered(ALICE),
        [packet(BOB, ALICE, b"just in time")]
    );
    assert_eq!(world.times_sent(BOB, Kind::Initiation), []);
}

#[test]
fn at_180_s_a_packet_waits_for_a_new_session_and_then_arrives() {
    for (from, to) in [(ALICE, BOB), (BOB, ALICE)] {
        let mut world = World::pair_with_session();
        world.advance(seconds(180));
        assert!(!world.status(from, to).has_session);

        world.send(from, &packet(from, to, b"hello"));
        assert_eq!(world.status(from, to).staged, 1);
        world.settle();

        assert_eq!(world.take_delivered(to), [packet(from, to, b"hello")]);
        assert_eq!(
            world.times_sent(from, Kind::Initiation).last(),
            Some(&seconds(180))
        );
    }
}

#[test]
fn data_that_comes_at_180_s_is_refused() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"slow"));
    let slow = world.intercept_one();

    world.advance(milliseconds(179_999));
    world.lose(|_| true);
    world.advance(milliseconds(1));

    assert_eq!(world.deliver(&slow), Err(ReceiveError::KeypairExpired));
}

#[test]
fn keys_are_wiped_540_s_after_the_handshake() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"kept back"));
    let kept_back = world.intercept_one();
    // Alice falls silent, so nothing renews the session.
    world.lose(|_| true);
    let (bob, alice) = (world.peer(ALICE, BOB), world.peer(BOB, ALICE));

    world.advance(milliseconds(539_999));
    assert_eq!(world.deliver(&kept_back), Err(ReceiveError::KeypairExpired));
    world.advance(milliseconds(1));

    assert_eq!(world.deliver(&kept_back), Err(ReceiveError::UnknownIndex));
    let expired = Event::SessionExpired { peer: alice };
    assert_eq!(world.times_of(BOB, expired), [seconds(540)]);
    let expired = Event::SessionExpired { peer: bob };
    assert_eq!(world.times_of(ALICE, expired), [seconds(540)]);
}

#[test]
fn an_attempt_under_way_is_wiped_with_the_session() {
    let mut world = World::pair_with_session();
    world.advance(seconds(538));
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();
    world.advance(seconds(2));

    world.deliver_and_process(&response).unwrap();

    assert_eq!(world.counters(ALICE).unknown_index, 1);
    assert!(!world.status(ALICE, BOB).has_session);
}

#[test]
fn the_index_of_a_removed_peer_is_unknown() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    let data = world.intercept_one();
    let alice = world.peer(BOB, ALICE);

    assert!(world.device(BOB).remove_peer(alice));

    assert_eq!(world.deliver(&data), Err(ReceiveError::UnknownIndex));
    assert_eq!(world.hosts[BOB].device.peer_status(world.now, alice), None);
}

#[test]
fn an_attempt_that_the_peers_own_handshake_overtook_is_dropped() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let overtaken = world.intercept_one();
    world.deliver_and_process(&overtaken).unwrap();
    let withheld = world.intercept_one();
    world.advance(seconds(5));
    world.handshake(BOB, ALICE);
    world.assert_connected(ALICE, BOB);

    world.deliver_and_process(&withheld).unwrap();

    assert_eq!(world.counters(ALICE).unknown_index, 1);
    world.settle();
    world.assert_connected(ALICE, BOB);
}

#[test]
fn an_initiator_with_staged_packets_confirms_by_them_alone() {
    let mut world = World::pair();
    world.send(ALICE, &packet(ALICE, BOB, b"one"));
    world.send(ALICE, &packet(ALICE, BOB, b"two"));
    world.settle();

    assert_eq!(
        world.kinds_sent(ALICE),
        [Kind::Initiation, Kind::Data, Kind::Data]
    );
}

#[test]
fn a_peer_holds_four_indices_at_most_and_none_once_its_keys_are_wiped() {
    let mut world = World::pair();
    for number in 0..60 {
        world.send(ALICE, &numbered(ALICE, BOB, number));
        world.send(BOB, &numbered(BOB, ALICE, number));
        for host in [ALICE, BOB] {
            assert!(world.device(host).held().indices <= 4);
        }
        world.advance(seconds(20));
    }
    assert_ne!(world.device(ALICE).held().indices, 0);

    world.advance(seconds(1200));

    assert_eq!(world.device(ALICE).held().indices, 0);
    assert_eq!(world.device(BOB).held().indices, 0);
}
