//! Whole runs: they learn, they repeat to the bit, the GPU follows the CPU, and a run that breaks says where.

use blendfuse::check;
use blendfuse::data::{FoldChoice, Split};
use blendfuse::engine::Call;
use blendfuse::engine::Engine;
use blendfuse::host::ui::Ui;
use blendfuse::kernel::Role;
use blendfuse::kernel::buffer::AnyBuffer;
use blendfuse::model::checkpoint::Checkpoint;
use blendfuse::model::infer::{Inputs, Network};
use blendfuse::model::weights::Trained;
use blendfuse::model::{Capacity, Dims, Features, Mode, Model, Windows};
use blendfuse::runs::{EpochLog, RunFolder};
use blendfuse::train::Trainer;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

#[path = "common/device.rs"]
mod common;
#[path = "training/stop.rs"]
mod stop;
#[path = "common/tiny.rs"]
mod tiny;

use tiny::{Run, config, pool};

const PRECISIONS: [&str; 2] = ["engine.precision=f32", "engine.precision=mixed"];

impl Run {
    fn losses(&self) -> Vec<f64> {
        let text = std::fs::read_to_string(self.file("metrics.jsonl")).expect("a log");
        let loss = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["loss"].as_f64();
        text.lines().map(|line| loss(line).expect("a number")).collect()
    }
}

/// 16 clips, learnt by heart: the loss comes down to what the soft targets leave, their entropy.
#[test]
fn overfits_one_batch() {
    let mut few = pool();
    let keep: Vec<usize> = few.indices(Split::Train).into_iter().step_by(30).take(16).collect();
    few.clips = keep.iter().map(|&row| few.clips[row].clone()).collect();
    for encoder in &mut few.encoders {
        encoder.features = encoder.features.select(ndarray::Axis(0), &keep);
    }
    let targets = few.clips.iter().filter_map(|clip| clip.target.as_ref());
    let entropy: f64 =
        targets.flatten().filter(|&&y| y > 0.0).map(|&y| -f64::from(y) * f64::from(y).ln()).sum::<f64>() / 16.0;
    let settings = [
        "model.dropout=0.0",
        "train.max_epochs=300",
        "train.lr=0.003",
        "train.weight_decay=0.0",
        "decode.alpha=0.2",
        "decode.beta=0.2",
    ];
    let run = Run::new(&Arc::new(Engine::Cpu), few, &settings, FoldChoice::All);
    run.result.as_ref().expect("it trains");
    let losses = run.losses();
    assert!(losses[0] > entropy + 0.5, "starts at {}, the targets' entropy is {entropy}", losses[0]);
    let last = losses[losses.len() - 1];
    assert!(last < entropy + 0.02, "ends at {last}, the targets' entropy is {entropy}");
}

#[test]
fn same_seed_same_bytes() {
    let engines = [Arc::new(Engine::Cpu), common::device()];
    for (engine, precision) in engines.iter().flat_map(|engine| [(engine, PRECISIONS[0]), (engine, PRECISIONS[1])]) {
        let settings = ["train.max_epochs=2", "adaptation.enabled=true", precision];
        let runs = [0, 1].map(|_| Run::new(engine, pool(), &settings, FoldChoice::Fold(1)));
        let other = Run::new(engine, pool(), &[&settings[..], &["train.seed=1"]].concat(), FoldChoice::Fold(1));
        for name in ["model.safetensors", "last.safetensors", "validation.npz"] {
            let [first, second] = [&runs[0], &runs[1]].map(|run| std::fs::read(run.file(name)).expect("written"));
            assert!(first == second, "{}: {name} differs between two runs of one seed", engine.describe());
            assert!(first != std::fs::read(other.file(name)).expect("written"), "{name} does not depend on the seed");
        }
    }
}

/// One step from the same weights, dropout and all: the only difference is the order of sums. 1e-4: as for 20 steps
/// against PyTorch, since Adam's first steps turn the sign of a small gradient into a full step.
#[test]
fn a_step_on_the_gpu_is_a_step_on_the_cpu() {
    PRECISIONS.iter().for_each(|precision| compare_a_step(precision));
}

