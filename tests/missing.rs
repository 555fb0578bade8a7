//! Clips that lack encoders: what a run makes of the encoders there are, and that nothing comes from those that are not.

use blendfuse::data::npz::NpzReader;
use blendfuse::data::{FoldChoice, Pool};
use blendfuse::engine::Engine;
use blendfuse::host::ui::Ui;
use blendfuse::model::infer::{Inputs, Network};
use blendfuse::model::{Dims, Mode, Scaler};
use blendfuse::runs::RunFolder;
use blendfuse::train::Trainer;
use ndarray::Array2;
use std::sync::Arc;
use tempfile::TempDir;

#[path = "common/device.rs"]
mod common;
#[path = "common/tiny.rs"]
mod tiny;

use tiny::{Run, config};

const FILES: [&str; 3] = ["model.safetensors", "last.safetensors", "validation.npz"];

/// The tiny pool; present: (row, encoder) → has it, where it may lack some.
fn pool(present: Option<fn(usize, usize) -> bool>) -> Pool {
    let mut pool = tiny::pool();
    let shape = (pool.clips.len(), pool.encoders.len());
    pool.present = present.map(|present| Array2::from_shape_fn(shape, |(row, k)| present(row, k)));
    pool
}

/// About a third is missing; encoder 6 is in few clips, so that many batches have one or none of them.
fn scattered(row: usize, k: usize) -> bool {
    if k == 6 { row % 60 == 7 } else { !(row * 5 + k * k * 3).is_multiple_of(3) || k == row % 6 }
}

fn all(_: usize, _: usize) -> bool {
    true
}

/// Two epochs; the files of the run in the order of [`FILES`].
fn trained(engine: &Arc<Engine>, pool: Pool, settings: &[&str]) -> (Run, Vec<Vec<u8>>) {
    let run = Run::new(engine, pool, &[&["train.max_epochs=2"], settings].concat(), FoldChoice::Fold(1));
    run.result.as_ref().expect("it trains");
    let files = FILES.map(|file| std::fs::read(run.file(file)).expect("written"));
    (run, files.into())
}

fn is_same(a: &[Vec<u8>], b: &[Vec<u8>], what: &str) {
    for (file, (a, b)) in FILES.iter().zip(a.iter().zip(b)) {
        assert!(a == b, "{what}: {file}");
    }
}

#[test]
fn a_mask_with_nothing_missing_changes_nothing() {
    let variants = [
        vec![],
        vec!["engine.precision=mixed", "adaptation.enabled=true"],
        vec!["model.attention=uniform"],
        vec!["model.attention=mean"],
        vec!["model.fusion_norm=none", "engine.features=streamed"],
    ];
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for settings in &variants {
            let [(_a, plain), (_b, masked)] =
                [None, Some(all as fn(_, _) -> _)].map(|p| trained(&engine, pool(p), settings));
            is_same(&plain, &masked, &format!("{}, {settings:?}", engine.describe()));
        }
    }
}

/// A present row may be anything; a missing one's features, even NaN, are never seen.
#[test]
fn nothing_comes_from_missing_rows() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for precision in ["engine.precision=f32", "engine.precision=mixed"] {
            let clean = pool(Some(scattered));
            let mut dirty = clean.clone();
            for (k, encoder) in dirty.encoders.iter_mut().enumerate() {
                for (row, mut features) in encoder.features.rows_mut().into_iter().enumerate() {
                    if !scattered(row, k) {
                        features.fill(if row % 2 == 0 { f32::NAN } else { 1e30 });
                    }
                }
            }
            let settings = [precision, "model.encoder_dropout=0.2", "adaptation.enabled=true"];
            let [(_a, clean), (_b, dirty)] = [clean, dirty].map(|pool| trained(&engine, pool, &settings));
            is_same(&clean, &dirty, &format!("{}, {precision}", engine.describe()));
        }
    }
}

#[test]
fn streamed_masks_are_those_of_resident_features() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        let [(_a, resident), (_b, streamed)] = ["resident", "streamed"].map(|features| {
            let settings =
                [&format!("engine.features={features}"), "model.encoder_dropout=0.3", "adaptation.enabled=true"];
            trained(&engine, pool(Some(scattered)), &settings)
        });
        // Weights stand beside the configuration, which differs.
        assert!(resident[2] == streamed[2], "{}", engine.describe());
    }
}

