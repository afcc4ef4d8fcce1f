//! Two exchanges written down byte by byte, every field of them (`tests/vectors/README.md`).

use core::net::SocketAddr;
use core::time::Duration;
use std::string::String;
use std::vec::Vec;

use serde_json::Value;
use wirecraft_wire_format::{
    CookieReply, DataHeader, DataMut, HandshakeMessage, Index, Initiation, Message, Response,
};

use super::symmetric::SymmetricState;
use super::{AwaitingResponse, FreshInitiation, ReceivedInitiation, initiate};
use crate::fixed_rng::FixedRng;
use crate::keys::{PresharedKey, PrivateKey};
use crate::macs::CookieSecret;
use crate::statics::{LocalStatic, RemoteStatic};
use crate::timestamp::Tai64N;
use crate::transport::TransportKeys;

struct Transcript(Value);

impl Transcript {
    fn text(&self, field: &str) -> &str {
        self.0[field].as_str().expect("the field is a string")
    }

    fn bytes(&self, field: &str) -> Vec<u8> {
        hex::decode(self.text(field)).expect("the field is hexadecimal")
    }

    fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field)
            .try_into()
            .expect("the field has that length")
    }

    fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().expect("the field is a number")
    }

    fn index(&self, field: &str) -> Index {
        Index::new(self.number(field).try_into().expect("an index has 32 bits"))
    }

    fn local(&self, field: &str) -> LocalStatic {
        LocalStatic::new(PrivateKey::from_bytes(self.array(field)))
    }

    fn timestamp(&self) -> Tai64N {
        let nanos = self
            .number("nanoseconds")
            .try_into()
            .expect("nanoseconds have 32 bits");
        Tai64N::from_unix(Duration::new(self.number("unix_seconds"), nanos))
    }

    fn source(&self) -> SocketAddr {
        let [a, b, c, d, port @ ..] = self.array::<6>("cookie_source_ip_port");
        SocketAddr::from(([a, b, c, d], u16::from_be_bytes(port)))
    }
}

/// Both ends of an exchange, with what they computed beforehand.
struct Ends {
    initiator: LocalStatic,
    responder: LocalStatic,
    to_responder: RemoteStatic,
    to_initiator: RemoteStatic,
    psk: PresharedKey,
}

impl Ends {
    fn new(transcript: &Transcript) -> Self {
        let initiator = transcript.local("initiator_static_private");
        let responder = transcript.local("responder_static_private");
        let to_responder = RemoteStatic::new(&initiator, *responder.public_key()).unwrap();
        let to_initiator = RemoteStatic::new(&responder, *initiator.public_key()).unwrap();
        let psk = PresharedKey::from_bytes(transcript.array("preshared_key"));
        Self {
            initiator,
            responder,
            to_responder,
            to_initiator,
            psk,
        }
    }

    fn initiate(&self, transcript: &Transcript) -> (Initiation, AwaitingResponse) {
        let mut rng = FixedRng::new(&transcript.bytes("initiator_ephemeral_private"));
        let index = transcript.index("initiator_index");
        initiate(
            &self.initiator,
            &self.to_responder,
            transcript.timestamp(),
            index,
            &mut rng,
        )
        .unwrap()
    }

    fn receive(&self, initiation: &Initiation) -> FreshInitiation {
        ReceivedInitiation::read(&self.responder, initiation)
            .and_then(|received| received.authenticate(&self.to_initiator, None))
            .unwrap()
    }

    fn respond(&self, transcript: &Transcript) -> (Response, SymmetricState) {
        let mut rng = FixedRng::new(&transcript.bytes("responder_ephemeral_private"));
        let index = transcript.index("responder_index");
        self.receive(&self.initiate(transcript).0)
            .finish(&self.psk, index, &mut rng)
            .unwrap()
    }

    /// The keys of initiator and responder.
    fn keys(&self, transcript: &Transcript) -> (TransportKeys, TransportKeys) {
        let (initiation, waiting) = self.initiate(transcript);
        let mut rng = FixedRng::new(&transcript.bytes("responder_ephemeral_private"));
        let index = transcript.index("responder_index");
        let fresh = self.receive(&initiation);
        let (response, responder) = fresh.respond(&self.psk, index, &mut rng).unwrap();
        let initiator = waiting
            .read_response(&self.initiator, &self.psk, &response)
            .unwrap();
        (initiator, responder)
    }
}

