//! A run that is stopped after any step, and resumed by another process, ends as one that was not.

use crate::common;
use crate::tiny::{Run, config, pool};
use blendfuse::data::FoldChoice;
use blendfuse::engine::Engine;
use blendfuse::host::stop::{Interrupted, Stop};
use blendfuse::host::ui::Ui;
use blendfuse::runs::RunFolder;
use blendfuse::train::Trainer;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Everything that changes as training goes on.
const SETTINGS: [&str; 7] = [
    "train.max_epochs=4",
    "train.plateau.patience=1",
    "train.batch=100",
    "model.temperature.mode=anneal",
    "model.dropout_warmup_epochs=3",
    "adaptation.enabled=true",
    "adaptation.schedule=dann",
];

/// Trains in `folder`, new or begun, until `steps` more are done.
fn train(engine: &Arc<Engine>, folder: &Path, settings: &[&str], steps: usize) -> anyhow::Result<()> {
    let (config, selection) = (config(settings), FoldChoice::Fold(1));
    let mut trainer = Trainer::new(engine, pool(), &config, selection, None, Ui::default().silent())?;
    let mut run = match folder.exists() {
        true => RunFolder::open(folder)?,
        false => RunFolder::create(folder, &config)?,
    };
    let last = run.last()?;
    trainer.go_on(&mut run, last)?;
    let asked = AtomicUsize::new(0);
    trainer.stop_when(Stop::when(move || asked.fetch_add(1, Ordering::Relaxed) >= steps));
    trainer.run(&mut run).map(drop)
}

/// The log without times.
fn log(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("a log");
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for time in ["seconds", "rows_per_second"] {
            line.as_object_mut().expect("a table").remove(time).expect("a time");
        }
        line
    };
    text.lines().map(line).collect()
}

#[test]
fn a_run_stopped_within_epochs_ends_as_one_that_was_not() {
    for (engine, precision) in [
        (Arc::new(Engine::Cpu), "engine.precision=f32"),
        (Arc::new(Engine::Cpu), "engine.precision=mixed"),
        (common::device(), "engine.precision=f32"),
    ] {
        let settings = [&SETTINGS[..], &[precision]].concat();
        let whole = Run::new(&engine, pool(), &settings, FoldChoice::Fold(1));
        whole.result.as_ref().expect("it trains");
        // Four steps an epoch: before the first, within an epoch twice, at the end of one, within the next.
        let temp = TempDir::new().expect("a temporary folder");
        let folder = temp.path().join("run");
        for (steps, saved) in [
            (0, "saved after step 0, in epoch 1"),
            (1, "saved after step 1, in epoch 1"),
            (1, "saved after step 2, in epoch 1"),
            (2, "saved after step 4, in epoch 2"),
            (3, "saved after step 7, in epoch 2"),
        ] {
            let error = train(&engine, &folder, &settings, steps).expect_err("it is stopped");
            let found = &Interrupted::of(&error).unwrap_or_else(|| panic!("{error:#}")).saved;
            assert!(found.ends_with(saved), "{found}, expected {saved}");
        }
        train(&engine, &folder, &settings, usize::MAX).expect("it ends");
        for name in ["model.safetensors", "last.safetensors", "validation.npz"] {
            let [resumed, whole] =
                [folder.join(name), whole.file(name)].map(|path| std::fs::read(path).expect("it is there"));
            assert!(resumed == whole, "{}, {precision}: {name} differs", engine.describe());
        }
        assert_eq!(log(&folder), log(whole.file("metrics.jsonl").parent().expect("a folder")));
    }
}
