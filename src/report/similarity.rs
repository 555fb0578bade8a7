//! Section "Similarity": CKA of encoders, and CKA against co-selection, as in figures 7 and 8 of the paper.

use super::chart::Ink;
use super::chart::heatmap::{self, heatmap};
use super::chart::scatter::{Point, scatter};
use super::encoders::colour;
use super::experiment::Experiment;
use super::page::{Cell, Row, Table, WideGrid, each, figure, folded, numbered, published};
use crate::analysis::{Analysis, EncoderPair};
use crate::data::Modality;
use maud::{Markup, html};

/// Maximum number of encoders in a figure; `analyze` writes all.
const DRAWN: usize = 60;

/// Maximum number of encoders in a matrix with values in its cells.
const MAX_WITH_VALUES: usize = 12;

/// Colour of pairs across modalities.
const MIXED: usize = 3;

pub fn section(experiments: &[&Experiment]) -> Markup {
    each(experiments, |experiment| Some(of_experiment(experiment, experiment.analysis.as_ref()?)))
}

fn of_experiment(experiment: &Experiment, analysis: &Analysis) -> Markup {
    let blemore = experiment.task().blemore;
    let all: usize = experiment.scored().map(|scored| scored.names.len()).sum();
    let clips = if all == analysis.clips { experiment.clips() } else { format!("{} clips", analysis.clips) };
    let Some(cka) = &analysis.cka else { return html! {} };
    let drawn = drawn(analysis);
    let names: Vec<String> = drawn.iter().map(|&k| analysis.encoders[k].name.clone()).collect();
    html! {
        // A large matrix uses the whole width.
        @if drawn.len() > MAX_WITH_VALUES { (matrix(analysis, cka, &drawn, &names, blemore, &clips)) (WideGrid(vec![cloud(analysis, &names, blemore, &clips)])) }
        @else { (WideGrid(vec![matrix(analysis, cka, &drawn, &names, blemore, &clips), cloud(analysis, &names, blemore, &clips)])) }
        (folded("Most similar pairs as a table", pairs(analysis)))
    }
}

/// Returns the most important encoders, by modality, then in the pool's order.
fn drawn(analysis: &Analysis) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..analysis.encoders.len()).filter(|&k| analysis.importance[k].rank <= DRAWN).collect();
    order.sort_by_key(|&k| analysis.encoders[k].modality);
    order
}

fn matrix(
    analysis: &Analysis,
    cka: &[Vec<f64>],
    drawn: &[usize],
    names: &[String],
    blemore: bool,
    clips: &str,
) -> Markup {
    let cell = |i: usize, j: usize| {
        let (a, b) = (drawn[i], drawn[j]);
        heatmap::Cell {
            shade: cka[a][b],
            text: if drawn.len() <= MAX_WITH_VALUES { format!("{:.2}", cka[a][b]) } else { String::new() },
            tip: format!(
                "{}\n{}\nCKA {:.3}\nselected together for {:.1} % of the clips",
                names[i],
                names[j],
                cka[a][b],
                100.0 * analysis.co_selection[a][b]
            ),
            framed: false,
        }
    };
    let size = if drawn.len() <= MAX_WITH_VALUES { (32.0, 26.0) } else { (16.0, 15.0) };
    let caption = html! {
        "Linear CKA between the projected embeddings of two encoders, from 0 (unrelated) to 1 (equal up to \
         rotation and scale), mean over " (analysis.runs.len()) " models, each on its own validation clips (" (clips) " in total)."
        (published(blemore, "clusters within families of encoders; low similarity between video and audio."))
    };
    let title = numbered(blemore, 7, "similarity of encoders");
    figure(&title, caption, heatmap("CKA between encoders", names, names, size, cell))
}

fn cloud(analysis: &Analysis, names: &[String], blemore: bool, clips: &str) -> Markup {
    let modality = |name: &String| analysis.encoders.iter().find(|e| e.name == *name).map(|encoder| encoder.modality);
    let point = |pair: &EncoderPair| {
        let same = modality(&pair.a).filter(|a| modality(&pair.b) == Some(*a));
        Some(Point {
            x: pair.cka?,
            y: pair.co_selection,
            colour: same.map_or(MIXED, colour),
            tip: format!(
                "{}\n{}\nCKA {:.3}\nselected together for {:.1} % of the clips",
                pair.a,
                pair.b,
                pair.cka?,
                100.0 * pair.co_selection
            ),
        })
    };
    let shown = analysis.pairs.iter().filter(|pair| names.contains(&pair.a) && names.contains(&pair.b));
    let points: Vec<Point> = shown.filter_map(point).collect();
    let key = pair_key(analysis, &points);
    let text = |r: Option<f64>| r.map_or("undefined".to_owned(), |r| format!("{r:.2}"));
    let caption = html! {
        (points.len()) " pairs of encoders: CKA against the fraction of " (clips) " for which both are selected. "
        @if let Some(correlation) = &analysis.correlation {
            "Correlation: Pearson's r = " (text(correlation.pearson)) ", Spearman's ρ = " (text(correlation.spearman)) ". "
        }
        @for (i, (ink, name)) in key.iter().enumerate() {
            @if i > 0 { ", " }
            i class=(format!("chip full {}", ink.class())) {} (name)
        }
        (published(blemore, "a negative trend: similar encoders are rarely selected together."))
    };
    let drawing = scatter("CKA against co-selection", ("CKA", "kept together"), &points, trend(&points)).with_key(key);
    figure(&numbered(blemore, 8, "similarity and co-selection"), caption, drawing)
}

/// Returns the colours of pairs within each modality and across two; empty for a single modality.
fn pair_key(analysis: &Analysis, points: &[Point]) -> Vec<(Ink, String)> {
    let modalities = Modality::distinct(analysis.encoders.iter().map(|encoder| encoder.modality));
    if modalities.len() < 2 {
        return Vec::new();
    }
    let within = modalities.iter().map(|modality| (colour(*modality), format!("both {modality}")));
    let all = within.chain([(MIXED, "two modalities".to_owned())]);
    let drawn = all.filter(|(colour, _)| points.iter().any(|point| point.colour == *colour));
    drawn.map(|(colour, name)| (Ink::Point(colour), name)).collect()
}

/// Returns intercept and slope of the least-squares line; `None` if all x are equal.
fn trend(points: &[Point]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.x).sum::<f64>() / n, points.iter().map(|p| p.y).sum::<f64>() / n);
    let spread: f64 = points.iter().map(|p| (p.x - x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.x - x) * (p.y - y)).sum::<f64>() / spread;
    (spread > 0.0).then_some((y - slope * x, slope))
}

fn pairs(analysis: &Analysis) -> Table<'static> {
    let mut all: Vec<&EncoderPair> = analysis.pairs.iter().filter(|pair| pair.cka.is_some()).collect();
    all.sort_by(|a, b| b.cka.unwrap_or(0.0).total_cmp(&a.cka.unwrap_or(0.0)));
    let row = |pair: &&EncoderPair| {
        Row::from(vec![
            Cell::Text(pair.a.clone()),
            Cell::Text(pair.b.clone()),
            Cell::number(pair.cka),
            Cell::Number(pair.co_selection),
        ])
    };
    Table {
        name: "most-similar-pairs",
        caption: "The 30 pairs with the highest CKA; analysis/pairs.csv in the folder lists all.",
        groups: &[],
        columns: &["encoder", "encoder", "CKA", "kept together"],
        rows: all.iter().take(30).map(row).collect(),
    }
}
