//! `metrics.jsonl` damaged in every way: a resumed run repairs it by epoch number, the report reads past the damage.

use crate::workspace::Workspace;

const RESUME: &str = "train --data pool --out run --resume --device cpu";

/// A run of five epochs, and the lines of its log.
fn trained() -> (Workspace, Vec<String>) {
    let work = Workspace::with_pool();
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=5");
    let lines = work.text("run/metrics.jsonl").lines().map(|line| format!("{line}\n")).collect();
    (work, lines)
}

#[test]
fn a_resumed_run_repairs_its_log() {
    let (work, lines) = trained();
    let whole = lines.concat();
    let [one, two, three, four, five] = <[String; 5]>::try_from(lines).unwrap();
    let torn = &four[..four.len() / 2];
    let (two_more, six) = (two.clone(), five.replace("\"epoch\":5", "\"epoch\":6"));
    let cases: [(&str, String, Option<&str>); 7] = [
        ("whole", whole.clone(), None),
        ("out of order and twice", [&two[..], &one, &three, &five, &four, &two_more].concat(), None),
        ("an epoch that was not saved, and a part of the next", [&whole[..], &six, torn].concat(), None),
        ("no last newline", whole.trim_end().to_owned(), None),
        // The torn line has swallowed the next one.
        ("torn", [&one[..], &two, &three, torn, &five].concat(), Some("found no line for epochs 4 to 5;")),
        ("zeros", [&one[..], "\0\0\0\0\n", &four].concat(), Some("found no line for epochs 2 to 3, 5;")),
        ("emptied", String::new(), Some("found no line for epochs 1 to 5;")),
    ];
    for (name, damaged, expected) in cases {
        work.write("run/metrics.jsonl", &damaged);
        let said = work.ok(RESUME);
        let warning = said.stderr.lines().find(|line| line.starts_with("warning: run/metrics.jsonl: "));
        match expected {
            None => {
                assert_eq!(warning, None, "{name}");
                assert!(work.text("run/metrics.jsonl") == whole, "{name}");
            }
            Some(expected) => {
                assert!(warning.is_some_and(|warning| warning.contains(expected)), "{name}: {}", said.stderr);
                let epochs: Vec<u64> = work.log("run").iter().map(|line| line["epoch"].as_u64().unwrap()).collect();
                assert!(epochs.is_sorted() && epochs.iter().all(|epoch| *epoch <= 5), "{name}: {epochs:?}");
            }
        }
    }
    std::fs::remove_file(work.path("run/metrics.jsonl")).unwrap();
    let said = work.ok(RESUME);
    assert!(said.stderr.contains("found no line for epochs 1 to 5"), "{}", said.stderr);
}

#[test]
fn the_report_reads_past_damage() {
    let (work, lines) = trained();
    let torn = &lines[2][..lines[2].len() / 2];
    // The torn line swallows the one after it.
    work.write(
        "run/metrics.jsonl",
        &[&lines[0], &lines[1], torn, &lines[3], &lines[4], &lines[1]].map(|line| line.to_owned()).concat(),
    );
    let said = work.ok("report run --out report.html");
    let page = work.text("report.html");
    for part in ["line 3 is not an epoch", "found epoch 2 more than once", "found no line for epochs 3 to 4"] {
        assert!(page.contains(part) && said.stderr.contains(part), "{part}\n{}", said.stderr);
    }
    assert!(page.contains("Learning curves"), "the other epochs are shown");
}
