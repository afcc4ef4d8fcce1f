//! The AEAD alone, its paths and the libraries beside each other.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use wirecraft_batch_aead::{Key, Path};
use wirecraft_benches::{
    AEAD_BATCHES, KEY, LIBRARY_BATCH, TEXT_LENS, libraries, messages, mix, open_batch, seal_batch,
    sealed,
};

/// One packet of the length, and small ones else.
fn one_among_small(len: usize, batch: usize) -> Vec<usize> {
    (0..batch)
        .map(|number| if number == 0 { len } else { 64 })
        .collect()
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
        for batch in AEAD_BATCHES {
            bench_sealing(&mut group, path.name(), &lens(batch), |it| {
                seal_batch(&key, it)
            });
        }
    }
    for library in libraries() {
        bench_sealing(&mut group, library.name, &lens(LIBRARY_BATCH), library.seal);
    }
    group.finish();
    let mut group = criterion.benchmark_group(format!("batch-aead/open/{name}"));
    for path in paths() {
        let key = Key::with_path(&KEY, path);
        for batch in AEAD_BATCHES {
            bench_opening(&mut group, path.name(), &lens(batch), |it| {
                open_batch(&key, it)
            });
        }
    }
    for library in libraries() {
        bench_opening(&mut group, library.name, &lens(LIBRARY_BATCH), library.open);
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
