//! Pools whose clips lack rows in some encoders, through every command that loads one.

use crate::workspace::{SMALL, Workspace};
use blendfuse::data::npz::NpzWriter;
use ndarray::Axis;

/// Takes rows out of an encoder's features; `keeps` is given a row's number in its file.
fn thin(work: &Workspace, encoder: &str, keeps: impl Fn(usize) -> bool) {
    for split in ["train", "test"] {
        let file = format!("pool/features/{split}/{encoder}.npz");
        let (x, names) = (work.matrix(&file, "X"), work.strings(&file, "filenames"));
        let kept: Vec<usize> = (0..names.len()).filter(|&row| keeps(row)).collect();
        let mut npz = NpzWriter::create(&work.path(&file)).unwrap();
        npz.matrix("X", x.select(Axis(0), &kept).view()).unwrap();
        npz.strings("filenames", &kept.iter().map(|&row| names[row].as_str()).collect::<Vec<_>>()).unwrap();
        npz.finish().unwrap();
    }
}

/// A third of two encoders' rows are missing, and all but a few of a third one's.
fn with_missing_rows() -> Workspace {
    let work = Workspace::with_pool();
    thin(&work, "clip", |row| row % 3 != 1);
    thin(&work, "hicmae", |row| row % 3 != 0);
    thin(&work, "videomae_v2", |row| row % 30 == 8);
    work
}

/// Columns of the weights where the clips lack the encoder, by the names in its features.
fn masks(work: &Workspace, npz: &str, split: &str) {
    let [w, a] = ["w", "a"].map(|array| work.matrix(npz, array));
    let (clips, encoders) = (work.strings(npz, "filenames"), work.strings(npz, "encoders"));
    let mut masked = 0;
    for (k, encoder) in encoders.iter().enumerate() {
        let names = work.strings(&format!("pool/features/{split}/{encoder}.npz"), "filenames");
        for (row, clip) in clips.iter().enumerate() {
            let has = names.contains(clip);
            assert!(has || (w[[row, k]], a[[row, k]]) == (0.0, 0.0), "{npz}: {clip} lacks {encoder}");
            assert!(!has || a[[row, k]] > 0.0, "{npz}: {clip} has {encoder}");
            masked += usize::from(!has);
        }
    }
    assert!(masked > clips.len(), "{npz}: only {masked} rows are missing");
    assert!(w.rows().into_iter().chain(a.rows()).all(|row| (row.sum() - 1.0).abs() < 1e-5), "{npz}");
}

#[test]
fn clips_are_kept_with_the_encoders_they_have() {
    let work = with_missing_rows();
    work.fails(
        "train --data pool --out run --device cpu --fold 0",
        &["clips without a row in some encoder", "--missing mask"],
    );
    let all = work.table("pool/test_metadata.csv").len();
    for device in ["cpu", "software"] {
        let more = format!("--out {device} --fold 0 --missing mask --set model.encoder_dropout=0.1");
        let said = work.train(device, &more);
        assert!(said.stderr.contains("; masked: clip lacks"), "{}", said.stderr);
        masks(&work, &format!("{device}/validation.npz"), "train");
        let files = format!("--out {device}.json --scores {device}.npz --device {device}");
        let line = format!("predict --model {device} --data pool {files}");
        work.fails(&line, &["without a row in some encoder"]);
        work.ok(&format!("{line} --missing mask"));
        masks(&work, &format!("{device}.npz"), "test");
        assert_eq!(work.json(&format!("{device}.json"))["predictions"].as_object().unwrap().len(), all);
    }
    let [cpu, software] = ["cpu.npz", "software.npz"].map(|npz| work.matrix(npz, "scores"));
    assert!(cpu.iter().zip(&software).all(|(cpu, other)| (cpu - other).abs() < 1e-2), "both trained the same model");

    work.train("cpu", "--out dropped --fold 0 --missing drop");
    work.train("cpu", "--out allowed --fold 0 --allow-missing");
    let file = |run: &str, file: &str| work.bytes(&format!("{run}/{file}"));
    assert!(file("dropped", "model.safetensors") == file("allowed", "model.safetensors"), "two names of one thing");
    let clips = |run: &str| work.strings(&format!("{run}/validation.npz"), "filenames").len();
    assert!(clips("dropped") < 5 && clips("cpu") == 108, "{} and {} clips", clips("dropped"), clips("cpu"));
    assert_eq!(work.run("train --data pool --out x --missing drop --allow-missing").code, 2);
}

