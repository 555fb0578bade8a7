//! Labels in whole percent: the classes that a clip shows, and the salience of each.

use ndarray::ArrayView2;
use std::cmp::Reverse;

/// A class index and its salience in percent.
pub type Share = (usize, u32);

/// A clip's label: one or more [`Share`]s in class order.
pub type Truth = Vec<Share>;

/// Converts a soft target (C): every class above 0, with its salience rounded to whole percent.
///
/// With three or more classes, the percentages matter only for [`two_largest`]. Rounding must not change which two these are:
/// theirs are at least 1, and the others' lower.
pub fn truth(target: &[f32]) -> Truth {
    let present = target.iter().enumerate().filter(|(_, share)| **share > 0.0);
    let mut truth: Truth = present.map(|(class, share)| (class, (100.0 * f64::from(*share)).round() as u32)).collect();
    if truth.len() > 2 {
        let mut order: Vec<usize> = (0..truth.len()).collect();
        order.sort_by(|&a, &b| target[truth[b].0].total_cmp(&target[truth[a].0])); // stable: equal ones by class
        let floor = truth[order[1]].1.max(1);
        order[..2].iter().for_each(|&i| truth[i].1 = truth[i].1.max(floor));
        order[2..].iter().for_each(|&i| truth[i].1 = truth[i].1.min(floor - 1));
    }
    truth
}

/// Returns the classes of a truth in class order; of three or more, the two with the largest salience.
pub fn two_largest(truth: &[Share]) -> [Option<usize>; 2] {
    let mut order: Vec<&Share> = truth.iter().collect();
    order.sort_by_key(|share| Reverse(share.1)); // stable: equal ones by class
    let (a, b) = (order.first().map(|share| share.0), order.get(1).map(|share| share.0));
    if b.is_some() && b < a { [b, a] } else { [a, b] }
}

/// Converts soft targets (N, C).
pub fn truths(targets: ArrayView2<f32>) -> Vec<Truth> {
    targets.rows().into_iter().map(|row| truth(&row.to_vec())).collect()
}
