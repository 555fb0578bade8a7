//! Twenty steps against PyTorch: golden values of `tools/torch_twin.py`, see `tests/golden/README.md`.

use blendfuse::config::{Config, Precision};
use blendfuse::data::{Encoder, Modality, standardize};
use blendfuse::engine::Engine;
use blendfuse::kernel::step::Step;
use blendfuse::model::layout::Place;
use blendfuse::model::upload;
use blendfuse::model::{Capacity, Dims, Features, Mode, Model, Scaler, Windows};
use ndarray::{Array1, Array2, ArrayD};
use ndarray_npy::{NpzReader, ReadableElement};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

const CASES: [&str; 11] = [
    "default",
    "adaptation",
    "adamw_bce_single",
    "uniform_all",
    "one_encoder",
    "clamped_temperature",
    "mean",
    "no_fusion_norm",
    "no_fusion_norm_adaptation",
    "missing",
    "missing_mean",
];

/// Bounds, relative and norm-wise for tensors.
#[derive(Clone, Copy)]
struct Bounds {
    /// Losses and final tensors
    all: f64,
    /// The first step's gradients and weights, where nothing has added up yet
    first: f64,
}

/// PyTorch's own f32 and f64 differ by up to 3e-6, and by up to 3e-6 in the first step, on these cases.
const F32: Bounds = Bounds { all: 1e-4, first: 1e-5 };
/// Features and projection weights are rounded to f16 (5e-4). Final tensors are not compared: Adam divides by √v, so that a
/// gradient near 0 moves its weight by the learning rate whatever its size; that tells on biases, which start at 0.
const MIXED: Bounds = Bounds { all: 3e-2, first: 5e-3 };

#[test]
fn cpu_follows_pytorch() {
    follow_all(&Arc::new(Engine::Cpu));
}

#[test]
fn gpu_follows_pytorch() {
    follow_all(&common::device());
}

fn follow_all(engine: &Arc<Engine>) {
    for case in CASES {
        for mode in [Mode::Training, Mode::Gradients] {
            follow(case, engine, mode, Precision::F32, F32);
        }
        follow(case, engine, Mode::Training, Precision::Mixed, MIXED);
    }
}

#[path = "common/device.rs"]
mod common;

struct Golden {
    npz: NpzReader<File>,
    name: &'static str,
}

impl Golden {
    fn get<T: ReadableElement>(&mut self, key: &str) -> ArrayD<T> {
        let array = self.npz.by_name(&format!("{key}.npy"));
        array.unwrap_or_else(|error| panic!("{}: {key}: {error}", self.name))
    }

    fn has(&mut self, key: &str) -> bool {
        self.npz.names().expect("an archive").iter().any(|name| name.trim_end_matches(".npy") == key)
    }
}

