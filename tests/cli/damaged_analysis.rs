//! A damaged `analysis.json` is listed as missing by `report`; it never ends the program, and never makes a figure.

use crate::results::Plan;
use crate::workspace::Workspace;
use blendfuse::report::{Folder, report};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// A small cross-validation, and its `analysis.json` with contributions.
fn analysed(work: &Workspace) -> Value {
    Plan::small().write(&work.path("cv"));
    Plan::small().write_analysis(&work.path("cv"));
    let mut analysis = work.json("cv/analysis/analysis.json");
    let names: Vec<String> =
        analysis["encoders"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap().to_owned()).collect();
    let lost = json!({ "score": { "mean": 0.1, "std": 0.01 }, "loss": { "mean": 0.2, "std": null } });
    let one = |name: &str, members: &[&String]| {
        json!({ "name": name, "members": members, "gate_weight": 0.25, "selection_frequency": 0.5,
                "permuted": lost, "masked": lost, "probe": { "score": 0.3, "r2": -0.1 } })
    };
    analysis["contributions"] = json!({
        "rank_by": "mean", "repeats": 5, "seed": 0, "family_cka": 0.9, "base": { "score": 0.4, "loss": 1.2 },
        "encoders": names.iter().map(|name| one(name, &[name])).collect::<Vec<_>>(),
        "families": [one("family 1", &[&names[0], &names[1]])],
        "agreement": [{ "measure": "permuted_loss", "gate_weight": 0.9, "planted": null }],
        "removals": [{ "removed": 1, "order": "random", "lost": lost }],
    });
    analysis
}

/// Whether the report lists the analysis as damaged; `Err`: it panics.
fn is_listed(cv: &Path, text: &str) -> Result<bool, ()> {
    std::fs::write(cv.join("analysis/analysis.json"), text).unwrap();
    let page = catch_unwind(AssertUnwindSafe(|| {
        let folder = Folder::read(cv, "cv").unwrap();
        report(vec![folder], &[], "blendfuse report").unwrap()
    }));
    let listed = page.map_err(drop)?.missing;
    Ok(listed.iter().any(|missing| missing.damage && missing.what.contains("(CKA)")))
}

/// Every place of a value: of lists, the first and the last.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| places(value, format!("{at}/{name}"), found)),
        Value::Array(items) => {
            for i in [0, items.len().saturating_sub(1)] {
                if let Some(item) = items.get(i) {
                    places(item, format!("{at}/{i}"), found);
                }
            }
        }
        _ => {}
    }
    found.push(at);
}

/// Everything that a value of JSON can be replaced by, and lists of other lengths.
fn damaged(value: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Null,
        json!([]),
        json!({}),
        json!(""),
        json!("x"),
        json!(0),
        json!(-1),
        json!(7),
        json!(0.5),
        json!(1e300),
        json!(-1e300),
        json!(u64::MAX),
    ];
    if let Value::Array(items) = value {
        all.extend([
            items[..items.len().saturating_sub(1)].into(),
            [&items[..], &items[..items.len().min(1)]].concat().into(),
        ]);
        all.push(items.iter().rev().cloned().collect());
        all.push(items.iter().cycle().take(40 * items.len()).cloned().collect());
    }
    all
}

#[test]
fn no_damage_to_an_analysis_ends_the_report() {
    let work = Workspace::empty();
    let (analysis, cv) = (analysed(&work), work.path("cv"));
    assert_eq!(is_listed(&cv, &analysis.to_string()), Ok(false), "it is not damaged");
    let (mut all, mut panics, mut listed) = (0, Vec::new(), 0);
    let mut found = Vec::new();
    places(&analysis, String::new(), &mut found);
    for place in &found {
        for value in damaged(analysis.pointer(place).unwrap()) {
            let mut changed = analysis.clone();
            *changed.pointer_mut(place).unwrap() = value.clone();
            all += 1;
            match is_listed(&cv, &changed.to_string()) {
                Ok(is) => listed += usize::from(is),
                Err(()) => panics.push(format!("{place} = {value:.60}")),
            }
        }
    }
    let text = analysis.to_string();
    for length in (0..text.len()).step_by(text.len() / 40) {
        assert_eq!(is_listed(&cv, &text[..length]), Ok(true), "cut to {length} bytes");
    }
    assert!(panics.is_empty(), "{} of {all} panic:\n{}", panics.len(), panics.join("\n"));
    assert!(all > 1000 && listed > all / 2, "{listed} of {all} are listed as damaged");
}

#[test]
fn lists_that_do_not_fit_each_other_are_listed() {
    let work = Workspace::empty();
    let (analysis, cv) = (analysed(&work), work.path("cv"));
    for (place, value) in [
        ("/importance", json!([])),
        ("/importance/0/rank", json!(9)),
        ("/importance/1/name", json!("other")),
        ("/importance/0/per_run", json!([0.1])),
        ("/cka", json!([[1.0]])),
        ("/cka/1", json!([])),
        ("/cka/1/0", json!(17.0)),
        ("/co_selection/3", json!([1.0])),
        ("/pairs", json!([])),
        ("/pairs/0/a", json!("other")),
        ("/encoders", json!([])),
        ("/runs", json!([])),
        ("/distributions/0/shares", json!([])),
        ("/contributions/encoders", json!([])),
        ("/contributions/families/0/members", json!(["other"])),
    ] {
        let mut changed = analysis.clone();
        *changed.pointer_mut(place).unwrap() = value;
        assert_eq!(is_listed(&cv, &changed.to_string()), Ok(true), "{place}");
    }
    work.write("cv/analysis/analysis.json", &analysis.to_string().replace("\"rank\":1,", "\"rank\":2,"));
    let said = work.ok("report cv --out report.html");
    assert!(said.stderr.contains("importance: found ranks other than 1 to 4"), "{}", said.stderr);
}
