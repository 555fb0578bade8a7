//! Sweeps: trials in processes of their own, what they leave, and what happens where some fail or are stopped.

use crate::workspace::{SMALL, Said, Workspace};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Two folds of a tiny pool, so that there is an honest score.
const GRID: &str = "folds = [0, 1]\n[set]\ntrain.lr = 0.01\n[search]\nmodel.top_n = [1, 8]\n";

/// A learning rate whose training breaks, between two that are good.
const BREAKS: &str = "folds = [0]\n[search]\ntrain.lr = [1e-3, 1e30, 3e-4]\n";

fn line(more: &str) -> String {
    format!("sweep --data pool --out sweep --device cpu {SMALL} {more}")
}

fn sweep(work: &Workspace, more: &str) -> Said {
    work.ok(&line(more))
}

/// `done`, `failed` or `pending` of each trial.
fn statuses(work: &Workspace) -> Vec<String> {
    let summary = work.json("sweep/summary.json");
    let trials = summary["trials"].as_array().unwrap();
    trials.iter().map(|trial| trial["status"].as_str().unwrap().to_owned()).collect()
}

/// Every file of the trials that are done, to see that they stay.
fn trials(work: &Workspace, ids: &[usize]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let bytes = |id: &usize, file| work.bytes(&format!("sweep/trials/{id:04}/{file}"));
    ids.iter().map(|id| (bytes(id, "summary.json"), bytes(id, "log.txt"))).collect()
}

fn mean(trial: &Value, kind: &str) -> f64 {
    trial["row"][kind]["mean"]["mean"].as_f64().unwrap_or_else(|| panic!("{kind} of {trial}"))
}

#[test]
fn a_grid_and_its_leaderboard() {
    let work = Workspace::with_pool();
    work.write("grid.toml", GRID);
    let said = sweep(&work, "--spec grid.toml");
    let summary = work.json("sweep/summary.json");
    assert_eq!(summary["kind"], "sweep");
    assert!(summary["command"].as_str().unwrap().starts_with("blendfuse sweep --data pool"), "{}", summary["command"]);
    assert_eq!(summary["data"]["name"], "pool");
    assert_eq!(summary["data"]["encoders"].as_array().unwrap().len(), 8);
    assert_eq!(summary["data"]["folds"].as_array().unwrap().len(), 5);
    assert!(summary["device"]["name"].as_str().unwrap().starts_with("built-in CPU engine"));
    let trials = summary["trials"].as_array().unwrap();
    for (id, (trial, top_n)) in trials.iter().zip([1, 8]).enumerate() {
        assert_eq!((&trial["id"], &trial["name"]), (&json!(id), &json!(format!("top_n={top_n}"))));
        assert_eq!((&trial["set"], &trial["status"]), (&json!({ "model.top_n": top_n }), &json!("done")));
        assert_eq!((&trial["error"], &trial["row"]["runs"]), (&Value::Null, &json!(2)));
        // The trial is a cross-validation like any other.
        let cv = work.json(&format!("sweep/trials/{id:04}/summary.json"));
        assert_eq!((&cv["kind"], &cv["folds"]), (&json!("cv"), &json!([0, 1])));
        assert_eq!((&cv["official"], &cv["honest"]), (&trial["row"]["official"], &trial["row"]["honest"]));
        let run = work.json(&format!("sweep/trials/{id:04}/seed-0/fold-1/summary.json"));
        assert_eq!(run["top_n"], top_n);
        assert!(work.text(&format!("sweep/trials/{id:04}/log.txt")).contains("device: built-in CPU engine"));
    }

    let board = work.table("sweep/leaderboard.csv");
    let best = usize::from(mean(&trials[1], "honest") > mean(&trials[0], "honest"));
    assert_eq!(board.len(), 2);
    assert_ne!(mean(&trials[0], "honest"), mean(&trials[1], "honest"), "a tie shows no order");
    assert_eq!((&board[0]["trial"], &board[1]["trial"]), (&format!("{best:04}"), &format!("{:04}", 1 - best)));
    for row in &board {
        let trial = &trials[row["trial"].parse::<usize>().unwrap()];
        assert_eq!(row["name"], trial["name"].as_str().unwrap());
        assert_eq!(row["model.top_n"], trial["set"]["model.top_n"].to_string());
        assert_eq!(row["mean"].parse::<f64>().unwrap(), mean(trial, "official"));
        assert_eq!(row["honest_mean"].parse::<f64>().unwrap(), mean(trial, "honest"));
    }
    let places: Vec<usize> =
        board.iter().map(|row| said.stdout.find(&row["name"]).expect("it is in the table")).collect();
    assert!(places[0] < places[1], "best first: {}", said.stdout);
    assert!(said.stdout.contains("ranked by honest mean") && said.stdout.contains("sweep/leaderboard.csv"));
    // A line per trial, and nothing of what the trials themselves say.
    for progress in ["2 trials in sweep/trials", "1/2  top_n=1: mean ", "2/2  top_n=8: mean "] {
        assert!(said.stderr.contains(progress), "expected {progress:?} in\n{}", said.stderr);
    }
    assert!(!said.stderr.contains("epoch"), "{}", said.stderr);

    // What was written down tries the same again.
    let again = work.ok("sweep --data pool --out again --device cpu --spec sweep/sweep.toml --json").json();
    assert_eq!(again, work.json("again/summary.json"));
    for (id, trial) in trials.iter().enumerate() {
        assert_eq!(again["trials"][id]["row"], trial["row"]);
    }
}

