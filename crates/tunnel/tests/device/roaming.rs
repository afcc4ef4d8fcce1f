//! Where a peer's messages go: only what is authenticated and new may change that.

use wirecraft_tunnel::{Event, ReceiveError};

use crate::world::{ALICE, BOB, Kind, World, packet, seconds, socket};

const ELSEWHERE: &str = "203.0.113.9:999";

#[test]
fn data_from_a_new_address_moves_the_endpoint() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);

    world.hosts[ALICE].address = socket(ELSEWHERE);
    world.assert_connected(ALICE, BOB);

    assert_eq!(world.status(BOB, ALICE).endpoint, Some(socket(ELSEWHERE)));
    let moved = Event::EndpointMoved {
        peer: alice,
        to: socket(ELSEWHERE),
    };
    assert_eq!(world.times_of(BOB, moved).len(), 1);
}

#[test]
fn a_keepalive_from_a_new_address_moves_the_endpoint() {
    let mut world = World::pair_with_session();
    world.hosts[ALICE].address = socket(ELSEWHERE);
    let bob = world.peer(ALICE, BOB);

    let enabled = world.change(ALICE, |device, now| {
        device.set_persistent_keepalive(now, bob, Some(seconds(25)))
    });
    enabled.unwrap();
    world.settle();

    assert_eq!(world.status(BOB, ALICE).endpoint, Some(socket(ELSEWHERE)));
}

#[test]
fn an_initiation_from_a_new_address_moves_the_endpoint_and_is_answered_there() {
    let mut world = World::pair();
    world.hosts[ALICE].address = socket(ELSEWHERE);

    world.handshake(ALICE, BOB);

    assert_eq!(world.status(BOB, ALICE).endpoint, Some(socket(ELSEWHERE)));
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_response_from_a_new_address_moves_the_endpoint() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    let response = world.intercept_one().from(socket(ELSEWHERE));

    world.deliver_and_process(&response).unwrap();

    assert_eq!(world.status(ALICE, BOB).endpoint, Some(socket(ELSEWHERE)));
}

#[test]
fn a_peer_without_an_endpoint_is_found_where_it_speaks() {
    let mut world = World::new(2, 1);
    world.introduce(ALICE, BOB);
    let id = world.peer(BOB, ALICE);
    world.device(BOB).remove_peer(id);
    let id = world.add_peer(BOB, ALICE);
    let prefix = "10.0.0.1/32".parse().unwrap();
    world.device(BOB).add_allowed_ip(id, prefix).unwrap();

    world.handshake(ALICE, BOB);

    let known = world.status(BOB, ALICE).endpoint;
    assert_eq!(known, Some(world.hosts[ALICE].address));
    assert!(
        !world
            .events(BOB)
            .iter()
            .any(|event| matches!(event, Event::EndpointMoved { .. }))
    );
    world.assert_connected(ALICE, BOB);
}

#[test]
fn forged_data_does_not_move_the_endpoint() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    let mut forged = world.intercept_one().from(socket(ELSEWHERE));
    forged.bytes[30] ^= 1;
    let before = world.status(BOB, ALICE);

    assert_eq!(world.deliver(&forged), Err(ReceiveError::InvalidTag));

    assert_eq!(world.status(BOB, ALICE), before);
}

#[test]
fn replayed_data_is_refused_and_does_not_move_the_endpoint() {
    let mut world = World::pair_with_session();
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    let data = world.intercept_one();
    world.deliver(&data).unwrap();
    let before = world.status(BOB, ALICE);

    let replayed = data.from(socket(ELSEWHERE));
    assert_eq!(world.deliver(&replayed), Err(ReceiveError::Replayed));

    assert_eq!(world.status(BOB, ALICE), before);
    assert_eq!(world.take_delivered(BOB).len(), 1);
}

#[test]
fn a_peer_whose_address_was_hijacked_is_back_with_its_next_packet() {
    let mut world = World::pair_with_session();
    let home = world.hosts[ALICE].address;
    world.send(ALICE, &packet(ALICE, BOB, b"forwarded by a thief"));
    let stolen = world.intercept_one().from(socket(ELSEWHERE));
    world.deliver(&stolen).unwrap();
    assert_eq!(world.status(BOB, ALICE).endpoint, Some(socket(ELSEWHERE)));

    world.send(ALICE, &packet(ALICE, BOB, b"genuine"));
    world.settle();

    assert_eq!(world.status(BOB, ALICE).endpoint, Some(home));
}

#[test]
fn answers_leave_from_the_address_at_which_the_peer_reached_us() {
    let mut world = World::pair_with_session();
    let own = world.hosts[BOB].address.ip();

    world.send(BOB, &packet(BOB, ALICE, b"hello"));

    assert_eq!(world.intercept_one().pinned, Some(own));
}

#[test]
fn answers_follow_a_peer_that_reaches_us_at_another_of_our_addresses() {
    let mut world = World::pair_with_session();
    let other = socket(ELSEWHERE);
    world.send(ALICE, &packet(ALICE, BOB, b"to another address"));
    let mut data = world.intercept_one();
    data.to = other;
    world.hosts[BOB].address = other;

    world.deliver(&data).unwrap();

    world.send(BOB, &packet(BOB, ALICE, b"answer"));
    assert_eq!(world.intercept_one().pinned, Some(other.ip()));
}

#[test]
fn the_local_address_is_forgotten_when_asked_and_when_the_peer_is_silent() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);
    world.device(BOB).forget_local_address(alice);
    world.send(BOB, &packet(BOB, ALICE, b"hello"));
    assert_eq!(world.intercept_one().pinned, None);

    world.assert_connected(ALICE, BOB);
    world.lose(|_| true);
    world.send(BOB, &packet(BOB, ALICE, b"lost"));
    world.advance(seconds(21));

    let initiations = world
        .sent
        .iter()
        .filter(|flight| flight.kind() == Kind::Initiation);
    let pinned: Vec<_> = initiations.skip(1).map(|flight| flight.pinned).collect();
    assert_eq!(pinned, [None, None]);
}

#[test]
fn a_new_handshake_leaves_the_local_address_to_the_routing_table() {
    let mut world = World::pair_with_session();
    world.advance(seconds(10));

    world.start_handshake(BOB, ALICE);

    assert_eq!(world.intercept_one().pinned, None);
}

#[test]
fn a_new_configured_endpoint_is_used_at_once() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);
    world.hosts[ALICE].address = socket(ELSEWHERE);

    world
        .device(BOB)
        .set_endpoint(alice, socket(ELSEWHERE))
        .unwrap();

    world.send(BOB, &packet(BOB, ALICE, b"hello"));
    world.settle();
    assert_eq!(world.take_delivered(ALICE), [packet(BOB, ALICE, b"hello")]);
}
