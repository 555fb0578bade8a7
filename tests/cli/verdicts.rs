//! Intervals of `cv` and `baselines`, and the ensemble over seeds, against what the files hold.

use crate::workspace::{SMALL, Workspace};
use blendfuse::baselines::out_of_fold;
use blendfuse::config::{DecodeConfig, SalienceRule};
use blendfuse::scoring::decode::{self, Thresholds};
use blendfuse::scoring::metrics::{self, RankBy, Score, Truth};
use blendfuse::scoring::scores::Row;
use blendfuse::scoring::verdicts::{Comparison, System, compare};
use ndarray::{Array2, Axis, concatenate};
use serde_json::Value;
use std::collections::BTreeMap;

const NEUTRAL: Option<usize> = Some(5);

/// Enough to be right about some clips.
const LEARNS: &str = "--set train.max_epochs=12 --set train.lr=0.01";

fn score(scores: &Array2<f32>, truths: &[Truth], thresholds: &Value) -> (usize, usize, usize, usize) {
    let thresholds: Thresholds = serde_json::from_value(thresholds.clone()).unwrap();
    let (mut sets, mut blends, mut salient) = (0, 0, 0);
    for (row, truth) in scores.rows().into_iter().zip(truths) {
        let decision = decode::decide(&row.to_vec(), thresholds, SalienceRule::Official, NEUTRAL);
        let own = metrics::score(&[Some(decision)], std::slice::from_ref(truth));
        sets += own.presence as usize;
        blends += usize::from(truth.len() == 2);
        salient += own.salience as usize;
    }
    (truths.len(), sets, blends, salient)
}

#[test]
fn cv_has_an_interval_and_an_ensemble_over_seeds() {
    let work = Workspace::with_pool();
    let said =
        work.ok(&format!("cv --data pool --device cpu {SMALL} {LEARNS} --out cv --folds 0,1,3 --seeds 2")).stdout;
    let summary = work.json("cv/summary.json");
    let actors: BTreeMap<String, String> = work
        .table("pool/train_metadata.csv")
        .into_iter()
        .map(|row| (row["filename"].clone(), row["video_id"].clone()))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    // Hits of all folds of a seed together, by the thresholds of the other folds.
    let mut values = Vec::new();
    for seed in 0..2 {
        let (mut clips, mut sets, mut blends, mut salient) = (0, 0, 0, 0);
        for run in summary["runs"].as_array().unwrap().iter().filter(|run| run["seed"] == seed) {
            let npz = format!("cv/{}/validation.npz", run["folder"].as_str().unwrap());
            let names = work.strings(&npz, "filenames");
            let groups = work.strings(&npz, "groups");
            assert!(names.iter().zip(&groups).all(|(name, group)| actors[name] == *group), "{npz}");
            seen.extend(groups);
            let truths = metrics::truths(work.matrix(&npz, "targets").view());
            let own = score(&work.matrix(&npz, "scores"), &truths, &run["honest"]["thresholds"]);
            (clips, sets, blends, salient) = (clips + own.0, sets + own.1, blends + own.2, salient + own.3);
        }
        values.push((sets as f64 / clips as f64 + salient as f64 / blends as f64) / 2.0);
    }
    let estimate = &summary["estimate"];
    let value = estimate["value"].as_f64().unwrap();
    assert!((value - (values[0] + values[1]) / 2.0).abs() < 1e-12, "{estimate}, expected the mean of {values:?}");
    assert_eq!((&estimate["metric"], &estimate["thresholds"]), (&"mean".into(), &"honest".into()));
    assert_eq!((&estimate["unit"], &estimate["units"]), (&"groups".into(), &seen.len().into()));
    let [low, high] = [0, 1].map(|end| estimate["interval"][end].as_f64().unwrap());
    assert!(low < value && value < high && high - low < 0.5, "{estimate}");
    assert!(said.contains(&format!("{low:.3} to {high:.3}")), "{said}");
    assert!(said.contains(&format!("bootstrap over {} groups", seen.len())), "{said}");

    // The ensemble: per fold the mean of both seeds' scores, judged as any run.
    let ensemble: Row = serde_json::from_value(summary["ensemble"].clone()).unwrap();
    let read =
        |seed: u64, fold: u32, array: &str| work.matrix(&format!("cv/seed-{seed}/fold-{fold}/validation.npz"), array);
    let official: Vec<Score> = [0, 1, 3]
        .map(|fold| {
            let mean = (read(0, fold, "scores") + read(1, fold, "scores")) / 2.0;
            let truths = metrics::truths(read(0, fold, "targets").view());
            let search = blendfuse::config::Threshold::Search;
            decode::search(mean.view(), &truths, search, search, SalienceRule::Official, NEUTRAL).1
        })
        .into();
    let mean = official.iter().map(Score::mean).sum::<f64>() / 3.0;
    assert_eq!((ensemble.name.as_str(), ensemble.runs), ("ensemble of 2 seeds", 3));
    assert!((ensemble.official.mean.unwrap().mean - mean).abs() < 1e-9, "{ensemble:?}, expected {mean}");
    assert!(ensemble.honest.is_some() && ensemble.estimate.is_some_and(|estimate| estimate.seeds == 1));
    assert!(said.contains("ensemble of 2 seeds"), "{said}");

    // A single seed has none, and a folder of an older version is read without either.
    let said = work.ok(&format!("cv --data pool --device cpu {SMALL} {LEARNS} --out cv --folds 0,1,3")).stdout;
    assert!(!said.contains("ensemble") && work.json("cv/summary.json")["ensemble"].is_null(), "{said}");
    let mut old = work.json("cv/summary.json");
    for key in ["estimate", "ensemble"] {
        old.as_object_mut().unwrap().remove(key);
    }
    work.write("cv/summary.json", &old.to_string());
    work.ok("train --data pool --device cpu --out final --all --epochs-from cv --set train.max_epochs=1");
}

