//! What a run leaves behind: names, shapes and keys that other tools rely on.

use crate::workspace::{SMALL, Workspace, is_preselection};
use blendfuse::config::Config;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Columns of the tiny pool's encoders in their order.
const WIDTHS: [usize; 8] = [48, 18, 60, 24, 52, 40, 31, 6];
const CLASSES: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];

#[test]
fn a_run_with_validation() {
    let work = Workspace::with_pool();
    let said = work.train("cpu", "--out run --fold 3 --json");
    let files = listing(&work, "run");
    let expected =
        ["config.toml", "last.safetensors", "metrics.jsonl", "model.safetensors", "summary.json", "validation.npz"];
    assert_eq!(files, expected);
    assert_eq!(said.json(), work.json("run/summary.json"), "--json prints the summary");
    is_resolved(&work);
    has_tensors(&work);
    has_metadata(&work);
    has_log(&work);
    has_summary(&work);

    let clips: Vec<String> = work
        .table("pool/train_metadata.csv")
        .into_iter()
        .filter(|row| row["fold"] == "3")
        .map(|mut row| row.remove("filename").unwrap())
        .collect();
    assert_eq!(work.strings("run/validation.npz", "filenames"), clips);
    assert_eq!(work.matrix("run/validation.npz", "scores").dim(), (81, 6));
    let [w, a] = ["w", "a"].map(|array| work.matrix("run/validation.npz", array));
    assert_eq!((w.dim(), a.dim()), ((81, 8), (81, 8)));
    is_preselection(&a, &w, 5);
    assert_eq!(work.strings("run/validation.npz", "classes"), CLASSES);
    assert_eq!(work.strings("run/validation.npz", "encoders"), encoder_names(&work));
}

#[test]
fn a_run_on_all_clips() {
    let work = Workspace::with_pool();
    let said = work.train("cpu", "-q --out run --all");
    assert!(said.progress().next().unwrap().starts_with("warning: no clips were held out"), "{}", said.stderr);
    let files = ["config.toml", "last.safetensors", "metrics.jsonl", "model.safetensors", "summary.json"];
    assert_eq!(listing(&work, "run"), files);
    let summary = work.json("run/summary.json");
    for key in ["validation_loss", "presence", "salience", "mean"] {
        assert_eq!(summary[key], Value::Null, "{key}: nothing was held out");
    }
    assert_eq!(summary["selection"], "all");
    // 486 clips are 8 batches of 64 at most.
    assert_eq!((&summary["epochs"], &summary["steps"]), (&3.into(), &24.into()));
    assert_eq!(work.log("run")[2]["validation_loss"], Value::Null);
    let (model, last) = (work.checkpoint("run/model.safetensors"), work.checkpoint("run/last.safetensors"));
    assert_eq!(model.tensors["fuse.weight"], last.tensors["fuse.weight"], "the last epoch is the best one");

    let said = work.train("cpu", "-q --out fixed --all --set decode.alpha=0.2 --set decode.beta=0.1");
    assert_eq!(said.progress().count(), 0, "a warning although thresholds are given: {}", said.stderr);
    assert_eq!(work.json("fixed/summary.json")["thresholds"], json!({ "alpha": 0.2, "beta": 0.1 }));
    work.ok("predict --model fixed --data pool --out predictions.json --device cpu");
}

#[test]
fn the_configuration_of_a_run_makes_it_again() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out first --fold 1 --set train.seed=9 --set model.top_n=3 --set loss.presence_loss=bce");
    work.ok("train --data pool --out second --fold 1 --device cpu --config first/config.toml");
    for file in ["config.toml", "model.safetensors", "last.safetensors", "validation.npz"] {
        assert!(work.bytes(&format!("first/{file}")) == work.bytes(&format!("second/{file}")), "{file}");
    }
    // A key on the command line wins over the file.
    work.ok("train --data pool --out third --fold 1 --device cpu --config first/config.toml --set train.max_epochs=1");
    assert_eq!(work.log("third").len(), 1);
}