fn for_each_transcript(check: impl Fn(&Transcript, &Ends)) {
    let file = include_str!("../../tests/vectors/wireguard_transcripts.json");
    let mut file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array_mut().expect("the file has cases");
    assert_eq!(cases.len(), 2);
    for case in cases {
        let transcript = Transcript(case.take());
        check(&transcript, &Ends::new(&transcript));
    }
}

#[track_caller]
fn assert_hex(actual: &[u8], expected: &str) {
    assert_eq!(hex::encode(actual), expected);
}

#[track_caller]
fn assert_state(state: &SymmetricState, transcript: &Transcript, message: &str) {
    let field = |prefix: &str| -> String { [prefix, message].concat() };
    assert_hex(
        state.chaining_key.as_bytes(),
        transcript.text(&field("ck_after_")),
    );
    assert_hex(state.hash.as_bytes(), transcript.text(&field("h_after_")));
}

#[test]
fn keys_and_what_follows_from_them_are_those_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let Ends {
            initiator,
            responder,
            to_responder,
            to_initiator,
            ..
        } = ends;
        let text = |field| transcript.text(field);

        assert_hex(
            initiator.public_key().as_bytes(),
            text("initiator_static_public"),
        );
        assert_hex(
            responder.public_key().as_bytes(),
            text("responder_static_public"),
        );
        assert_hex(
            to_responder.static_static().as_bytes(),
            text("static_static"),
        );
        assert_hex(
            to_initiator.static_static().as_bytes(),
            text("static_static"),
        );
        assert_hex(&to_responder.derived().mac1_key, text("mac1_key_responder"));
        assert_hex(&responder.derived().mac1_key, text("mac1_key_responder"));
        assert_hex(&to_initiator.derived().mac1_key, text("mac1_key_initiator"));
        assert_hex(&initiator.derived().mac1_key, text("mac1_key_initiator"));
        assert_hex(
            &responder.derived().cookie_key,
            text("cookie_key_responder"),
        );
        assert_hex(
            &to_responder.derived().cookie_key,
            text("cookie_key_responder"),
        );
        assert_hex(&transcript.timestamp().to_bytes(), text("tai64n"));
    });
}

#[test]
fn initiation_and_the_state_after_it_are_those_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let (mut initiation, waiting) = ends.initiate(transcript);
        ends.to_responder.stamp(&mut initiation, None);

        assert_hex(
            initiation.as_bytes(),
            transcript.text("handshake_initiation"),
        );
        assert_state(&waiting.state, transcript, "msg1");
        assert_eq!(waiting.sender_index(), transcript.index("initiator_index"));
    });
}

#[test]
fn responder_reads_the_initiation_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let bytes = transcript.bytes("handshake_initiation");
        let Ok(Message::Initiation(initiation)) = Message::parse(&bytes) else {
            panic!("an initiation");
        };

        assert_eq!(ends.responder.verify_mac1(initiation), Ok(()));
        let received = ReceivedInitiation::read(&ends.responder, initiation).unwrap();
        assert_eq!(received.remote_static(), ends.initiator.public_key());
        let fresh = received.authenticate(&ends.to_initiator, None).unwrap();
        assert_eq!(fresh.timestamp(), transcript.timestamp());
        assert_eq!(fresh.sender_index(), transcript.index("initiator_index"));
        assert_state(&fresh.state, transcript, "msg1");
    });
}

#[test]
fn response_and_the_state_after_it_are_those_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let (mut response, state) = ends.respond(transcript);
        ends.to_initiator.stamp(&mut response, None);

        assert_hex(response.as_bytes(), transcript.text("handshake_response"));
        assert_state(&state, transcript, "msg2");
        let keys = state.split();
        assert_hex(keys.to_responder.as_bytes(), transcript.text("key_i2r"));
        assert_hex(keys.to_initiator.as_bytes(), transcript.text("key_r2i"));
    });
}

#[test]
fn initiator_reads_the_response_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let bytes = transcript.bytes("handshake_response");
        let Ok(Message::Response(response)) = Message::parse(&bytes) else {
            panic!("a response");
        };

        assert_eq!(ends.initiator.verify_mac1(response), Ok(()));
        let (_, waiting) = ends.initiate(transcript);
        let state = waiting
            .finish(&ends.initiator, &ends.psk, response)
            .unwrap();
        assert_state(&state, transcript, "msg2");
        let keys = state.split();
        assert_hex(keys.to_responder.as_bytes(), transcript.text("key_i2r"));
        assert_hex(keys.to_initiator.as_bytes(), transcript.text("key_r2i"));
    });
}

