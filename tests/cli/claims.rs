//! One process writes a folder at a time: the second one fails, and names process and host of the first.

use crate::workspace::{SMALL, Workspace};
use std::fs;

const ENDLESS: &str = "--set train.max_epochs=1000000 --set train.patience=1000000";
/// As on a file system without locks.
const FOLDERS: [(&str, &str); 1] = [("BLENDFUSE_LOCKS", "folder")];

fn train(more: &str) -> String {
    format!("train --data pool --out run --device cpu {SMALL} {more}")
}

/// What names a process.
fn named(process: u32) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("process {process} on {}", host.trim())
}

#[test]
fn a_second_training_process_is_refused() {
    let work = Workspace::with_pool();
    for variables in [&[][..], &FOLDERS[..]] {
        let first = work.start(&train(&format!("--fold 0 {ENDLESS}")), variables, "run/last.safetensors");
        let resume = "train --data pool --out run --device cpu --resume".to_owned();
        for line in [train("--fold 0"), resume] {
            let said = work.run_with(&format!("-q {line}"), variables);
            said.is_failure(&line, &["run: found another process training this run: ", &named(first.id())]);
        }
        drop(first);
        fs::remove_dir_all(work.path("run")).unwrap();
    }
}

/// Both find no folder when they start.
#[test]
fn of_two_processes_that_start_at_once_one_trains() {
    let work = Workspace::with_pool();
    for (attempt, variables) in [&[][..], &FOLDERS[..]].into_iter().enumerate() {
        let lines = [0, 1].map(|seed| {
            format!("-q train --data pool --out run-{attempt} --fold 0 --device cpu {SMALL} --set train.seed={seed}")
        });
        let said = std::thread::scope(|scope| {
            let (work, variables) = (&work, &variables);
            let running = lines.each_ref().map(|line| scope.spawn(move || work.run_with(line, variables)));
            running.map(|running| running.join().unwrap())
        });
        let trained = said.iter().position(|said| said.code == 0).expect("one trains");
        said[1 - trained].is_failure(&lines[1 - trained], &[&format!("run-{attempt}: ")]);
        assert_eq!(work.json(&format!("run-{attempt}/summary.json"))["seed"], trained);
        let config: toml::Table = work.text(&format!("run-{attempt}/config.toml")).parse().unwrap();
        assert_eq!(config["train"]["seed"].as_integer(), Some(trained as i64));
        let left: Vec<_> = fs::read_dir(work.path(&format!("run-{attempt}"))).unwrap().collect();
        assert_eq!(left.len(), 6, "the claim is gone: {left:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_claim_of_a_process_that_has_ended_is_taken_over() {
    let work = Workspace::with_pool();
    let resume = "train --data pool --out run --device cpu --resume --fold 0";
    let first =
        work.start(&train(&format!("--fold 0 {ENDLESS} --set train.max_steps=300")), &FOLDERS, "run/last.safetensors");
    let id = first.id();
    drop(first);
    work.copy("run", "kept");
    let said = work.run_with(resume, &FOLDERS);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let line = format!("warning: run/.training.d: taken over from process {id} of this machine, which has ended");
    assert!(said.stderr.contains(&line), "{}", said.stderr);
    assert!(!work.path("run/.training.d").exists());

    // Of another machine nobody can tell, with locks or without.
    let owner = work.text("kept/.training.d/owner.json");
    let host = serde_json::from_str::<serde_json::Value>(&owner).unwrap()["host"].as_str().unwrap().to_owned();
    work.write("kept/.training.d/owner.json", &owner.replace(&host, "node7"));
    let line = resume.replace("run", "kept");
    for variables in [&[][..], &FOLDERS[..]] {
        let expected = [&format!("process {id} on node7"), "if that process has ended, delete kept/.training.d"];
        work.fails_with(&line, variables, &expected);
    }
    fs::remove_dir_all(work.path("kept/.training.d")).unwrap();
    work.ok(&line);
}

#[test]
fn cross_validations_trials_and_baselines_are_claimed() {
    let work = Workspace::with_pool();
    let cv = |command: &str, more: &str| {
        format!("{command} --data pool --out {command} --folds 0 --device cpu {SMALL} {more}")
    };
    let first = work.start(&cv("cv", ENDLESS), &[], "cv/seed-0/fold-0/last.safetensors");
    let line = format!("-q {}", cv("cv", ENDLESS));
    work.run(&line)
        .is_failure(&line, &["cv: found another process running this cross-validation: ", &named(first.id())]);
    drop(first);
    let first = work.start(&cv("baselines", ENDLESS), &[], "baselines/uniform/seed-0/fold-0/last.safetensors");
    let line = format!("-q {}", cv("baselines", ENDLESS));
    work.run(&line).is_failure(&line, &["another process", &named(first.id())]);
    drop(first);
    work.write("spec.toml", "folds = [0]\n[[trial]]\nname = \"one\"\n");
    work.ok(&format!("sweep --data pool --out sweep --spec spec.toml --plan {SMALL} {ENDLESS}"));
    let line = "-q trial sweep/trials/0000 --device cpu";
    let first = work.start(line, &[], "sweep/trials/0000/seed-0/fold-0/last.safetensors");
    work.run(line).is_failure(line, &["found another process running this trial: ", &named(first.id())]);
}

/// Deleted while it trains: the run ends with an error, and writes nothing more.
#[test]
fn a_folder_that_disappears_ends_the_run() {
    let work = Workspace::with_pool();
    let line = train(&format!("--fold 0 {ENDLESS} -q"));
    let said = work.run_while(&line, |_| {
        while !work.path("run/metrics.jsonl").exists() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        // Files may be made while their folder is deleted; under another name it is gone at once.
        fs::rename(work.path("run"), work.path("moved")).unwrap();
        fs::create_dir(work.path("run")).unwrap();
    });
    said.is_failure(&line, &["run: the run folder was deleted, moved or replaced during training"]);
    // The line of the epoch that was being logged may be there; a state, a model or a summary is not.
    let left: Vec<_> = fs::read_dir(work.path("run")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "metrics.jsonl"), "{left:?}");
}
