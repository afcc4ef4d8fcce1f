//! Batches under the paths of this machine: whether the time tells how a wrong tag is wrong, what was
//! sealed, or under which key.

use std::hint::black_box;

use wirecraft_batch_aead::{Key, Open, Path, Seal, TAG_LEN};

use crate::{Class, Draws, Harness};

/// Sixteen sealed packets of 64 bytes.
type SealedBatch = [[u8; 64 + TAG_LEN]; 16];

/// The lengths of long packets beside each other, in bytes: enough for all of the code that takes
/// several blocks of each at a time, and uneven. They fill one register of the widest code.
const LONG_LENS: [usize; 8] = [1420, 256, 1404, 1420, 300, 1420, 600, 1420];

/// Long packets for two registers, of which the second begins later.
const LONGER_LENS: [usize; 16] = [
    1420, 256, 1404, 1420, 300, 1420, 600, 1420, 1200, 900, 1420, 1388, 64, 1000, 1420, 700,
];

/// A key whose path works on every batch, whether it is faster or not: what has a path's name is its code.
fn key_of(bytes: &[u8; 32], path: Path) -> Key {
    Key::with_path_always(bytes, path)
}

/// The nonce of the packet with a number.
fn nonce(number: u8) -> [u8; 12] {
    [0, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0]
}

fn seals<M: AsMut<[u8]>>(batch: &mut [M]) -> Vec<Seal<'_>> {
    let numbered = batch.iter_mut().zip(0..);
    let seals = numbered.map(|(message, number)| Seal {
        nonce: nonce(number),
        message: message.as_mut(),
    });
    seals.collect()
}

fn seal_batch<M: AsMut<[u8]>>(key: &Key, batch: &mut [M]) {
    key.seal_batch(&mut seals(batch));
}

/// How many packets open.
fn open_batch<M: AsMut<[u8]>>(key: &Key, batch: &mut [M]) -> usize {
    let numbered = batch.iter_mut().zip(0..);
    let mut opens: Vec<Open<'_>> = numbered
        .map(|(message, number)| Open::new(nonce(number), message.as_mut()))
        .collect();
    key.open_batch(&mut opens);
    opens.iter().filter(|open| open.result.is_ok()).count()
}

/// Makes sure that the code of `path` works on such a batch, and no other.
fn check_path<M: AsMut<[u8]>>(path: Path, batch: &mut [M]) {
    let working = key_of(&[0; 32], path).path_of(&mut seals(batch));
    assert_eq!(working, path, "it is what is measured");
}

/// Measures all of them.
pub(crate) fn all(harness: &mut Harness) {
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        short(harness, path);
        long(harness, path, "8 long packets", &LONG_LENS);
        long(harness, path, "16 long packets", &LONGER_LENS);
    }
}

/// Batches of sixteen short packets.
fn short(harness: &mut Harness, path: Path) {
    let bytes = [0x5a; 32];
    let key = key_of(&bytes, path);
    let mut sealed: SealedBatch = [[0x5a; 64 + TAG_LEN]; 16];
    check_path(path, &mut sealed);
    seal_batch(&key, &mut sealed);
    let with_wrong_tags = |draws: &mut Draws, class| {
        let mut wrong = sealed;
        for message in &mut wrong {
            let (_, tag) = message.split_last_chunk_mut::<TAG_LEN>().expect("a tag");
            *tag = draws.wrong(class, tag);
        }
        wrong
    };
    let name = format!("wrong tags of a batch, {path}");
    harness.constant(&name, 1, with_wrong_tags, |sealed| {
        assert_eq!(black_box(open_batch(&key, &mut sealed.clone())), 0);
    });
    let with_texts = |draws: &mut Draws, class| {
        let mut batch = sealed;
        for message in &mut batch {
            match class {
                Class::Fixed => *message = [0x5a; 64 + TAG_LEN],
                Class::Random => *message = draws.bytes(),
            }
        }
        seal_batch(&key, &mut batch);
        batch
    };
    let name = format!("right tags of a batch, {path}");
    harness.constant(&name, 1, with_texts, |sealed| {
        assert_eq!(black_box(open_batch(&key, &mut sealed.clone())), 16);
    });
    let name = format!("key of a batch, {path}");
    harness.constant(&name, 1, with_key(bytes), |key| {
        let mut batch = sealed;
        seal_batch(&key_of(key, path), &mut batch);
        black_box(&batch);
    });
}

/// A batch of long packets, of which every other one has a wrong tag.
fn long<const N: usize>(harness: &mut Harness, path: Path, what: &str, lens: &[usize; N]) {
    let bytes = [0x5a; 32];
    let key = key_of(&bytes, path);
    let plain = lens.map(|len| vec![0x5a; len + TAG_LEN]);
    let mut sealed = plain.clone();
    check_path(path, &mut sealed);
    seal_batch(&key, &mut sealed);
    let right = sealed
        .each_ref()
        .map(|message| *message.last_chunk::<TAG_LEN>().expect("a tag"));
    let with_wrong_tags = |draws: &mut Draws, class| {
        let mut tags = right;
        for tag in tags.iter_mut().step_by(2) {
            *tag = draws.wrong(class, tag);
        }
        tags
    };
    let mut batch = sealed.clone();
    let name = format!("wrong tags of {what}, {path}");
    harness.constant(&name, 1, with_wrong_tags, |tags| {
        for ((message, sealed), tag) in batch.iter_mut().zip(&sealed).zip(tags) {
            message.copy_from_slice(sealed);
            *message.last_chunk_mut().expect("a tag") = *tag;
        }
        assert_eq!(black_box(open_batch(&key, &mut batch)), N / 2);
    });
    let name = format!("key of {what}, {path}");
    harness.constant(&name, 1, with_key(bytes), |key| {
        for (message, plain) in batch.iter_mut().zip(&plain) {
            message.copy_from_slice(plain);
        }
        seal_batch(&key_of(key, path), &mut batch);
        black_box(&batch);
    });
}

/// The key that is always the same, or a random one.
fn with_key(fixed: [u8; 32]) -> impl FnMut(&mut Draws, Class) -> [u8; 32] {
    move |draws, class| match class {
        Class::Fixed => fixed,
        Class::Random => draws.bytes(),
    }
}
