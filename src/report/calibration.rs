//! Whether scores mean what they say: how often clips with a score of about s show what was scored.

use super::chart::{Anchor, Drawing, Frame, Ink, Scale, axes};
use super::experiment::Experiment;
use super::page::{Grid, experiment_key, figure, legend};
use crate::runs::ValidationClips;
use crate::scoring::metrics::Task;
use maud::{Markup, html};

const BINS: usize = 10;
const WIDTH: f64 = 360.0;
const FRAME: Frame = Frame { left: 48.0, top: 26.0, right: 350.0, bottom: 250.0 };
/// Height of the histogram below.
const COUNTS: f64 = 46.0;

/// Scores in equal bins from 0 to 1.
pub struct Reliability {
    /// Those that hold any
    pub bins: Vec<Bin>,
    pub count: usize,
    /// Expected calibration error: |score − observed|, mean over bins weighed by their count
    pub ece: f64,
}

pub struct Bin {
    /// 0 to 9
    pub place: usize,
    pub count: usize,
    /// Mean score
    pub score: f64,
    /// Mean of what was observed
    pub observed: f64,
}

impl Reliability {
    /// Of (score, observed) pairs, both in [0, 1].
    pub fn of(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let mut sums = [(0, 0.0, 0.0); BINS];
        for (score, observed) in pairs {
            let sum = &mut sums[((score * BINS as f64) as usize).min(BINS - 1)];
            *sum = (sum.0 + 1, sum.1 + score, sum.2 + observed);
        }
        let bin = |(place, &(count, score, observed)): (usize, &(usize, f64, f64))| {
            let n = count as f64;
            (count > 0).then(|| Bin { place, count, score: score / n, observed: observed / n })
        };
        let bins: Vec<Bin> = sums.iter().enumerate().filter_map(bin).collect();
        let count = bins.iter().map(|bin| bin.count).sum();
        let errors = bins.iter().map(|bin| bin.count as f64 * (bin.score - bin.observed).abs());
        Self { ece: errors.sum::<f64>() / f64::from(u32::try_from(count).unwrap_or(u32::MAX)).max(1.0), count, bins }
    }

    /// Each clip's largest score, and whether that emotion is among those shown.
    pub fn of_top<'a>(all: impl Iterator<Item = &'a ValidationClips>) -> Self {
        Self::of(all.flat_map(|scored| {
            scored.scores.rows().into_iter().zip(&scored.truths).map(|(row, truth)| {
                let top = (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("a class");
                (f64::from(row[top]), f64::from(u8::from(truth.iter().any(|share| share.0 == top))))
            })
        }))
    }

    /// Every score, and the share that the label gives the emotion.
    pub fn of_all<'a>(all: impl Iterator<Item = &'a ValidationClips>) -> Self {
        let wide = |x: &f32| f64::from(*x);
        Self::of(all.flat_map(move |scored| scored.scores.iter().map(wide).zip(scored.targets.iter().map(wide))))
    }
}

pub fn section(experiments: &[&Experiment]) -> Markup {
    let known: Vec<(usize, &Experiment)> =
        experiments.iter().copied().enumerate().filter(|(_, e)| e.scored().next().is_some()).collect();
    if known.is_empty() {
        return html! {};
    }
    let tops: Vec<_> = known.iter().map(|(i, e)| (*i, Reliability::of_top(e.scored()))).collect();
    let alls: Vec<_> = known.iter().map(|(i, e)| (*i, Reliability::of_all(e.scored()))).collect();
    let told = |all: &[(usize, Reliability)]| {
        let of = |(i, r): &(usize, Reliability)| {
            format!("{}: ECE {:.3} over {} scores", experiments[*i].name, r.ece, r.count)
        };
        all.iter().map(of).collect::<Vec<_>>().join("; ")
    };
    let tasks: Vec<Task> = known.iter().map(|(_, experiment)| experiment.task()).collect();
    let (blemore, blends) = (tasks.iter().all(|task| task.blemore), tasks.iter().any(Task::has_blends));
    let (class, scores) =
        if blemore { ("emotion", "Scores of all emotions") } else { ("class", "Scores of all classes") };
    let top_caption = html! {
        "Each clip's largest score against the share of clips that do show that " (class) ". "
        @if blends { "Where half of the clips are blends of two, a score near one half can be as sure as it gets, so points above the \
                      diagonal are no fault. " }
        (told(&tops)) "."
    };
    let all_caption = html! {
        "Every " (class) "'s score against the mean share its label gives it: scores that mean what they say lie on the diagonal. "
        (told(&alls)) "."
    };
    let key = || experiment_key(experiments, Ink::Line);
    html! {
        (legend(experiments))
        (Grid(vec![
            figure("Largest score of a clip", top_caption, chart("Reliability of the largest score", "shows it", &tops).with_key(key())),
            figure(scores, all_caption, chart("Reliability of all scores", "share in the label", &alls).with_key(key())),
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
            drawing.circle(Ink::Dot(*i), (x.at(bin.score), y.at(bin.observed)), 4.0).tip(tip(bin));
        }
    }
    let most = all.iter().flat_map(|(_, one)| &one.bins).map(|bin| bin.count).max().unwrap_or(1);
    let width = (x.at(0.1) - x.at(0.0)) / all.len() as f64;
    for (place, (i, one)) in all.iter().enumerate() {
        for bin in &one.bins {
            let height = COUNTS * bin.count as f64 / most as f64;
            let left = x.at(bin.place as f64 / BINS as f64) + width * place as f64 + 1.0;
            drawing.rect(Ink::Bar(*i), (left, floor - height), (width - 2.0, height.max(1.0))).tip(tip(bin));
        }
    }
    let below = ((FRAME.left + FRAME.right) / 2.0, floor + 16.0);
    drawing.tick(Anchor::Middle, below, "score; below, how many have it");
    drawing
}

fn tip(bin: &Bin) -> String {
    let (low, high) = (bin.place as f64 / BINS as f64, (bin.place + 1) as f64 / BINS as f64);
    format!(
        "scores {low:.1} to {high:.1}: {} of them\nmean score {:.3}\nobserved {:.3}",
        bin.count, bin.score, bin.observed
    )
}
