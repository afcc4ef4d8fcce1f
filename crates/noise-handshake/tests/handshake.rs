//! What the handshake takes and what it refuses, seen from outside.

use chacha20::ChaCha8Rng;
use core::time::Duration;
use rand_core::{Rng, SeedableRng};
use wirecraft_noise_handshake::{
    AwaitingResponse, FreshInitiation, HandshakeError, LocalStatic, LowOrderKey, OpenError,
    PresharedKey, PrivateKey, PublicKey, ReceivedInitiation, RemoteStatic, Tai64N, TransportKeys,
    initiate,
};
use wirecraft_wire_format::{Counter, Index, Initiation, Message, Response};

/// Keys of low order: 0, 1, two points of order 8, and p - 1, p, p + 1.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// The low-order keys, each as it is and with the ignored top bit set.
fn low_order_keys() -> impl Iterator<Item = [u8; 32]> {
    LOW_ORDER.into_iter().flat_map(|text| {
        let key: [u8; 32] = hex::decode(text)
            .ok()
            .and_then(|key| key.try_into().ok())
            .expect("32 bytes of hexadecimal");
        let mut with_top_bit = key;
        with_top_bit[31] |= 0x80;
        [key, with_top_bit]
    })
}

/// Two peers who know each other, and their random numbers.
struct Pair {
    rng: ChaCha8Rng,
    alice: LocalStatic,
    bob: LocalStatic,
    to_bob: RemoteStatic,
    to_alice: RemoteStatic,
    psk: PresharedKey,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let alice = LocalStatic::new(PrivateKey::generate(&mut rng));
        let bob = LocalStatic::new(PrivateKey::generate(&mut rng));
        let to_bob = RemoteStatic::new(&alice, *bob.public_key()).expect("random keys are sound");
        let to_alice = RemoteStatic::new(&bob, *alice.public_key()).expect("random keys are sound");
        let psk = PresharedKey::generate(&mut rng);
        Self {
            rng,
            alice,
            bob,
            to_bob,
            to_alice,
            psk,
        }
    }

    fn stranger(&mut self) -> LocalStatic {
        LocalStatic::new(PrivateKey::generate(&mut self.rng))
    }

    fn initiate(&mut self, seconds: u64) -> (Initiation, AwaitingResponse) {
        let index = Index::new(0xa11ce);
        initiate(
            &self.alice,
            &self.to_bob,
            timestamp(seconds),
            index,
            &mut self.rng,
        )
        .expect("a sound peer can be initiated to")
    }

    fn receive(
        &self,
        initiation: &Initiation,
        newest: Option<Tai64N>,
    ) -> Result<FreshInitiation, HandshakeError> {
        ReceivedInitiation::read(&self.bob, initiation)?.authenticate(&self.to_alice, newest)
    }

    fn respond(&mut self, initiation: &Initiation) -> (Response, TransportKeys) {
        let fresh = self.receive(initiation, None).expect("a sound initiation");
        fresh
            .respond(&self.psk, Index::new(0xb0b), &mut self.rng)
            .expect("random ephemerals are sound")
    }

    fn finish(
        &self,
        waiting: &AwaitingResponse,
        response: &Response,
    ) -> Result<TransportKeys, HandshakeError> {
        waiting.read_response(&self.alice, &self.psk, response)
    }
}

fn timestamp(seconds: u64) -> Tai64N {
    Tai64N::from_unix(Duration::from_secs(seconds))
}

#[track_caller]
fn assert_connected(alice: &TransportKeys, bob: &TransportKeys) {
    for (from, to) in [(alice, bob), (bob, alice)] {
        let mut message = *b"some packet.0123456789abcdef";
        from.sealing.seal(Counter::new(7), &mut message);
        assert_ne!(message[..12], *b"some packet.");
        assert_eq!(to.opening.open(Counter::new(7), &mut message), Ok(()));
        assert_eq!(message[..12], *b"some packet.");
    }
}

/// The same initiation with one bit of its bytes flipped.
fn flip_initiation(initiation: &Initiation, bit: usize) -> Initiation {
    let mut bytes = initiation.as_bytes().to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    match Message::parse(&bytes) {
        Ok(Message::Initiation(flipped)) => flipped.clone(),
        other => panic!("the bit belongs to the type word: {other:?}"),
    }
}

/// The same response with one bit of its bytes flipped.
fn flip_response(response: &Response, bit: usize) -> Response {
    let mut bytes = response.as_bytes().to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    match Message::parse(&bytes) {
        Ok(Message::Response(flipped)) => flipped.clone(),
        other => panic!("the bit belongs to the type word: {other:?}"),
    }
}

#[test]
fn both_sides_get_keys_that_fit() {
    let mut pair = Pair::new(1);
    let (initiation, waiting) = pair.initiate(1);
    let (response, bob) = pair.respond(&initiation);
    let alice = pair.finish(&waiting, &response).unwrap();

    assert_eq!(waiting.sender_index(), Index::new(0xa11ce));
    assert_eq!(response.receiver_index(), Index::new(0xa11ce));
    assert_connected(&alice, &bob);
}

