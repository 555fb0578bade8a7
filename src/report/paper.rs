//! Section "Comparison with the paper": tables I, II and V and figure 2 for this data, beside the published values.

use super::chart::Ink;
use super::chart::lines::{Line, Look, Panel, lines};
use super::files::Missing;
use super::folder::{Folder, Kind};
use super::page::{Cell, Grid, Row, Table, figure};
use super::published::{ABLATION, BY_N, ENCODERS, MAIN, Published};
use super::setting::{Method, Setting};
use crate::scoring::metrics::RankBy;
use crate::scoring::scores::Spread;
use maud::{Markup, html};

/// Keys in which compared methods may differ: they change how results are computed, not the method.
const IGNORED_KEYS: [&str; 3] = ["train.seed", "engine.precision", "engine.features"];

/// Renders the tables; returns the parts that the folders, all with BlEmoRE's labels, lack.
pub fn section(folders: &[&Folder]) -> (Markup, Vec<Missing>) {
    let mut missing = Vec::new();
    if folders.is_empty() {
        return (html! {}, missing);
    }
    let methods: Vec<Method> = folders.iter().flat_map(|folder| folder.all_methods()).collect();
    let data = folders.iter().find_map(|folder| Some(folder.experiment.as_ref()?.pool_arguments()));
    let (data, reading) = data.unwrap_or_else(|| ("DATA".into(), String::new()));
    let mut lacks = |what: &str, why: &str, remedy: String| missing.push(Missing::more(what, why, Some(remedy)));
    let ablation = ablation(&methods);
    if ablation.is_none() {
        let remedy = format!("blendfuse sweep --data {data} --out ablation --spec ablation{reading}");
        lacks("Table II (ablations)", "found fewer than two of the ablations in the folders", remedy);
    }
    let by_n = by_n(&methods);
    if by_n.is_none() {
        let remedy = format!("blendfuse sweep --data {data} --out top_n --spec top_n{reading}");
        lacks(
            "Figure 2 and table V (score by top n)",
            "found fewer than two values of model.top_n in the folders",
            remedy,
        );
    }
    if !folders.iter().any(|folder| folder.kind == Kind::Baselines) {
        let remedy = format!("blendfuse baselines --data {data} --out baselines{reading}");
        lacks("Baselines in table I", "found no baselines folder", remedy);
    }
    let body = html! {
        p { "Published values: the paper's 36 encoders and, in table I, the challenge's test clips, whose labels are not public. \
             This data: held-out training clips. Compare trends, not absolute values." }
        (main_table(folders))
        @if let Some(table) = &ablation { (table) }
        @if let Some(table) = &by_n { (table) }
    };
    (body, missing)
}

fn main_table(folders: &[&Folder]) -> Markup {
    let tick = |is: Option<bool>| Cell::Text(is.map_or("–", |is| if is { "yes" } else { "no" }).into());
    let published = |row: &Published| {
        let figures = [row.presence, row.salience, row.mean].map(Cell::number);
        let first =
            [Cell::Text(row.method.into()), Cell::Text(row.encoders.into()), tick(row.adapts), tick(row.selects)];
        Row::from(first.into_iter().chain(figures).chain([Cell::None]).collect::<Vec<_>>())
    };
    let own = |method: &Method| {
        let official = method.row.official;
        let setting = method.setting.as_ref();
        let mut cells = vec![
            Cell::Text(method.row.name.clone()),
            Cell::Text(setting.map_or("–".into(), Setting::pool)),
            tick(setting.and_then(Setting::adapts)),
            tick(setting.and_then(Setting::selects)),
        ];
        cells.extend(official.all().map(Cell::spread));
        cells.push(Cell::spread(method.row.spread(RankBy::Mean, true)));
        Row { cells, strong: setting.is_some() }
    };
    let rows = MAIN.iter().map(published).chain(of_main_table(folders).iter().map(own)).collect();
    let table = Table {
        name: "main-results",
        caption: "Published results on the test clips, then this data on held-out clips; –: unknown, or not in the paper's text.",
        groups: &[("", 4), ("official", 3), ("honest", 1)],
        columns: &["method", "encoders", "adaptation", "top n", "presence", "salience", "mean", "mean"],
        rows,
    };
    html! { h3 { "Table I: main results" } (table) }
}

