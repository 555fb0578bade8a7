//! What a label says in whole percents: the classes that a clip shows and how salient each is.

use ndarray::ArrayView2;
use std::cmp::Reverse;

/// A class index and its salience in percent.
pub type Share = (usize, u32);

/// What a clip shows: [`Share`]s in class order, one or more.
pub type Truth = Vec<Share>;

/// The truth in a soft target (C): every class above 0, salience rounded to whole percents.
///
/// With three or more classes the percents are scored nowhere but in [`two_largest`]; rounding must not hide which two these
/// are, so theirs are at least 1 and those of the others lower.
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

/// The classes of a truth in class order; of three or more the two with most salience.
pub fn two_largest(truth: &[Share]) -> [Option<usize>; 2] {
    let mut order: Vec<&Share> = truth.iter().collect();
    order.sort_by_key(|share| Reverse(share.1)); // stable: equal ones by class
    let (a, b) = (order.first().map(|share| share.0), order.get(1).map(|share| share.0));
    if b.is_some() && b < a { [b, a] } else { [a, b] }
}

/// The truths in soft targets (N, C).
pub fn truths(targets: ArrayView2<f32>) -> Vec<Truth> {
    targets.rows().into_iter().map(|row| truth(&row.to_vec())).collect()
}