fn compare_a_step(precision: &str) {
    let settings = ["train.max_steps=1", "train.max_epochs=1", "adaptation.enabled=true", precision];
    let [cpu, gpu] = [Arc::new(Engine::Cpu), common::device()].map(|engine| {
        let run = Run::new(&engine, pool(), &settings, FoldChoice::Fold(0));
        run.result.as_ref().expect("it trains");
        let last = Checkpoint::read(&run.file("last.safetensors")).expect("written");
        let dims = last.dims().expect("it was trained");
        (dims, last, run.losses()[0])
    });
    assert!((cpu.2 - gpu.2).abs() <= 1e-6 * cpu.2, "loss {} on the CPU, {} on the GPU", cpu.2, gpu.2);
    let (f, m) = (cpu.0.fused, cpu.0.channels());
    let tensors = [
        ("project.0.weight", vec![cpu.0.projection, cpu.0.widths[0]]),
        ("fuse.weight", vec![f, m]),
        ("adam.m.fuse.weight", vec![f, m]),
        ("adam.v.gate.0.weight", vec![cpu.0.gate_hidden, m]),
        ("domain.0.weight", vec![cpu.0.head_hidden, f]),
        ("norm.1.running_var", vec![cpu.0.projection]),
    ];
    for (name, shape) in tensors {
        let [a, b] = [&cpu.1, &gpu.1].map(|checkpoint| checkpoint.get(name, &shape).expect("of that shape"));
        let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let error = square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut a.iter().copied());
        assert!(error <= 1e-4, "{name}: {error:.1e}");
    }
}

#[test]
fn streamed_features_change_nothing() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        let [resident, streamed] = ["resident", "streamed"].map(|features| {
            let setting = format!("engine.features={features}");
            let run = Run::new(&engine, pool(), &["train.max_epochs=2", &setting], FoldChoice::Fold(2));
            let summary = run.result.as_ref().expect("it trains");
            (run.losses(), summary.validation_loss, std::fs::read(run.file("validation.npz")).expect("written"))
        });
        assert!(resident == streamed, "{}", engine.describe());
    }
}

/// A run that goes on after an interruption ends like one that was never interrupted.
#[test]
fn resumes_to_the_same_bytes() {
    PRECISIONS.iter().for_each(|precision| compare_a_resumed_run(&[precision], FoldChoice::Fold(0)));
    // Without validation, but with a schedule to replay.
    compare_a_resumed_run(&["train.lr_factors=[1.0, 0.5, 0.25, 0.125]"], FoldChoice::All);
}

fn compare_a_resumed_run(settings: &[&str], selection: FoldChoice) {
    let engine = Arc::new(Engine::Cpu);
    let settings = [&["train.max_epochs=4"], settings].concat();
    let whole = Run::new(&engine, pool(), &settings, selection);
    let folder = TempDir::new().expect("a temporary folder");
    let (path, ui) = (folder.path().join("run"), Ui::default().silent());
    let trainer = || Trainer::new(&engine, pool(), &config(&settings), selection, None, ui).expect("it fits");
    let mut run = RunFolder::create(&path, &config(&settings)).expect("it is new");
    trainer().run_epochs(&mut run, 2).expect("it trains");
    drop(run);
    let mut run = RunFolder::open(&path).expect("it was saved");
    let mut resumed = trainer();
    let last = run.last().expect("readable").expect("saved");
    assert_eq!(resumed.resume(last, run.model().expect("readable")).expect("the same run"), 2);
    resumed.run(&mut run).expect("it trains");
    let names = ["model.safetensors", "last.safetensors", "validation.npz"];
    for name in names.into_iter().filter(|name| selection != FoldChoice::All || *name != "validation.npz") {
        assert!(
            std::fs::read(path.join(name)).expect("written") == std::fs::read(whole.file(name)).expect("written"),
            "{name}"
        );
    }
}

