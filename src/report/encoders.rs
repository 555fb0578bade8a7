//! Section "Encoders": fusion weights, as in figures 3 to 6 of the paper.

use super::chart::Ink;
use super::chart::bars::{Bar, bars};
use super::chart::boxes::{Distribution, boxes};
use super::chart::heatmap::{self, heatmap};
use super::experiment::Experiment;
use super::page::{Cell, Row, Table, WideGrid, each, figure, folded, numbered, published};
use crate::analysis::{self, Importance, WeightKind, Weights};
use crate::data::Modality;
use crate::host::ui::count;
use maud::{Markup, html};

/// Maximum number of encoders in a figure; the table lists all.
const DRAWN: usize = 40;

pub fn section(experiments: &[&Experiment]) -> Markup {
    // A single encoder always has weight 1.
    each(experiments, |experiment| {
        let weights = experiment.weights.as_ref().filter(|weights| weights.encoders.len() > 1)?;
        Some(of_experiment(experiment, weights))
    })
}

/// Returns the colour number of a modality.
pub fn colour(modality: Modality) -> usize {
    match modality {
        Modality::Video => 0,
        Modality::Audio => 1,
        Modality::Multimodal => 2,
        Modality::Other(_) => [3, 4, 0, 1, 2][modality.other().unwrap_or_default() % 5],
        Modality::Unknown => 5,
    }
}

/// Returns the key of a saved drawing: colours of modalities.
fn key(importance: &[Importance]) -> Vec<(Ink, String)> {
    let all = Modality::distinct(importance.iter().map(|encoder| encoder.modality));
    let named = all.iter().map(|modality| (Ink::Bar(colour(*modality)), modality.to_string()));
    if all.len() > 1 { named.collect() } else { Vec::new() }
}

/// Legend of the modalities; empty if there is only one.
pub fn legend(modalities: impl Iterator<Item = Modality>) -> Markup {
    let all = Modality::distinct(modalities);
    if all.len() < 2 {
        return html! {};
    }
    html! { p.legend { @for modality in all { span { i class=(format!("chip s{}", colour(modality))) {} (modality) } } } }
}

fn of_experiment(experiment: &Experiment, weights: &Weights) -> Markup {
    let mut ranked = analysis::importance(weights);
    ranked.sort_by_key(|encoder| encoder.rank);
    let drawn = &ranked[..ranked.len().min(DRAWN)];
    let (clips, blemore) = (experiment.clips(), experiment.task().blemore);
    let of = if drawn.len() < ranked.len() {
        format!(" Shown: the {DRAWN} most important of {} encoders.", ranked.len())
    } else {
        String::new()
    };
    let share = experiment.setting.n().map(|n| (n, n as f64 / ranked.len() as f64));
    html! {
        @if let Some(note) = weights.kind().note() { p.alert { b { "Weights: " } (note) "." } }
        (legend(ranked.iter().map(|encoder| encoder.modality)))
        (WideGrid(vec![
            by_modality(&ranked, weights.kind(), &clips, blemore),
            selection(drawn, share, &format!("{clips}.{of}"), blemore),
            stability(weights, drawn, &of, blemore),
            distribution(drawn, ranked.len(), weights.kind(), &format!("{clips}.{of}"), blemore),
        ]))
        @let caption = format!("Weight of every encoder over all clips of all runs ({}).", weights.kind().title());
        (folded("Every encoder as a table", table(&ranked, &caption)))
    }
}

fn by_modality(importance: &[Importance], kind: WeightKind, clips: &str, blemore: bool) -> Markup {
    let groups = analysis::by_modality(importance);
    if groups.len() < 2 {
        return html! {};
    }
    let bar = |group: &analysis::ModalityImportance| Bar {
        label: format!("{} ({})", group.modality, group.encoders),
        value: group.mean,
        colour: colour(group.modality),
        tip: format!(
            "{}: {}\nmean weight per encoder {:.4}\ntotal weight {:.1} %\nselected for {:.1} % of the clips",
            group.modality,
            count(group.encoders, "encoder"),
            group.mean,
            100.0 * group.total,
            100.0 * group.selection_frequency
        ),
    };
    let drawing: Vec<Bar> = groups.iter().map(bar).collect();
    let totals: Vec<String> =
        groups.iter().map(|group| format!("{} {:.1} %", group.modality, 100.0 * group.total)).collect();
    let caption = html! {
        "Mean weight per encoder of each modality (" (kind.title()) ") over " (clips) ". Dashed: 1/K (equal weights). Total weight: " (totals.join(", ")) "."
        (published(blemore, "visual encoders have the largest weights, audio encoders smaller ones."))
    };
    let uniform = 1.0 / importance.len() as f64;
    figure(
        &numbered(blemore, 3, "importance by modality"),
        caption,
        bars("Importance by modality", "mean weight of an encoder", &drawing, Some((uniform, "1/K"))),
    )
}

