//! A command never writes over what it reads, two results into one file, or anything but a regular file; over an existing file
//! with `--force` only. What it refuses stays as it is.

use crate::workspace::{SMALL, Workspace};
use std::fs;

/// A pool, a run, and predictions.
fn predicted() -> Workspace {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    work.ok("predict --model run --data pool --device cpu --out p.json --zip --scores s.npz");
    work
}

const PREDICT: &str = "predict --model run --data pool --device cpu";

#[test]
fn inputs_are_never_replaced() {
    let work = predicted();
    let inputs = [
        "run/model.safetensors",
        "./run/../run/model.safetensors",
        "run/config.toml",
        "pool/train_metadata.csv",
        "pool/features/test/clip.npz",
    ];
    for input in inputs {
        for option in ["--out", "--out o.json --scores"] {
            work.fails(&format!("{PREDICT} --force {option} {input}"), &["which this command reads"]);
        }
    }
    fs::hard_link(work.path("run/model.safetensors"), work.path("link")).unwrap();
    work.fails(
        &format!("{PREDICT} --force --out link"),
        &["link: --out is the same file as run/model.safetensors of --model"],
    );
    work.fails(
        "report run --force --out run/model.safetensors",
        &["--out is the same file as run/model.safetensors of DIR"],
    );
    work.fails("folds --labels pool/train_metadata.csv --force --out pool/train_metadata.csv", &["of --labels"]);
    fs::copy(work.path("pool/test_metadata.csv"), work.path("own.csv")).unwrap();
    work.fails(&format!("{PREDICT} --labels own.csv --force --out own.csv"), &["own.csv of --labels"]);
    // Predictions in a run folder are no inputs.
    work.ok(&format!("{PREDICT} --out run/p.json"));
    work.ok(&format!("{PREDICT} --out run/p.json --force"));
}

#[test]
fn existing_files_need_force() {
    let work = predicted();
    work.write("mine", "mine");
    work.write("mine.json", "mine");
    work.write("mine.zip", "mine");
    work.write("analysis/pairs.csv", "mine");
    work.write("frames/a.csv", "frame,success,x\n1,1,0.5\n");
    work.write("encoder.npz", "mine");
    let commands = [
        format!("{PREDICT} --out mine.json"),
        format!("{PREDICT} --out mine.json --scores o.npz"),
        format!("{PREDICT} --out o.json --scores mine"),
        "report run --out mine".to_owned(),
        "bench --device cpu --widths 8,4 --top-n 1 --batch 4 --seconds 0 --json mine".to_owned(),
        "folds --labels pool/train_metadata.csv --folds 2 --out mine".to_owned(),
        "analyze run --out analysis".to_owned(),
        "aggregate --input frames --columns x --encoder encoder".to_owned(),
    ];
    for line in &commands {
        work.fails(line, &["found an existing file, expected a new one", "--force"]);
    }
    fs::remove_file(work.path("mine.json")).unwrap();
    work.fails(&format!("{PREDICT} --out mine.json --zip"), &["mine.zip: found an existing file", "--force"]);
    for line in &commands {
        work.ok(&format!("{line} --force"));
    }
    // An analysis replaces an earlier one.
    work.ok("analyze run --out analysis");
    work.ok("analyze run");
    work.ok("analyze run");
}

#[test]
fn outputs_are_different_files() {
    let work = predicted();
    work.fails(
        &format!("{PREDICT} --out o.json --zip --scores o.zip"),
        &["found the same file for --zip and --scores"],
    );
    work.fails(
        &format!("{PREDICT} --out o.json --scores run/../o.json"),
        &["found the same file for --out and --scores"],
    );
    fs::hard_link(work.path("p.json"), work.path("q.npz")).unwrap();
    work.fails(&format!("{PREDICT} --force --out p.json --scores q.npz"), &["same file for --out and --scores"]);
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_replaced() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    let work = predicted();
    work.write("elsewhere", "mine");
    symlink(work.path("elsewhere"), work.path("link")).unwrap();
    symlink(work.path("nowhere"), work.path("broken")).unwrap();
    fs::create_dir(work.path("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(work.path("socket")).unwrap();
    let kinds =
        [("link", "a symbolic link"), ("broken", "a symbolic link"), ("folder", "a folder"), ("socket", "a socket")];
    let commands = [
        format!("{PREDICT} --force --out"),
        format!("{PREDICT} --force --out o.json --scores"),
        "report run --force --out".to_owned(),
        "bench --device cpu --widths 8,4 --top-n 1 --batch 4 --seconds 0 --force --json".to_owned(),
        "folds --labels pool/train_metadata.csv --folds 2 --force --out".to_owned(),
    ];
    let kept = |path: &str| fs::symlink_metadata(work.path(path)).unwrap().file_type();
    for line in &commands {
        for (path, kind) in kinds {
            let line = format!("-q {line} {path}");
            let before = kept(path);
            work.run(&line).is_failure(&line, &[&format!("{path}: found {kind}, expected a file name")]);
            assert_eq!(kept(path), before, "{line}");
        }
    }
    assert_eq!(work.text("elsewhere"), "mine");
    // A pipe that nobody reads would block whoever opens it; where the user may make devices, one of those.
    let made = |arguments: &[&str]| {
        let mut command = std::process::Command::new("mknod");
        command.current_dir(work.path("")).args(arguments).status().is_ok_and(|status| status.success())
    };
    assert!(made(&["pipe", "p"]));
    let device = made(&["device", "c", "1", "3"]);
    let nodes = [Some(("pipe", "a named pipe")), device.then_some(("device", "a device"))];
    for (path, kind) in nodes.into_iter().flatten() {
        for line in &commands {
            let line = format!("-q {line} {path}");
            work.run(&line).is_failure(&line, &[&format!("{path}: found {kind}, expected a file name")]);
        }
        let kept = kept(path);
        assert!(kept.is_fifo() || kept.is_char_device(), "{path}");
    }
    // In folders of results, too.
    fs::create_dir(work.path("figures")).unwrap();
    symlink(work.path("elsewhere"), work.path("figures/fig-loss.svg")).unwrap();
    let refused = |line: &str, message: &str| work.run(line).is_failure(line, &[message]);
    refused("-q report run --force --figures figures", "figures/fig-loss.svg: found a symbolic link");
    fs::create_dir(work.path("analysis")).unwrap();
    symlink(work.path("elsewhere"), work.path("analysis/pairs.csv")).unwrap();
    refused("-q analyze run --force --out analysis", "analysis/pairs.csv: found a symbolic link");
    assert_eq!(work.text("elsewhere"), "mine");
}

/// Of files of the same name that killed processes of this machine left.
#[cfg(target_os = "linux")]
#[test]
fn partial_files_of_killed_commands_are_deleted() {
    let work = Workspace::with_pool();
    let line = "bench --device cpu --preset tiny --seconds 60 --json bench.json";
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let partials = || {
        let names = fs::read_dir(work.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("partial")).collect::<Vec<_>>()
    };
    let mut killed = work.start(line, &[], "pool");
    while partials().is_empty() {
        assert!(killed.is_running());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let id = killed.id();
    drop(killed);
    assert_eq!(partials(), [format!("bench.json.{host}.{id}.partial")]);
    work.ok(&line.replace("--seconds 60", "--seconds 0"));
    assert_eq!(partials(), Vec::<String>::new());
    work.ok(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"));
}
