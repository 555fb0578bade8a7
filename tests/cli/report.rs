//! `report`: the page against the folders it is made from, whole, unfinished or damaged.

use crate::results::{CLASSES, Plan, device, write_json};
use crate::workspace::{SMALL, Workspace};
use blendfuse::analysis::{self, Weights};
use blendfuse::config::SalienceRule;
use blendfuse::runs::CvSummary;
use blendfuse::runs::{EpochLog, Versions};
use blendfuse::scoring::decision::Decision;
use blendfuse::scoring::decode::{self};
use blendfuse::scoring::metrics::{self, Truth};
use blendfuse::scoring::scores::{Row, Scores, Spread};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Decisions by the official thresholds of every run, and the truth.
fn decided(work: &Workspace, cv: &str, summary: &CvSummary) -> (Vec<Option<Decision>>, Vec<Truth>) {
    let (mut decisions, mut truths) = (Vec::new(), Vec::new());
    for run in &summary.runs {
        let npz = format!("{cv}/{}/validation.npz", run.folder);
        for row in work.matrix(&npz, "scores").rows() {
            let row = row.to_vec();
            decisions.push(Some(decode::decide(&row, run.official.thresholds, SalienceRule::Official, Some(5))));
        }
        truths.extend(work.matrix(&npz, "targets").rows().into_iter().map(|row| metrics::truth(&row.to_vec())));
    }
    (decisions, truths)
}

#[test]
fn figures_of_a_cross_validation_are_those_of_its_files() {
    let work = Workspace::empty();
    let summary = Plan::small().write(&work.path("cv"));
    Plan::small().write_analysis(&work.path("cv"));
    let said = work.ok("report cv --out report.html");
    assert!(said.stdout.starts_with("report.html (0."), "{}", said.stdout);
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    let page = Page::read(&work, "report.html");

    let scores = page.table("Mean ± standard deviation over runs.");
    let honest = summary.honest.unwrap();
    let spreads = |scores: Scores| scores.all().map(|spread| spread.unwrap().text());
    let expected = [vec!["cv".into(), "3".into()], spreads(summary.official).into(), spreads(honest).into()].concat();
    assert_eq!(scores[0], expected);
    assert_eq!(scores.len(), 3, "and the two trivial ones: {scores:?}");
    let runs = page.table("Every run: validation clips");
    for (row, run) in runs.iter().zip(&summary.runs) {
        let judged = |j: blendfuse::scoring::judge::Judgement| {
            [j.thresholds.alpha, j.thresholds.beta, j.presence, j.salience.unwrap(), j.mean.unwrap()].map(three)
        };
        assert_eq!(row[0], format!("seed 0 fold {}", run.fold));
        assert_eq!((&row[2], &row[3]), (&run.epochs.to_string(), &run.best_epoch.to_string()));
        assert_eq!(row[4..], [judged(run.official), judged(run.honest.unwrap())].concat());
    }

    let (decisions, truths) = decided(&work, "cv", &summary);
    let classes: Vec<String> = CLASSES.map(str::to_owned).into();
    for row in page.table("By set of emotions.") {
        let of_set = |truth: &Truth| metrics::set_name(truth, &classes) == row[0];
        let rows: Vec<usize> = (0..truths.len()).filter(|&i| of_set(&truths[i])).collect();
        let own: (Vec<_>, Vec<_>) = rows.iter().map(|&i| (decisions[i], truths[i].clone())).unzip();
        let score = metrics::score(&own.0, &own.1);
        assert_eq!((&row[1], &row[2]), (&rows.len().to_string(), &three(score.presence)));
        assert_eq!(row[3], if row[0].contains('+') { three(score.salience) } else { "–".into() });
    }
    for ratio in metrics::per_ratio(&decisions, &truths) {
        let row = page.table("Blends by ratio.").into_iter().find(|row| row[0] == ratio.ratio).unwrap();
        assert_eq!(row[1..4], [ratio.clips.to_string(), three(ratio.score.presence), three(ratio.score.salience)]);
    }
    let confusion = metrics::confusion(&decisions, &truths, &classes);
    for (i, truth) in confusion.truths.iter().enumerate() {
        let total: usize = confusion.counts[i].iter().sum();
        for (j, answer) in confusion.predicted.iter().enumerate() {
            let tip = format!("{truth} predicted as {answer}:\n{} of {total} clips", confusion.counts[i][j]);
            assert!(page.text.contains(&tip), "{tip}");
        }
    }

    let weights = Weights::read(&work.path("cv")).unwrap();
    let table = page.table("Weight of every encoder over");
    for encoder in analysis::importance(&weights) {
        let row = &table[encoder.rank - 1];
        let expected = [
            encoder.rank.to_string(),
            encoder.name.clone(),
            encoder.modality.to_string(),
            format!("{:.5}", encoder.mean),
        ];
        assert_eq!(row[..4], expected);
        assert_eq!(row[5], three(encoder.selection_frequency));
    }
    let correlation = analysis::Analysis::read(&work.path("cv/analysis")).unwrap().correlation.unwrap();
    assert!(page.text.contains(&format!("Pearson's r = {:.2}", correlation.pearson.unwrap())));

    let distance = distance(&work, &summary);
    assert!(page.text.contains(&format!("mean distance from the diagonal {distance:.3}, {} scores", 90 * 6)));
    // One number is called ECE: card, tables and figure have it.
    let ece = ece(&work, &summary);
    let tables = page.table("Metrics of the largest class")[0][6].clone();
    assert_eq!(tables, ece.text());
    assert!(page.text.contains(&format!("ECE {} (mean over runs, as in the tables)", ece.text())), "{}", ece.text());
    let card = page.text.split_once("Calibration error (ECE)").unwrap().1.split_once("div class=\"beside\"").unwrap().0;
    assert!(card.contains(&three(ece.mean)), "{card}");
    assert!(page.text.contains("blendfuse cv --data 'my pool' --out cv"), "what makes it again");
    let log: Vec<EpochLog> = log(&work, "cv/seed-0/fold-0");
    assert!(page.text.contains("epoch 1\n") && log.len() == 12);
    let losses: Vec<f64> = (0..3).map(|fold| log_of(&work, fold)[0].validation_loss.unwrap()).collect();
    let mean = format!("cv: {:.4} (", losses.iter().sum::<f64>() / 3.0);
    assert!(page.text.contains(&mean), "{mean}");
    for figure in [3, 4, 5, 6, 7, 8] {
        assert!(page.text.contains(&format!("<b>Figure {figure}: ")), "figure {figure}");
    }
}

