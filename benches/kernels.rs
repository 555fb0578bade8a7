//! Times each kernel, with all its launches of a step: K = 8, 64 rows, on the built-in CPU engine and on the adapter used by
//! tests. `cargo bench --bench kernels -- project` for some of them.

mod common;

use blendfuse::check::Case;
use blendfuse::config::Precision;
use blendfuse::engine::Call;
use blendfuse::kernels;
use blendfuse::model::Mode;
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use std::time::Duration;

fn kernels(criterion: &mut Criterion) {
    let case = common::eight_encoders();
    let mixed = Case { precision: Precision::Mixed, ..case.clone() };
    for engine in common::engines() {
        let (model, features) = case.build(&engine, Mode::Training).expect("it fits");
        let (separate, others) = case.build(&engine, Mode::Gradients).expect("it fits");
        let (half, packed) = mixed.build(&engine, Mode::Training).expect("it fits");
        let mut passes = [
            model.training_step(&features, case.sources, case.target_rows),
            separate.training_step(&others, case.sources, case.target_rows),
            model.inference(&features, case.sources),
            half.training_step(&packed, mixed.sources, mixed.target_rows),
        ];
        // A step first, so that buffers have realistic contents instead of zeros.
        passes.iter().for_each(|calls| engine.run(calls, &case.step()));
        let mut group = criterion.benchmark_group("kernel");
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
        for kernel in kernels::ALL {
            let is_one = |call: &Call| call.kernel.name == kernel.name;
            let calls = passes.iter_mut().find(|calls| calls.iter().any(is_one)).expect("every kernel is in some pass");
            let launches: Vec<Call> = calls.extract_if(.., |call| is_one(call)).collect();
            group.bench_function(BenchmarkId::new(kernel.name, engine.info().name), |bencher| {
                bencher.iter(|| {
                    engine.run(&launches, &case.step());
                    engine.wait().expect("the device stays");
                });
            });
        }
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
