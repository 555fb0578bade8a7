//! A resumed run ends with the weights that its training found best, or with an error: `model.safetensors` is tied to
//! `last.safetensors`, and a kill between the writes of a save is harmless.

use crate::workspace::{SMALL, Workspace};
use serde_json::Value;
use std::fs;

const LONG: &str = "--set train.max_epochs=40 --set train.patience=40";
const RESUME: &str = "train --data pool --out run --resume --device cpu";

fn train(run: &str) -> String {
    format!("train --data pool --out {run} --fold 2 --device cpu {SMALL} {LONG}")
}

/// `run`, killed after a save; `whole`, the same run uninterrupted; `other`, that of another seed.
fn killed() -> Workspace {
    let work = Workspace::with_pool();
    work.kill_after_a_save(&train("run"), "run");
    work.ok(&format!("{} --set train.seed=1 --set train.max_epochs=3", train("other")));
    work
}

fn is_whole(work: &Workspace, run: &str) {
    for file in ["model.safetensors", "last.safetensors", "validation.npz"] {
        let [found, expected] = [run, "whole"].map(|run| work.bytes(&format!("{run}/{file}")));
        assert!(found == expected, "{run}/{file} differs from that of the run that was not interrupted");
    }
    assert!(!work.path(&format!("{run}/model.next.safetensors")).exists());
}

#[test]
fn missing_or_other_best_weights_are_refused() {
    let work = killed();
    let remedy = "restore it from a copy, or train again with another --out";
    fs::rename(work.path("run/model.safetensors"), work.path("kept")).unwrap();
    work.fails(RESUME, &["run/model.safetensors: found no such file, expected the weights of epoch ", remedy]);
    fs::copy(work.path("other/model.safetensors"), work.path("run/model.safetensors")).unwrap();
    work.fails(RESUME, &["run/model.safetensors: found other weights, expected the weights of epoch ", remedy]);
    fs::rename(work.path("kept"), work.path("run/model.safetensors")).unwrap();
    work.ok(RESUME);
    work.ok(&train("whole"));
    is_whole(&work, "run");
    // A finished run, too, would be written anew.
    fs::remove_file(work.path("run/model.safetensors")).unwrap();
    work.fails(RESUME, &["run/model.safetensors: found no such file", remedy]);
}

/// Three writes: the new best weights beside the old ones, the state that records them, the new ones in place of the old.
#[test]
fn a_kill_between_the_writes_of_a_save_is_harmless() {
    let work = killed();
    work.ok(&train("whole"));
    work.copy("run", "recorded");
    work.copy("run", "unrecorded");
    // Before the third write: recorded, but not in place.
    fs::rename(work.path("recorded/model.safetensors"), work.path("recorded/model.next.safetensors")).unwrap();
    fs::copy(work.path("other/model.safetensors"), work.path("recorded/model.safetensors")).unwrap();
    // Before the second: those of a later epoch, which training will find again.
    fs::copy(work.path("whole/model.safetensors"), work.path("unrecorded/model.next.safetensors")).unwrap();
    for run in ["recorded", "unrecorded"] {
        work.ok(&RESUME.replace("run", run));
        is_whole(&work, run);
    }
    // The first save of all: nothing in place yet.
    fs::rename(work.path("run/model.safetensors"), work.path("run/model.next.safetensors")).unwrap();
    work.ok(RESUME);
    is_whole(&work, "run");
}

/// Folders of versions that recorded no fingerprint.
#[test]
fn without_a_fingerprint_the_validation_loss_is_compared() {
    let work = killed();
    edit_state(&work, "run/last.safetensors", |state| {
        state["best"].as_object_mut().unwrap().remove("weights").expect("it is recorded");
    });
    fs::rename(work.path("run/model.safetensors"), work.path("kept")).unwrap();
    work.fails(RESUME, &["run/model.safetensors: found no such file, expected the weights of epoch "]);
    fs::copy(work.path("other/model.safetensors"), work.path("run/model.safetensors")).unwrap();
    work.fails(RESUME, &["run/model.safetensors: found weights with a validation loss of ", ", expected "]);
    fs::rename(work.path("kept"), work.path("run/model.safetensors")).unwrap();
    let said = work.ok(RESUME);
    assert!(said.stderr.contains("warning: run: written by a version that recorded no fingerprint"), "{}", said.stderr);
    work.ok(&train("whole"));
    let [found, expected] = ["run", "whole"].map(|run| work.bytes(&format!("{run}/model.safetensors")));
    assert!(found == expected);
}

/// Nothing else was held out either: the last weights are the model, and a wrong one is replaced.
#[test]
fn without_validation_the_model_is_the_last_state() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --all");
    work.copy("run", "whole");
    work.train("cpu", "--out other --all --set train.seed=1");
    fs::copy(work.path("other/model.safetensors"), work.path("run/model.safetensors")).unwrap();
    work.ok("train --data pool --out run --all --resume --device cpu");
    assert!(work.bytes("run/model.safetensors") == work.bytes("whole/model.safetensors"));
}

#[test]
fn a_cross_validation_checks_the_models_of_its_runs() {
    let work = Workspace::with_pool();
    let line = format!("cv --data pool --out cv --folds 0,1 --seeds 2 --device cpu {SMALL}");
    work.ok(&line);
    let (fold, other) = ("cv/seed-0/fold-0", "cv/seed-1/fold-0/model.safetensors");
    fs::remove_file(work.path("cv/summary.json")).unwrap();
    work.copy("cv", "kept");
    fs::copy(work.path(other), work.path(&format!("{fold}/model.safetensors"))).unwrap();
    work.fails(&line, &[fold, "its model.safetensors holds other weights than the best ones of its training"]);
    // Not finished, it would be resumed.
    fs::remove_file(work.path(&format!("{fold}/summary.json"))).unwrap();
    let said = work.run(&line);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("seed 0, fold 0") && said.stderr.contains("found other weights"), "{}", said.stderr);
    fs::copy(
        work.path(&format!("kept/{}/model.safetensors", &fold[3..])),
        work.path(&format!("{fold}/model.safetensors")),
    )
    .unwrap();
    work.ok(&line);
}

/// Changes the training state that a `last.safetensors` records.
fn edit_state(work: &Workspace, file: &str, edit: impl FnOnce(&mut Value)) {
    let bytes = work.bytes(file);
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut front: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut state: Value = serde_json::from_str(front["__metadata__"]["resume"].as_str().unwrap()).unwrap();
    edit(&mut state);
    front["__metadata__"]["resume"] = state.to_string().into();
    let mut text = front.to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    let front = [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    fs::write(work.path(file), [&front[..], &bytes[8 + length..]].concat()).unwrap();
}
