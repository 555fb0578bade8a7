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
    assert!(work.ok(&line).stderr.contains("seed 0, fold 1: done before"));
    work.write("full/mine.txt", "");
    work.fails(&line.replace("--out b", "--out full"), &["found a folder that is not empty"]);
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
