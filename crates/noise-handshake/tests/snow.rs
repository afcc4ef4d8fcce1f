//! Handshakes and transport data against snow, an independent implementation of Noise.

use chacha20::ChaCha8Rng;
use core::time::Duration;
use rand_core::{Rng, SeedableRng};
use snow::{Builder, HandshakeState, StatelessTransportState};
use wirecraft_noise_handshake::{
    CONSTRUCTION, IDENTIFIER, LocalStatic, PresharedKey, PrivateKey, ReceivedInitiation,
    RemoteStatic, Tai64N, TransportKeys, initiate,
};
use wirecraft_wire_format::{Counter, Index, Initiation, Response};

const ROUNDS: u64 = 16;

/// The keys of one exchange.
struct Keys {
    ours: PrivateKey,
    theirs: PrivateKey,
    their_ephemeral: PrivateKey,
    psk: PresharedKey,
}

impl Keys {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        Self {
            ours: PrivateKey::generate(rng),
            theirs: PrivateKey::generate(rng),
            their_ephemeral: PrivateKey::generate(rng),
            psk: PresharedKey::generate(rng),
        }
    }

    fn snow(&self) -> Builder<'_> {
        let name = core::str::from_utf8(&CONSTRUCTION).expect("the name is ASCII");
        Builder::new(name.parse().expect("snow knows the protocol"))
            .prologue(&IDENTIFIER)
            .expect("the prologue is set once")
            .psk(2, self.psk.as_bytes())
            .expect("the psk is set once")
            .local_private_key(self.theirs.as_bytes())
            .expect("the key is set once")
            .fixed_ephemeral_key_for_testing_only(self.their_ephemeral.as_bytes())
    }

    fn snow_initiator(&self) -> HandshakeState {
        let remote = self.ours.public_key();
        self.snow()
            .remote_public_key(remote.as_bytes())
            .expect("the key is set once")
            .build_initiator()
            .expect("an initiator needs no more")
    }

    fn snow_responder(&self) -> HandshakeState {
        self.snow()
            .build_responder()
            .expect("a responder needs no more")
    }

    fn both(&self) -> (LocalStatic, RemoteStatic) {
        let local = LocalStatic::new(self.ours.clone());
        let remote =
            RemoteStatic::new(&local, self.theirs.public_key()).expect("random keys are sound");
        (local, remote)
    }
}

fn timestamp(seconds: u64) -> Tai64N {
    Tai64N::from_unix(Duration::from_secs(seconds))
}

/// Sends packets of many lengths both ways, with counters of all sizes.
fn assert_same_keys(ours: &TransportKeys, theirs: &StatelessTransportState, rng: &mut ChaCha8Rng) {
    for (shift, len) in (0..64).zip((0..1500).step_by(23)) {
        let counter = rng.next_u64() >> shift;
        let mut packet = vec![0; len];
        rng.fill_bytes(&mut packet);

        let mut to_them = [packet.as_slice(), &[0; 16]].concat();
        ours.sealing.seal(Counter::new(counter), &mut to_them);
        let mut opened = vec![0; len];
        assert_eq!(theirs.read_message(counter, &to_them, &mut opened), Ok(len));
        assert_eq!(opened, packet);

        let mut to_us = vec![0; len + 16];
        assert_eq!(
            theirs.write_message(counter, &packet, &mut to_us),
            Ok(len + 16)
        );
        assert_eq!(ours.opening.open(Counter::new(counter), &mut to_us), Ok(()));
        assert_eq!(to_us[..len], packet);
    }
}

#[test]
fn our_initiator_agrees_with_snow_as_responder() {
    for seed in 0..ROUNDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keys = Keys::random(&mut rng);
        let (local, remote) = keys.both();
        let mut snow = keys.snow_responder();

        let (initiation, waiting) =
            initiate(&local, &remote, timestamp(seed), Index::new(1), &mut rng).unwrap();
        let mut opened = [0; 12];
        let len = snow
            .read_message(&initiation.as_bytes()[8..116], &mut opened)
            .unwrap();
        assert_eq!(opened[..len], timestamp(seed).to_bytes());
        assert_eq!(
            snow.get_remote_static(),
            Some(&local.public_key().as_bytes()[..])
        );

        let mut body = [0; 48];
        assert_eq!(snow.write_message(&[], &mut body), Ok(48));
        let mut response = Response::new(Index::new(2), Index::new(1));
        response.ephemeral.copy_from_slice(&body[..32]);
        response.encrypted_nothing.copy_from_slice(&body[32..]);
        let ours = waiting.read_response(&local, &keys.psk, &response).unwrap();

        assert_same_keys(
            &ours,
            &snow.into_stateless_transport_mode().unwrap(),
            &mut rng,
        );
    }
}

#[test]
fn our_responder_agrees_with_snow_as_initiator() {
    for seed in 0..ROUNDS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let keys = Keys::random(&mut rng);
        let (local, remote) = keys.both();
        let mut snow = keys.snow_initiator();

        let mut body = [0; 108];
        assert_eq!(
            snow.write_message(timestamp(seed).as_bytes(), &mut body),
            Ok(108)
        );
        let mut initiation = Initiation::new(Index::new(1));
        initiation.ephemeral.copy_from_slice(&body[..32]);
        initiation.encrypted_static.copy_from_slice(&body[32..80]);
        initiation.encrypted_timestamp.copy_from_slice(&body[80..]);

        let received = ReceivedInitiation::read(&local, &initiation).unwrap();
        assert_eq!(*received.remote_static(), keys.theirs.public_key());
        let fresh = received.authenticate(&remote, None).unwrap();
        assert_eq!(fresh.timestamp(), timestamp(seed));
        let (response, ours) = fresh.respond(&keys.psk, Index::new(2), &mut rng).unwrap();
        assert_eq!(
            snow.read_message(&response.as_bytes()[12..60], &mut []),
            Ok(0)
        );

        assert_same_keys(
            &ours,
            &snow.into_stateless_transport_mode().unwrap(),
            &mut rng,
        );
    }
}
