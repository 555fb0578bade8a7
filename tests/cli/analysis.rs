//! `analyze`: the files it leaves, for a run and for a cross-validation, whole, unfinished or damaged.

use crate::workspace::{SMALL, Workspace, adapter};
use blendfuse::analysis::{Analysis, WeightKind, Weights};
use blendfuse::data::npz::{NpzReader, NpzWriter};
use ndarray::{Array2, Axis};
use std::collections::BTreeSet;
use std::fs;

const FILES: [&str; 11] = [
    "analysis.json",
    "cka.csv",
    "co_selection.csv",
    "contributions.csv",
    "distribution.csv",
    "importance.csv",
    "importance_by_run.csv",
    "modalities.csv",
    "pairs.csv",
    "removal.csv",
    "stability.csv",
];

/// Two folds of one seed, and one of another.
fn cross_validated() -> Workspace {
    let work = Workspace::with_pool();
    for (seed, fold) in [(0, 0), (0, 1), (10, 0)] {
        work.train("cpu", &format!("--out cv/seed-{seed}/fold-{fold} --fold {fold} --set train.seed={seed}"));
    }
    work.write("cv/summary.json", "{}");
    work
}

fn listing(work: &Workspace, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(work.path(folder)).unwrap();
    let names: BTreeSet<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.into_iter().collect()
}

#[test]
fn a_cross_validation_with_its_pool() {
    let work = cross_validated();
    let said = work.ok("analyze cv --data pool --device cpu");
    assert_eq!(listing(&work, "cv/analysis"), FILES);
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    let analysis = Analysis::read(&work.path("cv/analysis")).unwrap();
    assert_eq!(analysis.runs, ["seed 0 fold 0", "seed 0 fold 1", "seed 10 fold 0"]);
    let a: Vec<Array2<f32>> = ["seed-0/fold-0", "seed-0/fold-1", "seed-10/fold-0"]
        .map(|run| work.matrix(&format!("cv/{run}/validation.npz"), "a"))
        .into();
    assert_eq!((analysis.clips, analysis.held_out), (a.iter().map(Array2::nrows).sum(), true));
    assert_eq!(analysis.weight, WeightKind::A);
    for (k, encoder) in analysis.importance.iter().enumerate() {
        let all: Vec<f32> = a.iter().flat_map(|a| a.column(k).to_vec()).collect();
        let mean = all.iter().map(|&a| f64::from(a)).sum::<f64>() / all.len() as f64;
        assert!((encoder.mean - mean).abs() < 1e-12);
        assert_eq!(encoder.per_run.len(), 3);
    }
    // n = 5 of 8 encoders are kept of every clip.
    let selected: f64 = analysis.importance.iter().map(|encoder| encoder.selection_frequency).sum();
    assert!((selected - 5.0).abs() < 1e-12, "{selected}");
    assert_eq!((analysis.stability.len(), analysis.pairs.len(), analysis.distributions.len()), (3, 28, 5));
    let cka = analysis.cka.as_ref().unwrap();
    assert!((0..8).all(|k| (cka[k][k] - 1.0).abs() < 1e-9), "{cka:?}");
    assert!(cka.iter().flatten().all(|value| (0.0..=1.0).contains(value)));
    assert!(analysis.correlation.unwrap().pearson.is_some());
    assert!(said.stdout.contains("wavlm_large") && said.stdout.contains("CKA vs. co-selection"), "{}", said.stdout);
    assert_eq!(work.ok("analyze cv --data pool --device cpu --json").json(), work.json("cv/analysis/analysis.json"));
}

