//! Handshake messages read with the keys that they were made for.
//!
//! An input is a change to a genuine message, or a whole message. Whatever is not byte for byte what
//! the peer made in the parts that are authenticated must be refused.

use core::time::Duration;
use std::sync::OnceLock;

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;
use wirecraft_noise_handshake::{
    AwaitingResponse, Cookie, CookieSecret, HandshakeError, LocalStatic, Mac1, PresharedKey,
    PrivateKey, ReceivedInitiation, RemoteStatic, Tai64N, initiate,
};
use wirecraft_wire_format::{CookieReply, HandshakeMessage, Index, Initiation, Message, Response};

use crate::input::Input;

/// A handshake between an initiator and a responder, and all that both know in the middle of it.
struct Handshake {
    initiator: LocalStatic,
    responder: LocalStatic,
    to_responder: RemoteStatic,
    to_initiator: RemoteStatic,
    preshared_key: PresharedKey,
    timestamp: Tai64N,
    attempt: AwaitingResponse,
    mac1: Mac1,
    cookie: Cookie,
    initiation: Initiation,
    response: Response,
    cookie_reply: CookieReply,
}

/// Where the parts of an initiation stand that Noise authenticates.
const INITIATION_BODY: core::ops::Range<usize> = 8..116;
/// The same of a response.
const RESPONSE_BODY: core::ops::Range<usize> = 12..60;
/// Nonce and sealed cookie of a cookie reply.
const COOKIE_REPLY_BODY: core::ops::Range<usize> = 8..64;

/// A handshake message is taken exactly if its authenticated parts are those of the genuine one.
pub fn handshake_message(input: &[u8]) {
    static HANDSHAKE: OnceLock<Handshake> = OnceLock::new();
    let handshake = HANDSHAKE.get_or_init(Handshake::new);
    let mut input = Input::new(input);
    let bytes = match input.choice(4) {
        0 => edited(&mut input, handshake.initiation.as_bytes()),
        1 => edited(&mut input, handshake.response.as_bytes()),
        2 => edited(&mut input, handshake.cookie_reply.as_bytes()),
        _ => input.rest().to_vec(),
    };
    match Message::parse(&bytes) {
        Ok(Message::Initiation(message)) => handshake.check_initiation(message),
        Ok(Message::Response(message)) => handshake.check_response(message),
        Ok(Message::CookieReply(message)) => handshake.check_cookie_reply(message),
        Ok(Message::Data(_)) => {}
        Err(_) => {}
    }
}

fn edited(input: &mut Input<'_>, genuine: &[u8]) -> Vec<u8> {
    let mut bytes = genuine.to_vec();
    input.edit(&mut bytes, 8);
    bytes
}