/// Returns all methods; of a sweep, only the best trial of each kind that the table distinguishes.
fn of_main_table(folders: &[&Folder]) -> Vec<Method> {
    let mut all: Vec<Method> = Vec::new();
    for folder in folders {
        if folder.kind != Kind::Sweep {
            all.extend(folder.all_methods());
            continue;
        }
        let kind = |method: &Method| {
            method.setting.as_ref().map(|setting| (setting.encoders.len() == 1, setting.adapts(), setting.selects()))
        };
        let figure = |method: &Method| method.row.spread(RankBy::Mean, false).map(|spread| spread.mean);
        let mut best: Vec<&Method> = Vec::new();
        for method in &folder.methods {
            match best.iter_mut().find(|other| kind(other) == kind(method)) {
                Some(other) if figure(method) > figure(other) => *other = method,
                Some(_) => {}
                None => best.push(method),
            }
        }
        all.extend(best.into_iter().cloned());
    }
    let trivial =
        folders.iter().filter_map(|folder| folder.experiment.as_ref()).flat_map(|experiment| &experiment.trivial);
    for row in trivial {
        if !all.iter().any(|method| method.row.name == row.name && method.row.official == row.official) {
            all.push(Method { row: row.clone(), setting: None });
        }
    }
    all
}

/// Returns the largest group of methods that differ in `keys` only, each with its `place`.
fn group<'a, T: PartialEq>(
    methods: &'a [Method],
    keys: &[&str],
    place: impl Fn(&Setting) -> Option<T>,
) -> Vec<(T, &'a Method)> {
    let keys = [keys, &IGNORED_KEYS].concat();
    let mut best: Vec<(T, &Method)> = Vec::new();
    for first in methods.iter().filter_map(|method| method.setting.as_ref()) {
        let mut members: Vec<(T, &Method)> = Vec::new();
        for method in methods {
            let Some(setting) = method.setting.as_ref().filter(|s| s.without(&keys) == first.without(&keys)) else {
                continue;
            };
            let Some(place) = place(setting) else { continue };
            if !members.iter().any(|(other, _)| *other == place) {
                members.push((place, method));
            }
        }
        if members.len() > best.len() {
            best = members;
        }
    }
    best
}

/// Table II; `None` with fewer than two of the ablations.
fn ablation(methods: &[Method]) -> Option<Markup> {
    let place = |setting: &Setting| match (setting.has_gate()?, setting.has_two_heads()?) {
        (true, true) => Some(0),
        (false, true) => Some(1),
        (false, false) => Some(2),
        (true, false) => None,
    };
    let found = group(methods, &["model.attention", "model.heads", "model.top_n"], place);
    if found.len() < 2 {
        return None;
    }
    let row = |(i, (name, published)): (usize, &(&str, f64))| {
        let own = found.iter().find(|(place, _)| *place == i).map(|(_, method)| &method.row);
        let spread = |honest| Cell::spread(own.and_then(|row| row.spread(RankBy::Mean, honest)));
        Row::from(vec![
            Cell::Text((*name).into()),
            Cell::Number(*published),
            spread(false),
            spread(true),
            Cell::Text(own.map_or("–".into(), |row| row.name.clone())),
        ])
    };
    let table = Table {
        name: "ablations",
        caption: "Mean score in cross-validation.",
        groups: &[("", 1), ("published", 1), ("this data", 3)],
        columns: &["configuration", "score", "official", "honest", "method"],
        rows: ABLATION.iter().enumerate().map(row).collect(),
    };
    Some(html! { h3 { "Table II: ablations" } (table) })
}