fn log_of(work: &Workspace, fold: usize) -> Vec<EpochLog> {
    log(work, &format!("cv/seed-0/fold-{fold}"))
}

fn log(work: &Workspace, run: &str) -> Vec<EpochLog> {
    work.text(&format!("{run}/metrics.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// ECE of every run, by the definition alone: 15 bins of the largest score against how often the label's largest class has it.
fn ece(work: &Workspace, summary: &CvSummary) -> Spread {
    let largest = |row: &[f32]| (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let of_run = |run: &blendfuse::runs::CvRun| {
        let npz = format!("cv/{}/validation.npz", run.folder);
        let (scores, targets) = (work.matrix(&npz, "scores"), work.matrix(&npz, "targets"));
        let mut bins = [0.0; 15];
        for (score, target) in scores.rows().into_iter().zip(targets.rows()) {
            let (score, target) = (score.to_vec(), target.to_vec());
            let class = largest(&score);
            let confidence = f64::from(score[class]);
            bins[((confidence * 15.0) as usize).min(14)] += confidence - f64::from(u8::from(class == largest(&target)));
        }
        bins.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / scores.nrows() as f64
    };
    Spread::of(&summary.runs.iter().map(of_run).collect::<Vec<_>>())
}

/// Of all scores against the shares in the labels, ten bins.
fn distance(work: &Workspace, summary: &CvSummary) -> f64 {
    let mut bins = vec![Vec::new(); 10];
    for run in &summary.runs {
        let npz = format!("cv/{}/validation.npz", run.folder);
        let (scores, targets) = (work.matrix(&npz, "scores"), work.matrix(&npz, "targets"));
        for (&score, &target) in scores.iter().zip(&targets) {
            bins[((f64::from(score) * 10.0) as usize).min(9)].push((f64::from(score), f64::from(target)));
        }
    }
    let all: usize = bins.iter().map(Vec::len).sum();
    let error = |bin: &Vec<(f64, f64)>| (bin.iter().map(|(score, target)| score - target).sum::<f64>()).abs();
    bins.iter().map(error).sum::<f64>() / all as f64
}

/// Saved figures need nothing else, and saved tables hold the numbers of the page.
#[test]
fn figures_and_tables_are_files() {
    let work = Workspace::empty();
    let mut plan = Plan::small();
    plan.encoders[1].name = "a_b & <é> τ 50 %".into();
    plan.write(&work.path("cv"));
    plan.write_analysis(&work.path("cv"));
    let said = work.ok("report cv --out report.html --figures figures");
    assert!(!said.stderr.contains("warning"), "{}", said.stderr);
    let page = Page::read(&work, "report.html");
    let files: Vec<String> = names(&work, "figures");
    assert!(said.stdout.contains(&format!("figures ({} files)", files.len())), "{}", said.stdout);
    for stem in ["fig-importance-by-modality", "fig-similarity-of-encoders", "fig-loss", "fig-scores-of-all-methods"] {
        for extension in ["svg", "pdf"] {
            assert!(files.contains(&format!("{stem}.{extension}")), "{stem}: {files:?}");
        }
    }
    assert_eq!(page.html.matches("<figure>").count(), files.iter().filter(|name| name.ends_with(".pdf")).count());
    assert_eq!(page.html.matches("<table").count(), files.iter().filter(|name| name.ends_with(".tex")).count());
    for name in &files {
        let path = format!("figures/{name}");
        match name.rsplit_once('.').unwrap().1 {
            "svg" => svg_stands_alone(&work.text(&path), &path),
            "pdf" => pdf_is_sound(&work.bytes(&path), &path),
            "csv" => csv_is_table(&work.text(&path), &page, &path),
            _ => assert!(work.text(&path).ends_with("\\hline\n\\end{tabular}\n"), "{path}"),
        }
    }
    assert!(
        work.text("figures/table-encoder-weights.tex").contains(r"a\_b \& \textless{}é\textgreater{} $\tau$ 50 \%")
    );
    // What a link of the page saves is the file.
    for name in ["fig-loss.svg", "table-scores.csv"] {
        assert_eq!(page.saved(name), work.text(&format!("figures/{name}")), "{name}");
    }

    // Nothing is replaced without being asked.
    work.write("figures/fig-loss.pdf", "mine");
    fs::remove_file(work.path("figures/table-scores.csv")).unwrap();
    work.fails("report cv --figures figures", &["found existing files", "--force"]);
    assert_eq!(work.text("figures/fig-loss.pdf"), "mine");
    assert!(!work.path("figures/table-scores.csv").exists(), "all or nothing");
    work.ok("report cv --figures figures --force");
    pdf_is_sound(&work.bytes("figures/fig-loss.pdf"), "fig-loss.pdf");
    assert_eq!(names(&work, "figures"), files);
}

/// Of all files in a folder, in order.
fn names(work: &Workspace, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(work.path(folder)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Well-formed, every shape with a style of its own, nothing for a page's style sheet or script.
fn svg_stands_alone(svg: &str, name: &str) {
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\""), "{name}");
    let mut open: Vec<&str> = Vec::new();
    for part in svg.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("{name}: <{part}"));
        let element = tag.trim_matches('/').split_whitespace().next().unwrap();
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(element), "{name}: </{element}>"),
            (_, true) => {}
            _ => open.push(element),
        }
        for after in text.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;"].iter().any(|entity| after.starts_with(entity)), "{name}: &{after}");
        }
        if ["line", "rect", "circle", "path", "text"].contains(&element) && !tag.starts_with('/') {
            assert!(tag.contains("fill=\"#") || tag.contains("stroke=\"#"), "{name}: <{tag}>");
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} left open");
    for outside in ["class=", "data-t", "var(", "NaN"] {
        assert!(!svg.contains(outside), "{name}: {outside}");
    }
}

