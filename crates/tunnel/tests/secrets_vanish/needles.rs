//! Every secret of the handshakes in a scene, computed from the private keys and the messages.
//!
//! The Noise handshake is written here a second time, with nothing of ours: `wirecraft-noise-handshake`
//! lets nobody see a chaining key or a transport key.
//!
//! Source: WireGuard whitepaper §5.4.2, §5.4.3, §5.4.5.

use std::fmt;

use blake2::{Blake2s256, Digest};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305};
use hmac::{KeyInit, Mac, SimpleHmac};
use wirecraft_wire_format::{Data, HandshakeMessage, Initiation, Message, Response};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::memory::{MASK, NEEDLE_LEN, Needle};
use crate::scene::{ALICE, BOB, Draws, HOSTS, NEW_PRIVATE_KEYS, PRESHARED_KEY, PRIVATE_KEYS};

/// Secrets that come and go together; the number says which initiation they belong to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Group {
    /// The private keys of both hosts.
    Statics,
    /// Those that replace them.
    NewStatics,
    /// The preshared key.
    Psk,
    /// The Diffie-Hellman result of both static keys.
    StaticStatic,
    /// What the initiator keeps until the response: its ephemeral key and the chaining key.
    Attempt(usize),
    /// What exists only while a message is made or read.
    Passing(usize),
    /// Both transport keys.
    Session(usize),
    /// One-time keys and key streams, which exist only while packets are sealed or opened.
    Streams,
    /// The tags that forged packets should have had.
    Tags,
}

impl Group {
    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn parse(word: &str) -> Self {
        let (name, number) = word.split_once('#').unwrap_or((word, "0"));
        let number = number.parse().expect("a number");
        match name {
            "statics" => Self::Statics,
            "new-statics" => Self::NewStatics,
            "psk" => Self::Psk,
            "static-static" => Self::StaticStatic,
            "attempt" => Self::Attempt(number),
            "passing" => Self::Passing(number),
            "session" => Self::Session(number),
            "streams" => Self::Streams,
            "tags" => Self::Tags,
            other => panic!("no group: {other}"),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statics => f.write_str("statics"),
            Self::NewStatics => f.write_str("new-statics"),
            Self::Psk => f.write_str("psk"),
            Self::StaticStatic => f.write_str("static-static"),
            Self::Attempt(number) => write!(f, "attempt#{number}"),
            Self::Passing(number) => write!(f, "passing#{number}"),
            Self::Session(number) => write!(f, "session#{number}"),
            Self::Streams => f.write_str("streams"),
            Self::Tags => f.write_str("tags"),
        }
    }
}

/// The needles of a scene in which `messages` were sent.
pub(crate) fn of(messages: &[Vec<u8>]) -> Vec<Needle> {
    let mut found = Needles(Vec::new());
    let [alice, bob] = PRIVATE_KEYS.map(|draws| StaticSecret::from(draws.key(0)));
    let psk = PRESHARED_KEY.key(0);
    for key in [&alice, &bob] {
        found.add_private_key(Group::Statics, "private key", key);
    }
    for draws in NEW_PRIVATE_KEYS {
        let key = StaticSecret::from(draws.key(0));
        found.add_private_key(Group::NewStatics, "new private key", &key);
    }
    found.add(Group::Psk, "preshared key", &psk);
    let static_static = alice.diffie_hellman(&PublicKey::from(&bob)).to_bytes();
    found.add(Group::StaticStatic, "static-static", &static_static);

    let parsed = || {
        messages
            .iter()
            .map(|bytes| Message::parse(bytes).expect("devices send whole messages"))
    };
    let initiations = parsed().filter_map(|message| match message {
        Message::Initiation(initiation) => Some(initiation),
        _ => None,
    });
    let data: Vec<_> = parsed()
        .filter_map(|message| match message {
            Message::Data(data) => Some(data),
            _ => None,
        })
        .collect();
    for (number, initiation) in initiations.enumerate() {
        let response = parsed().find_map(|message| match message {
            Message::Response(response) => {
                (response.receiver_index() == initiation.sender_index()).then_some(response)
            }
            _ => None,
        });
        let handshake = Handshake {
            number,
            initiator: &alice,
            responder: &bob,
            static_static,
            psk,
            data: &data,
        };
        handshake.add_needles(initiation, response, &mut found);
    }
    found.0
}

