//! The library data path in one thread: routing, sealing, carrying over, opening, validating.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wirecraft_benches::{
    BATCHES, BoringtunPair, PACKET_LENS, ReceiveBuffer, WirecraftPair, packet,
};
use wirecraft_tunnel::Arena;

fn data_path(criterion: &mut Criterion) {
    for len in PACKET_LENS {
        let packet = packet(len);
        let mut group = criterion.benchmark_group(format!("data_path/{len}"));
        for batch in BATCHES {
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_with_input(
                BenchmarkId::new("wirecraft", batch),
                &batch,
                |bencher, _| {
                    let (mut pair, mut arena) = (WirecraftPair::new(), Arena::new(1 << 18, 1420));
                    let mut buffer = ReceiveBuffer::default();
                    bencher.iter(|| {
                        assert_eq!(
                            pair.transfer(&packet, batch, &mut arena, &mut buffer),
                            batch
                        );
                    });
                },
            );
            group.bench_with_input(
                BenchmarkId::new("boringtun", batch),
                &batch,
                |bencher, _| {
                    let mut pair = BoringtunPair::new();
                    bencher.iter(|| {
                        for _ in 0..batch {
                            assert!(pair.transfer(&packet));
                        }
                    });
                },
            );
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = data_path
}
criterion_main!(benches);