#[test]
fn contributions_of_encoders_and_families() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    let said = work.ok("analyze run --data pool --device cpu --repeats 2");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    assert!(said.stdout.contains("with planted reliability"), "{}", said.stdout);
    let read = || Analysis::read(&work.path("run/analysis")).unwrap().contributions.unwrap();
    let found = read();
    let summary = work.json("run/summary.json");
    let base = found.base.unwrap();
    assert!((base.loss - summary["validation_loss"].as_f64().unwrap()).abs() < 1e-5, "{base:?}");
    assert!((base.score - summary["mean"].as_f64().unwrap()).abs() < 1e-12, "{base:?} by the run's thresholds");
    for encoder in &found.encoders {
        let (permuted, probe) = (encoder.permuted.unwrap(), encoder.probe.unwrap());
        assert!(permuted.loss.mean != 0.0 && permuted.loss.std.is_some_and(|std| std > 0.0), "{encoder:?}");
        assert!((0.0..=1.0).contains(&probe.score) && probe.r2 < 1.0, "{encoder:?}");
        assert!(encoder.masked.unwrap().loss.mean != 0.0, "{encoder:?}");
    }
    // 8 encoders: 1, 2, 3, 4, 6 and 7 of them, in random order and by weight.
    let removal = work.table("run/analysis/removal.csv");
    let row = |one: &blendfuse::analysis::Removal| (one.removed, one.lost.loss.std.is_some());
    let expected = [true, false].map(|random| [1, 2, 3, 4, 6, 7].map(|removed| (removed, random))).concat();
    assert_eq!(found.removals.iter().map(row).collect::<Vec<_>>(), expected);
    assert_eq!(removal[11]["loss"].parse::<f64>().unwrap(), found.removals[11].lost.loss.mean);
    let most = found.removals.iter().map(|one| one.lost.loss.mean).fold(f64::NEG_INFINITY, f64::max);
    assert!(most > 0.0, "a model of the few encoders that are left is no better: {removal:?}");
    assert!(found.agreement_of("permuted_loss").unwrap().planted.is_some(), "{:?}", found.agreement);
    assert!(found.agreement_of("probe_r2").unwrap().planted.unwrap() > 0.4, "{:?}", found.agreement);
    // The planted duplicate and its original.
    let members: Vec<_> = found.families.iter().map(|family| family.members.join(" ")).collect();
    assert_eq!(members, ["wavlm_large hubert_large"]);
    let of = |name: &str| found.encoders.iter().find(|encoder| encoder.name == name).unwrap();
    assert_eq!(found.family_of(of("hubert_large")).unwrap(), "family 1");
    let weights = of("wavlm_large").gate_weight + of("hubert_large").gate_weight;
    assert!((found.families[0].gate_weight - weights).abs() < 1e-12 && found.families[0].masked.is_some());
    let table = work.table("run/analysis/contributions.csv");
    assert_eq!(table.len(), found.encoders.len() + found.families.len());
    let lost = found.encoders[3].permuted.unwrap().loss.mean;
    assert_eq!(table[3]["permuted_loss"].parse::<f64>().unwrap(), lost);

    // A bound that all pairs reach: one family of everything, which cannot be masked.
    work.ok("analyze run --data pool --device cpu --repeats 2 --family-cka 0");
    let all = read();
    assert_eq!((all.families.len(), all.families[0].members.len()), (1, 8));
    assert_eq!((all.families[0].selection_frequency, all.families[0].masked), (1.0, None));
    assert!((all.families[0].gate_weight - 1.0).abs() < 1e-6);
    assert!(all.families[0].permuted.unwrap().loss.mean > 0.0, "nothing is left that fits the clips");
    assert_eq!(all.encoders[0].permuted, found.encoders[0].permuted, "the same seed");
    work.ok("analyze run --data pool --device cpu --repeats 2 --seed 1 --no-probe");
    let other = read();
    assert_ne!(other.encoders[0].permuted, found.encoders[0].permuted, "another seed");
    assert_eq!(other.encoders[0].probe, None);
    work.ok("analyze run --data pool --device cpu --no-permutation");
    assert_eq!((read().encoders[0].permuted, read().repeats), (None, 0));

    for bound in ["1.5", "-1", "x"] {
        assert_eq!(work.run(&format!("analyze run --family-cka={bound}")).code, 2);
    }
}

#[test]
fn clips_that_changed_since_training_are_noticed() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    let file = work.path("pool/features/train/wavlm_large.npz");
    let mut npz = NpzReader::open(&file).unwrap();
    let (names, x) = (npz.strings("filenames").unwrap(), npz.matrix("X").unwrap());
    drop(npz);
    let mut npz = NpzWriter::create(&file).unwrap();
    npz.strings("filenames", &names).unwrap();
    npz.matrix("X", (x * 1000.0).view()).unwrap();
    npz.finish().unwrap();
    let said = work.ok("analyze run --data pool --device cpu");
    assert!(said.stderr.contains("warning: seed 0 fold 0: found a validation loss of"), "{}", said.stderr);
}

