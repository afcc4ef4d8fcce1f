//! Cryptokey routing: which peer a packet goes to, and which one it may come from.

use ipnet::IpNet;
use wirecraft_ip_packets as ip_packets;
use wirecraft_tunnel::{ConfigureError, ReceiveError, Received, SendError};

use crate::world::{ALICE, BOB, CAROL, World, address, inner, packet};

/// Bob with two peers: Alice has 10.0.0.1, Carol all of 10.0.0.0/8 (and 10.0.0.3).
fn wide_and_narrow() -> World {
    let mut world = World::new(3, 1);
    for peer in [ALICE, CAROL] {
        world.introduce(BOB, peer);
        world.handshake(peer, BOB);
    }
    give(&mut world, CAROL, "10.0.0.0/8");
    world
}

/// Gives a prefix to a peer of Bob's.
fn give(world: &mut World, peer: usize, prefix: &str) {
    let id = world.peer(BOB, peer);
    let given = world
        .device(BOB)
        .add_allowed_ip(id, prefix.parse().expect("a prefix"));
    given.expect("the hosts were introduced");
}

/// A packet to Bob that says it is from `source`.
fn from_source(source: [u8; 4]) -> Vec<u8> {
    ip_packets::v4(source.into(), inner(BOB)).udp(1, 2).build()
}

#[test]
fn a_peer_with_a_wide_prefix_cannot_speak_for_one_with_a_narrower() {
    let mut world = wide_and_narrow();
    world.send(CAROL, &from_source([10, 0, 0, 1]));
    let spoofed = world.intercept_one();

    let outcome = world.deliver(&spoofed);

    let source_address = inner(ALICE).into();
    assert_eq!(
        outcome,
        Err(ReceiveError::SourceNotAllowed { source_address })
    );
    assert!(world.take_delivered(BOB).is_empty());
}

#[test]
fn a_peer_may_speak_for_every_address_of_its_prefix() {
    let mut world = wide_and_narrow();
    world.send(CAROL, &from_source([10, 200, 0, 1]));
    let data = world.intercept_one();

    assert!(matches!(world.deliver(&data), Ok(Received::Packet { .. })));
}

#[test]
fn a_source_that_is_nobodys_is_refused() {
    let mut world = wide_and_narrow();
    world.send(CAROL, &from_source([192, 0, 2, 1]));
    let data = world.intercept_one();

    let outcome = world.deliver(&data);

    assert!(matches!(
        outcome,
        Err(ReceiveError::SourceNotAllowed { .. })
    ));
    assert_eq!(world.counters(BOB).source_not_allowed, 1);
}

#[test]
fn a_packet_goes_to_the_peer_with_the_longest_matching_prefix() {
    let mut world = wide_and_narrow();

    world.send(BOB, &packet(BOB, ALICE, b"narrow"));
    world.send(
        BOB,
        &ip_packets::v4(inner(BOB), [10, 9, 9, 9].into())
            .udp(1, 2)
            .build(),
    );

    let destinations: Vec<_> = world.intercept().iter().map(|flight| flight.to).collect();
    assert_eq!(destinations, [address(ALICE), address(CAROL)]);
}

#[test]
fn a_prefix_that_moves_to_another_peer_moves_in_both_directions() {
    let mut world = wide_and_narrow();

    give(&mut world, CAROL, "10.0.0.1/32");

    world.send(ALICE, &from_source([10, 0, 0, 1]));
    world.send(CAROL, &from_source([10, 0, 0, 1]));
    let [from_alice, from_carol] = world.intercept().try_into().unwrap();
    assert!(matches!(
        world.deliver(&from_alice),
        Err(ReceiveError::SourceNotAllowed { .. })
    ));
    assert!(matches!(
        world.deliver(&from_carol),
        Ok(Received::Packet { .. })
    ));
    world.send(BOB, &packet(BOB, ALICE, b"to whom?"));
    assert_eq!(world.intercept_one().to, address(CAROL));
    let prefix: IpNet = "10.0.0.1/32".parse().unwrap();
    assert!(!world.status(BOB, ALICE).allowed_ips.contains(&prefix));
    assert!(world.status(BOB, CAROL).allowed_ips.contains(&prefix));
}

