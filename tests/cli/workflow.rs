//! From a synthetic pool to a scored submission, as a user goes through it.

use crate::workspace::{SMALL, Workspace, is_preselection};
use predicates::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

#[test]
fn a_pool_becomes_a_scored_submission() {
    let work = Workspace::with_pool();
    work.ok("train --data pool --out run --fold 2 --device cpu --set model.projection=32 --set train.lr=0.003");

    let said = work.ok("predict --model run --data pool --out predictions.json --zip --scores scores.npz --device cpu");
    let expected = predicate::str::contains("135 clips, alpha 0.")
        .and(predicate::str::contains("written predictions.json"))
        .and(predicate::str::contains("written predictions.zip"))
        .and(predicate::str::contains("written scores.npz"));
    assert!(expected.eval(&said.stdout), "{}", said.stdout);
    is_submission(&work);
    has_scores(&work);

    // Test actors were never seen in training; both trivial baselines are far off.
    let test = work.ok("evaluate --predictions predictions.json --metadata pool/test_metadata.csv --json").json();
    assert_eq!(test["clips"], 135);
    assert_eq!((&test["without_prediction"], &test["without_label"]), (&0.into(), &0.into()));
    let figure = |report: &serde_json::Value, name: &str| report[name].as_f64().unwrap();
    for baseline in test["baselines"].as_array().unwrap() {
        assert!(figure(&test, "presence") > 2.0 * figure(baseline, "presence"), "{test}");
        assert!(figure(&test, "salience") > figure(baseline, "salience"), "{test}");
    }
    let text = work.ok("evaluate --predictions predictions.json --metadata pool/test_metadata.csv").stdout;
    assert!(text.contains(&format!("{:.3}", figure(&test, "presence"))), "{text}");
    assert!(text.contains("most frequent single emotion") && text.contains("precision"), "{text}");
}

#[test]
fn training_clips_can_be_predicted_by_a_model_file() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    work.ok(
        "predict --model run/model.safetensors --data pool --out train.json --split train --suffix .mp4 --device cpu",
    );
    let predictions = work.json("train.json");
    let predictions = predictions["predictions"].as_object().unwrap();
    let names: BTreeSet<String> =
        work.table("pool/train_metadata.csv").iter().map(|row| format!("{}.mp4", row["filename"])).collect();
    assert_eq!(predictions.keys().cloned().collect::<BTreeSet<_>>(), names);
    let report = work.ok("evaluate --predictions train.json --metadata pool/train_metadata.csv --json").json();
    assert_eq!(report["clips"], 486);
    assert_eq!(report["without_prediction"], 0);

    // Half of the predictions: the others count as wrong, and a warning says so even with -q.
    let half: BTreeMap<_, _> = predictions.iter().step_by(2).collect();
    work.write("half.json", &serde_json::json!({ "predictions": half }).to_string());
    let said = work.ok("-q evaluate --predictions half.json --metadata pool/train_metadata.csv --json");
    assert_eq!(said.json()["without_prediction"], 243);
    assert!(said.stderr.starts_with("warning: 243 of 486 labelled clips have no prediction"), "{}", said.stderr);
}

#[test]
fn the_same_pool_from_the_same_seed() {
    let work = Workspace::with_pool();
    let said = work.ok("synth --out again --preset tiny --seed 0");
    assert!(said.stdout.contains("486 clips (270 blends), 18 actors"), "{}", said.stdout);
    work.ok("synth --out other --preset tiny --seed 1");
    let files = ["truth.json", "train_metadata.csv", "test_metadata.csv", "encoders.toml"];
    for file in files.into_iter().chain(["features/train/clip.npz", "features/test/hicmae.npz"]) {
        assert!(work.bytes(&format!("pool/{file}")) == work.bytes(&format!("again/{file}")), "{file}");
    }
    let file = "features/train/clip.npz";
    assert!(work.bytes(&format!("pool/{file}")) != work.bytes(&format!("other/{file}")));
    work.fails("synth --out pool", &["pool: found a folder that is not empty", "choose another name"]);
}