#[test]
fn the_same_command_goes_on_and_runs_nothing_twice() {
    let work = Workspace::with_pool();
    work.write("grid.toml", GRID);
    let said = sweep(&work, "--spec grid.toml --budget 1");
    assert_eq!(statuses(&work), ["done", "pending"]);
    assert!(said.stderr.contains("budget exhausted with 1 trial left"), "{}", said.stderr);
    assert!(said.stdout.contains("1 done, 0 failed, 1 pending"), "{}", said.stdout);
    assert_eq!(work.table("sweep/leaderboard.csv").len(), 1);
    let first = trials(&work, &[0]);

    sweep(&work, "--spec grid.toml");
    assert_eq!(statuses(&work), ["done", "done"]);
    assert_eq!(trials(&work, &[0]), first, "the first trial ran again");
    let both = trials(&work, &[0, 1]);
    let said = sweep(&work, "--spec grid.toml --retry --budget 1h");
    assert_eq!(trials(&work, &[0, 1]), both, "a trial ran again");
    assert!(said.stdout.contains("2 done, 0 failed, 0 pending"), "{}", said.stdout);

    // More of the same is added; anything else is refused.
    work.write("grid.toml", &GRID.replace("[1, 8]", "[1, 8, 4]"));
    sweep(&work, "--spec grid.toml");
    assert_eq!(statuses(&work), ["done", "done", "done"]);
    assert_eq!(trials(&work, &[0, 1]), both);
    work.write("other.toml", &GRID.replace("[1, 8]", "[8, 1, 4]"));
    let messages = ["found trial `top_n=1` of another sweep, expected `top_n=8`", "or choose another --out"];
    work.fails(&line("--spec other.toml"), &messages);
    work.fails(&line("--spec grid.toml --set train.batch=16"), &["trial `top_n=1` of another sweep"]);
    work.write("less.toml", GRID);
    work.fails(&line("--spec less.toml"), &["found more trials than the 2 of this sweep"]);
    work.write("full/notes.txt", "mine");
    work.fails(
        "sweep --data pool --out full --device cpu --spec grid.toml",
        &["full: found a folder that is not empty"],
    );
}

#[test]
fn a_trial_that_fails_stops_no_other() {
    let work = Workspace::with_pool();
    work.write("rates.toml", BREAKS);
    let line = line("-q --spec rates.toml");
    let said = work.run(&line);
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(statuses(&work), ["done", "failed", "done"]);
    let error = work.text("sweep/trials/0001/error.txt");
    assert!(error.contains("a number is not finite"), "{error}");
    assert_eq!(work.json("sweep/summary.json")["trials"][1]["error"], error.trim_end());
    assert_eq!(work.table("sweep/leaderboard.csv").len(), 2);
    assert!(said.stdout.contains("2 done, 1 failed, 0 pending"), "{}", said.stdout);
    for message in [
        "warning: 2/3  lr=1e30: failed: ",
        "error: 1 of 3 trials failed; rerun them with --retry",
        "  because: trial 0001, lr=1e30: ",
    ] {
        assert!(said.stderr.contains(message), "expected {message:?} in\n{}", said.stderr);
    }

    let before = work.bytes("sweep/trials/0001/log.txt");
    assert_eq!(work.run(&line).code, 1, "it is still not done");
    assert_eq!(work.bytes("sweep/trials/0001/log.txt"), before, "a failed trial ran again unasked");
    let good = trials(&work, &[0, 2]);
    assert_eq!(work.run(&format!("{line} --retry")).code, 1);
    assert!(work.bytes("sweep/trials/0001/log.txt").len() > before.len(), "--retry ran nothing");
    assert_eq!(trials(&work, &[0, 2]), good);
    assert_eq!(statuses(&work), ["done", "failed", "done"]);
}

