//! Noise, forgeries and bad networks.

use std::collections::HashSet;

use chacha20::rand_core::Rng;
use wirecraft_ip_packets::Ecn;
use wirecraft_tunnel::{PeerStatus, Received};
use wirecraft_wire_format::Message;

use crate::raw_peer::RawPeer;
use crate::world::{
    ALICE, BOB, Flight, Kind, World, address, milliseconds, numbered, packet, seconds, socket,
};

fn statuses(world: &World) -> [PeerStatus; 2] {
    [world.status(ALICE, BOB), world.status(BOB, ALICE)]
}

/// Genuine messages of every kind, all delivered already.
fn genuine_messages() -> (World, Vec<Flight>) {
    let mut world = World::pair_with_session();
    world.assert_connected(ALICE, BOB);
    let mut messages = world.sent.clone();
    let mut cookie_reply = messages[0].clone();
    cookie_reply.bytes.truncate(64);
    cookie_reply.bytes[0] = 3;
    messages.push(cookie_reply);
    (world, messages)
}

#[test]
fn ten_thousand_forgeries_change_nothing_but_counters() {
    let (mut world, genuine) = genuine_messages();
    let before = statuses(&world);
    let sent = world.sent.len();

    for _ in 0..10_000 {
        let mut forged = forgery(&mut world, &genuine);
        if world.rng.next_u32().is_multiple_of(2) {
            restamp(&world, &mut forged);
        }
        // Slowly enough not to be a flood, which would be answered by cookies.
        world.now = world.now + milliseconds(2);
        let outcome = world.deliver_and_process(&forged);
        assert!(
            !matches!(outcome, Ok(Received::Packet { .. })),
            "{forged:?}"
        );
    }

    assert_eq!(statuses(&world), before);
    assert_eq!(world.sent.len(), sent);
    let counters = world.counters(BOB);
    assert!(counters.invalid_handshake > 100, "{counters:?}");
    assert!(counters.replayed_initiation > 100, "{counters:?}");
    world.assert_connected(ALICE, BOB);
}

/// Puts a right mac1 on what is a handshake message, so that more of it is looked at.
fn restamp(world: &World, forged: &mut Flight) {
    let to = if forged.to == address(ALICE) {
        ALICE
    } else {
        BOB
    };
    let stranger = RawPeer::stranger(world, to);
    forged.bytes = match Message::parse(&forged.bytes) {
        Ok(Message::Initiation(message)) => {
            let mut message = message.clone();
            stranger.restamp(&mut message);
            message.as_bytes().to_vec()
        }
        Ok(Message::Response(message)) => {
            let mut message = message.clone();
            stranger.restamp(&mut message);
            message.as_bytes().to_vec()
        }
        _ => return,
    };
}

/// Noise, or a genuine message that was replayed, changed, cut or lengthened.
fn forgery(world: &mut World, genuine: &[Flight]) -> Flight {
    let choice = world.rng.next_u32() as usize;
    let mut forged = genuine[choice % genuine.len()].clone();
    let position = world.rng.next_u32() as usize % forged.bytes.len();
    match world.rng.next_u32() % 6 {
        0 => {
            forged.bytes = vec![0; world.rng.next_u32() as usize % 2000];
            world.rng.fill_bytes(&mut forged.bytes);
        }
        1 => {
            let len = forged.bytes.len();
            world.rng.fill_bytes(&mut forged.bytes[4..len]);
        }
        2 => forged.bytes.truncate(position),
        3 => forged.bytes.resize(forged.bytes.len() + 1 + position, 0),
        4 => {}
        _ => forged.bytes[position] ^= 1 << (world.rng.next_u32() % 8),
    }
    if world.rng.next_u32().is_multiple_of(2) {
        forged.from = socket("203.0.113.9:9");
    }
    if world.rng.next_u32().is_multiple_of(4) {
        forged.ecn = Ecn::Ce;
    }
    forged
}

#[test]
fn datagrams_of_every_length_are_taken() {
    let (mut world, genuine) = genuine_messages();
    let before = statuses(&world);
    for message in &genuine {
        for len in (0..200).chain([1500, 65_507, 70_000]) {
            let mut cut = message.clone();
            cut.bytes.resize(len, 0xff);
            let _ = world.deliver_and_process(&cut);
        }
    }

    assert_eq!(statuses(&world), before);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn reserved_bytes_must_be_zero() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let mut initiation = world.intercept_one();
    initiation.bytes[2] = 1;

    world.deliver_and_process(&initiation).unwrap_err();

    assert_eq!(world.counters(BOB).malformed, 1);
    assert!(world.intercept().is_empty());
}

