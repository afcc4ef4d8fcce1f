//! Handshakes in both roles, and what must not disturb them.

use std::collections::HashSet;

use chacha20::rand_core::Rng;
use wirecraft_noise_handshake::{
    LocalStatic, PresharedKey, PrivateKey, ReceivedInitiation, RemoteStatic, Tai64N,
};
use wirecraft_tunnel::{Datagram, Event, ReceiveError, Received, TransmitKind};
use wirecraft_wire_format::{Message, Response};

use crate::raw_peer::RawPeer;
use crate::world::{
    ALICE, BOB, CAROL, Flight, Kind, START, WALL_CLOCK_AT_START, World, address, milliseconds,
    numbered, packet, seconds, socket,
};

fn preshared_key(byte: u8) -> PresharedKey {
    PresharedKey::from_bytes([byte; 32])
}

fn set_preshared_key(world: &mut World, host: usize, peer: usize, key: PresharedKey) {
    let id = world.peer(host, peer);
    let set = world.device(host).set_preshared_key(id, key);
    set.expect("the hosts were introduced");
}

#[test]
fn a_packet_without_a_session_starts_a_handshake_and_arrives() {
    let mut world = World::pair();

    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.settle();

    assert_eq!(world.take_delivered(BOB), [packet(ALICE, BOB, b"hello")]);
    assert_eq!(world.kinds_sent(ALICE), [Kind::Initiation, Kind::Data]);
    assert_eq!(world.kinds_sent(BOB), [Kind::Response]);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn both_sides_say_that_the_peer_is_up() {
    let mut world = World::pair();
    let (bob, alice) = (world.peer(ALICE, BOB), world.peer(BOB, ALICE));

    world.handshake(ALICE, BOB);

    assert_eq!(
        world.events(ALICE),
        [
            Event::InitiationSent { peer: bob },
            Event::PeerUp { peer: bob },
            Event::KeepaliveSent { peer: bob },
        ]
    );
    assert_eq!(
        world.events(BOB),
        [
            Event::InitiationReceived { peer: alice },
            Event::PeerUp { peer: alice },
            Event::KeepaliveReceived { peer: alice },
        ]
    );
    let completed = Some(WALL_CLOCK_AT_START);
    assert_eq!(world.status(ALICE, BOB).traffic.last_handshake, completed);
    assert_eq!(world.status(BOB, ALICE).traffic.last_handshake, completed);
}

#[test]
fn peers_with_the_same_preshared_key_connect() {
    let mut world = World::pair();
    set_preshared_key(&mut world, ALICE, BOB, preshared_key(7));
    set_preshared_key(&mut world, BOB, ALICE, preshared_key(7));

    world.handshake(ALICE, BOB);

    world.assert_connected(ALICE, BOB);
}

#[test]
fn response_with_wrong_preshared_key_leaves_the_attempt_open() {
    let mut world = World::pair();
    set_preshared_key(&mut world, ALICE, BOB, preshared_key(7));
    set_preshared_key(&mut world, BOB, ALICE, preshared_key(8));
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();

    world.deliver_and_process(&response).unwrap();
    assert_eq!(world.counters(ALICE).invalid_handshake, 1);
    assert!(!world.status(ALICE, BOB).has_session);
    assert!(world.intercept().is_empty());

    set_preshared_key(&mut world, ALICE, BOB, preshared_key(8));
    world.deliver_and_process(&response).unwrap();
    world.settle();
    world.assert_connected(ALICE, BOB);
}

#[test]
fn peers_with_different_preshared_keys_never_connect() {
    let mut world = World::pair();
    set_preshared_key(&mut world, ALICE, BOB, preshared_key(7));
    let bob = world.peer(ALICE, BOB);

    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.advance(seconds(100));

    assert!(world.take_delivered(BOB).is_empty());
    assert_eq!(world.times_of(ALICE, Event::PeerUp { peer: bob }), []);
    assert_eq!(
        world
            .times_of(ALICE, Event::HandshakeFailed { peer: bob })
            .len(),
        1
    );
}

#[test]
fn staged_packets_are_delivered_in_order_after_the_handshake() {
    let mut world = World::pair();
    let packets: Vec<_> = (0..100)
        .map(|number| numbered(ALICE, BOB, number))
        .collect();

    world.send_batch(ALICE, &packets[..60]);
    world.send_batch(ALICE, &packets[60..]);
    assert_eq!(world.status(ALICE, BOB).staged, 100);
    world.settle();

    assert_eq!(world.take_delivered(BOB), packets);
    assert_eq!(world.status(ALICE, BOB).staged, 0);
}

#[test]
fn of_more_than_128_staged_packets_the_oldest_are_dropped() {
    let mut world = World::pair();
    let packets: Vec<_> = (0..130)
        .map(|number| numbered(ALICE, BOB, number))
        .collect();

    world.send_batch(ALICE, &packets);
    world.settle();

    assert_eq!(world.take_delivered(BOB), packets[2..]);
    assert_eq!(world.counters(ALICE).staged_dropped, 2);
}

#[test]
fn an_initiation_to_the_wrong_public_key_is_refused_by_its_mac1() {
    let mut world = World::new(3, 1);
    world.introduce(ALICE, CAROL);
    world.start_handshake(ALICE, CAROL);
    let mut to_bob = world.intercept_one();
    to_bob.to = world.hosts[BOB].address;

    let outcome = world.deliver_and_process(&to_bob);

    assert!(matches!(outcome, Err(ReceiveError::InvalidMac1(_))));
    assert!(world.intercept().is_empty());
}

#[test]
fn an_initiation_of_a_stranger_is_not_answered() {
    let mut world = World::pair();
    let mut stranger = RawPeer::stranger(&world, BOB);
    let (initiation, _) = stranger.initiation();

    world.deliver_and_process(&initiation).unwrap();

    assert_eq!(world.counters(BOB).unknown_peer, 1);
    assert!(world.intercept().is_empty());
}

#[test]
fn an_initiation_of_a_peer_with_an_ephemeral_of_low_order_is_not_answered() {
    let mut world = World::pair();
    let mut alice = RawPeer::impersonating(&world, ALICE, BOB);
    let initiation = alice.initiation_with_low_order();
    let before = world.status(BOB, ALICE);

    world.deliver_and_process(&initiation).unwrap();

    assert_eq!(world.counters(BOB).invalid_handshake, 1);
    assert_eq!(world.status(BOB, ALICE), before);
    assert!(world.intercept().is_empty());
}

#[test]
fn a_response_with_any_bit_changed_leaves_the_attempt_open() {
    let mut world = World::pair();
    let forger = RawPeer::stranger(&world, ALICE);
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();

    for position in 12..60 {
        let forged = tampered_response(&forger, &response, position);
        let _ = world.deliver_and_process(&forged);
        assert!(!world.status(ALICE, BOB).has_session, "byte {position}");
    }
    let counters = world.counters(ALICE);
    assert_eq!(counters.invalid_handshake, 48);

    world.deliver_and_process(&response).unwrap();
    assert!(world.status(ALICE, BOB).has_session);
}

/// A response that was changed at one byte and given a right mac1 by somebody who knows our key.
fn tampered_response(forger: &RawPeer, response: &Flight, position: usize) -> Flight {
    let mut forged = response.clone();
    forged.bytes[position] ^= 1;
    let Ok(Message::Response(message)) = Message::parse(&forged.bytes) else {
        panic!("type and length were left alone");
    };
    let mut message: Response = message.clone();
    forger.restamp(&mut message);
    forged.bytes = message.as_bytes().to_vec();
    forged
}

#[test]
fn a_response_is_taken_once() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();

    world.deliver_and_process(&response).unwrap();
    world.deliver_and_process(&response).unwrap();

    assert_eq!(world.counters(ALICE).responses_received, 1);
    assert_eq!(world.counters(ALICE).unknown_index, 1);
    world.settle();
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_replayed_initiation_is_refused_and_moves_no_endpoint() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    world.settle();
    world.advance(seconds(1));
    let before = world.status(BOB, ALICE);
    let sent = world.sent.len();

    let elsewhere = initiation.from(socket("203.0.113.9:9"));
    world.deliver_and_process(&elsewhere).unwrap();

    assert_eq!(world.counters(BOB).replayed_initiation, 1);
    assert_eq!(world.status(BOB, ALICE), before);
    assert_eq!(world.sent.len(), sent);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn an_initiation_within_20_ms_of_an_accepted_one_is_refused() {
    let mut world = World::pair();
    let mut alice = RawPeer::impersonating(&world, ALICE, BOB);
    let (first, _) = alice.initiation();
    let (second, _) = alice.initiation();
    world.deliver_and_process(&first).unwrap();

    world.advance(milliseconds(19));
    world.deliver_and_process(&second).unwrap();
    assert_eq!(world.counters(BOB).initiation_too_soon, 1);
    assert_eq!(world.counters(BOB).initiations_received, 1);

    world.advance(milliseconds(1));
    world.deliver_and_process(&second).unwrap();
    assert_eq!(world.counters(BOB).initiations_received, 2);
}

#[test]
fn a_forged_initiation_does_not_turn_an_initiator_into_a_responder() {
    let mut world = World::pair();
    world.start_handshake(BOB, ALICE);
    let genuine = world.intercept_one();
    world.advance(milliseconds(1));
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    let forger = RawPeer::stranger(&world, ALICE);

    let mut forged = genuine;
    forged.bytes[100] ^= 1;
    let Ok(Message::Initiation(message)) = Message::parse(&forged.bytes) else {
        panic!("type and length were left alone");
    };
    let mut message = message.clone();
    forger.restamp(&mut message);
    forged.bytes = message.as_bytes().to_vec();
    world.deliver_and_process(&forged).unwrap();
    assert_eq!(world.counters(ALICE).invalid_handshake, 1);
    assert!(world.intercept().is_empty());

    world.deliver_and_process(&initiation).unwrap();
    world.settle();
    world.assert_connected(ALICE, BOB);
}

#[test]
fn simultaneous_initiations_converge_within_one_round_in_any_order() {
    for seed in 0..50 {
        let mut world = World::new(2, seed);
        world.introduce(ALICE, BOB);
        world.send(ALICE, &packet(ALICE, BOB, b"from Alice"));
        world.send(BOB, &packet(BOB, ALICE, b"from Bob"));

        deliver_in_random_order(&mut world);

        assert_eq!(
            world.take_delivered(BOB),
            [packet(ALICE, BOB, b"from Alice")]
        );
        assert_eq!(
            world.take_delivered(ALICE),
            [packet(BOB, ALICE, b"from Bob")]
        );
        world.assert_connected(ALICE, BOB);
        world.advance(seconds(100));
        world.assert_connected(ALICE, BOB);
        for host in [ALICE, BOB] {
            assert_eq!(
                world.times_sent(host, Kind::Initiation).len(),
                1,
                "seed {seed}"
            );
        }
    }
}

#[test]
fn after_simultaneous_initiations_one_side_alone_renews_the_key() {
    for seed in 0..50 {
        let mut world = World::new(2, seed);
        world.introduce(ALICE, BOB);
        world.send(ALICE, &packet(ALICE, BOB, b"from Alice"));
        world.send(BOB, &packet(BOB, ALICE, b"from Bob"));
        deliver_in_random_order(&mut world);
        world.assert_connected(ALICE, BOB);

        world.advance(seconds(121));
        world.send(ALICE, &packet(ALICE, BOB, b"from Alice"));
        world.send(BOB, &packet(BOB, ALICE, b"from Bob"));
        world.settle();

        let initiations = [ALICE, BOB].map(|host| world.times_sent(host, Kind::Initiation).len());
        assert_eq!(
            initiations.iter().sum::<usize>(),
            3,
            "seed {seed}: {initiations:?}"
        );
        world.assert_connected(ALICE, BOB);
    }
}

fn deliver_in_random_order(world: &mut World) {
    while !world.in_flight.is_empty() {
        let chosen = world.rng.next_u32() as usize % world.in_flight.len();
        let flight = world.in_flight.remove(chosen).expect("one of them");
        let outcome = world.deliver_and_process(&flight);
        assert!(outcome.is_ok(), "{outcome:?}");
    }
}

#[test]
fn an_initiation_is_sent_at_most_every_5_s_whatever_the_trigger() {
    let mut world = World::pair();
    world.lose(|_| true);

    for number in 0..300 {
        world.start_handshake(ALICE, BOB);
        world.send(ALICE, &numbered(ALICE, BOB, number));
        world.advance(milliseconds(100));
    }

    let times = world.times_sent(ALICE, Kind::Initiation);
    assert!(times.len() >= 5);
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= seconds(5)),
        "{times:?}"
    );
}

