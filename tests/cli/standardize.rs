//! `data.standardize = "per_split"`: test clips by their own mean and standard deviation, however their features are shifted.

use crate::workspace::{SMALL, Workspace};
use blendfuse::data::npz::NpzWriter;
use std::path::Path;

const OWN: &str = "--set data.standardize=per_split";

/// In `moved`, the pool with the features of its test clips scaled and shifted, each column in its own way.
fn moved_pool(work: &Workspace) {
    work.copy("pool", "moved");
    for entry in std::fs::read_dir(work.path("moved/features/test")).unwrap() {
        let path = entry.unwrap().path();
        let npz = format!("moved/features/test/{}", path.file_name().unwrap().to_str().unwrap());
        let (mut x, names) = (work.matrix(&npz, "X"), work.strings(&npz, "filenames"));
        for (column, mut values) in x.columns_mut().into_iter().enumerate() {
            values.mapv_inplace(|x| x * (0.5 + 0.25 * (column % 5) as f32) + 2.0 - (column % 3) as f32);
        }
        write(&path, x, &names);
    }
}

fn write(path: &Path, x: ndarray::Array2<f32>, names: &[String]) {
    std::fs::remove_file(path).unwrap();
    let mut npz = NpzWriter::create(path).unwrap();
    npz.matrix("X", x.view()).unwrap();
    npz.strings("filenames", names).unwrap();
    npz.finish().unwrap();
}

/// Largest difference of the scores that a run gives the test clips of two pools.
fn difference(work: &Workspace, run: &str) -> f32 {
    for pool in ["pool", "moved"] {
        work.ok(&format!("predict --model {run} --data {pool} --force --out p.json --scores {pool}.npz --device cpu"));
    }
    let [a, b] = ["pool.npz", "moved.npz"].map(|npz| work.matrix(npz, "scores"));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Without adaptation training does not see test clips: the same weights. Predictions do not see the shift, 1e-4 for what
/// f32 features lose by it.
#[test]
fn predictions_do_not_depend_on_a_shift_of_the_test_clips() {
    let work = Workspace::with_pool();
    moved_pool(&work);
    work.train("cpu", "--out plain --fold 0 --set train.lr=0.003");
    work.train("cpu", &format!("--out own --fold 0 --set train.lr=0.003 {OWN}"));
    let tensors = |run: &str| work.checkpoint(&format!("{run}/model.safetensors")).tensors;
    assert!(tensors("plain") == tensors("own"));
    assert!(work.bytes("plain/validation.npz") == work.bytes("own/validation.npz"));
    assert!(difference(&work, "plain") > 0.05, "the shift is one that matters");
    let found = difference(&work, "own");
    assert!(found < 1e-4, "{found:.1e}");
    // Training clips keep the training clips' statistics, in an ensemble every member has its own setting.
    let line = "predict --data pool --split train --device cpu --force --out p.json";
    work.ok(&format!("{line} --model plain --scores a.npz"));
    work.ok(&format!("{line} --model own --scores b.npz"));
    assert!(work.bytes("a.npz") == work.bytes("b.npz"));
    let line = "predict --data pool --device cpu --force --out p.json";
    for (models, npz) in [("--model plain", "a.npz"), ("--model own", "b.npz"), ("--model plain --model own", "c.npz")]
    {
        work.ok(&format!("{line} {models} --scores {npz}"));
    }
    let [a, b, both] = ["a.npz", "b.npz", "c.npz"].map(|npz| work.matrix(npz, "scores"));
    assert!(a != b);
    assert!(both.iter().zip((&a + &b) / 2.0).all(|(both, mean)| (both - mean).abs() < 1e-6));
}

/// Adaptation trains on test clips: they are those of its own statistics, in every fold of a cross-validation and in f16.
#[test]
fn adaptation_does_not_depend_on_a_shift_of_the_test_clips() {
    let work = Workspace::with_pool();
    moved_pool(&work);
    for precision in ["f32", "mixed"] {
        let settings = format!("{SMALL} --set adaptation.enabled=true --set engine.precision={precision} --device cpu");
        let mut losses = Vec::new();
        for (pool, own) in [("pool", OWN), ("moved", OWN), ("pool", ""), ("moved", "")] {
            let run = format!("{precision}{}", losses.len());
            work.ok(&format!("train --data {pool} --out {run} --fold 1 {settings} {own}"));
            losses.push(work.log(&run).iter().map(|epoch| epoch["domain_loss"].as_f64().unwrap()).collect::<Vec<_>>());
        }
        let apart =
            |a: usize, b: usize| losses[a].iter().zip(&losses[b]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart(0, 1) < 5e-5, "{precision}: {losses:?}");
        assert!(apart(2, 3) > 5e-4 && apart(0, 2) > 1e-5, "{precision}: {losses:?}");
        work.ok(&format!("cv --data pool --out cv-{precision} --folds 0,1 {settings} {OWN}"));
        for file in ["model.safetensors", "validation.npz"] {
            let [fold, alone] = [format!("cv-{precision}/seed-0/fold-1"), format!("{precision}0")]
                .map(|run| work.bytes(&format!("{run}/{file}")));
            assert!(fold == alone, "{precision}: {file} of a fold is that of a run alone");
        }
    }
}

#[test]
fn one_test_clip_has_no_statistics() {
    let work = Workspace::with_pool();
    work.train("cpu", &format!("--out run --fold 0 {OWN}"));
    for entry in std::fs::read_dir(work.path("pool/features/test")).unwrap() {
        let path = entry.unwrap().path();
        let npz = format!("pool/features/test/{}", path.file_name().unwrap().to_str().unwrap());
        let (x, names) = (work.matrix(&npz, "X"), work.strings(&npz, "filenames"));
        write(&path, x.slice(ndarray::s![..1, ..]).to_owned(), &names[..1]);
    }
    let labels = work.text("pool/test_metadata.csv");
    work.write("pool/test_metadata.csv", &labels.lines().take(2).map(|line| format!("{line}\n")).collect::<String>());
    let message = ["data.standardize = \"per_split\": found 1 test clip, expected at least 2"];
    work.fails("predict --model run --data pool --device cpu --force --out p.json", &message);
    work.fails(
        &format!("train --data pool --out other --fold 0 --device cpu {SMALL} --set adaptation.enabled=true {OWN}"),
        &message,
    );
}