fn encoder_names(work: &Workspace) -> Vec<String> {
    let model = work.checkpoint("run/model.safetensors");
    let encoders: Value = serde_json::from_str(&model.metadata["encoders"]).unwrap();
    encoders.as_array().unwrap().iter().map(|encoder| encoder["name"].as_str().unwrap().to_owned()).collect()
}

/// Each reason in `summary.json` and on the terminal, also of a run that was resumed after its end; a summary without one reads.
#[test]
fn why_a_run_stopped() {
    let work = Workspace::with_pool();
    let cases = [
        // A loss that counts as lower only by 9 never is after the first epoch.
        (
            "--set train.patience=1 --set train.min_delta=9",
            "patience",
            2,
            "did not improve by train.min_delta = 9 for train.patience = 1",
        ),
        ("--set train.max_epochs=1", "max_epochs", 1, "train.max_epochs = 1 reached"),
        ("--set train.max_steps=7", "max_steps", 2, "train.max_steps = 7 reached"),
    ];
    for (setting, reason, epochs, text) in cases {
        let said = work.train("cpu", &format!("--out {reason} --fold 0 {setting}"));
        assert!(said.stdout.contains("\nstopped     ") && said.stdout.contains(text), "{}", said.stdout);
        let summary = work.json(&format!("{reason}/summary.json"));
        assert_eq!((&summary["stopped"], &summary["epochs"]), (&json!(reason), &json!(epochs)));
        work.ok(&format!("train --data pool --out {reason} --device cpu --resume"));
        assert_eq!(work.json(&format!("{reason}/summary.json"))["stopped"], reason);
    }
    let all = work.train("cpu", "--out all --all");
    assert!(all.stdout.contains("weights     of the last epoch, 3 (no validation clips)"), "{}", all.stdout);
    let mut old = work.json("patience/summary.json");
    old.as_object_mut().unwrap().remove("stopped");
    work.write("patience/summary.json", &old.to_string());
    work.ok("report patience --out report.html");
}