/// The table at its end says where each object begins, and the content is as long as it says.
fn pdf_is_sound(pdf: &[u8], name: &str) {
    let text = String::from_utf8_lossy(pdf).into_owned();
    assert!(pdf.starts_with(b"%PDF-1.7\n") && pdf.ends_with(b"%%EOF\n"), "{name}");
    assert!(!text.contains("NaN") && !text.contains("inf "), "{name}");
    let find = |wanted: &[u8]| pdf.windows(wanted.len()).rposition(|part| part == wanted).unwrap();
    let begins: usize = text.rsplit_once("startxref\n").unwrap().1.lines().next().unwrap().parse().unwrap();
    assert_eq!(begins, find(b"xref\n0 "), "{name}");
    let lines: Vec<&str> = std::str::from_utf8(&pdf[begins..]).unwrap().lines().collect();
    let count: usize = lines[1].strip_prefix("0 ").unwrap().parse().unwrap();
    for i in 1..count {
        assert_eq!(lines[2 + i].len(), 19, "{name}: with the end of line 20 bytes");
        let at: usize = lines[2 + i][..10].parse().unwrap();
        assert!(pdf[at..].starts_with(format!("{i} 0 obj\n").as_bytes()), "{name}: object {i}");
    }
    assert!(lines.contains(&"trailer"), "{name}");
    let length: usize = text.split_once("/Length ").unwrap().1.split_once(' ').unwrap().0.parse().unwrap();
    let first = pdf.windows(7).position(|part| part == b"stream\n").unwrap() + 7;
    assert!(pdf[first + length..].starts_with(b"endstream"), "{name}");
}

