//! Features that are not finite: where they are, and how to drop clips that have them.

use super::source::Index;
use super::{Clip, Encoder};
use crate::host::ui::count;
use ndarray::{Array2, Axis};
use std::collections::BTreeSet;

/// The features of an encoder that are not finite.
#[derive(Clone, Debug)]
pub struct NonFinite {
    /// Their number
    pub count: usize,
    /// Those among them that are finite in the file but too large for float32
    pub too_large: usize,
    /// Rows of the matrix that have some, in ascending order; at least one
    pub rows: Vec<usize>,
    /// First such column of the first such row
    pub column: usize,
}

/// Finds features that are not finite; `None` if there are none. `too_large`: number of values too large for float32.
pub fn non_finite(features: &Array2<f32>, too_large: usize) -> Option<NonFinite> {
    let (mut total, mut rows, mut first) = (0, Vec::new(), None);
    for (row, values) in features.outer_iter().enumerate() {
        let bad = values.iter().filter(|x| !x.is_finite()).count();
        if bad > 0 {
            total += bad;
            rows.push(row);
            first = first.or_else(|| values.iter().position(|x| !x.is_finite()));
        }
    }
    Some(NonFinite { count: total, too_large, rows, column: first? })
}

impl NonFinite {
    /// `2 NaN or infinite features`, `1 feature too large for float32 (3.4e38)`, or both
    pub fn what(&self) -> String {
        let lost = || count(self.count - self.too_large, "NaN or infinite feature");
        let large = || format!("{} too large for float32 (3.4e38)", count(self.too_large, "feature"));
        match self.too_large {
            0 => lost(),
            all if all == self.count => large(),
            _ => format!("{} and {}", lost(), large()),
        }
    }

    /// Describes the first one: clip, row of the file, column.
    pub fn place(&self, clips: &[&Clip], index: &Index) -> String {
        let clip = &clips[self.rows[0]].name;
        let (_, row) = index.place_of(clip);
        format!("first in clip `{clip}` (row {row} of the file, column {}, counted from 0)", self.column)
    }
}

/// Removes the clips in `bad` from a pool's clips and encoders.
pub fn drop_clips(bad: &BTreeSet<usize>, clips: &mut Vec<Clip>, encoders: &mut [Encoder]) {
    let kept: Vec<usize> = (0..clips.len()).filter(|row| !bad.contains(row)).collect();
    for encoder in encoders {
        encoder.features = encoder.features.select(Axis(0), &kept);
    }
    let mut row = 0..;
    clips.retain(|_| row.next().is_some_and(|row| !bad.contains(&row)));
}