/// The factors of a plateau schedule, replayed on the same fold, are the same run; the last one holds.
#[test]
fn a_replayed_schedule_is_the_schedule() {
    // No loss counts as lower: after the first epoch the rate is halved by every one.
    let plateau = ["train.max_epochs=5", "train.plateau={factor = 0.5, patience = 0, threshold = 1.0, min_lr = 0.0}"];
    let replayed = ["train.max_epochs=5", "train.lr_factors=[1.0, 1.0, 0.5, 0.25]"];
    let others = ["train.max_epochs=5", "train.lr_factors=[1.0, 1.0, 0.5]"];
    let [first, second, third] = [&plateau, &replayed, &others].map(|settings| {
        let settings = [&settings[..], &["train.lr=4e-4"]].concat();
        let run = Run::new(&Arc::new(Engine::Cpu), pool(), &settings, FoldChoice::Fold(0));
        run.result.as_ref().expect("it trains");
        let rates: Vec<f64> = EpochLog::read_all(&run.file("")).expect("a log").iter().map(|epoch| epoch.lr).collect();
        (run.losses(), std::fs::read(run.file("validation.npz")).expect("written"), rates)
    });
    let lr = f64::from(4e-4_f32);
    assert_eq!(second.2, [lr, lr, lr / 2.0, lr / 4.0, lr / 4.0]);
    assert_eq!(first.2[..4], second.2[..4]);
    assert_eq!(first.2[4], lr / 8.0, "the schedule went on, the replayed one held");
    assert!(first.0[..4] == second.0[..4], "{:?} {:?}", first.0, second.0);
    assert!(third.0[3] != second.0[3], "another rate in epoch 4 is another loss");
}

/// Adam's first step moves every weight by about the learning rate: 1e30 is finite, its square in the next variance not.
#[test]
fn numbers_that_are_not_finite_say_where_they_began() {
    let cases = [
        (FoldChoice::Fold(0), "train.max_epochs=3", "it began at step 2 in norm.0.running_var"),
        (FoldChoice::Fold(0), "train.max_steps=1", "it began after step 1, when validating, in "),
        (FoldChoice::All, "train.max_steps=1", "it began after step 1, when validating, in "),
    ];
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for (selection, limit, expected) in cases {
            let run = Run::new(&engine, pool(), &["train.lr=1e30", limit], selection);
            let message = format!("{:#}", run.result.as_ref().expect_err("it cannot train"));
            assert!(message.contains(expected), "expected {expected:?}, found: {message}");
            for name in ["model.safetensors", "last.safetensors"] {
                let checkpoint = Checkpoint::read(&run.file(name)).expect("the last good weights are kept");
                let dims = checkpoint.dims().expect("it was trained");
                let weights = checkpoint.get("fuse.weight", &[dims.fused, dims.channels()]).expect("of that shape");
                assert!(weights.iter().all(|w| w.is_finite()), "{name}: {message}");
            }
        }
    }
}

/// A run that goes on keeps its clips, whatever the command line forgets.
#[test]
fn resuming_with_another_fold_is_refused() {
    let engine = Arc::new(Engine::Cpu);
    let run = Run::new(&engine, pool(), &["train.max_epochs=1"], FoldChoice::Fold(3));
    let folder = RunFolder::open(&run.file("")).expect("it was saved");
    let last = || folder.last().expect("readable").expect("saved");
    assert_eq!(Trainer::selection_of(&last().header).expect("a state"), FoldChoice::Fold(3));
    let config = config(&["train.max_epochs=1"]);
    let ui = Ui::default().silent();
    let mut other = Trainer::new(&engine, pool(), &config, FoldChoice::Fold(0), None, ui).expect("it fits");
    let message = other.resume(last(), None).expect_err("another fold").to_string();
    assert!(message.contains("trained on other clips"), "{message}");
}