/// Cells that are numbers on the page are the same numbers, rounded as there.
fn csv_is_table(csv: &str, page: &Page, name: &str) {
    let stem = name.rsplit('/').next().unwrap();
    let (before, _) =
        page.html.split_once(&format!("download=\"{stem}\"")).unwrap_or_else(|| panic!("no link to {stem}"));
    let (_, table) = before.rsplit_once("<table").unwrap();
    let rows: Vec<Vec<String>> = cells_of(&Page::unescaped(table));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), records.len(), "{name}");
    for (row, record) in rows.iter().zip(&records) {
        let mut values = heads.iter().zip(record).peekable();
        for cell in row {
            let (head, value) = values.next().unwrap_or_else(|| panic!("{name}: no value for {cell}"));
            let std = values.next_if(|(next, _)| *next == format!("{head} std")).map(|(_, std)| std);
            let shown = match (cell.split_once(" ± "), std) {
                (Some((mean, _)), Some(std)) => format!("{} ± {}", rounded(value, mean), rounded(std, mean)),
                _ if cell == "–" => {
                    assert!(value.is_empty(), "{name}: {head} = {value}");
                    continue;
                }
                _ => rounded(value, cell),
            };
            assert_eq!(shown, *cell, "{name}: {head}");
        }
        assert!(values.next().is_none(), "{name}");
    }
}

/// A number to as many decimals as on the page; text as it is.
fn rounded(value: &str, like: &str) -> String {
    let decimals = like.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match (value.parse::<f64>(), like.parse::<f64>()) {
        (Ok(value), Ok(_)) => format!("{value:.decimals$}"),
        _ => value.to_owned(),
    }
}

/// 36 encoders, five folds, 2 456 clips, with CKA: under 10 s and 3 MB.
#[test]
fn a_page_of_the_papers_size() {
    let work = Workspace::empty();
    Plan::paper().write(&work.path("cv"));
    Plan::paper().write_analysis(&work.path("cv"));
    let begun = Instant::now();
    work.ok("report cv --out report.html");
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = work.bytes("report.html").len();
    assert!(seconds < 10.0 && bytes < 3_000_000, "{seconds} s, {bytes} bytes");
    let page = Page::read(&work, "report.html");
    assert!(page.text.contains("630 pairs of encoders") && page.text.contains("2456 clips"));
    println!("36 encoders, 5 folds of 2456 clips: {seconds:.2} s, {:.2} MB", bytes as f64 / 1e6);
}

