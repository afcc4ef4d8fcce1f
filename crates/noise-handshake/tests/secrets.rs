//! Every type that holds a secret is wiped when dropped, which the compiler checks, and shows nothing of
//! it.

mod hidden;

use core::fmt::Debug;
use core::time::Duration;

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use wirecraft_noise_handshake::{
    AwaitingResponse, Cookie, CookieSecret, FreshInitiation, KeyError, KeyText, LocalStatic,
    OpeningKey, PresharedKey, PrivateKey, PublicKey, ReceivedInitiation, RemoteStatic, SealingKey,
    Tai64N, TransportKeys, initiate,
};
use wirecraft_wire_format::Index;
use x25519_dalek::StaticSecret;
use zeroize::ZeroizeOnDrop;

use hidden::assert_hidden;

const fn is_wiped<T: ZeroizeOnDrop>() {}

const _: () = {
    is_wiped::<PrivateKey>();
    is_wiped::<PresharedKey>();
    is_wiped::<KeyText>();
    is_wiped::<LocalStatic>();
    is_wiped::<RemoteStatic>();
    is_wiped::<AwaitingResponse>();
    is_wiped::<ReceivedInitiation>();
    is_wiped::<FreshInitiation>();
    is_wiped::<CookieSecret>();
    is_wiped::<Cookie>();
    is_wiped::<TransportKeys>();
    is_wiped::<SealingKey>();
    is_wiped::<OpeningKey>();
};

/// The marker alone wipes nothing: there must be code that runs when the value goes.
#[test]
fn every_secret_needs_drop() {
    assert!(std::mem::needs_drop::<PrivateKey>());
    assert!(std::mem::needs_drop::<PresharedKey>());
    assert!(std::mem::needs_drop::<LocalStatic>());
    assert!(std::mem::needs_drop::<RemoteStatic>());
    assert!(std::mem::needs_drop::<AwaitingResponse>());
    assert!(std::mem::needs_drop::<ReceivedInitiation>());
    assert!(std::mem::needs_drop::<FreshInitiation>());
    assert!(std::mem::needs_drop::<CookieSecret>());
    assert!(std::mem::needs_drop::<Cookie>());
    assert!(std::mem::needs_drop::<KeyText>());
    assert!(std::mem::needs_drop::<TransportKeys>());
    assert!(std::mem::needs_drop::<SealingKey>());
    assert!(std::mem::needs_drop::<OpeningKey>());
}

/// What the generator of a test gives out as number `draw`.
fn draw(seed: u64, draw: usize) -> [u8; 32] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = [0; 32];
    for _ in 0..=draw {
        rng.fill_bytes(&mut bytes);
    }
    bytes
}

#[test]
fn a_shown_secret_is_noticed() {
    let secret = draw(9, 0);
    let notices = |shown: &dyn Debug| {
        let shown = format!("{shown:?}");
        let text = Verbatim(shown);
        std::panic::catch_unwind(|| assert_hidden(&text, &secret)).is_err()
    };
    assert!(notices(&secret));
    assert!(notices(&hex::encode(secret)));
    assert!(notices(&hex::encode_upper(secret)));
    assert!(notices(&PublicKey::from_bytes(secret)));
    assert!(!notices(&PublicKey::from_bytes(draw(9, 1))));
}

struct Verbatim(String);

impl Debug for Verbatim {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

#[test]
fn debug_of_keys_hides_them() {
    let secret = draw(1, 0);
    let key = PrivateKey::from_bytes(secret);
    let clamped = *key.as_bytes();
    let psk = PresharedKey::from_bytes(secret);
    for hidden in [&secret, &clamped] {
        assert_hidden(&key, hidden);
        assert_hidden(&key.to_base64(), hidden);
        assert_hidden(&psk, hidden);
        assert_hidden(&psk.to_base64(), hidden);
        assert_hidden(&LocalStatic::new(key.clone()), hidden);
    }
    let cookies = CookieSecret::generate(&mut ChaCha8Rng::seed_from_u64(2));
    assert_hidden(&cookies, &draw(2, 0));
    let cookie = cookies.cookie(([192, 0, 2, 1], 51820).into());
    assert_eq!(format!("{cookie:?}"), "Cookie(..)");
}

#[test]
fn debug_of_a_handshake_hides_its_keys() {
    let (own, other) = (PrivateKey::from_bytes(draw(3, 0)), draw(3, 1));
    let other = PrivateKey::from_bytes(other);
    let (initiator, responder) = (LocalStatic::new(own), LocalStatic::new(other));
    let to_responder = RemoteStatic::new(&initiator, *responder.public_key()).unwrap();
    let to_initiator = RemoteStatic::new(&responder, *initiator.public_key()).unwrap();
    let with = |local: &LocalStatic, remote: &PublicKey| {
        let remote = x25519_dalek::PublicKey::from(*remote.as_bytes());
        let own = StaticSecret::from(*local.private_key().as_bytes());
        own.diffie_hellman(&remote).to_bytes()
    };
    let static_static = with(&initiator, responder.public_key());
    assert_hidden(&to_responder, &static_static);
    assert_hidden(&to_initiator, &static_static);

    let time = Tai64N::from_unix(Duration::from_secs(1_700_000_000));
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let made = initiate(&initiator, &to_responder, time, Index::new(1), &mut rng);
    let (message, waiting) = made.unwrap();
    assert_hidden(&waiting, &draw(4, 0));
    let ephemeral = PublicKey::from_bytes(message.ephemeral);
    let received = ReceivedInitiation::read(&responder, &message).unwrap();
    assert_hidden(&received, &with(&responder, &ephemeral));
    let fresh = received.authenticate(&to_initiator, None).unwrap();
    assert_hidden(&fresh, &static_static);
    let responded = fresh.respond(&PresharedKey::ZERO, Index::new(2), &mut rng);
    let (_, keys) = responded.unwrap();
    assert_eq!(
        format!("{keys:?}"),
        "TransportKeys { sealing: SealingKey(..), opening: OpeningKey(..) }"
    );
}

#[test]
fn errors_about_keys_hide_them() {
    let secret = draw(5, 0);
    let text = PublicKey::from_bytes(secret).to_string();
    for wrong in [
        text[1..].to_owned(),
        format!("{text}="),
        text.replace('=', "!"),
    ] {
        let error: KeyError = wrong.parse::<PrivateKey>().unwrap_err();
        assert_hidden(&Verbatim(format!("{error} {error:?}")), &secret);
    }
}