/// w and a are those of the encoders that a clip has, n of them or as many as there are; n is 5 of 8.
#[test]
fn weights_are_those_of_the_encoders_there_are() {
    let rows = pool(None).fold_rows(1).expect("a fold").1;
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for attention in ["gate", "uniform", "mean"] {
            let setting = format!("model.attention={attention}");
            let (run, _) = trained(&engine, pool(Some(scattered)), &[&setting]);
            let mut npz = NpzReader::open(&run.file("validation.npz")).expect("written");
            let [w, a] = ["w", "a"].map(|array| npz.matrix(array).expect("written"));
            let mut fewer = 0;
            for ((w, a), &row) in w.rows().into_iter().zip(a.rows()).zip(&rows) {
                let present: Vec<usize> = (0..8).filter(|&k| scattered(row, k)).collect();
                let kept: Vec<usize> = (0..8).filter(|&k| w[k] > 0.0).collect();
                assert!(kept.iter().all(|k| present.contains(k)), "{attention}: {w}");
                let most = if attention == "gate" { present.len().min(5) } else { present.len() };
                assert_eq!(kept.len(), most, "{attention}: {w}");
                assert!((w.sum() - 1.0).abs() < 1e-5 && (a.sum() - 1.0).abs() < 1e-5, "{attention}: {w}, {a}");
                assert_eq!((0..8).filter(|&k| a[k] > 0.0).collect::<Vec<_>>(), present, "{attention}: {a}");
                if attention != "gate" {
                    assert!(kept.iter().all(|&k| (w[k] - 1.0 / present.len() as f32).abs() < 1e-6), "{w}");
                }
                fewer += usize::from(present.len() < 5);
            }
            assert!(fewer > 5, "{fewer} clips have fewer encoders than are kept");
        }
    }
}

/// Dropped in training, all there in validation, also where nobody but the mask writes w.
#[test]
fn encoder_dropout_is_for_training() {
    for engine in [Arc::new(Engine::Cpu), common::device()] {
        for (attention, kept) in [("gate", 5), ("uniform", 8)] {
            let setting = format!("model.attention={attention}");
            let (_plain, without) = trained(&engine, pool(None), &[&setting]);
            let (run, with) = trained(&engine, pool(None), &[&setting, "model.encoder_dropout=0.4"]);
            assert!(without[0] != with[0], "{attention}: it changed nothing");
            let w = NpzReader::open(&run.file("validation.npz")).expect("written").matrix("w").expect("written");
            for w in w.rows() {
                assert_eq!(w.iter().filter(|&&w| w > 0.0).count(), kept, "{attention}: {w}");
            }
        }
    }
}

#[test]
fn goes_on_with_the_same_mask_only() {
    let (engine, ui) = (Arc::new(Engine::Cpu), Ui::default().silent());
    let settings = ["train.max_epochs=2", "model.encoder_dropout=0.2"];
    let (_whole, whole) = trained(&engine, pool(Some(scattered)), &settings);
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("run");
    let trainer =
        |pool| Trainer::new(&engine, pool, &config(&settings), FoldChoice::Fold(1), None, ui).expect("it fits");
    let mut run = RunFolder::create(&path, &config(&settings)).expect("it is new");
    trainer(pool(Some(scattered))).run_epochs(&mut run, 1).expect("it trains");
    let last = || run.last().expect("readable").expect("saved");
    for other in [pool(None), pool(Some(|row, k| scattered(row, k) || (row, k) == (0, 6)))] {
        let error = trainer(other).resume(last(), run.model().expect("readable")).expect_err("it lacks other encoders");
        assert!(format!("{error:#}").contains("the run was trained on other clips"), "{error:#}");
    }
    let mut resumed = trainer(pool(Some(scattered)));
    resumed.resume(last(), run.model().expect("readable")).expect("the same run");
    drop(run);
    resumed.run(&mut RunFolder::open(&path).expect("it was saved")).expect("it trains");
    let files = FILES.map(|file| std::fs::read(path.join(file)).expect("written"));
    is_same(&whole, &files, "resumed");
}

#[test]
fn a_plan_counts_the_mask() {
    for features in ["resident", "streamed"] {
        let engine = common::device();
        let config = config(&[&format!("engine.features={features}"), "train.batch=50"]);
        let mut pool = pool(Some(scattered));
        let dims = Dims::new(&config, &pool.widths(), pool.classes.len()).expect("sizes that fit");
        let rows: Vec<usize> = (0..pool.clips.len()).collect();
        let scaler = Scaler::of(&pool, &rows);
        let (mask, clips) = (50 * 8 * 4, rows.len() as u64 * 8 * 4);
        let network =
            Network::new(&engine, &config, dims, Inputs::of(&mut pool), &scaler, 50, Mode::Training).expect("it fits");
        let (plan, found) = (network.fit.plan.total(), engine.memory().now());
        assert!(plan.abs_diff(found) <= mask.min(clips) / 2, "{features}: {plan} bytes planned, {found} taken");
    }
}

#[test]
fn an_encoder_without_training_clips_is_told() {
    let pool = pool(Some(|row, k| k != 3 || row == 5));
    let name = pool.encoders[3].name.clone();
    let ui = Ui::default().silent();
    let made = Trainer::new(&Arc::new(Engine::Cpu), pool, &config(&[]), FoldChoice::All, None, ui);
    let message = format!("{:#}", made.err().expect("one row has no variance"));
    assert!(message.contains(&format!("encoder `{name}`: found 1 training clip that have it")), "{message}");
}