#[test]
fn one_group_has_no_interval_and_says_so() {
    let work = Workspace::with_pool();
    let labels = work.table("pool/train_metadata.csv");
    let text = work.text("pool/train_metadata.csv");
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    csv.write_record(&header).unwrap();
    for row in &labels {
        csv.write_record(header.iter().map(|key| if *key == "video_id" { "A1" } else { row[*key].as_str() })).unwrap();
    }
    work.write("pool/train_metadata.csv", &String::from_utf8(csv.into_inner().unwrap()).unwrap());
    let said = work.ok(&format!("cv --data pool --device cpu {SMALL} --out cv --folds 0,1 --set train.max_epochs=1"));
    assert!(said.stdout.contains("no interval: found 1 group, expected at least 5"), "{}", said.stdout);
    let estimate = &work.json("cv/summary.json")["estimate"];
    assert_eq!((&estimate["interval"], &estimate["units"]), (&Value::Null, &1.into()));
    assert!(estimate["value"].is_number(), "{estimate}");
}

#[test]
fn baselines_keep_what_they_scored() {
    let work = Workspace::with_pool();
    let encoders = "--set data.encoders=[\"clip\",\"clap\"] --set train.max_epochs=2";
    let said = work.ok(&format!("baselines --data pool --device cpu {SMALL} --out b --folds 0,2 --seeds 2 {encoders}"));
    let rows: Vec<Row> = serde_json::from_value(work.json("b/summary.json")["rows"].clone()).unwrap();
    let classes: Vec<String> = serde_json::from_value(work.json("b/summary.json")["data"]["classes"].clone()).unwrap();
    let kept = out_of_fold::read(&work.path("b/out_of_fold.npz"), &classes, NEUTRAL, &DecodeConfig::default()).unwrap();
    assert_eq!(kept.len(), 9, "three classifiers on two encoders and on both joined");
    for (name, system) in &kept {
        let row = rows.iter().find(|row| row.name == *name).unwrap();
        assert_eq!(system.row(name, RankBy::Mean), *row, "{name}");
        let interval = row.estimate.as_ref().unwrap().interval.unwrap();
        assert!(said.stdout.contains(&format!("{:.3} to {:.3}", interval[0], interval[1])), "{}", said.stdout);
    }
    let trivial = rows.iter().find(|row| row.name.starts_with("most frequent")).unwrap();
    assert_eq!(trivial.estimate, None);
    assert!(rows.iter().find(|row| row.name == "uniform fusion").unwrap().estimate.is_some());
    let names = work.strings("b/out_of_fold.npz", "filenames");
    let expected =
        [0, 2].map(|fold| work.strings(&format!("b/uniform/seed-0/fold-{fold}/validation.npz"), "filenames"));
    assert_eq!(names, expected.concat());
    let targets = [0, 2].map(|fold| work.matrix(&format!("b/uniform/seed-0/fold-{fold}/validation.npz"), "targets"));
    assert_eq!(work.matrix("b/out_of_fold.npz", "targets"), concatenate![Axis(0), targets[0], targets[1]]);
}