/// Figure 2 and table V; `None` with fewer than two values of n.
fn by_n(methods: &[Method]) -> Option<Markup> {
    let mut found = group(methods, &["model.top_n"], |setting| setting.has_gate()?.then(|| setting.n())?);
    if found.len() < 2 {
        return None;
    }
    found.sort_by_key(|(n, _)| *n);
    let k = found[0].1.setting.as_ref()?.encoders.len();
    let share = |n: usize, k: usize| 100.0 * n as f64 / k as f64;
    let own = |scores: fn(&Method) -> Option<Spread>| -> Vec<(f64, Spread)> {
        found.iter().filter_map(|(n, method)| Some((share(*n, k), scores(method)?))).collect()
    };
    let official = own(|method| method.row.spread(RankBy::Mean, false));
    let honest = own(|method| method.row.spread(RankBy::Mean, true));
    let published: Vec<(f64, f64)> = BY_N.iter().map(|(n, mean)| (share(*n, ENCODERS), *mean)).collect();
    let line = |points: &[(f64, Spread)], colour| Line {
        points: points.iter().map(|(x, spread)| (*x, spread.mean)).collect(),
        colour,
        look: Look::Marked,
    };
    let mut tips: Vec<(f64, String)> = BY_N
        .iter()
        .map(|(n, mean)| (share(*n, ENCODERS), format!("published, n = {n} of {ENCODERS}: {mean:.3}")))
        .collect();
    tips.extend(found.iter().map(|(n, method)| {
        let text = |kind: &str, honest| {
            let spread = method.row.spread(RankBy::Mean, honest);
            spread.map(|spread| format!("\n{kind} {}", spread.text())).unwrap_or_default()
        };
        let figures = text("official", false) + &text("honest", true);
        (share(*n, k), format!("this data, n = {n} of {k}:{figures}"))
    }));
    tips.sort_by(|a, b| a.0.total_cmp(&b.0));
    tips.dedup_by(|later, earlier| {
        let same = (later.0 - earlier.0).abs() < 1e-9;
        if same {
            earlier.1 = format!("{}\n{}", earlier.1, later.1);
        }
        same
    });
    let whiskers = official.iter().filter_map(|(x, spread)| Some((*x, spread.mean, spread.std?, 0))).collect();
    let all = [Line { points: published, colour: 5, look: Look::Marked }, line(&official, 0), line(&honest, 1)];
    let panel = Panel { title: "mean score", x: "encoders kept, % of all", log: false, tips, whiskers };
    let caption = html! {
        "Mean score in cross-validation against the percentage of encoders kept per clip, " (found[0].1.row.runs) " runs each: "
        i.chip.full.s0 {} "official ± std, " i.chip.full.s1 {} "honest, " i.chip.full.s5 {} "published (36 encoders)."
    };
    let key = [(Ink::Line(0), "official ± std"), (Ink::Line(1), "honest"), (Ink::Line(5), "published")];
    let key = key.map(|(ink, name)| (ink, name.to_owned()));
    let row = |(n, method): &(usize, &Method)| {
        let official = method.row.official;
        let first = [Cell::Count(*n), Cell::Text(format!("{:.0} %", share(*n, k)))];
        let spreads = official.all().map(Cell::spread);
        let honest = Cell::spread(method.row.spread(RankBy::Mean, true));
        Row::from(first.into_iter().chain(spreads).chain([honest]).collect::<Vec<_>>())
    };
    let table = Table {
        name: "top-n",
        caption: "This data, in cross-validation.",
        groups: &[("", 2), ("official", 3), ("honest", 1)],
        columns: &["n", "of all", "presence", "salience", "mean", "mean"],
        rows: found.iter().map(row).collect(),
    };
    let published = Table {
        name: "top-n-published",
        caption: "Published, in cross-validation.",
        groups: &[],
        columns: &["n", "of all", "mean"],
        rows: BY_N
            .iter()
            .map(|(n, mean)| {
                vec![Cell::Count(*n), Cell::Text(format!("{:.0} %", share(*n, ENCODERS))), Cell::Number(*mean)].into()
            })
            .collect(),
    };
    Some(html! {
        h3 { "Figure 2 and table V: score by the number of encoders kept" }
        (Grid(vec![figure("Figure 2: score by top n", caption, lines(&panel, &all).with_key(key)), html! { div { (published) } }]))
        (table)
    })
}
