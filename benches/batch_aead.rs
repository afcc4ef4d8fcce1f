//! The AEAD alone, its paths and the libraries beside each other.

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::aead as aws_lc;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use ring::aead as ring;
use wirecraft_batch_aead::{Key, Nonce, Open, Path, Seal, TAG_LEN};

const KEY: [u8; 32] = [7; 32];

const TEXT_LENS: [usize; 6] = [64, 256, 512, 1024, 1420, 9000];

const BATCHES: [usize; 6] = [1, 4, 8, 16, 32, 64];

/// Packets that are handed over in one call; the crate works on parts of this size itself.
const PART: usize = 16;

/// The batch that the libraries are measured with, which take one packet at a time.
const LIBRARY_BATCH: usize = 16;

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// The lengths of a download and its acknowledgements: two full packets, then a small one.
fn mix(batch: usize) -> Vec<usize> {
    (0..batch)
        .map(|number| if number % 3 == 2 { 64 } else { 1420 })
        .collect()
}

/// One packet of the length, and small ones else.
fn one_among_small(len: usize, batch: usize) -> Vec<usize> {
    (0..batch)
        .map(|number| if number == 0 { len } else { 64 })
        .collect()
}

fn messages(lens: &[usize]) -> Vec<Vec<u8>> {
    lens.iter().map(|len| vec![0x5a; len + TAG_LEN]).collect()
}

fn sealed(lens: &[usize]) -> Vec<Vec<u8>> {
    let mut messages = messages(lens);
    seal_batch(&Key::with_path(&KEY, Path::Single), &mut messages);
    messages
}

/// Seals in parts of an array, as nothing may be allocated while time is taken.
fn seal_batch(key: &Key, messages: &mut [Vec<u8>]) {
    let mut counters = 0..;
    for part in messages.chunks_mut(PART) {
        let count = part.len();
        let mut left = part.iter_mut();
        let mut batch: [Seal<'_>; PART] = std::array::from_fn(|_| Seal {
            nonce: nonce(counters.next().unwrap_or_default()),
            message: left.next().map_or(&mut [], Vec::as_mut_slice),
        });
        key.seal_batch(&mut batch[..count]);
    }
}

fn open_batch(key: &Key, messages: &mut [Vec<u8>]) {
    let mut counters = 0..;
    for part in messages.chunks_mut(PART) {
        let count = part.len();
        let mut left = part.iter_mut();
        let mut batch: [Open<'_>; PART] = std::array::from_fn(|_| {
            let message = left.next().map_or(&mut [][..], Vec::as_mut_slice);
            Open::new(nonce(counters.next().unwrap_or_default()), message)
        });
        key.open_batch(&mut batch[..count]);
        assert!(batch[..count].iter().all(|packet| packet.result.is_ok()));
    }
}

/// A library: seals or opens one packet in place.
type OneByOne = Box<dyn Fn(Nonce, &mut Vec<u8>)>;

