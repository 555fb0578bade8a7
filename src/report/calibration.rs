//! Section "Calibration": observed frequencies against scores.

use super::chart::{Anchor, Drawing, Frame, Ink, Scale, axes};
use super::experiment::Experiment;
use super::page::{Grid, experiment_key, figure, legend};
use crate::runs::ValidationClips;
use crate::scoring::metrics::{Case, ECE_BINS, RankBy, Task, cases};
use maud::{Markup, html};

/// Number of bins for all scores; the largest scores use the bins of ECE.
const BINS: usize = 10;
const WIDTH: f64 = 360.0;
const FRAME: Frame = Frame { left: 48.0, top: 26.0, right: 350.0, bottom: 250.0 };
/// Height of the histogram below, in pixels.
const COUNTS: f64 = 46.0;

/// Scores in bins of equal width from 0 to 1.
struct Reliability {
    /// Number of bins, including empty ones
    bin_count: usize,
    /// Non-empty bins
    bins: Vec<Bin>,
    /// Number of scores
    count: usize,
    /// Mean of |score − observed| over bins, weighted by count; for the largest scores this is ECE
    distance: f64,
}

struct Bin {
    /// Index of the bin
    place: usize,
    count: usize,
    /// Mean score
    score: f64,
    /// Mean observation
    observed: f64,
}

impl Reliability {
    /// Bins (score, observed) pairs, both in [0, 1].
    fn of(bin_count: usize, pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sums = vec![(0, 0.0, 0.0); bin_count];
        for (score, observed) in pairs {
            let sum = &mut sums[((score * bin_count as f64) as usize).min(bin_count - 1)];
            *sum = (sum.0 + 1, sum.1 + score, sum.2 + observed);
        }
        let bin = |(place, &(count, score, observed)): (usize, &(usize, f64, f64))| {
            let n = count as f64;
            (count > 0).then(|| Bin { place, count, score: score / n, observed: observed / n })
        };
        let bins: Vec<Bin> = sums.iter().enumerate().filter_map(bin).collect();
        let count = bins.iter().map(|bin| bin.count).sum();
        let errors = bins.iter().map(|bin| bin.count as f64 * (bin.score - bin.observed).abs());
        Self { distance: errors.sum::<f64>() / (count as f64).max(1.0), count, bins, bin_count }
    }

    /// Bins each clip's largest score and whether its class is the largest of the label, in the bins of ECE.
    fn of_top<'a>(all: impl Iterator<Item = &'a ValidationClips>) -> Self {
        let cases = all.flat_map(|scored| cases(scored.scores.view(), scored.targets.view()));
        let pair = |case: Case| {
            let hit = case.predicted == Some(case.truth);
            Some((case.scored?.confidence, f64::from(u8::from(hit))))
        };
        Self::of(ECE_BINS, cases.filter_map(pair))
    }

    /// Bins each score and the proportion of its class in the label.
    fn of_all<'a>(all: impl Iterator<Item = &'a ValidationClips>) -> Self {
        let wide = |x: &f32| f64::from(*x);
        Self::of(BINS, all.flat_map(move |scored| scored.scores.iter().map(wide).zip(scored.targets.iter().map(wide))))
    }
}

pub fn section(experiments: &[&Experiment]) -> Markup {
    let known: Vec<&Experiment> = experiments.iter().copied().filter(|e| e.scored().next().is_some()).collect();
    if known.is_empty() {
        return html! {};
    }
    let tops: Vec<_> = known.iter().map(|e| (e.colour, Reliability::of_top(e.scored()))).collect();
    let alls: Vec<_> = known.iter().map(|e| (e.colour, Reliability::of_all(e.scored()))).collect();
    let text_of = |of: &dyn Fn(&Experiment) -> Option<String>| {
        let named = known.iter().filter_map(|experiment| Some((experiment, of(experiment)?)));
        let texts = named.map(|(e, text)| if experiments.len() > 1 { format!("{}: {text}", e.name) } else { text });
        texts.collect::<Vec<_>>().join("; ")
    };
    let ece = text_of(&|experiment| Some(format!("ECE {}", experiment.spread(RankBy::Ece, false)?.text())));
    let distances = text_of(&|experiment| {
        let (_, all) = alls.iter().find(|(colour, _)| *colour == experiment.colour)?;
        Some(format!("mean distance from the diagonal {:.3}, {} scores", all.distance, all.count))
    });
    let tasks: Vec<Task> = known.iter().map(|experiment| experiment.task()).collect();
    let (blemore, blends) = (tasks.iter().all(|task| task.blemore), tasks.iter().any(Task::has_blends));
    let (class, scores) =
        if blemore { ("emotion", "Scores of all emotions") } else { ("class", "Scores of all classes") };
    let top_caption = html! {
        "Largest score of each clip against the fraction of clips with that " (class) " as the largest of the label, in " (ECE_BINS) " bins. "
        @if blends { "The largest value of a blend's label is below 1, so points above the diagonal are expected. " }
        @if !ece.is_empty() { (ece) " (mean over runs, as in the tables)." }
    };
    let all_caption = html! {
        "Score of every " (class) " against its mean proportion in the labels. Calibrated scores lie on the diagonal ("
        (distances) ")."
    };
    let key = || experiment_key(experiments, Ink::Line);
    html! {
        (legend(experiments))
        (Grid(vec![
            figure("Largest score of a clip", top_caption, chart("Reliability of the largest score", "fraction correct", &tops).with_key(key())),
            figure(scores, all_caption, chart("Reliability of all scores", "proportion in the label", &alls).with_key(key())),
        ]))
    }
}

