//! Labels of a task that is not BlEmoRE, through the commands that use them.

use crate::archive::features;
use crate::workspace::{SMALL, Workspace};

const NAMES: [&str; 14] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"];

/// Twelve labelled clips of three classes without folds, and two test clips, `m` and `n`.
fn pool() -> Workspace {
    let work = Workspace::empty();
    let rows: String = NAMES[..12].iter().zip(0..).map(|(name, i)| format!("{name},class {}\n", i % 3)).collect();
    work.write("pool/labels.csv", &format!("filename,label\n{rows}m,\nn,\n"));
    for (encoder, width) in [("one", 3), ("two", 2)] {
        let row = |row: usize| (0..width).map(|column| (row % 3 * 7 + row + column) as f32 * 0.1).collect();
        features(&work.path("pool"), &format!("features/{encoder}.npz"), &NAMES, row);
    }
    work
}

fn train(more: &str) -> String {
    format!("train --data pool --device cpu {SMALL} {more}")
}

#[test]
fn folds_are_made_where_there_are_none() {
    let work = pool();
    let expected = ["no clip has a fold; make folds with `blendfuse folds`"];
    work.fails(&train("--out run"), &expected);
    work.fails(
        &train("--out run --fold 0"),
        &["fold 0: found no clip with a fold, expected some; make folds with `blendfuse folds`"],
    );
    work.fails(
        &format!("cv --data pool --out cv --device cpu {SMALL}"),
        &["found no clip with a fold", "`blendfuse folds`"],
    );
    work.fails(&format!("sweep --data pool --out s --spec top_n --device cpu {SMALL}"), &["`blendfuse folds`"]);
    work.ok(&train("--out all --all"));
    work.ok("folds --labels pool/labels.csv --out folds.csv --folds 2");
    work.ok(&train("--out run --fold 1 --labels folds.csv"));
    let classes = &work.checkpoint("run/model.safetensors").metadata["classes"];
    assert_eq!(classes, "[\"class 0\",\"class 1\",\"class 2\"]");
    // Names stay as they are in a submission that is not for the challenge.
    work.ok("predict --model run --data pool --labels folds.csv --out p.json --device cpu");
    let predictions = work.json("p.json")["predictions"].as_object().unwrap().clone();
    assert_eq!(predictions.keys().collect::<Vec<_>>(), ["m", "n"]);
    work.ok("predict --model run --data pool --labels folds.csv --out mp4.json --suffix .mp4 --device cpu");
    assert!(work.json("mp4.json")["predictions"]["m.mp4"].is_array());
}

#[test]
fn a_run_goes_on_with_its_own_labels_only() {
    let work = pool();
    work.ok("folds --labels pool/labels.csv --out folds.csv --folds 2");
    let text = work.text("folds.csv");
    work.write("other.csv", &text.replacen("class 0", "class 1", 1));
    assert_ne!(work.text("other.csv"), text);
    work.ok(&train("--out run --fold 0 --labels folds.csv"));
    let resume = "train --data pool --device cpu --out run --resume";
    work.fails(&format!("{resume} --labels other.csv"), &["trained on other labels", "--labels"]);
    work.ok(&format!("{resume} --labels folds.csv"));
    let cv = |labels: &str| format!("cv --data pool --out cv --device cpu {SMALL} --labels {labels}");
    work.ok(&cv("folds.csv"));
    work.fails(&cv("other.csv"), &["trained on another pool", "it was trained on other labels"]);
}

#[test]
fn all_trials_of_a_sweep_use_the_same_labels() {
    let work = pool();
    work.ok("folds --labels pool/labels.csv --out folds.csv --folds 2");
    work.write("spec.toml", "[search]\nmodel.top_n = [1, 2]\n");
    let sweep = format!("sweep --data pool --out sweep --spec spec.toml --device cpu {SMALL} --labels folds.csv");
    work.ok(&format!("{sweep} --plan"));
    assert!(work.text("sweep/trials/0000/trial.toml").contains("folds.csv\""));
    work.ok("trial sweep/trials/0000 --device cpu");
    let text = work.text("folds.csv");
    work.write("folds.csv", &text.replacen("class 0", "class 1", 1));
    let said = work.run("-q trial sweep/trials/0001 --device cpu");
    said.is_failure("trial", &["folds.csv: found other labels than those that the sweep was planned with"]);
    let said = work.run(&format!("-q {sweep}"));
    said.is_failure("sweep", &["other encoders, classes, folds or labels", "--labels"]);
    // They may have moved.
    work.write("moved.csv", &text);
    work.ok("trial sweep/trials/0001 --device cpu --labels moved.csv");
    work.ok(&sweep.replace("folds.csv", "moved.csv"));
}

/// Adaptation sees the features of test clips; their labels are for scoring alone.
#[test]
fn labels_of_test_clips_are_not_learnt_from() {
    let work = pool();
    work.ok("folds --labels pool/labels.csv --out folds.csv --folds 2");
    let labelled = work.text("folds.csv").replace("m,,test", "m,class 2,test").replace("n,,test", "n,class 0,");
    assert_ne!(labelled, work.text("folds.csv"));
    work.write("labelled.csv", &labelled);
    for (out, labels) in [("without", "folds.csv"), ("with", "labelled.csv")] {
        work.ok(&train(&format!("--out {out} --fold 0 --set adaptation.enabled=true --labels {labels}")));
    }
    assert_eq!(work.bytes("with/model.safetensors"), work.bytes("without/model.safetensors"));
    assert_eq!(work.bytes("with/validation.npz"), work.bytes("without/validation.npz"));
    let text = work.ok("inspect pool --labels labelled.csv").stdout;
    assert!(text.contains("2 test clips, 2 with labels"), "{text}");
}