/// Weights come from the file; Adam's moments and a τ that is a setting do not.
#[test]
fn init_takes_weights_only() {
    let engine = Arc::new(Engine::Cpu);
    let run = Run::new(&engine, pool(), &["train.max_epochs=2"], FoldChoice::Fold(0));
    let settings = ["train.max_epochs=1", "model.temperature.mode=fixed", "model.temperature.initial=0.3"];
    let ui = Ui::default().silent();
    let bytes = ["last.safetensors", "model.safetensors"].map(|name| {
        let mut init = Checkpoint::read(&run.file("last.safetensors")).expect("written");
        if name == "model.safetensors" {
            init.header.resume = None;
        }
        let folder = TempDir::new().expect("a temporary folder");
        let config = config(&settings);
        let mut trainer = Trainer::new(&engine, pool(), &config, FoldChoice::Fold(0), Some(init), ui).expect("it fits");
        let mut out = RunFolder::create(&folder.path().join("run"), &config).expect("it is new");
        trainer.run(&mut out).expect("it trains");
        let last = out.last().expect("readable").expect("saved");
        assert_eq!(last.get("gate.temperature", &[1]).expect("always there"), [0.3]);
        std::fs::read(out.path.join("last.safetensors")).expect("written")
    });
    assert!(bytes[0] == bytes[1], "the file's training state must not matter");
}

/// τ outside the bounds of a learned one is used as it is.
#[test]
fn a_fixed_temperature_is_not_clamped() {
    let engine = Arc::new(Engine::Cpu);
    let [cold, cool] = ["0.05", "0.55"].map(|tau| {
        let tau = format!("model.temperature.initial={tau}");
        let settings = ["train.max_epochs=1", "model.temperature.mode=fixed", &tau];
        let run = Run::new(&engine, pool(), &settings, FoldChoice::Fold(0));
        std::fs::read(run.file("validation.npz")).expect("written")
    });
    assert!(cold != cool);
}

/// Every schedule that the configuration knows, for a few epochs.
#[test]
fn schedules_run_as_configured() {
    let settings = [
        "train.max_epochs=5",
        "model.temperature.mode=anneal",
        "model.dropout_warmup_epochs=2",
        "adaptation.enabled=true",
        "adaptation.schedule=dann",
    ];
    let run = Run::new(&Arc::new(Engine::Cpu), pool(), &settings, FoldChoice::Fold(0));
    run.result.as_ref().expect("it trains");
    let text = std::fs::read_to_string(run.file("metrics.jsonl")).expect("a log");
    let tau = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["temperature"].as_f64();
    let taus: Vec<f64> = text.lines().map(|line| tau(line).expect("a number")).collect();
    for (tau, expected) in taus.iter().zip([1.25, 1.075, 0.9, 0.725, 0.55]) {
        assert!((tau - expected).abs() < 1e-6, "{taus:?}");
    }
}

/// The number of dispatches must not grow with the pool: recording costs time on every one.
#[test]
fn a_step_is_as_many_dispatches_for_any_number_of_encoders() {
    let cases = [(1, false, false), (256, false, false), (256, true, false), (1, false, true), (256, true, true)];
    let counts = cases.map(|(encoders, adaptation, masked)| {
        let config = config(&[&format!("adaptation.enabled={adaptation}")]);
        let dims = Dims { masked, ..Dims::new(&config, &vec![3; encoders], 6).expect("sizes that fit") };
        let engine = Arc::new(Engine::Cpu);
        let windows = Windows::new(&dims, 10, engine.max_elements()).expect("it fits");
        let capacity = Capacity { rows: 4, steps: 1 };
        let model = Model::new(engine.clone(), &config, dims, windows, capacity, Mode::Training).expect("it fits");
        let features = Features::new(&engine, &model.dims, &model.windows, 10).expect("it fits");
        model.training_step(&features, 2, if adaptation { 2 } else { 0 }).len()
    });
    assert_eq!(counts, [23, 23, 23, 24, 24]);
}