fn chart(label: &str, what: &str, all: &[(usize, Reliability)]) -> Drawing {
    let x = Scale::exact(0.0, 1.0, FRAME.left, FRAME.right);
    let y = Scale::exact(0.0, 1.0, FRAME.bottom, FRAME.top);
    let floor = FRAME.bottom + 30.0 + COUNTS;
    let mut drawing = Drawing::new(label, WIDTH, floor + 24.0);
    axes(&mut drawing, FRAME, Some((&x, "")), Some((&y, what)));
    drawing.line(Ink::Reference, (x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0)));
    for (i, one) in all {
        drawing.curve(Ink::Line(*i), one.bins.iter().map(|bin| (x.at(bin.score), y.at(bin.observed))));
        for bin in &one.bins {
            drawing.circle(Ink::Dot(*i), (x.at(bin.score), y.at(bin.observed)), 4.0).tip(tip(bin, one.bin_count));
        }
    }
    let most = all.iter().flat_map(|(_, one)| &one.bins).map(|bin| bin.count).max().unwrap_or(1);
    for (place, (i, one)) in all.iter().enumerate() {
        let width = (x.at(1.0 / one.bin_count as f64) - x.at(0.0)) / all.len() as f64;
        for bin in &one.bins {
            let height = COUNTS * bin.count as f64 / most as f64;
            let left = x.at(bin.place as f64 / one.bin_count as f64) + width * place as f64 + 1.0;
            drawing
                .rect(Ink::Bar(*i), (left, floor - height), (width - 2.0, height.max(1.0)))
                .tip(tip(bin, one.bin_count));
        }
    }
    let below = ((FRAME.left + FRAME.right) / 2.0, floor + 16.0);
    drawing.tick(Anchor::Middle, below, "score (bottom: histogram)");
    drawing
}

fn tip(bin: &Bin, bin_count: usize) -> String {
    let [low, high] = [bin.place, bin.place + 1].map(|edge| edge as f64 / bin_count as f64);
    format!(
        "{} scores from {low:.2} to {high:.2}\nmean score {:.3}\nobserved {:.3}",
        bin.count, bin.score, bin.observed
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::metrics::Measures;
    use ndarray::{Array2, array};

    /// Nine clips of three classes, one of them a blend.
    fn clips() -> ValidationClips {
        let score = |row: usize, class: usize| ((row * 7 + class * 5) % 11 + 1) as f32;
        let mut scores = Array2::from_shape_fn((9, 3), |(row, class)| score(row, class));
        scores.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
        let mut targets = Array2::from_shape_fn((9, 3), |(row, class)| f32::from(u8::from(row % 3 == class)));
        targets.row_mut(8).assign(&array![0.3, 0.0, 0.7]);
        let truths = targets.rows().into_iter().map(|row| crate::scoring::metrics::truth(&row.to_vec())).collect();
        let names = (0..9).map(|row| row.to_string()).collect();
        ValidationClips { names, scores, targets, truths, w: Array2::zeros((9, 1)), a: None, groups: None }
    }

    #[test]
    fn the_largest_scores_have_the_calibration_error_of_the_tables() {
        let clips = clips();
        let ece = Measures::of(&cases(clips.scores.view(), clips.targets.view()), 3).ece.unwrap();
        assert!(ece > 0.05, "{ece}");
        assert!((Reliability::of_top([&clips].into_iter()).distance - ece).abs() < 1e-12);
    }
}