#[test]
fn two_cross_validations_side_by_side() {
    let work = Workspace::empty();
    let a = Plan::small().write(&work.path("one/cv"));
    let mut plan = Plan::small().with_top_n(2);
    plan.noise = 0.4;
    let b = plan.write(&work.path("two/cv"));
    work.ok("report one/cv two/cv --out report.html");
    let page = Page::read(&work, "report.html");
    assert!(page.text.contains("<h1>one/cv · two/cv</h1>"), "two of the same name are told apart");
    let table = page.table("Mean ± standard deviation over runs. ECE");
    assert_eq!((&table[0][3], &table[1][3]), (&a.official.mean.unwrap().text(), &b.official.mean.unwrap().text()));
    assert!(!page.text.contains("Not comparable"));
    // The second has less noise: a paired test over 90 clips, no groups being known, tells them apart.
    let pair = &page.table("Paired permutation tests")[0];
    assert_eq!((pair[0].as_str(), pair[1].as_str(), pair[9].as_str()), ("two/cv", "one/cv", "yes"), "{pair:?}");
    assert_eq!(pair[10], "90 clips (no groups known)");
    assert!(page.text.contains("<b>two/cv</b> has the better mean: "), "{pair:?}");
    assert!(page.text.contains("Settings that differ: model.top_n (auto, 2)"));
    let keys = page.table("Keys changed from their default.");
    assert_eq!(keys, [["model.top_n", "auto", "auto", "2"]]);
    // n = 2 and n = 2, the default of 4 encoders, are one value; it takes two for a curve.
    assert!(page.missing().contains("Figure 2 and table V"));
}

#[test]
fn a_sweep_with_a_trial_that_failed() {
    let work = Workspace::empty();
    let plans: Vec<Plan> = [1, 3, 4].map(|n| Plan::small().with_top_n(n)).into();
    let row = |plan: &Plan, s: &CvSummary| Row {
        name: plan.name.clone(),
        runs: 3,
        official: s.official,
        honest: s.honest,
        estimate: None,
        labels: None,
    };
    let (mut trials, mut data) = (Vec::new(), Value::Null);
    for (id, plan) in plans.iter().enumerate() {
        let summary = plan.write(&work.path(&format!("sweep/trials/{id:04}")));
        trials.push(
            json!({ "id": id, "name": plan.name, "set": { "model.top_n": plan.n() }, "status": "done", "error": null,
                            "row": row(plan, &summary), "seconds": 1.0 }),
        );
        data = json!(summary.data);
    }
    trials.push(json!({ "id": 3, "name": "top_n=9", "set": { "model.top_n": 9 }, "status": "failed",
                        "error": "`model.top_n`: found n = 9", "row": null, "seconds": null }));
    work.write("sweep/sweep.toml", "");
    let summary = json!({ "kind": "sweep", "command": "blendfuse sweep --data pool --out sweep --spec top_n",
                          "versions": Versions::here(), "device": device(), "data": data, "trials": trials, "seconds": 9.0 });
    write_json(&work.path("sweep/summary.json"), &summary);
    let said = work.ok("report sweep --out report.html");
    assert!(said.stderr.contains("trial top_n=9") && said.stderr.contains("found n = 9"), "{}", said.stderr);
    let page = Page::read(&work, "report.html");
    let by_n: Vec<String> =
        page.table("This data, in cross-validation.").into_iter().map(|row| row[..2].join(" of ")).collect();
    assert_eq!(by_n, ["1 of 25 %", "3 of 75 %", "4 of 100 %"]);
    assert_eq!(page.table("Published, in cross-validation.").len(), 8);
    assert_eq!(page.table("Every trial").len(), 4);
    assert!(!page.missing().contains("Figure 2") && page.missing().contains("Table II"));

    // Without its summary the trials' own folders tell.
    fs::remove_file(work.path("sweep/summary.json")).unwrap();
    work.write("sweep/trials/0003/error.txt", "`model.top_n`: found n = 9");
    work.ok("report sweep --out report.html --force");
    let page = Page::read(&work, "report.html");
    assert_eq!(page.table("This data, in cross-validation.").len(), 3);
    assert!(page.missing().contains("found n = 9") && page.missing().contains("summary of sweep"));
}

#[test]
fn baselines_stand_beside_a_cross_validation() {
    let work = Workspace::empty();
    let summary = Plan::small().write(&work.path("cv"));
    let row = Row {
        name: "imagebind, linear".into(),
        runs: 3,
        official: summary.official,
        honest: None,
        estimate: None,
        labels: None,
    };
    let rows = [summary.trivial.clone(), vec![row]].concat();
    let told = json!({ "kind": "baselines", "command": "blendfuse baselines --data pool --out baselines", "versions": Versions::here(),
                       "device": device(), "data": summary.data, "rows": rows, "seconds": 2.0 });
    fs::create_dir(work.path("baselines")).unwrap();
    write_json(&work.path("baselines/summary.json"), &told);
    work.ok("report cv baselines --out report.html");
    let page = Page::read(&work, "report.html");
    let names: Vec<String> =
        page.table("Mean ± standard deviation over runs.").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 4, "the trivial ones stand there once: {names:?}");
    assert!(page.table("Published results on the test clips").iter().any(|row| row[0] == "imagebind, linear"));
    assert!(!page.missing().contains("Baselines"));
    work.ok("report baselines --out alone.html");
    assert!(Page::read(&work, "alone.html").text.contains("imagebind, linear"));
}

