//! Ensembles: `predict` with several runs, or with those of a cross-validation.

use crate::workspace::{SMALL, Workspace};
use blendfuse::config::{SalienceRule, Threshold};
use blendfuse::scoring::decode::{self, Thresholds};
use blendfuse::scoring::metrics;
use ndarray::{Axis, concatenate};

const NEUTRAL: Option<usize> = Some(5);

fn predict(work: &Workspace, models: &[&str], out: &str) -> String {
    let models: String = models.iter().map(|model| format!(" --model {model}")).collect();
    work.ok(&format!("predict{models} --data pool --device cpu --force --out {out}.json --scores {out}.npz")).stdout
}

fn same(work: &Workspace, a: &str, b: &str) {
    for kind in ["json", "npz"] {
        assert!(work.bytes(&format!("{a}.{kind}")) == work.bytes(&format!("{b}.{kind}")), "{a}.{kind} and {b}.{kind}");
    }
}

#[test]
fn an_ensemble_of_one_is_the_run_to_the_byte() {
    let work = Workspace::with_pool();
    work.ok(&format!("cv --data pool --device cpu {SMALL} --out cv --folds 1"));
    let run = "cv/seed-0/fold-1";
    predict(&work, &[run], "run");
    assert_eq!(predict(&work, &["cv"], "cv-1").lines().next(), predict(&work, &[run], "run").lines().next());
    same(&work, "run", "cv-1");
    // Twice the same: the mean is exact, and its out-of-fold scores are the run's own.
    predict(&work, &[run, &format!("{run}/model.safetensors")], "twice");
    same(&work, "run", "twice");
}

#[test]
fn an_ensemble_is_the_mean_of_its_runs() {
    let work = Workspace::with_pool();
    work.ok(&format!("cv --data pool --device cpu {SMALL} --out cv --folds 0,2 --seeds 2"));
    // Another width of the projections: its network is of other sizes, and was trained on fold 0, too.
    work.train("cpu", "--out wide --fold 3 --set model.projection=24 --set train.seed=7");
    let runs: Vec<String> = (0..2)
        .flat_map(|seed| [0, 2].map(|fold| format!("cv/seed-{seed}/fold-{fold}")))
        .chain(["wide".into()])
        .collect();
    let said = predict(&work, &["cv", "wide"], "all");
    assert!(said.contains("mean of 5 runs"), "{said}");

    let mut scores = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        predict(&work, &[run], &format!("one-{i}"));
        scores.push(["scores", "w"].map(|array| work.matrix(&format!("one-{i}.npz"), array)));
    }
    for (at, array) in ["scores", "w"].into_iter().enumerate() {
        let mean = scores.iter().skip(1).fold(scores[0][at].clone(), |sum, own| sum + &own[at]) / 5.0;
        let found = work.matrix("all.npz", array);
        assert!(mean.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-6), "{array}");
    }

    // Each clip of folds 0, 2 and 3 by the runs that held it out: two seeds of fold 0 and 2, one of fold 3.
    let read = |run: &str, array: &str| work.matrix(&format!("{run}/validation.npz"), array);
    let of_fold = |fold: u32| {
        let [a, b] = [0, 1].map(|seed| read(&format!("cv/seed-{seed}/fold-{fold}"), "scores"));
        (a + b) / 2.0
    };
    let held_out = concatenate![Axis(0), of_fold(0), of_fold(2), read("wide", "scores")];
    let targets = ["cv/seed-0/fold-0", "cv/seed-0/fold-2", "wide"].map(|run| read(run, "targets"));
    let truths = targets.map(|targets| metrics::truths(targets.view())).concat();
    let search = Threshold::Search;
    let (expected, _) = decode::search(held_out.view(), &truths, search, search, SalienceRule::Official, NEUTRAL);
    let Thresholds { alpha, beta } = expected;
    assert!(said.contains(&format!("135 clips, alpha {alpha:.4}, beta {beta:.4}")), "{said}, expected {expected:?}");

    let decisions = work.json("all.json");
    let names = work.strings("all.npz", "filenames");
    let classes = ["ang", "disg", "fea", "hap", "sad", "neu"];
    for (name, row) in names.iter().zip(work.matrix("all.npz", "scores").rows()) {
        let decided = decode::decide(&row.to_vec(), expected, SalienceRule::Official, NEUTRAL);
        let found = decisions["predictions"][format!("{name}.mov")].as_array().unwrap();
        let found: Vec<&str> = found.iter().map(|share| share["emotion"].as_str().unwrap()).collect();
        assert_eq!(found.len(), decided.len(), "{name}");
        assert!(decided.iter().all(|(class, _)| found.contains(&classes[*class])), "{name}: {found:?}, {decided:?}");
    }
}