impl Handshake {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let initiator = LocalStatic::new(PrivateKey::generate(&mut rng));
        let responder = LocalStatic::new(PrivateKey::generate(&mut rng));
        let to_responder = RemoteStatic::new(&initiator, *responder.public_key())
            .expect("a generated key is no point of low order");
        let to_initiator = RemoteStatic::new(&responder, *initiator.public_key())
            .expect("a generated key is no point of low order");
        let preshared_key = PresharedKey::generate(&mut rng);
        let source = ([192, 0, 2, 1], 51820).into();
        let cookie = CookieSecret::generate(&mut rng).cookie(source);
        let timestamp = Tai64N::from_unix(Duration::from_secs(1_700_000_000));
        let index = Index::new(0x0102_0304);
        let made = initiate(&initiator, &to_responder, timestamp, index, &mut rng);
        let (mut initiation, attempt) = made.expect("the peer's key is sound");
        let mac1 = to_responder.stamp(&mut initiation, Some(&cookie));
        let fresh = ReceivedInitiation::read(&responder, &initiation)
            .and_then(|received| received.authenticate(&to_initiator, None))
            .expect("the initiation is genuine");
        let answer = fresh.respond(&preshared_key, Index::new(0x0506_0708), &mut rng);
        let (mut response, _) = answer.expect("the peer's key is sound");
        to_initiator.stamp(&mut response, Some(&cookie));
        let cookie_reply = responder.seal_cookie_reply(index, mac1.as_bytes(), &cookie, &mut rng);
        Self {
            initiator,
            responder,
            to_responder,
            to_initiator,
            preshared_key,
            timestamp,
            attempt,
            mac1,
            cookie,
            initiation,
            response,
            cookie_reply,
        }
    }

    fn check_initiation(&self, message: &Initiation) {
        let (bytes, genuine) = (message.as_bytes(), self.initiation.as_bytes());
        let receiver = &self.responder;
        self.check_macs(receiver, message, bytes, genuine);
        let names_sender = bytes[INITIATION_BODY.start..88] == genuine[INITIATION_BODY.start..88];
        let is_genuine = bytes[INITIATION_BODY] == genuine[INITIATION_BODY];
        let read = || ReceivedInitiation::read(receiver, message);
        match read() {
            Ok(received) => {
                assert!(names_sender, "the static key was sealed by nobody");
                assert_eq!(received.remote_static(), self.initiator.public_key());
            }
            Err(HandshakeError::ForgedStatic | HandshakeError::LowOrder) => {
                assert!(!names_sender, "a genuine static key is refused");
                return;
            }
            Err(error) => panic!("{error}"),
        }
        let authenticate =
            |newest| read().and_then(|it| it.authenticate(&self.to_initiator, newest));
        match authenticate(None) {
            Ok(fresh) => {
                assert!(is_genuine, "the timestamp was sealed by nobody");
                assert_eq!(fresh.timestamp(), self.timestamp);
                assert_eq!(fresh.sender_index(), message.sender_index());
                let replayed = authenticate(Some(self.timestamp)).err();
                assert_eq!(replayed, Some(HandshakeError::ReplayedTimestamp));
            }
            Err(error) => {
                assert_eq!(error, HandshakeError::ForgedTimestamp);
                assert!(!is_genuine, "a genuine initiation is refused");
            }
        }
    }

    fn check_response(&self, message: &Response) {
        let (bytes, genuine) = (message.as_bytes(), self.response.as_bytes());
        self.check_macs(&self.initiator, message, bytes, genuine);
        let is_genuine = bytes[RESPONSE_BODY] == genuine[RESPONSE_BODY];
        let read = |psk| self.attempt.read_response(&self.initiator, psk, message);
        match read(&self.preshared_key) {
            Ok(_) => {
                assert!(is_genuine, "the response was made by nobody");
                let without_key = read(&PresharedKey::ZERO).err();
                assert_eq!(without_key, Some(HandshakeError::ForgedResponse));
            }
            Err(HandshakeError::ForgedResponse | HandshakeError::LowOrder) => {
                assert!(!is_genuine, "a genuine response is refused");
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn check_cookie_reply(&self, message: &CookieReply) {
        let (bytes, genuine) = (message.as_bytes(), self.cookie_reply.as_bytes());
        let is_genuine = bytes[COOKIE_REPLY_BODY] == genuine[COOKIE_REPLY_BODY];
        let opened = self.to_responder.open_cookie_reply(message, &self.mac1);
        assert_eq!(opened.is_ok(), is_genuine);
        if let Ok(cookie) = opened {
            assert_eq!(cookie.verify_mac2(&self.initiation), Ok(()));
        }
    }

    fn check_macs(
        &self,
        receiver: &LocalStatic,
        message: &impl HandshakeMessage,
        bytes: &[u8],
        genuine: &[u8],
    ) {
        let before_mac2 = bytes.len() - 16;
        let is_for_us = bytes[..before_mac2] == genuine[..before_mac2];
        assert_eq!(receiver.verify_mac1(message).is_ok(), is_for_us);
        assert_eq!(self.cookie.verify_mac2(message).is_ok(), bytes == genuine);
    }
}
