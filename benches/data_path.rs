//! The library data path in one thread: routing, sealing, carrying over, opening, validating.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wirecraft_benches::{
    BATCHES, BoringtunPair, GotatunPair, PACKET_LENS, ReceiveBuffer, WirecraftPair, packet,
};
use wirecraft_tunnel::{AeadPath, Arena};

/// The packets that the rivals are measured with, which take one at a time.
const RIVAL_BATCH: usize = 32;

fn data_path(criterion: &mut Criterion) {
    for len in PACKET_LENS {
        let packet = packet(len);
        let mut group = criterion.benchmark_group(format!("data_path/{len}"));
        for path in AeadPath::ALL.into_iter().filter(|it| it.is_available()) {
            for batch in BATCHES {
                group.throughput(Throughput::Elements(batch as u64));
                let id = BenchmarkId::new(format!("wirecraft-{path}"), batch);
                group.bench_with_input(id, &batch, |bencher, _| {
                    let mut pair = WirecraftPair::with_path(path);
                    let mut arena = Arena::new(1 << 18, 1420);
                    let mut buffer = ReceiveBuffer::default();
                    bencher.iter(|| {
                        let opened = pair.transfer(&packet, batch, &mut arena, &mut buffer);
                        assert_eq!(opened, batch);
                    });
                });
            }
        }
        group.throughput(Throughput::Elements(RIVAL_BATCH as u64));
        group.bench_function(BenchmarkId::new("boringtun", RIVAL_BATCH), |bencher| {
            let mut pair = BoringtunPair::new();
            bencher.iter(|| (0..RIVAL_BATCH).for_each(|_| assert!(pair.transfer(&packet))));
        });
        group.bench_function(BenchmarkId::new("gotatun", RIVAL_BATCH), |bencher| {
            let mut pair = GotatunPair::new();
            bencher.iter(|| (0..RIVAL_BATCH).for_each(|_| assert!(pair.transfer(&packet))));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = data_path
}
criterion_main!(benches);