#[test]
fn any_scheduler_can_run_the_trials() {
    let work = Workspace::with_pool();
    work.write("grid.toml", GRID);
    let said = sweep(&work, "--spec grid.toml --plan");
    assert_eq!(statuses(&work), ["pending", "pending"]);
    assert!(said.stdout.contains("0 done, 0 failed, 2 pending"), "{}", said.stdout);
    assert!(!work.path("sweep/trials/0000/log.txt").exists(), "--plan runs nothing");
    let planned = work.text("sweep/trials/0001/trial.toml");
    assert!(planned.contains("name = \"top_n=8\"") && planned.contains("\"model.top_n\" = 8"), "{planned}");

    // From any folder, with the pool wherever it is now.
    fs::rename(work.path("pool"), work.path("moved")).unwrap();
    let said = work.run("trial sweep/trials/0001 --device cpu -q");
    said.is_failure("trial", &["pool: found no such folder"]);
    assert!(work.text("sweep/trials/0001/error.txt").contains("pool: found no such folder"));
    let said = work.ok("trial sweep/trials/0001 --device cpu --data moved");
    assert!(said.stdout.contains("top_n=8"), "{}", said.stdout);
    assert!(!work.path("sweep/trials/0001/error.txt").exists(), "the error of the first attempt is forgotten");
    let summary = work.bytes("sweep/trials/0001/summary.json");
    let again = work.ok("trial sweep/trials/0001 --device cpu --data moved --json");
    assert_eq!(again.json(), work.json("sweep/trials/0001/summary.json"));
    assert!(again.stderr.contains("already finished") && work.bytes("sweep/trials/0001/summary.json") == summary);

    let collect = format!("sweep --data moved --out sweep --device cpu {SMALL} --spec grid.toml");
    work.ok(&format!("{collect} --plan"));
    assert_eq!(statuses(&work), ["pending", "done"]);
    work.ok(&collect);
    assert_eq!(statuses(&work), ["done", "done"]);
    assert!(work.bytes("sweep/trials/0001/summary.json") == summary, "what was collected was not run again");
    work.fails("trial sweep/trials/0002 --device cpu", &["trial.toml: cannot be read; pass the folder of a trial"]);
}

#[test]
fn shipped_specs_run_by_name() {
    let work = Workspace::with_pool();
    let listed = work.ok("sweep --list").stdout;
    for name in
        ["top_n", "ablation", "adaptation_selection", "temperature", "single_encoders", "pairs", "concatenation"]
    {
        assert!(listed.lines().any(|line| line.trim().starts_with(name)), "{name} is missing in\n{listed}");
    }
    assert_eq!(work.ok("sweep --list --json").json().as_array().unwrap().len(), 7);
    for (name, trials) in
        [("ablation", 3), ("temperature", 6), ("concatenation", 3), ("adaptation_selection", 4), ("single_encoders", 8)]
    {
        let line = format!("sweep --data pool --out {name} --device cpu {SMALL} --folds 0 --spec {name} --json");
        let summary = work.ok(&line).json();
        let rows: BTreeMap<String, f64> = summary["trials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|trial| {
                assert_eq!(trial["row"]["honest"], Value::Null, "one fold has no others");
                (trial["name"].as_str().unwrap().to_owned(), mean(trial, "official"))
            })
            .collect();
        assert_eq!(rows.len(), trials, "{name}: {rows:?}");
    }
    let run = |trial: &str| work.json(&format!("{trial}/seed-0/fold-0/summary.json"));
    assert_eq!(run("concatenation/trials/0000")["top_n"], 1);
    assert_eq!(work.matrix("single_encoders/trials/0002/seed-0/fold-0/validation.npz", "w").ncols(), 1);
    assert_ne!(run("ablation/trials/0000")["validation_loss"], run("ablation/trials/0001")["validation_loss"]);
    assert!(work.log("adaptation_selection/trials/0003/seed-0/fold-0")[0]["domain_loss"].is_number());
}

