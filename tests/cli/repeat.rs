//! The same seed gives the same bytes, whatever the number of threads, and whether or not the run was interrupted.

use crate::workspace::{SMALL, Workspace, adapter};

const FILES: [&str; 4] = ["config.toml", "model.safetensors", "last.safetensors", "validation.npz"];

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let work = Workspace::with_pool();
    for device in ["cpu", adapter()] {
        let scores = |run: &str, threads: &str, more: &str| {
            let line = format!("train --data pool --out {run} --fold 1 --device {device} {SMALL} {more}");
            let variables = [("RAYON_NUM_THREADS", threads)];
            assert_eq!(work.run_with(&line, &variables).code, 0, "{device}");
            let files = format!("--out {run}/predictions.json --scores {run}/scores.npz");
            let line = format!("predict --model {run} --data pool {files} --device {device}");
            assert_eq!(work.run_with(&line, &variables).code, 0, "{device}");
        };
        let [first, second, other] = ["first", "second", "other"].map(|name| format!("{}-{name}", &device[..3]));
        scores(&first, "1", "--set adaptation.enabled=true");
        scores(&second, "3", "--set adaptation.enabled=true");
        scores(&other, "1", "--set adaptation.enabled=true --set train.seed=1");
        for file in FILES.into_iter().chain(["predictions.json", "scores.npz"]) {
            let [first, second, other] = [&first, &second, &other].map(|run| work.bytes(&format!("{run}/{file}")));
            assert!(first == second, "{device}: {file} differs between two runs of one seed");
            // Three epochs may well leave the same decisions.
            assert!(first != other || file == "predictions.json", "{device}: {file} does not depend on the seed");
        }
    }
}

#[test]
fn streamed_features_give_what_resident_ones_give() {
    let work = Workspace::with_pool();
    for device in ["cpu", adapter()] {
        let [resident, streamed] = ["resident", "streamed"].map(|features| {
            let run = format!("{}-{features}", &device[..3]);
            work.train(device, &format!("--out {run} --fold 0 --set engine.features={features}"));
            let line =
                format!("predict --model {run} --data pool --out {run}/p.json --scores {run}/s.npz --device {device}");
            work.ok(&line);
            let weights = work.checkpoint(&format!("{run}/last.safetensors")).tensors;
            (weights, ["validation.npz", "s.npz", "p.json"].map(|file| work.bytes(&format!("{run}/{file}"))))
        });
        assert!(resident.0 == streamed.0, "{device}: weights differ");
        assert!(resident.1 == streamed.1, "{device}: scores differ");
    }
}

/// Killed at any moment after its first epoch was saved, a run goes on from there.
#[test]
fn a_killed_run_ends_like_one_that_was_not() {
    let work = Workspace::with_pool();
    // Everything that changes as training goes on.
    let settings = "--set train.max_epochs=40 --set train.patience=40 --set train.plateau.patience=1 \
                    --set model.temperature.mode=anneal --set model.dropout_warmup_epochs=20 \
                    --set adaptation.enabled=true --set adaptation.schedule=dann";
    let train = |run: &str| format!("train --data pool --out {run} --fold 2 --device cpu {SMALL} {settings}");
    work.kill_after_a_save(&train("run"), "run");
    work.fails(
        "predict --model run --data pool --out predictions.json --device cpu",
        &[
            "run/model.safetensors: found no thresholds, expected those of a finished run",
            "finish the training with `blendfuse train --resume`",
        ],
    );
    // Which clips validate is the run's own affair.
    let resume = "train --data pool --out run --resume --device cpu";
    for other in ["--fold 1", "--all"] {
        work.fails(&format!("{resume} {other}"), &["run: the run was started with ", "without --fold and --all"]);
    }
    let said = work.ok(resume);
    assert!(said.stderr.contains("resumed from epoch "), "{}", said.stderr);

    work.ok(&train("whole"));
    for file in FILES {
        assert!(work.bytes(&format!("run/{file}")) == work.bytes(&format!("whole/{file}")), "{file}");
    }
    // Every epoch once, those after the last save written again.
    let loss =
        |run: &str| work.log(run).iter().map(|line| (line["epoch"].clone(), line["loss"].clone())).collect::<Vec<_>>();
    assert_eq!(loss("run"), loss("whole"));
    for key in ["epochs", "steps", "best_epoch", "validation_loss", "thresholds", "presence", "salience"] {
        assert_eq!(work.json("run/summary.json")[key], work.json("whole/summary.json")[key], "{key}");
    }
}

#[test]
fn a_finished_run_stays_as_it_is() {
    let work = Workspace::with_pool();
    // 378 clips of the other folds are 6 batches: the second epoch ends after its second step.
    work.train("cpu", "--out run --fold 0 --set train.max_steps=8");
    assert_eq!(work.json("run/summary.json")["steps"], 8);
    assert_eq!(work.log("run").len(), 2);
    work.copy("run", "kept");
    work.ok("train --data pool --out run --fold 0 --resume --device cpu");
    for file in FILES.into_iter().chain(["metrics.jsonl"]) {
        assert!(work.bytes(&format!("run/{file}")) == work.bytes(&format!("kept/{file}")), "{file}");
    }
    assert_eq!(work.json("run/summary.json")["steps"], 8);
}

#[test]
fn only_a_run_can_be_resumed() {
    let work = Workspace::with_pool();
    let resume = "train --data pool --resume --device cpu --out";
    work.fails(
        &format!("{resume} nowhere"),
        &["nowhere: found no config.toml, expected a run to resume", "without --resume"],
    );
    work.train("cpu", "--out run --fold 0");
    let settings = ["--set train.max_epochs=9", "--config run/config.toml"];
    for setting in settings {
        let expected = ["--resume uses the configuration in run", "remove --config and --set"];
        work.fails(&format!("{resume} run {setting}"), &expected);
    }
    // What a run leaves that was killed before it saved anything: it begins anew.
    work.write("early/config.toml", &work.text("run/config.toml"));
    work.ok(&format!("{resume} early --fold 0"));
    for file in FILES {
        assert!(work.bytes(&format!("early/{file}")) == work.bytes(&format!("run/{file}")), "{file}");
    }

    let config = work.text("run/config.toml");
    work.write("run/config.toml", &config.replace("max_epochs = 3", "max_epochs = 5"));
    work.fails(&format!("{resume} run"), &["the configuration differs from the run's config.toml", "--init"]);
    work.write("run/config.toml", &config);
    std::fs::copy(work.path("run/model.safetensors"), work.path("run/last.safetensors")).unwrap();
    work.fails(&format!("{resume} run"), &["holds no training state", "last.safetensors"]);
}
