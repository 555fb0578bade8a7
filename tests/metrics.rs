//! Metrics that any labels give: hand-made cases, and scikit-learn's values (tests/metrics/make.py).

use blendfuse::scoring::decision::Decision;
use blendfuse::scoring::metrics::{self, Case, Measures, RankBy, Task, Truth, cases};
use ndarray::{Array2, array};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    name: String,
    scores: Vec<Vec<f32>>,
    targets: Vec<Vec<f32>>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    accuracy: f64,
    uar: f64,
    macro_f1: f64,
    log_loss: f64,
    ece: f64,
}

fn matrix(rows: &[Vec<f32>]) -> Array2<f32> {
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

#[test]
fn values_are_those_of_scikit_learn() {
    let reference: Reference = serde_json::from_str(include_str!("metrics/sklearn.json")).unwrap();
    assert!(reference.cases.len() >= 4);
    for Recorded { name, scores, targets, expected } in reference.cases {
        let (scores, targets) = (matrix(&scores), matrix(&targets));
        let found = Measures::of(&cases(scores.view(), targets.view()), scores.ncols());
        let found = [found.accuracy, found.uar, found.macro_f1, found.log_loss.unwrap(), found.ece.unwrap()];
        let expected = [expected.accuracy, expected.uar, expected.macro_f1, expected.log_loss, expected.ece];
        for ((found, expected), what) in found.iter().zip(expected).zip(["accuracy", "uar", "F1", "log loss", "ECE"]) {
            assert!((found - expected).abs() < 1e-7, "{name}, {what}: {found}, scikit-learn {expected}");
        }
    }
}

/// Clips 0 and 1 show class 0 and are found; clip 2 shows class 1 and is taken for class 2; class 3 never occurs.
#[test]
fn hand_made() {
    let scores = array![[0.9f32, 0.1, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let targets = array![[1.0f32, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let all = cases(scores.view(), targets.view());
    assert_eq!(
        all.iter().map(|case| (case.truth, case.predicted.unwrap())).collect::<Vec<_>>(),
        [
            (0, 0),
            (0, 0), // of equal ones the lower
            (1, 2),
            (3, 3)
        ]
    );
    let found = Measures::of(&all[..3], 4);
    assert_eq!((found.accuracy, found.uar), (2.0 / 3.0, 0.5));
    // F1 of classes 0, 1, 2 is 1, 0, 0; class 3 is neither shown nor predicted.
    assert!((found.macro_f1 - 1.0 / 3.0).abs() < 1e-15);
    let loss = (-(0.9f32 as f64).ln() + 2f64.ln() + 4f64.ln()) / 3.0;
    assert!((found.log_loss.unwrap() - loss).abs() < 1e-12);
    // Bins 13 (.9, right) and 7 (.5 twice, one right).
    assert!((found.ece.unwrap() - (0.1 + 0.0) / 3.0).abs() < 1e-7, "{found:?}");
    // Largest class alone: the blend's set is not found, and no salience is.
    assert_eq!((found.presence, found.salience), (1.0 / 3.0, 0.0));

    // A resample counts a clip as often as it is drawn; a score of 1 is in the last bin.
    let twice = Measures::of([&all[2], &all[2], &all[3]], 4);
    assert_eq!((twice.accuracy, twice.uar), (1.0 / 3.0, 0.5));
    assert!((twice.ece.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(Measures::of([], 4), Measures::default());
}

#[test]
fn a_score_of_zero_for_the_truth_is_a_large_but_finite_loss() {
    let case = Case::of(array![1.0f32, 0.0].view(), array![0.0f32, 1.0].view());
    assert!((case.scored.unwrap().log_loss - 1e15f64.ln()).abs() < 1e-9);
}

/// Without scores there is no log loss and no calibration; a clip without a prediction is wrong everywhere.
#[test]
fn decisions_alone_give_what_they_can() {
    let target = array![0.3f32, 0.7, 0.0];
    let blend = Case::decided_only(target.view(), Some(Decision::blend((0, 30), (1, 70))));
    assert_eq!((blend.predicted, blend.set_right, blend.salience_right), (Some(1), true, true));
    let absent = Case::decided_only(target.view(), None);
    assert_eq!((absent.predicted, absent.set_right, absent.blend), (None, false, true));
    let found = Measures::of([&blend, &absent], 3);
    assert_eq!((found.presence, found.salience, found.accuracy, found.uar), (0.5, 0.5, 0.5, 0.5));
    assert_eq!((found.log_loss, found.ece), (None, None));
    let even = Case::decided_only(target.view(), Some(Decision::blend((0, 50), (1, 50))));
    assert_eq!((even.predicted, even.set_right, even.salience_right), (Some(0), true, false));
}

/// Both ways to the two metrics of BlEmoRE: by case and by set of decisions.
#[test]
fn cases_agree_with_the_score_of_decisions() {
    let targets = array![[1.0f32, 0.0, 0.0], [0.3, 0.7, 0.0], [0.5, 0.0, 0.5], [0.5, 0.3, 0.2]];
    let truths = metrics::truths(targets.view());
    let decisions = [
        Some(Decision::single(0)),
        Some(Decision::blend((0, 30), (1, 70))),
        Some(Decision::blend((0, 30), (2, 70))),
        Some(Decision::blend((0, 70), (1, 30))),
    ];
    let cases: Vec<Case> = (0..4)
        .map(|i| Case::of(targets.row(i), targets.row(i)).with_decision(decisions[i].as_ref(), &truths[i]))
        .collect();
    assert_eq!(Measures::of(&cases, 3).score(), metrics::score(&decisions, &truths));
    // The fourth clip has three classes: its two largest are found, and it has no salience to find.
    assert_eq!(metrics::score(&decisions, &truths), metrics::Score { presence: 1.0, salience: 0.5 });
}

#[test]
fn three_classes_count_by_their_two_largest() {
    let pair = |target: &[f32]| metrics::two_largest(&metrics::truth(target)).map(Option::unwrap);
    assert_eq!(pair(&[0.2, 0.5, 0.3]), [1, 2]);
    assert_eq!(pair(&[0.4, 0.2, 0.4]), [0, 2]);
    // Rounded, 0.332 and 0.333 are 33 both, 0.003 and 0.004 are 0; the order stays that of the label.
    assert_eq!(pair(&[0.332, 0.333, 0.335]), [1, 2]);
    assert_eq!(pair(&[0.003, 0.993, 0.004]), [1, 2]);
    // Of equal ones the lower.
    assert_eq!(pair(&[0.25, 0.25, 0.25, 0.25]), [0, 1]);
    // Two classes keep their rounded percents.
    assert_eq!(metrics::truth(&[0.333, 0.667, 0.0]), [(0, 33), (1, 67)]);
}

#[test]
fn labels_say_what_leads() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let blemore = names(&["neu", "ang", "disg", "fea", "hap", "sad"]);
    let (single, blend): (Truth, Truth) = (vec![(0, 100)], vec![(0, 50), (1, 50)]);
    let three: Truth = vec![(0, 40), (1, 30), (2, 30)];
    let task = Task::of(&blemore, [&single, &blend]);
    assert_eq!(task, Task { blemore: true, pairs: 1, larger: 0 });
    assert_eq!(task.leading(), RankBy::Mean);
    // Without blends the mean of both would be half the accuracy.
    assert_eq!(Task::of(&blemore, [&single]).leading(), RankBy::Uar);
    let task = Task::of(&names(&["one", "two", "three"]), [&single, &blend, &three]);
    assert_eq!((task.blemore, task.pairs, task.larger, task.leading()), (false, 1, 1, RankBy::Uar));
    assert!(task.has_blends() && !Task::of(&blemore, [&single]).has_blends());
}

#[test]
fn metrics_by_name() {
    let measures = Measures {
        presence: 0.5,
        salience: 0.25,
        accuracy: 0.6,
        uar: 0.7,
        macro_f1: 0.8,
        log_loss: Some(1.5),
        ece: Some(0.1),
    };
    let values = RankBy::ALL.map(|metric| metric.value(&measures).unwrap());
    assert_eq!(values, [0.375, 0.5, 0.25, 0.6, 0.7, 0.8, 1.5, 0.1]);
    for metric in RankBy::ALL {
        assert_eq!(metric.name().parse(), Ok(metric));
        assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
    }
    assert!(RankBy::Ece.merit(0.1) > RankBy::Ece.merit(0.2) && RankBy::Uar.merit(0.2) > RankBy::Uar.merit(0.1));
    assert_eq!(
        "f1".parse::<RankBy>(),
        Err("found metric \"f1\", expected one of mean, presence, salience, accuracy, uar, macro_f1, log_loss, ece"
            .into())
    );
    let singles = Task { blemore: false, pairs: 0, larger: 3 };
    let error = RankBy::Salience.check(&singles).unwrap_err().to_string();
    assert!(error.contains("no label has exactly two positive classes") && error.contains("accuracy, uar"), "{error}");
    RankBy::Accuracy.check(&singles).unwrap();
}
