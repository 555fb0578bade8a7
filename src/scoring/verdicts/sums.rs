//! Metrics as functions of sums over clips, so that the metric of a resample follows from the sums of its groups.

use crate::scoring::metrics::{Case, ECE_BINS as BINS, RankBy};

/// Returns what a clip adds to the T sums of a metric, for a task with `classes` classes:
///
/// | metric | sums |
/// |---|---|
/// | mean, presence, salience | clips, sets right, blends, salience right |
/// | accuracy | clips, hits |
/// | UAR | clips, then per class: true, hits |
/// | macro F1 | clips, then per class: true or predicted (once for each), hits |
/// | log loss | clips, loss |
/// | ECE | clips, then per bin: confidence, hits |
pub fn of_clip(metric: RankBy, case: &Case, classes: usize) -> Vec<f64> {
    let number = |is: bool| f64::from(u8::from(is));
    let hit = number(case.predicted == Some(case.truth));
    let mut sums = vec![0.0; len(metric, classes)];
    sums[0] = 1.0;
    match metric {
        RankBy::Mean | RankBy::Presence | RankBy::Salience => {
            sums[1..].copy_from_slice(&[case.set_right, case.blend, case.salience_right].map(number));
        }
        RankBy::Accuracy => sums[1] = hit,
        RankBy::Uar => {
            sums[1 + 2 * case.truth] = 1.0;
            sums[2 + 2 * case.truth] = hit;
        }
        RankBy::MacroF1 => {
            sums[1 + 2 * case.truth] += 1.0;
            if let Some(predicted) = case.predicted {
                sums[1 + 2 * predicted] += 1.0;
            }
            sums[2 + 2 * case.truth] = hit;
        }
        RankBy::LogLoss => sums[1] = case.scored.map_or(f64::NAN, |scored| scored.log_loss),
        RankBy::Ece => {
            let confidence = case.scored.map_or(f64::NAN, |scored| scored.confidence);
            let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
            sums[1 + 2 * bin] = confidence;
            sums[2 + 2 * bin] = hit;
        }
    }
    sums
}

/// T, the number of sums of a metric.
pub fn len(metric: RankBy, classes: usize) -> usize {
    match metric {
        RankBy::Mean | RankBy::Presence | RankBy::Salience => 4,
        RankBy::Accuracy | RankBy::LogLoss => 2,
        RankBy::Uar | RankBy::MacroF1 => 1 + 2 * classes,
        RankBy::Ece => 1 + 2 * BINS,
    }
}

/// The metric of clips from their sums (T); `None` without clips.
pub fn value(metric: RankBy, sums: &[f64]) -> Option<f64> {
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    // Mean over the classes that occur; pairs of (occurrences, hits).
    let mean = |weight: f64| {
        let occurring = sums[1..].chunks_exact(2).filter(|pair| pair[0] > 0.0);
        let (count, sum) = occurring.fold((0.0, 0.0), |(n, sum), pair| (n + 1.0, sum + weight * pair[1] / pair[0]));
        share(sum, count)
    };
    let value = match metric {
        RankBy::Mean => f64::midpoint(share(sums[1], sums[0]), share(sums[3], sums[2])),
        RankBy::Salience => share(sums[3], sums[2]),
        RankBy::Presence | RankBy::Accuracy | RankBy::LogLoss => share(sums[1], sums[0]),
        RankBy::Uar => mean(1.0),
        RankBy::MacroF1 => mean(2.0),
        RankBy::Ece => sums[1..].chunks_exact(2).map(|bin| (bin[0] - bin[1]).abs()).sum::<f64>() / sums[0],
    };
    (sums[0] > 0.0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::metrics::{self, Measures};
    use ndarray::Array2;
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    /// Of 60 clips, some repeated and some left out, with a class that never occurs.
    #[test]
    fn metrics_from_sums_are_those_of_the_clips() {
        let (clips, classes) = (60, 4);
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut shares = |n: usize| {
            let mut shares = Array2::from_shape_simple_fn((clips, classes), || random.random_range(0.0..1.0f32));
            for mut row in shares.rows_mut() {
                (n..classes).for_each(|class| row[class] = 0.0);
                let sum = row.sum();
                row /= sum;
            }
            shares
        };
        let mut targets = shares(3);
        for (i, mut target) in targets.rows_mut().into_iter().enumerate() {
            if i % 3 > 0 {
                target.fill(0.0);
                target[i % 4 % 3] = if i % 3 == 1 { 1.0 } else { 0.7 };
                target[(i % 4 + 1) % 3] += if i % 3 == 1 { 0.0 } else { 0.3 };
            }
        }
        let scores = shares(4);
        let truths = metrics::truths(targets.view());
        let decided = |(i, case): (usize, Case)| {
            let second = if i % 4 == 0 { truths[i][0].0 } else { (case.truth + 1) % 4 };
            let blend = crate::scoring::decision::Decision::blend((3, 30), (second % 3, 70));
            let decision = match &truths[i][..] {
                &[a, b] if i % 2 == 0 => crate::scoring::decision::Decision::blend(a, b),
                _ if i % 5 == 0 => blend,
                _ => crate::scoring::decision::Decision::single(case.truth),
            };
            case.with_decision(Some(&decision), &truths[i])
        };
        let cases: Vec<Case> =
            metrics::cases(scores.view(), targets.view()).into_iter().enumerate().map(decided).collect();
        for resample in [(0..60).collect::<Vec<usize>>(), vec![3, 3, 8, 20, 21, 22, 22], vec![5]] {
            let expected = Measures::of(resample.iter().map(|&i| &cases[i]), classes);
            for metric in RankBy::ALL {
                let mut sums = vec![0.0; len(metric, classes)];
                for &i in &resample {
                    let clip = of_clip(metric, &cases[i], classes);
                    sums.iter_mut().zip(clip).for_each(|(sum, clip)| *sum += clip);
                }
                let (found, expected) = (value(metric, &sums).unwrap(), metric.value(&expected).unwrap());
                assert!((found - expected).abs() < 1e-9, "{metric} of {resample:?}: {found}, expected {expected}");
            }
        }
        assert_eq!(value(RankBy::Uar, &vec![0.0; len(RankBy::Uar, classes)]), None);
    }
}
