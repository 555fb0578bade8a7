//! Switches that users turn: each changes what it should, and the model can be used afterwards.

use crate::workspace::{Workspace, adapter, is_preselection};
use serde_json::Value;

/// Loss of every epoch.
fn losses(work: &Workspace, run: &str) -> Vec<f64> {
    work.log(run).iter().map(|line| line["loss"].as_f64().unwrap()).collect()
}

/// Encoders kept per clip where settings do not say: round(22/36 · 8).
const TOP_N: usize = 5;

#[test]
fn each_ablation_trains_and_predicts() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out default --fold 0");
    let variants = [
        ("single", TOP_N, "--set model.heads=single"),
        ("uniform", 8, "--set model.attention=uniform"),
        ("all", 8, "--set model.top_n=8"),
        ("one", 1, "--set model.top_n=1"),
        ("adamw", TOP_N, "--set train.optimizer=adamw --set train.weight_decay=0.5 --set train.lr=0.01"),
        ("bce", TOP_N, "--set loss.presence_loss=bce"),
        ("ordered", TOP_N, "--set train.shuffle=false"),
        ("seed", TOP_N, "--set train.seed=5"),
        ("warmup", TOP_N, "--set model.dropout_warmup_epochs=2"),
        ("small-batch", TOP_N, "--set train.batch=17"),
        ("adapted", TOP_N, "--set adaptation.enabled=true"),
    ];
    for (run, kept, settings) in variants {
        predicts(&work, "cpu", run, kept, settings);
        assert_ne!(losses(&work, run), losses(&work, "default"), "{run} does as the default");
    }
}

/// All kinds of networks in three runs, adaptation among them: compiling kernels takes the most of each.
#[test]
fn an_adapter_follows_the_cpu() {
    let work = Workspace::with_pool();
    let variants = [
        ("default", TOP_N, ""),
        (
            "uniform-single-bce",
            8,
            "--set model.attention=uniform --set model.heads=single --set loss.presence_loss=bce",
        ),
        ("adapted-adamw", 3, "--set model.top_n=3 --set adaptation.enabled=true --set train.optimizer=adamw"),
    ];
    for (run, kept, settings) in variants {
        let on_adapter = format!("{run}-adapter");
        predicts(&work, "cpu", run, kept, settings);
        predicts(&work, adapter(), &on_adapter, kept, settings);
        // The order of sums differs, and Adam turns the sign of a tiny gradient into a full step: 3e-4 of a weight.
        for (cpu, other) in losses(&work, run).into_iter().zip(losses(&work, &on_adapter)) {
            assert!((cpu - other).abs() < 1e-4 * cpu, "{run}: {cpu} on the CPU, {other} on the adapter");
        }
        // One model on both: no such accident.
        let files = "--force --out same.json --scores same.npz";
        work.ok(&format!("predict --model {run} --data pool {files} --device {}", adapter()));
        for array in ["scores", "w", "a"] {
            let (cpu, other) = (work.matrix(&format!("{run}/s.npz"), array), work.matrix("same.npz", array));
            assert!(cpu.iter().zip(&other).all(|(cpu, other)| (cpu - other).abs() < 1e-5), "{run}: {array}");
        }
    }
}

/// Trains, then predicts to `p.json` and `s.npz` in the run's folder; `kept` encoders have a weight in every clip.
fn predicts(work: &Workspace, device: &str, run: &str, kept: usize, settings: &str) {
    work.train(device, &format!("--out {run} --fold 0 {settings}"));
    let files = format!("--out {run}/p.json --scores {run}/s.npz");
    work.ok(&format!("predict --model {run} --data pool {files} --device {device}"));
    let [w, a] = ["w", "a"].map(|array| work.matrix(&format!("{run}/s.npz"), array));
    is_preselection(&a, &w, kept);
    let uniform = settings.contains("attention=uniform");
    assert!(!uniform || w.iter().chain(&a).all(|&weight| weight == 0.125), "{run}: {w} and {a}");
}

