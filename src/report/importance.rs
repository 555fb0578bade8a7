//! Section "Importance": permutation, masking and linear probes beside the gate weights.

use super::chart::scatter::{Point, scatter};
use super::encoders::{colour, legend};
use super::experiment::Experiment;
use super::page::{Cell, Row, Table, WideGrid, each, figure};
use super::setting::modalities_unknown;
use crate::analysis::{Agreement, Analysis, Contribution, Contributions, Lost};
use crate::data::EncoderInfo;
use crate::scoring::scores::Spread;
use maud::{Markup, html};

/// Minimum Spearman's ρ between gate weight and permutation; below it, the page warns.
const MIN_AGREEMENT: f64 = 0.5;

pub fn section(experiments: &[&Experiment]) -> Markup {
    each(experiments, |experiment| {
        let analysis = experiment.analysis.as_ref()?;
        Some(of_experiment(analysis, analysis.contributions.as_ref()?))
    })
}

fn of_experiment(analysis: &Analysis, contributions: &Contributions) -> Markup {
    let metric = contributions.metric();
    let runs = analysis.runs.len();
    let caption = format!(
        "Importance of every encoder over {} validation clips of {runs} run{}. Score: {metric}. Positive values: the model \
         depends on the encoder.",
        analysis.clips,
        if runs == 1 { "" } else { "s" }
    );
    let families = format!(
        "Families of near-duplicates, permuted and masked together (single linkage, CKA of standardised features >= \
         {}).",
        contributions.family_cka
    );
    html! {
        p {
            "Gate weight: mean " (analysis.weight.title()) ". Selected: fraction of clips for which the encoder is selected. "
            @if let Some(base) = contributions.base {
                "Permuted: features shuffled across clips, " (contributions.repeats) " times per run. Masked: w = 0, the gate \
                 renormalised over the other encoders. Both relative to a score of " (format!("{:.3}", base.score)) " and a loss of "
                (format!("{:.4}", base.loss)) @if contributions.rank_by.needs_thresholds() { ", with the thresholds of each run" } ". "
            }
            @if contributions.encoders.iter().any(|encoder| encoder.probe.is_some()) {
                "Linear probe: ridge regression on one encoder, fitted on the training clips; R² of the soft labels of the \
                 validation clips."
            }
        }
        @if let Some(note) = analysis.weight.note() { p.alert { b { "Weights: " } (note) "." } }
        @if let Some(note) = disagreement(contributions) { p.alert { b { "Ranks disagree: " } (note) } }
        (table("importance-of-encoders", contributions, &contributions.encoders, Some(analysis), &caption))
        @if !contributions.families.is_empty() {
            (table("importance-of-families", contributions, &contributions.families, None, &families))
        }
        (WideGrid(vec![cloud(analysis, contributions), html! { (agreement(contributions)) }]))
    }
}

/// Warning if gate weights and permutation rank the encoders differently.
fn disagreement(contributions: &Contributions) -> Option<String> {
    let rho = contributions.agreement_of("permuted_loss")?.gate_weight?;
    (rho < MIN_AGREEMENT).then(|| {
        format!(
            "Spearman's ρ between gate weights and the loss added by permutation is {rho:.2}. A high gate weight does not imply that \
             the model depends on an encoder; use the permutation importance."
        )
    })
}

/// Table of `all`, largest gate weight first; `analysis` provides modalities.
fn table<'a>(
    name: &'a str,
    contributions: &Contributions,
    all: &[Contribution],
    analysis: Option<&Analysis>,
    caption: &'a str,
) -> Table<'a> {
    let mut sorted: Vec<&Contribution> = all.iter().collect();
    sorted.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    let lost = |lost: Option<Lost>, of: fn(Lost) -> Spread| Cell::spread(lost.map(of));
    let row = |one: &&Contribution| {
        let info = analysis.and_then(|analysis| analysis.encoders.iter().find(|encoder| encoder.name == one.name));
        let known = analysis.is_some_and(|analysis| !modalities_unknown(&analysis.encoders));
        let modality = info.filter(|_| known).map(|encoder| encoder.modality.to_string());
        Row::from(vec![
            Cell::Text(if one.members.len() > 1 { one.members.join(", ") } else { one.name.clone() }),
            Cell::Text(contributions.family_of(one).unwrap_or_else(|| one.family_name())),
            Cell::Text(modality.unwrap_or_default()),
            Cell::Precise(one.gate_weight),
            Cell::Number(one.selection_frequency),
            lost(one.permuted, |lost| lost.score),
            lost(one.masked, |lost| lost.score),
            lost(one.permuted, |lost| lost.loss),
            lost(one.masked, |lost| lost.loss),
            Cell::number(one.probe.map(|probe| probe.score)),
            Cell::number(one.probe.map(|probe| probe.r2)),
        ])
    };
    Table {
        name,
        caption,
        groups: &[("", 3), ("gate", 2), ("score lost", 2), ("loss added", 2), ("linear probe", 2)],
        columns: &[
            "encoder", "family", "modality", "weight", "selected", "permuted", "masked", "permuted", "masked", "score",
            "R²",
        ],
        rows: sorted.iter().map(row).collect(),
    }
}

/// Gate weight against permutation; empty if nothing was permuted.
fn cloud(analysis: &Analysis, contributions: &Contributions) -> Markup {
    let point = |(encoder, info): (&Contribution, &EncoderInfo)| {
        let loss = encoder.permuted?.loss;
        Some(Point {
            x: encoder.gate_weight,
            y: loss.mean,
            colour: colour(info.modality),
            tip: format!(
                "{}\ngate weight {:.4}\nloss added by permutation {:.4}",
                encoder.name, encoder.gate_weight, loss.mean
            ),
        })
    };
    let points: Vec<Point> = contributions.encoders.iter().zip(&analysis.encoders).filter_map(point).collect();
    let rho = contributions.agreement_of("permuted_loss").and_then(|agreement| agreement.gate_weight);
    let caption = html! {
        "Mean gate weight of every encoder against the loss added by its permutation. "
        @if let Some(rho) = rho { "Spearman's ρ = " (format!("{rho:.2}")) ". " }
        (legend(analysis.encoders.iter().map(|encoder| encoder.modality)))
    };
    let drawing = scatter("Gate weight against permutation", ("mean gate weight", "loss added"), &points, None);
    figure("Gate weight against permutation", caption, drawing)
}

fn agreement(contributions: &Contributions) -> Table<'static> {
    let planted = contributions.agreement.iter().any(|agreement| agreement.planted.is_some());
    let caption = match planted {
        true => {
            "Agreement of the measures: Spearman's ρ over encoders. Planted reliability: ground truth of a synthetic pool."
        }
        false => "Agreement of the measures with the gate weight: Spearman's ρ over encoders.",
    };
    // The agreement of the gate weight with itself is trivial.
    let shown = contributions.agreement.iter().filter(|agreement| planted || agreement.measure != "gate_weight");
    let row = |agreement: &Agreement| {
        let measure = Cell::Text(agreement.measure.replace('_', " "));
        Row::from(vec![measure, Cell::number(agreement.gate_weight), Cell::number(agreement.planted)])
    };
    Table {
        name: "agreement-of-importance",
        caption,
        groups: &[],
        columns: &["measure", "with gate weight", "with planted reliability"],
        rows: shown.map(row).collect(),
    }
}
