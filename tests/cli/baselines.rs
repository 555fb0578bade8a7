//! `baselines`: every method is there, trivial ones are those of `inspect`, and uniform fusion is a cross-validation.

use crate::workspace::{SMALL, Workspace};
use serde_json::Value;

#[test]
fn every_method_over_the_same_folds() {
    let work = Workspace::with_pool();
    let line = format!("baselines --data pool --out b --device cpu {SMALL} --folds 0,1 --set train.max_epochs=4");
    work.ok(&line);
    let summary = work.json("b/summary.json");
    let rows = summary["rows"].as_array().unwrap();
    // Two trivial ones, three classifiers for each of 8 encoders and for all of them, uniform fusion.
    assert_eq!(rows.len(), 2 + 3 * 9 + 1);
    let named = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no row {name}"));
    let encoder = work.json("pool/truth.json")["encoders"][0]["name"].as_str().unwrap().to_owned();
    for name in [&format!("{encoder}, linear"), &format!("{encoder}, MLP 256"), "all concatenated, MLP 512"] {
        let row = named(name);
        assert_eq!(row["runs"], 2);
        assert!(row["official"]["mean"]["mean"].as_f64() >= row["honest"]["mean"]["mean"].as_f64(), "{name}: {row}");
    }
    let uniform = work.json("b/uniform/summary.json");
    assert_eq!(named("uniform fusion")["official"], uniform["official"]);
    // All planted encoders together tell more than the answer that is right most often.
    let presence = |row: &Value| row["official"]["presence"]["mean"].as_f64().unwrap();
    assert!(presence(named("all concatenated, MLP 512")) > 2.0 * presence(&rows[0]));
    assert_eq!(work.table("b/baselines.csv").len(), rows.len());

    // The same seed, the same figures.
    work.ok(&line.replace("--out b", "--out again"));
    assert_eq!(work.json("again/summary.json")["rows"], summary["rows"]);
    // In the same place, what is done of uniform fusion is kept.
    assert!(work.ok(&line).stderr.contains("seed 0, fold 1: already finished"));
    work.write("full/mine.txt", "");
    work.fails(&line.replace("--out b", "--out full"), &["found a folder that is not empty"]);
}

/// The challenge's own training is a line more for each classifier, beside the same lines as without it.
#[test]
fn trained_as_the_challenge_does() {
    let work = Workspace::with_pool();
    let line = format!(
        "baselines --data pool --device cpu {SMALL} --folds 0,1 --set train.max_epochs=2 --set data.encoders=[\"clip\",\"clap\"]"
    );
    work.ok(&format!("{line} --out plain"));
    work.ok(&format!("{line} --out both --challenge"));
    let rows = |name: &str| work.json(&format!("{name}/summary.json"))["rows"].as_array().unwrap().clone();
    let (plain, both) = (rows("plain"), rows("both"));
    let (challenge, own): (Vec<Value>, Vec<Value>) =
        both.into_iter().partition(|row| row["name"].as_str().unwrap().ends_with(" (challenge)"));
    assert_eq!(own, plain);
    assert_eq!(challenge.len(), 9, "three classifiers for two encoders and for both together");
    for row in challenge {
        let name = row["name"].as_str().unwrap();
        let twin = plain.iter().find(|own| name == format!("{} (challenge)", own["name"].as_str().unwrap())).unwrap();
        assert_eq!((&row["runs"], &twin["runs"]), (&2.into(), &2.into()));
        assert_ne!(row["official"], twin["official"], "{name}");
    }
}

#[test]
fn trivial_answers_are_those_of_inspect() {
    let work = Workspace::with_pool();
    work.ok(&format!("baselines --data pool --out b --device cpu {SMALL} --set train.max_epochs=1"));
    let rows = work.json("b/summary.json")["rows"].clone();
    let inspected: Value = serde_json::from_str(&work.ok("inspect pool --json").stdout).unwrap();
    for at in 0..2 {
        let (row, expected) = (&rows[at], &inspected["baselines"][at]);
        assert_eq!(row["name"], expected["name"]);
        assert_eq!(row["official"]["presence"]["mean"], expected["presence"]);
        assert_eq!(row["official"]["salience"]["mean"], expected["salience"]);
    }
}
