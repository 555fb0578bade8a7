//! CKA between the encoders' embeddings in trained models.

use super::models::Models;
use super::{Runs, cka};
use crate::host::ui::{Ui, count};
use anyhow::{Result, ensure};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use std::collections::{BTreeMap, BTreeSet};

/// CKA and weights of the training clips.
pub struct Similarity {
    /// (K, K), see [`cka()`], of each pair over the clips that have both, mean over runs. Embeddings of different models are never
    /// compared
    pub cka: Array2<f64>,
    /// Weights, per run
    pub training: Vec<TrainingWeights>,
}

/// Weights of a run's training clips.
#[derive(Clone, Debug)]
pub struct TrainingWeights {
    /// Fusion weights (N, K)
    pub w: Array2<f32>,
    /// Gate weights before selection (N, K)
    pub a: Array2<f32>,
}

/// Returns the CKA (K, K) of embeddings h (N, K, P), of each pair of encoders over the rows with both, present (N, K). Also returns
/// the smallest number of rows of a pair, since few rows raise CKA.
///
/// # Errors
/// A pair with fewer than 2 rows; `names` (K) are for the message.
fn over_common_rows(h: &Array3<f32>, present: ArrayView2<bool>, names: &[&str]) -> Result<(Array2<f64>, usize)> {
    let k = present.ncols();
    let mut pairs_of: BTreeMap<Vec<usize>, Vec<(usize, usize)>> = BTreeMap::new();
    for (a, b) in (0..k).flat_map(|a| (a..k).map(move |b| (a, b))) {
        let has = present.outer_iter().map(|has| has[a] && has[b]);
        pairs_of.entry(has.enumerate().filter_map(|(row, has)| has.then_some(row)).collect()).or_default().push((a, b));
    }
    let (mut all, mut fewest) = (Array2::zeros((k, k)), usize::MAX);
    for (rows, pairs) in pairs_of {
        let (a, b) = pairs[0];
        ensure!(
            rows.len() >= 2,
            "found {} with rows in both `{}` and `{}`, expected at least 2 to compare their embeddings; omit \
             --data, or exclude encoders that few clips have with data.encoders",
            count(rows.len(), "training clip"),
            names[a],
            names[b]
        );
        fewest = fewest.min(rows.len());
        let encoders: Vec<usize> =
            pairs.iter().flat_map(|&(a, b)| [a, b]).collect::<BTreeSet<_>>().into_iter().collect();
        let place = |k| encoders.binary_search(&k).expect("an encoder of a pair");
        let part = cka(h.select(Axis(0), &rows).select(Axis(1), &encoders));
        for (a, b) in pairs {
            all[[a, b]] = part[[place(a), place(b)]];
            all[[b, a]] = all[[a, b]];
        }
    }
    Ok((all, fewest))
}

/// Computes CKA and weights of each run's training clips in evaluation mode, one model at a time.
///
/// # Errors
/// As [`Models::network`], and non-finite embeddings.
pub fn measure(models: &mut Models, runs: &Runs, ui: Ui) -> Result<Similarity> {
    let (mut total, mut training) = (None, Vec::new());
    for (i, run) in runs.finished.iter().enumerate() {
        let rows = &models.rows[i].training.clone();
        let mut network = models.network(i)?;
        ui.say(format!("CKA: {}, {}", run.name, count(rows.len(), "training clip")));
        let (h, output) = network.embed(rows)?;
        let present = network.present(rows);
        drop(network);
        ensure!(
            h.iter().chain(&output.w).all(|value| value.is_finite()),
            "{}: found non-finite embeddings, expected finite ones; check the features for extreme values (`blendfuse inspect`)",
            run.path.display()
        );
        let names: Vec<&str> = models.headers[i].encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        let (one, fewest) = over_common_rows(&h, present.view(), &names)?;
        if fewest < rows.len() {
            ui.say(format!("CKA of a pair uses the clips with both encoders, at least {fewest}"));
        }
        total = Some(match total {
            Some(total) => total + one,
            None => one,
        });
        training.push(TrainingWeights { w: output.w, a: output.a });
    }
    Ok(Similarity { cka: total.expect("a run that has ended") / runs.finished.len() as f64, training })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns embeddings (60, 4, 5); the third and the fourth encoder differ by a shift only.
    fn embeddings() -> Array3<f32> {
        Array3::from_shape_fn((60, 4, 5), |(n, k, p)| {
            let k = k.min(2);
            ((n * (7 + 4 * k) + 13 * p * (k + 1)) as f32).sin() + p as f32
        })
    }

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    #[test]
    fn each_pair_runs_over_the_rows_that_have_both() {
        let (h, present) = (embeddings(), Array2::from_shape_fn((60, 4), |(n, k)| (n + k) % 4 != 0));
        let zeroed = Array3::from_shape_fn(h.dim(), |(n, k, p)| if present[[n, k]] { h[[n, k, p]] } else { 0.0 });
        let (all, fewest) = over_common_rows(&zeroed, present.view(), &NAMES).unwrap();
        assert_eq!(fewest, 30, "no row has all four");
        for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
            let rows: Vec<usize> = (0..60).filter(|&n| present[[n, a]] && present[[n, b]]).collect();
            let expected = cka(h.select(Axis(0), &rows).select(Axis(1), &[a, b]))[[0, 1]];
            assert!((all[[a, b]] - expected).abs() < 1e-12, "{a}, {b}: {} and {expected}", all[[a, b]]);
        }
        assert!(all[[2, 3]] > 0.999 && all[[0, 1]] < 0.9, "{all}");
    }

    #[test]
    fn nothing_missing_is_cka_of_all_rows() {
        let (all, fewest) = over_common_rows(&embeddings(), Array2::from_elem((60, 4), true).view(), &NAMES).unwrap();
        assert_eq!((all, fewest), (cka(embeddings()), 60));
    }

    #[test]
    fn a_pair_without_rows_is_named() {
        let present = Array2::from_shape_fn((60, 4), |(n, k)| k < 2 || (n % 2 == 0) == (k == 2));
        let error = over_common_rows(&embeddings(), present.view(), &NAMES).unwrap_err().to_string();
        assert!(error.starts_with("found 0 training clips with rows in both `c` and `d`"), "{error}");
    }
}