/// Weight gradients that are consumed as they are computed and gradients that are stored first: the same products, summed
/// in the same order, so that after three steps roundings (6e-8 each) are all that may differ, in weights and moments.
#[test]
fn updating_where_gradients_are_computed_changes_nothing() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for case in check::cases().into_iter().filter(|case| ["base", "windows", "ragged"].contains(&case.name)) {
            let [fused, separate] = [Mode::Training, Mode::Gradients].map(|mode| {
                let (model, features) = case.build(&engine, mode).expect("it fits");
                let calls = model.training_step(&features, case.sources, case.target_rows);
                for number in 4..7 {
                    engine.run(&calls, &case.step().with_update(number, 1e-3));
                }
                let training = model.training.as_ref().expect("made for training");
                let read = |(what, of): (&str, &Trained)| {
                    let tensors = model.layout.tensors.iter().filter_map(|tensor| {
                        let (buffer, offset) = of.place(tensor.place)?;
                        let values = engine.read(buffer, offset, tensor.len()).expect("device");
                        Some((format!("{what} of {}", tensor.name), values))
                    });
                    tensors.collect::<Vec<_>>()
                };
                [("weights", &model.weights), ("m", &training.m), ("v", &training.v)].map(read).concat()
            });
            assert!(fused.len() > 30 && fused.len() % 3 == 0, "weights and both moments of {} tensors", fused.len());
            for ((name, fused), (_, separate)) in fused.iter().zip(&separate) {
                let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
                let norm = square(&mut separate.iter().map(|&v| f64::from(v)));
                let error = square(&mut fused.iter().zip(separate).map(|(&a, &b)| f64::from(a) - f64::from(b)));
                assert!(error <= 1e-12 * norm, "{}: {}: {name}", engine.describe(), case.name);
            }
        }
    }
}

/// Buffers that take turns in one place: whatever a kernel reads was written last under the name it reads it by.
#[test]
fn what_is_read_is_what_was_written_last() {
    let engine = Arc::new(Engine::Cpu);
    let mut turns = 0;
    for case in check::cases() {
        for &mode in case.modes() {
            let (model, features) = case.build(&engine, mode).expect("it fits");
            let step = || model.training_step(&features, case.sources, case.target_rows);
            let inference = model.inference(&features, case.infer_rows());
            let calls: Vec<Call> = step().into_iter().chain(inference).chain(step()).collect();
            // Every place that was written, and the name it was written by last
            let mut written: Vec<AnyBuffer> = Vec::new();
            for call in &calls {
                let buffers = || call.kernel.slots.iter().zip(&call.buffers);
                for (slot, buffer) in buffers().filter(|(slot, _)| slot.role != Role::Write) {
                    let last = written.iter().find(|written| written.shares_memory(buffer));
                    let (kernel, name) = (call.kernel.name, slot.name);
                    let label = last.map_or(buffer.label(), AnyBuffer::label);
                    assert_eq!(buffer.label(), label, "{}: {kernel} reads {name} where that was written", case.name);
                }
                for (_, buffer) in buffers().filter(|(slot, _)| slot.role != Role::Read) {
                    match written.iter_mut().find(|written| written.shares_memory(buffer)) {
                        None => written.push(buffer.clone()),
                        Some(last) => {
                            turns += usize::from(last.label() != buffer.label());
                            *last = buffer.clone();
                        }
                    }
                }
            }
        }
    }
    assert!(turns > 100, "{turns} changes of hands: there should be some in every step");
}

#[test]
fn files_are_where_they_should_be() {
    let run = Run::new(&Arc::new(Engine::Cpu), pool(), &["train.max_epochs=1"], FoldChoice::Fold(0));
    let names =
        ["config.toml", "model.safetensors", "last.safetensors", "metrics.jsonl", "summary.json", "validation.npz"];
    for name in names {
        assert!(run.file(name).exists(), "{name}");
    }
    assert!(Path::new(&run.file("summary.json")).metadata().expect("there").len() > 100);
}

/// The fold's rows through a checkpoint's network: logits, one row after the other.
fn logits(engine: &Arc<Engine>, checkpoint: &Checkpoint, precision: &str) -> Vec<f32> {
    let (mut pool, config) = (pool(), config(&[precision]));
    let (_, rows) = pool.fold_rows(1).expect("a fold");
    let dims = Dims::new(&config, &pool.widths(), pool.classes.len()).expect("sizes that fit");
    let scaler = checkpoint.scaler().expect("as written");
    let mut network =
        Network::new(engine, &config, dims, Inputs::of(&mut pool), &scaler, 50, Mode::Inference).expect("it fits");
    network.model.load(checkpoint).expect("the same network");
    let output = network.infer(&rows).expect("the device stays");
    output.presence.into_iter().chain(output.salience).collect()
}

fn relative_difference(a: &[f32], b: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut a.iter().copied())
}

