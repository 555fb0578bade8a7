//! Every kernel on its own, all its launches of a step together: K = 8, 64 rows, on the built-in CPU engine and on the
//! adapter that tests use. `cargo bench --bench kernels -- project` for some of them.

mod common;

use blendfuse::kernel::Call;
use blendfuse::kernels;
use blendfuse::model::Mode;
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use std::time::Duration;

fn kernels(criterion: &mut Criterion) {
    let case = common::eight_encoders();
    for engine in common::engines() {
        let (model, features) = case.build(&engine, Mode::Training).expect("it fits");
        let (separate, same_features) = case.build(&engine, Mode::Gradients).expect("it fits");
        let mut calls = model.training_step(&features, case.sources, case.targets);
        let inference = model.inference(&features, case.sources);
        calls.extend(inference.into_iter().filter(|call| call.kernel.name == "batchnorm_infer"));
        let gradients = separate.gradients(&same_features, case.sources, case.targets);
        calls.extend(gradients.into_iter().filter(|call| SEPARATE.contains(&call.kernel.name)));
        // Buffers hold what a step leaves in them, not zeros.
        engine.run(&calls, &case.step());
        let mut group = criterion.benchmark_group("kernel");
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800));
        for kernel in kernels::ALL {
            let launches: Vec<Call>;
            (launches, calls) = calls.into_iter().partition(|call| call.kernel.name == kernel.name);
            assert!(!launches.is_empty(), "{} is in no step", kernel.name);
            group.bench_function(BenchmarkId::new(kernel.name, engine.info().name), |bencher| {
                bencher.iter(|| {
                    engine.run(&launches, &case.step());
                    engine.wait().expect("the device stays");
                });
            });
        }
    }
}

/// What only a step that keeps its gradients has.
const SEPARATE: [&str; 2] = ["project_weight_grad", "fuse_weight_grad"];

criterion_group!(benches, kernels);
criterion_main!(benches);
