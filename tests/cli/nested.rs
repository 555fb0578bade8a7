//! `cv --nested`: one fold is scored, another chooses epoch and thresholds, and the scored one has no part in either.

use crate::workspace::{SMALL, Workspace};
use blendfuse::config::{SalienceRule, Threshold};
use blendfuse::scoring::decode::{self, Thresholds};
use blendfuse::scoring::metrics::{self, Score, Truth};
use ndarray::Array2;
use serde_json::Value;
use std::collections::BTreeMap;

const NEUTRAL: Option<usize> = Some(5);

/// Enough to be right about some clips.
const LEARNS: &str = "--set train.max_epochs=6 --set train.lr=0.01";

fn cv(work: &Workspace, more: &str) -> String {
    work.ok(&format!("cv --data pool --device cpu {SMALL} {LEARNS} {more}")).stdout
}

fn fold_of(work: &Workspace) -> BTreeMap<String, String> {
    let rows = work.table("pool/train_metadata.csv");
    rows.into_iter().map(|row| (row["filename"].clone(), row["fold"].clone())).collect()
}

fn clips(work: &Workspace, file: &str) -> (Array2<f32>, Vec<Truth>) {
    (work.matrix(file, "scores"), metrics::truths(work.matrix(file, "targets").view()))
}

fn score(work: &Workspace, file: &str, thresholds: Thresholds) -> Score {
    let (scores, truths) = clips(work, file);
    let decide = |row: ndarray::ArrayView1<f32>| {
        Some(decode::decide(&row.to_vec(), thresholds, SalienceRule::Official, NEUTRAL))
    };
    metrics::score(&scores.rows().into_iter().map(decide).collect::<Vec<_>>(), &truths)
}

