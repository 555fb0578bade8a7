//! The tuning cache: made, read, cleared, and what is said where it is of no use.

use crate::workspace::{SMALL, Said, Workspace, adapter};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

const SHAPE: &str = "--widths 3x8 --batch 4";

/// A workspace with a cache folder of its own, `cache`.
struct Caches(Workspace);

impl Caches {
    fn run(&self, line: &str) -> Said {
        let cache = self.0.path("cache");
        let cache = cache.to_str().unwrap();
        let said = self.0.run_with(line, &[("XDG_CACHE_HOME", cache), ("LOCALAPPDATA", cache), ("HOME", cache)]);
        assert_eq!(said.code, 0, "blendfuse {line}\n{}{}", said.stdout, said.stderr);
        said
    }

    fn bench(&self, options: &str) -> Said {
        self.run(&format!("bench --device {} {SHAPE} --seconds 0 {options}", adapter()))
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = ["cache/blendfuse", "cache/Library/Caches/blendfuse"].map(|name| self.0.path(name));
        let entries = folder.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn tiles_are_measured_once_and_forgotten_on_demand() {
    let caches = Caches(Workspace::empty());
    caches.bench("--no-tune");
    assert!(caches.files().is_empty(), "--no-tune measures nothing");
    let table = caches.run(&format!("tune --device {} {SHAPE}", adapter())).stdout;
    for product in ["project_forward", "linear_forward", "fuse_forward", "fuse_update", "project_update"] {
        assert!(table.contains(product), "{table}");
    }
    let [file] = &caches.files()[..] else { panic!("{:?}", caches.files()) };
    let kept = fs::read_to_string(file).unwrap();
    let json: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json["tiles"].as_object().unwrap().len() >= 9, "{kept}");
    let said = caches.bench("");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    assert_eq!(fs::read_to_string(file).unwrap(), kept, "nothing is measured twice");
    assert!(caches.run("tune --clear").stdout.starts_with("1 tuning cache deleted from "));
    assert!(caches.files().is_empty());
    assert!(caches.run("tune --clear").stdout.starts_with("0 tuning caches deleted from "));
}

#[test]
fn a_useless_cache_is_warned_of_once_and_rebuilt() {
    let caches = Caches(Workspace::empty());
    caches.run(&format!("tune --device {} {SHAPE}", adapter()));
    let [file] = &caches.files()[..] else { panic!("{:?}", caches.files()) };
    let kept = fs::read_to_string(file).unwrap();
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    for (useless, why) in [
        ("{".to_owned(), "the tuning cache is damaged"),
        (kept.replace("x", "y"), "the tuning cache is damaged: unknown tiles"),
        (
            kept.replace(&version, "\"version\": \"0.0.1\""),
            "the tuning cache is stale: written by blendfuse 0.0.1 with",
        ),
    ] {
        fs::write(file, useless).unwrap();
        let said = caches.bench("");
        assert!(said.stderr.contains(why) && said.stderr.contains("ignoring and rebuilding it"), "{}", said.stderr);
        assert_eq!(said.stderr.matches("warning").count(), 1, "{}", said.stderr);
        let again = caches.bench("");
        assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    }
}

#[test]
fn a_cache_that_cannot_be_kept_stops_nothing() {
    let caches = Caches(Workspace::empty());
    fs::write(caches.0.path("cache"), "a file where a folder should be").unwrap();
    let said = caches.bench("");
    assert!(said.stdout.contains("training step"), "{}", said.stdout);
    assert!(said.stderr.contains("warning"), "{}", said.stderr);
    assert!(said.stderr.contains("cannot be"), "{}", said.stderr);
}

/// Untuned, as chosen here, and with tiles that nothing would have chosen: all sum in the same order, over a whole run.
#[test]
fn tuning_changes_no_byte_of_a_run() {
    let caches = Caches(Workspace::with_pool());
    for precision in ["f32", "mixed"] {
        let train = |run: &str, options: &str| {
            let settings = format!("{SMALL} --set adaptation.enabled=true --set engine.precision={precision}");
            let line = format!("train --data pool --out {precision}-{run} --fold 1 --device {}", adapter());
            caches.run(&format!("{line} {settings} {options}"));
            ["model.safetensors", "last.safetensors", "validation.npz"]
                .map(|file| caches.0.bytes(&format!("{precision}-{run}/{file}")))
        };
        let untuned = train("untuned", "--no-tune");
        assert!(train("tuned", "") == untuned, "{precision}: as chosen");

        let [file] = &caches.files()[..] else { panic!("{:?}", caches.files()) };
        let mut kept: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let tiles = kept["tiles"].as_object_mut().unwrap();
        let products: BTreeSet<_> = tiles.keys().map(|product| product.split(' ').next().unwrap()).collect();
        assert!(products.len() >= 9, "{products:?}");
        tiles.values_mut().for_each(|tiles| *tiles = "32x32/4x4".into());
        let other = serde_json::to_string(&kept).unwrap();
        fs::write(file, &other).unwrap();
        assert!(train("other", "") == untuned, "{precision}: with other tiles");
        assert_eq!(fs::read_to_string(file).unwrap(), other, "{precision}: they were taken, and none were measured");
        caches.run("tune --clear");
    }
}