#[test]
fn directions_have_different_keys() {
    let mut pair = Pair::new(2);
    let (initiation, waiting) = pair.initiate(1);
    let (response, _) = pair.respond(&initiation);
    let alice = pair.finish(&waiting, &response).unwrap();

    let mut message = [0; 32];
    alice.sealing.seal(Counter::new(0), &mut message);
    assert_eq!(
        alice.opening.open(Counter::new(0), &mut message),
        Err(OpenError::WrongTag)
    );
}

#[test]
fn every_handshake_has_new_keys() {
    let mut pair = Pair::new(3);
    let (first, _) = pair.initiate(1);
    let (second, waiting) = pair.initiate(1);
    assert_ne!(first.ephemeral, second.ephemeral);
    let (response, _) = pair.respond(&second);
    let (_, other_keys) = pair.respond(&second);
    let alice = pair.finish(&waiting, &response).unwrap();

    let mut message = [0; 32];
    alice.sealing.seal(Counter::new(0), &mut message);
    assert_eq!(
        other_keys.opening.open(Counter::new(0), &mut message),
        Err(OpenError::WrongTag)
    );
}

#[test]
fn response_with_wrong_psk_leaves_attempt_open() {
    let mut pair = Pair::new(4);
    let (initiation, waiting) = pair.initiate(1);
    let fresh = pair.receive(&initiation, None).unwrap();
    let (forged, _) = fresh
        .respond(&PresharedKey::ZERO, Index::new(1), &mut pair.rng)
        .unwrap();

    assert_eq!(
        pair.finish(&waiting, &forged).err(),
        Some(HandshakeError::ForgedResponse)
    );

    let (response, bob) = pair.respond(&initiation);
    assert_connected(&pair.finish(&waiting, &response).unwrap(), &bob);
}

#[test]
fn response_with_any_flipped_bit_leaves_attempt_open() {
    let mut pair = Pair::new(5);
    let (initiation, waiting) = pair.initiate(1);
    let (response, bob) = pair.respond(&initiation);

    // Ephemeral and tag. The top bit of a public key means nothing to X25519, but to the hash.
    for bit in 12 * 8..60 * 8 {
        let forged = flip_response(&response, bit);
        let error = pair.finish(&waiting, &forged).err();
        assert_eq!(error, Some(HandshakeError::ForgedResponse), "bit {bit}");
    }

    assert_connected(&pair.finish(&waiting, &response).unwrap(), &bob);
}

#[test]
fn response_to_another_initiation_is_refused() {
    let mut pair = Pair::new(6);
    let (first, _) = pair.initiate(1);
    let (_, waiting) = pair.initiate(2);
    let (response, _) = pair.respond(&first);

    assert_eq!(
        pair.finish(&waiting, &response).err(),
        Some(HandshakeError::ForgedResponse)
    );
}

#[test]
fn response_read_with_another_private_key_is_refused() {
    let mut pair = Pair::new(7);
    let (initiation, waiting) = pair.initiate(1);
    let (response, _) = pair.respond(&initiation);
    let stranger = pair.stranger();

    let result = waiting.read_response(&stranger, &pair.psk, &response);

    assert_eq!(result.err(), Some(HandshakeError::ForgedResponse));
}

#[test]
fn initiation_for_another_key_is_refused() {
    let mut pair = Pair::new(8);
    let (initiation, _) = pair.initiate(1);
    let stranger = pair.stranger();

    let result = ReceivedInitiation::read(&stranger, &initiation);

    assert_eq!(result.err(), Some(HandshakeError::ForgedStatic));
}

#[test]
fn initiation_with_any_flipped_bit_is_refused() {
    let mut pair = Pair::new(9);
    let (initiation, _) = pair.initiate(1);

    for bit in 8 * 8..88 * 8 {
        let forged = flip_initiation(&initiation, bit);
        let result = ReceivedInitiation::read(&pair.bob, &forged);
        assert_eq!(
            result.err(),
            Some(HandshakeError::ForgedStatic),
            "bit {bit}"
        );
    }
    for bit in 88 * 8..116 * 8 {
        let forged = flip_initiation(&initiation, bit);
        let result = pair.receive(&forged, None);
        assert_eq!(
            result.err(),
            Some(HandshakeError::ForgedTimestamp),
            "bit {bit}"
        );
    }
    assert!(pair.receive(&initiation, None).is_ok());
}

#[test]
fn initiation_of_another_peer_is_refused() {
    let mut pair = Pair::new(10);
    let stranger = pair.stranger();
    let to_bob = RemoteStatic::new(&stranger, *pair.bob.public_key()).unwrap();
    let (initiation, _) = initiate(
        &stranger,
        &to_bob,
        timestamp(1),
        Index::new(1),
        &mut pair.rng,
    )
    .unwrap();
    let received = ReceivedInitiation::read(&pair.bob, &initiation).unwrap();
    assert_eq!(received.remote_static(), stranger.public_key());

    let result = received.authenticate(&pair.to_alice, None);

    assert_eq!(result.err(), Some(HandshakeError::OtherPeer));
}