#[test]
fn no_initiation_is_sent_within_5_s_of_a_response() {
    let mut world = World::pair();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.intercept_one();
    world.advance(seconds(3));
    world.start_handshake(BOB, ALICE);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    assert_eq!(world.times_sent(ALICE, Kind::Response), [seconds(3)]);

    world.lose(|_| true);
    world.advance(seconds(10));

    let next = world.times_sent(ALICE, Kind::Initiation)[1];
    assert!(next >= seconds(8), "{next:?}");
    assert!(next <= seconds(8) + milliseconds(333), "{next:?}");
}

#[test]
fn every_handshake_message_has_a_sender_index_of_its_own() {
    let mut world = World::pair();
    for _ in 0..50 {
        world.handshake(ALICE, BOB);
        world.advance(seconds(6));
    }
    world.lose(|_| true);
    world.start_handshake(ALICE, BOB);
    world.advance(seconds(80));

    let is_handshake =
        |flight: &&Flight| matches!(flight.kind(), Kind::Initiation | Kind::Response);
    let messages = world.sent.iter().filter(is_handshake);
    let indices: Vec<_> = messages.map(|flight| flight.word(4)).collect();
    assert!(indices.len() > 110);
    assert_eq!(indices.iter().collect::<HashSet<_>>().len(), indices.len());
}

