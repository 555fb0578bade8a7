//! Kernels against their twins, on the adapter there is.

use blendfuse::bench::{copy, multiply_add};
use blendfuse::check::{self, Case};
use blendfuse::config::Precision;
use blendfuse::engine::Call;
use blendfuse::engine::Engine;
use blendfuse::kernel::buffer::Buffer;
use blendfuse::kernel::step::Step;
use blendfuse::kernels::shared::chunk::Chunk;
use blendfuse::kernels::shared::half;
use blendfuse::kernels::{self, project_update_half};
use blendfuse::model::{Features, Mode, Model};
use std::collections::BTreeMap;
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
    let words = half::words(columns);
    let mut expected = vec![0; words];
    half::pack(&weights, &mut expected);
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
            max_chunk_len: columns as u32,
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
            weights_f16: &halves,
        },
    );
    engine.run(&[call], &Step { bias_correction1: 1.0, bias_correction2: 1.0, ..Step::default() });
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

/// What the kernels on f16 compute is what those on f32, unfused, make of the rounded values: in f64 to its last digits.
#[test]
fn mixed_kernels_are_the_others_on_rounded_values() {
    for (engine, bound) in [(Arc::new(Engine::CpuF64), 1e-13), (Arc::new(Engine::Cpu), 1e-6), (common::device(), 1e-6)]
    {
        for case in check::cases().iter().filter(|case| ["ragged", "one head, BCE, AdamW"].contains(&case.name)) {
            compare_on_rounded_values(&engine, case, bound);
        }
    }
}

fn compare_on_rounded_values(engine: &Arc<Engine>, case: &Case, bound: f64) {
    let (mixed, halves) =
        Case { precision: Precision::Mixed, ..case.clone() }.build(engine, Mode::Training).expect("it fits");
    let (exact, features) = case.build(engine, Mode::Gradients).expect("it fits");
    let run = |calls: &[Call], names: &[&str]| {
        calls.iter().filter(|call| names.contains(&call.kernel.name)).for_each(|call| {
            engine.run(std::slice::from_ref(call), &case.step());
        });
    };
    let equal = |what: &str, [mixed, exact]: [&Buffer<f32>; 2]| {
        let [found, expected] = [mixed, exact].map(|buffer| values(engine, buffer));
        let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let error =
            square(&mut found.iter().zip(&expected).map(|(a, b)| a - b)) / square(&mut expected.iter().copied());
        assert!(error <= bound, "{}: {}: {what}: {error:.1e}", engine.describe(), case.name);
    };
    let mixed_step = mixed.training_step(&halves, case.sources, case.target_rows);
    let exact_step = exact.training_step(&features, case.sources, case.target_rows);
    let training = [&mixed, &exact].map(|model| model.training.as_ref().expect("made for training"));

    let weights = engine.read(&exact.weights.project[0], 0, exact.weights.project[0].len).expect("device");
    take_rounded(engine, [&mixed, &exact], [&halves, &features]);
    run(&mixed_step, &["project_forward_half"]);
    run(&exact_step, &["project_forward"]);
    equal("forward", [&mixed.activations.project_partial, &exact.activations.project_partial]);

    engine.write(&exact.weights.project[0], 0, &weights);
    let dy: Vec<f32> = (0..training[0].dy.len).map(|i| (i as f32 * 0.37).sin() * 0.1).collect();
    training.iter().for_each(|training| engine.write(&training.dy, 0, &dy));
    run(&mixed_step, &["project_update_half"]);
    run(&exact_step, &["project_weight_grad", "adam"]);
    equal("weights", [&mixed.weights.project[0], &exact.weights.project[0]]);
    equal("m", training.map(|training| &training.m.project[0]));
    equal("v", training.map(|training| &training.v.project[0]));
    for (k, &width) in case.widths.iter().enumerate() {
        let (_, chunk) = mixed.windows.first_chunk(k);
        let (rows, words) = (mixed.dims.projection, half::words(width));
        let weights = engine.read(&mixed.weights.project[0], chunk.w as usize, rows * width).expect("device");
        let found = engine.read(&mixed.weights_f16[0], rows * chunk.scaler as usize, rows * words).expect("device");
        for (weights, found) in weights.chunks(width).zip(found.chunks(words)) {
            let mut expected = vec![0; words];
            half::pack(weights, &mut expected);
            assert_eq!(expected, found, "{}: {}: encoder {k}", engine.describe(), case.name);
        }
    }
}