#[test]
fn remote_static_of_another_private_key_is_refused() {
    let mut pair = Pair::new(11);
    let (initiation, _) = pair.initiate(1);
    let stranger = pair.stranger();
    let to_alice = RemoteStatic::new(&stranger, *pair.alice.public_key()).unwrap();
    let received = ReceivedInitiation::read(&pair.bob, &initiation).unwrap();

    let result = received.authenticate(&to_alice, None);

    assert_eq!(result.err(), Some(HandshakeError::ForgedTimestamp));
}

#[test]
fn only_a_greater_timestamp_is_fresh() {
    let mut pair = Pair::new(12);
    let (initiation, _) = pair.initiate(100);

    let replayed = Some(HandshakeError::ReplayedTimestamp);
    assert_eq!(
        pair.receive(&initiation, Some(timestamp(100))).err(),
        replayed
    );
    assert_eq!(
        pair.receive(&initiation, Some(timestamp(101))).err(),
        replayed
    );
    let fresh = pair.receive(&initiation, Some(timestamp(99))).unwrap();
    assert_eq!(fresh.timestamp(), timestamp(100));
    assert_eq!(fresh.sender_index(), Index::new(0xa11ce));
}

#[test]
fn forged_timestamp_is_reported_before_a_replayed_one() {
    let mut pair = Pair::new(13);
    let (initiation, _) = pair.initiate(1);
    let forged = flip_initiation(&initiation, 90 * 8);

    let result = pair.receive(&forged, Some(timestamp(2)));

    assert_eq!(result.err(), Some(HandshakeError::ForgedTimestamp));
}

#[test]
fn peer_of_low_order_is_refused() {
    let pair = Pair::new(14);
    for key in low_order_keys() {
        let result = RemoteStatic::new(&pair.alice, PublicKey::from_bytes(key));
        assert_eq!(result.err(), Some(LowOrderKey));
    }
}

#[test]
fn initiation_with_an_ephemeral_of_low_order_is_refused() {
    let mut pair = Pair::new(15);
    let (mut initiation, _) = pair.initiate(1);
    for key in low_order_keys() {
        initiation.ephemeral = key;
        let result = ReceivedInitiation::read(&pair.bob, &initiation);
        assert_eq!(result.err(), Some(HandshakeError::LowOrder));
    }
}

#[cfg(feature = "probe")]
#[test]
fn initiation_made_with_low_order_is_refused_for_that_alone() {
    let pair = Pair::new(17);
    let (to_bob, index) = (&pair.to_bob, Index::new(0xa11ce));

    let made = wirecraft_noise_handshake::initiate_with_low_order;
    let mut initiation = made(&pair.alice, to_bob, timestamp(1), index);
    to_bob.stamp(&mut initiation, None);

    assert_eq!(initiation.ephemeral, [0; 32]);
    assert_ne!(initiation.encrypted_static, [0; 48]);
    assert_ne!(initiation.encrypted_timestamp, [0; 28]);
    assert_eq!(pair.bob.verify_mac1(&initiation), Ok(()));
    let result = pair.receive(&initiation, None);
    assert_eq!(result.err(), Some(HandshakeError::LowOrder));
}

#[test]
fn response_with_an_ephemeral_of_low_order_leaves_attempt_open() {
    let mut pair = Pair::new(16);
    let (initiation, waiting) = pair.initiate(1);
    let (response, bob) = pair.respond(&initiation);
    let mut forged = response.clone();
    for key in low_order_keys() {
        forged.ephemeral = key;
        assert_eq!(
            pair.finish(&waiting, &forged).err(),
            Some(HandshakeError::LowOrder)
        );
    }

    assert_connected(&pair.finish(&waiting, &response).unwrap(), &bob);
}

#[test]
fn random_bytes_are_refused_without_a_panic() {
    let mut pair = Pair::new(17);
    let (_, waiting) = pair.initiate(1);
    for _ in 0..100 {
        let mut bytes = [0; 148];
        pair.rng.fill_bytes(&mut bytes);
        bytes[..4].copy_from_slice(&[1, 0, 0, 0]);
        let Ok(Message::Initiation(initiation)) = Message::parse(&bytes) else {
            panic!("type and length are those of an initiation");
        };
        let result = ReceivedInitiation::read(&pair.bob, initiation);
        assert_eq!(result.err(), Some(HandshakeError::ForgedStatic));

        bytes[0] = 2;
        let Ok(Message::Response(response)) = Message::parse(&bytes[..92]) else {
            panic!("type and length are those of a response");
        };
        assert_eq!(
            pair.finish(&waiting, response).err(),
            Some(HandshakeError::ForgedResponse)
        );
    }
}