#[test]
fn a_sweep_tells_which_trials_are_within_noise_and_how_to_go_on() {
    let work = Workspace::with_pool();
    work.write("spec.toml", "folds = [0, 1]\n[search]\ntrain.lr = [0.01, 0.009, 1e-6]\n");
    let said =
        work.ok(&format!("sweep --data pool --device cpu {SMALL} --set train.max_epochs=12 --out s --spec spec.toml"));
    let summary = work.json("s/summary.json");
    let trials = summary["trials"].as_array().unwrap();
    let best = trials.iter().position(|trial| trial["against_best"] == "best").unwrap();
    let of_best = System::read(&work.path(&format!("s/trials/{best:04}"))).unwrap();
    let mut others: Vec<(usize, Comparison)> = (0..3)
        .filter(|id| *id != best)
        .map(|id| (id, System::read(&work.path(&format!("s/trials/{id:04}"))).unwrap()))
        .map(|(id, system)| (id, compare(&of_best, &system, RankBy::Mean).unwrap()))
        .collect();
    // Holm over two: the smaller p twice, the larger one no smaller than that.
    others.sort_by(|(_, a), (_, b)| a.p.total_cmp(&b.p));
    let expected = [(2.0 * others[0].1.p).min(1.0), others[1].1.p.max((2.0 * others[0].1.p).min(1.0))];
    let mut within = vec![best];
    for ((id, comparison), p) in others.iter().zip(expected) {
        let found = &trials[*id]["against_best"]["compared"];
        assert_eq!((found["p"].as_f64(), found["p_adjusted"].as_f64()), (Some(comparison.p), Some(p)), "{found}");
        assert_eq!(found["difference"].as_f64().unwrap(), comparison.difference);
        within.extend((p >= 0.05).then_some(*id));
    }
    let mut found: Vec<usize> = serde_json::from_value(summary["within_noise"].clone()).unwrap();
    assert_eq!(found[0], best);
    assert!(!found.contains(&2), "a model that learned nothing: {summary}");
    assert!(
        said.stdout.contains(&format!("within noise of the best trial: {} of 3 trials ({best:04}", found.len())),
        "{}",
        said.stdout
    );
    found.sort_unstable();
    within.sort_unstable();
    assert_eq!(found, within);

    let command = summary["final_model"].as_str().unwrap().to_owned();
    assert!(said.stdout.contains(&command), "{}", said.stdout);
    work.ok(&format!("{} --device cpu", command.strip_prefix("blendfuse ").unwrap()));
    assert_eq!(work.json("final/summary.json")["selection"], "all");
    work.ok("report s --out s.html");
    assert!(work.text("s.html").contains("Within noise of the best: "));
}

#[test]
fn a_report_claims_only_what_a_test_shows() {
    let work = Workspace::with_pool();
    let cv =
        |out: &str, more: &str| work.ok(&format!("cv --data pool --device cpu {SMALL} {LEARNS} --out {out} {more}"));
    cv("a", "--folds 0,1");
    cv("none", "--folds 1,2 --set train.lr=1e-6 --set train.max_epochs=1");
    work.copy("a", "b");
    cv("seed", "--folds 0,1 --set train.seed=4");
    work.ok(&format!(
        "baselines --data pool --device cpu {SMALL} --out base --folds 0,1 --set data.encoders=[\"clip\"]"
    ));
    let report = |folders: &str| {
        work.ok(&format!("report {folders} --force --out page.html"));
        work.text("page.html")
    };
    let page = report("a b");
    assert!(page.contains("No significant difference between <b>b</b> and <b>a</b>"), "the same runs");
    assert!(page.contains("+0.000, p = 1.000"), "no interval of a difference that is always 0");
    // On fold 1 alone, which both have.
    let page = report("a none");
    assert!(page.contains("1 fold, 1 seed"));
    assert!(page.contains("Settings that differ: train.lr (0.01, 0.000001), train.max_epochs (12, 1)"));
    let page = report("a seed");
    assert!(page.contains(
        "are not comparable: they have no run in common: one has folds 0, 1 of seed 0, the other folds 0, 1 of seed 4."
    ));
    let page = report("a base");
    assert!(page.contains("The baseline is the best of 4 baselines by mean on these clips."), "three and uniform");
    for page in [report("a b"), report("a none"), report("a base")] {
        assert!(!page.contains("better in"), "runs are not counted as evidence");
    }
    // Folders of an older version: no groups, no scores of the classifiers.
    std::fs::remove_file(work.path("base/out_of_fold.npz")).unwrap();
    let page = report("a base");
    assert!(page.contains("comparison with the classifiers of base") && page.contains("the best of 1 baselines"));

    // The same clips in other folds.
    let labels = work.text("pool/train_metadata.csv");
    let moved = labels.replace(",0\n", ",x\n").replace(",1\n", ",0\n").replace(",x\n", ",1\n");
    work.write("pool/train_metadata.csv", &moved);
    cv("moved", "--folds 0,1");
    assert!(report("a moved").contains("clips in different folds"));
}

/// What ranks the trials is what is tested, also where another metric leads for the labels.
#[test]
fn noise_is_judged_by_the_metric_that_ranks_the_trials() {
    let work = Workspace::with_pool();
    work.write("spec.toml", "rank_by = \"log_loss\"\nfolds = [0, 1]\n[search]\ntrain.lr = [0.01, 1e-6]\n");
    let said = work.ok(&format!("sweep --data pool --device cpu {SMALL} --out s --spec spec.toml"));
    assert!(said.stdout.contains("paired permutation test of log loss over"), "{}", said.stdout);
    let summary = work.json("s/summary.json");
    let [best, other] = [0, 1].map(|id| System::read(&work.path(&format!("s/trials/{id:04}"))).unwrap());
    let expected = compare(&best, &other, RankBy::LogLoss).unwrap();
    let found = &summary["trials"][1]["against_best"]["compared"];
    assert_eq!(found["metric"], "log_loss");
    assert_eq!((found["difference"].as_f64(), found["p"].as_f64()), (Some(expected.difference), Some(expected.p)));
}
