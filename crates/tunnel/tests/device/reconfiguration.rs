//! Changes described as data and made while traffic flows.

use core::time::Duration;

use wirecraft_noise_handshake::{PresharedKey, PrivateKey};
use wirecraft_tunnel::{
    AllowedIpChange, ConfigureError, DeviceChange, PeerChange, Presence, PrivateKeyChange, Roaming,
};

use crate::world::{
    ALICE, BOB, CAROL, Kind, World, address, milliseconds, numbered, packet, seconds, socket,
};

fn apply(
    world: &mut World,
    host: usize,
    peers: impl IntoIterator<Item = PeerChange>,
) -> Result<(), ConfigureError> {
    let change = DeviceChange {
        peers: peers.into_iter().collect(),
        ..DeviceChange::default()
    };
    world.change(host, |device, now| device.apply(now, change))
}

/// Has `host` know no peer but this one, with nothing but what [`full`] says.
fn replace_all_by(world: &mut World, host: usize, peer: usize) {
    let change = DeviceChange {
        replace_peers: true,
        peers: vec![full(world, peer)],
        ..DeviceChange::default()
    };
    let applied = world.change(host, |device, now| device.apply(now, change));
    applied.expect("no host has the key of another");
}

fn change_of(world: &World, peer: usize) -> PeerChange {
    PeerChange::new(world.public_key(peer))
}

/// All that there is to say of a peer of the worlds in these tests.
fn full(world: &World, peer: usize) -> PeerChange {
    PeerChange {
        endpoint: Some(address(peer)),
        allowed_ips: vec![add(&format!("10.0.0.{}/32", peer + 1))],
        ..change_of(world, peer)
    }
}

fn add(prefix: &str) -> AllowedIpChange {
    AllowedIpChange::Add(prefix.parse().expect("a prefix"))
}

fn remove(prefix: &str) -> AllowedIpChange {
    AllowedIpChange::Remove(prefix.parse().expect("a prefix"))
}

