//! `bench`: what it prints and what its file holds, on both engines.

use crate::workspace::{Workspace, adapter};
use serde_json::Value;

/// Every figure's key and place, and that each is what it says.
#[test]
fn the_figures_are_there_and_agree() {
    let work = Workspace::empty();
    for device in ["cpu", adapter()] {
        let said = work.ok(&format!(
            "bench --preset tiny --device {device} --batch 32 --batch 64 --seconds 0.2 --force --json bench.json"
        ));
        let report = work.json("bench.json");
        assert_eq!(keys(&report), ["version", "device", "ceilings", "first_step_s", "runs"]);
        assert_eq!(keys(&report["device"]), ["name", "backend", "driver", "type"]);
        assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
        let (copy, fma) = (positive(&report["ceilings"], "copy_gb_s"), positive(&report["ceilings"], "fma_gflop_s"));
        assert!(positive(&report, "first_step_s") < 300.0, "{report}");
        let runs = report["runs"].as_array().unwrap();
        let told: Vec<_> =
            runs.iter().map(|run| (run["batch"].as_u64().unwrap(), run["mode"].as_str().unwrap())).collect();
        assert_eq!(told, [(32, "train"), (32, "infer"), (64, "train"), (64, "infer")]);
        for run in runs {
            check_run(run, device == "cpu", copy, fma);
        }
        let memory = |run: usize| runs[run]["memory_bytes"].as_u64().unwrap();
        assert!(memory(0) > 3 * memory(1) && memory(2) > memory(0), "gradients and moments, then a larger batch");
        for part in ["training step: tiny, K = 8, n = 5, B = 32", "project_forward", "measured / floor:", "rows/s"] {
            assert!(said.stdout.contains(part), "expected {part:?} in\n{}", said.stdout);
        }
    }
}

#[test]
fn widths_and_n_are_taken() {
    let work = Workspace::empty();
    work.ok("bench --device cpu --widths 2x24,7 --top-n 2 --batch 8 --seconds 0 --force --json bench.json");
    let run = &work.json("bench.json")["runs"][0];
    assert_eq!((&run["preset"], &run["top_n"]), (&"2x24,7".into(), &2.into()));
    let project = &run["kernels"][0];
    assert_eq!((&project["name"], &project["flops"]), (&"project_forward".into(), &(2 * 8 * 256 * 55).into()));
    work.ok("bench --device cpu --widths 2x24,7 --top-n 2 --batch 8 --seconds 0 --json half.json --precision mixed");
    let half = &work.json("half.json")["runs"][0];
    assert_eq!((&run["precision"], &half["precision"]), (&"f32".into(), &"mixed".into()));
    // 8 rows, 256 weights and their sums for 55 columns, or for 28 words; two numbers a column to standardise by.
    let bytes = |run: &Value| run["kernels"][0]["bytes"].as_u64().unwrap();
    assert_eq!(bytes(run) - bytes(half), 4 * ((8 + 256) * (55 - 28) + 2 * 55));
    work.fails("bench --device cpu --widths 24,7 --top-n 3", &["`model.top_n`: found n = 3, expected at most K = 2"]);
    work.fails("bench --device tpu --preset tiny", &["--device tpu: expected auto"]);
    let line = "bench --device cpu --widths 24,7 --json nowhere/bench.json";
    work.fails(line, &["nowhere/bench.json: found no folder nowhere"]);
}

fn check_run(run: &Value, is_cpu: bool, copy: f64, fma: f64) {
    let expected = [
        "preset",
        "batch",
        "mode",
        "precision",
        "top_n",
        "step_ms",
        "dispatches",
        "bytes",
        "flops",
        "floor_ms",
        "ratio",
        "rows_s",
        "memory_bytes",
        "memory_least_bytes",
        "host_ms",
        "kernels",
    ];
    assert_eq!(keys(run), expected);
    assert_eq!(keys(&run["step_ms"]), ["median", "q1", "q3"]);
    let median = positive(&run["step_ms"], "median");
    assert!(positive(&run["step_ms"], "q1") <= median && median <= positive(&run["step_ms"], "q3"), "{run}");
    let (bytes, flops) = (positive(run, "bytes"), positive(run, "flops"));
    let floor = 1e3 * (bytes / copy / 1e9).max(flops / fma / 1e9);
    same(positive(run, "floor_ms"), floor);
    same(positive(run, "ratio"), median / floor);
    same(positive(run, "rows_s"), 1e3 * positive(run, "batch") / median);
    assert!(positive(run, "memory_bytes") > positive(run, "memory_least_bytes"), "{run}");
    assert_eq!(run["host_ms"].is_null(), is_cpu, "{run}");

    let kernels = run["kernels"].as_array().unwrap();
    let sum = |key: &str| -> f64 { kernels.iter().map(|kernel| kernel[key].as_f64().unwrap()).sum() };
    for kernel in kernels {
        assert_eq!(keys(kernel), ["name", "ms", "bytes", "flops", "launches"]);
    }
    assert_eq!((sum("bytes"), sum("flops"), sum("launches")), (bytes, flops, positive(run, "dispatches")));
    // Measured at different moments of a busy machine: this is about units and about what was left out.
    if !kernels[0]["ms"].is_null() {
        assert!((0.1..10.0).contains(&(sum("ms") / median)), "{} ms of kernels in {run}", sum("ms"));
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}

fn positive(value: &Value, key: &str) -> f64 {
    value[key].as_f64().filter(|&number| number > 0.0).unwrap_or_else(|| panic!("{key} of {value}"))
}

fn same(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-9, "{found} and {expected}");
}
