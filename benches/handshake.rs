//! Whole handshakes, both sides in one thread: initiation, response, confirmation.

use criterion::{Criterion, criterion_group, criterion_main};
use wirecraft_benches::{BoringtunPair, GotatunPair, WirecraftPair};

fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let mut wirecraft = WirecraftPair::new();
    group.bench_function("wirecraft", |bencher| {
        bencher.iter(|| wirecraft.handshake())
    });
    let mut boringtun = BoringtunPair::new();
    group.bench_function("boringtun", |bencher| {
        bencher.iter(|| boringtun.handshake())
    });
    let mut gotatun = GotatunPair::new();
    group.bench_function("gotatun", |bencher| bencher.iter(|| gotatun.handshake()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = handshake
}
criterion_main!(benches);
