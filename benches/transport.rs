//! Transport encryption alone: sealing and opening in place, single packets and batches.

use arrayvec::ArrayVec;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wirecraft_benches::{BATCHES, PACKET_LENS, session};
use wirecraft_noise_handshake::{Open, Seal};
use wirecraft_wire_format::{Counter, TAG_LEN};

/// Nothing is allocated while time is taken.
const BATCH_MAX: usize = 64;

fn seal(criterion: &mut Criterion) {
    let (keys, _) = session();
    for len in PACKET_LENS {
        let mut group = criterion.benchmark_group(format!("seal/{len}"));
        for batch in BATCHES {
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_with_input(BenchmarkId::from_parameter(batch), &batch, |bencher, _| {
                let mut messages = vec![vec![0x5a; len + TAG_LEN]; batch];
                let mut counter = 0;
                bencher.iter(|| {
                    let mut seals = ArrayVec::<Seal<'_>, BATCH_MAX>::new();
                    seals.extend(messages.iter_mut().map(|message| {
                        counter += 1;
                        Seal {
                            counter: Counter::new(counter),
                            message,
                        }
                    }));
                    keys.sealing.seal_batch(&mut seals);
                });
            });
        }
        group.finish();
    }
}

fn open(criterion: &mut Criterion) {
    let (sender, receiver) = session();
    for len in PACKET_LENS {
        let mut group = criterion.benchmark_group(format!("open/{len}"));
        for batch in BATCHES {
            let mut sealed = vec![vec![0x5a; len + TAG_LEN]; batch];
            for (counter, message) in (0..).zip(&mut sealed) {
                sender.sealing.seal(Counter::new(counter), message);
            }
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_with_input(BenchmarkId::from_parameter(batch), &batch, |bencher, _| {
                let open_all = |mut messages: Vec<Vec<u8>>| {
                    let mut opens = ArrayVec::<Open<'_>, BATCH_MAX>::new();
                    let numbered = (0..).zip(&mut messages);
                    opens.extend(
                        numbered
                            .map(|(counter, message)| Open::new(Counter::new(counter), message)),
                    );
                    receiver.opening.open_batch(&mut opens);
                    assert!(opens.iter().all(|open| open.result.is_ok()));
                    drop(opens);
                    messages
                };
                bencher.iter_batched(|| sealed.clone(), open_all, BatchSize::SmallInput);
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = seal, open
}
criterion_main!(benches);
