//! Many peers that are to be called at the same time.

use core::time::Duration;

use wirecraft_noise_handshake::PrivateKey;
use wirecraft_tunnel::{DeviceChange, PeerChange, PrivateKeyChange};

use crate::world::{ALICE, Kind, World, address, seconds};

/// Peers of Alice, each called again and again.
const PEERS: usize = 100;

/// Initiations that may be made before data is served again.
const INITIATIONS_AT_ONCE: usize = 8;

/// Alice with many peers that are to be kept alive, and have been called once.
fn hub() -> World {
    let mut world = World::new(PEERS + 1, 1);
    for peer in 1..=PEERS {
        world.introduce(ALICE, peer);
        let id = world.peer(ALICE, peer);
        let kept = world.change(ALICE, |device, now| {
            device.set_persistent_keepalive(now, id, Some(seconds(25)))
        });
        kept.expect("the hosts were introduced");
    }
    world.settle();
    world.advance(seconds(6));
    assert_eq!(world.times_sent(ALICE, Kind::Initiation).len(), PEERS);
    world
}

/// Has Alice do what is due at this moment, and counts the initiations of each call.
fn initiations_of_each_call(world: &mut World) -> Vec<usize> {
    let mut counts = Vec::new();
    let deadline = |world: &World| world.hosts[ALICE].device.poll_timeout();
    while deadline(world).is_some_and(|deadline| deadline.at <= world.now) {
        let before = world.times_sent(ALICE, Kind::Initiation).len();
        world.change(ALICE, |device, now| device.handle_timeout(now));
        counts.push(world.times_sent(ALICE, Kind::Initiation).len() - before);
    }
    counts
}

fn assert_all_called_a_few_at_a_time(counts: &[usize]) {
    assert_eq!(counts.iter().sum::<usize>(), PEERS, "{counts:?}");
    let greatest = counts.iter().max();
    assert!(greatest <= Some(&INITIATIONS_AT_ONCE), "{counts:?}");
}

#[test]
fn peers_that_are_to_be_called_when_a_device_resumes_are_called_a_few_at_a_time() {
    let mut world = hub();
    world.change(ALICE, |device, _| device.halt());
    let before = world.times_sent(ALICE, Kind::Initiation).len();

    world.change(ALICE, |device, now| device.resume(now));

    let mut counts = vec![world.times_sent(ALICE, Kind::Initiation).len() - before];
    counts.extend(initiations_of_each_call(&mut world));
    assert_all_called_a_few_at_a_time(&counts);
    world.settle();
    world.assert_connected(ALICE, PEERS);
}

#[test]
fn peers_to_be_kept_alive_that_one_change_adds_are_called_a_few_at_a_time() {
    let mut world = World::new(PEERS + 1, 1);
    let key = PrivateKey::generate(&mut world.rng);
    let peers = (1..=PEERS).map(|peer| PeerChange {
        endpoint: Some(address(peer)),
        persistent_keepalive: Some(seconds(25)),
        ..PeerChange::new(world.public_key(peer))
    });
    let change = DeviceChange {
        private_key: Some(PrivateKeyChange::Set(key)),
        peers: peers.collect(),
        ..DeviceChange::default()
    };

    let applied = world.change(ALICE, |device, now| device.apply(now, change));

    applied.expect("no host has the key of another");
    let mut counts = vec![world.times_sent(ALICE, Kind::Initiation).len()];
    counts.extend(initiations_of_each_call(&mut world));
    assert_all_called_a_few_at_a_time(&counts);
}

#[test]
fn peers_that_are_to_be_called_after_a_sleep_are_called_a_few_at_a_time() {
    let mut world = hub();
    world.now = world.now + Duration::from_millis(200);
    let before = world.times_sent(ALICE, Kind::Initiation).len();

    world.change(ALICE, |device, now| device.handle_suspend(now));

    let mut counts = vec![world.times_sent(ALICE, Kind::Initiation).len() - before];
    counts.extend(initiations_of_each_call(&mut world));
    assert_all_called_a_few_at_a_time(&counts);
}

#[test]
fn peers_whose_calls_are_due_at_once_after_an_outage_are_called_a_few_at_a_time() {
    let mut world = hub();
    world.lose(|_| true);
    world.now = world.now + seconds(200);

    let counts = initiations_of_each_call(&mut world);

    assert_all_called_a_few_at_a_time(&counts);
}
