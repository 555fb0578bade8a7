//! The numpy loader in `examples/predict.py`: docs/method.md shows it, and its scores are those of `predict --scores`.

use crate::workspace::{SMALL, Workspace};
use blendfuse::data::npz::NpzWriter;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn loader() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/predict.py")
}

#[test]
fn the_loader_is_short() {
    let script = std::fs::read_to_string(loader()).unwrap();
    let code =
        script.rsplit("\"\"\"").next().unwrap().lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert!(code.count() <= 35, "it is read as a formula sheet");
}

#[test]
fn the_documentation_shows_the_loader() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/method.md")).unwrap();
    let script = std::fs::read_to_string(loader()).unwrap();
    assert!(
        page.contains(&format!("```python\n{script}```\n")),
        "docs/method.md does not show examples/predict.py as it is"
    );
}

/// Every branch of the loader: selection and ties at n = K, no gate, one head, joined encoders, other scores. 1e-6: blendfuse computes in f32.
#[test]
fn the_loader_gives_the_same_scores() {
    let numpy = Command::new("python3").args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 cannot import numpy, so examples/predict.py was not run");
        return;
    }
    let work = Workspace::with_pool();
    let settings = [
        "",
        "--set model.top_n=8",
        "--set model.top_n=1 --set model.temperature.mode=anneal",
        "--set model.fusion_norm=none",
        "--set model.attention=uniform --set model.fusion_norm=none",
        "--set model.attention=mean",
        "--set model.heads=single --set decode.gamma=0.5 --set decode.epsilon=0.01",
        "--set data.concatenate=true",
        "--set adaptation.enabled=true",
        "--set data.standardize=per_split",
        "--set adaptation.enabled=true --set data.standardize=per_split",
    ];
    for (at, setting) in settings.into_iter().enumerate() {
        work.ok(&format!(
            "train --data pool --device cpu {SMALL} --set train.lr=0.003 --out run{at} --fold 0 {setting}"
        ));
        work.ok(&format!("predict --model run{at} --data pool --out {at}.json --scores {at}.npz --device cpu"));
        let output = Command::new("python3")
            .current_dir(work.path(""))
            .arg(loader())
            .args([format!("run{at}/model.safetensors"), "pool/features/test".into(), format!("numpy{at}.npz")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{setting}: {}", String::from_utf8_lossy(&output.stderr));
        let (ours, theirs) = (format!("{at}.npz"), format!("numpy{at}.npz"));
        let names = work.strings(&theirs, "filenames");
        let rows: HashMap<&String, usize> = names.iter().zip(0..).collect();
        for array in ["scores", "w"] {
            let (ours, theirs) = (work.matrix(&ours, array), work.matrix(&theirs, array));
            assert_eq!(ours.dim(), theirs.dim(), "{setting}: {array}");
            for (name, row) in work.strings(&format!("{at}.npz"), "filenames").iter().zip(ours.rows()) {
                let worst = row.iter().zip(theirs.row(rows[name])).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst <= 1e-6, "{setting}: {array} of {name} differ by {worst:.1e}");
            }
        }
    }
}

#[test]
fn the_loader_refuses_clips_that_lack_an_encoder() {
    let numpy = Command::new("python3").args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|output| output.status.success()) {
        println!("skipped: python3 cannot import numpy, so examples/predict.py was not run");
        return;
    }
    let work = Workspace::with_pool();
    work.ok(&format!("train --data pool --device cpu {SMALL} --out run --fold 0"));
    // In whatever file it is, the first one included.
    let encoders = work.strings("run/validation.npz", "encoders");
    for encoder in [&encoders[0], &encoders[2]] {
        work.copy("pool/features/test", "thin");
        let file = format!("thin/{encoder}.npz");
        let (x, names) = (work.matrix(&file, "X"), work.strings(&file, "filenames"));
        let mut npz = NpzWriter::create(&work.path(&file)).unwrap();
        npz.matrix("X", x.slice(ndarray::s![1.., ..])).unwrap();
        npz.strings("filenames", &names[1..]).unwrap();
        npz.finish().unwrap();
        let arguments = ["run/model.safetensors", "thin", "scores.npz"];
        let output = Command::new("python3").current_dir(work.path("")).arg(loader()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("some clips lack an encoder, expected each in every file"), "{said}");
        assert!(!work.path("scores.npz").exists());
        std::fs::remove_dir_all(work.path("thin")).unwrap();
    }
}
