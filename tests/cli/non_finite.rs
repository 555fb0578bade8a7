//! Numbers that overflow: the run stops, says where it began, and keeps weights that can be used.

use crate::archive::features;
use crate::workspace::{SMALL, Workspace, adapter};

#[test]
fn a_rate_too_high_stops_the_run_and_keeps_the_last_good_weights() {
    let work = Workspace::with_pool();
    for device in ["cpu", adapter()] {
        let run = &format!("run-{}", &device[..3]);
        let line = format!("-q train --data pool --out {run} --fold 0 --device {device} {SMALL} --set train.lr=1e30");
        let said = work.run(&line);
        said.is_failure(
            &line,
            &["a number is not finite: it began at step 2 in ", &format!("weights are in {run}"), "lower train.lr"],
        );
        keeps_good_weights(&work, run);
        assert!(!work.path(&format!("{run}/summary.json")).exists(), "the run did not end");
        // Gone on with, the run breaks again at the same step; the weights are good to start another from.
        work.run(&format!("-q train --data pool --out {run} --resume --device {device}"))
            .is_failure("--resume", &["it began at step 2 in "]);
        work.train(device, &format!("--out {run}-again --fold 0 --init {run}/model.safetensors"));
    }
}

#[test]
fn clips_that_overflow_in_training() {
    let work = Workspace::with_pool();
    blow_up(&work, "4");
    let line = format!("-q train --data pool --out run --fold 0 --device cpu {SMALL}");
    let said = work.run(&line);
    said.is_failure(&line, &["a number is not finite: it began at step ", "extreme values in the features"]);
    keeps_good_weights(&work, "run");
}

/// The weights are good, but not what they make of the clips held out.
#[test]
fn clips_that_overflow_in_validation() {
    let work = Workspace::with_pool();
    blow_up(&work, "0");
    let line = format!("-q train --data pool --out run --fold 0 --device cpu {SMALL}");
    let said = work.run(&line);
    said.is_failure(&line, &["it began after step 6, when validating, in ", "extreme values"]);
    keeps_good_weights(&work, "run");
}

#[test]
fn clips_that_overflow_in_prediction() {
    let work = Workspace::with_pool();
    rescale(&work, |_| 1e-3);
    work.train("cpu", "--out run --fold 1");
    blow_up(&work, "0");
    work.fails(
        "predict --model run --data pool --split train --out p.json --device cpu",
        &["found non-finite model outputs", "extreme values", "blendfuse inspect pool"],
    );
}

#[test]
fn large_units_are_no_harm() {
    let work = Workspace::with_pool();
    rescale(&work, |_| 1e30);
    work.train("cpu", "--out run --fold 0");
    assert!(work.checkpoint("run/model.safetensors").is_finite());
}

fn keeps_good_weights(work: &Workspace, run: &str) {
    for file in ["model.safetensors", "last.safetensors"] {
        assert!(work.checkpoint(&format!("{run}/{file}")).is_finite(), "{file}");
    }
}

/// Features of one fold that are finite, but overflow when they are divided by the others' standard deviation.
fn blow_up(work: &Workspace, fold: &str) {
    rescale(work, |row| if row["fold"] == fold { 1e38 } else { 1e-3 });
}

/// Multiplies the training rows of one encoder.
fn rescale(work: &Workspace, factor: impl Fn(&std::collections::BTreeMap<String, String>) -> f32) {
    let file = "pool/features/train/hubert_large.npz";
    let (x, rows) = (work.matrix(file, "X"), work.table("pool/train_metadata.csv"));
    assert_eq!(work.strings(file, "filenames"), rows.iter().map(|row| row["filename"].clone()).collect::<Vec<_>>());
    let names: Vec<&str> = rows.iter().map(|row| row["filename"].as_str()).collect();
    let limit = |value: f32| value.clamp(-3e38, 3e38);
    features(&work.path(""), file, &names, |row| x.row(row).iter().map(|x| limit(x * factor(&rows[row]))).collect());
}