#[test]
fn timestamps_grow_even_if_the_wall_clock_goes_backwards() {
    let mut world = World::pair();
    let steps = [0, 86_400, 3_600, 0, 90_000, 1];
    let mut timestamps = Vec::new();
    for step in steps {
        let shown = WALL_CLOCK_AT_START - seconds(step);
        world.change(ALICE, |device, now| device.set_wall_clock(now, shown));
        world.start_handshake(ALICE, BOB);
        timestamps.push(timestamp_of(&world, &world.in_flight[0]));
        world.settle();
        world.advance(seconds(6));
    }

    assert!(timestamps.is_sorted_by(|earlier, later| earlier < later));
    assert_eq!(timestamps[0], Tai64N::from_unix(WALL_CLOCK_AT_START));
    assert_eq!(world.counters(BOB).initiations_received, 6);
    assert_eq!(world.counters(BOB).replayed_initiation, 0);
}

/// Opens an initiation of Alice as Bob would.
fn timestamp_of(world: &World, initiation: &Flight) -> Tai64N {
    let bob = LocalStatic::new(world.hosts[BOB].key.clone());
    let alice = RemoteStatic::new(&bob, world.public_key(ALICE)).expect("a sound key");
    let Ok(Message::Initiation(message)) = Message::parse(&initiation.bytes) else {
        panic!("an initiation");
    };
    let received = ReceivedInitiation::read(&bob, message).expect("an initiation to Bob");
    let fresh = received.authenticate(&alice, None);
    fresh.expect("an initiation of Alice").timestamp()
}

