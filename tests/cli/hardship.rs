//! Full disks, emptied files, over-long names and runs that diverge: each is told as what it is.

use crate::workspace::{SMALL, Workspace};
use std::fs;

/// A limit on the size of files stands for the full disk: the write fails, and the error is the only thing that is said.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_error() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    let program = env!("CARGO_BIN_EXE_blendfuse");
    let line = "predict --model run --data pool --device cpu --out p.json --scores s.npz";
    let script = format!("trap '' XFSZ; ulimit -f 8; exec {program} -q {line}");
    let output = std::process::Command::new("sh").current_dir(work.path("")).args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: s.npz: ") && said.contains("is the disk full?"), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[1..].iter().all(|line| line.starts_with("  because: ")), "{said}");
    for entry in fs::read_dir(work.path("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(["pool", "run"].contains(&&name[..]), "{name} is left");
    }
}

#[test]
fn an_emptied_configuration() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    work.ok(&format!("cv --data pool --out cv --folds 0 --device cpu {SMALL} --set train.max_epochs=1"));
    for folder in ["run", "cv"] {
        work.write(&format!("{folder}/config.toml"), "");
    }
    let expected = "/config.toml: found an empty file, expected the configuration of a run; restore it from a copy";
    work.fails("train --data pool --out run --device cpu --resume", &[&format!("run{expected}")]);
    work.fails(&format!("cv --data pool --out cv --folds 0 --device cpu {SMALL}"), &[&format!("cv{expected}")]);
    work.fails("train --data pool --out final --device cpu --all --epochs-from cv", &[&format!("cv{expected}")]);
}

#[test]
fn names_that_are_too_long() {
    let work = Workspace::with_pool();
    let long = "x".repeat(250);
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    let expected = ["its name is too long, 255 bytes, expected at most ", "choose a shorter one"];
    work.fails(&format!("predict --model run --data pool --device cpu --out {long}.json"), &expected);
    work.fails(&format!("report run --out {long}.html"), &expected);
    work.fails(
        &format!("train --data pool --out {long}{long} --fold 0 --device cpu {SMALL}"),
        &["cannot be created", "too long"],
    );
}

#[test]
fn a_run_that_diverges_ends_with_a_warning() {
    let work = Workspace::with_pool();
    let settings = "--set train.lr=30 --set train.plateau.patience=9";
    let said = work.train("cpu", &format!("-q --out run --fold 0 {settings}"));
    let warned =
        |said: &str| said.lines().filter(|line| line.starts_with("warning: run: training diverged: loss ")).count();
    assert_eq!(warned(&said.stderr), 1, "{}", said.stderr);
    assert!(said.stderr.contains("lower train.lr") && said.stderr.contains("are kept"), "{}", said.stderr);
    // Also of a run that was resumed after its end.
    assert_eq!(warned(&work.ok("train --data pool --out run --device cpu --resume").stderr), 1);
    let said = work.train("cpu", "--out healthy --fold 0");
    assert!(!said.stderr.contains("diverged"), "{}", said.stderr);
    let said = work.ok(&format!("-q cv --data pool --out cv --folds 0 --device cpu {SMALL} {settings}"));
    assert!(said.stderr.contains("warning: cv/seed-0/fold-0: training diverged"), "{}", said.stderr);
}
