//! What is shown of devices and of changes to them holds no key.

use core::fmt::Debug;

use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};
use wirecraft_tunnel::{DeviceChange, PeerChange, PrivateKeyChange};

use crate::world::{ALICE, BOB, World};

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

/// Asserts that no three bytes of `secret` are shown in hexadecimal or as numbers, and no six digits in
/// base64.
fn assert_hidden(shown: &impl Debug, secret: &[u8; 32]) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        let text: String = text.split_whitespace().collect();
        for window in secret.windows(3) {
            let [a, b, c] = window else {
                unreachable!("windows of three")
            };
            assert!(!text.contains(&format!("{a},{b},{c}")), "{text}");
            let hexadecimal = format!("{a:02x}{b:02x}{c:02x}");
            assert!(!text.to_lowercase().contains(&hexadecimal), "{text}");
        }
        let base64 = PublicKey::from_bytes(*secret).to_string();
        for start in 0..base64.len() - 6 {
            assert!(!text.contains(&base64[start..start + 6]), "{text}");
        }
    }
}

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