#[test]
fn adaptation_learns_from_the_test_clips() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out plain --fold 0");
    work.train("cpu", "--out adapted --fold 0 --set adaptation.enabled=true");
    work.train("cpu", "--out dann --fold 0 --set adaptation.enabled=true --set adaptation.schedule=dann");
    let domain = |run: &str| work.log(run).into_iter().map(|line| line["domain_loss"].clone()).collect::<Vec<_>>();
    assert_eq!(domain("plain"), [Value::Null, Value::Null, Value::Null]);
    for line in work.log("adapted") {
        let figure = |key: &str| line[key].as_f64().unwrap();
        let total = 0.68 * figure("presence_loss") + 0.32 * figure("salience_loss") + 0.15 * figure("domain_loss");
        assert!((figure("loss") - total).abs() < 1e-5 * total, "{line}");
        // Two balanced sides, hardly told apart yet.
        assert!((figure("domain_loss") - 2f64.ln()).abs() < 0.2, "{line}");
    }
    assert_ne!(domain("adapted"), domain("dann"));
    let classifier = |run: &str| work.checkpoint(&format!("{run}/last.safetensors")).values("domain.1.weight").to_vec();
    assert_ne!(classifier("plain"), classifier("adapted"), "the classifier is trained only with adaptation");

    std::fs::remove_dir_all(work.path("pool/features/test")).unwrap();
    std::fs::remove_file(work.path("pool/test_metadata.csv")).unwrap();
    work.fails(
        "train --data pool --out run --device cpu --set adaptation.enabled=true --fold 0",
        &["adaptation.enabled = true, but the pool has no test clips", "turn adaptation off"],
    );
}

#[test]
fn temperature_follows_its_mode() {
    let work = Workspace::with_pool();
    let temperatures = |run: &str, settings: &str| -> Vec<f64> {
        work.train("cpu", &format!("--out {run} --fold 0 --set model.temperature.mode={settings}"));
        let log: Vec<f64> = work.log(run).iter().map(|line| line["temperature"].as_f64().unwrap()).collect();
        let last = work.checkpoint(&format!("{run}/last.safetensors")).values("gate.temperature")[0];
        assert!((f64::from(last) - log[2]).abs() < 1e-6, "{run}: {last} in the file, {log:?} in the log");
        log
    };
    let near = |found: Vec<f64>, expected: [f64; 3]| {
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{found:?}");
    };
    near(temperatures("fixed", "fixed --set model.temperature.initial=0.9"), [0.9; 3]);
    near(temperatures("anneal", "anneal"), [1.25, 0.9, 0.55]);
    let learned = temperatures("learned", "learned");
    assert!(learned[0] != 0.7 && learned[0] != learned[2], "{learned:?}");
    assert!(learned.iter().all(|tau| (tau - 0.7).abs() < 0.05), "{learned:?}");
    // A large rate drives it to a bound, and the clamp holds it there.
    let bounds = "learned --set model.temperature.min=0.69 --set model.temperature.max=0.71 --set train.lr=0.1";
    let clamped = temperatures("clamped", bounds);
    assert!(clamped.iter().all(|tau| (0.69 - 1e-6..=0.71 + 1e-6).contains(tau)), "{clamped:?}");
    assert!(clamped.iter().any(|tau| (tau - 0.7).abs() > 0.0099), "{clamped:?}");
}

#[test]
fn a_run_starts_from_given_weights() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out base --fold 0 --set train.lr=0.01");
    let base = work.checkpoint("base/last.safetensors");
    // A rate too small to change anything shows the weights that training began with.
    for (run, init) in
        [("from-file", "base/last.safetensors"), ("from-model", "base/model.safetensors"), ("from-run", "base")]
    {
        work.train(
            "cpu",
            &format!("--out {run} --all --set train.lr=1e-30 --set train.max_steps=1 --init {init} --set train.seed=4"),
        );
        let started = work.checkpoint(&format!("{run}/model.safetensors"));
        let expected = if run == "from-file" { &base } else { &work.checkpoint("base/model.safetensors") };
        for tensor in ["project.0.weight", "norm.7.bias", "gate.1.weight", "fuse.weight", "salience.1.bias"] {
            assert_eq!(started.values(tensor), expected.values(tensor), "{run}: {tensor}");
        }
    }
    // Only weights: the moments of the other run's optimiser are not this run's.
    let first_step = |run: &str, init: &str| {
        work.train("cpu", &format!("--out {run} --all --set train.max_steps=1 --init {init}"));
        work.checkpoint(&format!("{run}/last.safetensors")).tensors
    };
    work.copy("base", "stripped");
    strip_moments(&work, "base/last.safetensors", "stripped/last.safetensors");
    let (with, without) =
        (first_step("with", "base/last.safetensors"), first_step("without", "stripped/last.safetensors"));
    assert!(with == without, "the first step depends on moments that were not this run's");
}

/// The same weights without Adam's moments and training state.
fn strip_moments(work: &Workspace, from: &str, to: &str) {
    let checkpoint = work.checkpoint(from);
    let views =
        checkpoint.tensors.iter().filter(|(name, _)| !name.starts_with("adam.")).map(|(name, (shape, values))| {
            let bytes = bytemuck::cast_slice(values);
            (name.clone(), safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
        });
    let metadata = checkpoint.metadata.iter().filter(|(key, _)| *key != "resume");
    let metadata = metadata.map(|(key, value)| (key.clone(), value.clone())).collect();
    safetensors::serialize_to_file(views, Some(metadata), &work.path(to)).unwrap();
}
