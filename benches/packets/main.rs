//! Times of packets read and written, and of checksums.

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use std::hint::black_box;
use wirecraft_benches::packets::{CHECKSUM_LENS, KINDS, ROOM, SIDES, SYN, Seen, compare, packets};

fn parse(criterion: &mut Criterion) {
    compare();
    for (kind, packet) in packets().iter().enumerate() {
        let mut group = group(criterion, "parse", kind);
        for side in &SIDES {
            group.bench_function(side.name, |bencher| {
                bencher.iter(|| (side.parse[kind])(black_box(packet)).map_or(0, Seen::total));
            });
        }
        group.finish();
    }
}

fn build(criterion: &mut Criterion) {
    for kind in 0..KINDS.len() {
        let mut group = group(criterion, "build", kind);
        for side in &SIDES {
            group.bench_function(side.name, |bencher| {
                let mut buf = [0; ROOM];
                bencher.iter(|| (side.build[kind])(black_box(&mut buf)));
            });
        }
        group.finish();
    }
}

fn syn(criterion: &mut Criterion) {
    let written = SYN.map(|(_, build)| {
        let mut buf = vec![0; ROOM];
        let len = build(&mut buf);
        buf.truncate(len);
        buf
    });
    assert_eq!(written[0], written[1]);
    let mut group = criterion.benchmark_group("build/syn-options-v4");
    for (name, build) in SYN {
        group.bench_function(name, |bencher| {
            let mut buf = [0; ROOM];
            bencher.iter(|| build(black_box(&mut buf)));
        });
    }
    group.finish();
}

fn group<'a>(
    criterion: &'a mut Criterion,
    what: &str,
    kind: usize,
) -> BenchmarkGroup<'a, WallTime> {
    criterion.benchmark_group(format!("{what}/{}", KINDS[kind]))
}

fn checksum(criterion: &mut Criterion) {
    for len in CHECKSUM_LENS {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
        let mut group = criterion.benchmark_group(format!("checksum/{len}"));
        group.throughput(Throughput::Bytes(len as u64));
        for side in &SIDES {
            group.bench_with_input(
                BenchmarkId::from_parameter(side.name),
                &bytes,
                |b, bytes| {
                    b.iter(|| (side.checksum)(black_box(bytes)));
                },
            );
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = parse, build, syn, checksum
}
criterion_main!(benches);
