//! Kernels against their twins, on the adapter there is.

use blendfuse::bench::{copy, multiply_add};
use blendfuse::check;
use blendfuse::chunk::Chunk;
use blendfuse::engine::Engine;
use blendfuse::kernels::project_update_half;
use blendfuse::packed;
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

/// Every way in which f32 can round to f16. With a learning rate of 0 an update leaves weights as they are.
#[test]
fn weights_round_to_f16_as_on_the_host() {
    let ulp = f32::powi(2.0, -24); // of f16's subnormals
    let mut weights = vec![0.0, -0.0, 65504.0, 65519.0, 65520.0, -65536.0, 1e30, 1.0, 0.1, -1.0 / 3.0, 1e-30];
    for value in [0.25, 0.5, 0.50001, 0.75, 1.0, 1.5, 2.5, 1022.5, 1023.4, 1023.5, 1023.75, 1024.0, 1025.5] {
        weights.extend([value * ulp, -value * ulp]);
    }
    // Ties to even, and their neighbours, up through the exponents
    for exponent in -16..16 {
        for mantissa in [1.0, 1.0 + 0.5 / 1024.0, 1.0 + 1.5 / 1024.0, 1.0 + 0.50001 / 1024.0, 1.99999] {
            weights.push(mantissa * f32::powi(2.0, exponent));
        }
    }
    let columns = weights.len();
    let words = packed::words(columns);
    let mut expected = vec![0; words];
    packed::pack(&weights, &mut expected);
    let chunk = Chunk { width: columns as u32, length: columns as u32, ..Chunk::default() };
    let engine = common::device();
    let zeros = engine.buffer("zeros", columns).unwrap();
    let (rows, features) = (engine.buffer("rows", 1).unwrap(), engine.buffer("features", words).unwrap());
    let chunks = engine.upload("chunks", bytemuck::cast_slice(&[chunk])).unwrap();
    let halves = engine.buffer("halves", words).unwrap();
    let call = project_update_half::call(
        &engine,
        project_update_half::Params {
            rows: 1,
            width: 1,
            encoders: 1,
            chunks: 1,
            columns: columns as u32,
            words: words as u32,
            features: words as u32,
            longest: columns as u32,
            decoupled: 1,
            weight_decay: 0.0,
        },
        project_update_half::Args {
            dy: &engine.buffer("dy", 1).unwrap(),
            x: &features,
            rows: &rows,
            chunks: &chunks,
            weight: &engine.upload("weight", &weights).unwrap(),
            m: &zeros,
            v: &engine.upload("v", &vec![1.0; columns]).unwrap(),
            halves: &halves,
        },
    );
    engine.run(&[call], &Step { correction1: 1.0, correction2: 1.0, ..Step::default() });
    let found = engine.read(&halves, 0, words).unwrap();
    for (i, (expected, found)) in expected.iter().zip(&found).enumerate() {
        assert_eq!(
            expected,
            found,
            "{:e} and {:e}: {expected:08x}, {found:08x}",
            weights[2 * i],
            weights[(2 * i + 1).min(columns - 1)]
        );
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
