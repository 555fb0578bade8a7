//! Synthetic pools: BlEmoRE's proportions, the same bytes for the same seed, and features that hold what `truth.json` says.

use blendfuse::data::encoders::modality;
use blendfuse::data::npz::NpzReader;
use blendfuse::data::synth::{self, Preset, Summary};
use blendfuse::data::{LoadOptions, Pool};
use blendfuse::host::stop::Stop;
use blendfuse::host::ui::Ui;
use ndarray::{Array2, ArrayView1, Axis};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const QUIET: Ui = Ui { quiet: true, verbose: false };
const CLASSES: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];

/// A pool in a temporary folder, and its metadata by column name.
struct Written {
    folder: TempDir,
    summary: Summary,
}

type Row = BTreeMap<String, String>;

impl Written {
    fn new(preset: Preset, seed: u64) -> Self {
        let folder = TempDir::new().unwrap();
        let summary = synth::write(&folder.path().join("pool"), preset, seed, &Stop::never(), QUIET).unwrap();
        Written { folder, summary }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pool")
    }

    fn metadata(&self, split: &str) -> Vec<Row> {
        let mut csv = csv::Reader::from_path(self.path().join(format!("{split}_metadata.csv"))).unwrap();
        csv.deserialize().map(Result::unwrap).collect()
    }

    fn truth(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("truth.json")).unwrap()).unwrap()
    }

    /// X (N, D), after checking that the rows are the metadata's.
    fn features(&self, split: &str, encoder: &str) -> Array2<f32> {
        let path = self.path().join("features").join(split).join(format!("{encoder}.npz"));
        let mut npz = NpzReader::open(&path).unwrap();
        let names: Vec<String> = self.metadata(split).iter().map(|row| row["filename"].clone()).collect();
        assert_eq!(npz.strings("filenames").unwrap(), names, "{encoder}");
        let features = npz.matrix("X").unwrap();
        assert_eq!(features.nrows(), names.len(), "{encoder}");
        assert!(features.iter().all(|value| value.is_finite()), "{encoder}");
        features
    }

    /// For every training clip: is this family corrupted in it?
    fn corrupted(&self, family: &str) -> Vec<bool> {
        let truth = self.truth();
        let flags: BTreeMap<&str, bool> = truth["clips"]
            .as_array()
            .unwrap()
            .iter()
            .map(|clip| {
                let families = clip["corrupted"].as_array().unwrap();
                (clip["filename"].as_str().unwrap(), families.iter().any(|name| name == family))
            })
            .collect();
        self.metadata("train").iter().map(|row| flags[row["filename"].as_str()]).collect()
    }
}

/// Soft target of a clip over `CLASSES`.
fn target(row: &Row) -> [f32; 6] {
    CLASSES.map(|class| {
        let share = |cell: &str| row[cell].parse::<f32>().unwrap() / 100.0;
        match (row["emotion_1"] == class, row["emotion_2"] == class, row["emotion_2"].is_empty()) {
            (true, _, true) => 1.0,
            (true, _, false) => share("emotion_1_salience"),
            (_, true, _) => share("emotion_2_salience"),
            _ => 0.0,
        }
    })
}

/// Emotions and their salience, as `ang`, `ang 30 hap 70`.
fn label(row: &Row) -> String {
    let [first, second, share, other] =
        ["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"].map(|cell| row[cell].as_str());
    if second.is_empty() { first.to_owned() } else { format!("{first} {share} {second} {other}") }
}

fn count<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    items.into_iter().fold(BTreeMap::new(), |mut counts, item| {
        *counts.entry(item).or_default() += 1;
        counts
    })
}

fn actors(rows: &[Row]) -> BTreeSet<&str> {
    rows.iter().map(|row| row["video_id"].as_str()).collect()
}

fn correlation(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    let (a, b) = (&a - a.mean().unwrap(), &b - b.mean().unwrap());
    a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
}

/// Mean of N r² over all columns and classes, r the correlation of a column with a class's target over the N chosen training
/// clips: 1 where the features know nothing of the labels.
fn label_knowledge(pool: &Written, encoder: &str, chosen: &[bool]) -> f32 {
    let rows: Vec<usize> = (0..chosen.len()).filter(|&row| chosen[row]).collect();
    let features = pool.features("train", encoder).select(Axis(0), &rows);
    let metadata = pool.metadata("train");
    let targets = Array2::from_shape_fn((rows.len(), 6), |(row, class)| target(&metadata[rows[row]])[class]);
    let columns = features.columns().into_iter();
    let pairs = columns.flat_map(|column| targets.columns().into_iter().map(move |target| (column, target)));
    let squares: Vec<f32> = pairs.map(|(column, target)| correlation(column, target).powi(2)).collect();
    rows.len() as f32 * squares.iter().sum::<f32>() / squares.len() as f32
}