fn selection(drawn: &[Importance], share: Option<(usize, f64)>, from: &str, blemore: bool) -> Markup {
    let mut by_frequency: Vec<&Importance> = drawn.iter().collect();
    by_frequency.sort_by(|a, b| b.selection_frequency.total_cmp(&a.selection_frequency));
    let is_same = |encoder: &Importance| encoder.selection_frequency == drawn[0].selection_frequency;
    if drawn.iter().all(is_same) {
        return html! {};
    }
    let bar = |encoder: &&Importance| Bar {
        label: encoder.name.clone(),
        value: encoder.selection_frequency,
        colour: colour(encoder.modality),
        tip: format!(
            "{}\nselected for {:.1} % of the clips\nmean weight {:.4}",
            encoder.name,
            100.0 * encoder.selection_frequency,
            encoder.mean
        ),
    };
    let drawing: Vec<Bar> = by_frequency.iter().map(bar).collect();
    let caption = html! {
        "Fraction of clips for which each encoder is selected, over " (from)
        @if let Some((n, _)) = share { " Dashed: n/K with n = " (n) " (uniform selection)." }
        (published(blemore, "a few encoders are selected for most clips; the frequency of the others declines gradually."))
    };
    let reference = share.map(|(_, share)| (share, "n/K"));
    figure(
        &numbered(blemore, 4, "selection frequency"),
        caption,
        bars("Selection frequency", "fraction of clips", &drawing, reference).with_key(key(drawn)),
    )
}

fn distribution(drawn: &[Importance], k: usize, kind: WeightKind, from: &str, blemore: bool) -> Markup {
    let one = |encoder: &Importance| {
        let [least, p5, p25, median, p75, p95, most] = encoder.quantiles;
        Distribution {
            label: encoder.name.clone(),
            quantiles: encoder.quantiles,
            mean: encoder.mean,
            colour: colour(encoder.modality),
            tip: format!(
                "{}\nmean {:.4} ± {:.4}\nmedian {median:.4}, quartiles {p25:.4} to {p75:.4}\n5th to 95th percentile {p5:.4} to {p95:.4}\nminimum {least:.4}, maximum {most:.4}",
                encoder.name, encoder.mean, encoder.std
            ),
        }
    };
    let drawing: Vec<Distribution> = drawn.iter().map(one).collect();
    let caption = html! {
        "Distribution of the " (kind.title()) " over " (from) " Box: quartiles; whiskers: 5th and 95th percentile; bar: median; ring: mean."
        (published(blemore, "OpenFace has consistently high weights, emotion2vec high but widely spread ones, CLAP and HiCMAE low ones."))
    };
    figure(
        &numbered(blemore, 6, "distribution of weights"),
        caption,
        boxes("Distribution of weights", "weight", &drawing, Some((1.0 / k as f64, "1/K"))).with_key(key(drawn)),
    )
}

fn stability(weights: &Weights, drawn: &[Importance], of: &str, blemore: bool) -> Markup {
    // Stability needs at least two runs.
    if weights.runs.len() < 2 {
        return html! {};
    }
    let highest = drawn.iter().flat_map(|encoder| &encoder.per_run).copied().fold(f64::MIN_POSITIVE, f64::max);
    let rows: Vec<String> = drawn.iter().map(|encoder| encoder.name.clone()).collect();
    let columns = run_names(weights);
    let cell = |i: usize, j: usize| {
        let value = drawn[i].per_run[j];
        heatmap::Cell {
            shade: value / highest,
            text: if columns.len() <= 10 { format!("{:.1}", 100.0 * value) } else { String::new() },
            tip: format!("{}, {}: mean weight {value:.4}", rows[i], columns[j]),
            framed: false,
        }
    };
    let width = if columns.len() <= 10 { 34.0 } else { 14.0 };
    let drawing = heatmap("Mean weight of every encoder in every run", &rows, &columns, (width, 18.0), cell);
    let correlations: Vec<f64> = analysis::stability(weights).iter().filter_map(|pair| pair.spearman).collect();
    let caption = html! {
        "Mean " (weights.kind().title()) " in percent, over the validation clips of each run." (of) " "
        @if let Some((mean, least)) = mean_and_least(&correlations) {
            "Spearman's ρ of the encoder ranking between runs: mean " (format!("{mean:.2}")) ", minimum " (format!("{least:.2}")) "."
        }
        (published(blemore, "the ranking is similar in all folds."))
    };
    figure(&numbered(blemore, 5, "importance by fold"), caption, drawing)
}

/// Returns the names of the runs, without the seed if all have the same.
fn run_names(weights: &Weights) -> Vec<String> {
    let names = || weights.runs.iter().map(|run| run.name.as_str());
    let seed = |name: &str| name.split_once(" fold").map(|(seed, _)| seed.to_owned());
    let first = names().next().and_then(seed);
    let one_seed = first.is_some() && names().all(|name| seed(name) == first);
    names()
        .map(|name| {
            if one_seed {
                name.split_once(" fold").map_or(name.into(), |(_, fold)| format!("fold{fold}"))
            } else {
                name.into()
            }
        })
        .collect()
}

/// Returns mean and minimum, `None` for no values.
pub fn mean_and_least(values: &[f64]) -> Option<(f64, f64)> {
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    Some((values.iter().sum::<f64>() / values.len() as f64, least))
}

fn table<'a>(ranked: &[Importance], caption: &'a str) -> Table<'a> {
    let row = |encoder: &Importance| {
        Row::from(vec![
            Cell::Count(encoder.rank),
            Cell::Text(encoder.name.clone()),
            if ranked.iter().any(|other| other.modality != ranked[0].modality) {
                Cell::Text(encoder.modality.to_string())
            } else {
                Cell::None
            },
            Cell::Precise(encoder.mean),
            Cell::Precise(encoder.std),
            Cell::Number(encoder.selection_frequency),
            Cell::Precise(encoder.quantiles[1]),
            Cell::Precise(encoder.quantiles[3]),
            Cell::Precise(encoder.quantiles[5]),
        ])
    };
    Table {
        name: "encoder-weights",
        caption,
        groups: &[],
        columns: &["rank", "encoder", "modality", "mean weight", "std", "kept", "5 %", "median", "95 %"],
        rows: ranked.iter().map(row).collect(),
    }
}
