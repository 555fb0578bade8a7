//! BlEmoRE's official figures of fixed scores, worked out by hand, whatever the options of other tasks are.

use super::{ANG, DISG, FEA, HAP, NEU, SAD, at, classes};
use blendfuse::config::{Blends, DecodeConfig};
use blendfuse::scoring::metrics::{Score, Task, Truth};
use ndarray::{Array2, array};

/// Seven clips of ang, disg, fea, hap, sad, neu. α must be above 0.23 for the first (its second class is wrong) and at most
/// 0.30 and 0.32 for the third and fourth (both of theirs are right); β must be at least 0.12 for the fourth (50/50) and
/// below 0.20 for the third (70/30). The second is right with any such pair, the next two need neither, the last has a
/// class that is never among its two largest.
fn clips() -> (Array2<f32>, Vec<Truth>) {
    let scores = array![
        [0.62, 0.23, 0.05, 0.04, 0.03, 0.03],
        [0.04, 0.36, 0.40, 0.10, 0.05, 0.05],
        [0.05, 0.05, 0.05, 0.50, 0.30, 0.05],
        [0.44, 0.32, 0.08, 0.06, 0.05, 0.05],
        [0.05, 0.04, 0.03, 0.03, 0.40, 0.45],
        [0.40, 0.05, 0.05, 0.05, 0.05, 0.40],
        [0.03, 0.04, 0.30, 0.50, 0.08, 0.05],
    ];
    let truths = vec![
        vec![(ANG, 100)],
        vec![(DISG, 50), (FEA, 50)],
        vec![(HAP, 70), (SAD, 30)],
        vec![(ANG, 50), (DISG, 50)],
        vec![(NEU, 100)],
        vec![(ANG, 100)],
        vec![(ANG, 30), (FEA, 70)],
    ];
    (scores, truths)
}

/// Step of the official grid, 20 values from 0.05 to 0.95.
const STEP: f64 = (0.95 - 0.05) / 19.0;

#[test]
fn they_are_those_of_the_protocol() {
    let (scores, truths) = clips();
    assert!(Task::of(&classes(), &truths).blemore);
    // The first of the grid's pairs in these intervals; six of seven sets, three of four blends.
    let thresholds = at(4.0 * STEP + 0.05, 2.0 * STEP + 0.05);
    let expected = Score { presence: 6.0 / 7.0, salience: 3.0 / 4.0 };
    let plain = DecodeConfig::default();
    let finer = DecodeConfig { grid: 101, ..plain.clone() };
    for decode in
        [plain.clone(), plain.resolved(true), finer.resolved(true), DecodeConfig { blends: Blends::Always, ..plain }]
    {
        assert_eq!(decode.search_officially(scores.view(), &truths, Some(NEU)), (thresholds, expected), "{decode:?}");
    }
    // A finer grid is for the other figures only: steps of 0.009, so 0.05 + 21 · 0.009 and 0.05 + 8 · 0.009.
    let (found, score) = finer.search(scores.view(), &truths, Some(NEU));
    assert!((found.alpha - 0.239).abs() < 1e-12 && (found.beta - 0.122).abs() < 1e-12, "{found:?}");
    assert_eq!(score, expected);
}
