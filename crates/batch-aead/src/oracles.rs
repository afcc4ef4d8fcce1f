//! Every path must be the same function as the libraries for one packet.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::format;
use std::io::Write;
use std::sync::Once;
use std::vec;
use std::vec::Vec;

use crate::single::rust;
use crate::{
    Key, Message, Nonce, Open, OpenError, Path, Received, Seal, TAG_LEN, open_keyed, seal_keyed,
};

/// The paths of this machine; the log says which they are, also where all tests pass.
pub(crate) fn available_paths() -> Vec<Path> {
    static LOGGED: Once = Once::new();
    let (there, missing): (Vec<_>, Vec<_>) =
        Path::ALL.into_iter().partition(|path| path.is_available());
    LOGGED.call_once(|| {
        let line = format!("paths tested: {there:?}; not here: {missing:?}\n");
        // Not by a macro, whose output is shown of failed tests only.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    });
    there
}

/// The nonces of WireGuard: four zeros and a counter.
fn counted(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// Packets of one key: plain, and as both libraries seal them.
struct Batch {
    key: [u8; 32],
    nonces: Vec<Nonce>,
    plain: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
}

impl Batch {
    fn new(rng: &mut ChaCha8Rng, first: u64, lens: &[usize]) -> Self {
        let mut batch = Self {
            key: [0; 32],
            nonces: (0..lens.len() as u64)
                .map(|it| counted(first.wrapping_add(it)))
                .collect(),
            plain: lens.iter().map(|len| vec![0; len + 16]).collect(),
            sealed: Vec::new(),
        };
        rng.fill_bytes(&mut batch.key);
        for message in &mut batch.plain {
            rng.fill_bytes(message);
        }
        let key = rust::SingleKey::new(&batch.key);
        for (nonce, plain) in batch.nonces.iter().zip(&batch.plain) {
            let mut sealed = plain.clone();
            let (text, tag) = sealed.split_last_chunk_mut().unwrap();
            key.seal(nonce, &[], text, tag);
            batch.sealed.push(sealed);
        }
        batch
    }

    fn random(rng: &mut ChaCha8Rng, lens: &[usize]) -> Self {
        let first = rng.next_u64();
        Self::new(rng, first, lens)
    }

    /// What a path makes of the plain packets.
    fn sealed_by(&self, path: Path) -> Vec<Vec<u8>> {
        let mut messages = self.plain.clone();
        let items = messages.iter_mut().zip(&self.nonces);
        let mut seals: Vec<_> = items
            .map(|(message, nonce)| Seal {
                nonce: *nonce,
                message,
            })
            .collect();
        Key::with_path_always(&self.key, path).seal_batch(&mut seals);
        messages
    }

    /// What a path makes of sealed packets, and whether it opens them.
    fn opened_by(&self, path: Path, mut messages: Vec<Vec<u8>>) -> Opened {
        let items = messages.iter_mut().zip(&self.nonces);
        let mut opens: Vec<_> = items.map(|(it, nonce)| Open::new(*nonce, it)).collect();
        Key::with_path_always(&self.key, path).open_batch(&mut opens);
        let results = opens.iter().map(|open| open.result).collect();
        Opened { messages, results }
    }

    /// Checks both directions of a path.
    fn check(&self, path: Path) {
        let lens = || {
            self.plain
                .iter()
                .map(|it| it.len() - 16)
                .collect::<Vec<_>>()
        };
        assert!(
            self.sealed_by(path) == self.sealed,
            "{path} seals {:?}",
            lens()
        );
        let opened = self.opened_by(path, self.sealed.clone());
        assert!(
            opened.results.iter().all(|it| it.is_ok()),
            "{path} opens {:?}",
            lens()
        );
        for (opened, plain) in opened.messages.iter().zip(&self.plain) {
            let (opened, _) = opened.split_last_chunk::<16>().unwrap();
            let (plain, _) = plain.split_last_chunk::<16>().unwrap();
            assert!(opened == plain, "{path} opens {:?}", lens());
        }
    }
}

struct Opened {
    messages: Vec<Vec<u8>>,
    results: Vec<Result<(), OpenError>>,
}

/// As many packets as a batch has in the longest test.
const BATCH_MAX: usize = 64;

#[test]
fn every_length_up_to_2048_is_sealed_and_opened_as_by_the_libraries() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let paths = available_paths();
    for len in 0..=2048 {
        // Every size of a batch comes up with 32 lengths that follow each other modulo 64.
        let count = 1 + (len + len / BATCH_MAX) % BATCH_MAX;
        let batch = Batch::random(&mut rng, &vec![len; count]);
        for path in &paths {
            batch.check(*path);
        }
    }
}

#[test]
fn every_size_of_a_batch_is_sealed_and_opened_as_by_the_libraries() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let paths = available_paths();
    for count in 1..=BATCH_MAX {
        for len in [0, 1, 15, 16, 17, 48, 63, 64, 65, 128, 255, 256, 1420] {
            let batch = Batch::random(&mut rng, &vec![len; count]);
            for path in &paths {
                batch.check(*path);
            }
        }
    }
}

#[test]
#[ignore = "takes minutes: cargo xtask aead-tests"]
fn every_length_in_every_size_of_a_batch() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let paths = available_paths();
    for count in 1..=BATCH_MAX {
        for len in 0..=2048 {
            let batch = Batch::random(&mut rng, &vec![len; count]);
            for path in &paths {
                batch.check(*path);
            }
        }
    }
}