struct Handshake<'a> {
    number: usize,
    initiator: &'a StaticSecret,
    responder: &'a StaticSecret,
    static_static: [u8; 32],
    psk: [u8; 32],
    /// What was sent in sessions.
    data: &'a [Data<'a>],
}

impl Handshake<'_> {
    fn add_needles(
        &self,
        initiation: &Initiation,
        response: Option<&Response>,
        found: &mut Needles,
    ) {
        let (attempt, passing) = (Group::Attempt(self.number), Group::Passing(self.number));
        let remote = PublicKey::from(self.responder);
        let ephemeral = HOSTS[ALICE].private_key_of(&initiation.ephemeral);
        found.add_private_key(attempt, "initiator's ephemeral", &ephemeral);

        let construction = Blake2s256::digest(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s");
        let [chaining_key] = kdf(&construction.into(), &initiation.ephemeral).0;
        let es = ephemeral.diffie_hellman(&remote).to_bytes();
        found.add(passing, "es", &es);
        let [chaining_key, _] = found.kdf(passing, "after es", &chaining_key, &es);
        let [chaining_key, key] = found.kdf_named(
            [attempt, passing],
            "after ss",
            &chaining_key,
            &self.static_static,
        );
        let _ = key;
        let Some(response) = response else {
            return;
        };
        let initiators = ephemeral;
        let ephemeral = HOSTS[BOB].private_key_of(&response.ephemeral);
        found.add_private_key(passing, "responder's ephemeral", &ephemeral);
        let [chaining_key] = found.kdf(passing, "after e", &chaining_key, &response.ephemeral);
        let ee = ephemeral
            .diffie_hellman(&PublicKey::from(&initiators))
            .to_bytes();
        found.add(passing, "ee", &ee);
        let [chaining_key] = found.kdf(passing, "after ee", &chaining_key, &ee);
        let se = ephemeral
            .diffie_hellman(&PublicKey::from(self.initiator))
            .to_bytes();
        found.add(passing, "se", &se);
        let [chaining_key] = found.kdf(passing, "after se", &chaining_key, &se);
        let [chaining_key, _, _] = found.kdf(passing, "after psk", &chaining_key, &self.psk);
        let session = Group::Session(self.number);
        let keys: [_; 2] = found.kdf_named([session, session], "transport key", &chaining_key, &[]);
        for key in &keys {
            found.add_repeated_words(session, "transport key", key);
            for data in self.data {
                found.add_data(key, data);
            }
        }
    }
}

/// The outputs of `KDF`, and the key that they were expanded from.
fn kdf<const N: usize>(chaining_key: &[u8; 32], input: &[u8]) -> ([[u8; 32]; N], [u8; 32]) {
    let extracted = hmac(chaining_key, input);
    let mut previous = Vec::new();
    let mut number = 0;
    let outputs = [(); N].map(|()| {
        number += 1;
        previous.push(number);
        let output = hmac(&extracted, &previous);
        previous = output.to_vec();
        output
    });
    (outputs, extracted)
}

fn hmac(key: &[u8; 32], input: &[u8]) -> [u8; 32] {
    let mut mac =
        SimpleHmac::<Blake2s256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(input);
    mac.finalize().into_bytes().into()
}

struct Needles(Vec<Needle>);

impl Needles {
    /// Both halves of a secret.
    fn add(&mut self, group: Group, name: &str, secret: &[u8; 32]) {
        for half in secret.as_chunks::<NEEDLE_LEN>().0 {
            self.0
                .push(Needle::new(group, name, half.map(|byte| byte ^ MASK)));
        }
    }

    /// Each word of a key as a vector register holds it: in all of its lanes.
    fn add_repeated_words(&mut self, group: Group, name: &str, key: &[u8; 32]) {
        for (number, word) in key.as_chunks::<4>().0.iter().enumerate() {
            let name = format!("{name}, word {number} repeated");
            let masked: [u8; NEEDLE_LEN] = core::array::from_fn(|at| word[at % 4] ^ MASK);
            self.0.push(Needle::new(group, &name, masked));
        }
    }