/// f16 keeps 11 bits: a rounding is 3e-4 of a value on average, and the logits are 2e-4 apart.
#[test]
fn checkpoints_know_no_precision() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for trained_in in PRECISIONS {
            let run =
                Run::new(&engine, pool(), &["train.max_epochs=5", "train.lr=0.003", trained_in], FoldChoice::Fold(1));
            run.result.as_ref().expect("it trains");
            let checkpoint = Checkpoint::read(&run.file("model.safetensors")).expect("written");
            let [exact, mixed] = PRECISIONS.map(|precision| logits(&engine, &checkpoint, precision));
            let difference = relative_difference(&exact, &mixed);
            println!("{}: {trained_in}: {difference:.1e}", engine.describe());
            assert!(difference > 0.0, "they are not the same computation");
            assert!(difference <= 1e-3, "{}: {trained_in}: {difference:.1e}", engine.describe());
        }
    }
}

/// The same run in both precisions: the training loss of each of ten epochs, 80 steps in all, within 1e-2 (measured: 6e-3). The
/// validation loss of a few dozen clips that nothing was fitted to spreads more: within 5e-2 (measured: 2.3e-2).
#[test]
fn mixed_precision_follows_f32() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        let [exact, mixed] = PRECISIONS.map(|precision| {
            let settings = ["train.max_epochs=10", "train.patience=10", "train.lr=0.003", precision];
            let run = Run::new(&engine, pool(), &settings, FoldChoice::Fold(1));
            let summary = run.result.as_ref().expect("it trains");
            (run.losses(), summary.validation_loss.expect("a fold was held out"))
        });
        assert_eq!(exact.0.len(), 10);
        let difference = |a: f64, b: f64| (a - b).abs() / a;
        let most = exact.0.iter().zip(&mixed.0).fold(0.0f64, |most, (&a, &b)| most.max(difference(a, b)));
        let validation = difference(exact.1, mixed.1);
        println!("{}: {most:.1e}, validation {validation:.1e}", engine.describe());
        assert!(most <= 1e-2 && validation <= 5e-2, "{exact:?} and {mixed:?}");
    }
}

/// A mean of 1e6 and a spread of 1 would be nothing in f16, were it not standardised first.
#[test]
fn large_means_are_no_matter_to_mixed_precision() {
    let shifted = || {
        let mut pool = pool();
        pool.encoders.iter_mut().for_each(|encoder| encoder.features.mapv_inplace(|x| x.mul_add(64.0, 1e6)));
        pool
    };
    let engine = Arc::new(Engine::Cpu);
    let [plain, moved] = [pool(), shifted()].map(|pool| {
        let settings = ["train.max_epochs=2", PRECISIONS[1]];
        Run::new(&engine, pool, &settings, FoldChoice::Fold(1)).losses()
    });
    for (plain, moved) in plain.iter().zip(&moved) {
        assert!((plain - moved).abs() <= 1e-2 * plain, "{plain} and {moved}");
    }
}

#[test]
fn what_f16_cannot_hold_is_told_with_encoder_and_clip() {
    let mut pool = pool();
    let (train, validation) = pool.fold_rows(0).expect("a fold");
    // The training rows do not vary there, so nothing is divided by what the other row has.
    train.iter().for_each(|&row| pool.encoders[2].features[[row, 5]] = 0.0);
    pool.encoders[2].features[[validation[3], 5]] = 7e4;
    let (encoder, clip) = (pool.encoders[2].name.clone(), pool.clips[validation[3]].name.clone());
    let ui = Ui::default().silent();
    for features in ["resident", "streamed"] {
        let config = config(&[PRECISIONS[1], &format!("engine.features={features}")]);
        let made = Trainer::new(&Arc::new(Engine::Cpu), pool.clone(), &config, FoldChoice::Fold(0), None, ui);
        let message = format!("{:#}", made.err().expect("it cannot be held"));
        for part in
            [&format!("encoder `{encoder}`, clip `{clip}`: found 7.000e4 in column 5"), "65504", "engine.precision=f32"]
        {
            assert!(message.contains(part), "expected {part:?}, found: {message}");
        }
    }
}