#[test]
fn final_models_without_validation_share_their_thresholds() {
    let work = Workspace::with_pool();
    let fixed = "--all --set decode.alpha=0.2 --set train.max_epochs=1";
    work.train("cpu", &format!("--out a {fixed} --set decode.beta=0.1"));
    work.train("cpu", &format!("--out b {fixed} --set decode.beta=0.3 --set train.seed=1"));
    let said = work.ok("predict --model a --model b --data pool --device cpu --force --out p.json");
    assert!(said.stdout.contains("alpha 0.2000, beta 0.2000, mean of 2 runs"), "{}", said.stdout);
    assert!(said.stderr.contains("mean of the runs' own thresholds (no run held clips out)"), "{}", said.stderr);
}

#[test]
fn members_that_cannot_be_averaged_are_told_apart() {
    let work = Workspace::with_pool();
    let line = |models: &str| format!("predict {models} --data pool --device cpu --force --out p.json");
    work.train("cpu", "--out a --fold 0");
    work.train("cpu", "--out two --fold 0 --set data.encoders=[\"clip\",\"hubert_large\"]");
    work.train("cpu", "--out swapped --fold 0 --set data.encoders=[\"hubert_large\",\"clip\"]");
    work.train("cpu", "--out ratio --fold 0 --set decode.salience_rule=ratio");
    let [clip, hubert] =
        ["clip", "hubert_large"].map(|encoder| work.matrix(&format!("pool/features/train/{encoder}.npz"), "X").ncols());
    work.fails(
        &line("--model two --model swapped"),
        &[
            "swapped/model.safetensors: cannot be averaged with two/model.safetensors",
            &format!("found `hubert_large` with {hubert} columns as encoder 0, expected `clip` with {clip} columns"),
        ],
    );
    work.fails(&line("--model a --model two"), &["cannot be averaged with a/model.safetensors: found "]);
    work.fails(&line("--model a --model ratio"), &["decode.salience_rule differs"]);
    work.fails(&line("--model a --model nowhere"), &["nowhere: cannot be read"]);
    work.ok(&format!("cv --data pool --device cpu {SMALL} --out cv --folds 0,1"));
    std::fs::remove_file(work.path("cv/summary.json")).unwrap();
    work.fails(&line("--model cv"), &["cv: found an unfinished cross-validation"]);
}

#[test]
fn members_of_other_classes_are_told_apart() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out a --fold 0");
    // The same clips with two classes of their own.
    let table = work.table("pool/train_metadata.csv");
    let mut labels = String::from("filename,fold,calm,tense\n");
    for (i, row) in table.iter().enumerate() {
        labels += &format!("{},{},{},{}\n", row["filename"], row["fold"], i % 2, 1 - i % 2);
    }
    work.copy("pool/features", "other/features");
    work.write("other/encoders.toml", &work.text("pool/encoders.toml"));
    work.write("other/labels.csv", &labels);
    work.ok(&format!("train --data other --device cpu {SMALL} --out b --fold 0"));
    let message =
        "b/model.safetensors: cannot be averaged with a/model.safetensors: found classes calm, tense, expected ang, ";
    work.fails("predict --model a --model b --data pool --device cpu --force --out p.json", &[message]);
}

/// One fold is held out of three: what is predicted of the other two, training has seen.
#[test]
fn clips_that_were_trained_on_are_told() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    work.train("cpu", "--out other --fold 1");
    work.train("cpu", "--out all --all");
    let table = work.table("pool/train_metadata.csv");
    let n = table.len();
    let of_fold = |fold: &str| table.iter().filter(|row| row["fold"].split('.').next() == Some(fold)).count();
    let said = |models: &str, split: &str| {
        work.ok(&format!("predict {models} --data pool --device cpu --force --out p.json --split {split}")).stderr
    };
    let of_run = said("--model run", "train");
    assert!(
        of_run.contains(&format!("optimistic scores: {} of {n} clips were used for training", n - of_fold("0"))),
        "{of_run}"
    );
    let of_all = said("--model all", "train");
    assert!(of_all.contains(&format!("{n} of {n} clips were used for training")), "{of_all}");
    let of_both = said("--model run --model other", "train");
    assert!(of_both.contains(&format!("{n} of {n} clips were used for training by 2 of 2 models")), "{of_both}");
    assert!(!said("--model run", "test").contains("trained on"));
}