    /// What sealing or opening a message under a key needs: the halves of the one-time key, the beginnings of
    /// the blocks of key stream, and the tag that a message should have that has another.
    fn add_data(&mut self, key: &[u8; 32], data: &Data<'_>) {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&data.header.counter().value().to_le_bytes());
        let (text, tag) = data.ciphertext.split_last_chunk().expect("a tag");
        let mut stream = vec![0; 64 + text.len().next_multiple_of(64)];
        ChaCha20::new(key.into(), &nonce.into()).apply_keystream(&mut stream);
        let mut add = |group, name: &str, secret: [u8; NEEDLE_LEN]| {
            let masked = secret.map(|byte| byte ^ MASK);
            self.0.push(Needle::new(group, name, masked));
        };
        for half in stream[..32].as_chunks().0 {
            add(Group::Streams, "one-time key", *half);
        }
        for block in stream[64..].chunks(64) {
            add(
                Group::Streams,
                "key stream",
                *block.first_chunk().expect("a block"),
            );
        }
        let mut plain: Vec<u8> = text.iter().zip(&stream[64..]).map(|(a, b)| a ^ b).collect();
        let right: [u8; 16] = ChaCha20Poly1305::new(key.into())
            .encrypt_inout_detached(&nonce.into(), &[], plain.as_mut_slice().into())
            .expect("a packet is short")
            .into();
        if right != *tag {
            add(Group::Tags, "right tag", right);
        }
    }

    /// A secret that keys an HMAC is found in its padded forms as well.
    fn add_hmac_key(&mut self, group: Group, name: &str, secret: &[u8; 32]) {
        self.add(group, name, secret);
        for pad in [0x36, 0x5c] {
            let padded = secret.map(|byte| byte ^ pad);
            self.add(
                Group::Passing(usize::MAX),
                &format!("{name}, padded"),
                &padded,
            );
        }
    }

    /// A private key as it was drawn and as it is multiplied with.
    fn add_private_key(&mut self, group: Group, name: &str, key: &StaticSecret) {
        let mut clamped = key.to_bytes();
        clamped[0] &= 0b1111_1000;
        clamped[31] = clamped[31] & 0b0111_1111 | 0b0100_0000;
        self.add(group, name, &clamped);
        if clamped != key.to_bytes() {
            let drawn = format!("{name}, as drawn");
            let halves = key.to_bytes();
            for (half, kept) in halves
                .as_chunks::<NEEDLE_LEN>()
                .0
                .iter()
                .zip(clamped.as_chunks().0)
            {
                if half != kept {
                    let masked = half.map(|byte| byte ^ MASK);
                    self.0
                        .push(Needle::new(Group::Passing(usize::MAX), &drawn, masked));
                }
            }
        }
    }

    /// Computes `KDF` and adds all its outputs to one group.
    fn kdf<const N: usize>(
        &mut self,
        group: Group,
        name: &str,
        chaining_key: &[u8; 32],
        input: &[u8],
    ) -> [[u8; 32]; N] {
        self.kdf_named([group; N], name, chaining_key, input)
    }

    /// Computes `KDF` and adds each of its outputs to a group of its own.
    fn kdf_named<const N: usize>(
        &mut self,
        groups: [Group; N],
        name: &str,
        chaining_key: &[u8; 32],
        input: &[u8],
    ) -> [[u8; 32]; N] {
        let (outputs, extracted) = kdf(chaining_key, input);
        let name = |what: &str| format!("{what} {name}");
        self.add_hmac_key(
            Group::Passing(usize::MAX),
            &name("extracted key"),
            &extracted,
        );
        for (number, (group, output)) in groups.into_iter().zip(&outputs).enumerate() {
            self.add_hmac_key(group, &name(&format!("output {}", number + 1)), output);
        }
        outputs
    }
}

impl Draws {
    /// The private key among these draws whose public key is `public`.
    fn private_key_of(&self, public: &[u8; 32]) -> StaticSecret {
        let keys = (0..200).map(|draw| StaticSecret::from(self.key(draw)));
        let is_it = |key: &StaticSecret| PublicKey::from(key).as_bytes() == public;
        keys.into_iter()
            .find(is_it)
            .expect("hosts draw few numbers")
    }
}
