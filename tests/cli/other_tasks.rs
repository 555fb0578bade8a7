//! Tasks other than BlEmoRE: one class per clip, and soft labels of three classes. What is printed has to fit them.

use crate::workspace::{SMALL, Workspace};
use blendfuse::config::Blends;
use blendfuse::scoring::verdicts::System;
use std::collections::BTreeMap;
use std::fs;

const NAMES: [(&str, &str); 6] =
    [("ang", "one"), ("disg", "two"), ("fea", "three"), ("hap", "four"), ("sad", "five"), ("neu", "six")];

/// The tiny pool with the labels that `label` makes of each clip's first emotion; test clips keep theirs, without a fold.
fn pool(label: impl Fn(usize, usize) -> [f32; 6]) -> Workspace {
    let work = Workspace::with_pool();
    let mut text = "filename,fold,".to_owned() + &NAMES.map(|(_, name)| name).join(",") + "\n";
    for (file, is_test) in [("train_metadata.csv", false), ("test_metadata.csv", true)] {
        let path = work.path("pool").join(file);
        let mut reader = csv::Reader::from_path(&path).unwrap();
        for (row, record) in reader.deserialize::<BTreeMap<String, String>>().enumerate() {
            let record = record.unwrap();
            let class = NAMES.iter().position(|(emotion, _)| *emotion == record["emotion_1"]).unwrap();
            let fold = if is_test { "" } else { record["fold"].split('.').next().unwrap() };
            let cells = label(row, class).map(|share| share.to_string()).join(",");
            text += &format!("{},{fold},{cells}\n", record["filename"]);
        }
        fs::remove_file(path).unwrap();
    }
    fs::write(work.path("pool/labels.csv"), text).unwrap();
    work
}

pub fn singles() -> Workspace {
    pool(|_, class| {
        let mut label = [0.0; 6];
        label[class] = 1.0;
        label
    })
}

fn has_no_blend_figures(text: &str) {
    for word in ["salience", "mean 0", "honest", "alpha", "pair", "emotion"] {
        assert!(!text.contains(word), "{word:?} in\n{text}");
    }
}