/// A number below `end`.
fn below(rng: &mut ChaCha8Rng, end: u32) -> usize {
    (rng.next_u32() % end) as usize
}

#[test]
fn uneven_batches_are_sealed_and_opened_as_by_the_libraries() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let paths = available_paths();
    for round in 0..1000 {
        let count = 1 + below(&mut rng, 40);
        let len_max = [40, 200, 2100, 9100][round % 4];
        let lens: Vec<_> = (0..count).map(|_| below(&mut rng, len_max)).collect();
        let batch = Batch::random(&mut rng, &lens);
        for path in &paths {
            batch.check(*path);
        }
    }
}

#[test]
fn whoever_is_faster_works_on_a_batch_as_the_libraries_do() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for count in 1..=20 {
        for len in [64, 300, 1420] {
            let batch = Batch::random(&mut rng, &vec![len; count]);
            for path in available_paths() {
                let key = Key::with_path(&batch.key, path);
                let mut messages = batch.plain.clone();
                let items = messages.iter_mut().zip(&batch.nonces);
                let mut seals: Vec<_> = items
                    .map(|(message, nonce)| Seal {
                        nonce: *nonce,
                        message,
                    })
                    .collect();
                key.seal_batch(&mut seals);
                assert!(messages == batch.sealed, "{path} {count} of {len}");
                let items = messages.iter_mut().zip(&batch.nonces);
                let mut opens: Vec<_> = items.map(|(it, nonce)| Open::new(*nonce, it)).collect();
                key.open_batch(&mut opens);
                assert!(
                    opens.iter().all(|open| open.result.is_ok()),
                    "{path} {count} of {len}"
                );
            }
        }
    }
}

/// Packets whose keys are drawn from a few, in any order: each batch has one of a key.
fn mixed(rng: &mut ChaCha8Rng, keys: usize, lens: &[usize]) -> Vec<Batch> {
    let keys: Vec<[u8; 32]> = (0..keys).map(|_| Batch::random(rng, &[]).key).collect();
    let draw = |len: &usize| {
        let mut batch = Batch::random(rng, &[*len]);
        let key = keys[below(rng, keys.len().try_into().unwrap())];
        batch.key = key;
        batch.sealed = vec![batch.plain[0].clone()];
        let (text, tag) = batch.sealed[0].split_last_chunk_mut().unwrap();
        rust::SingleKey::new(&key).seal(&batch.nonces[0], &[], text, tag);
        batch
    };
    lens.iter().map(draw).collect()
}

/// Keys of packets, one for each.
fn keys_of(packets: &[Batch], paths: &[Path]) -> Vec<Key> {
    let path = |number: usize| paths[number % paths.len()];
    packets
        .iter()
        .enumerate()
        .map(|(number, packet)| Key::with_path_always(&packet.key, path(number)))
        .collect()
}

