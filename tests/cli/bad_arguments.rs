//! Settings, folders and files that are refused before work begins.

use crate::workspace::{SMALL, Workspace};

#[test]
fn settings() {
    let work = Workspace::with_pool();
    let cases = [
        ("--set model.topn=4", vec!["unknown key `model.topn` in --set model.topn=4; did you mean `model.top_n`?"]),
        ("--set lr=0.1", vec!["unknown key `lr`", "did you mean `train.lr`?"]),
        ("--set optimizer.lr=0.1", vec!["unknown key `optimizer`", "did you mean `train.optimizer`?"]),
        ("--set train.lr", vec!["--set train.lr: found no `=`, expected key=value"]),
        ("--set train.lr=fast", vec!["--set train.lr=fast: `train.lr`: found \"fast\", expected a number"]),
        ("--set train.lr=-1", vec!["`train.lr`: found -1, expected a finite number above 0"]),
        ("--set model.heads=three", vec!["`model.heads`: found \"three\", expected", "dual"]),
        ("--set model.top_n=0", vec!["`model.top_n`: found 0, expected"]),
        ("--set model.top_n=9", vec!["`model.top_n`: found n = 9, expected at most K = 8", "\"auto\""]),
        ("--set train.batch=1", vec!["`train.batch`: found 1, expected a whole number from 2"]),
        ("--set engine.precision=f64", vec!["`engine.precision`: found \"f64\", expected"]),
        ("--config nowhere.toml", vec!["nowhere.toml: the configuration cannot be read"]),
        ("--config key.toml", vec!["unknown key `train.epochs` in key.toml; did you mean `train.max_epochs`?"]),
        ("--config broken.toml", vec!["broken.toml: line 2 is not valid TOML"]),
        ("--config range.toml", vec!["range.toml: `model.dropout`: found 1, expected a rate from 0 to below 1"]),
    ];
    work.write("key.toml", "[train]\nepochs = 3\n");
    work.write("broken.toml", "[train]\nlr = = 3\n");
    work.write("range.toml", "[model]\ndropout = 1.0\n");
    for (setting, messages) in cases {
        work.fails(&format!("train --data pool --out run --fold 0 --device cpu {SMALL} {setting}"), &messages);
    }
}

#[test]
fn output_folders() {
    let work = Workspace::with_pool();
    work.write("full/notes.txt", "mine");
    work.write("file", "mine");
    let full = ["full: found a folder that is not empty (it contains notes.txt)", "choose another name"];
    let file = ["file: found a file, expected a new or empty folder"];
    work.fails(&format!("train --data pool --out full --fold 0 --device cpu {SMALL}"), &full);
    work.fails(&format!("train --data pool --out file --fold 0 --device cpu {SMALL}"), &file);
    work.fails("synth --out full", &full);
    work.fails("synth --out file", &file);
    work.fails("demo --out full --device cpu", &full);
    work.fails("demo --out file --device cpu", &file);
    // Parents are made; an empty folder is as good as none.
    std::fs::create_dir(work.path("empty")).unwrap();
    work.train("cpu", "--out empty --fold 0");
    work.train("cpu", "--out deep/er/run --fold 0");
}

#[test]
fn submission_files() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    let predict = "predict --model run --data pool --device cpu";
    // Nothing is written where one of several files cannot be.
    for files in ["--out nowhere/p.json", "--out p.json --scores nowhere/s.npz"] {
        work.fails(&format!("{predict} {files}"), &["found no folder nowhere, expected an existing one"]);
    }
    work.fails(
        &format!("{predict} --out p.npz --scores p.npz"),
        &["p.npz: found the same file for --out and --scores"],
    );
    work.fails(&format!("{predict} --out p.zip --zip"), &["p.zip: found a name unsuitable for --zip"]);
    work.fails(&format!("{predict} --out run"), &["run: found a folder, expected a file name"]);

    work.ok(&format!("{predict} --out p.json"));
    let evaluate = "evaluate --predictions p.json --metadata";
    work.fails(&format!("{evaluate} nowhere.csv"), &["nowhere.csv: cannot be read as a CSV table"]);
    work.fails(
        &format!("{evaluate} pool/train_metadata.csv"),
        &["p.json: found no clip of pool/train_metadata.csv", "check that the two files belong together"],
    );
    let cases = [
        ("{}", "missing field `predictions`"),
        ("[1", "expected {\"predictions\""),
        (
            r#"{"predictions": {"a.mov": [{"emotion": "joy", "salience": 100.0}]}}"#,
            "found emotion \"joy\", expected one of",
        ),
        (
            r#"{"predictions": {"a.mov": [{"emotion": "ang", "salience": 60.0}]}}"#,
            "saliences that sum to 60, expected 100",
        ),
        (r#"{"predictions": {"a.mov": []}}"#, "found 0 emotions, expected one or two"),
    ];
    for (text, message) in cases {
        work.write("bad.json", text);
        let line = "evaluate --predictions bad.json --metadata pool/test_metadata.csv";
        work.fails(line, &["bad.json: ", message]);
    }
    let line = "evaluate --predictions nowhere.json --metadata pool/test_metadata.csv";
    work.fails(line, &["nowhere.json: cannot be read as text, expected a submission file"]);
}
