//! Packets of several peers in turn, which are sealed and opened in one batch.

use wirecraft_tunnel::{Datagram, ReceiveError, Received, SendError};

use crate::world::{ALICE, BOB, CAROL, Flight, Kind, World, numbered, packet};

/// A host that Alice knows, but has no session with.
const DAVE: usize = 3;

/// Alice in the middle of peers, with a session with Bob and one with Carol, at rest.
fn hub() -> World {
    let mut world = World::new(4, 5);
    for peer in [BOB, CAROL, DAVE] {
        world.introduce(ALICE, peer);
    }
    world.handshake(BOB, ALICE);
    world.handshake(ALICE, CAROL);
    world
}

#[test]
fn packets_to_peers_in_turn_arrive_in_their_order() {
    let mut world = hub();
    let mut packets: Vec<_> = (0..150)
        .map(|number| numbered(ALICE, 1 + number as usize % 2, number))
        .collect();
    packets.insert(70, vec![0; 40]);
    packets.insert(20, packet(ALICE, 9, b"nobody is there"));
    packets.insert(3, packet(ALICE, DAVE, b"first a handshake"));

    let failures = world.send_batch(ALICE, &packets);

    assert!(
        matches!(failures[..], [SendError::NoRoute, SendError::NotIp(_)]),
        "{failures:?}"
    );
    assert_eq!(world.status(ALICE, DAVE).staged, 1);
    world.settle();
    for peer in [BOB, CAROL] {
        let expected: Vec<_> = (0..150)
            .filter(|number| 1 + *number as usize % 2 == peer)
            .map(|number| numbered(ALICE, peer, number))
            .collect();
        assert_eq!(world.take_delivered(peer), expected);
    }
    let staged = packet(ALICE, DAVE, b"first a handshake");
    assert_eq!(world.take_delivered(DAVE), [staged]);
}

/// What comes to Alice from all sides: data, and among it what is forged, seen before, of nobody, short,
/// a keepalive and the beginning of a handshake.
fn mixture(world: &mut World) -> Vec<Flight> {
    for number in 0..40 {
        for peer in [BOB, CAROL] {
            world.send(peer, &numbered(peer, ALICE, number));
        }
    }
    let mut flights = world.intercept();
    flights[9].bytes[17] ^= 1;
    flights[30] = flights[10].clone();
    flights[31].bytes[4] ^= 1;
    flights[50].bytes.truncate(31);
    let spoofed = packet_of_another(world);
    flights.insert(33, spoofed);
    world.start_handshake(DAVE, ALICE);
    flights.insert(47, world.intercept_one());
    flights
}

/// Carol sends from Bob's address.
fn packet_of_another(world: &mut World) -> Flight {
    world.send(CAROL, &numbered(BOB, ALICE, 7));
    world.intercept_one()
}

#[test]
fn datagrams_of_peers_in_turn_are_taken_in_as_one_after_the_other() {
    let (mut together, mut alone) = (hub(), hub());
    let mut flights = mixture(&mut together);
    let same = mixture(&mut alone);
    let expected: Vec<_> = same.iter().map(|flight| alone.deliver(flight)).collect();

    let now = together.now;
    let mut datagrams: Vec<_> = flights
        .iter_mut()
        .map(|flight| {
            let mut datagram = Datagram::new(flight.from, &mut flight.bytes);
            datagram.local = Some(flight.to.ip());
            datagram
        })
        .collect();
    together.device(ALICE).receive_batch(now, &mut datagrams);

    let outcomes: Vec<_> = datagrams.iter().map(|it| it.outcome().cloned()).collect();
    assert_eq!(outcomes, expected);
    assert_eq!(outcomes[9], Err(ReceiveError::InvalidTag));
    assert_eq!(outcomes[30], Err(ReceiveError::Replayed));
    assert_eq!(outcomes[31], Err(ReceiveError::UnknownIndex));
    assert!(matches!(
        outcomes[33],
        Err(ReceiveError::SourceNotAllowed { .. })
    ));
    assert_eq!(outcomes[47], Ok(Received::Handled));
    let packets: Vec<_> = datagrams
        .iter_mut()
        .filter_map(|it| Some(it.packet()?.1.to_vec()))
        .collect();
    assert_eq!(packets, alone.take_delivered(ALICE));
    assert_eq!(packets.len(), 76);
    assert_eq!(together.counters(ALICE), alone.counters(ALICE));
    for peer in [BOB, CAROL] {
        assert_eq!(together.status(ALICE, peer), alone.status(ALICE, peer));
    }
}

#[test]
fn as_many_packets_as_wait_are_sealed_once_there_is_a_session() {
    let mut world = World::pair();
    let packets: Vec<_> = (0..128)
        .map(|number| numbered(ALICE, BOB, number))
        .collect();
    world.send_batch(ALICE, &packets);
    assert_eq!(world.status(ALICE, BOB).staged, 128);

    world.settle();

    assert_eq!(world.take_delivered(BOB), packets);
    assert_eq!(world.status(ALICE, BOB).staged, 0);
    let sent = world.sent.iter().filter(|it| it.kind() == Kind::Data);
    assert!(sent.map(Flight::counter).eq(0..128));
}