#[test]
fn random_trials_over_seeds() {
    let work = Workspace::with_pool();
    let spec = "method = \"random\"\ntrials = 2\n[search]\ntrain.lr = { min = 1e-4, max = 1e-2, scale = \"log\" }";
    work.write("random.toml", spec);
    let summary = sweep(&work, "--spec random.toml --folds 2 --seeds 2 --jobs 1 --json").json();
    let rates: Vec<f64> =
        summary["trials"].as_array().unwrap().iter().map(|trial| trial["set"]["train.lr"].as_f64().unwrap()).collect();
    assert!(rates.iter().all(|rate| (1e-4..=1e-2).contains(rate)) && rates[0] != rates[1], "{rates:?}");
    assert_eq!(summary["trials"][0]["row"]["runs"], 2);
    assert!(work.path("sweep/trials/0001/seed-1/fold-2/summary.json").exists());
}

#[test]
fn bad_settings_are_told_before_any_trial_starts() {
    let work = Workspace::with_pool();
    work.write("bad.toml", "[search]\nmodel.topn = [1]\ntrain.batch = [1, 8]\n");
    let messages = [
        "error: bad.toml: 2 of 2 trials cannot run",
        "  because: unknown key `model.topn` in bad.toml; did you mean `model.top_n`?",
        "  because: bad.toml: `train.batch`: found 1, expected a whole number from 2",
    ];
    work.fails(&line("--spec bad.toml"), &messages);
    work.write("many.toml", "[search]\nmodel.top_n = [4, 99]\n");
    work.fails(&line("--spec many.toml"), &["trial `top_n=99`: `model.top_n`: found n = 99, expected at most K = 8"]);
    work.fails(&line("--spec top_n --folds 9"), &["fold 9: expected one of the folds {0, 1, 2, 3, 4}"]);
    work.fails(&line("--spec top_n --set model.top_n=3"), &["top_n already searches `model.top_n`"]);
    work.fails(&line("--spec nowhere"), &["nowhere: cannot read the spec", "or one of top_n, ablation"]);
    work.fails("sweep --data nowhere --out sweep --spec top_n --device cpu", &["nowhere: found no such folder"]);
    work.fails(&format!("sweep --data pool --out sweep --spec top_n --device gpu:none {SMALL}"), &["gpu:none"]);
}

/// The trial of a killed sweep ends with it; the same command resumes both.
#[test]
fn a_sweep_that_is_killed() {
    let work = Workspace::with_pool();
    work.write("grid.toml", GRID);
    work.kill_when(&line("--spec grid.toml"), "sweep/trials/0000/config.toml");
    let begun = Instant::now();
    while !sweep(&work, "--spec grid.toml").stdout.contains("2 done") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", statuses(&work));
        std::thread::sleep(Duration::from_millis(50));
    }
    // The first trial was resumed.
    assert_eq!(work.text("sweep/trials/0000/log.txt").matches("trial top_n=1").count(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_trial_that_is_killed_is_recorded() {
    let work = Workspace::with_pool();
    let spec = "folds = [0]\n[[trial]]\nname = \"endless\"\nset.train = { max_epochs = 1000000, patience = 1000000 }\n\
                [[trial]]\nname = \"short\"\nset.train.max_epochs = 3\n";
    work.write("spec.toml", spec);
    let endless = line("-q --spec spec.toml").replace("--set train.max_epochs=3", "");
    let said = work.run_while(&endless, |sweep| {
        let begun = Instant::now();
        while !work.path("sweep/trials/0000/seed-0/fold-0/metrics.jsonl").exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no trial runs");
            std::thread::sleep(Duration::from_millis(5));
        }
        let children = fs::read_to_string(format!("/proc/{sweep}/task/{sweep}/children")).unwrap();
        let child = children.split_whitespace().next().expect("the trial's process");
        assert!(std::process::Command::new("kill").args(["-9", child]).status().unwrap().success());
    });
    assert_eq!(said.code, 1, "{}", said.stderr);
    assert_eq!(statuses(&work), ["failed", "done"]);
    let error = work.text("sweep/trials/0000/error.txt");
    assert!(error.contains("signal: 9 (SIGKILL)") && error.contains("log.txt"), "{error}");
}
