//! Exit codes, help, and what `-q` leaves.

use crate::workspace::{SMALL, Workspace, adapter};

const COMMANDS: [&str; 17] = [
    "devices",
    "demo",
    "synth",
    "aggregate",
    "inspect",
    "train",
    "cv",
    "baselines",
    "sweep",
    "trial",
    "analyze",
    "predict",
    "evaluate",
    "report",
    "check",
    "bench",
    "tune",
];

#[test]
fn every_command_has_help_with_an_example() {
    let work = Workspace::empty();
    let all = work.ok("--help").stdout;
    for command in COMMANDS {
        assert!(all.contains(&format!("\n  {command} ")), "{command} is missing in\n{all}");
        let help = work.ok(&format!("{command} --help")).stdout;
        assert!(help.contains("Example") && help.contains(&format!("  blendfuse {command}")), "{help}");
        assert!(help.contains("--quiet"), "{help}");
    }
    for command in ["devices", "inspect", "train", "sweep", "trial", "evaluate", "check", "bench"] {
        assert!(work.ok(&format!("{command} --help")).stdout.contains("--json"), "{command} prints a table");
    }
    assert_eq!(work.ok("--version").stdout, format!("blendfuse {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_with_2() {
    let work = Workspace::empty();
    for line in [
        "",
        "fly",
        "train",
        "train --data pool",
        "train --data pool --out run --fold one",
        "train --data pool --out run --fold -1",
        "train --data pool --out run --fold 0 --all",
        "train --data pool --out run --resume --init model.safetensors",
        "train --data pool --out run --colour",
        "predict --model run --data pool",
        "predict --model run --data pool --out p.json --split validation",
        "sweep --data pool --out sweep",
        "sweep --data pool --out sweep --spec top_n --budget soon",
        "sweep --data pool --out sweep --spec top_n --plan --retry",
        "sweep --list --spec top_n",
        "trial",
        "synth --preset huge --out pool",
        "synth --seed many --out pool",
        "evaluate --predictions p.json",
        "inspect",
        "devices -q -v",
        "aggregate --input frames",
        "aggregate --input frames --encoder clip --missing mean",
        "bench --preset huge",
        "bench --batch 0",
        "bench --batch 1",
        "bench --top-n 0",
        "bench --widths 64,",
        "bench --widths 300x64",
        "bench --widths 36x0",
        "bench --widths 64 --preset tiny",
        "bench --seconds soon",
    ] {
        let said = work.run(line);
        assert_eq!(said.code, 2, "blendfuse {line}\n{}", said.stderr);
        assert!(
            said.stdout.is_empty() && said.stderr.contains("error: ") | said.stderr.contains("Usage: blendfuse"),
            "blendfuse {line}\n{}",
            said.stderr
        );
    }
    assert_eq!(std::fs::read_dir(work.path("")).unwrap().count(), 0, "nothing was written");
}

#[test]
fn quiet_leaves_results_only() {
    let work = Workspace::empty();
    for line in [
        "synth --out pool -q",
        "inspect pool -q",
        &format!("train --data pool --out run --fold 0 --device cpu -q {SMALL}"),
        "-q predict --model run --data pool --out p.json --device cpu",
        "evaluate --predictions p.json --metadata pool/test_metadata.csv -q",
        &format!("check --device {} --quiet", adapter()),
        "demo --device cpu -q --out demo",
        "devices -q",
    ] {
        let said = work.ok(line);
        assert_eq!(said.stderr, "", "blendfuse {line}");
        assert!(!said.stdout.is_empty(), "blendfuse {line}: results are not silenced");
    }
}

#[test]
fn json_alone_is_on_stdout() {
    let work = Workspace::with_pool();
    let train = format!("train --data pool --out run --fold 0 --device cpu --json {SMALL}");
    for line in ["devices --json", "inspect pool --json", &train] {
        assert!(!work.ok(line).json().is_null(), "{line}");
    }
    work.ok("predict --model run --data pool --out p.json --device cpu");
    let line = "evaluate --predictions p.json --metadata pool/test_metadata.csv --json";
    assert!(work.ok(line).json()["confusion"].is_object());
}

#[test]
fn verbose_says_more() {
    let work = Workspace::with_pool();
    work.write("pool/encoders.toml", "[[encoder]]\nname = 'clip'\n[[encoder]]\nname = 'clap'\n");
    let train =
        |run: &str, flag: &str| work.ok(&format!("train --data pool --out {run} --fold 0 --device cpu {SMALL} {flag}"));
    let (normal, verbose) = (train("normal", ""), train("verbose", "-v"));
    let left_out = "unused encoders: emotion2vec_base, hicmae";
    assert!(verbose.stderr.contains(left_out) && !normal.stderr.contains(left_out), "{}", verbose.stderr);
    assert!(work.bytes("normal/model.safetensors") == work.bytes("verbose/model.safetensors"));
}
