//! Kernels against their twins, on the adapter there is.

use blendfuse::bench::{copy, multiply_add};
use blendfuse::check;
use blendfuse::engine::Engine;
use blendfuse::step::Step;
use std::sync::Arc;

#[path = "common/device.rs"]
mod common;

/// What measures ceilings must do the work that it is counted for.
#[test]
fn kernels_of_the_bench_equal_their_twins() {
    const LENGTH: usize = 1 << 20;
    let values: Vec<f32> = (0..LENGTH).map(|i| i as f32).collect();
    let outputs = [Arc::new(Engine::Cpu), common::device()].map(|engine| {
        let source = engine.upload("source", &values).unwrap();
        let copied = engine.buffer("copied", LENGTH).unwrap();
        let line = engine.upload("line", &[0.9f32, 0.7]).unwrap();
        let sums = engine.buffer("sums", 1000).unwrap();
        let calls = [
            copy::call(
                &engine,
                copy::Params { length: LENGTH as u32 },
                copy::Args { source: &source, copied: &copied },
            ),
            multiply_add::call(
                &engine,
                multiply_add::Params { lanes: 1000, rounds: 3 },
                multiply_add::Args { line: &line, sums: &sums },
            ),
        ];
        engine.run(&calls, &Step::default());
        (engine.read(&copied, 0, LENGTH).unwrap(), engine.read(&sums, 0, 1000).unwrap())
    });
    let [(copied, expected), (copied_there, sums)] = outputs;
    assert!(copied == values && copied_there == values);
    // Twelve links, fused there and rounded twice here.
    for (expected, found) in expected.into_iter().zip(sums) {
        assert!((found - expected).abs() <= 1e-5 * expected, "{found} and {expected}");
    }
}

#[test]
fn every_kernel_equals_its_twin_with_all_tiles() {
    let device = common::device();
    let mut missed = Vec::new();
    for case in check::cases() {
        for comparison in check::compare(&device, &case).expect("the case runs") {
            assert!(comparison.elements > 0, "{comparison:?} compared nothing");
            println!(
                "{:>22} {:>20} {:10} {:12} {:8} {:.1e}",
                case.name,
                comparison.kernel,
                comparison.output,
                comparison.tiles.unwrap_or_default(),
                comparison.elements,
                comparison.error
            );
            // Tuning must not change results: whatever the tiles, a lane sums an output in the order of k.
            if !comparison.passes() || !comparison.same_bits {
                missed.push(comparison);
            }
        }
    }
    assert!(missed.is_empty(), "above {:.0e}: {missed:#?}", check::BOUND);
}