#[test]
fn packets_of_many_keys_are_sealed_and_opened_as_each_alone() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let available = available_paths();
    let mut ways: Vec<Vec<Path>> = available.iter().map(|path| vec![*path]).collect();
    ways.push(available);
    for round in 0..400 {
        let count = 1 + below(&mut rng, 40);
        let len_max = [40, 200, 2100][round % 3];
        let lens: Vec<_> = (0..count).map(|_| below(&mut rng, len_max)).collect();
        let packets = mixed(&mut rng, 1 + round % 5, &lens);
        for paths in &ways {
            let keys = keys_of(&packets, paths);
            let mut messages: Vec<_> = packets.iter().map(|it| it.plain[0].clone()).collect();
            let items = messages.iter_mut().zip(packets.iter().zip(&keys));
            let mut seals: Vec<_> = items
                .map(|(message, (packet, key))| {
                    let nonce = packet.nonces[0];
                    key.keyed(Seal { nonce, message })
                })
                .collect();
            seal_keyed(&mut seals);
            for (message, packet) in messages.iter().zip(&packets) {
                assert!(*message == packet.sealed[0], "{paths:?} seals {lens:?}");
            }
            let forged = below(&mut rng, count.try_into().unwrap());
            messages[forged][0] ^= 1;
            check_opening(&packets, &keys, messages, forged);
        }
    }
}

/// Checks that all packets open but the one that was forged.
fn check_opening(packets: &[Batch], keys: &[Key], mut messages: Vec<Vec<u8>>, forged: usize) {
    let mut results = vec![Err(OpenError::TooShort); packets.len()];
    let items = messages.iter_mut().zip(packets.iter().zip(keys));
    let mut opens: Vec<_> = items
        .zip(&mut results)
        .map(|((message, (packet, key)), result)| {
            let open = Open::new(packet.nonces[0], message);
            key.keyed(Told { open, result })
        })
        .collect();
    open_keyed(&mut opens);
    for (number, (message, packet)) in messages.iter().zip(packets).enumerate() {
        assert_eq!(results[number].is_err(), number == forged);
        if number != forged {
            let text = message.split_last_chunk::<TAG_LEN>().unwrap().0;
            assert_eq!(
                text,
                packet.plain[0].split_last_chunk::<TAG_LEN>().unwrap().0
            );
        }
    }
}

/// A packet whose result outlives the batch.
struct Told<'a> {
    open: Open<'a>,
    result: &'a mut Result<(), OpenError>,
}

impl Message for Told<'_> {
    fn nonce(&self) -> Nonce {
        self.open.nonce()
    }

    fn bytes(&mut self) -> &mut [u8] {
        self.open.bytes()
    }
}

impl Received for Told<'_> {
    fn set_result(&mut self, result: Result<(), OpenError>) {
        *self.result = result;
    }
}

#[test]
fn packets_of_sixteen_keys_go_through_vector_code_together() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for path in available_paths() {
        let packets = mixed(&mut rng, 16, &[64; 16]);
        let keys: Vec<Key> = packets
            .iter()
            .map(|it| Key::with_path(&it.key, path))
            .collect();
        let mut messages: Vec<_> = packets.iter().map(|it| it.plain[0].clone()).collect();
        let items = messages.iter_mut().zip(packets.iter().zip(&keys));
        let mut seals: Vec<_> = items
            .map(|(message, (packet, key))| {
                let nonce = packet.nonces[0];
                key.keyed(Seal { nonce, message })
            })
            .collect();
        assert_eq!(keys[0].path_of(&mut seals), path);
        seal_keyed(&mut seals);
        for (message, packet) in messages.iter().zip(&packets) {
            assert!(*message == packet.sealed[0], "{path}");
        }
    }
}

#[test]
fn counters_at_every_border_are_sealed_and_opened_as_by_the_libraries() {
    /// The last counter that WireGuard allows: one below REJECT_AFTER_MESSAGES.
    const LAST: u64 = u64::MAX - (1 << 13) - 1;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for path in available_paths() {
        for first in [
            0,
            (1 << 32) - 5,
            (1 << 33) - 5,
            (1 << 63) - 5,
            LAST - 19,
            u64::MAX - 19,
        ] {
            Batch::new(&mut rng, first, &[100; 20]).check(path);
        }
    }
}

#[test]
fn nonce_may_have_any_twelve_bytes() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut batch = Batch::random(&mut rng, &[70; 20]);
    let key = rust::SingleKey::new(&batch.key);
    for number in 0..20 {
        rng.fill_bytes(&mut batch.nonces[number]);
        batch.sealed[number].copy_from_slice(&batch.plain[number]);
        let (text, tag) = batch.sealed[number].split_last_chunk_mut().unwrap();
        key.seal(&batch.nonces[number], &[], text, tag);
    }
    for path in available_paths() {
        batch.check(path);
    }
}

