//! What scores are worth: with thresholds searched on the scored clips (official), and with those of other folds (honest).

use crate::config::{DecodeConfig, Threshold};
use crate::scoring::decode::Thresholds;
use crate::scoring::metrics::{Case, Measures, Score, Truth, cases};
use crate::scoring::scores::{Row, Scores};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

/// Scores of the validation clips of one fold, by a model of one seed that was not trained on them.
#[derive(Clone, Debug)]
pub struct Scored {
    pub seed: u64,
    pub fold: u32,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// N of them
    pub truths: Vec<Truth>,
    /// Thresholds that were chosen on clips that this run neither trained on nor scores
    pub chosen: Option<Thresholds>,
}

/// Thresholds and what they reach.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Judgement {
    pub thresholds: Thresholds,
    pub presence: f64,
    /// `None` where no scored clip has exactly two positive classes
    pub salience: Option<f64>,
    /// As `salience`: half of presence would be no mean
    pub mean: Option<f64>,
}

impl Judgement {
    /// `pairs`: clips have labels of exactly two positive classes, so that there is salience to score.
    pub fn of(thresholds: Thresholds, score: Score, pairs: bool) -> Self {
        let Score { presence, salience } = score;
        Self { thresholds, presence, salience: pairs.then_some(salience), mean: pairs.then(|| score.mean()) }
    }

    /// With a salience of 0 where there is none to score.
    pub fn score(&self) -> Score {
        Score { presence: self.presence, salience: self.salience.unwrap_or(0.0) }
    }
}

/// A method as a line of a table, from the scores of all its runs.
pub fn row(name: &str, runs: &[Scored], decode: &DecodeConfig, neutral: Option<usize>) -> Row {
    Row {
        name: name.into(),
        runs: runs.len(),
        official: scores(runs.iter().map(|run| official(run, decode, neutral))),
        honest: honest(runs, decode, neutral).into_iter().collect::<Option<Vec<_>>>().map(scores),
        estimate: None,
        labels: None,
    }
}

/// Every metric of scores (N, C) against targets (N, C), decided by the given thresholds.
pub fn measures(
    scores: ArrayView2<f32>,
    targets: ArrayView2<f32>,
    truths: &[Truth],
    thresholds: Thresholds,
    decode: &DecodeConfig,
    neutral: Option<usize>,
) -> Measures {
    let decided = |(row, case): (usize, Case)| {
        let scores = scores.row(row).to_vec();
        case.with_decision(Some(&decode.decide(&scores, thresholds, neutral)), &truths[row])
    };
    let cases: Vec<Case> = cases(scores, targets).into_iter().enumerate().map(decided).collect();
    Measures::of(&cases, scores.ncols())
}

/// Of at least one judgement.
pub fn scores(judged: impl IntoIterator<Item = Judgement>) -> Scores {
    let judged: Vec<Judgement> = judged.into_iter().collect();
    let pairs = judged.iter().any(|judged| judged.salience.is_some());
    Scores::of(&judged.iter().map(Judgement::score).collect::<Vec<_>>(), pairs)
}

/// With the thresholds that are best on these very clips.
pub fn official(run: &Scored, decode: &DecodeConfig, neutral: Option<usize>) -> Judgement {
    judge(run, decode, neutral)
}

/// Each run with the thresholds that were chosen for it, else with those that are best on the validation scores of the *other*
/// folds of its seed; `None` where there is no other.
pub fn honest(runs: &[Scored], decode: &DecodeConfig, neutral: Option<usize>) -> Vec<Option<Judgement>> {
    let of_others = |run: &Scored| {
        let others: Vec<&Scored> =
            runs.iter().filter(|other| other.seed == run.seed && other.fold != run.fold).collect();
        (!others.is_empty()).then(|| pooled_thresholds(others, decode, neutral))
    };
    let judged = |run: &Scored| {
        let Thresholds { alpha, beta } = run.chosen.or_else(|| of_others(run))?;
        let fixed = DecodeConfig { alpha: Threshold::Fixed(alpha), beta: Threshold::Fixed(beta), ..decode.clone() };
        Some(judge(run, &fixed, neutral))
    };
    runs.iter().map(judged).collect()
}

