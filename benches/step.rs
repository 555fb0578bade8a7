//! A whole training step and an inference pass, on the built-in CPU engine and on the adapter that tests use, if any.
//! `cargo bench`; `BLENDFUSE_TEST_DEVICE=gpu cargo bench` for a hardware GPU.

use blendfuse::check::{Case, cases};
use blendfuse::config::TopN;
use blendfuse::engine::Engine;
use blendfuse::model::Mode;
use blendfuse::ui::Ui;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::sync::Arc;

/// The default network on 8 encoders, 64 rows.
fn eight_encoders() -> Case {
    let base = cases().into_iter().next().expect("there are cases");
    let widths = vec![64, 96, 128, 128, 160, 192, 256, 256];
    Case { name: "K = 8", widths, sizes: [256, 128, 512, 256], top_n: TopN::Count(4), sources: 64, ..base }
}

fn step(criterion: &mut Criterion) {
    let device = std::env::var("BLENDFUSE_TEST_DEVICE").unwrap_or_else(|_| "software".into());
    let adapter =
        Engine::open(&device, Ui::default()).inspect_err(|error| eprintln!("only the CPU is measured: {error}"));
    let case = eight_encoders();
    for engine in [Some(Engine::Cpu), adapter.ok()].into_iter().flatten().map(Arc::new) {
        let (model, features) = case.build(&engine, Mode::Training).expect("it fits");
        let passes = [
            ("train", model.training_step(&features, case.sources, case.targets)),
            ("infer", model.inference(&features, case.sources)),
        ];
        let mut group = criterion.benchmark_group("step");
        group.sample_size(20);
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

criterion_group!(benches, step);
criterion_main!(benches);