#[test]
fn what_is_missing_is_named_and_the_rest_reported() {
    let work = Workspace::empty();
    Plan::small().write(&work.path("cv"));
    let run = |fold: usize, file: &str| format!("cv/seed-0/fold-{fold}/{file}");
    fs::remove_file(work.path("cv/summary.json")).unwrap();
    fs::remove_file(work.path(&run(0, "summary.json"))).unwrap();
    let text = work.text(&run(0, "metrics.jsonl"));
    work.write(&run(0, "metrics.jsonl"), &text[..text.len() - 40]);
    let npz = work.bytes(&run(1, "validation.npz"));
    fs::write(work.path(&run(1, "validation.npz")), &npz[..npz.len() / 2]).unwrap();
    fs::remove_file(work.path(&run(2, "validation.npz"))).unwrap();
    let said = work.ok("report cv --out report.html");
    let page = Page::read(&work, "report.html");
    for part in [
        "honest scores and unfinished folds of cv",
        "summary and final scores of seed 0 fold 0",
        "part of the learning curves of seed 0 fold 0",
        "scores and encoder weights per clip of seed 0 fold 1",
        "scores and encoder weights per clip of seed 0 fold 2",
    ] {
        assert!(page.missing().contains(part) && said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
    for command in [
        "blendfuse cv --data 'my pool' --out cv",
        "blendfuse train --data DATA --out cv/seed-0/fold-0 --resume",
        "blendfuse analyze cv --data 'my pool'",
        "blendfuse sweep --data 'my pool' --out top_n --spec top_n",
        "blendfuse baselines --data 'my pool' --out baselines",
    ] {
        assert!(page.missing().contains(command), "{command}");
    }
    assert!(page.text.contains("Incomplete: ") && page.text.contains("Accuracy") | page.text.contains("Figure 4"));
    assert_eq!(page.table("Every run: validation clips").len(), 3);

    work.write("cv/summary.json", "{ \"kind\": \"cv\", ");
    work.ok("report cv --out report.html --force");
    assert!(Page::read(&work, "report.html").missing().contains("summary.json: unexpected contents"));
    work.write("cv/analysis/analysis.json", "[]");
    work.ok("report cv --out report.html --force");
    assert!(Page::read(&work, "report.html").missing().contains("(CKA) of cv (figures 7 and 8)"));
}

#[test]
fn a_folder_with_nothing_to_report_is_an_error() {
    let work = Workspace::empty();
    work.fails("report nowhere --out report.html", &["nowhere: found no such folder"]);
    fs::create_dir(work.path("empty")).unwrap();
    work.fails("report empty --out report.html", &["empty: found no files"]);
    work.write("broken/metrics.jsonl", "{");
    work.write("broken/summary.json", "{");
    work.write("broken/validation.npz", "PK");
    work.fails("report broken --out report.html", &["broken: found no readable results", "line 1 is not an epoch"]);
    Plan::small().write(&work.path("cv"));
    work.fails("report cv broken --out report.html", &["broken: found no readable results"]);
    work.fails("report cv --out nowhere/report.html", &["nowhere/report.html: found no folder nowhere"]);
    assert_eq!(work.run("report --out report.html").code, 2);
    assert_eq!(work.run("report cv").code, 2);
}

#[test]
fn names_are_text_whatever_is_in_them() {
    let work = Workspace::empty();
    let mut plan = Plan::small();
    plan.encoders[1].name = "<script>alert(\"1\")</script> & 'é'".into();
    plan.write(&work.path("cv <b>"));
    plan.write_analysis(&work.path("cv <b>"));
    // The workspace splits lines at spaces.
    fs::rename(work.path("cv <b>"), work.path("<b>&")).unwrap();
    work.ok("report <b>& --out report.html");
    let page = Page::read(&work, "report.html");
    assert!(page.text.contains("<script>alert(\"1\")</script> & 'é'"), "as text");
    assert!(!page.html.contains("<script>alert") && !page.html.contains("<h1><b>"));
}

#[test]
fn real_runs() {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 1");
    work.train("cpu", "--out all --all");
    work.ok("report run --out run.html");
    let page = Page::read(&work, "run.html");
    let summary = work.json("run/summary.json");
    assert_eq!(page.table("Mean ± standard deviation over runs.")[0][2], three(summary["presence"].as_f64().unwrap()));
    assert!(page.text.contains(&format!(
        "blendfuse train --data pool --device cpu {}",
        SMALL.split_whitespace().collect::<Vec<_>>().join(" ")
    )));
    let said = work.ok("report all --out all.html");
    assert!(!said.stderr.contains("warning"), "nothing is wrong with a run on all clips: {}", said.stderr);
    assert!(Page::read(&work, "all.html").missing().contains("trained on all clips; none were held out"));

    // A run that was stopped.
    fs::remove_file(work.path("run/summary.json")).unwrap();
    fs::remove_file(work.path("run/validation.npz")).unwrap();
    work.ok("report run --out run.html --force");
    let page = Page::read(&work, "run.html");
    assert!(page.missing().contains("--out run --resume"));
    let best = work.log("run").into_iter().rev().find(|epoch| epoch["best"] == true).unwrap();
    assert_eq!(page.table("Mean ± standard deviation over runs.")[0][2], three(best["presence"].as_f64().unwrap()));
}

fn three(value: f64) -> String {
    format!("{value:.3}")
}

/// A page, checked as every page is: well-formed, complete in itself, no id twice.
struct Page {
    html: String,
    /// With its entities resolved
    text: String,
}

impl Page {
    fn read(work: &Workspace, name: &str) -> Self {
        let html = work.text(name);
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<img"] {
            assert!(!html.contains(outside), "{name}: {outside}");
        }
        well_formed(&html, Path::new(name));
        let text = Self::unescaped(&html);
        Self { html, text }
    }

    fn unescaped(html: &str) -> String {
        html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
    }

    /// What the link of this name saves.
    fn saved(&self, name: &str) -> String {
        let (_, rest) = self.html.split_once(&format!("download=\"{name}\" href=\"data:")).unwrap();
        let data = rest.split_once('"').unwrap().0.split_once(',').unwrap().1;
        let mut parts = data.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(part[2..].bytes());
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Cells of the first table whose caption begins so.
    fn table(&self, caption: &str) -> Vec<Vec<String>> {
        let begins = format!("<caption>{caption}");
        let (_, rest) = self.text.split_once(&begins).unwrap_or_else(|| panic!("no table {caption:?}"));
        cells_of(rest)
    }

    /// The list of what is missing.
    fn missing(&self) -> &str {
        self.text.split_once("<section id=\"missing\"").map_or("", |(_, rest)| rest)
    }
}

/// Texts of the body of the first table.
fn cells_of(html: &str) -> Vec<Vec<String>> {
    let body = html.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let text = |cell: &str| cell.split_once('>').unwrap().1.split("</td>").next().unwrap().to_owned();
    let cells = |row: &str| row.split("<td").skip(1).map(text).collect();
    body.split("<tr").skip(1).map(cells).collect()
}

/// Every element that begins ends in its place; no attribute and no id stands twice.
fn well_formed(html: &str, name: &Path) {
    let mut open: Vec<&str> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("tags end");
        rest = after;
        let element = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(element), "{}: </{element}>", name.display());
            continue;
        }
        let mut attributes = BTreeSet::new();
        for part in tag.split('"').step_by(2).filter_map(|part| part.trim().strip_suffix('=')) {
            assert!(attributes.insert(part.split_whitespace().last().unwrap()), "{}: <{tag}>", name.display());
        }
        if let Some((_, id)) = tag.split_once(" id=\"") {
            assert!(ids.insert(id.split('"').next().unwrap()), "{}: id twice in <{tag}>", name.display());
        }
        if !["meta", "input"].contains(&element) {
            open.push(element);
        }
        if ["style", "script"].contains(&element) {
            rest = &rest[rest.find(&format!("</{element}>")).expect("it ends")..];
        }
    }
    assert!(open.is_empty(), "{}: {open:?} left open", name.display());
}
