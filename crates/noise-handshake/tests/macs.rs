//! What macs and cookies let through.

use chacha20::ChaCha8Rng;
use core::net::SocketAddr;
use core::time::Duration;
use rand_core::SeedableRng;
use wirecraft_noise_handshake::{
    Cookie, CookieSecret, LocalStatic, Mac1, MacError, PrivateKey, RemoteStatic, Tai64N, initiate,
};
use wirecraft_wire_format::{CookieReply, HandshakeMessage, Index, Initiation, Message, Response};

/// Somebody who initiates, somebody who is under load.
struct Pair {
    rng: ChaCha8Rng,
    alice: LocalStatic,
    bob: LocalStatic,
    to_bob: RemoteStatic,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let alice = LocalStatic::new(PrivateKey::generate(&mut rng));
        let bob = LocalStatic::new(PrivateKey::generate(&mut rng));
        let to_bob = RemoteStatic::new(&alice, *bob.public_key()).expect("random keys are sound");
        Self {
            rng,
            alice,
            bob,
            to_bob,
        }
    }

    fn initiation(&mut self, cookie: Option<&Cookie>) -> (Initiation, Mac1) {
        let timestamp = Tai64N::from_unix(Duration::from_secs(1));
        let (mut initiation, _) = initiate(
            &self.alice,
            &self.to_bob,
            timestamp,
            Index::new(1),
            &mut self.rng,
        )
        .expect("a sound peer can be initiated to");
        let mac1 = self.to_bob.stamp(&mut initiation, cookie);
        (initiation, mac1)
    }

    fn reply(&mut self, initiation: &Initiation, cookie: &Cookie) -> CookieReply {
        let receiver = initiation.sender_index();
        self.bob
            .seal_cookie_reply(receiver, initiation.mac1(), cookie, &mut self.rng)
    }
}

