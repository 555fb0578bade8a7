//! Checkpoints that are none, or of another pool: refused by `predict` and by `train --init`, with what differs.

use crate::archive::features;
use crate::workspace::{SMALL, Workspace};

/// Both commands that take a checkpoint refuse it.
fn refused(work: &Workspace, model: &str, pool: &str, messages: &[&str]) {
    let files = "--force --out p.json --zip --scores s.npz";
    work.fails(&format!("predict --model {model} --data {pool} {files} --device cpu"), messages);
    work.fails(&format!("train --init {model} --data {pool} --out next --fold 0 --device cpu {SMALL}"), messages);
}

fn trained() -> Workspace {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
    work
}

#[test]
fn files_that_are_no_checkpoints() {
    let work = trained();
    refused(&work, "nowhere", "pool", &["nowhere: cannot be read", "give a run folder or its model.safetensors"]);
    refused(&work, "pool", "pool", &["pool: found no model.safetensors, expected a run folder"]);
    let expected = [": not a blendfuse checkpoint", "expected a model.safetensors written by `blendfuse train`"];
    refused(&work, "run/config.toml", "pool", &expected);
    work.write("empty.safetensors", "");
    refused(&work, "empty.safetensors", "pool", &expected);
    let whole = work.bytes("run/model.safetensors");
    for (name, length) in [("header.safetensors", 1000), ("data.safetensors", whole.len() - 4)] {
        std::fs::write(work.path(name), &whole[..length]).unwrap();
        refused(&work, name, "pool", &[&[name][..], &expected].concat());
    }
    // Another program's: the right format, without our metadata.
    let values = [0_u8; 8];
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2], &values).unwrap();
    safetensors::serialize_to_file([("fuse.bias", view)], None, &work.path("other.safetensors")).unwrap();
    refused(&work, "other.safetensors", "pool", &[&["no `format` in its metadata"][..], &expected].concat());
    let newer = whole.windows(11).position(|bytes| bytes == b"blendfuse 1").unwrap();
    let mut bytes = whole;
    bytes[newer..newer + 11].copy_from_slice(b"blendfuse 9");
    std::fs::write(work.path("newer.safetensors"), bytes).unwrap();
    let expected = ["newer.safetensors: found format \"blendfuse 9\", this version reads \"blendfuse 1\""];
    refused(&work, "newer.safetensors", "pool", &expected);
}

#[test]
fn pools_of_other_encoders() {
    let work = trained();
    let list = |names: &[&str]| names.iter().map(|name| format!("[[encoder]]\nname = '{name}'\n")).collect::<String>();
    let all =
        ["clip", "openface_2.0", "videomae_v2", "clap", "wavlm_large", "hubert_large", "emotion2vec_base", "hicmae"];

    // A width, in both splits.
    work.copy("pool", "wider");
    for (split, count) in [("train", 486), ("test", 135)] {
        let file = format!("features/{split}/clap.npz");
        let names = work.strings(&format!("pool/{file}"), "filenames");
        assert_eq!(names.len(), count);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        features(&work.path("wider"), &file, &names, |row| (0..25).map(|column| (row * column % 7) as f32).collect());
    }
    refused(&work, "run", "wider", &["encoder `clap`: the checkpoint was trained on width 24, the pool has 25"]);

    // One encoder less.
    work.copy("pool", "fewer");
    work.write("fewer/encoders.toml", &list(&all[..7]));
    let predict = "predict --model run --force --out p.json --device cpu";
    let train = format!("train --init run --out next --fold 0 --device cpu {SMALL}");
    work.fails(
        &format!("{predict} --data fewer"),
        &["found no features of encoder `hicmae`, which the checkpoint was trained on", "add features/hicmae.npz"],
    );
    work.fails(&format!("{train} --data fewer"), &["trained on 8 encoders, the pool has 7", "encoders.toml"]);

    // Another order: training starts from a network whose inputs are others; prediction finds them by name.
    work.copy("pool", "reversed");
    work.write("reversed/encoders.toml", &list(&all.iter().rev().copied().collect::<Vec<_>>()));
    work.fails(
        &format!("{train} --data reversed"),
        &["encoder 0: the checkpoint was trained on `clip`, the pool has `hicmae` there", "encoders.toml"],
    );
    work.ok(&format!("{predict} --data pool"));
    let expected = work.bytes("p.json");
    work.ok(&format!("{predict} --data reversed"));
    assert!(work.bytes("p.json") == expected, "the pool's order does not matter");
}

