//! Reports over experiments of different labels, and over folders of older versions: no number compares what is not comparable.

use crate::other_tasks::singles;
use crate::workspace::SMALL;
use std::fs;

/// Text of the first row of a table with this name in its first cell.
fn row(page: &str, caption: &str, name: &str) -> Vec<String> {
    let table = page.split_once(caption).unwrap_or_else(|| panic!("no table {caption:?}")).1;
    let body = table.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let cells = |row: &str| -> Vec<String> {
        let cells = row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1);
        cells.map(|cell| cell.split("</td>").next().unwrap().to_owned()).collect()
    };
    let found = body.split("<tr").skip(1).map(cells).find(|row| row[0] == name);
    found.unwrap_or_else(|| panic!("no row {name:?} in {body}"))
}

#[test]
fn experiments_of_different_tasks_are_not_compared() {
    let work = singles();
    work.ok(&format!("cv --data pool --out words --folds 0,1 --device cpu {SMALL}"));
    work.ok("synth --out emotions --preset tiny");
    work.ok(&format!("cv --data emotions --out blends --folds 0,1 --device cpu {SMALL}"));
    work.ok("report words blends --out report.html --figures figures");
    let page = work.text("report.html");
    let told = "words (6 classes, one per clip); blends (BlEmoRE's emotions and blends)";
    assert!(page.contains(&format!("Different labels, not comparable: </b>{told}")), "no warning");

    // name, leading score, five metrics of the largest class, then official and honest presence, salience, mean
    let caption = "Compare rows with the same labels only.";
    let (words, blends) = (row(&page, caption, "words"), row(&page, caption, "blends"));
    let [of_words, of_blends] = ["words", "blends"].map(|name| work.json(&format!("{name}/summary.json")));
    let text = |spread: &serde_json::Value| {
        format!("{:.3} ± {:.3}", spread["mean"].as_f64().unwrap(), spread["std"].as_f64().unwrap())
    };
    assert_eq!(words[1], format!("UAR {}", text(&of_words["labels"]["uar"])));
    assert_eq!(blends[1], format!("mean {} (honest)", text(&of_blends["honest"]["mean"])));
    assert!(words[7..13].iter().all(|cell| cell == "–"), "{words:?}");
    assert_eq!(blends[9], text(&of_blends["official"]["mean"]));
    for (row, summary) in [(&words, &of_words), (&blends, &of_blends)] {
        let expected = ["accuracy", "uar", "macro_f1"].map(|metric| text(&summary["labels"][metric]));
        assert_eq!(row[2..5], expected, "{row:?}");
    }

    // No figure and no order has both.
    let files: Vec<String> = fs::read_dir(work.path("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let both = |text: &str| text.contains("words") && text.contains("blends");
    for name in files.iter().filter(|name| name.ends_with(".svg")) {
        assert!(!both(&work.text(&format!("figures/{name}"))), "{name} shows both");
    }
    let scores = |name: &str| work.text(&format!("figures/table-label-scores-{name}.csv"));
    assert!(!both(&scores("words")) && scores("words").contains("most frequent class"));
    assert!(!both(&scores("blends")) && scores("blends").contains("most frequent single emotion"));
    assert!(files.contains(&"fig-loss-words.svg".to_owned()), "{files:?}");
    // Nor do the paper's tables.
    let of_paper = page.split_once("Table I: main results").unwrap().1.split_once("</table>").unwrap().0;
    assert!(of_paper.contains(">blends<") && !of_paper.contains(">words<"), "{of_paper}");
    assert!(!page.contains("The baseline is"), "no baselines were given");
    work.ok("report words blends --out report.html --figures figures --force");

    // Test clips may be of one of them.
    work.ok("predict --model words/seed-0/fold-0 --data pool --out p.json --scores s.npz --device cpu");
    let json = work.ok("evaluate --predictions p.json --scores s.npz --metadata pool/labels.csv --json").stdout;
    work.write("test.json", &json);
    work.ok("report words blends --test test.json --force --out report.html");
    assert_eq!(row(&work.text("report.html"), "Labelled test clips.", "test").len(), 8, "no column of blends");
}

/// Older versions wrote half of presence as a mean, and no metrics of the largest class.
#[test]
fn folders_of_older_versions_have_no_halved_mean() {
    let work = singles();
    work.ok(&format!("cv --data pool --out cv --folds 0,1 --device cpu {SMALL}"));
    work.write("spec.toml", "folds = [0, 1]\n[search]\nmodel.top_n = [1, 2]\n");
    work.ok(&format!("sweep --data pool --out sweep --device cpu {SMALL} --spec spec.toml"));
    let new = work.json("cv/summary.json");
    for path in
        ["cv/summary.json", "sweep/summary.json", "sweep/trials/0000/summary.json", "sweep/trials/0001/summary.json"]
    {
        let mut summary = work.json(path);
        aged(&mut summary);
        if path.starts_with("cv") {
            let pair = |name: &str| {
                let official = &new["trivial"][0]["official"];
                serde_json::json!({ "name": name, "runs": 1, "official": official, "honest": null })
            };
            summary["trivial"] = [pair("most frequent single emotion"), pair("most frequent pair at 50/50")].into();
            aged(&mut summary["trivial"]);
        }
        work.write(path, &summary.to_string());
    }
    work.ok("report cv sweep --out report.html --figures figures");
    let page = work.text("report.html");
    assert!(!page.contains("pair at 50/50") && page.contains("most frequent class"));
    assert!(!page.contains(">salience<") && !page.contains(">mean<"), "no such column");
    let uar = &new["labels"]["uar"];
    let uar = format!("{:.3} ± {:.3}", uar["mean"].as_f64().unwrap(), uar["std"].as_f64().unwrap());
    assert_eq!(row(&page, "over runs. Lower log loss and ECE", "cv")[2], uar);
    for entry in fs::read_dir(work.path("figures")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if ["summary", "scores", "label-scores", "runs"].iter().any(|table| name.starts_with(&format!("table-{table}")))
        {
            assert!(!fs::read_to_string(&path).unwrap().contains("mean,"), "{}", path.display());
        }
    }
    assert!(page.contains("and its presence, the ranking metric"), "an older sweep ranked by half of it");
}

/// As an older version wrote it.
fn aged(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(all) => all.iter_mut().for_each(aged),
        serde_json::Value::Object(fields) => {
            for new in
                ["labels", "estimate", "leading", "ensemble", "rank_by", "within_noise", "against_best", "metrics"]
            {
                fields.remove(new);
            }
            if let Some(presence) = fields.get("presence").cloned() {
                let scaled = |by: f64| match &presence {
                    serde_json::Value::Number(number) => serde_json::json!(number.as_f64().unwrap() * by),
                    spread => {
                        serde_json::json!({ "mean": spread["mean"].as_f64().unwrap() * by, "std": spread["std"] })
                    }
                };
                fields.insert("salience".into(), scaled(0.0));
                fields.insert("mean".into(), scaled(0.5));
            }
            fields.values_mut().for_each(aged);
        }
        _ => {}
    }
}