#[test]
fn bad_clips_are_dropped_when_asked() {
    let work = pool();
    work.ok("folds --labels pool/labels.csv --out pool/labels.csv.new --folds 2");
    std::fs::rename(work.path("pool/labels.csv.new"), work.path("pool/labels.csv")).unwrap();
    let row = |row: usize| vec![row as f32, if row == 4 { f32::NAN } else { 1.0 }];
    features(&work.path("pool"), "features/two.npz", &NAMES, row);
    work.fails(&train("--out run --all"), &["first in clip `e` (row 4 of the file, column 1", "--drop-bad-clips"]);
    let said = work.ok(&train("--out run --all --drop-bad-clips"));
    assert!(said.stderr.contains("warning: dropped 1 of 12 clips with NaN or infinite features: e"), "{}", said.stderr);
    work.ok("predict --model run --data pool --split train --drop-bad-clips --out p.json --device cpu");
    assert_eq!(work.json("p.json")["predictions"].as_object().unwrap().len(), 11);
}

#[test]
fn groups_in_two_folds_are_told_by_training_too() {
    let work = pool();
    let rows: String =
        NAMES[..12].iter().zip(0..).map(|(name, i)| format!("{name},{},Ann,class {}\n", i % 2, i % 3)).collect();
    work.write("pool/labels.csv", &format!("filename,fold,group,label\n{rows}"));
    let said = work.ok(&train("--out run --fold 0"));
    assert!(said.stderr.contains("warning: groups in more than one fold: 1 (Ann)"), "{}", said.stderr);
    let said = work.ok(&train("--out all --all"));
    assert!(!said.stderr.contains("more than one fold"), "nothing is held out: {}", said.stderr);
    let said = work.ok("inspect pool");
    assert!(said.stdout.contains("Warnings:\n- groups in more than one fold: 1 (Ann)"), "{}", said.stdout);
}

#[test]
fn the_exclusive_class_is_printed_and_kept() {
    let work = pool();
    let rows: String = NAMES.iter().zip(0..).map(|(name, i)| format!("{name},{},{},1\n", i % 2, i % 3)).collect();
    work.write("pool/labels.csv", &format!("filename,fold,calm,neutral\n{rows}"));
    let neutral = |run: &str| work.checkpoint(&format!("{run}/model.safetensors")).metadata["neutral"].clone();
    let said = work.ok(&train("--out run --fold 0"));
    assert!(said.stderr.contains("class `neutral` never blends (data.exclusive)"), "{}", said.stderr);
    assert_eq!(neutral("run"), "1");
    work.ok(&train("--out none --fold 0 --set data.exclusive="));
    assert_eq!(neutral("none"), "null");
    work.ok(&train("--out calm --fold 0 --set data.exclusive=calm"));
    assert_eq!(neutral("calm"), "0");
    let expected = ["data.exclusive: found no class `joy`, expected one of calm, neutral"];
    work.fails(&train("--out joy --fold 0 --set data.exclusive=joy"), &expected);
    let sweep = format!("sweep --data pool --out s --spec top_n --device cpu {SMALL} --set data.exclusive=joy");
    work.fails(&sweep, &expected);
    work.ok("predict --model none --data pool --split train --out p.json --device cpu");
}

#[test]
fn modalities_are_any_word() {
    let work = pool();
    work.ok("folds --labels pool/labels.csv --out folds.csv --folds 2");
    let list = "[[encoder]]\nname = \"one\"\nmodality = \"skin\"\n[[encoder]]\nname = \"two\"\nmodality = \"eeg\"\n";
    work.write("pool/encoders.toml", list);
    work.ok(&train("--out run --fold 0 --labels folds.csv"));
    let analysis = work.ok("analyze run --json").json();
    let modalities = analysis["modalities"].as_array().unwrap();
    let words: Vec<&str> = modalities.iter().map(|of| of["modality"].as_str().unwrap()).collect();
    assert_eq!(words, ["eeg", "skin"]);
}

#[test]
fn an_exclusive_class_in_training_blends_is_told() {
    let work = pool();
    let row = |(name, i): (&&str, usize)| {
        let shares = ["1,0,0", "0,0,1", "0.5,0.5,0", "0.5,0,0.5"][i % 4];
        format!("{name},{},{shares}\n", i % 2)
    };
    let rows: String = NAMES[..12].iter().zip(0..).map(row).collect();
    work.write("pool/labels.csv", &format!("filename,fold,calm,glad,neutral\n{rows}m,,0.5,0,0.5\nn,,,,\n"));
    let told = "class `neutral` is in 3 of 6 training blends";
    let said = work.ok("inspect pool");
    assert!(said.stdout.contains(told), "{}", said.stdout);
    let said = work.ok(&train("--out run --fold 0"));
    assert!(said.stderr.contains(told), "{}", said.stderr);
    let said = work.ok(&train("--out calm --fold 0 --set data.exclusive=calm"));
    assert!(said.stderr.contains("class `calm` is in 6 of 6 training blends"), "{}", said.stderr);
    let said = work.ok(&train("--out none --fold 0 --set data.exclusive=\"\""));
    assert!(!said.stderr.contains("training blends, but"), "{}", said.stderr);
}
