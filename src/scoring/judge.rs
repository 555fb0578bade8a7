//! Evaluation of scores, with thresholds searched on the scored clips (official) and on other folds (honest).

use crate::config::{DecodeConfig, Threshold};
use crate::scoring::decode::Thresholds;
use crate::scoring::metrics::{Case, Measures, Score, Truth, cases};
use crate::scoring::scores::{Row, Scores};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};

/// Scores of the validation clips of one fold, by a model of one seed that was not trained on them.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Seed of the run
    pub seed: u64,
    /// The fold
    pub fold: u32,
    /// (N, C), rows summing to 1
    pub scores: Array2<f32>,
    /// N labels
    pub truths: Vec<Truth>,
    /// Thresholds chosen on clips that this run neither trains on nor scores
    pub chosen: Option<Thresholds>,
}

/// Thresholds and the metrics that they give.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// The thresholds
    pub thresholds: Thresholds,
    /// ACC_presence
    pub presence: f64,
    /// ACC_salience; `None` if no scored clip has exactly two positive classes
    pub salience: Option<f64>,
    /// Mean of both; `None` if there is no salience
    pub mean: Option<f64>,
}

impl Judgement {
    /// A judgement of `score`; `pairs`: some label has exactly two positive classes, so that salience applies.
    pub fn of(thresholds: Thresholds, score: Score, pairs: bool) -> Self {
        let Score { presence, salience } = score;
        Self { thresholds, presence, salience: pairs.then_some(salience), mean: pairs.then(|| score.mean()) }
    }

    /// Both metrics, with a salience of 0 if there is none.
    pub fn score(&self) -> Score {
        Score { presence: self.presence, salience: self.salience.unwrap_or(0.0) }
    }
}

/// Summarises the runs of a method as a table row.
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

/// Computes every metric of scores (N, C) against soft targets (N, C), decided with the given thresholds.
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

/// Mean and standard deviation of at least one judgement.
pub fn scores(judged: impl IntoIterator<Item = Judgement>) -> Scores {
    let judged: Vec<Judgement> = judged.into_iter().collect();
    let pairs = judged.iter().any(|judged| judged.salience.is_some());
    Scores::of(&judged.iter().map(Judgement::score).collect::<Vec<_>>(), pairs)
}

/// Evaluates a run with the thresholds that are best on its own clips.
pub fn official(run: &Scored, decode: &DecodeConfig, neutral: Option<usize>) -> Judgement {
    judge(run, decode, neutral)
}

/// Evaluates each run with the thresholds chosen for it, else with the best ones on the validation scores of the *other* folds
/// of its seed; `None` if there is no other fold.
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

/// Searches the best thresholds on the pooled validation scores of several runs.
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

    /// Two folds with opposite best thresholds: the second class, at 0.3, is present in fold 0 and absent in fold 1. The first
    /// α of the grid above 0.3 is its seventh value, 0.3342.
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