#[test]
fn a_run_that_kept_no_weights_before_selection_is_analysed_by_w() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    let file = work.path("run/validation.npz");
    let mut npz = NpzReader::open(&file).unwrap();
    let names = npz.strings("filenames").unwrap();
    let arrays = ["scores", "w", "targets"].map(|name| (name, npz.matrix(name).unwrap()));
    drop(npz);
    let mut npz = NpzWriter::create(&file).unwrap();
    npz.strings("filenames", &names).unwrap();
    arrays.iter().for_each(|(name, array)| npz.matrix(name, array.view()).unwrap());
    npz.finish().unwrap();
    let said = work.ok("analyze run");
    assert!(
        said.stderr.contains("warning: importance is measured by w, which is 0 for encoders that are not selected"),
        "{}",
        said.stderr
    );
    let analysis = Analysis::read(&work.path("run/analysis")).unwrap();
    assert_eq!(analysis.weight, WeightKind::W);
    let w = arrays[1].1.mapv(f64::from).mean_axis(Axis(0)).unwrap();
    analysis.importance.iter().zip(&w).for_each(|(encoder, w)| assert!((encoder.mean - w).abs() < 1e-9));
    work.ok("report run --out report.html");
    assert!(work.text("report.html").contains("importance is measured by w"));
}

/// The same model on the CPU engine and through wgpu: bounds as for other activations of a whole forward pass.
#[test]
fn any_device_gives_the_same_cka() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    work.ok("analyze run --data pool --device cpu --out a");
    work.ok(&format!("analyze run --data pool --device {} --no-tune --out b", adapter()));
    let [a, b] = ["a", "b"].map(|folder| Analysis::read(&work.path(folder)).unwrap().cka.unwrap());
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
    }
}

#[test]
fn a_run_without_its_pool() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 2");
    let said = work.ok("analyze run --out out --encoders hicmae,clap");
    assert!(
        said.stderr
            .contains("warning: skipping CKA, permutation, masking and linear probes, which need the training pool"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("device:"), "nothing was computed on one: {}", said.stderr);
    assert_eq!(
        listing(&work, "out"),
        FILES
            .iter()
            .filter(|file| !["cka.csv", "contributions.csv", "removal.csv"].contains(file))
            .copied()
            .collect::<Vec<_>>()
    );
    let analysis = Analysis::read(&work.path("out")).unwrap();
    assert_eq!((analysis.runs.len(), analysis.stability.len()), (1, 0));
    assert_eq!(work.text("out/stability.csv"), "a,b,spearman\n");
    let names: Vec<&str> = analysis.distributions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["hicmae", "clap"]);
    work.fails("analyze run --encoders clap,hicme", &["found no encoder `hicme`", "clap", "hicmae"]);
}

#[test]
fn a_model_of_all_clips_is_analysed_with_its_pool() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --all");
    work.fails("analyze run", &["run: found no validation.npz", "--data"]);
    let said = work.ok("analyze run --data pool --device cpu");
    assert!(said.stderr.contains("reporting the weights of the training clips"), "{}", said.stderr);
    let analysis = Analysis::read(&work.path("run/analysis")).unwrap();
    assert_eq!((analysis.clips, analysis.held_out), (486, false));
    // The same weights as `predict` gives.
    work.ok("predict --model run --data pool --split train --out p.json --scores s.npz --device cpu");
    let a = work.matrix("s.npz", "a").mapv(f64::from).mean_axis(Axis(0)).unwrap();
    for (encoder, mean) in analysis.importance.iter().zip(&a) {
        assert!((encoder.mean - mean).abs() < 1e-9, "{}", encoder.name);
    }
}

#[test]
fn an_unfinished_cross_validation() {
    let work = cross_validated();
    fs::remove_file(work.path("cv/summary.json")).unwrap();
    fs::remove_file(work.path("cv/seed-0/fold-1/summary.json")).unwrap();
    let said = work.ok("analyze cv");
    assert!(said.stderr.contains("the cross-validation is unfinished; analyzing 2 finished runs"), "{}", said.stderr);
    let left_out = format!("skipped unfinished runs: seed-0{}fold-1", std::path::MAIN_SEPARATOR);
    assert!(said.stderr.contains(&left_out), "{}", said.stderr);
    let analysis = Analysis::read(&work.path("cv/analysis")).unwrap();
    assert_eq!((analysis.runs.len(), analysis.unfinished.len()), (2, 1));
    assert_eq!(Weights::read(&work.path("cv")).unwrap().unfinished, analysis.unfinished);
    fs::remove_dir_all(work.path("cv/analysis")).unwrap();
    fs::remove_file(work.path("cv/seed-0/fold-0/summary.json")).unwrap();
    fs::remove_file(work.path("cv/seed-10/fold-0/summary.json")).unwrap();
    work.fails("analyze cv", &["cv: found no finished run", "seed-0", "seed-10"]);
    work.fails(
        "analyze cv/seed-0/fold-0",
        &["expected a finished run; finish the training with `blendfuse train --resume`"],
    );
}