#[test]
fn cookie_and_its_reply_are_those_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let secret = CookieSecret::generate(&mut FixedRng::new(&transcript.bytes("cookie_secret")));
        let cookie = secret.cookie(transcript.source());
        assert_hex(cookie.as_bytes(), transcript.text("cookie"));

        let (mut initiation, _) = ends.initiate(transcript);
        let mac1 = ends.to_responder.stamp(&mut initiation, None);
        let mut rng = FixedRng::new(&transcript.bytes("cookie_nonce"));
        let (receiver, mac1_bytes) = (initiation.sender_index(), initiation.mac1());
        let reply = ends
            .responder
            .seal_cookie_reply(receiver, mac1_bytes, &cookie, &mut rng);
        assert_hex(reply.as_bytes(), transcript.text("cookie_reply"));

        let opened = ends.to_responder.open_cookie_reply(&reply, &mac1).unwrap();
        assert_eq!(opened.as_bytes(), cookie.as_bytes());
    });
}

#[test]
fn cookie_reply_of_the_transcript_leads_to_its_mac2() {
    for_each_transcript(|transcript, ends| {
        let bytes = transcript.bytes("cookie_reply");
        let Ok(Message::CookieReply(reply)) = Message::parse(&bytes) else {
            panic!("a cookie reply");
        };
        let reply: &CookieReply = reply;
        let (mut initiation, waiting) = ends.initiate(transcript);
        let mac1 = ends.to_responder.stamp(&mut initiation, None);
        assert_eq!(reply.receiver_index(), waiting.sender_index());

        let cookie = ends.to_responder.open_cookie_reply(reply, &mac1).unwrap();
        ends.to_responder.stamp(&mut initiation, Some(&cookie));

        assert_hex(
            initiation.as_bytes(),
            transcript.text("handshake_initiation_with_mac2"),
        );
        let secret = CookieSecret::generate(&mut FixedRng::new(&transcript.bytes("cookie_secret")));
        assert_eq!(
            secret.cookie(transcript.source()).verify_mac2(&initiation),
            Ok(())
        );
    });
}

#[test]
fn transport_packets_are_those_of_the_transcript() {
    for_each_transcript(|transcript, ends| {
        let (initiator, responder) = ends.keys(transcript);
        let packet = transcript.bytes("inner_packet");
        let cases = [
            (
                "transport_i2r_counter0",
                "responder_index",
                0,
                &initiator,
                &packet[..],
            ),
            (
                "transport_r2i_counter0_keepalive",
                "initiator_index",
                0,
                &responder,
                &[],
            ),
            (
                "transport_i2r_counter1_keepalive",
                "responder_index",
                1,
                &initiator,
                &[],
            ),
        ];
        for (field, receiver, counter, keys, packet) in cases {
            let counter = wirecraft_wire_format::Counter::new(counter);
            let header = DataHeader::new(transcript.index(receiver), counter);
            let mut sealed = [packet, &[0; 16]].concat();
            keys.sealing.seal(counter, &mut sealed);
            assert_hex(
                &[header.as_bytes(), &sealed].concat(),
                transcript.text(field),
            );
        }
    });
}

#[test]
fn transport_packets_of_the_transcript_open() {
    for_each_transcript(|transcript, ends| {
        let (initiator, responder) = ends.keys(transcript);
        let packet = transcript.bytes("inner_packet");
        let cases = [
            ("transport_i2r_counter0", &responder, &packet[..]),
            ("transport_r2i_counter0_keepalive", &initiator, &[]),
            ("transport_i2r_counter1_keepalive", &responder, &[]),
        ];
        for (field, keys, packet) in cases {
            let mut bytes = transcript.bytes(field);
            let data = DataMut::parse(&mut bytes).unwrap();
            keys.opening
                .open(data.header.counter(), data.ciphertext)
                .unwrap();
            assert_eq!(&data.ciphertext[..packet.len()], packet);
            assert_eq!(data.ciphertext.len(), packet.len() + 16);
        }
    });
}
