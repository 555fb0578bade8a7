//! The parts of the training clips in a run: training, validation and, if nested, scoring.

use super::{Pool, Split};
use crate::host::ui::count;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Choice of the folds that a run trains on, validates on and scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoldChoice {
    /// Trains on all other folds, validates on this one
    Fold(u32),
    /// Trains on all folds but two
    Nested {
        /// Scored after training
        fold: u32,
        /// Chooses epoch, learning rate and thresholds
        choice: u32,
    },
    /// Trains on every training clip for the full number of epochs, without validation
    All,
}

/// Disjoint rows of a pool by their part in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Trained on
    pub train: Vec<usize>,
    /// For choosing the epoch and the thresholds; empty for [`FoldChoice::All`]
    pub validation: Vec<usize>,
    /// Used only for scoring; empty unless the choice is nested
    pub scored: Vec<usize>,
}

impl FoldChoice {
    /// A nested choice that scores `fold` and validates on the next fold in ascending order (the first after the last).
    ///
    /// # Errors
    /// If the fold does not exist, or the pool has fewer than three folds.
    pub fn nested(pool: &Pool, fold: u32) -> Result<Self> {
        pool.fold_rows(fold)?;
        let rows = pool.indices(Split::Train);
        let folds: BTreeSet<u32> = rows.iter().filter_map(|&row| pool.clips[row].fold).collect();
        ensure!(
            folds.len() > 2,
            "--nested: found {}, expected at least 3 (one for scoring, one for choosing epoch and thresholds, the others for \
             training); make more with `blendfuse folds`, or omit --nested",
            count(folds.len(), "fold")
        );
        let next = folds.iter().find(|other| **other > fold).or_else(|| folds.first());
        Ok(Self::Nested { fold, choice: *next.expect("the pool has three folds") })
    }

    /// The scored fold.
    pub fn fold(self) -> Option<u32> {
        match self {
            Self::Fold(fold) | Self::Nested { fold, .. } => Some(fold),
            Self::All => None,
        }
    }

    /// Returns true for a nested choice.
    pub fn is_nested(self) -> bool {
        matches!(self, Self::Nested { .. })
    }

    /// Divides the training rows of a pool; each part is in the pool's order.
    ///
    /// # Errors
    /// If a fold does not exist, or is the only one.
    pub fn parts(self, pool: &Pool) -> Result<Parts> {
        Ok(match self {
            Self::Fold(fold) => {
                let (train, validation) = pool.fold_rows(fold)?;
                Parts { train, validation, scored: Vec::new() }
            }
            Self::Nested { fold, choice } => {
                pool.fold_rows(choice)?;
                let (others, scored) = pool.fold_rows(fold)?;
                let (validation, train) = others.into_iter().partition(|&row| pool.clips[row].fold == Some(choice));
                Parts { train, validation, scored }
            }
            Self::All => Parts { train: pool.indices(Split::Train), validation: Vec::new(), scored: Vec::new() },
        })
    }
}

impl std::fmt::Display for FoldChoice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fold(fold) => write!(formatter, "--fold {fold}"),
            Self::Nested { fold, choice } => {
                write!(formatter, "cv --nested, fold {fold} scored, epoch and thresholds chosen on fold {choice}")
            }
            Self::All => write!(formatter, "--all"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Clip;

    /// Two clips in each fold, in turns; the folds are named 2, 4 and 7. A clip of no fold always trains.
    fn pool(folds: &[u32]) -> Pool {
        let fold_of = (0..2 * folds.len()).map(|i| Some(folds[i % folds.len()])).chain([None]);
        let clip = |(i, fold)| Clip {
            name: format!("clip{i}"),
            split: Split::Train,
            fold,
            group: None,
            target: Some(vec![1.0, 0.0]),
        };
        let clips = (0..).zip(fold_of).map(clip).collect();
        Pool { classes: vec!["a".into(), "b".into()], neutral: None, clips, encoders: Vec::new(), present: None }
    }

    #[test]
    fn the_scored_fold_neither_trains_nor_chooses() {
        let pool = pool(&[2, 4, 7]);
        let mut scored = Vec::new();
        for (fold, choice) in [(2, 4), (4, 7), (7, 2)] {
            let selection = FoldChoice::nested(&pool, fold).unwrap();
            assert_eq!(selection, FoldChoice::Nested { fold, choice });
            let parts = selection.parts(&pool).unwrap();
            let folds = |rows: &[usize]| rows.iter().map(|&row| pool.clips[row].fold).collect::<BTreeSet<_>>();
            assert_eq!(folds(&parts.scored), [Some(fold)].into());
            assert_eq!(folds(&parts.validation), [Some(choice)].into());
            assert!(!folds(&parts.train).contains(&Some(fold)) && !folds(&parts.train).contains(&Some(choice)));
            let mut all = [parts.train, parts.validation, parts.scored.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..7).collect::<Vec<_>>(), "every row has one part");
            scored.extend(parts.scored);
            // An ordinary run of the fold scores the same rows.
            let ordinary = FoldChoice::Fold(fold).parts(&pool).unwrap();
            assert_eq!(ordinary.validation, FoldChoice::nested(&pool, fold).unwrap().parts(&pool).unwrap().scored);
            assert!(ordinary.scored.is_empty());
        }
        scored.sort_unstable();
        assert_eq!(scored, (0..6).collect::<Vec<_>>(), "every clip with a fold is scored once");
    }

    #[test]
    fn two_folds_are_too_few() {
        let error = FoldChoice::nested(&pool(&[0, 1]), 0).unwrap_err().to_string();
        assert!(error.contains("--nested: found 2 folds, expected at least 3"), "{error}");
    }

    #[test]
    fn it_is_written_as_before() {
        let text = |selection| serde_json::to_string(&selection).unwrap();
        assert_eq!(text(FoldChoice::Fold(3)), r#"{"fold":3}"#);
        assert_eq!(text(FoldChoice::All), r#""all""#);
        assert_eq!(text(FoldChoice::Nested { fold: 1, choice: 2 }), r#"{"nested":{"fold":1,"choice":2}}"#);
    }
}