/// Gives the second model the features and weights that the first one holds in f16.
fn take_rounded(engine: &Engine, [mixed, exact]: [&Model; 2], [halves, features]: [&Features; 2]) {
    let (window, columns) = (&features.windows[0], exact.windows.list[0].columns);
    assert!(features.windows.len() == 1 && halves.windows.len() == 1, "all encoders are in one window");
    let unpacked = |packed: &Buffer<u32>, first: u32, rows: usize, width: usize| -> Vec<f32> {
        let words = half::words(width);
        let packed = engine.read(packed, first as usize, rows * words).expect("device");
        let row = |packed: &[u32]| {
            let mut row = vec![0.0; width];
            half::unpack(packed, &mut row);
            row
        };
        packed.chunks(words).flat_map(row).collect()
    };
    for (k, &width) in exact.dims.widths.iter().enumerate() {
        let [(_, from), (_, to)] = [mixed, exact].map(|model| model.windows.first_chunk(k));
        let (rows, outputs) = (window.x.len() / columns, exact.dims.projection);
        let x = unpacked(halves.windows[0].x.u32(), from.x, rows, width);
        engine.write(window.x.f32(), to.x as usize, &x);
        let w = unpacked(&mixed.weights_f16[0], from.scaler * outputs as u32, outputs, width);
        engine.write(&exact.weights.project[0], to.w as usize, &w);
    }
    engine.write(&window.scaler, 0, &[vec![0.0; columns], vec![1.0; columns]].concat());
}

/// As precise as the engine has them.
fn values(engine: &Engine, buffer: &Buffer<f32>) -> Vec<f64> {
    match engine {
        Engine::CpuF64 => (0..buffer.len).map(|i| buffer.wide(i)).collect(),
        _ => engine.read(buffer, 0, buffer.len).expect("device").into_iter().map(f64::from).collect(),
    }
}

#[test]
fn every_kernel_equals_its_twin_with_all_tiles() {
    let device = common::device();
    let (mut missed, mut compared) = (Vec::new(), BTreeMap::new());
    for case in check::cases() {
        for comparison in check::compare(&device, &case).expect("the case runs") {
            *compared.entry((comparison.kernel, comparison.output)).or_insert(0) += comparison.elements;
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
    // A switch may leave an output alone, but not in every case.
    let nothing: Vec<_> = compared.iter().filter(|(_, elements)| **elements == 0).collect();
    assert!(nothing.is_empty(), "compared nothing: {nothing:?}");
    assert!(missed.is_empty(), "above {:.0e}: {missed:#?}", check::BOUND);
}

/// Gradients kept or not, in f32 and f16, with masks.
#[test]
fn all_kernels_are_listed_in_the_order_of_a_step() {
    let place = |call: &Call| kernels::ALL.iter().position(|kernel| kernel.name == call.kernel.name);
    let mut met = 0;
    let cases = ["base", "mixed", "missing encoders"];
    for case in check::cases().iter().filter(|case| cases.contains(&case.name)) {
        for &mode in case.modes() {
            let (model, features) = case.build(&Arc::new(Engine::Cpu), mode).expect("it fits");
            let mut places = Vec::new();
            for call in model.training_step(&features, case.sources, case.target_rows) {
                let place = place(&call).expect("every kernel is listed");
                if !places.contains(&place) {
                    places.push(place);
                }
            }
            assert!(places.is_sorted(), "{}: {mode:?}: {places:?}", case.name);
            met += 1;
        }
    }
    assert_eq!(met, 5);
}