#[test]
fn a_device_can_be_configured_by_one_change_from_nothing() {
    let mut world = World::new(2, 1);
    for (host, peer) in [(ALICE, BOB), (BOB, ALICE)] {
        let change = DeviceChange {
            private_key: Some(PrivateKeyChange::Set(world.hosts[host].key.clone())),
            replace_peers: true,
            peers: vec![full(&world, peer)],
        };
        world
            .change(host, |device, now| device.apply(now, change))
            .unwrap();
    }

    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_change_that_names_nothing_changes_nothing() {
    let mut world = World::pair_with_session();
    let before = world.status(ALICE, BOB);

    let change = change_of(&world, BOB);
    apply(&mut world, ALICE, [change]).unwrap();

    assert_eq!(world.status(ALICE, BOB), before);
    world.assert_connected(ALICE, BOB);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
}

#[test]
fn every_setting_of_a_peer_can_be_changed_under_traffic_and_its_session_stays() {
    let mut world = World::pair_with_session();
    let preshared_key = PresharedKey::from_bytes([7; 32]);
    for number in 0..1000u16 {
        let [_, low] = number.to_be_bytes();
        let change = PeerChange {
            preshared_key: Some(preshared_key.clone()),
            persistent_keepalive: Some(seconds(u64::from(number % 3) * 10)),
            replace_allowed_ips: number % 2 == 0,
            allowed_ips: vec![add("10.0.0.2/32"), add(&format!("10.9.{low}.0/24"))],
            endpoint: Some(address(BOB)),
            roaming: Some(Roaming::Followed),
            ..change_of(&world, BOB)
        };
        apply(&mut world, ALICE, [change]).unwrap();
        world.send(ALICE, &numbered(ALICE, BOB, number.into()));
        world.send(BOB, &numbered(BOB, ALICE, number.into()));
        world.settle();
        world.advance(milliseconds(10));
    }

    assert_eq!(world.take_delivered(BOB).len(), 1000);
    assert_eq!(world.take_delivered(ALICE).len(), 1000);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
    assert_eq!(world.times_sent(BOB, Kind::Initiation), []);
}

#[test]
fn an_update_of_an_unknown_peer_adds_none() {
    let mut world = World::new(2, 1);
    let change = PeerChange {
        presence: Presence::UpdateOnly,
        ..full(&world, BOB)
    };

    apply(&mut world, ALICE, [change]).unwrap();

    assert_eq!(world.device(ALICE).peers().count(), 0);
}

#[test]
fn a_peer_can_be_removed_and_one_that_is_not_there_as_well() {
    let mut world = World::pair_with_session();
    for _ in 0..2 {
        let change = PeerChange {
            presence: Presence::Removed,
            ..change_of(&world, BOB)
        };
        apply(&mut world, ALICE, [change]).unwrap();
        assert_eq!(world.device(ALICE).peers().count(), 0);
        assert_eq!(world.device(ALICE).route("10.0.0.2".parse().unwrap()), None);
    }
}

#[test]
fn a_peer_with_our_own_key_is_passed_over_and_the_others_are_added() {
    let mut world = World::new(2, 1);
    let changes = [full(&world, ALICE), full(&world, BOB)];

    let outcome = apply(&mut world, ALICE, changes);

    assert_eq!(outcome, Err(ConfigureError::OwnKey));
    assert_eq!(world.device(ALICE).peers().count(), 1);
    assert!(world.status(ALICE, BOB).endpoint.is_some());
}

/// The kernel removes all peers and adds those that are stated, and so forgets endpoints. A session that
/// is kept is of use only with the place that its packets go to.
#[test]
fn replacing_all_peers_keeps_an_endpoint_unless_another_is_stated() {
    let mut world = World::pair_with_session();
    let elsewhere = socket("198.51.100.9:9");
    for (stated, expected) in [(None, address(BOB)), (Some(elsewhere), elsewhere)] {
        let peer = PeerChange {
            endpoint: stated,
            ..full(&world, BOB)
        };
        let change = DeviceChange {
            replace_peers: true,
            peers: vec![peer],
            ..DeviceChange::default()
        };
        let applied = world.change(ALICE, |device, now| device.apply(now, change));
        applied.unwrap();

        assert_eq!(world.status(ALICE, BOB).endpoint, Some(expected));
    }
}

#[test]
fn replacing_all_peers_keeps_the_session_of_those_that_stay() {
    let mut world = World::new(3, 1);
    world.introduce(ALICE, BOB);
    world.introduce(ALICE, CAROL);
    world.handshake(ALICE, BOB);
    world.handshake(ALICE, CAROL);
    let carol = world.peer(ALICE, CAROL);

    replace_all_by(&mut world, ALICE, BOB);

    world.assert_connected(ALICE, BOB);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 2);
    let gone = world.hosts[ALICE].device.peer_status(world.now, carol);
    assert_eq!(gone, None);
    assert_eq!(world.device(ALICE).route("10.0.0.3".parse().unwrap()), None);
}

#[test]
fn replacing_all_peers_resets_what_is_not_stated() {
    let mut world = World::pair();
    let change = PeerChange {
        preshared_key: Some(PresharedKey::from_bytes([7; 32])),
        persistent_keepalive: Some(seconds(25)),
        roaming: Some(Roaming::Pinned),
        ..change_of(&world, BOB)
    };
    apply(&mut world, ALICE, [change]).unwrap();

    replace_all_by(&mut world, ALICE, BOB);

    let status = world.status(ALICE, BOB);
    assert_eq!(status.persistent_keepalive, None);
    assert_eq!(status.roaming, Roaming::Followed);
    assert_eq!(status.allowed_ips, ["10.0.0.2/32".parse().unwrap()]);
    world.intercept();
    world.advance(seconds(6));
    world.assert_connected(ALICE, BOB);
}

