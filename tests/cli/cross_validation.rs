//! `cv`: its runs are those of `train`, its figures follow from their files, and it goes on where it stopped.

use crate::workspace::{SMALL, Workspace};
use blendfuse::config::SalienceRule;
use blendfuse::scoring::decode::{self, Thresholds};
use blendfuse::scoring::metrics::{self, Score};
use ndarray::Array2;
use serde_json::Value;

const NEUTRAL: Option<usize> = Some(5);

fn cv(work: &Workspace, more: &str) -> String {
    work.ok(&format!("cv --data pool --device cpu {SMALL} {more}")).stderr
}

#[test]
fn folds_are_runs_and_figures_follow_from_their_files() {
    let work = Workspace::with_pool();
    cv(&work, "--out cv --folds 0,2,3 --seeds 2");
    let summary = work.json("cv/summary.json");
    assert_eq!(summary["folds"], serde_json::json!([0, 2, 3]));
    assert_eq!(summary["seeds"], serde_json::json!([0, 1]));
    let runs = summary["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 6);

    // A fold is what `train` makes of it.
    work.train("cpu", "--out alone --fold 2 --set train.seed=1");
    for file in ["model.safetensors", "validation.npz", "config.toml"] {
        assert!(
            work.bytes(&format!("cv/seed-1/fold-2/{file}")) == work.bytes(&format!("alone/{file}")),
            "{file} differs"
        );
    }
    let folders: Vec<String> = runs.iter().map(|run| format!("cv/{}", run["folder"].as_str().unwrap())).collect();
    for (run, folder) in runs.iter().zip(&folders) {
        let own = work.json(&format!("{folder}/summary.json"));
        assert_eq!(run["official"]["presence"], own["presence"]);
        assert_eq!(run["official"]["salience"], own["salience"]);
        assert_eq!(run["best_epoch"], own["best_epoch"]);
    }

    // Thresholds of a fold: the best of the grid on the other folds of its seed, searched here without the library's search.
    for (at, run) in runs.iter().enumerate() {
        let others: Vec<&String> = (0..6).filter(|&i| i / 3 == at / 3 && i != at).map(|i| &folders[i]).collect();
        let best = search(&work, &others);
        let honest = &run["honest"];
        assert_eq!(honest["thresholds"]["alpha"].as_f64().unwrap(), best.alpha, "run {at}");
        assert_eq!(honest["thresholds"]["beta"].as_f64().unwrap(), best.beta, "run {at}");
        let score = score(&work, &[&folders[at]], best);
        assert_eq!(honest["presence"].as_f64().unwrap(), score.presence);
        assert_eq!(honest["salience"].as_f64().unwrap(), score.salience);
    }
    let pooled = search(&work, &folders.iter().collect::<Vec<_>>());
    assert_eq!(summary["thresholds"]["alpha"].as_f64().unwrap(), pooled.alpha);
    assert_eq!(summary["thresholds"]["beta"].as_f64().unwrap(), pooled.beta);

    for kind in ["official", "honest"] {
        for metric in ["presence", "salience", "mean"] {
            let values: Vec<f64> = runs.iter().map(|run| run[kind][metric].as_f64().unwrap()).collect();
            let mean = values.iter().sum::<f64>() / 6.0;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 5.0;
            let found = &summary[kind][metric];
            assert!((found["mean"].as_f64().unwrap() - mean).abs() < 1e-12, "{kind} {metric}");
            assert!((found["std"].as_f64().unwrap() - variance.sqrt()).abs() < 1e-12, "{kind} {metric}");
        }
    }
}

/// Scores, and truths of the run folders' validation clips, one after the other.
fn validation(work: &Workspace, folders: &[&String]) -> (Vec<Array2<f32>>, Vec<metrics::Truth>) {
    let read =
        |array: &str| folders.iter().map(|f| work.matrix(&format!("{f}/validation.npz"), array)).collect::<Vec<_>>();
    let targets = read("targets");
    let truths =
        targets.iter().flat_map(|t| t.rows().into_iter().map(|row| metrics::truth(&row.to_vec())).collect::<Vec<_>>());
    (read("scores"), truths.collect())
}

fn score(work: &Workspace, folders: &[&String], thresholds: Thresholds) -> Score {
    let (scores, truths) = validation(work, folders);
    let decide = |row: ndarray::ArrayView1<f32>| {
        Some(decode::decide(&row.to_vec(), thresholds, SalienceRule::Official, NEUTRAL))
    };
    let decisions: Vec<_> = scores.iter().flat_map(|s| s.rows().into_iter().map(decide).collect::<Vec<_>>()).collect();
    metrics::score(&decisions, &truths)
}

fn search(work: &Workspace, folders: &[&String]) -> Thresholds {
    let step = (0.95 - 0.05) / 19.0;
    let grid: Vec<f64> = (0..20).map(|i| if i == 19 { 0.95 } else { f64::from(i) * step + 0.05 }).collect();
    let mut best = (Thresholds { alpha: 0.0, beta: 0.0 }, -1.0);
    for &alpha in &grid {
        for &beta in &grid {
            let thresholds = Thresholds { alpha, beta };
            let found = score(work, folders, thresholds).mean();
            if found > best.1 {
                best = (thresholds, found);
            }
        }
    }
    best.0
}

#[test]
fn goes_on_where_it_stopped_and_does_not_depend_on_jobs() {
    let work = Workspace::with_pool();
    cv(&work, "--out one --folds 0,1,2 --jobs 1");
    work.kill_when(
        &format!("cv --data pool --device cpu {SMALL} --out two --folds 0,1,2 --jobs 2"),
        "two/seed-0/fold-0/summary.json",
    );
    assert!(!work.path("two/summary.json").exists(), "it was killed before it ended");
    let said = cv(&work, "--out two --folds 0,1,2 --jobs 2");
    assert!(said.contains("seed 0, fold 0: already finished"), "{said}");
    for fold in 0..3 {
        for file in ["model.safetensors", "validation.npz"] {
            let [one, two] = ["one", "two"].map(|out| work.bytes(&format!("{out}/seed-0/fold-{fold}/{file}")));
            assert!(one == two, "fold {fold}: {file} differs");
        }
    }
    assert!(
        !work.path("two/seed-0/fold-1").read_dir().unwrap().any(|e| e
            .unwrap()
            .path()
            .extension()
            .is_some_and(|e| e == "partial"))
    );
    // More of it may be asked for later, or less.
    assert!(cv(&work, "--out two --folds 0,1").contains("warning: two: 1 of the 3 runs"));
    cv(&work, "--out two --folds 0,1,2,4");
    let figures = |name: &str| {
        work.json(name)["runs"].as_array().unwrap().iter().map(|r| r["official"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(figures("two/summary.json")[..3], figures("one/summary.json"));
    assert_eq!(figures("two/summary.json").len(), 4);
}

#[test]
fn the_final_model_takes_epochs_thresholds_and_settings_from_it() {
    let work = Workspace::with_pool();
    cv(&work, "--out cv --folds 0,1 --set model.top_n=3");
    work.ok("train --data pool --device cpu --out final --all --epochs-from cv");
    let (found, made) = (work.json("cv/summary.json"), work.json("final/summary.json"));
    assert_eq!(made["thresholds"], found["thresholds"]);
    assert_eq!(made["epochs"].as_f64().unwrap(), found["best_epoch"].as_f64().unwrap().round());
    assert_eq!(made["top_n"], 3);
    assert_eq!(made["selection"], "all");
    work.ok("predict --model final --data pool --out p.json --device cpu");
    work.fails("train --data pool --out other --all --epochs-from final", &["not the summary of a `blendfuse cv`"]);
    assert_eq!(work.run("train --data pool --out other --epochs-from cv").code, 2, "--all belongs to it");
    assert_eq!(work.run("train --data pool --out other --epochs-from cv --fold 0").code, 2, "--all belongs to it");
    let summary = work.text("cv/summary.json");
    let labels = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut told = found.clone();
        change(told["data"].as_object_mut().unwrap());
        work.write("cv/summary.json", &told.to_string());
    };
    let final_model = "train --data pool --device cpu --out other --all --epochs-from cv";
    labels(&|data| drop(data.insert("labels".into(), "0".into())));
    work.fails(
        final_model,
        &["cv: cross-validated over other clips, folds or labels than pool", "cross-validate this pool"],
    );
    labels(&|data| data["classes"][0] = "nobody".into());
    work.fails(final_model, &["cv: cross-validated over the classes nobody", "but pool has"]);
    labels(&|data| drop(data.remove("labels")));
    work.ok(final_model);
    work.write("cv/summary.json", &summary);
}

/// `--epochs-from` replays the learning rates of the folds, median over them; with `--all` alone the rate is constant, and
/// the command says so.
#[test]
fn the_final_model_follows_the_schedule_of_the_folds() {
    let work = Workspace::with_pool();
    let plateau = "--set train.plateau.patience=0 --set train.plateau.threshold=1 --set train.max_epochs=6";
    cv(&work, &format!("--out cv --folds 0,1,2 {plateau} --set train.patience=2 --set train.lr=0.001"));
    let said = work.ok("train --data pool --device cpu --out final --all --epochs-from cv");
    let found = work.json("cv/summary.json");
    let rates = |run: &str| -> Vec<f64> { work.log(run).iter().map(|epoch| epoch["lr"].as_f64().unwrap()).collect() };
    let folds: Vec<Vec<f64>> = (0..3).map(|fold| rates(&format!("cv/seed-0/fold-{fold}"))).collect();
    let made = rates("final");
    assert!(made.len() > 2 && made.last() < made.first(), "there is a schedule to follow: {made:?}");
    for (epoch, rate) in made.iter().enumerate() {
        let mut all: Vec<f64> = folds.iter().map(|fold| fold[epoch.min(fold.len() - 1)]).collect();
        all.sort_by(f64::total_cmp);
        assert_eq!(*rate, all[1], "epoch {}", epoch + 1);
    }
    assert!(said.stdout.contains("lr          1.0e-3, × 0.500 from epoch 3"), "{}", said.stdout);
    let summary = work.json("final/summary.json");
    assert_eq!(summary["lr_schedule"], "replayed");
    let factors = summary["lr_factors"].as_array().unwrap().iter().map(|f| f.as_f64().unwrap());
    let factors = factors.map(|factor| format!("{factor:?}")).collect::<Vec<_>>().join(",");
    assert!(factors.starts_with("1.0,1.0,0.5"), "{factors}");

    // The same by hand.
    let (alpha, beta) = (&found["thresholds"]["alpha"], &found["thresholds"]["beta"]);
    let encoders: Vec<String> =
        work.json("pool/truth.json")["encoders"].as_array().unwrap().iter().map(|e| e["name"].to_string()).collect();
    let hand = format!(
        "train --data pool --device cpu --out OUT --all --config cv/config.toml --set train.max_epochs={} --set decode.alpha={alpha} \
         --set decode.beta={beta} --set data.encoders=[{}]",
        made.len(),
        encoders.join(",")
    );
    work.ok(&format!("{hand} --set train.lr_factors=[{factors}]").replace("OUT", "hand"));
    for file in ["config.toml", "model.safetensors", "last.safetensors"] {
        assert!(work.bytes(&format!("final/{file}")) == work.bytes(&format!("hand/{file}")), "{file}");
    }
    let said = work.ok(&hand.replace("OUT", "constant"));
    assert!(
        said.stdout.contains("lr          1.0e-3 in every epoch (no validation clips); use --epochs-from"),
        "{}",
        said.stdout
    );
    assert_eq!(work.json("constant/summary.json")["lr_schedule"], "constant");
    assert!(rates("constant").windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(work.json("cv/seed-0/fold-0/summary.json")["lr_schedule"], "plateau");
    // A run whose log is gone cannot be replayed.
    std::fs::remove_file(work.path("cv/seed-0/fold-1/metrics.jsonl")).unwrap();
    work.fails(
        "train --data pool --device cpu --out other --all --epochs-from cv",
        &["fold-1/metrics.jsonl: cannot be read"],
    );
}

#[test]
fn bad_input_is_found_before_anything_is_written() {
    let work = Workspace::with_pool();
    let cases = [
        ("--folds 0,7", "fold 7: expected one of the folds"),
        ("--set model.top_n=9", "top_n"),
        ("--set data.encoders=[\"clip\",\"nobody\"]", "found no encoder `nobody`, have"),
        ("--set data.encoders=[\"clip\",\"clip\"]", "encoder `clip` is chosen twice"),
        ("--device software --jobs 2", "expected 1, since one run occupies the GPU"),
    ];
    for (more, message) in cases {
        let device = if more.contains("--device") { "" } else { "--device cpu" };
        work.fails(&format!("cv --data pool --out cv {device} {more}"), &[message]);
    }
    cv(&work, "--out cv --folds 0");
    work.fails(
        &format!("cv --data pool --out cv --device cpu {SMALL} --folds 0 --set train.lr=0.01"),
        &["found a cross-validation with another train.lr"],
    );
    assert!(work.json("cv/summary.json")["honest"].is_null(), "one fold has no other to take thresholds from");
    work.train("cpu", "--out run --fold 0");
    work.fails(&format!("cv --data pool --out run --device cpu {SMALL}"), &["found a run of `blendfuse train`"]);
    // Another pool under the same name: encoders that came or went, and other clips.
    let same = format!("cv --data pool --out cv --device cpu {SMALL} --folds 0");
    let labels = work.text("pool/train_metadata.csv");
    let fewer = labels.replacen(",4\n", ",0\n", 1);
    assert_ne!(fewer, labels, "a clip of fold 4 is in fold 0 now");
    work.write("pool/train_metadata.csv", &fewer);
    let said = work.run(&same);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert!(said.stderr.contains("warning: actors in more than one fold: 1"), "{}", said.stderr);
    assert!(said.stderr.contains("found a damaged run, or one trained on another pool"), "{}", said.stderr);
    assert!(said.stderr.contains("it was trained on other clips"), "{}", said.stderr);
    work.write("pool/train_metadata.csv", &labels);
    work.write("pool/encoders.toml", "[[encoder]]\nname = \"clip\"\n");
    work.fails(
        &same,
        &[
            "found a damaged run, or one trained on another pool",
            "the checkpoint was trained on 8 encoders, the pool has 1",
        ],
    );
}

#[test]
fn a_class_without_clips_is_told() {
    let work = Workspace::with_pool();
    let kept: Vec<String> = work
        .text("pool/train_metadata.csv")
        .lines()
        .filter(|line| !(line.contains("_neu_") && line.ends_with(",1")))
        .map(str::to_owned)
        .collect();
    work.write("pool/train_metadata.csv", &kept.join("\n"));
    let said =
        work.ok(&format!("cv --data pool --device cpu {SMALL} --out cv --folds 0,1 --set train.max_epochs=1")).stderr;
    assert!(said.contains("warning: fold 1: no validation clips of neu"), "{said}");
    assert!(!said.contains("warning: fold 0"), "{said}");
}

#[test]
fn chosen_and_joined_encoders() {
    let work = Workspace::with_pool();
    let names: Vec<String> = work.json("pool/truth.json")["encoders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|encoder| encoder["name"].as_str().unwrap().to_owned())
        .collect();
    let two = format!("[\"{}\",\"{}\"]", names[2], names[0]);
    work.train("cpu", &format!("--out two --fold 0 --set data.encoders={two}"));
    let encoders = |run: &str| -> Value {
        serde_json::from_str(&work.checkpoint(&format!("{run}/model.safetensors")).metadata["encoders"]).unwrap()
    };
    assert_eq!(encoders("two")[0]["name"], names[2].as_str());
    assert_eq!(encoders("two")[1]["name"], names[0].as_str());
    work.ok("predict --model two --data pool --out two.json --device cpu --scores two.npz");
    assert_eq!(work.matrix("two.npz", "w").ncols(), 2);

    work.train("cpu", "--out joined --fold 0 --set data.concatenate=true");
    assert_eq!(encoders("joined")[0]["width"], 279, "all columns of the tiny pool");
    let shape = &work.checkpoint("joined/model.safetensors").tensors["project.0.weight"].0;
    assert_eq!(*shape, [16, 279]);
    // The parts are known by name: another order in the pool does not matter.
    let reversed: Vec<String> = names.iter().rev().map(|name| format!("[[encoder]]\nname = \"{name}\"\n")).collect();
    work.ok("predict --model joined --data pool --out a.json --device cpu");
    work.write("pool/encoders.toml", &reversed.concat());
    work.ok("predict --model joined --data pool --out b.json --device cpu");
    assert!(work.bytes("a.json") == work.bytes("b.json"));
}