#[test]
fn pools_of_other_classes() {
    let work = trained();
    let rows: String = work
        .table("pool/train_metadata.csv")
        .iter()
        .map(|row| format!("{},{},1,0\n", row["filename"], row["fold"]))
        .collect();
    work.copy("pool", "other");
    for file in ["train_metadata.csv", "test_metadata.csv"] {
        std::fs::remove_file(work.path(&format!("other/{file}"))).unwrap();
    }
    work.write("other/labels.csv", &format!("filename,fold,happy,neutral\n{rows}"));
    let expected = ["the checkpoint was trained on classes [\"ang\"", "the pool has [\"happy\", \"neutral\"]"];
    refused(&work, "run", "other", &expected);
}

#[test]
fn networks_of_other_sizes() {
    let work = trained();
    let train = format!("train --data pool --init run --out next --fold 0 --device cpu {SMALL}");
    let cases = [
        ("model.fused=12", "fuse_norm.weight: found shape [24], expected [12]"),
        ("model.projection=8", "norm.0.weight: found shape [16], expected [8]"),
    ];
    for (setting, message) in cases {
        work.fails(&format!("{train} --set {setting}"), &[message, "use the [model] sizes of the checkpoint"]);
    }
}

#[test]
fn another_fusion_norm() {
    let work = trained();
    let plain = "--set model.fusion_norm=none";
    let train = |init: &str| format!("train --data pool --init {init} --out next --fold 0 --device cpu {SMALL}");
    let expected = ["found a model with model.fusion_norm = batch, expected none", "--set model.fusion_norm=batch"];
    work.fails(&format!("{} {plain}", train("run")), &expected);
    work.ok(&format!("train --data pool --out plain --fold 0 --device cpu {plain} {SMALL}"));
    let expected = ["found a model with model.fusion_norm = none, expected batch", "--set model.fusion_norm=none"];
    work.fails(&train("plain"), &expected);
    work.ok(&format!("{} {plain}", train("plain")));
}

/// A checkpoint of a version before `model.fusion_norm` has no such key, and no norm in its fusion.
#[test]
fn a_checkpoint_without_the_key_has_no_fusion_norm() {
    let work = trained();
    let train = "train --data pool --out plain --fold 0 --device cpu --set model.fusion_norm=none";
    work.ok(&format!("{train} {SMALL}"));
    let predict = "predict --data pool --device cpu --split test";
    work.ok(&format!("{predict} --model plain --out now.json --scores now.npz"));
    work.copy("plain", "older");
    edit_config(&work, "older", |model| drop(model.remove("fusion_norm").expect("it was recorded")));
    work.ok(&format!("{predict} --model older --out older.json --scores older.npz"));
    for (now, older) in [("now.json", "older.json"), ("now.npz", "older.npz")] {
        assert!(work.bytes(now) == work.bytes(older), "{older} differs");
    }
}

#[test]
fn a_norm_whose_tensors_are_absent() {
    let work = trained();
    let train = "train --data pool --out run2 --fold 0 --device cpu --set model.fusion_norm=none";
    work.ok(&format!("{train} {SMALL}"));
    edit_config(&work, "run2", |model| drop(model.insert("fusion_norm".into(), "batch".into())));
    let expected = ["fuse_norm.weight is missing", "expected shape [24]"];
    refused(&work, "run2", "pool", &expected);
}

/// Changes `[model]` of the configuration in a run's `model.safetensors`.
fn edit_config(work: &Workspace, run: &str, edit: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) {
    let path = work.path(&format!("{run}/model.safetensors"));
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut front: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let text = front["__metadata__"]["config"].as_str().unwrap();
    let mut config: serde_json::Value = serde_json::from_str(text).unwrap();
    edit(config["model"].as_object_mut().unwrap());
    front["__metadata__"]["config"] = config.to_string().into();
    let mut front = front.to_string();
    front.push_str(&" ".repeat(front.len().next_multiple_of(8) - front.len()));
    let edited = [&(front.len() as u64).to_le_bytes(), front.as_bytes(), &bytes[8 + length..]].concat();
    std::fs::write(path, edited).unwrap();
}
