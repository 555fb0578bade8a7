//! Pools that cannot be used: `train` stops before anything is written, `inspect` lists the problem.

use crate::archive::{archive, features, npy};
use crate::workspace::{SMALL, Workspace};
use std::fs::{read, remove_dir_all, remove_file, write};
use zip::CompressionMethod::Stored;

const CLIPS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const METADATA: &str = "\
filename,video_id,fold,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience
a,A1,0,ang,,,
b,A1,0,ang,hap,70,30
c,A2,1,neu,,,
d,A2,1,sad,,,
e,A3,2,fea,disg,50,50
f,A3,2,hap,,,
";

/// Six clips in three folds, encoders `one` and `two`.
fn pool() -> Workspace {
    let work = Workspace::empty();
    work.write("pool/train_metadata.csv", METADATA);
    for (encoder, width) in [("one", 3), ("two", 2)] {
        let row = |row: usize| (0..width).map(|column| (row * width + column) as f32 * 0.1).collect();
        features(&work.path("pool"), &format!("features/{encoder}.npz"), &CLIPS, row);
    }
    work
}

/// Training fails with these messages, and nothing is written; inspecting exits with 1 and names the culprit.
fn refused(work: &Workspace, messages: &[&str], inspected: &[&str]) {
    work.fails(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"), messages);
    let said = work.run("-q inspect pool");
    said.is_failure("inspect pool", &["pool: found ", " problem", "fix the problems listed above"]);
    for message in inspected {
        assert!(said.stdout.contains(message), "expected {message:?} in\n{}", said.stdout);
    }
}

#[test]
fn the_pool_these_tests_break_is_good() {
    let work = pool();
    work.ok(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"));
    work.ok("inspect pool");
}

#[test]
fn a_folder_without_a_pool() {
    let work = Workspace::empty();
    let expected = ["nowhere: found no such folder", "correct the path"];
    work.fails("train --data nowhere --out run --device cpu", &expected);
    work.fails("inspect nowhere", &expected);
    work.write("pool/train_metadata.csv", METADATA);
    let expected = ["pool: found no features, expected features/<encoder>.npz", "add them"];
    refused(&work, &expected, &expected);
    let work = pool();
    remove_file(work.path("pool/train_metadata.csv")).unwrap();
    let expected = ["pool: found no labels, expected train_metadata.csv or labels.csv"];
    refused(&work, &expected, &expected);
}

#[test]
fn files_that_are_no_archives() {
    let work = pool();
    let file = work.path("pool/features/two.npz");
    let whole = read(&file).unwrap();
    write(&file, &whole[..whole.len() / 2]).unwrap();
    let expected = ["pool/features/two.npz: found a file that is not a complete zip archive", "cut short"];
    refused(&work, &expected, &expected);
    write(&file, "a,b\n1,2\n").unwrap();
    refused(&work, &expected[..1], &expected[..1]);
    write(&file, "").unwrap();
    refused(&work, &expected[..1], &expected[..1]);
}

#[test]
fn arrays_that_are_missing_or_of_the_wrong_kind() {
    let names: Vec<u8> = CLIPS.iter().flat_map(|clip| u32::from(clip.chars().next().unwrap()).to_le_bytes()).collect();
    let names = npy("<U1", "False", "(6,)", &names);
    let x = npy("<f4", "False", "(6, 1)", &[0; 24]);
    let pickle = |shape| npy("|O", "False", shape, b"\x80\x04\x95.");
    let resave = "np.savez(path, X=X, filenames=np.asarray(filenames, dtype=str))";
    type Arrays = Vec<(&'static str, Vec<u8>)>;
    let cases: [(Arrays, Vec<&str>); 9] = [
        (vec![("filenames", names.clone())], vec!["`X` is missing", resave]),
        (vec![("X", x.clone())], vec!["`filenames` is missing", resave]),
        (
            vec![("X", x.clone()), ("filenames", pickle("(6,)"))],
            vec!["`filenames`: found a pickled object array", resave],
        ),
        (
            vec![("X", pickle("(6, 1)")), ("filenames", names.clone())],
            vec!["`X`: found a pickled object array", resave],
        ),
        (
            vec![("X", npy("<f4", "False", "(6,)", &[0; 24])), ("filenames", names.clone())],
            vec!["`X`: found shape [6], expected two dimensions"],
        ),
        (
            vec![("X", npy("<f4", "False", "(3, 2, 1)", &[0; 24])), ("filenames", names.clone())],
            vec!["`X`: found shape [3, 2, 1], expected two dimensions"],
        ),
        (
            vec![("X", npy("<i8", "False", "(6, 1)", &[0; 48])), ("filenames", names.clone())],
            vec!["`X`: found type <i8, expected float16, float32 or float64"],
        ),
        (
            vec![("X", npy("<f4", "False", "(6, 0)", &[])), ("filenames", names.clone())],
            vec!["found 0 columns in `X`, expected at least 1"],
        ),
        (
            vec![("X", npy("<f4", "False", "(5, 1)", &[0; 20])), ("filenames", names)],
            vec!["found 5 rows in `X` and 6 names in `filenames`"],
        ),
    ];
    for (arrays, mut messages) in cases {
        let work = pool();
        archive(&work.path("pool/features/bad.npz"), &arrays, Stored);
        messages.push("pool/features/bad.npz");
        refused(&work, &messages, &messages);
    }
}

#[test]
fn rows_that_are_missing() {
    let work = pool();
    features(&work.path("pool"), "features/two.npz", &CLIPS[1..], |row| vec![row as f32, 1.0]);
    let expected = ["pool: found 1 of 6 clips without a row in some encoder", "two lacks 1 (a)", "--allow-missing"];
    refused(&work, &expected, &["two: found no row for 1 clip, the first `a`"]);
    let line = format!("-q train --data pool --out run --fold 1 --device cpu --allow-missing {SMALL}");
    let said = work.ok(&line);
    let warning = said.progress().next().unwrap();
    assert!(warning.starts_with("warning: pool: found 1 of 6 clips without a row"), "{warning}");
    assert_eq!(work.json("run/summary.json")["steps"], 3, "one batch of the 3 clips that are left of the other folds");

    let line = "predict --model run --data pool --split train --force --out p.json --device cpu";
    work.fails(line, &expected);
    work.ok(&format!("{line} --allow-missing"));
    assert_eq!(work.json("p.json")["predictions"].as_object().unwrap().len(), 5);
}

#[test]
fn clips_named_twice() {
    let work = pool();
    features(&work.path("pool"), "features/two.npz", &["a", "b", "c", "d", "e", "f", "b"], |_| vec![0.5]);
    let expected = ["pool/features/two.npz: found clip `b` again", "expected every clip once"];
    refused(&work, &expected, &expected);
}

#[test]
fn features_that_are_not_finite() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let work = pool();
        work.ok(&format!("train --data pool --out good --fold 0 --device cpu {SMALL}"));
        let row = |row: usize| vec![row as f32, if row == 2 || row == 4 { bad } else { 1.0 }];
        features(&work.path("pool"), "features/two.npz", &CLIPS, row);
        let found = "found 2 NaN or infinite features";
        let expected = ["pool/features/two.npz", found, "in encoder `two`", "first in clip `c`", "encoders.toml"];
        refused(&work, &expected, &["two", found, "clip `c`"]);
        work.fails("predict --model good --data pool --split train --force --out p.json --device cpu", &expected);
    }
}

#[test]
fn too_many_encoders() {
    let work = pool();
    for k in 0..255 {
        std::fs::copy(work.path("pool/features/one.npz"), work.path(&format!("pool/features/e{k}.npz"))).unwrap();
    }
    let expected = ["pool: found 257 encoders, expected at most 256", "list fewer in encoders.toml"];
    refused(&work, &expected, &expected);
    remove_file(work.path("pool/features/e254.npz")).unwrap();
    work.ok(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"));
    let k = work.checkpoint("run/model.safetensors").tensors["gate.1.weight"].0[0];
    assert_eq!(k, 256, "as many as there may be");
}

#[test]
fn lists_of_encoders_that_do_not_fit() {
    let work = pool();
    let cases = [
        ("[[encoder]]\nname = 'three'\n", "found encoder `three` without a file, expected features/three.npz"),
        ("[[encoder]]\nname = 'one'\n[[encoder]]\nname = 'one'\n", "found `one` twice"),
        ("[[encoder]]\nname = 'one'\nmodality = 3\n", "expected [[encoder]] tables"),
    ];
    for (list, message) in cases {
        work.write("pool/encoders.toml", list);
        refused(&work, &["pool/encoders.toml", message], &[message]);
    }
}

#[test]
fn labels_that_cannot_be() {
    let cases = [
        ("d,A2,1,joy,,,", "line 5: found unknown class `joy` in emotion_1, expected one of"),
        ("d,A2,1,sad,hap,70,20", "line 5: found saliences 70 and 20, expected saliences that sum to 100"),
        ("d,A2,1,sad,,50,", "line 5: found saliences 50 and nothing, expected 100 or nothing"),
        ("d,A2,1,sad,hap,0,0", "line 5: found saliences 0 and 0, expected saliences that sum to 100"),
        ("a,A2,1,sad,,,", "line 5: found `a` again (first on line 2)"),
        ("d,A2,one,sad,,,", "line 5: found fold `one`, expected a whole number"),
        ("d,A2,,sad,,,", "line 5: found no fold"),
        ("d,A2,1,,,,", "line 5: found no emotion_1"),
    ];
    for (row, message) in cases {
        let work = pool();
        work.write("pool/train_metadata.csv", &METADATA.replace("d,A2,1,sad,,,", row));
        refused(&work, &["pool/train_metadata.csv", message], &[message]);
    }
    let work = pool();
    work.write("pool/labels.csv", "filename,fold,happy\na,0,1\n");
    refused(&work, &["pool: found labels.csv and BlEmoRE's metadata", "remove the other"], &["labels.csv"]);
    remove_file(work.path("pool/train_metadata.csv")).unwrap();
    let rows = "a,0,1,0\nb,0,0,1\nc,1,0,0\nd,1,1,1\ne,2,1,0\nf,2,0,1\n";
    work.write("pool/labels.csv", &format!("filename,fold,happy,neutral\n{rows}"));
    let expected = ["pool/labels.csv, line 4: found labels that sum to 0", "at least one score above 0"];
    refused(&work, &expected, &expected);
}

#[test]
fn folds_that_are_not_there() {
    let work = pool();
    let train = format!("train --data pool --out run --device cpu {SMALL}");
    work.fails(&format!("{train} --fold 3"), &["fold 3: expected one of the folds {0, 1, 2}", "choose one of them"]);
    work.write("pool/train_metadata.csv", &METADATA.replace(",1,", ",0,").replace(",2,", ",0,"));
    work.fails(&format!("{train} --fold 0"), &["fold 0: found no other fold", "train with --all"]);
    // Without --fold: the first one there is.
    work.write("pool/train_metadata.csv", &METADATA.replace(",0,", ",7,"));
    let said = work.ok(&train);
    assert!(said.stderr.contains("validating on fold 1; choose with --fold F, or --all"), "{}", said.stderr);
}

#[test]
fn too_few_clips() {
    let work = pool();
    work.write(
        "pool/train_metadata.csv",
        &METADATA.lines().take(4).map(|line| format!("{line}\n")).collect::<String>(),
    );
    let line = format!("train --data pool --out run --device cpu --fold 0 {SMALL}");
    work.fails(&line, &["found 1 training clip, expected at least 2"]);
    let work = pool();
    work.ok(&format!("train --data pool --out run --device cpu --fold 0 {SMALL}"));
    work.fails(
        "predict --model run --data pool --force --out p.json --device cpu",
        &["pool: found no test clip, expected at least one"],
    );
}

#[test]
fn a_task_of_its_own_from_labels_csv() {
    let work = pool();
    remove_file(work.path("pool/train_metadata.csv")).unwrap();
    work.write(
        "pool/labels.csv",
        "filename,fold,happy,calm,neutral\na,0,1,0,0\nb,0,3,1,0\nc,1,0,0,1\nd,1,0,2,0\ne,2,1,1,0\nf,test,,,\n",
    );
    work.ok(&format!("train --data pool --out run --fold 2 --device cpu {SMALL}"));
    work.ok("predict --model run --data pool --force --out p.json --split train --device cpu");
    assert_eq!(work.checkpoint("run/model.safetensors").metadata["classes"], "[\"happy\",\"calm\",\"neutral\"]");
    let report = work.ok("evaluate --predictions p.json --metadata pool/labels.csv --json").json();
    assert_eq!((&report["clips"], &report["without_prediction"]), (&5.into(), &0.into()));
    work.ok("predict --model run --data pool --out test.json --device cpu");
    assert_eq!(work.json("test.json")["predictions"].as_object().unwrap().len(), 1);
    // Test clips need no labels at all.
    remove_file(work.path("pool/labels.csv")).unwrap();
    work.ok("predict --model run --data pool --out unlabelled.json --device cpu");
    assert_eq!(work.json("unlabelled.json")["predictions"].as_object().unwrap().len(), 6);
    remove_dir_all(work.path("pool/features")).unwrap();
    work.fails("predict --model run --data pool --force --out p.json --device cpu", &["pool: found no features"]);
}