/// What is recorded of the gate follows from its weights; a warning once at the end where it no longer selects; nothing of it
/// without a gate.
#[test]
fn a_collapsed_gate_is_told() {
    let work = Workspace::with_pool();
    let healthy = work.train("cpu", "--out healthy --fold 0");
    assert!(!healthy.stderr.contains("warning"), "{}", healthy.stderr);
    let w = work.matrix("healthy/validation.npz", "w").mapv(f64::from);
    let entropy = w.iter().filter(|w| **w > 0.0).map(|w| -w * w.ln()).sum::<f64>() / w.nrows() as f64;
    let summary = work.json("healthy/summary.json");
    let kept = summary["encoders_kept"].as_f64().unwrap();
    assert!((kept - entropy.exp()).abs() < 1e-9, "{kept}, {}", entropy.exp());
    let share = summary["logit_variance_between_clips"].as_f64().unwrap();
    assert!(share > 0.01 && share < 1.0, "{share}");
    let log = work.log("healthy");
    assert_eq!(log[summary["best_epoch"].as_u64().unwrap() as usize - 1]["encoders_kept"], kept);
    assert!(log.iter().all(|epoch| epoch["logit_variance_between_clips"].is_f64()));
    assert!(healthy.stdout.contains(&format!("encoders    {kept:.1} of n = 5, ")), "{}", healthy.stdout);

    let cold = "--set model.temperature.mode=fixed --set model.temperature.initial=0.0001";
    // Weights shrink to a tenth in every step, so that biases are all that is left.
    let alike = "--set train.optimizer=adamw --set train.weight_decay=3000";
    let cases =
        [("few", cold, "it keeps 1.0 of n = 5 encoders"), ("alike", alike, "0.00 % of the variance of its logits")];
    for (run, settings, expected) in cases {
        let said = work.train("cpu", &format!("-q --out {run} --fold 0 {settings}"));
        let lines: Vec<&str> = said.progress().collect();
        assert_eq!(lines.len(), 1, "once: {lines:?}");
        assert!(lines[0].starts_with("warning: the gate has collapsed: ") && lines[0].contains(expected), "{lines:?}");
        let analysed = work.ok(&format!("analyze {run}"));
        assert!(
            analysed.stderr.contains(&format!("warning: the gate has collapsed: {expected}")),
            "{}",
            analysed.stderr
        );
        work.ok(&format!("report {run} --out {run}.html"));
        assert!(work.text(&format!("{run}.html")).contains("The gate has collapsed: "), "{run}");
    }
    let said = work.ok(&format!("-q cv --data pool --out cv --folds 0,1 --device cpu {SMALL} {cold}"));
    let lines: Vec<&str> = said.progress().collect();
    assert!(
        lines.len() == 1 && lines[0].contains("collapsed in 2 of 2 runs; seed 0, fold 0: it keeps 1.0"),
        "{lines:?}"
    );
    let all = work.train("cpu", "--out all --all");
    assert!(work.json("all/summary.json")["encoders_kept"].is_f64() && all.stdout.contains("encoders    "));

    let uniform = work.train("cpu", "--out uniform --fold 0 --set model.attention=uniform");
    assert!(!uniform.stdout.contains("encoders  ") && !uniform.stderr.contains("warning"), "{}", uniform.stdout);
    for text in [work.text("uniform/summary.json"), work.text("uniform/metrics.jsonl")] {
        assert!(!text.contains("encoders_kept"), "{text}");
    }
    // A folder of a version that recorded none of it.
    for file in ["few/summary.json", "few/metrics.jsonl"] {
        let without = |line: &str| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            value.as_object_mut().unwrap().retain(|key, _| !key.starts_with("encoders_") && !key.starts_with("logit_"));
            value.to_string()
        };
        let text = work.text(file);
        let lines: Vec<String> =
            if file.ends_with("l") { text.lines().map(without).collect() } else { vec![without(&text)] };
        work.write(file, &lines.join("\n"));
    }
    work.ok("report few --out old.html");
    let page = work.text("old.html");
    assert!(!page.contains("gate has collapsed") && page.contains("Learning curves"), "the rest is shown");
}

#[test]
fn a_folder_with_a_run_is_told_from_a_full_one() {
    let work = Workspace::with_pool();
    let line = format!("train --data pool --out run --fold 0 --device cpu {SMALL}");
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    work.fails(&line, &["run: holds a finished run; choose another --out"]);
    fs::remove_file(work.path("run/summary.json")).unwrap();
    work.fails(&line, &["run: holds an unfinished run; add --resume to continue it"]);
    work.ok("train --data pool --out run --device cpu --resume");
    // A run that was killed before its first epoch ended.
    work.write("early/config.toml", &work.text("run/config.toml"));
    work.fails(&line.replace("--out run", "--out early"), &["early: holds an unfinished run; add --resume"]);
    // A cross-validation is no run.
    work.ok(&format!("cv --data pool --out cv --folds 0 --device cpu {SMALL} --set train.max_epochs=1"));
    work.fails(&line.replace("--out run", "--out cv"), &["cv: found a folder that is not empty"]);
}