/// Every file under a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = PathBuf::from(entry.file_name());
        if entry.path().is_dir() {
            files.extend(contents(&entry.path()).into_iter().map(|(path, bytes)| (name.join(path), bytes)));
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

#[test]
fn tiny_has_blemores_proportions_and_five_folds_of_their_own_actors() {
    let pool = Written::new(Preset::Tiny, 0);
    let (train, test) = (pool.metadata("train"), pool.metadata("test"));
    assert_eq!((train.len(), test.len()), (486, 135));
    assert_eq!(pool.summary.folds, [108, 108, 108, 81, 81]);
    assert_eq!((pool.summary.train, pool.summary.test), ((486, 270), (135, 75)));

    assert!(actors(&train).is_disjoint(&actors(&test)));
    let seats: BTreeSet<(&str, &str)> =
        train.iter().map(|row| (row["video_id"].as_str(), row["fold"].as_str())).collect();
    assert_eq!(seats.len(), actors(&train).len(), "an actor is in two folds");
    assert!(test.iter().all(|row| row["fold"].is_empty()));

    // 6 single emotions and 10 pairs at three saliences, none favoured.
    let labels = count(train.iter().map(label));
    assert_eq!(labels.len(), 36);
    assert!(labels.iter().all(|(label, &clips)| clips == if label.contains(' ') { 9 } else { 36 }), "{labels:?}");
    assert_eq!(count(test.iter().map(label)).len(), 36);
    for row in train.iter().chain(&test) {
        assert!((target(row).iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
        assert!(!label(row).contains("neu "), "neutral blends with nothing: {row:?}");
    }
}

#[test]
fn names_follow_the_data_set() {
    let pool = Written::new(Preset::Tiny, 0);
    for row in pool.metadata("train") {
        let (actor, version) = (&row["video_id"], &row["version"]);
        let what = match (row["mix"].as_str(), row["emotion_1"].as_str()) {
            ("1", first) => {
                format!("mix_{first}_{}_{}_{}", row["emotion_2"], row["emotion_1_salience"], row["emotion_2_salience"])
            }
            (_, "neu") => format!("neu_sit{}", row["situation"]),
            (_, emotion) => format!("{emotion}_int{}", row["intensity_level"]),
        };
        assert_eq!(row["filename"], format!("{actor}_{what}_ver{version}"));
    }
    let test = pool.metadata("test");
    assert!(test.iter().enumerate().all(|(index, row)| row["filename"] == format!("test_{:04}", index + 1)));
}

#[test]
fn the_seed_decides_every_byte() {
    let first = contents(&Written::new(Preset::Tiny, 3).path());
    let again = contents(&Written::new(Preset::Tiny, 3).path());
    let other = contents(&Written::new(Preset::Tiny, 4).path());
    // metadata of both splits, encoders.toml, truth.json, and 8 encoders in two splits
    assert_eq!(first.len(), 4 + 16);
    assert!(first == again, "the same seed gave other bytes");
    assert_eq!(first.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    let same: Vec<_> = first.keys().filter(|&path| first[path] == other[path]).collect();
    assert_eq!(same, [Path::new("encoders.toml")], "another seed must change all but the list of encoders");
}

#[test]
fn the_pool_loads_as_the_metadata_and_truth_say() {
    let written = Written::new(Preset::Tiny, 0);
    let pool = Pool::load(&written.path(), &LoadOptions::default(), QUIET).unwrap();
    let rows = [written.metadata("train"), written.metadata("test")].concat();
    assert_eq!(pool.clips.len(), rows.len());
    for (clip, row) in pool.clips.iter().zip(&rows) {
        assert_eq!((&clip.name, clip.group.as_ref()), (&row["filename"], Some(&row["video_id"])));
        assert_eq!(clip.fold, row["fold"].parse().ok());
        assert_eq!(clip.target.as_deref(), Some(target(row).as_slice()), "{row:?}");
    }
    let truth = written.truth();
    let planted: Vec<_> = truth["encoders"].as_array().unwrap().iter().map(|encoder| &encoder["name"]).collect();
    let loaded: Vec<_> = pool.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
    assert_eq!(loaded, planted, "in the order of encoders.toml");
    assert!(pool.encoders.iter().all(|encoder| encoder.modality == modality(&encoder.name)));
    let both = [written.features("train", "hicmae"), written.features("test", "hicmae")];
    assert_eq!(pool.encoders[7].features, ndarray::concatenate![Axis(0), both[0], both[1]]);
}

#[test]
fn truth_describes_the_files() {
    let pool = Written::new(Preset::Tiny, 0);
    let truth = pool.truth();
    assert_eq!((&truth["preset"], &truth["seed"]), (&Value::from("tiny"), &Value::from(0)));
    let listed = fs::read_to_string(pool.path().join("encoders.toml")).unwrap();
    let listed: toml::Table = listed.parse().unwrap();
    let listed = listed["encoder"].as_array().unwrap();
    let planted = truth["encoders"].as_array().unwrap();
    assert_eq!((listed.len(), planted.len()), (8, 8));
    for (listed, planted) in listed.iter().zip(planted) {
        let name = planted["name"].as_str().unwrap();
        assert_eq!(listed["name"].as_str().unwrap(), name);
        assert_eq!(pool.features("train", name).ncols() as u64, planted["width"], "{name}");
        assert_eq!(pool.features("test", name).ncols() as u64, planted["width"], "{name}");
    }
    assert_eq!(count(planted.iter().map(|encoder| encoder["kind"].as_str().unwrap()))["noise"], 1);
    assert_eq!(truth["clips"].as_array().unwrap().len(), 486 + 135);
}

#[test]
fn near_duplicates_correlate_and_others_do_not() {
    let pool = Written::new(Preset::Tiny, 0);
    let truth = pool.truth();
    let encoders = truth["encoders"].as_array().unwrap();
    let duplicate = encoders.iter().find(|encoder| encoder["kind"] == "duplicate").unwrap();
    let features = |name: &Value| pool.features("train", name.as_str().unwrap());
    let mean_correlation = |a: &Array2<f32>, b: &Array2<f32>| {
        let columns = a.columns().into_iter().zip(b.columns());
        let correlations: Vec<f32> = columns.map(|(a, b)| correlation(a, b).abs()).collect();
        correlations.iter().sum::<f32>() / correlations.len() as f32
    };
    let copy = features(&duplicate["name"]);
    // Column noise 0.3 on both and view noise 0.2 on one leave 0.9 or so of each column.
    assert!(mean_correlation(&copy, &features(&duplicate["duplicate_of"])) > 0.8);
    for other in encoders {
        if other["name"] != duplicate["name"] && other["name"] != duplicate["duplicate_of"] {
            let correlation = mean_correlation(&copy, &features(&other["name"]));
            assert!(correlation < 0.3, "{}: {correlation}", other["name"]);
        }
    }
}

#[test]
fn noise_knows_no_label_and_signal_does() {
    let pool = Written::new(Preset::Tiny, 0);
    let all = vec![true; 486];
    for encoder in pool.truth()["encoders"].as_array().unwrap() {
        let name = encoder["name"].as_str().unwrap();
        let knowledge = label_knowledge(&pool, name, &all);
        // Some 80 independent numbers (16 of a view, 5 of the labels) are averaged: noise is 1 ± 0.16. The scene family is
        // meant to see little, 1.8; the others see 4 to 13.
        let expected = if encoder["kind"] == "noise" { 0.5..1.5 } else { 1.6..50.0 };
        assert!(expected.contains(&knowledge), "{name}: {knowledge}");
    }
}

#[test]
fn corruption_hides_the_labels_of_its_clips_and_shows() {
    let pool = Written::new(Preset::Tiny, 0);
    let corrupted = pool.corrupted("face");
    let intact: Vec<bool> = corrupted.iter().map(|flag| !flag).collect();
    let share = corrupted.iter().filter(|&&flag| flag).count() as f32 / corrupted.len() as f32;
    assert!((0.18..0.32).contains(&share), "about a quarter: {share}");

    let knowledge = |chosen: &[bool]| label_knowledge(&pool, "openface_2.0", chosen);
    let (hidden, seen) = (knowledge(&corrupted), knowledge(&intact));
    assert!(hidden < 1.5 && seen > 10.0, "corrupted {hidden}, intact {seen}");

    // Along the line between the two means nearly every clip falls on its own side.
    let features = pool.features("train", "openface_2.0");
    let features = (&features - &features.mean_axis(Axis(0)).unwrap()) / &features.std_axis(Axis(0), 0.0);
    let mean = |flag: bool| {
        let rows: Vec<usize> = (0..486).filter(|&row| corrupted[row] == flag).collect();
        features.select(Axis(0), &rows).mean_axis(Axis(0)).unwrap()
    };
    let (bad, good) = (mean(true), mean(false));
    let line = &bad - &good;
    let middle = (&bad + &good).dot(&line) / 2.0;
    let right = (0..486).filter(|&row| (features.row(row).dot(&line) > middle) == corrupted[row]).count();
    assert!(right as f32 > 0.9 * 486.0, "{right} of 486");
}

#[test]
fn test_actors_are_shifted() {
    let pool = Written::new(Preset::Tiny, 0);
    assert!(pool.truth()["actor_shift"].as_f64().unwrap() > 0.0);
    // Distance of the test mean from the training mean, in training sd, averaged over columns.
    let shift = |encoder: &str| {
        let (train, test) = (pool.features("train", encoder), pool.features("test", encoder));
        let moved = test.mean_axis(Axis(0)).unwrap() - train.mean_axis(Axis(0)).unwrap();
        (moved / train.std_axis(Axis(0), 0.0)).mapv(f32::abs).mean().unwrap()
    };
    // Noise moves by chance alone: 0.8 · √(1/486 + 1/135) = 0.08.
    assert!(shift("clap") < 0.12, "{}", shift("clap"));
    assert!(shift("wavlm_large") > 0.16, "{}", shift("wavlm_large"));
}

#[test]
fn small_has_blemores_counts() {
    let pool = Written::new(Preset::Small, 1);
    let (train, test) = (pool.metadata("train"), pool.metadata("test"));
    assert_eq!((pool.summary.train, pool.summary.test), ((2456, 1326), (594, 334)));
    assert_eq!((actors(&train).len(), actors(&test).len()), (47, 11));
    assert!(actors(&train).is_disjoint(&actors(&test)));
    assert_eq!(pool.summary.folds, [522, 486, 468, 472, 508]);
    let seats: BTreeSet<(&str, &str)> =
        train.iter().map(|row| (row["video_id"].as_str(), row["fold"].as_str())).collect();
    assert_eq!(seats.len(), 47, "an actor is in two folds");
    let names: BTreeSet<&str> = train.iter().map(|row| row["filename"].as_str()).collect();
    assert_eq!(names.len(), 2456, "a repeated take has a version of its own");

    // The two trivial baselines: always the commonest emotion, always the commonest pair at 50/50.
    let labels = count(train.iter().map(label));
    let single = labels.iter().filter(|(label, _)| !label.contains(' ')).map(|(_, &clips)| clips).max().unwrap();
    let pairs = count(
        train.iter().filter(|row| row["mix"] == "1").map(|row| (row["emotion_1"].as_str(), row["emotion_2"].as_str())),
    );
    let (&(first, second), &pair) = pairs.iter().max_by_key(|&(_, &clips)| clips).unwrap();
    let even = labels[&format!("{first} 50 {second} 50")];
    let thousandths = |part: usize, of: usize| (1000.0 * part as f64 / of as f64).round();
    assert_eq!((thousandths(single, 2456), thousandths(pair, 2456), thousandths(even, 1326)), (78.0, 57.0, 35.0));

    assert_eq!(pool.summary.encoders, 36);
    assert!((3500..4500).contains(&pool.summary.columns), "{}", pool.summary.columns);
    assert_eq!(fs::read_dir(pool.path().join("features/train")).unwrap().count(), 36);
}

#[test]
fn an_occupied_folder_is_refused_and_an_empty_one_taken() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("pool");
    let refusal = |out: &Path| synth::write(out, Preset::Tiny, 0, &Stop::never(), QUIET).unwrap_err().to_string();

    fs::write(&out, "mine").unwrap();
    assert!(refusal(&out).contains("pool: found a file, expected"), "{}", refusal(&out));
    fs::remove_file(&out).unwrap();

    fs::create_dir(&out).unwrap();
    fs::write(out.join("notes.txt"), "mine").unwrap();
    assert!(
        refusal(&out).contains("pool: found a folder that is not empty (it contains notes.txt)"),
        "{}",
        refusal(&out)
    );
    assert_eq!(contents(folder.path()).len(), 1, "a refusal leaves nothing behind");
    fs::remove_file(out.join("notes.txt")).unwrap();

    synth::write(&out, Preset::Tiny, 0, &Stop::never(), QUIET).unwrap();
    assert!(out.join("truth.json").exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the pool itself is there");

    let nested = folder.path().join("a/b/pool");
    synth::write(&nested, Preset::Tiny, 0, &Stop::never(), QUIET).unwrap();
    assert_eq!(contents(&nested), contents(&out));
}

#[test]
fn the_command_says_what_it_wrote() {
    let folder = TempDir::new().unwrap();
    let synth = |args: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("blendfuse").unwrap();
        command.current_dir(folder.path()).arg("synth").args(args).assert()
    };
    let wrote = synth(&["--out", "pool", "--preset", "tiny", "--seed", "5"]).success();
    let stdout = String::from_utf8(wrote.get_output().stdout.clone()).unwrap();
    assert!(stdout.contains("486 clips (270 blends), 18 actors"), "{stdout}");
    assert!(stdout.contains("8, 279 columns"), "{stdout}");
    synth(&["--out", "pool"])
        .code(1)
        .stderr(predicates::str::contains("error: pool: found a folder that is not empty"));
    synth(&["--out", "other", "--preset", "huge"]).code(2);
    synth(&[]).code(2);
}
