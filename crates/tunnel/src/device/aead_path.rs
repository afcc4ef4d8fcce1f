//! Which code works on the batches of a session.

use wirecraft_noise_handshake::AeadPath;

use super::counter_limits::{INITIATOR, Pair, RESPONDER, Side};

/// What seals and opens batches of the newest session of a side.
fn paths(side: &Side) -> [AeadPath; 2] {
    let peer = side.device.peers.get(side.peer).unwrap();
    let keypair = peer.keypairs.current().unwrap();
    [keypair.sealing.path(), keypair.opening.path()]
}

#[test]
fn path_of_a_device_reaches_the_keys_of_its_next_session_in_either_role() {
    for chosen in AeadPath::ALL {
        for side in [INITIATOR, RESPONDER] {
            let mut pair = Pair::with_session();
            assert_eq!(paths(&pair.sides[side]), [AeadPath::detect(); 2]);

            pair.sides[side].device.set_aead_path(chosen);
            assert_eq!(paths(&pair.sides[side]), [AeadPath::detect(); 2]);
            let Side { device, peer, .. } = &mut pair.sides[INITIATOR];
            device.start_handshake(pair.now, *peer).unwrap();
            pair.exchange();

            assert_eq!(pair.sides[side].device.aead_path(), chosen.or_below());
            assert_eq!(paths(&pair.sides[side]), [chosen.or_below(); 2]);
            let other = &pair.sides[1 - side];
            assert_eq!(paths(other), [AeadPath::detect(); 2]);
        }
    }
}