fn listing(work: &Workspace, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(work.path(folder)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `config.toml` holds every key, with what was set.
fn is_resolved(work: &Workspace) {
    let table: toml::Table = work.text("run/config.toml").parse().unwrap();
    let table = toml::Value::Table(table);
    for key in Config::keys() {
        let found = key.split('.').try_fold(&table, |value, name| value.get(name));
        assert!(found.is_some(), "{key} is missing");
    }
    assert_eq!(table["model"]["projection"].as_integer(), Some(16));
    assert_eq!(table["train"]["max_epochs"].as_integer(), Some(3));
    assert_eq!(table["train"]["batch"].as_integer(), Some(64), "a default");
}

/// Exactly the documented names and shapes; in `last.safetensors` the same and Adam's moments.
fn has_tensors(work: &Workspace) {
    let (k, p, a, f, h) = (8, 16, 8, 24, 12);
    let mut expected: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut add = |name: &str, shape: &[usize]| drop(expected.insert(name.to_owned(), shape.to_vec()));
    for (k, width) in WIDTHS.into_iter().enumerate() {
        add(&format!("project.{k}.weight"), &[p, width]);
        for name in ["weight", "bias", "running_mean", "running_var"] {
            add(&format!("norm.{k}.{name}"), &[p]);
        }
        add(&format!("standardize.{k}.mean"), &[width]);
        add(&format!("standardize.{k}.std"), &[width]);
    }
    add("gate.0.weight", &[a, k * p]);
    add("gate.0.bias", &[a]);
    add("gate.1.weight", &[k, a]);
    add("gate.1.bias", &[k]);
    add("gate.temperature", &[1]);
    add("fuse.weight", &[f, k * p]);
    for name in ["weight", "bias", "running_mean", "running_var"] {
        add(&format!("fuse_norm.{name}"), &[f]);
    }
    for (head, outputs) in [("presence", 6), ("salience", 6), ("domain", 2)] {
        add(&format!("{head}.0.weight"), &[h, f]);
        add(&format!("{head}.0.bias"), &[h]);
        add(&format!("{head}.1.weight"), &[outputs, h]);
        add(&format!("{head}.1.bias"), &[outputs]);
    }
    let (model, last) = (work.checkpoint("run/model.safetensors"), work.checkpoint("run/last.safetensors"));
    let shapes = |tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>| -> BTreeMap<String, Vec<usize>> {
        tensors.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect()
    };
    assert_eq!(shapes(&model.tensors), expected);
    assert!(model.is_finite() && last.is_finite());
    let trained =
        expected.clone().into_iter().filter(|(name, _)| !name.contains("running_") && !name.starts_with("standardize"));
    for (name, shape) in trained {
        for moment in ["m", "v"] {
            expected.insert(format!("adam.{moment}.{name}"), shape.clone());
        }
    }
    assert_eq!(shapes(&last.tensors), expected);

    // Standardisation is that of the training rows: the other folds.
    let rows = work.table("pool/train_metadata.csv");
    let x = work.matrix("pool/features/train/clip.npz", "X");
    let training: Vec<usize> = (0..rows.len()).filter(|&row| rows[row]["fold"] != "3").collect();
    let column: Vec<f64> = training.iter().map(|&row| f64::from(x[[row, 0]])).collect();
    let mean = column.iter().sum::<f64>() / column.len() as f64;
    let std = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64).sqrt();
    let found = [model.values("standardize.0.mean")[0], model.values("standardize.0.std")[0]].map(f64::from);
    assert!((found[0] - mean).abs() <= 1e-5 * std && (found[1] - std).abs() <= 1e-5 * std, "{found:?}, {mean}, {std}");
}

/// What a model file says of itself: all that is needed to use it, and nothing of when or where it was made.
fn has_metadata(work: &Workspace) {
    let metadata = work.checkpoint("run/model.safetensors").metadata;
    let keys: Vec<&str> = metadata.keys().map(String::as_str).collect();
    assert_eq!(keys, ["classes", "config", "encoders", "format", "neutral", "thresholds"]);
    let value = |key: &str| serde_json::from_str::<Value>(&metadata[key]).expect("a JSON string");
    assert_eq!(metadata["format"], "blendfuse 1");
    assert_eq!((value("classes"), value("neutral")), (json!(CLASSES), json!(5)));
    let encoders = value("encoders");
    assert_eq!(encoders[0], json!({ "name": "clip", "width": 48, "modality": "video" }));
    assert_eq!(encoders.as_array().unwrap().iter().map(|e| e["width"].clone()).collect::<Vec<_>>(), WIDTHS);
    assert_eq!(value("config")["model"]["projection"], 16);
    assert_eq!(value("thresholds"), work.json("run/summary.json")["thresholds"]);
    let all = metadata.values().cloned().collect::<String>();
    assert!(!all.contains(work.path("").to_str().unwrap()), "no paths: {all}");
    let last = work.checkpoint("run/last.safetensors").metadata;
    assert!(last.contains_key("resume"));
}

/// A line per epoch with losses, both metrics, learning rate, τ, seconds and rows/s.
fn has_log(work: &Workspace) {
    let log = work.log("run");
    assert_eq!(log.len(), 3);
    for (index, line) in log.iter().enumerate() {
        assert_eq!(line["epoch"], index + 1);
        // 405 clips of the other folds are 7 batches.
        assert_eq!(line["steps"], 7 * (index + 1));
        let numbers = [
            "loss",
            "presence_loss",
            "salience_loss",
            "validation_loss",
            "presence",
            "salience",
            "lr",
            "temperature",
            "seconds",
            "rows_per_second",
        ];
        for key in numbers {
            assert!(line[key].as_f64().is_some_and(|value| value.is_finite() && value >= 0.0), "{key} of {line}");
        }
        assert_eq!(line["domain_loss"], Value::Null, "adaptation is off");
        let figure = |key: &str| line[key].as_f64().unwrap();
        let total = 0.68 * figure("presence_loss") + 0.32 * figure("salience_loss");
        assert!((figure("loss") - total).abs() < 1e-5 * total, "{line}");
    }
}

fn has_summary(work: &Workspace) {
    let (summary, log) = (work.json("run/summary.json"), work.log("run"));
    assert_eq!(summary["versions"]["blendfuse"], env!("CARGO_PKG_VERSION"));
    assert!(summary["versions"]["wgpu"].is_string(), "{summary}");
    assert!(summary["device"]["name"].as_str().unwrap().starts_with("built-in CPU engine"), "{summary}");
    for key in ["backend", "driver", "type"] {
        assert!(summary["device"][key].is_string(), "{key} of {summary}");
    }
    assert_eq!((&summary["selection"], &summary["top_n"]), (&json!({ "fold": 3 }), &5.into()));
    assert_eq!((&summary["seed"], &summary["epochs"], &summary["steps"]), (&0.into(), &3.into(), &21.into()));
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
    // The scores are those of the best epoch, thresholds searched on its rows.
    let best = &log[summary["best_epoch"].as_u64().unwrap() as usize - 1];
    assert_eq!(best["best"], true);
    for key in ["validation_loss", "presence", "salience"] {
        assert_eq!(summary[key], best[key], "{key}");
    }
    let grid: Vec<f64> = (0..20).map(|i| 0.05 + 0.9 / 19.0 * f64::from(i)).collect();
    for key in ["alpha", "beta"] {
        let threshold = summary["thresholds"][key].as_f64().unwrap();
        assert!(grid.iter().any(|value| (value - threshold).abs() < 1e-9), "{key} {threshold}");
    }
}

#[test]
fn printed_results_are_those_of_the_summary() {
    let work = Workspace::with_pool();
    let said = work.ok(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"));
    let summary = work.json("run/summary.json");
    let loss = summary["validation_loss"].as_f64().unwrap();
    for expected in [
        "epochs      3 (18 steps".to_owned(),
        "stopped     train.max_epochs = 3 reached".to_owned(),
        format!(
            "best epoch  {} (validation loss {loss:.4}); the model has the weights of this epoch",
            summary["best_epoch"]
        ),
        format!("presence    {:.3}", summary["presence"].as_f64().unwrap()),
        "model       run/model.safetensors".to_owned(),
    ] {
        assert!(said.stdout.contains(&expected), "expected {expected:?} in\n{}", said.stdout);
    }
    // Progress goes to stderr: the device, the pool, a line per epoch; no bars where it is no terminal.
    for expected in ["device: built-in CPU engine", "loading 486 clips", "epoch   1  loss", "epoch   3  loss"] {
        assert!(said.stderr.contains(expected), "expected {expected:?} in\n{}", said.stderr);
    }
    assert!(!said.stderr.contains('\r') && !said.stderr.contains('\x1b'), "{:?}", said.stderr);
}