#[test]
fn a_device_without_a_private_key_takes_no_handshake_message() {
    let mut world = World::pair();
    world.device(BOB).set_private_key(None);
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();

    let outcome = world.deliver_and_process(&initiation);

    assert_eq!(outcome, Err(ReceiveError::NoPrivateKey));
}

#[test]
fn an_initiator_whose_peer_restarted_is_answered_at_once() {
    let mut world = World::pair_with_session();
    world.advance(seconds(30));
    let mut restarted = RawPeer::impersonating(&world, ALICE, BOB);
    let later = Tai64N::from_unix(WALL_CLOCK_AT_START + seconds(40));
    let (initiation, _) = restarted.initiation_of(later);

    assert_eq!(
        world.deliver_and_process(&initiation),
        Ok(Received::Handled)
    );

    assert_eq!(world.intercept_one().kind(), Kind::Response);
}

#[test]
fn a_peer_with_another_private_key_is_a_stranger() {
    let mut world = World::pair();
    let other = PrivateKey::generate(&mut world.rng);
    world.device(ALICE).set_private_key(Some(other));

    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    world.settle();

    assert_eq!(world.counters(BOB).unknown_peer, 1);
    assert!(world.take_delivered(BOB).is_empty());
    assert_eq!(world.now, START);
}

#[test]
fn an_initiation_of_a_stranger_leaves_the_attempt_of_an_initiator_open() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one();
    let mut stranger = RawPeer::stranger(&world, ALICE);
    let (stranger_initiation, _) = stranger.initiation();

    world.deliver_and_process(&stranger_initiation).unwrap();
    assert!(world.intercept().is_empty(), "a stranger is not answered");

    world.deliver_and_process(&response).unwrap();
    assert!(world.status(ALICE, BOB).has_session);
}

#[test]
fn handshake_messages_are_marked_af41_and_nothing_else_is() {
    let mut world = World::pair_with_session();
    let (alice, bob) = (world.peer(BOB, ALICE), world.peer(ALICE, BOB));
    world.advance(seconds(10));
    let now = world.now;
    let start = world.device(ALICE).start_handshake(now, bob);
    start.unwrap();
    let initiation = world.device(ALICE).poll_transmit().unwrap();
    let keepalive = world
        .device(BOB)
        .set_persistent_keepalive(now, alice, Some(seconds(25)));
    keepalive.unwrap();
    let keepalive = world.device(BOB).poll_transmit().unwrap();

    let mut bytes = initiation.datagram().to_vec();
    let mut datagram = Datagram::new(address(ALICE), &mut bytes);
    world.device(BOB).receive(now, &mut datagram).unwrap();
    world.device(BOB).process_handshakes(now, 1);
    let response = world.device(BOB).poll_transmit().unwrap();

    let marks = [&initiation, &response, &keepalive].map(|transmit| transmit.kind.dscp());
    assert_eq!(marks, [34, 34, 0]);
    assert_eq!(TransmitKind::CookieReply.dscp(), 0);
}
