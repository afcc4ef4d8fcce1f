//! Batches of messages, sealed and opened by our key and by the libraries.

use arrayvec::ArrayVec;
use aws_lc_rs::aead as aws_lc;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use ring::aead as ring;
use wirecraft_batch_aead::{Key, Nonce, Open, Path, Seal, TAG_LEN};

/// The key of every measurement.
pub const KEY: [u8; 32] = [7; 32];

/// The lengths of texts, in bytes.
pub const TEXT_LENS: [usize; 6] = [64, 256, 512, 1024, 1420, 9000];

/// Packets of one call: up to as many as the tunnel has, and some that fill no register.
pub const AEAD_BATCHES: [usize; 8] = [1, 4, 8, 16, 17, 32, 33, BATCH_MAX];

/// The most packets of one call; as many as the tunnel has.
const BATCH_MAX: usize = 64;

/// The batch that the libraries are measured with, which take one packet at a time.
pub const LIBRARY_BATCH: usize = 16;

/// The nonce of a packet: four zeros and its counter, as in WireGuard.
fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// The lengths of a download and its acknowledgements: two full packets, then a small one.
#[must_use]
pub fn mix(batch: usize) -> Vec<usize> {
    let lens = (0..batch).map(|number| if number % 3 == 2 { 64 } else { 1420 });
    lens.collect()
}

/// Messages with texts of these lengths and room for tags.
#[must_use]
pub fn messages(lens: &[usize]) -> Vec<Vec<u8>> {
    lens.iter().map(|len| vec![0x5a; len + TAG_LEN]).collect()
}

/// The same, sealed.
#[must_use]
pub fn sealed(lens: &[usize]) -> Vec<Vec<u8>> {
    let mut messages = messages(lens);
    seal_batch(&Key::with_path(&KEY, Path::Single), &mut messages);
    messages
}

/// Seals the messages in one call, which is filled in place, as the tunnel does it.
///
/// # Panics
/// If there are more than 64.
pub fn seal_batch(key: &Key, messages: &mut [Vec<u8>]) {
    let mut batch = ArrayVec::<Seal<'_>, BATCH_MAX>::new();
    batch.extend((0..).zip(messages).map(|(counter, message)| Seal {
        nonce: nonce(counter),
        message,
    }));
    key.seal_batch(&mut batch);
}

/// Opens the messages in one call.
///
/// # Panics
/// If there are more than 64, or one does not open.
pub fn open_batch(key: &Key, messages: &mut [Vec<u8>]) {
    let mut batch = ArrayVec::<Open<'_>, BATCH_MAX>::new();
    let numbered = (0..).zip(messages);
    batch.extend(numbered.map(|(counter, message)| Open::new(nonce(counter), message)));
    key.open_batch(&mut batch);
    assert!(batch.iter().all(|packet| packet.result.is_ok()));
}

/// Seals or opens messages in place.
pub type Work = Box<dyn FnMut(&mut [Vec<u8>])>;

/// A library that takes one packet at a time.
pub struct Library {
    /// Its name.
    pub name: &'static str,
    /// Seals.
    pub seal: Work,
    /// Opens.
    pub open: Work,
}

/// The libraries that are compared with.
#[must_use]
pub fn libraries() -> [Library; 3] {
    [by_ring(), by_aws_lc(), by_rust()]
}

/// Calls a library for packet after packet.
fn one_by_one(work: impl Fn(Nonce, &mut Vec<u8>) + 'static) -> Work {
    Box::new(move |messages| {
        let numbered = (0..).zip(messages);
        numbered.for_each(|(counter, message)| work(nonce(counter), message));
    })
}

fn by_ring() -> Library {
    let key = || {
        let key = ring::UnboundKey::new(&ring::CHACHA20_POLY1305, &KEY);
        ring::LessSafeKey::new(key.expect("a key"))
    };
    let (sealing, opening) = (key(), key());
    Library {
        name: "ring",
        seal: one_by_one(move |nonce, message| {
            let (text, room) = message.split_last_chunk_mut::<TAG_LEN>().expect("room");
            let nonce = ring::Nonce::assume_unique_for_key(nonce);
            let tag = sealing.seal_in_place_separate_tag(nonce, ring::Aad::empty(), text);
            room.copy_from_slice(tag.expect("sealed").as_ref());
        }),
        open: one_by_one(move |nonce, message| {
            let nonce = ring::Nonce::assume_unique_for_key(nonce);
            let opened = opening.open_in_place(nonce, ring::Aad::empty(), message);
            assert!(opened.is_ok());
        }),
    }
}

fn by_aws_lc() -> Library {
    let key = || {
        let key = aws_lc::UnboundKey::new(&aws_lc::CHACHA20_POLY1305, &KEY);
        aws_lc::LessSafeKey::new(key.expect("a key"))
    };
    let (sealing, opening) = (key(), key());
    Library {
        name: "aws-lc-rs",
        seal: one_by_one(move |nonce, message| {
            let (text, room) = message.split_last_chunk_mut::<TAG_LEN>().expect("room");
            let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
            let done = sealing.seal_in_place_scatter(nonce, aws_lc::Aad::empty(), text, &[], room);
            assert!(done.is_ok());
        }),
        open: one_by_one(move |nonce, message| {
            let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
            let opened = opening.open_in_place(nonce, aws_lc::Aad::empty(), message);
            assert!(opened.is_ok());
        }),
    }
}

fn by_rust() -> Library {
    let (sealing, opening) = (
        ChaCha20Poly1305::new(&KEY.into()),
        ChaCha20Poly1305::new(&KEY.into()),
    );
    Library {
        name: "RustCrypto",
        seal: one_by_one(move |nonce, message| {
            let (text, room) = message.split_last_chunk_mut::<TAG_LEN>().expect("room");
            let tag = sealing.encrypt_inout_detached(&nonce.into(), &[], text.into());
            *room = tag.expect("sealed").into();
        }),
        open: one_by_one(move |nonce, message| {
            let (text, tag) = message.split_last_chunk_mut::<TAG_LEN>().expect("a tag");
            let tag = (*tag).into();
            let opened = opening.decrypt_inout_detached(&nonce.into(), &[], text.into(), &tag);
            assert!(opened.is_ok());
        }),
    }
}