#[test]
fn inspect_shows_what_is_in_a_pool() {
    let work = Workspace::with_pool();
    let report = work.ok("inspect pool --json").json();
    let encoders = report["encoders"].as_array().unwrap();
    let widths: Vec<u64> = encoders.iter().map(|encoder| encoder["width"].as_u64().unwrap()).collect();
    assert_eq!((widths.len(), widths.iter().sum::<u64>()), (8, 279));
    for encoder in encoders {
        assert_eq!((&encoder["train_rows"], &encoder["test_rows"]), (&486.into(), &135.into()), "{encoder}");
        assert_eq!((&encoder["missing_rows"], &encoder["non_finite"]), (&0.into(), &0.into()), "{encoder}");
    }
    assert_eq!(report["clips"]["folds"]["3"], 81);
    assert_eq!(report["problems"], serde_json::json!([]));
    let text = work.ok("inspect pool").stdout;
    for expected in ["hicmae", "multimodal", "8 encoders, 279 columns", "486 training clips of 18 actors", "0: 108"] {
        assert!(text.contains(expected), "expected {expected:?} in\n{text}");
    }
}

/// Every test clip once, one or two known emotions summing to 100, keys sorted; the same bytes in the archive.
fn is_submission(work: &Workspace) {
    let json = work.json("predictions.json");
    let predictions = json["predictions"].as_object().unwrap();
    let keys: Vec<&String> = predictions.keys().collect();
    assert!(keys.is_sorted(), "keys in the file's own order");
    let names: BTreeSet<String> =
        work.table("pool/test_metadata.csv").iter().map(|row| format!("{}.mov", row["filename"])).collect();
    assert_eq!(keys.into_iter().cloned().collect::<BTreeSet<_>>(), names);
    for (clip, emotions) in predictions {
        let emotions = emotions.as_array().unwrap();
        assert!(matches!(emotions.len(), 1 | 2), "{clip}: {emotions:?}");
        let sum: f64 = emotions.iter().map(|emotion| emotion["salience"].as_f64().unwrap()).sum();
        assert_eq!(sum, 100.0, "{clip}");
        let known = |class: &serde_json::Value| ["ang", "disg", "fea", "hap", "sad", "neu"].iter().any(|c| class == c);
        assert!(emotions.iter().all(|emotion| known(&emotion["emotion"])), "{clip}: {emotions:?}");
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(work.bytes("predictions.zip"))).unwrap();
    assert_eq!(archive.len(), 1);
    let mut packed = Vec::new();
    archive.by_name("predictions.json").unwrap().read_to_end(&mut packed).unwrap();
    assert_eq!(packed, work.bytes("predictions.json"));
}

/// Scores (135, 6) with rows that sum to 1, and weights (135, 8) of n = round(22/36 · 8) = 5 encoders that do too.
fn has_scores(work: &Workspace) {
    let names: Vec<String> =
        work.table("pool/test_metadata.csv").into_iter().map(|mut row| row.remove("filename").unwrap()).collect();
    assert_eq!(work.strings("scores.npz", "filenames"), names);
    let [scores, w, a] = ["scores", "w", "a"].map(|array| work.matrix("scores.npz", array));
    is_preselection(&a, &w, 5);
    assert_eq!(work.strings("scores.npz", "classes"), ["ang", "disg", "fea", "hap", "sad", "neu"]);
    assert_eq!(work.strings("scores.npz", "encoders"), work.strings("run/validation.npz", "encoders"));
    assert_eq!((scores.dim(), w.dim()), ((135, 6), (135, 8)));
    for (scores, w) in scores.rows().into_iter().zip(w.rows()) {
        assert!((scores.sum() - 1.0).abs() < 1e-5 && scores.iter().all(|&score| score > 0.0), "{scores}");
        assert!((w.sum() - 1.0).abs() < 1e-5, "{w}");
        assert_eq!(w.iter().filter(|&&weight| weight > 0.0).count(), 5, "{w}");
    }
}

/// f16 where it pays, on any device; a prediction is made in the precision that the model was trained in.
#[test]
fn mixed_precision_trains_and_predicts() {
    let work = Workspace::with_pool();
    for device in ["cpu", "software"] {
        work.train(device, &format!("--out {device} --fold 0 --set train.max_epochs=2 --set engine.precision=mixed"));
        work.ok(&format!("predict --model {device} --data pool --out {device}.json --device {device}"));
        let report = work.ok(&format!("evaluate --predictions {device}.json --metadata pool/test_metadata.csv --json"));
        assert_eq!(report.json()["without_prediction"], 0);
        let last = format!(
            "train --data pool --out {device}-f32 --fold 0 --device {device} --init {device}/model.safetensors"
        );
        work.ok(&format!("{last} {SMALL} --set train.max_epochs=1"));
    }
}
