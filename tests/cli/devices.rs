//! Which device computes: the lists, the choice, and what is said where there is none.

use crate::workspace::{SMALL, Workspace, adapter};

#[test]
fn devices_lists_adapters_and_what_auto_takes() {
    let work = Workspace::empty();
    let report = work.ok("devices --json").json();
    let adapters = report["adapters"].as_array().unwrap();
    for (index, adapter) in adapters.iter().enumerate() {
        assert_eq!(adapter["index"], index);
        for key in ["name", "backend", "driver", "type"] {
            assert!(adapter[key].is_string(), "{key} of {adapter}");
        }
        assert!(adapter["max_storage_buffer_binding_size"].as_u64() > Some(0), "{adapter}");
        assert!(adapter["timestamps"].is_boolean() && adapter["software"].is_boolean(), "{adapter}");
    }
    let hardware = adapters.iter().find(|adapter| adapter["software"] == false && adapter["unusable"].is_null());
    let auto = hardware.map_or("cpu", |adapter| adapter["name"].as_str().unwrap());
    assert_eq!(report["auto"], auto, "auto takes hardware, never a software driver");
    let text = work.ok("devices").stdout;
    assert!(text.contains("built-in CPU engine") && text.contains("--device auto selects"), "{text}");
}

#[test]
fn check_passes() {
    let work = Workspace::empty();
    let rows = work.ok(&format!("check --json --device {}", adapter())).json();
    let rows = rows.as_array().unwrap();
    assert!(rows.len() >= 20, "{} kernels", rows.len());
    for row in rows {
        assert_eq!(row["passes"], true, "{row}");
        assert!(row["elements"].as_u64() > Some(0) && row["error"].as_f64() <= Some(1e-5), "{row}");
    }
    let text = work.ok(&format!("check --device {}", adapter())).stdout;
    assert!(text.contains("project_weight_grad") && text.contains("ok") && !text.contains("MISS"), "{text}");
    work.fails("check --device cpu", &["expected a GPU, since this command measures GPU kernels; use gpu or software"]);
}

#[test]
fn demo_does_it_all() {
    let work = Workspace::empty();
    let said = work.ok("demo --device cpu --out demo");
    for file in ["pool/truth.json", "run/model.safetensors", "run/summary.json", "predictions.json", "predictions.zip"]
    {
        assert!(work.path(&format!("demo/{file}")).exists(), "{file}");
    }
    // Rows of the table: what, presence, salience, mean.
    let presence = |row: &str| -> f64 {
        let line = said.stdout.lines().find(|line| line.trim_start().starts_with(row));
        let line = line.unwrap_or_else(|| panic!("no {row:?} in\n{}", said.stdout));
        line.split_whitespace().rev().nth(2).unwrap().parse().unwrap()
    };
    let trivial = presence("trivial: most frequent single").max(presence("trivial: most frequent pair"));
    assert!(presence("test clips") > 3.0 * trivial, "{}", said.stdout);
    // What it prints is what its files say.
    let line = "evaluate --predictions demo/predictions.json --metadata demo/pool/test_metadata.csv --json";
    let report = work.ok(line).json();
    assert!((report["presence"].as_f64().unwrap() - presence("test clips")).abs() < 6e-4, "{report}\n{}", said.stdout);
    for part in [
        "run          demo/run",
        "submission   demo/predictions.json",
        "device       built-in CPU engine",
        "presence: fraction of clips whose set of emotions",
        "salience: fraction of two-emotion clips",
    ] {
        assert!(said.stdout.contains(part), "expected {part:?} in\n{}", said.stdout);
    }
    work.fails("demo --device cpu --out demo", &["demo: found a folder that is not empty", "choose another name"]);
}

#[test]
fn the_chosen_device_is_said() {
    let work = Workspace::with_pool();
    let said = work.train(adapter(), "--out run --fold 0");
    let device = work.json("run/summary.json")["device"]["name"].as_str().unwrap().to_owned();
    assert!(!device.contains("CPU engine") && said.stderr.contains(&format!("device: {device}")), "{}", said.stderr);
    let said = work.ok(&format!("-q predict --model run --data pool --out p.json --device {}", adapter()));
    assert_eq!(said.stderr, "", "-q leaves results, warnings and errors");
    // By name, as the list shows it.
    let named = work.ok("devices --json").json()["adapters"][0]["name"].as_str().unwrap().to_lowercase();
    let word = named.split_whitespace().next().unwrap();
    let said = work.ok(&format!("train --data pool --out named --fold 0 --device gpu:{word} {SMALL}"));
    assert!(said.stderr.to_lowercase().contains(&format!("device: {named}")), "{}", said.stderr);
}

#[test]
fn a_device_that_is_not_there() {
    let work = Workspace::with_pool();
    let train = format!("train --data pool --out run --fold 0 {SMALL} --device");
    work.fails(&format!("{train} tpu"), &["--device tpu: expected auto, cpu, gpu, software, gpu:NAME or gpu:INDEX"]);
    for device in ["gpu:99", "gpu:voodoo"] {
        let expected = format!("--device {device}: found no such adapter");
        work.fails(&format!("{train} {device}"), &[&expected, "see `blendfuse devices`"]);
    }
    work.fails("check --device tpu", &["--device tpu: expected auto"]);
    work.fails("demo --device tpu --out demo", &["--device tpu: expected auto"]);
}

/// Without any driver: the loaders are sent to files that do not exist. Elsewhere drivers come with the system.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_a_driver() {
    let work = Workspace::with_pool();
    let nowhere = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"];
    let nowhere = nowhere.map(|variable| (variable, "/nonexistent"));
    let said = work.run_with("devices --json", &nowhere);
    assert_eq!(said.json()["adapters"], serde_json::json!([]));
    assert_eq!(said.json()["auto"], "cpu");
    let train = format!("train --data pool --out run --fold 0 {SMALL} --device");
    let cases = [
        ("gpu", "install the GPU's Vulkan driver, or use --device cpu"),
        ("software", "install one (Debian/Ubuntu: mesa-vulkan-drivers), or use --device cpu"),
        ("gpu:0", "see `blendfuse devices`"),
    ];
    for (device, advice) in cases {
        let found = format!("--device {device}: found no ");
        work.fails_with(&format!("{train} {device}"), &nowhere, &[&found, "this machine has no adapters", advice]);
    }
    let said = work.run_with(&format!("{train} auto"), &nowhere);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("device: built-in CPU engine"), "{}", said.stderr);
    let line = "predict --model run --data pool --out predictions.json";
    assert_eq!(work.run_with(line, &nowhere).code, 0);
    work.fails_with("check", &nowhere, &["--device software: found no software adapter", "mesa-vulkan-drivers"]);
    let said = work.run_with("demo -q --json", &nowhere);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.json()["device"]["backend"], "cpu");
    assert!(work.path("blendfuse-demo/predictions.json").exists(), "the default folder");
}