#[test]
fn one_class_per_clip_leads_with_accuracy_and_uar() {
    let work = singles();
    let trained = work.ok(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"));
    assert!(trained.stderr.contains("  accuracy 0.") && trained.stderr.contains("  UAR 0."), "{}", trained.stderr);
    assert!(
        trained.stdout.contains("accuracy    0.") && trained.stdout.contains("UAR         0."),
        "{}",
        trained.stdout
    );
    has_no_blend_figures(&trained.stdout);
    let config = fs::read_to_string(work.path("run/config.toml")).unwrap();
    assert!(config.contains("blends = \"never\""), "{config}");

    // No two classes, and test clips with labels are scored as the test set.
    work.ok("predict --model run --data pool --out p.json --scores s.npz --device cpu");
    let submitted: serde_json::Value = serde_json::from_slice(&fs::read(work.path("p.json")).unwrap()).unwrap();
    let clips = submitted["predictions"].as_object().unwrap();
    assert!(clips.len() > 100 && clips.values().all(|classes| classes.as_array().unwrap().len() == 1));
    let said = work.ok("evaluate --predictions p.json --scores s.npz --metadata pool/labels.csv");
    assert!(said.stdout.contains("135 test clips\n") && said.stdout.contains("accuracy"), "{}", said.stdout);
    assert!(!said.stderr.contains("no prediction"), "{}", said.stderr);
    has_no_blend_figures(&said.stdout);
    let json = work.ok("evaluate --predictions p.json --scores s.npz --metadata pool/labels.csv --json").json();
    assert_eq!((&json["salience"], &json["mean"], &json["split"]), (&json["none"], &json["none"], &"test".into()));
    assert_eq!(json["accuracy"], json["presence"], "the largest class alone is decided");
    assert!(json["log_loss"].as_f64().unwrap() > 0.0 && json["ece"].as_f64().unwrap() < 1.0);

    let crossed = work.ok(&format!("cv --data pool --out cv --folds 0,1 --device cpu {SMALL}"));
    assert!(
        crossed.stdout.contains("macro F1") && crossed.stdout.contains("most frequent class"),
        "{}",
        crossed.stdout
    );
    has_no_blend_figures(&crossed.stdout);
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(work.path("cv/summary.json")).unwrap()).unwrap();
    assert_eq!(summary["leading"]["metric"], "uar");
    assert_eq!(summary["leading"]["mean"], summary["labels"]["uar"]["mean"]);

    // Half of presence is no result: nowhere as a mean, and salience is not 0 but not there.
    work.ok(&format!("baselines --data pool --out base --folds 0,1 --device cpu {SMALL}"));
    let baselines: serde_json::Value = serde_json::from_str(&work.text("base/summary.json")).unwrap();
    let rows = baselines["rows"].as_array().unwrap().iter().flat_map(|row| [&row["official"], &row["honest"]]);
    let runs = summary["runs"].as_array().unwrap().iter().flat_map(|run| [&run["official"], &run["honest"]]);
    let own = [&summary["official"], &summary["honest"], &summary["trivial"][0]["official"]];
    for scores in rows.chain(runs).chain(own).filter(|scores| !scores.is_null()) {
        assert!(!scores["presence"].is_null() && scores["salience"].is_null() && scores["mean"].is_null(), "{scores}");
    }
    assert_eq!(System::read(&work.path("cv")).unwrap().decode.blends, Blends::Never, "cv keeps \"auto\"");

    // An ensemble decides as its members do.
    let said = work.ok("predict --model cv --data pool --out all.json --device cpu");
    assert!(said.stdout.contains("135 clips, mean of 2 runs"), "{}", said.stdout);
    has_no_blend_figures(&said.stdout);
    assert!(said.stderr.contains("each clip is assigned the class with the largest score"), "{}", said.stderr);
    assert!(!said.stderr.contains("threshold") && !said.stderr.contains("trained on"), "{}", said.stderr);
    let submitted: serde_json::Value = serde_json::from_str(&work.text("all.json")).unwrap();
    let mut clips = submitted["predictions"].as_object().unwrap().values();
    assert!(clips.all(|classes| classes.as_array().unwrap().len() == 1));

    let surveyed = work.ok("inspect pool");
    // Below the encoders, one of which has "emotion" in its name.
    let labels = surveyed.stdout.split_once("labels: ").unwrap().1;
    has_no_blend_figures(labels);
    assert!(!labels.contains("blend") && !labels.contains("single"), "{labels}");

    work.ok("analyze cv --data pool --device cpu");
    work.ok("report cv base --out report.html --figures figures");
    let page = fs::read_to_string(work.path("report.html")).unwrap();
    // The paper's numbers belong to its own labels; files are called the same for all.
    assert!(page.contains("<b>Importance by fold</b>") && page.contains("<b>Similarity of encoders</b>"));
    let names =
        ["importance-by-fold", "similarity-of-encoders"].map(|name| work.path(&format!("figures/fig-{name}.svg")));
    assert!(names.iter().all(|path| path.exists()), "{names:?}");
    assert!(page.contains("UAR (mean recall over classes)") && page.contains("macro F1"));
    let words = [
        "Table I",
        "Beside the paper",
        "challenge",
        "thresholds from",
        "by ratio\"",
        "Published: ",
        "emotion<",
        "<b>Figure ",
        "(figures ",
    ];
    for word in
        words.into_iter().chain(["official thresholds", "salience</th>", " blends", "Every emotion", "presence "])
    {
        assert!(!page.contains(word), "{word:?} in the report");
    }
}