#[test]
fn of_a_peer_that_replaces_all_and_is_named_twice_both_changes_hold() {
    let mut world = World::pair_with_session();
    let change = DeviceChange {
        replace_peers: true,
        peers: vec![
            PeerChange {
                persistent_keepalive: Some(seconds(25)),
                ..full(&world, BOB)
            },
            PeerChange {
                allowed_ips: vec![add("10.9.0.0/16")],
                ..change_of(&world, BOB)
            },
        ],
        ..DeviceChange::default()
    };

    world
        .change(ALICE, |device, now| device.apply(now, change))
        .unwrap();

    let status = world.status(ALICE, BOB);
    assert_eq!(status.persistent_keepalive, Some(seconds(25)));
    assert_eq!(status.allowed_ips.len(), 2);
    world.assert_connected(ALICE, BOB);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
}

#[test]
fn an_update_finds_no_peer_where_all_are_replaced() {
    let mut world = World::pair();
    let change = DeviceChange {
        replace_peers: true,
        peers: vec![PeerChange {
            presence: Presence::UpdateOnly,
            ..full(&world, BOB)
        }],
        ..DeviceChange::default()
    };

    world
        .change(ALICE, |device, now| device.apply(now, change))
        .unwrap();

    assert_eq!(world.device(ALICE).peers().count(), 0);
}

#[test]
fn a_peer_removed_and_then_stated_where_all_are_replaced_keeps_its_session() {
    let mut world = World::pair_with_session();
    let change = DeviceChange {
        replace_peers: true,
        peers: vec![
            PeerChange {
                presence: Presence::Removed,
                ..change_of(&world, BOB)
            },
            full(&world, BOB),
        ],
        ..DeviceChange::default()
    };

    world
        .change(ALICE, |device, now| device.apply(now, change))
        .unwrap();

    world.assert_connected(ALICE, BOB);
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), 1);
}

#[test]
fn the_greatest_timestamp_outlives_the_replacement_of_all_peers() {
    let mut world = World::pair();
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process(&initiation).unwrap();
    world.advance(seconds(1));
    replace_all_by(&mut world, BOB, ALICE);
    let replayed_before = world.counters(BOB).replayed_initiation;

    world.deliver_and_process(&initiation).unwrap();

    assert_eq!(world.counters(BOB).replayed_initiation, replayed_before + 1);
}

#[test]
fn prefixes_are_added_and_taken_in_order() {
    let mut world = World::new(3, 1);
    world.introduce(ALICE, BOB);
    world.introduce(ALICE, CAROL);
    let change = PeerChange {
        replace_allowed_ips: true,
        allowed_ips: vec![
            add("10.1.0.0/16"),
            add("10.2.0.0/16"),
            remove("10.1.0.0/16"),
            add("10.0.0.3/32"),
        ],
        ..change_of(&world, BOB)
    };

    apply(&mut world, ALICE, [change]).unwrap();

    let bob = Some(world.peer(ALICE, BOB));
    let device = world.device(ALICE);
    let routes = ["10.0.0.2", "10.1.0.1", "10.2.0.1", "10.0.0.3"]
        .map(|address| device.route(address.parse().unwrap()));
    assert_eq!(routes, [None, None, bob, bob]);
    assert_eq!(world.status(ALICE, CAROL).allowed_ips.len(), 1);
}

#[test]
fn a_prefix_is_not_taken_from_another_peer() {
    let mut world = World::new(3, 1);
    world.introduce(ALICE, BOB);
    world.introduce(ALICE, CAROL);
    let change = PeerChange {
        allowed_ips: vec![remove("10.0.0.3/32")],
        ..change_of(&world, BOB)
    };

    apply(&mut world, ALICE, [change]).unwrap();

    let carol = Some(world.peer(ALICE, CAROL));
    assert_eq!(
        world.device(ALICE).route("10.0.0.3".parse().unwrap()),
        carol
    );
}

