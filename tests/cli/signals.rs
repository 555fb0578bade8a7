//! SIGINT and SIGTERM: the step under way ends, the state is saved, the command that resumes is printed and does resume.

#![cfg(unix)]

use crate::workspace::{SMALL, Said, Workspace};
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Far more epochs than fit into the time that a test takes to send a signal.
const LONG: &str = "--set train.max_epochs=400 --set train.patience=400";

fn kill(signal: &str, process: u32) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).output().unwrap();
    assert!(sent.status.success(), "kill {signal} {process}: {}", String::from_utf8_lossy(&sent.stderr));
}

fn wait_until(what: &str, is_true: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_true() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {what} in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs a command and sends it a signal as soon as a file is there.
fn interrupt(work: &Workspace, signal: &str, line: &str, file: &str) -> Said {
    work.run_while(line, |process| {
        wait_until(file, || work.path(file).exists());
        kill(signal, process);
    })
}

/// Checks how an interrupted command ended, and returns the command that it names.
fn resume_line(said: &Said, signal: &str, code: i32) -> String {
    assert_eq!(said.code, code, "{}{}", said.stdout, said.stderr);
    assert!(said.stderr.contains(&format!("interrupted by {signal}: ")), "{}", said.stderr);
    assert_eq!(said.stdout, "", "results of work that did not end");
    let last = said.stderr.lines().last().unwrap_or_default();
    let command = last.strip_prefix("resume with: blendfuse ");
    command.unwrap_or_else(|| panic!("no command to resume:\n{}", said.stderr)).to_owned()
}

/// The log without times.
fn log(work: &Workspace, run: &str) -> Vec<Value> {
    let mut log = work.log(run);
    for line in &mut log {
        for time in ["seconds", "rows_per_second"] {
            line.as_object_mut().unwrap().remove(time);
        }
    }
    log
}

fn are_same(work: &Workspace, run: &str, whole: &str) {
    for file in ["model.safetensors", "last.safetensors", "validation.npz"] {
        assert!(work.bytes(&format!("{run}/{file}")) == work.bytes(&format!("{whole}/{file}")), "{run}/{file}");
    }
    assert_eq!(log(work, run), log(work, whole));
}

#[test]
fn an_interrupted_run_resumes_by_the_command_it_prints() {
    let work = Workspace::with_pool();
    let line = |run: &str| format!("train --data pool --out {run} --fold 2 --device cpu {SMALL} {LONG}");
    let said = interrupt(&work, "-INT", &line("run"), "run/metrics.jsonl");
    let resume = resume_line(&said, "SIGINT", 130);
    assert_eq!(resume, "train --data pool --out run --fold 2 --device cpu --resume");
    assert!(said.stderr.contains("run: saved after step "), "{}", said.stderr);
    assert!(!work.path("run/summary.json").exists(), "it ended before the signal came");
    let before = log(&work, "run").len();
    // Once more, by the other signal and on the way.
    let said = work.run_while(&resume, |process| {
        wait_until("another epoch", || work.log("run").len() > before);
        kill("-TERM", process);
    });
    assert_eq!(resume_line(&said, "SIGTERM", 143), resume);
    work.ok(&resume);
    work.ok(&line("whole"));
    are_same(&work, "run", "whole");
}

#[test]
fn an_interrupted_cross_validation_resumes_by_the_same_command() {
    let work = Workspace::with_pool();
    let line = |out: &str| {
        format!(
            "cv --data pool --out {out} --folds 0,1,2 --jobs 2 --device cpu {SMALL} --set train.max_epochs=60 --set train.patience=60"
        )
    };
    let said = interrupt(&work, "-TERM", &line("cv"), "cv/seed-0/fold-1/metrics.jsonl");
    let resume = resume_line(&said, "SIGTERM", 143);
    assert_eq!(resume, line("cv").split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(said.stderr.contains("cv/seed-0/fold-1: saved after step "), "{}", said.stderr);
    assert!(!work.path("cv/summary.json").exists());
    work.ok(&resume);
    work.ok(&line("whole"));
    for fold in 0..3 {
        are_same(&work, &format!("cv/seed-0/fold-{fold}"), &format!("whole/seed-0/fold-{fold}"));
    }
}

/// A second signal does not wait for a step: here for files of a pool that takes seconds to write.
#[test]
fn a_second_signal_ends_the_process_at_once() {
    let work = Workspace::empty();
    let is_begun = || fs::read_dir(work.path("")).unwrap().count() > 0;
    let said = work.run_while("synth --out pool --preset paper", |process| {
        wait_until("staging folder", is_begun);
        kill("-INT", process);
        kill("-TERM", process);
    });
    assert!([130, 143].contains(&said.code), "{}", said.code);
    assert!(!said.stderr.contains("interrupted by"), "it ended by itself:\n{}", said.stderr);
}

#[test]
fn an_interrupted_synth_leaves_nothing() {
    let work = Workspace::empty();
    let said = work.run_while("synth --out pool --preset small", |process| {
        wait_until("staging folder", || fs::read_dir(work.path("")).unwrap().count() > 0);
        kill("-INT", process);
    });
    assert_eq!(resume_line(&said, "SIGINT", 130), "synth --out pool --preset small");
    assert_eq!(fs::read_dir(work.path("")).unwrap().count(), 0, "files were left");
}

#[test]
fn interrupted_baselines_resume_by_the_same_command() {
    let work = Workspace::with_pool();
    let line = format!("baselines --data pool --out out --folds 0,1 --device cpu {SMALL}");
    // Within uniform fusion, and within the classifiers.
    for file in ["out/uniform/seed-0/fold-0/config.toml", "out/uniform/summary.json"] {
        let said = interrupt(&work, "-TERM", &line, file);
        assert_eq!(resume_line(&said, "SIGTERM", 143), line.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(!work.path("out/summary.json").exists());
    }
    work.ok(&line);
    work.ok(&line.replace("--out out", "--out whole"));
    assert_eq!(work.text("out/baselines.csv"), work.text("whole/baselines.csv"));
    assert!(work.bytes("out/out_of_fold.npz") == work.bytes("whole/out_of_fold.npz"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_aggregation_writes_no_file() {
    let work = Workspace::empty();
    fs::create_dir(work.path("frames")).unwrap();
    let frames = frames(200_000);
    (0..12).for_each(|clip| fs::write(work.path(&format!("frames/clip{clip}.npy")), &frames).unwrap());
    let line = "aggregate --input frames --encoder clip --out clip.npz";
    let handles = |process: u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & 1 << 1 != 0
    };
    let said = work.run_while(line, |process| {
        wait_until("handler of SIGINT", || handles(process));
        kill("-INT", process);
    });
    assert_eq!(resume_line(&said, "SIGINT", 130), line);
    assert_eq!(fs::read_dir(work.path("")).unwrap().count(), 1, "only the frames are there");
}

/// A .npy file of (n, 4) float32 values in no order.
#[cfg(target_os = "linux")]
fn frames(n: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, 4), }}");
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    let header = header + &" ".repeat(padding) + "\n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    let value = |i: usize| ((i * 7919) % 100_003) as f32;
    bytes.extend((0..4 * n).flat_map(|i| value(i).to_le_bytes()));
    bytes
}

const GRID: &str =
    "folds = [0, 1]\n[search]\nmodel.top_n = [1, 8]\n[set]\ntrain.max_epochs = 60\ntrain.patience = 60\n";

fn sweep_line(out: &str) -> String {
    let small = SMALL.replace("--set train.max_epochs=3", "");
    let line = format!("sweep --data pool --out {out} --spec grid.toml --device cpu {small}");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_interrupted_sweep_saves_its_trial_and_resumes_to_the_same_leaderboard() {
    let work = Workspace::with_pool();
    work.write("grid.toml", GRID);
    for (file, signal, name, code) in [
        ("sweep/trials/0000/seed-0/fold-0/metrics.jsonl", "-TERM", "SIGTERM", 143),
        ("sweep/trials/0001/seed-0/fold-0/metrics.jsonl", "-INT", "SIGINT", 130),
    ] {
        let said = interrupt(&work, signal, &sweep_line("sweep"), file);
        assert_eq!(resume_line(&said, name, code), sweep_line("sweep"));
        let trial = file.split('/').take(3).collect::<Vec<_>>().join("/");
        let log = work.text(&format!("{trial}/log.txt"));
        assert!(log.contains(&format!("interrupted by {name}: ")) && log.contains("saved after step"), "{log}");
        assert!(!work.path(&format!("{trial}/error.txt")).exists(), "an interruption is no failure");
    }
    work.ok(&sweep_line("sweep"));
    work.ok(&sweep_line("whole"));
    assert_eq!(work.text("sweep/leaderboard.csv"), work.text("whole/leaderboard.csv"));
    for (trial, fold) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let run = |out: &str| format!("{out}/trials/{trial:04}/seed-0/fold-{fold}");
        are_same(&work, &run("sweep"), &run("whole"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_trial_of_a_killed_sweep_ends() {
    let work = Workspace::with_pool();
    work.write("grid.toml", &GRID.replace("= 60", "= 1000000"));
    let metrics = "sweep/trials/0000/seed-0/fold-0/metrics.jsonl";
    let mut command = Command::new(env!("CARGO_BIN_EXE_blendfuse"));
    let mut sweep = command.current_dir(work.path("")).args(sweep_line("sweep").split_whitespace()).spawn().unwrap();
    wait_until(metrics, || work.path(metrics).exists());
    let id = sweep.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    let trial: u32 = children.split_whitespace().next().expect("the trial's process").parse().unwrap();
    sweep.kill().unwrap();
    sweep.wait().unwrap();
    let begun = Instant::now();
    // A zombie has ended, too: who adopts it decides when it goes.
    let runs = || {
        let stat = fs::read_to_string(format!("/proc/{trial}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    while runs() {
        assert!(begun.elapsed() < Duration::from_secs(1), "the trial still runs a second after its sweep was killed");
        std::thread::sleep(Duration::from_millis(5));
    }
}
