//! A session without devices: the transport keys of both sides.

use getrandom::SysRng;
use rand_core::UnwrapErr;
use wirecraft_noise_handshake::{
    LocalStatic, PresharedKey, PrivateKey, ReceivedInitiation, RemoteStatic, Tai64N, TransportKeys,
    initiate,
};
use wirecraft_wire_format::Index;

/// Does a handshake; returns the initiator's keys and the responder's.
///
/// # Panics
/// Never: the keys are sound.
#[must_use]
pub fn session() -> (TransportKeys, TransportKeys) {
    let mut rng = UnwrapErr(SysRng);
    let local = |rng: &mut _| LocalStatic::new(PrivateKey::generate(rng));
    let (initiator, responder) = (local(&mut rng), local(&mut rng));
    let psk = PresharedKey::default();
    let to_responder = RemoteStatic::new(&initiator, *responder.public_key()).expect("a good key");
    let to_initiator = RemoteStatic::new(&responder, *initiator.public_key()).expect("a good key");
    let timestamp = Tai64N::from_unix(core::time::Duration::from_secs(1));
    let (initiation, attempt) = initiate(
        &initiator,
        &to_responder,
        timestamp,
        Index::new(1),
        &mut rng,
    )
    .expect("good keys");
    let (response, responder_keys) = ReceivedInitiation::read(&responder, &initiation)
        .and_then(|received| received.authenticate(&to_initiator, None))
        .and_then(|fresh| fresh.respond(&psk, Index::new(2), &mut rng))
        .expect("a good initiation");
    let initiator_keys = attempt
        .read_response(&initiator, &psk, &response)
        .expect("a good response");
    (initiator_keys, responder_keys)
}