#[test]
fn packets_that_waited_for_a_private_key_leave_as_soon_as_it_is_set() {
    let mut world = World::pair();
    let key = world.hosts[ALICE].key.clone();
    let set = |key: Option<PrivateKey>| DeviceChange {
        private_key: Some(key.map_or(PrivateKeyChange::Remove, PrivateKeyChange::Set)),
        ..DeviceChange::default()
    };
    world
        .change(ALICE, |device, now| device.apply(now, set(None)))
        .unwrap();
    world.send(ALICE, &packet(ALICE, BOB, b"early"));
    assert!(world.intercept().is_empty());

    world
        .change(ALICE, |device, now| device.apply(now, set(Some(key))))
        .unwrap();
    world.settle();

    assert_eq!(world.take_delivered(BOB), [packet(ALICE, BOB, b"early")]);
}

#[test]
fn a_pinned_endpoint_stays_wherever_the_peer_is_heard() {
    let mut world = World::pair_with_session();
    let change = PeerChange {
        roaming: Some(Roaming::Pinned),
        ..change_of(&world, ALICE)
    };
    apply(&mut world, BOB, [change]).unwrap();
    let moved = socket("203.0.113.9:999");

    world.send(ALICE, &packet(ALICE, BOB, b"from elsewhere"));
    let data = world.intercept_one().from(moved);
    world.deliver(&data).unwrap();

    assert_eq!(
        world.take_delivered(BOB),
        [packet(ALICE, BOB, b"from elsewhere")]
    );
    assert_eq!(world.status(BOB, ALICE).endpoint, Some(address(ALICE)));
    world.send(BOB, &packet(BOB, ALICE, b"answer"));
    assert_eq!(world.intercept_one().to, address(ALICE));
}

#[test]
fn pinning_a_peer_that_was_heard_elsewhere_takes_its_endpoint_back_to_the_configured_one() {
    let mut world = World::pair_with_session();
    let thief = socket("203.0.113.9:999");
    world.send(ALICE, &packet(ALICE, BOB, b"forwarded by a thief"));
    let stolen = world.intercept_one().from(thief);
    world.deliver(&stolen).unwrap();
    assert_eq!(world.status(BOB, ALICE).endpoint, Some(thief));

    let change = PeerChange {
        roaming: Some(Roaming::Pinned),
        ..change_of(&world, ALICE)
    };
    apply(&mut world, BOB, [change]).unwrap();

    assert_eq!(world.status(BOB, ALICE).endpoint, Some(address(ALICE)));
    assert_eq!(world.device(BOB).held().known_endpoints, 0);
    world.take_delivered(BOB);
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_pinned_peer_without_an_endpoint_stays_where_it_is_heard_first() {
    let mut world = World::new(2, 1);
    let (bob, alice) = (
        full(&world, BOB),
        PeerChange {
            endpoint: None,
            roaming: Some(Roaming::Pinned),
            ..full(&world, ALICE)
        },
    );
    apply(&mut world, ALICE, [bob]).unwrap();
    apply(&mut world, BOB, [alice]).unwrap();
    world.handshake(ALICE, BOB);
    assert_eq!(world.status(BOB, ALICE).endpoint, Some(address(ALICE)));

    world.hosts[ALICE].address = socket("203.0.113.9:999");
    world.send(ALICE, &packet(ALICE, BOB, b"from elsewhere"));
    world.settle();

    assert_eq!(world.status(BOB, ALICE).endpoint, Some(address(ALICE)));
}

#[test]
fn a_zero_interval_switches_the_persistent_keepalive_off() {
    let mut world = World::pair_with_session();
    for interval in [seconds(25), Duration::ZERO] {
        let change = PeerChange {
            persistent_keepalive: Some(interval),
            ..change_of(&world, BOB)
        };
        apply(&mut world, ALICE, [change]).unwrap();
    }

    assert_eq!(world.status(ALICE, BOB).persistent_keepalive, None);
}