fn flip(initiation: &Initiation, bit: usize) -> Initiation {
    let mut bytes = initiation.as_bytes().to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    match Message::parse(&bytes) {
        Ok(Message::Initiation(flipped)) => flipped.clone(),
        other => panic!("bits of the type word stay: {other:?}"),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[test]
fn mac1_covers_every_bit_before_it_and_none_after() {
    let mut pair = Pair::new(1);
    let (initiation, mac1) = pair.initiation(None);

    assert_eq!(initiation.mac1(), mac1.as_bytes());
    assert_eq!(pair.bob.verify_mac1(&initiation), Ok(()));
    for bit in 4 * 8..132 * 8 {
        let flipped = flip(&initiation, bit);
        assert_eq!(
            pair.bob.verify_mac1(&flipped),
            Err(MacError::WrongMac1),
            "bit {bit}"
        );
    }
    for bit in 132 * 8..148 * 8 {
        assert_eq!(pair.bob.verify_mac1(&flip(&initiation, bit)), Ok(()));
    }
}

#[test]
fn mac1_for_somebody_else_is_wrong() {
    let mut pair = Pair::new(2);
    let (initiation, _) = pair.initiation(None);
    assert_eq!(
        pair.alice.verify_mac1(&initiation),
        Err(MacError::WrongMac1)
    );
}

#[test]
fn response_is_stamped_like_an_initiation() {
    let mut pair = Pair::new(3);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let mut response = Response::new(Index::new(1), Index::new(2));

    pair.to_bob.stamp(&mut response, Some(&cookie));

    assert_eq!(pair.bob.verify_mac1(&response), Ok(()));
    assert_eq!(cookie.verify_mac2(&response), Ok(()));
}

#[test]
fn mac2_covers_every_bit_before_it_and_itself() {
    let mut pair = Pair::new(4);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let (initiation, _) = pair.initiation(Some(&cookie));

    assert_eq!(cookie.verify_mac2(&initiation), Ok(()));
    for bit in 4 * 8..148 * 8 {
        let flipped = flip(&initiation, bit);
        assert_eq!(
            cookie.verify_mac2(&flipped),
            Err(MacError::WrongMac2),
            "bit {bit}"
        );
    }
}

#[test]
fn stamping_without_a_cookie_clears_mac2() {
    let mut pair = Pair::new(5);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let (mut initiation, first) = pair.initiation(Some(&cookie));

    let second = pair.to_bob.stamp(&mut initiation, None);

    assert_eq!(first, second);
    assert_eq!(initiation.mac2(), &[0; 16]);
    assert_eq!(cookie.verify_mac2(&initiation), Err(MacError::WrongMac2));
}

#[cfg(feature = "probe")]
#[test]
fn bytes_that_are_a_message_are_stamped_as_it_is() {
    let mut pair = Pair::new(13);
    let (initiation, mac1) = pair.initiation(None);
    let mut bytes = initiation.as_bytes().to_vec();
    bytes[116..].fill(0x5a);

    assert_eq!(pair.to_bob.stamp_bytes(&mut bytes), Some(mac1));

    assert_eq!(bytes, initiation.as_bytes());
}

#[cfg(feature = "probe")]
#[test]
fn bytes_too_short_for_macs_are_not_stamped() {
    let pair = Pair::new(14);
    for len in 0..32 {
        let mut bytes = vec![0x5a; len];
        assert_eq!(pair.to_bob.stamp_bytes(&mut bytes), None);
        assert_eq!(bytes, vec![0x5a; len]);
    }
    assert!(pair.to_bob.stamp_bytes(&mut [0; 32]).is_some());
}

#[test]
fn cookie_depends_on_secret_address_and_port() {
    let mut pair = Pair::new(6);
    let secret = CookieSecret::generate(&mut pair.rng);
    let (initiation, _) = pair.initiation(Some(&secret.cookie(address("192.0.2.1:51820"))));

    let verify =
        |secret: &CookieSecret, source| secret.cookie(address(source)).verify_mac2(&initiation);
    assert_eq!(verify(&secret, "192.0.2.1:51820"), Ok(()));
    for source in [
        "192.0.2.2:51820",
        "192.0.2.1:51821",
        "[::ffff:192.0.2.1]:51820",
    ] {
        assert_eq!(
            verify(&secret, source),
            Err(MacError::WrongMac2),
            "{source}"
        );
    }
    let next_secret = CookieSecret::generate(&mut pair.rng);
    assert_eq!(
        verify(&next_secret, "192.0.2.1:51820"),
        Err(MacError::WrongMac2)
    );
}

#[test]
fn cookie_of_an_ipv6_address_ignores_its_scope() {
    let mut pair = Pair::new(7);
    let secret = CookieSecret::generate(&mut pair.rng);
    let (initiation, _) = pair.initiation(Some(&secret.cookie(address("[fe80::1%2]:1"))));

    assert_eq!(
        secret
            .cookie(address("[fe80::1%3]:1"))
            .verify_mac2(&initiation),
        Ok(())
    );
    let other = secret.cookie(address("[fe80::2%2]:1"));
    assert_eq!(other.verify_mac2(&initiation), Err(MacError::WrongMac2));
}

#[test]
fn opened_cookie_is_the_one_that_was_sealed() {
    let mut pair = Pair::new(8);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("[2001:db8::1]:1"));
    let (initiation, mac1) = pair.initiation(None);
    let reply = pair.reply(&initiation, &cookie);
    assert_eq!(reply.receiver_index(), initiation.sender_index());

    let opened = pair.to_bob.open_cookie_reply(&reply, &mac1).unwrap();

    let (next, _) = pair.initiation(Some(&opened));
    assert_eq!(cookie.verify_mac2(&next), Ok(()));
}

#[test]
fn cookie_replies_never_repeat_a_nonce() {
    let mut pair = Pair::new(9);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let (initiation, _) = pair.initiation(None);
    assert_ne!(
        pair.reply(&initiation, &cookie).nonce,
        pair.reply(&initiation, &cookie).nonce
    );
}

#[test]
fn cookie_reply_to_another_message_is_refused() {
    let mut pair = Pair::new(10);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let (first, _) = pair.initiation(None);
    let (_, last_mac1) = pair.initiation(None);
    let reply = pair.reply(&first, &cookie);

    let result = pair.to_bob.open_cookie_reply(&reply, &last_mac1);

    assert_eq!(result.err(), Some(MacError::ForgedCookieReply));
}

#[test]
fn cookie_reply_with_any_flipped_bit_is_refused() {
    let mut pair = Pair::new(11);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let (initiation, mac1) = pair.initiation(None);
    let reply = pair.reply(&initiation, &cookie);

    for bit in 0..24 * 8 {
        let mut forged = reply.clone();
        forged.nonce[bit / 8] ^= 1 << (bit % 8);
        let result = pair.to_bob.open_cookie_reply(&forged, &mac1);
        assert_eq!(result.err(), Some(MacError::ForgedCookieReply));
    }
    for bit in 0..32 * 8 {
        let mut forged = reply.clone();
        forged.encrypted_cookie[bit / 8] ^= 1 << (bit % 8);
        let result = pair.to_bob.open_cookie_reply(&forged, &mac1);
        assert_eq!(result.err(), Some(MacError::ForgedCookieReply));
    }
}

#[test]
fn cookie_reply_of_somebody_else_is_refused() {
    let mut pair = Pair::new(12);
    let cookie = CookieSecret::generate(&mut pair.rng).cookie(address("192.0.2.1:1"));
    let (initiation, mac1) = pair.initiation(None);
    let (receiver, mac1_bytes) = (initiation.sender_index(), initiation.mac1());
    let reply = pair
        .alice
        .seal_cookie_reply(receiver, mac1_bytes, &cookie, &mut pair.rng);

    let result = pair.to_bob.open_cookie_reply(&reply, &mac1);

    assert_eq!(result.err(), Some(MacError::ForgedCookieReply));
}
