//! Transport data: padding, inner lengths, the replay window, congestion marks, batches.

use wirecraft_ip_packets::{self as ip_packets, Ecn, Ipv4Packet};
use wirecraft_tunnel::{
    Arena, Datagram, REJECT_AFTER_MESSAGES, REPLAY_WINDOW_LEN, ReceiveError, Received, SendError,
};

use crate::raw_peer::{RawPeer, RawSession};
use crate::world::{
    ALICE, BOB, CAROL, Kind, MTU, World, address, inner, inner_v6, numbered, packet, seconds,
    socket,
};

/// Bob as a device, and Alice with a session that seals whatever it is told to.
fn raw_alice() -> (World, RawPeer, RawSession) {
    let mut world = World::pair();
    let mut alice = RawPeer::impersonating(&world, ALICE, BOB);
    let session = alice.handshake(&mut world);
    (world, alice, session)
}

#[test]
fn a_packet_is_padded_with_zeros_to_a_multiple_of_16_but_not_past_the_mtu() {
    let (mut world, alice, mut session) = raw_alice();
    alice.say(&mut world, &mut session, &[]).unwrap();
    for (packet_len, padded_len) in [(28, 32), (32, 32), (33, 48), (1409, 1420), (1420, 1420)] {
        let sent = packet(BOB, ALICE, &vec![0xff; packet_len - 28]);
        world.send(BOB, &sent);
        let datagram = world.intercept_one().bytes;

        assert_eq!(datagram.len(), 16 + padded_len + 16);
        let plaintext = session.open(&datagram);
        assert_eq!(plaintext[..packet_len], sent);
        assert!(plaintext[packet_len..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn a_staged_packet_is_padded_alike() {
    let (mut world, alice, mut session) = raw_alice();
    world.send(BOB, &packet(BOB, ALICE, &[0xff; MTU - 28 - 3]));
    alice.say(&mut world, &mut session, &[]).unwrap();

    let datagram = world.intercept_one().bytes;

    assert_eq!(datagram.len(), 16 + MTU + 16);
    assert_eq!(session.open(&datagram)[MTU - 3..], [0; 3]);
}

#[test]
fn what_follows_a_packet_is_trimmed_off() {
    let (mut world, alice, mut session) = raw_alice();
    for excess in [0, 1, 15, 16, 100] {
        let sent = packet(ALICE, BOB, b"hello");
        let padded = [&sent[..], &vec![0xaa; excess]].concat();

        alice.say(&mut world, &mut session, &padded).unwrap();

        assert_eq!(world.take_delivered(BOB), [sent]);
    }
}

#[test]
fn an_inner_packet_that_is_no_ip_packet_is_dropped() {
    let (mut world, alice, mut session) = raw_alice();
    let good = packet(ALICE, BOB, b"hello");
    let changed = |position: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[position] = value;
        bytes
    };
    let bad = [
        vec![0],
        vec![0x45; 19],
        vec![0x60; 39],
        changed(0, 0x55),
        changed(0, 0x05),
        changed(3, 19),
        changed(3, 34),
        changed(2, 0xff),
    ];
    for plaintext in &bad {
        let outcome = alice.say(&mut world, &mut session, plaintext);
        assert!(
            matches!(outcome, Err(ReceiveError::InnerPacket(_))),
            "{plaintext:?}"
        );
    }

    assert_eq!(world.counters(BOB).invalid_inner_packet, 8);
    alice.say(&mut world, &mut session, &good).unwrap();
    assert_eq!(world.take_delivered(BOB), [good]);
}

#[test]
fn a_v6_payload_length_is_added_up_without_overflow() {
    let (mut world, alice, mut session) = raw_alice();
    let payload = vec![1; 65_535 - 8];
    let largest = ip_packets::v6(inner_v6(ALICE), inner_v6(BOB))
        .udp(1, 2)
        .payload(&payload)
        .build();
    assert_eq!(largest.len(), 65_575);

    // As a 16-bit number its length would be 39.
    let cut = &largest[..largest.len() - 1];
    let outcome = alice.say(&mut world, &mut session, cut);
    assert!(matches!(outcome, Err(ReceiveError::InnerPacket(_))));

    alice.say(&mut world, &mut session, &largest).unwrap();
    assert_eq!(world.take_delivered(BOB), [largest]);
}

#[test]
fn a_keepalive_is_no_packet() {
    let (mut world, alice, mut session) = raw_alice();

    let outcome = alice.say(&mut world, &mut session, &[]);

    assert_eq!(outcome, Ok(Received::Handled));
    assert_eq!(world.counters(BOB).keepalives_received, 1);
    assert!(world.take_delivered(BOB).is_empty());
}

#[test]
fn each_counter_is_accepted_once_within_the_window() {
    const T: u64 = REPLAY_WINDOW_LEN + 1;
    const R: u64 = REJECT_AFTER_MESSAGES;
    let (mut world, alice, session) = raw_alice();
    let steps = [
        (0, true),
        (1, true),
        (1, false),
        (9, true),
        (8, true),
        (7, true),
        (7, false),
        (T, true),
        (T - 1, true),
        (T - 1, false),
        (2, true),
        (2, false),
        (T + 16, true),
        (3, false),
        (4 * T, true),
        (4 * T - (T - 1), true),
        (10, false),
        (4 * T - T, false),
        (R, false),
        (R - 1, true),
        (R - 1, false),
        (R - 2, true),
        (R + 1, false),
        (u64::MAX, false),
        (0, false),
    ];
    for (counter, accepted) in steps {
        let sealed = session.seal_under(counter, &packet(ALICE, BOB, b"hello"));
        let outcome = world.deliver(&alice.datagram(&sealed));
        match accepted {
            true => assert!(matches!(outcome, Ok(Received::Packet { .. })), "{counter}"),
            false => assert_eq!(outcome, Err(ReceiveError::Replayed), "{counter}"),
        }
    }
}

#[test]
fn a_forged_counter_does_not_move_the_window() {
    let (mut world, alice, session) = raw_alice();
    let mut forged = session.seal_under(5, &packet(ALICE, BOB, b"hello"));
    let genuine = forged.clone();
    forged[8..16].copy_from_slice(&(REJECT_AFTER_MESSAGES - 1).to_le_bytes());

    let outcome = world.deliver(&alice.datagram(&forged));
    assert_eq!(outcome, Err(ReceiveError::InvalidTag));

    world.deliver(&alice.datagram(&genuine)).unwrap();
    assert_eq!(world.take_delivered(BOB).len(), 1);
}

#[test]
fn the_outer_header_copies_the_congestion_mark_except_experienced() {
    let mut world = World::pair_with_session();
    let marks = [
        (Ecn::NotEct, Ecn::NotEct),
        (Ecn::Ect0, Ecn::Ect0),
        (Ecn::Ect1, Ecn::Ect1),
        (Ecn::Ce, Ecn::Ect0),
    ];
    for (inside, outside) in marks {
        let v4 = ip_packets::v4(inner(ALICE), inner(BOB))
            .ecn(inside)
            .udp(1, 2)
            .build();
        let v6 = ip_packets::v6(inner_v6(ALICE), inner_v6(BOB))
            .ecn(inside)
            .udp(1, 2)
            .build();
        for sent in [v4, v6] {
            world.send(ALICE, &sent);
            assert_eq!(world.in_flight[0].ecn, outside, "{inside:?}");
            world.settle();
            assert_eq!(world.take_delivered(BOB), [sent]);
        }
    }
}

#[test]
fn the_congestion_mark_of_a_staged_packet_is_copied_too() {
    let mut world = World::pair();
    let marked = ip_packets::v4(inner(ALICE), inner(BOB))
        .ecn(Ecn::Ect1)
        .udp(1, 2)
        .build();

    world.send(ALICE, &marked);
    world.settle();

    let data = world.sent.iter().find(|flight| flight.kind() == Kind::Data);
    assert_eq!(data.map(|flight| flight.ecn), Some(Ecn::Ect1));
}

#[test]
fn congestion_met_on_the_way_is_passed_inward_where_the_packet_can_bear_it() {
    let mut world = World::pair_with_session();
    for outside in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
        for inside in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
            let v4 = ip_packets::v4(inner(ALICE), inner(BOB))
                .ecn(inside)
                .udp(1, 2)
                .build();
            let v6 = ip_packets::v6(inner_v6(ALICE), inner_v6(BOB))
                .ecn(inside)
                .udp(1, 2)
                .build();
            world.send_batch(ALICE, &[v4, v6]);
            for mut flight in world.intercept() {
                flight.ecn = outside;
                world.deliver(&flight).unwrap();
            }

            let expected = match (outside, inside) {
                (_, Ecn::NotEct) => Ecn::NotEct,
                (Ecn::Ce, _) => Ecn::Ce,
                _ => inside,
            };
            let delivered = world.take_delivered(BOB);
            let marks: Vec<_> = delivered
                .iter()
                .map(|packet| ip_packets::ecn(packet))
                .collect();
            assert_eq!(
                marks,
                [Ok(expected); 2],
                "{outside:?} outside, {inside:?} inside"
            );
            let v4 = Ipv4Packet::parse(&delivered[0]).unwrap();
            assert!(v4.checksum_is_valid());
        }
    }
}

/// Alice with sessions to Bob and Carol.
fn trio() -> World {
    let mut world = World::new(3, 1);
    for peer in [BOB, CAROL] {
        world.introduce(ALICE, peer);
        world.handshake(ALICE, peer);
    }
    world
}

#[test]
fn a_batch_of_several_peers_packets_is_sealed_into_runs_by_destination() {
    let mut world = trio();
    let no_route = ip_packets::v4(inner(ALICE), [172, 16, 0, 1].into())
        .udp(1, 2)
        .build();
    let mut arena = Arena::new(1 << 16, MTU);
    for (to, payload_len) in [
        (BOB, 100),
        (BOB, 100),
        (CAROL, 100),
        (CAROL, 20),
        (BOB, 100),
    ] {
        arena
            .push(&packet(ALICE, to, &vec![7; payload_len]))
            .unwrap();
    }
    arena.push(&no_route).unwrap();
    arena.push(&packet(ALICE, BOB, &[7; 100])).unwrap();

    let now = world.now;
    world.device(ALICE).send_batch(now, &mut arena);

    let runs: Vec<_> = arena
        .runs()
        .map(|run| (run.destination.to, run.bytes.len(), run.segment_len))
        .collect();
    assert_eq!(
        runs,
        [
            (address(BOB), 2 * 160, 160),
            (address(CAROL), 160 + 80, 160),
            (address(BOB), 160, 160),
            (address(BOB), 160, 160),
        ]
    );
    let failures: Vec<_> = arena.failures().collect();
    assert_eq!(failures, [(&no_route[..], SendError::NoRoute)]);
}

#[test]
fn a_mixed_batch_is_received_as_its_datagrams_would_be_one_by_one() {
    let mut world = trio();
    world.send(BOB, &numbered(BOB, ALICE, 1));
    world.send(BOB, &numbered(BOB, ALICE, 2));
    world.send(CAROL, &numbered(CAROL, ALICE, 3));
    world.send(BOB, &numbered(BOB, ALICE, 4));
    let mut flights = world.intercept();
    flights.insert(1, flights[0].clone());
    flights.insert(3, flights[0].clone());
    flights[3].bytes.truncate(20);
    flights.push(flights[5].clone());
    flights[5].bytes[20] ^= 1;

    let mut datagrams: Vec<_> = flights
        .iter_mut()
        .map(|flight| Datagram::new(flight.from, &mut flight.bytes))
        .collect();
    let now = world.now;
    world.device(ALICE).receive_batch(now, &mut datagrams);

    let delivered: Vec<_> = datagrams
        .iter_mut()
        .map(|datagram| {
            datagram
                .packet()
                .map(|(peer, packet)| (peer, packet.to_vec()))
        })
        .collect();
    let (bob, carol) = (world.peer(ALICE, BOB), world.peer(ALICE, CAROL));
    assert_eq!(
        delivered,
        [
            Some((bob, numbered(BOB, ALICE, 1))),
            None,
            Some((bob, numbered(BOB, ALICE, 2))),
            None,
            Some((carol, numbered(CAROL, ALICE, 3))),
            None,
            Some((bob, numbered(BOB, ALICE, 4))),
        ]
    );
    let counters = world.counters(ALICE);
    assert_eq!(
        (counters.replayed, counters.malformed, counters.invalid_tag),
        (1, 1, 1)
    );
}

#[test]
fn a_batch_larger_than_any_that_is_sealed_at_once_arrives_whole() {
    let mut world = World::pair_with_session();
    let packets: Vec<_> = (0..500)
        .map(|number| numbered(ALICE, BOB, number))
        .collect();

    world.send_batch(ALICE, &packets);
    let mut flights = world.intercept();
    let mut datagrams: Vec<_> = flights
        .iter_mut()
        .map(|flight| Datagram::new(flight.from, &mut flight.bytes))
        .collect();
    let now = world.now;
    world.device(BOB).receive_batch(now, &mut datagrams);

    let delivered: Vec<_> = datagrams
        .iter_mut()
        .filter_map(|datagram| datagram.packet().map(|(_, packet)| packet.to_vec()))
        .collect();
    assert_eq!(delivered, packets);
}

#[test]
fn packets_of_an_arena_are_sealed_once_however_often_it_is_sent() {
    let mut world = World::pair_with_session();
    let mut arena = Arena::new(1 << 16, MTU);
    let now = world.now;
    arena.push(&numbered(ALICE, BOB, 1)).unwrap();
    world.device(ALICE).send_batch(now, &mut arena);
    arena.push(&numbered(ALICE, BOB, 2)).unwrap();
    world.device(ALICE).send_batch(now, &mut arena);

    assert_eq!(world.counters(ALICE).packets_sent, 2);
    assert_eq!(arena.failures().count(), 0);
    let run = arena.runs().next().unwrap();
    for segment in run.bytes.chunks(run.segment_len) {
        let mut bytes = segment.to_vec();
        let mut datagram = Datagram::new(address(ALICE), &mut bytes);
        let outcome = world.device(BOB).receive(now, &mut datagram);
        assert!(matches!(outcome, Ok(Received::Packet { .. })));
    }
}

#[test]
fn ten_pings_are_counted_as_wg_show_would() {
    let mut world = World::pair();
    let ping = packet(ALICE, BOB, &[0; 84 - 28]);
    let pong = packet(BOB, ALICE, &[0; 84 - 28]);
    assert_eq!(ping.len(), 84);

    for _ in 0..10 {
        world.send(ALICE, &ping);
        world.settle();
        world.send(BOB, &pong);
        world.settle();
        world.advance(seconds(1));
    }

    let traffic = world.status(ALICE, BOB).traffic;
    assert_eq!((traffic.received_len, traffic.sent_len), (1372, 1428));
    let traffic = world.status(BOB, ALICE).traffic;
    assert_eq!((traffic.received_len, traffic.sent_len), (1428, 1372));
}

#[test]
fn the_keepalive_that_confirms_a_key_is_counted_as_well() {
    let mut world = World::pair_with_session();
    for _ in 0..10 {
        world.send(ALICE, &packet(ALICE, BOB, &[0; 84 - 28]));
        world.send(BOB, &packet(BOB, ALICE, &[0; 84 - 28]));
        world.settle();
    }

    let traffic = world.status(ALICE, BOB).traffic;

    assert_eq!((traffic.received_len, traffic.sent_len), (1372, 1460));
}

#[test]
fn bytes_of_packets_that_are_refused_inside_are_not_counted() {
    let (mut world, alice, mut session) = raw_alice();
    let before = world.status(BOB, ALICE).traffic.received_len;

    let spoofed = packet(BOB, ALICE, b"from a source that is not hers");
    alice.say(&mut world, &mut session, &spoofed).unwrap_err();
    alice
        .say(&mut world, &mut session, &[0xff; 48])
        .unwrap_err();

    assert_eq!(world.status(BOB, ALICE).traffic.received_len, before);
}

#[test]
fn counters_from_the_limit_on_are_refused_though_they_verify() {
    let (mut world, alice, session) = raw_alice();
    let counters = [
        (REJECT_AFTER_MESSAGES, Err(ReceiveError::Replayed)),
        (u64::MAX, Err(ReceiveError::Replayed)),
        (REJECT_AFTER_MESSAGES - 1, Ok(())),
    ];
    for (counter, expected) in counters {
        let sealed = session.seal_under(counter, &[]);
        let outcome = world.deliver(&alice.datagram(&sealed));
        assert_eq!(outcome.map(|_| ()), expected, "{counter}");
    }
}

#[test]
fn a_packet_that_is_refused_inside_confirms_the_key_and_moves_the_endpoint() {
    let mut world = World::pair();
    let mut alice = RawPeer::impersonating(&world, ALICE, BOB);
    let mut session = alice.handshake(&mut world);
    alice.at = socket("203.0.113.9:999");
    assert!(!world.status(BOB, ALICE).has_session);

    let spoofed = packet(BOB, ALICE, b"from a source that is not hers");
    alice.say(&mut world, &mut session, &spoofed).unwrap_err();

    let status = world.status(BOB, ALICE);
    assert!(status.has_session);
    assert_eq!(status.endpoint, Some(socket("203.0.113.9:999")));
}