#[test]
fn a_source_that_was_accepted_is_refused_once_it_belongs_to_another_peer() {
    let mut world = wide_and_narrow();
    let speak = |world: &mut World| {
        world.send(ALICE, &from_source([10, 0, 0, 1]));
        let flight = world.intercept_one();
        world.deliver(&flight)
    };
    assert!(matches!(speak(&mut world), Ok(Received::Packet { .. })));

    give(&mut world, CAROL, "10.0.0.1/32");
    let refused = |outcome| matches!(outcome, Err(ReceiveError::SourceNotAllowed { .. }));
    assert!(refused(speak(&mut world)));

    give(&mut world, ALICE, "10.0.0.1/32");
    assert!(matches!(speak(&mut world), Ok(Received::Packet { .. })));
    let alice = world.peer(BOB, ALICE);
    world.device(BOB).clear_allowed_ips(alice).unwrap();
    assert!(refused(speak(&mut world)));
}

#[test]
fn the_host_bits_of_a_prefix_do_not_matter() {
    let mut world = wide_and_narrow();

    give(&mut world, ALICE, "10.1.2.3/16");

    let alice = Some(world.peer(BOB, ALICE));
    assert_eq!(world.device(BOB).route([10, 1, 9, 9].into()), alice);
    let prefix: IpNet = "10.1.0.0/16".parse().unwrap();
    assert!(world.status(BOB, ALICE).allowed_ips.contains(&prefix));
}

#[test]
fn prefixes_of_a_removed_peer_fall_to_the_next_wider() {
    let mut world = wide_and_narrow();
    let alice = world.peer(BOB, ALICE);

    world.device(BOB).remove_peer(alice);

    let carol = Some(world.peer(BOB, CAROL));
    assert_eq!(world.device(BOB).route(inner(ALICE).into()), carol);
}

#[test]
fn prefixes_can_be_taken_from_a_peer() {
    let mut world = wide_and_narrow();
    let carol = world.peer(BOB, CAROL);

    world.device(BOB).clear_allowed_ips(carol).unwrap();

    assert_eq!(world.device(BOB).route([10, 9, 9, 9].into()), None);
    assert!(world.status(BOB, CAROL).allowed_ips.is_empty());
    assert!(world.device(BOB).route(inner(ALICE).into()).is_some());
}

#[test]
fn a_packet_to_nobody_is_an_error_to_the_caller() {
    let mut world = World::pair_with_session();
    let stray = ip_packets::v4(inner(ALICE), [192, 0, 2, 1].into())
        .udp(1, 2)
        .build();

    assert_eq!(world.send_batch(ALICE, &[stray]), [SendError::NoRoute]);

    assert_eq!(world.counters(ALICE).send_no_route, 1);
}

#[test]
fn a_packet_to_a_peer_without_an_endpoint_is_an_error_to_the_caller() {
    let mut world = World::new(2, 1);
    let bob = world.add_peer(ALICE, BOB);
    let prefix = "10.0.0.2/32".parse().unwrap();
    world.device(ALICE).add_allowed_ip(bob, prefix).unwrap();

    let failures = world.send_batch(ALICE, &[packet(ALICE, BOB, b"hello")]);

    assert_eq!(failures, [SendError::NoEndpoint(bob)]);
    assert_eq!(world.status(ALICE, BOB).staged, 0);
}

#[test]
fn what_is_no_ip_packet_is_not_sent() {
    let mut world = World::pair_with_session();
    let mut cut = packet(ALICE, BOB, b"hello");
    cut.truncate(30);

    let failures = world.send_batch(ALICE, &[&b"no packet"[..], &[], &cut]);

    assert!(
        failures
            .iter()
            .all(|error| matches!(error, SendError::NotIp(_)))
    );
    assert_eq!(failures.len(), 3);
    assert!(world.intercept().is_empty());
}

#[test]
fn a_removed_peer_can_no_longer_be_configured() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    world.device(ALICE).remove_peer(bob);

    let unknown = Err(ConfigureError::UnknownPeer);
    let prefix = "10.0.0.2/32".parse().unwrap();
    assert_eq!(world.device(ALICE).add_allowed_ip(bob, prefix), unknown);
    assert_eq!(world.device(ALICE).set_endpoint(bob, address(BOB)), unknown);
    assert_eq!(world.device(ALICE).route(inner(BOB).into()), None);
    assert!(!world.device(ALICE).remove_peer(bob));
    assert_ne!(world.add_peer(ALICE, BOB), bob);
}