/// Rewrites the metadata, line by line.
fn rewrite(work: &Workspace, change: impl Fn(&mut csv::StringRecord, &csv::StringRecord)) {
    let text = work.text("pool/train_metadata.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&names).unwrap();
    for record in reader.records() {
        let mut record = record.unwrap();
        change(&mut record, &names);
        writer.write_record(&record).unwrap();
    }
    work.write("pool/train_metadata.csv", &String::from_utf8(writer.into_inner().unwrap()).unwrap());
}

fn set(record: &mut csv::StringRecord, column: usize, value: &str) {
    *record = record.iter().enumerate().map(|(i, old)| if i == column { value } else { old }).collect();
}

#[test]
fn the_chosen_thresholds_score_the_untouched_fold() {
    let work = Workspace::with_pool();
    let said = cv(&work, "--out cv --nested --folds 0,3,4 --seeds 2");
    let (summary, folds) = (work.json("cv/summary.json"), fold_of(&work));
    let runs = summary["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 6);
    let mut differences = Vec::new();
    for run in runs {
        let folder = format!("cv/{}", run["folder"].as_str().unwrap());
        let (scored, validation) = (format!("{folder}/scored.npz"), format!("{folder}/validation.npz"));
        let (fold, choice) = (run["fold"].as_u64().unwrap(), run["nested"]["choice"].as_u64().unwrap());
        assert_eq!(choice, (fold + 1) % 5, "the next fold there is, asked for or not");
        let own = work.json(&format!("{folder}/summary.json"));
        assert_eq!(own["selection"], serde_json::json!({"nested": {"fold": fold, "choice": choice}}));
        for (file, of) in [(&scored, fold), (&validation, choice)] {
            let names = work.strings(file, "filenames");
            assert!(names.iter().all(|name| folds[name] == of.to_string()), "{file}");
            assert_eq!(names.len(), folds.values().filter(|fold| **fold == of.to_string()).count());
        }
        let (scores, truths) = clips(&work, &validation);
        let search = Threshold::Search;
        let (best, on_choice) = decode::search(scores.view(), &truths, search, search, SalienceRule::Official, NEUTRAL);
        let found: Thresholds = serde_json::from_value(run["honest"]["thresholds"].clone()).unwrap();
        assert_eq!(found, best);
        assert_eq!(serde_json::from_value::<Thresholds>(own["thresholds"].clone()).unwrap(), best);
        let on_scored = score(&work, &scored, best);
        for (told, score) in [(&run["honest"], on_scored), (&run["nested"]["on_choice"], on_choice)] {
            assert_eq!(told["presence"].as_f64().unwrap(), score.presence);
            assert_eq!(told["salience"].as_f64().unwrap(), score.salience);
        }
        let (scores, truths) = clips(&work, &scored);
        let official = decode::search(scores.view(), &truths, search, search, SalienceRule::Official, NEUTRAL).1;
        assert_eq!(run["official"]["mean"].as_f64().unwrap(), official.mean());
        differences.push(on_choice.mean() - on_scored.mean());
    }
    let mean = differences.iter().sum::<f64>() / 6.0;
    let std = (differences.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
    let optimism = &summary["nested"];
    assert_eq!(optimism["metric"], "mean");
    assert!((optimism["difference"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!((optimism["difference"]["std"].as_f64().unwrap() - std).abs() < 1e-12);
    assert_eq!(optimism["on_scored"], summary["honest"]["mean"], "what leads is the nested figure");
    assert_eq!(summary["leading"]["mean"], optimism["on_scored"]["mean"]);
    let line = format!("optimism    {mean:+.3} ± {std:.3} in mean");
    assert!(said.contains(&line) && said.contains("chosen on"), "{line}: {said}");

    // The report reads the scored clips, and says what was removed.
    work.ok("report cv --out r.html");
    let page = work.text("r.html");
    assert!(page.contains("is nested") && page.contains(&format!("{mean:+.3} ± {std:.3} in mean")));
    // So do all others that read out-of-fold scores.
    work.ok("analyze cv");
    work.ok("predict --model cv --data pool --out p.json --device cpu");
    work.ok("train --data pool --device cpu --out final --all --epochs-from cv");
    assert_eq!(work.json("final/summary.json")["thresholds"], summary["thresholds"]);
}

#[test]
fn labels_of_the_scored_fold_change_neither_weights_nor_thresholds() {
    let work = Workspace::with_pool();
    cv(&work, "--out before --nested --folds 1");
    rewrite(&work, |record, names| {
        let column = |name| names.iter().position(|other| other == name).unwrap();
        if &record[column("fold")] == "1" {
            let other = if &record[column("emotion_1")] == "ang" { "disg" } else { "ang" };
            set(record, column("emotion_1"), other);
            for name in ["emotion_2", "emotion_1_salience", "emotion_2_salience"] {
                set(record, column(name), "");
            }
            set(record, column("mix"), "0");
        }
    });
    cv(&work, "--out after --nested --folds 1");
    let files = |out: &str, file: &str| work.bytes(&format!("{out}/seed-0/fold-1/{file}"));
    for file in ["model.safetensors", "validation.npz"] {
        assert!(files("before", file) == files("after", file), "{file} differs");
    }
    let arrays = |out: &str, array: &str| work.matrix(&format!("{out}/seed-0/fold-1/scored.npz"), array);
    assert_eq!(arrays("before", "scores"), arrays("after", "scores"));
    assert_ne!(arrays("before", "targets"), arrays("after", "targets"), "the labels did change");
}

#[test]
fn it_resumes_to_the_same_bytes_and_does_not_depend_on_jobs() {
    let work = Workspace::with_pool();
    cv(&work, "--out one --nested --folds 0,1,2 --jobs 1");
    work.kill_when(
        &format!("cv --data pool --device cpu {SMALL} {LEARNS} --out two --nested --folds 0,1,2 --jobs 2"),
        "two/seed-0/fold-0/summary.json",
    );
    cv(&work, "--out two --nested --folds 0,1,2 --jobs 2");
    for fold in 0..3 {
        for file in ["model.safetensors", "validation.npz", "scored.npz"] {
            let [one, two] = ["one", "two"].map(|out| work.bytes(&format!("{out}/seed-0/fold-{fold}/{file}")));
            assert!(one == two, "fold {fold}: {file} differs");
        }
    }
    assert_eq!(work.json("one/summary.json")["nested"], work.json("two/summary.json")["nested"]);
    // A fold is what it is, whatever others are asked for.
    cv(&work, "--out alone --nested --folds 2");
    assert!(work.bytes("alone/seed-0/fold-2/scored.npz") == work.bytes("one/seed-0/fold-2/scored.npz"));
    // A lost file is no reason to take the fold that chose for the one that scores.
    std::fs::remove_file(work.path("one/seed-0/fold-1/scored.npz")).unwrap();
    let line = format!("cv --data pool --device cpu {SMALL} {LEARNS} --out one --nested --folds 0,1,2");
    let said = work.run(&line);
    assert!(said.code == 1 && said.stderr.contains("scored.npz: found no such file"), "{}", said.stderr);
}

#[test]
fn nested_and_ordinary_runs_do_not_mix() {
    let work = Workspace::with_pool();
    cv(&work, "--out nested --nested --folds 0");
    cv(&work, "--out plain --folds 0");
    let line = |more: &str| format!("cv --data pool --device cpu {SMALL} {LEARNS} {more}");
    work.fails(&line("--out nested --folds 0"), &["nested: found runs trained with --nested", "add --nested"]);
    work.fails(&line("--out plain --nested --folds 0"), &["plain: found runs trained without --nested"]);
    // An ordinary one has none of it in its files.
    assert!(!work.path("plain/seed-0/fold-0/scored.npz").exists());
    assert!(work.json("plain/summary.json").get("nested").is_none());
    assert!(work.json("plain/summary.json")["runs"][0].get("nested").is_none());
    assert!(work.json("plain/seed-0/fold-0/summary.json").get("scored").is_none());
    // The two are compared on the same clips, and what differs is named.
    let names = |file: &str| work.strings(file, "filenames");
    assert_eq!(names("nested/seed-0/fold-0/scored.npz"), names("plain/seed-0/fold-0/validation.npz"));
    cv(&work, "--out nested --nested --folds 0,1");
    cv(&work, "--out plain --folds 0,1");
    work.ok("report nested plain --out r.html");
    assert!(work.text("r.html").contains("cv.nested (true, –)"));
    let honest = |name: &str| -> Value { work.json(name)["honest"]["mean"]["mean"].clone() };
    assert!(honest("nested/summary.json").is_f64() && honest("plain/summary.json").is_f64());
}

#[test]
fn it_takes_three_folds() {
    let work = Workspace::with_pool();
    rewrite(&work, |record, names| {
        let column = names.iter().position(|name| name == "fold").unwrap();
        let fold = record[column].parse::<u32>().unwrap() % 2;
        set(record, column, &fold.to_string());
    });
    work.fails(
        &format!("cv --data pool --device cpu {SMALL} --out cv --nested"),
        &["--nested: found 2 folds, expected at least 3", "blendfuse folds"],
    );
}