#[test]
fn a_model_of_complete_clips_predicts_others() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0");
    work.ok("predict --model run --data pool --out whole.json --scores whole.npz --device cpu");
    thin(&work, "clip", |row| row % 3 != 1);
    thin(&work, "videomae_v2", |row| row % 30 == 8);
    work.ok("predict --model run --data pool --force --out p.json --scores s.npz --device cpu --missing mask");
    masks(&work, "s.npz", "test");
    // Clips that lack nothing are predicted as before.
    let (before, after) = (work.matrix("whole.npz", "scores"), work.matrix("s.npz", "scores"));
    let complete = |row: usize| row % 3 != 1 && row % 30 == 8;
    assert_eq!(work.strings("whole.npz", "filenames"), work.strings("s.npz", "filenames"));
    let names = work.strings("pool/features/test/hicmae.npz", "filenames");
    for (row, clip) in work.strings("s.npz", "filenames").iter().enumerate() {
        let place = names.iter().position(|name| name == clip).unwrap();
        assert_eq!(before.row(row) == after.row(row), complete(place), "{clip}");
    }
}

#[test]
fn studies_take_the_option() {
    let work = with_missing_rows();
    let tiny = format!("{SMALL} --set train.max_epochs=1 --device cpu");
    let cv = format!("cv --data pool --out cv --folds 0,1 {tiny}");
    work.ok(&format!("{cv} --missing mask"));
    masks(&work, "cv/seed-0/fold-1/validation.npz", "train");
    let said = work.ok(&format!("{cv} --missing mask"));
    assert!(said.stderr.contains("seed 0, fold 1: already finished"), "{}", said.stderr);
    let said = work.run(&format!("{cv} --missing drop"));
    assert!(said.code == 1 && said.stderr.contains("a damaged run, or one trained on another pool"), "{}", said.stderr);
    work.ok("report cv --out r.html");
    assert!(work.text("r.html").contains("blendfuse analyze cv --data pool --missing mask"));
    let analyze = "analyze cv --data pool --device cpu --no-permutation --no-probe";
    let said = work.ok(&format!("{analyze} --missing mask"));
    assert!(!said.stderr.contains("that scored the run"), "{}", said.stderr);
    let said = work.ok(&format!("{analyze} --missing drop"));
    let told =
        "that scored the run: the run was trained with --missing mask, but the pool is loaded with --missing drop";
    assert!(said.stderr.contains("seed 0 fold 0: found ") && said.stderr.contains(told), "{}", said.stderr);
    work.ok(&format!("baselines --data pool --out baselines --folds 0,1 --missing mask {tiny}"));
    work.write("spec.toml", "folds = [0, 1]\n[search]\nmodel.top_n = [2, 8]\n");
    work.ok(&format!("sweep --data pool --out sweep --spec spec.toml --missing mask {tiny}"));
    assert!(work.text("sweep/trials/0001/trial.toml").contains("missing = \"mask\""));
    masks(&work, "sweep/trials/0001/seed-0/fold-0/validation.npz", "train");
    let last = work.json("sweep/summary.json")["final_model"].as_str().unwrap().to_owned();
    assert!(last.contains(" --all --missing mask --epochs-from sweep/trials/"), "{last}");
    // A trial alone has no pool in its command.
    work.ok(&format!("sweep --data pool --out planned --spec spec.toml --missing mask --plan {tiny}"));
    work.ok("trial planned/trials/0001 --device cpu");
    work.ok("report planned/trials/0001 --out trial.html");
    let hint = format!("blendfuse analyze planned/trials/0001 --data {} --missing mask", work.path("pool").display());
    assert!(work.text("trial.html").contains(&hint), "{hint}");
    let line = format!("train --data pool --out joined --fold 0 --missing mask --set data.concatenate=true {tiny}");
    let said = work.run(&line);
    assert!(said.code == 1 && said.stderr.contains("a row in all of them for data.concatenate"), "{}", said.stderr);
}

