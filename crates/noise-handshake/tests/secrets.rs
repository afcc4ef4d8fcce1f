//! Every type that holds a secret is wiped when dropped: the compiler checks it.

use wirecraft_noise_handshake::{
    AwaitingResponse, Cookie, CookieSecret, FreshInitiation, KeyText, LocalStatic, OpeningKey,
    PresharedKey, PrivateKey, ReceivedInitiation, RemoteStatic, SealingKey, TransportKeys,
};
use zeroize::ZeroizeOnDrop;

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