/// In `Mode::Gradients` the first step's gradients, too.
fn follow(case: &'static str, engine: &Arc<Engine>, mode: Mode, precision: Precision, bounds: Bounds) {
    // Cargo names the crate's folder at run time, too; so does tools/bundle where the crate is not.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
    let folder = PathBuf::from(root).join("tests/golden");
    let npz = NpzReader::new(File::open(folder.join(format!("{case}.npz"))).expect("committed")).expect("an archive");
    let mut golden = Golden { npz, name: case };
    let text = std::fs::read_to_string(folder.join(format!("{case}.json"))).expect("committed");
    let mut settings: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let sizes = settings.as_object_mut().and_then(|map| map.remove("sizes")).expect("sizes");
    let mut config: Config = serde_json::from_value(settings).expect("a configuration");
    config.engine.precision = precision;
    let widths: Vec<usize> = serde_json::from_value(sizes["widths"].clone()).expect("widths");
    let sources = sizes["source_rows"].as_u64().expect("a number") as usize;

    // Features, targets (target rows have none), and the rows of all steps in one list
    let x: Vec<Array2<f32>> =
        (0..widths.len()).map(|k| golden.get(&format!("x.{k}")).into_dimensionality().expect("a matrix")).collect();
    let y: Array2<f32> = golden.get("y").into_dimensionality().expect("a matrix");
    let (rows, classes) = (x[0].nrows(), y.ncols());
    let batches: Array2<u32> = golden.get("batches").into_dimensionality().expect("a matrix");
    let joined: Array2<u32> = if config.adaptation.enabled {
        let target_rows: Array2<u32> = golden.get("target_batches").into_dimensionality().expect("a matrix");
        ndarray::concatenate![ndarray::Axis(1), batches, target_rows]
    } else {
        batches.clone()
    };
    let target_rows = joined.ncols() - batches.ncols();

    let present: Option<Array2<bool>> = golden
        .has("present")
        .then(|| golden.get::<u32>("present").into_dimensionality().expect("a matrix").mapv(|p| p == 1));
    let dims = Dims::new(&config, &widths, classes).expect("sizes that fit");
    let dims = Dims { masked: present.is_some(), ..dims };
    let windows = Windows::new(&dims, rows, engine.max_elements()).expect("it fits");
    let capacity = Capacity { rows: rows.max(joined.ncols()), steps: joined.nrows() };
    let model = Model::new(engine.clone(), &config, dims, windows, capacity, mode).expect("it fits");
    let mut labels = y.iter().copied().collect::<Vec<f32>>();
    labels.resize(rows * classes, 0.0);
    let scaler = scaler(&mut golden, &x, present.as_ref(), sources);
    let encoders = x.into_iter().map(|features| Encoder { name: String::new(), modality: Modality::Unknown, features });
    let mut features = Features::new(engine, &model.dims, &model.windows, rows).expect("it fits");
    let encoders = upload::features(encoders.collect(), &[], &scaler, model.dims.half).expect("f32 holds them");
    features.fill(engine, &model.windows, encoders, &labels);
    features.set_scaler(engine, &model.windows, &scaler);
    if let Some(present) = &present {
        features.set_present(engine, present);
    }
    for tensor in model.layout.tensors.clone() {
        if model.place(tensor.place).is_some() {
            let key = format!("init.{}", tensor.name);
            if golden.has(&key) {
                let values: ArrayD<f32> = golden.get(&key);
                assert_eq!(values.shape(), tensor.shape, "{case}: {key}");
                model.set(&tensor, &values.into_iter().collect::<Vec<_>>());
            } else {
                assert!(tensor.name.starts_with("domain") && !config.adaptation.enabled, "{case}: no {key}");
            }
        }
    }

    features.set_order(engine, joined.row(0).to_vec());
    let calls = model.training_step(&features, batches.ncols(), target_rows);
    let training = model.training.as_ref().expect("made for training");
    for (number, rows) in joined.rows().into_iter().enumerate() {
        features.set_order(engine, rows.to_vec());
        let step = Step { slot: number as u32, reversal: config.adaptation.reversal, ..Step::default() };
        engine.run(&calls, &step.with_dropout(0.0).with_update(number as u64, f64::from(config.train.lr)));
        if number == 0 {
            let w = engine.read(&model.activations.w, 0, joined.ncols() * widths.len()).expect("device");
            compare(case, "w0", &w, golden.get("w0"), bounds.first);
            for tensor in &model.layout.tensors {
                let key = format!("grad0.{}", tensor.name);
                let kept = mode == Mode::Gradients || matches!(tensor.place, Place::Packed(_));
                if kept && golden.has(&key) {
                    let (buffer, offset) = training.grads.place(tensor.place).expect("a trained tensor");
                    let found = engine.read(buffer, offset, tensor.len()).expect("device");
                    compare(case, &key, &found, golden.get(&key), bounds.first);
                }
            }
        }
    }
    let losses = engine.read(&training.losses, 0, 4 * joined.nrows()).expect("device");
    let expected: ArrayD<f32> = golden.get("loss");
    for (i, (found, expected)) in losses.iter().zip(&expected).enumerate() {
        let error = f64::from((found - expected).abs()) / f64::from(expected.abs()).max(1e-30);
        assert!(
            found == expected || error <= bounds.all,
            "{case}: loss {} of step {}: {found}, PyTorch {expected}",
            i % 4,
            i / 4
        );
    }
    for tensor in &model.layout.tensors {
        if let Some((buffer, offset)) = model.place(tensor.place) {
            let key = format!("final.{}", tensor.name);
            if golden.has(&key) && precision == Precision::F32 {
                let found = engine.read(buffer, offset, tensor.len()).expect("device");
                compare(case, &key, &found, golden.get(&key), bounds.all);
            }
        }
    }

    features.set_order(engine, (0..rows as u32).collect());
    engine.run(&model.inference(&features, rows), &Step::default().with_dropout(0.0));
    let outputs = model.dims.outputs();
    let logits = engine.read(&model.activations.logits, 0, rows * outputs).expect("device");
    let logits = Array2::from_shape_vec((rows, outputs), logits).expect("rows of logits");
    let head = |first: usize| logits.slice(ndarray::s![.., first..first + classes]).iter().copied().collect::<Vec<_>>();
    compare(case, "eval_presence", &head(0), golden.get("eval_presence"), bounds.all);
    let salience = if model.dims.dual { classes } else { 0 };
    compare(case, "eval_salience", &head(salience), golden.get("eval_salience"), bounds.all);
}

/// Our statistics, which must be PyTorch's.
fn scaler(golden: &mut Golden, x: &[Array2<f32>], present: Option<&Array2<bool>>, sources: usize) -> Scaler {
    let mut scaler = Scaler::default();
    for (k, x) in x.iter().enumerate() {
        let rows: Vec<usize> = (0..sources).filter(|&row| present.is_none_or(|present| present[[row, k]])).collect();
        let (mean, std) = standardize::columns(x.view(), &rows);
        for (what, found) in [("mean", &mean), ("std", &std)] {
            let key = format!("init.standardize.{k}.{what}");
            let expected: Array1<f32> = golden.get(&key).into_dimensionality().expect("a vector");
            compare(golden.name, &key, &found.to_vec(), expected.into_dyn(), 1e-6);
        }
        scaler.mean.push(mean.to_vec());
        scaler.std.push(std.to_vec());
    }
    scaler
}

/// ‖found − expected‖ ≤ bound · ‖expected‖
fn compare(case: &str, what: &str, found: &[f32], expected: ArrayD<f32>, bound: f64) {
    assert_eq!(found.len(), expected.len(), "{case}: {what}");
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let norm = square(&mut expected.iter().map(|&e| f64::from(e))).sqrt();
    let error = square(&mut found.iter().zip(&expected).map(|(&f, &e)| f64::from(f) - f64::from(e))).sqrt();
    assert!(error <= bound * norm, "{case}: {what}: off by {:.1e}, bound {bound:.0e}", error / norm);
}

#[test]
fn places_cover_what_is_trained() {
    let dims = Dims::new(&Config::default(), &[3, 4], 6).expect("sizes that fit");
    let windows = Windows::new(&dims, 10, usize::MAX).expect("it fits");
    let layout = blendfuse::model::layout::Layout::new(&dims, &windows, true);
    let domain = layout.find("domain.0.weight").expect("always there").place;
    assert!(
        matches!(domain, Place::Packed(offset) if offset >= layout.trained),
        "without adaptation it is not trained"
    );
}
