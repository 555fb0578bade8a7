//! Times a training step and an inference pass, on the built-in CPU engine and on the adapter used by tests, if any.
//! `cargo bench`; `BLENDFUSE_TEST_DEVICE=gpu cargo bench` for a hardware GPU.

mod common;

use blendfuse::check::Case;
use blendfuse::config::TopN;
use blendfuse::engine::Engine;
use blendfuse::model::Mode;
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use std::time::Duration;

fn step(criterion: &mut Criterion) {
    let eight = common::eight_encoders();
    let many = Case { name: "K = 36", widths: vec![512; 36], top_n: TopN::Count(22), ..common::eight_encoders() };
    for engine in common::engines() {
        // Software drivers need a second for the larger one.
        let cases = if matches!(*engine, Engine::Cpu) { vec![&eight, &many] } else { vec![&eight] };
        for case in cases {
            let (model, features) = case.build(&engine, Mode::Training).expect("it fits");
            let passes = [
                ("train", model.training_step(&features, case.sources, case.target_rows)),
                ("infer", model.inference(&features, case.sources)),
            ];
            let mut group = criterion.benchmark_group(format!("step, {}", case.name));
            group.sample_size(20).sampling_mode(SamplingMode::Flat);
            group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
            for (name, calls) in &passes {
                group.bench_function(BenchmarkId::new(*name, engine.info().name), |bencher| {
                    bencher.iter(|| {
                        engine.run(calls, &case.step());
                        engine.wait().expect("the device stays");
                    });
                });
            }
        }
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
