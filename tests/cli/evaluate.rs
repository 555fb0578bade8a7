//! `evaluate` where files do not fit together, and what its baselines are of.

use crate::workspace::Workspace;
use blendfuse::data::npz::NpzWriter;
use ndarray::array;

const TRAINING: &str = "t0,0,x\nt1,0,x\nt2,1,x\nt3,1,y\n";
const TEST: &str = "a,,y\nb,,y\nc,,x\n";

/// Predictions y, y, x and scores whose largest classes are y, x, and both alike.
fn files() -> Workspace {
    let work = Workspace::empty();
    work.write("labels.csv", &format!("filename,fold,label\n{TRAINING}{TEST}"));
    let clip = |name: &str, class: &str| format!("\"{name}\": [{{\"emotion\": \"{class}\", \"salience\": 100}}]");
    let clips = [clip("a", "y"), clip("b", "y"), clip("c", "x")].join(",");
    work.write("p.json", &format!("{{\"predictions\": {{{clips}}}}}"));
    let mut npz = NpzWriter::create(&work.path("s.npz")).unwrap();
    npz.strings("filenames", &["a", "b", "c"]).unwrap();
    npz.matrix("scores", array![[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]].view()).unwrap();
    npz.finish().unwrap();
    work
}

#[test]
fn scores_of_another_model_are_told() {
    let work = files();
    let line = "evaluate --predictions p.json --metadata labels.csv";
    let said = work.ok(&format!("{line} --scores s.npz"));
    let told = "1 of 3 single-class predictions are not the class with the largest score: \
                b (predicted y, largest score x)";
    assert!(said.stderr.contains("warning") && said.stderr.contains(told), "{}", said.stderr);
    assert!(!work.ok(line).stderr.contains("largest score"));
}

/// The most frequent training class is x, that of the test clips y.
#[test]
fn the_most_frequent_class_is_that_of_the_training_labels() {
    let work = files();
    let line = "evaluate --predictions p.json --metadata labels.csv --json";
    let third = 1.0 / 3.0;
    let baseline = || {
        let rows = work.ok(line).json()["baselines"].clone();
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        (rows[0]["name"].as_str().unwrap().to_owned(), rows[0]["accuracy"].as_f64().unwrap())
    };
    assert_eq!(baseline(), ("most frequent class".to_owned(), third));
    work.write("labels.csv", &format!("filename,fold,label\n{TEST}"));
    let (name, accuracy) = baseline();
    assert!(name.starts_with("most frequent class (of the"), "{name}");
    assert!((accuracy - 2.0 * third).abs() < 1e-12, "{accuracy}");
}