/// The best thresholds on the validation scores of several runs taken together.
pub fn pooled_thresholds<'a>(
    runs: impl IntoIterator<Item = &'a Scored>,
    decode: &DecodeConfig,
    neutral: Option<usize>,
) -> Thresholds {
    let (scores, truths): (Vec<_>, Vec<_>) =
        runs.into_iter().map(|run| (run.scores.view(), run.truths.as_slice())).unzip();
    let scores = concatenate(Axis(0), &scores).expect("all have the same classes");
    decode.search(scores.view(), &truths.concat(), neutral).0
}

fn judge(run: &Scored, decode: &DecodeConfig, neutral: Option<usize>) -> Judgement {
    let (thresholds, score) = decode.search_officially(run.scores.view(), &run.truths, neutral);
    Judgement::of(thresholds, score, run.truths.iter().any(|truth| truth.len() == 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Two folds that want opposite thresholds: the second class, at 0.3, is there in fold 0 and not in fold 1. The first α
    /// of the grid above 0.3 is its seventh value, 0.3342.
    #[test]
    fn honest_thresholds_come_from_the_other_fold() {
        let run = |fold, truth: Truth| Scored {
            seed: 0,
            fold,
            scores: array![[0.6, 0.3, 0.1]],
            truths: vec![truth],
            chosen: None,
        };
        let runs = [run(0, vec![(0, 70), (1, 30)]), run(1, vec![(0, 100)])];
        let decode = DecodeConfig::default();
        let own = runs.each_ref().map(|run| official(run, &decode, None));
        assert_eq!(own[0].score(), Score { presence: 1.0, salience: 1.0 });
        assert_eq!((own[1].score(), own[1].salience), (Score { presence: 1.0, salience: 0.0 }, None));
        assert!(own[0].thresholds.alpha == 0.05 && (own[1].thresholds.alpha - 0.33421).abs() < 1e-5);

        let honest = honest(&runs, &decode, None).into_iter().map(Option::unwrap).collect::<Vec<_>>();
        assert_eq!((honest[0].thresholds, honest[1].thresholds), (own[1].thresholds, own[0].thresholds));
        assert!(honest.iter().all(|judged| judged.score() == Score::default()), "{honest:?}");
        let row = row("both", &runs, &decode, None);
        assert_eq!((row.official.presence.mean, row.honest.unwrap().presence.mean), (1.0, 0.0));
    }

    #[test]
    fn thresholds_that_were_chosen_for_a_run_decide_it() {
        let chosen = Thresholds { alpha: 0.4, beta: 0.1 };
        let run = |fold, chosen| Scored {
            seed: 0,
            fold,
            scores: array![[0.6, 0.3, 0.1]],
            truths: vec![vec![(0, 100)]],
            chosen,
        };
        let found = honest(&[run(0, Some(chosen)), run(1, None)], &DecodeConfig::default(), None);
        let [first, second] = [0, 1].map(|i| found[i].unwrap());
        assert_eq!((first.thresholds, first.presence), (chosen, 1.0));
        assert_ne!(second.thresholds, chosen);
        assert_eq!(honest(&[run(0, Some(chosen))], &DecodeConfig::default(), None)[0].unwrap().thresholds, chosen);
    }

    #[test]
    fn a_single_fold_of_a_seed_has_no_honest_score() {
        let run =
            |seed, fold| Scored { seed, fold, scores: array![[0.6, 0.4]], truths: vec![vec![(0, 100)]], chosen: None };
        let found = honest(&[run(0, 0), run(0, 1), run(1, 0)], &DecodeConfig::default(), None);
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
    }
}