/// Each library with its name, sealing and opening.
fn libraries() -> [(&'static str, OneByOne, OneByOne); 3] {
    let by_ring = || {
        ring::LessSafeKey::new(
            ring::UnboundKey::new(&ring::CHACHA20_POLY1305, &KEY).expect("a key"),
        )
    };
    let by_aws_lc = || {
        let key = aws_lc::UnboundKey::new(&aws_lc::CHACHA20_POLY1305, &KEY);
        aws_lc::LessSafeKey::new(key.expect("a key"))
    };
    let (sealing, opening) = (by_ring(), by_ring());
    let seal_ring: OneByOne = Box::new(move |nonce, message| {
        let (text, room) = message.split_last_chunk_mut::<TAG_LEN>().expect("room");
        let nonce = ring::Nonce::assume_unique_for_key(nonce);
        let tag = sealing.seal_in_place_separate_tag(nonce, ring::Aad::empty(), text);
        room.copy_from_slice(tag.expect("sealed").as_ref());
    });
    let open_ring: OneByOne = Box::new(move |nonce, message| {
        let nonce = ring::Nonce::assume_unique_for_key(nonce);
        let opened = opening.open_in_place(nonce, ring::Aad::empty(), message);
        assert!(opened.is_ok());
    });
    let (sealing, opening) = (by_aws_lc(), by_aws_lc());
    let seal_aws_lc: OneByOne = Box::new(move |nonce, message| {
        let (text, room) = message.split_last_chunk_mut::<TAG_LEN>().expect("room");
        let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
        let done = sealing.seal_in_place_scatter(nonce, aws_lc::Aad::empty(), text, &[], room);
        assert!(done.is_ok());
    });
    let open_aws_lc: OneByOne = Box::new(move |nonce, message| {
        let nonce = aws_lc::Nonce::assume_unique_for_key(nonce);
        let opened = opening.open_in_place(nonce, aws_lc::Aad::empty(), message);
        assert!(opened.is_ok());
    });
    [
        ("ring", seal_ring, open_ring),
        ("aws-lc-rs", seal_aws_lc, open_aws_lc),
        ("RustCrypto", seal_rust(), open_rust()),
    ]
}

fn seal_rust() -> OneByOne {
    let key = ChaCha20Poly1305::new(&KEY.into());
    Box::new(move |nonce, message| {
        let (text, room) = message.split_last_chunk_mut::<TAG_LEN>().expect("room");
        let tag = key.encrypt_inout_detached(&nonce.into(), &[], text.into());
        *room = tag.expect("sealed").into();
    })
}

fn open_rust() -> OneByOne {
    let key = ChaCha20Poly1305::new(&KEY.into());
    Box::new(move |nonce, message| {
        let (text, tag) = message.split_last_chunk_mut::<TAG_LEN>().expect("a tag");
        let tag = (*tag).into();
        let opened = key.decrypt_inout_detached(&nonce.into(), &[], text.into(), &tag);
        assert!(opened.is_ok());
    })
}

fn bench_sealing(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    lens: &[usize],
    mut seal: impl FnMut(&mut [Vec<u8>]),
) {
    group.throughput(Throughput::Elements(lens.len() as u64));
    group.bench_function(BenchmarkId::new(name, lens.len()), |bencher| {
        let mut messages = messages(lens);
        bencher.iter(|| seal(black_box(&mut messages)));
    });
}

fn bench_opening(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    lens: &[usize],
    mut open: impl FnMut(&mut [Vec<u8>]),
) {
    group.throughput(Throughput::Elements(lens.len() as u64));
    group.bench_function(BenchmarkId::new(name, lens.len()), |bencher| {
        let sealed = sealed(lens);
        let run = |mut messages: Vec<Vec<u8>>| {
            open(&mut messages);
            messages
        };
        bencher.iter_batched(|| sealed.clone(), run, BatchSize::SmallInput);
    });
}

/// All paths and libraries, the texts of a batch having the lengths that `lens` says.
fn compare(criterion: &mut Criterion, name: &str, lens: impl Fn(usize) -> Vec<usize>) {
    let paths = || Path::ALL.into_iter().filter(|path| path.is_available());
    let mut group = criterion.benchmark_group(format!("batch-aead/seal/{name}"));
    for path in paths() {
        let key = Key::with_path(&KEY, path);
        for batch in BATCHES {
            bench_sealing(&mut group, path.name(), &lens(batch), |it| {
                seal_batch(&key, it)
            });
        }
    }
    for (library, seal, _) in libraries() {
        bench_sealing(&mut group, library, &lens(LIBRARY_BATCH), |messages| {
            (0..)
                .zip(messages)
                .for_each(|(counter, it)| seal(nonce(counter), it));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group(format!("batch-aead/open/{name}"));
    for path in paths() {
        let key = Key::with_path(&KEY, path);
        for batch in BATCHES {
            bench_opening(&mut group, path.name(), &lens(batch), |it| {
                open_batch(&key, it)
            });
        }
    }
    for (library, _, open) in libraries() {
        bench_opening(&mut group, library, &lens(LIBRARY_BATCH), |messages| {
            (0..)
                .zip(messages)
                .for_each(|(counter, it)| open(nonce(counter), it));
        });
    }
    group.finish();
}

fn batches(criterion: &mut Criterion) {
    for len in TEXT_LENS {
        compare(criterion, &len.to_string(), |batch| vec![len; batch]);
    }
    compare(criterion, "mix", mix);
    for len in [1420, 9000] {
        let name = format!("one-{len}");
        compare(criterion, &name, |batch| one_among_small(len, batch));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(300))
        .configure_from_args();
    targets = batches
}
criterion_main!(benches);