#[test]
fn inspect_counts_incomplete_clips() {
    let work = with_missing_rows();
    let said = work.run("inspect pool");
    assert_eq!(said.code, 1);
    assert!(said.stdout.contains("0 of them without any row; --missing drop"), "{}", said.stdout);
    let report = work.ok("inspect pool --missing mask --json").json();
    assert_eq!((&report["problems"], &report["clips"]["without_any"]), (&serde_json::json!([]), &0.into()));
    assert!(report["clips"]["incomplete"].as_u64().unwrap() > 500, "{report}");
}

#[test]
fn a_clip_without_any_row_is_told() {
    let work = Workspace::with_pool();
    for encoder in work.text("pool/encoders.toml").lines().filter_map(|line| line.strip_prefix("name = ")) {
        thin(&work, encoder.trim_matches('"'), |row| row != 4);
    }
    let clip = work.table("pool/train_metadata.csv")[4]["filename"].clone();
    let found = format!("found 1 of 486 clips without a row in any encoder: {clip}");
    work.fails("train --data pool --out run --fold 0 --device cpu --missing mask", &[&found, "add rows"]);
    let said = work.run("inspect pool --missing mask");
    assert!(
        said.code == 1 && said.stdout.contains("- 2 clips without a row in any encoder, the first"),
        "{}",
        said.stdout
    );
}

/// Test clips by their own statistics: over those that have the encoder, also where none of them has it.
#[test]
fn per_split_takes_the_clips_that_have_the_encoder() {
    let work = with_missing_rows();
    let own = "--set data.standardize=per_split";
    work.train("cpu", &format!("--out run --fold 0 --missing mask {own}"));
    let predict = |pool: &str| {
        format!(
            "predict --model run --data {pool} --missing mask --device cpu --force --out p.json --scores {pool}.npz"
        )
    };
    work.ok(&predict("pool"));
    // Shifted and scaled test clips have the same scores.
    work.copy("pool", "moved");
    for encoder in ["clip", "hicmae"] {
        let file = format!("moved/features/test/{encoder}.npz");
        let (x, names) = (work.matrix(&file, "X").mapv(|x| 3.0 * x + 1.0), work.strings(&file, "filenames"));
        let mut npz = NpzWriter::create(&work.path(&file)).unwrap();
        npz.matrix("X", x.view()).unwrap();
        npz.strings("filenames", &names).unwrap();
        npz.finish().unwrap();
    }
    work.ok(&predict("moved"));
    let [a, b] = ["pool.npz", "moved.npz"].map(|npz| work.matrix(npz, "scores"));
    let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-4, "{apart:.1e}");

    // One clip has no statistics; an encoder that no test clip has needs none.
    let keep = |rows: usize| {
        let file = "moved/features/test/clip.npz";
        let (x, names) = (work.matrix(file, "X"), work.strings(file, "filenames"));
        let mut npz = NpzWriter::create(&work.path(file)).unwrap();
        npz.matrix("X", x.slice(ndarray::s![..rows, ..])).unwrap();
        npz.strings("filenames", &names[..rows]).unwrap();
        npz.finish().unwrap();
    };
    keep(1);
    let adapts = "--set adaptation.enabled=true --set train.max_epochs=1 --missing mask";
    let adapted = format!("train --data moved --device cpu {SMALL} --out adapted --fold 0 {adapts} {own}");
    for line in [&predict("moved"), &adapted] {
        let said = work.run(line);
        assert!(
            said.code == 1 && said.stderr.contains("encoder `clip`: found rows for 1 test clip"),
            "{}",
            said.stderr
        );
    }
    std::fs::remove_file(work.path("moved/features/test/clip.npz")).unwrap();
    work.ok(&predict("moved"));
    let column = work.strings("moved.npz", "encoders").iter().position(|name| name == "clip").unwrap();
    assert!(work.matrix("moved.npz", "w").column(column).iter().all(|w| *w == 0.0));
    work.ok(&adapted);
}