/// Test clips have a section of their own, with the figures of `evaluate`.
#[test]
fn the_report_scores_labelled_test_clips_apart() {
    let work = singles();
    work.ok(&format!("train --data pool --out run --fold 0 --device cpu {SMALL}"));
    work.ok("report run --out without.html");
    assert!(!work.text("without.html").contains("Test clips"));
    work.ok("predict --model run --data pool --out p.json --scores s.npz --device cpu");
    let line = "evaluate --predictions p.json --scores s.npz --metadata pool/labels.csv --json";
    let evaluation = work.ok(line);
    work.write("held-out.json", &evaluation.stdout);
    work.ok("report run --test held-out.json --out report.html");
    let page = work.text("report.html");
    let at = page.find("id=\"test\"").expect("a section of test clips");
    let section = &page[at..page[at..].find("</section>").unwrap() + at];
    let json = evaluation.json();
    for metric in ["accuracy", "uar", "macro_f1", "log_loss", "ece"] {
        assert!(section.contains(&format!(">{:.3}</td>", json[metric].as_f64().unwrap())), "{metric}: {section}");
    }
    assert!(section.contains(">held-out</td>") && section.contains(">135</td>"), "{section}");
    // The other figures are those of the page without it.
    let summary =
        |page: &str| page[page.find("id=\"summary\"").unwrap()..page.find("id=\"scores\"").unwrap()].to_owned();
    assert_eq!(summary(&page), summary(&work.text("without.html")));

    work.ok("predict --model run --data pool --split train --out t.json --device cpu");
    let training = work.ok("evaluate --predictions t.json --metadata pool/labels.csv --json");
    work.write("training.json", &training.stdout);
    work.fails("report run --test training.json --out x.html", &["training.json: found scores of training clips"]);
    work.write("other.json", &evaluation.stdout.replace("\"three\"", "\"drei\""));
    work.fails("report run --test other.json --out x.html", &["other: found scores of classes", "drei", "as in run"]);
    work.fails("report run --test run/summary.json --out x.html", &["run/summary.json", "evaluate --json"]);
}

#[test]
fn predictions_for_both_splits_are_never_scored_together() {
    let work = singles();
    let clips = fs::read_to_string(work.path("pool/labels.csv")).unwrap();
    let names = clips.lines().skip(1).map(|line| line.split(',').next().unwrap());
    let all: Vec<String> =
        names.map(|name| format!("\"{name}\": [{{\"emotion\": \"one\", \"salience\": 100}}]")).collect();
    work.write("p.json", &format!("{{\"predictions\": {{{}}}}}", all.join(",")));
    let refused = work.run("evaluate --predictions p.json --metadata pool/labels.csv");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("choose with --split train or --split test"), "{}", refused.stderr);
    let json = work.ok("evaluate --predictions p.json --metadata pool/labels.csv --split test --json").json();
    assert_eq!(json["clips"], 135);
}

#[test]
fn a_metric_that_the_labels_cannot_give_is_refused() {
    let work = singles();
    let spec = |by: &str| format!("rank_by = \"{by}\"\n[[trial]]\nname = \"a\"\n");
    work.write("s.toml", &spec("salience"));
    let refused = work.run("sweep --data pool --out sweep --spec s.toml --plan");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("no label has exactly two positive classes"), "{}", refused.stderr);
    work.write("s.toml", &spec("f1"));
    let refused = work.run("sweep --data pool --out sweep --spec s.toml --plan");
    assert!(refused.stderr.contains("macro_f1") && refused.stderr.contains("log_loss"), "{}", refused.stderr);
    work.write("s.toml", &spec("log_loss"));
    work.ok("sweep --data pool --out sweep --spec s.toml --plan");
}

#[test]
fn clips_of_three_classes_are_counted() {
    let work = pool(|row, class| {
        let mut label = [0.0; 6];
        label[class] = 0.5;
        label[(class + 1) % 6] += 0.3;
        if row % 2 == 0 {
            label[(class + 2) % 6] += 0.2;
        }
        label
    });
    let crossed = work.ok(&format!("cv --data pool --out cv --folds 0,1 --device cpu {SMALL}"));
    assert!(crossed.stdout.contains("243 clips with three or more positive classes"), "{}", crossed.stdout);
    assert!(crossed.stdout.contains("alpha and beta searched over 20 values"), "{}", crossed.stdout);
    let page = work.ok("report cv --out report.html");
    assert_eq!(page.code, 0);
    let page = fs::read_to_string(work.path("report.html")).unwrap();
    assert!(
        page.contains("243 clips with three or more") && page.contains("whose set of classes is predicted exactly")
    );
}