/// A network that loses, copies and reorders.
struct BadNetwork {
    lost_percent: u32,
    copied_percent: u32,
}

impl BadNetwork {
    /// Delivers what is in flight, in any order, some of it twice or never.
    fn settle(&self, world: &mut World) {
        while !world.in_flight.is_empty() {
            let chosen = world.rng.next_u32() as usize % world.in_flight.len();
            let flight = world
                .in_flight
                .swap_remove_back(chosen)
                .expect("one of them");
            if world.rng.next_u32() % 100 < self.lost_percent {
                continue;
            }
            if world.rng.next_u32() % 100 < self.copied_percent {
                world.in_flight.push_back(flight.clone());
            }
            let _ = world.deliver_and_process(&flight);
        }
    }

    /// Lets 10 ms pass at a time, for a number of times.
    fn run(&self, world: &mut World, times: u32, mut act: impl FnMut(&mut World, u32)) {
        for number in 0..times {
            act(world, number);
            self.settle(world);
            world.now = world.now + milliseconds(10);
            for host in [ALICE, BOB] {
                world.change(host, |device, now| device.handle_timeout(now));
            }
            self.settle(world);
        }
    }
}

fn assert_each_at_most_once(packets: &[Vec<u8>]) {
    let distinct: HashSet<_> = packets.iter().collect();
    assert_eq!(distinct.len(), packets.len());
}

/// No key may ever seal two packets under one counter.
fn assert_counters_are_unique(world: &World) {
    let data = world
        .sent
        .iter()
        .filter(|flight| matches!(flight.kind(), Kind::Data | Kind::Keepalive));
    let mut seen = HashSet::new();
    for flight in data {
        let key = (flight.to, flight.word(4), flight.counter());
        assert!(seen.insert(key), "sealed twice: {key:?}");
    }
}

#[test]
fn on_a_bad_network_packets_arrive_at_most_once_and_peers_find_together_again() {
    for seed in 0..8 {
        let mut world = World::new(2, seed);
        world.introduce(ALICE, BOB);
        let bad = BadNetwork {
            lost_percent: 30,
            copied_percent: 5,
        };
        bad.run(&mut world, 20_000, |world, number| {
            if number % 7 == 0 {
                world.send(ALICE, &numbered(ALICE, BOB, number));
            }
            if number % 11 == 0 {
                world.send(BOB, &numbered(BOB, ALICE, number));
            }
        });

        let arrived = [world.take_delivered(ALICE), world.take_delivered(BOB)];
        assert_each_at_most_once(&arrived[0]);
        assert_each_at_most_once(&arrived[1]);
        assert!(
            arrived[0].len() > 20_000 / 11 / 2,
            "seed {seed}: {}",
            arrived[0].len()
        );
        assert!(
            arrived[1].len() > 20_000 / 7 / 2,
            "seed {seed}: {}",
            arrived[1].len()
        );
        assert_counters_are_unique(&world);

        world.advance(seconds(60));
        world.assert_connected(ALICE, BOB);
    }
}

#[test]
fn after_a_partition_peers_find_together_within_a_minute() {
    for cut_off in [1, 10, 20, 95, 100, 179, 181, 400] {
        let mut world = World::pair_with_session();
        world.lose(|_| true);
        for number in 0..cut_off {
            world.send(ALICE, &numbered(ALICE, BOB, number));
            world.advance(seconds(1));
        }
        world.lose_nothing();

        world.send(ALICE, &packet(ALICE, BOB, b"back again"));
        world.advance(seconds(6));

        let delivered = world.take_delivered(BOB);
        assert_eq!(
            delivered.last(),
            Some(&packet(ALICE, BOB, b"back again")),
            "{cut_off}"
        );
    }
}

#[test]
fn a_restarted_peer_is_back_with_its_first_handshake() {
    let mut world = World::pair_with_session();
    world.assert_connected(ALICE, BOB);
    world.advance(seconds(50));
    let fresh = World::new(2, 77);
    let key = world.hosts[BOB].key.clone();
    let [_, restarted] = <[_; 2]>::try_from(fresh.hosts).ok().unwrap();
    world.hosts[BOB] = restarted;
    world.hosts[BOB].key = key.clone();
    world.device(BOB).set_private_key(Some(key));
    world.introduce(ALICE, BOB);

    // Alice does not know yet that her session is gone.
    world.send(ALICE, &numbered(ALICE, BOB, 1));
    world.advance(seconds(16));
    assert!(world.take_delivered(BOB).is_empty());
    world.assert_connected(ALICE, BOB);
    assert_eq!(world.hosts[BOB].address, address(BOB));
}