#[test]
fn flipped_bit_anywhere_fails_its_packet_and_no_other() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let lens = [
        70, 0, 16, 200, 64, 33, 70, 70, 128, 1, 70, 70, 90, 70, 70, 70, 70, 20,
    ];
    let batch = Batch::random(&mut rng, &lens);
    for path in available_paths() {
        for (packet, len) in lens.iter().enumerate() {
            for bit in 0..(len + 16) * 8 {
                let mut forged = batch.sealed.clone();
                forged[packet][bit / 8] ^= 1 << (bit % 8);

                let opened = batch.opened_by(path, forged.clone());

                for (number, result) in opened.results.iter().enumerate() {
                    assert_eq!(result.is_err(), number == packet, "{path} {packet} {bit}");
                }
                let left = &opened.messages[packet];
                let holds_nothing = left[..*len].iter().all(|byte| *byte == 0);
                assert!(
                    holds_nothing || *left == forged[packet],
                    "{path} {packet} {bit}"
                );
            }
        }
    }
}

#[test]
fn every_packet_may_fail_at_once() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let batch = Batch::random(&mut rng, &[1420; 16]);
    let mut forged = batch.sealed.clone();
    for message in &mut forged {
        message[0] ^= 1;
    }
    for path in available_paths() {
        let opened = batch.opened_by(path, forged.clone());
        assert_eq!(opened.results, [Err(OpenError::WrongTag); 16]);
        for (left, forged) in opened.messages.iter().zip(&forged) {
            let (text, tag) = left.split_last_chunk::<16>().unwrap();
            assert!(left.ends_with(tag) && forged.ends_with(tag), "{path}");
            let is_wiped = text.iter().all(|byte| *byte == 0);
            assert!(left == forged || is_wiped && path == Path::Single, "{path}");
        }
    }
}

#[test]
fn message_without_a_tag_is_too_short_and_its_neighbours_open() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let batch = Batch::random(&mut rng, &[64; 18]);
    for path in available_paths() {
        for len in 0..16 {
            let mut messages = batch.sealed.clone();
            messages[3].truncate(len);
            let before = messages[3].clone();

            let opened = batch.opened_by(path, messages);

            assert_eq!(opened.results[3], Err(OpenError::TooShort), "{path}");
            assert_eq!(
                opened.results.iter().filter(|it| it.is_ok()).count(),
                17,
                "{path}"
            );
            assert_eq!(opened.messages[3], before);
        }
    }
}

#[test]
fn batch_with_a_message_without_room_for_a_tag_is_not_sealed() {
    for path in available_paths() {
        for len in 0..16 {
            let sealing = std::panic::catch_unwind(|| {
                let mut messages = vec![vec![0; 80]; 18];
                messages[3].truncate(len);
                let seals = messages.iter_mut().map(|message| Seal {
                    nonce: [0; 12],
                    message,
                });
                let key = Key::with_path_always(&[0; 32], path);
                key.seal_batch(&mut seals.collect::<Vec<_>>());
            });
            assert!(sealing.is_err(), "{path} {len}");
        }
    }
}

#[test]
fn empty_batch_is_no_work() {
    for path in available_paths() {
        let key = Key::with_path(&[0; 32], path);
        key.seal_batch::<Seal<'_>>(&mut []);
        key.open_batch::<Open<'_>>(&mut []);
    }
}

#[cfg(feature = "aws-lc")]
#[test]
fn both_libraries_seal_alike() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for len in (0..=2048).chain([4096, 9000]) {
        let batch = Batch::random(&mut rng, &[len]);
        batch.check(Path::Single);
        let mut opened = batch.sealed_by(Path::Single).concat();
        let (text, tag) = opened.split_last_chunk_mut().unwrap();
        let key = rust::SingleKey::new(&batch.key);
        assert_eq!(key.open(&batch.nonces[0], &[], text, tag), Ok(()));
        assert_eq!(text, &batch.plain[0][..len]);
    }
}

#[test]
fn debug_shows_no_key() {
    let shown = std::format!("{:?}", Key::new(&[0x5a; 32]));
    assert_eq!(shown, "Key(..)");
}
