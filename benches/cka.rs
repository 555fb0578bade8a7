//! CKA of a paper-sized model: 36 encoders' embeddings of 2456 clips, P = 256. `cargo bench --bench cka`.

use blendfuse::analysis::cka;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ndarray::Array3;
use std::time::Duration;

fn paper(criterion: &mut Criterion) {
    let embeddings =
        Array3::from_shape_fn((2456, 36, 256), |(n, k, p)| ((n * 31 + k * 17 + p * 7 + n * p) as f32).sin());
    let mut group = criterion.benchmark_group("cka");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(10));
    group.bench_function("36 x (2456, 256)", |bencher| {
        bencher.iter_batched(|| embeddings.clone(), cka, BatchSize::PerIteration);
    });
}

criterion_group!(benches, paper);
criterion_main!(benches);