#[test]
fn folders_that_are_none_or_damaged() {
    let work = cross_validated();
    work.fails("analyze nowhere", &["nowhere: found no such folder"]);
    work.fails("analyze pool", &["pool: found no summary.json and no seed-S/fold-F"]);
    work.copy("cv", "kept");
    let file = "cv/seed-0/fold-1/validation.npz";
    let whole = work.bytes(file);
    fs::write(work.path(file), &whole[..whole.len() / 2]).unwrap();
    work.fails("analyze cv", &["fold-1", "validation.npz: found a file that is not a complete zip archive"]);
    let mut npz = NpzWriter::create(&work.path(file)).unwrap();
    npz.matrix("w", Array2::zeros((4, 3)).view()).unwrap();
    npz.finish().unwrap();
    work.fails(
        "analyze cv",
        &["validation.npz: found `w` of shape (4, 3), expected non-negative weights of 8 encoders"],
    );
    fs::remove_file(work.path(file)).unwrap();
    work.fails("analyze cv", &["fold-1: found no validation.npz"]);
    fs::write(work.path(file), whole).unwrap();
    work.write("cv/seed-0/fold-1/summary.json", "{\"kind\": \"sweep\"}");
    work.fails("analyze cv", &["summary.json: not the summary of a run"]);

    // A pool without one of the encoders.
    work.copy("pool", "fewer");
    work.write("fewer/encoders.toml", "[[encoder]]\nname = 'clip'\n");
    work.fails(
        "analyze kept --data fewer --device cpu",
        &["encoder `openface_2.0`", "which the checkpoint was trained on"],
    );
}

#[test]
fn runs_over_different_encoders() {
    let work = cross_validated();
    work.copy("pool", "fewer");
    work.write("fewer/encoders.toml", "[[encoder]]\nname = 'clip'\n[[encoder]]\nname = 'clap'\n");
    work.ok(&format!("train --data fewer --out cv/seed-0/fold-2 --fold 2 --device cpu {SMALL}"));
    work.fails("analyze cv", &["fold-2: found `clap` (video", "as encoder 1, expected `openface_2.0` (video", "as in"]);
}

#[test]
fn one_encoder_and_equal_weights() {
    let work = Workspace::with_pool();
    work.write("pool/encoders.toml", "[[encoder]]\nname = 'clip'\n");
    work.train("cpu", "--out run --fold 0");
    work.ok("analyze run --data pool --device cpu");
    assert_eq!(work.text("run/analysis/cka.csv"), "encoder,clip\nclip,1\n");
    fs::remove_file(work.path("pool/encoders.toml")).unwrap();
    work.train("cpu", "--out cv/seed-0/fold-0 --fold 0 --set model.attention=uniform");
    work.train("cpu", "--out cv/seed-0/fold-1 --fold 1 --set model.attention=uniform");
    work.ok("analyze cv");
    let analysis = Analysis::read(&work.path("cv/analysis")).unwrap();
    assert!(analysis.importance.iter().all(|encoder| encoder.mean == 0.125 && encoder.std == 0.0));
    assert_eq!(analysis.stability[0].spearman, None, "nothing is ranked");
}

/// A disk that has room for all files but the last; here a limit on the size of a file.
#[cfg(target_os = "linux")]
#[test]
fn an_analysis_that_cannot_be_written_whole_changes_no_file() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    work.ok("analyze run --encoders clip");
    let files =
        || listing(&work, "run/analysis").into_iter().map(|name| (work.bytes(&format!("run/analysis/{name}")), name));
    let before: Vec<_> = files().collect();
    let (json, tables): (Vec<_>, Vec<_>) = before.iter().partition(|(_, name)| name.ends_with(".json"));
    let largest = tables.iter().map(|(bytes, _)| bytes.len()).max().unwrap();
    let limit = largest / 1024 + 1;
    assert!(1024 * limit < json[0].0.len(), "analysis.json is too small for this test");
    let program = env!("CARGO_BIN_EXE_blendfuse");
    let line = format!("trap '' XFSZ; ulimit -f {limit}; {program} analyze run --encoders hicmae");
    let output = std::process::Command::new("bash").args(["-c", &line]).current_dir(work.path("")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("analysis.json: cannot be written"), "{stderr}");
    assert!(files().eq(before), "files of two analyses are mixed, or partial files were left");
}
