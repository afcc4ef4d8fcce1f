//! What is shown of devices and of changes to them holds no key.

// The crate whose secrets they are looks for them in the same way.
#[path = "../../../noise-handshake/tests/hidden/mod.rs"]
mod hidden;

use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};
use wirecraft_tunnel::{DeviceChange, PeerChange, PrivateKeyChange};

use crate::world::{ALICE, BOB, World};
use hidden::assert_hidden;

const SECRET: [u8; 32] = {
    let mut secret = [0; 32];
    let mut at = 0;
    while at < secret.len() {
        #[expect(clippy::cast_possible_truncation, reason = "less than 256")]
        {
            secret[at] = 130 + at as u8 * 3;
        }
        at += 1;
    }
    secret
};

#[test]
fn a_device_hides_its_keys() {
    let mut world = World::pair();
    let bob = world.peer(ALICE, BOB);
    let psk = PresharedKey::from_bytes(SECRET);
    world.device(ALICE).set_preshared_key(bob, psk).unwrap();
    world.start_handshake(ALICE, BOB);

    let private_key = *world.hosts[ALICE].key.as_bytes();
    assert_hidden(world.device(ALICE), &private_key);
    assert_hidden(world.device(ALICE), &SECRET);
    assert_hidden(&world.status(ALICE, BOB), &SECRET);
}

#[test]
fn a_change_hides_the_keys_it_brings() {
    let key = PrivateKey::from_bytes(SECRET);
    let clamped = *key.as_bytes();
    let mut peer = PeerChange::new(PublicKey::from_bytes([1; 32]));
    peer.preshared_key = Some(PresharedKey::from_bytes(SECRET));
    let change = DeviceChange {
        private_key: Some(PrivateKeyChange::Set(key)),
        peers: vec![peer],
        ..DeviceChange::default()
    };

    assert_hidden(&change, &SECRET);
    assert_hidden(&change, &clamped);
}
