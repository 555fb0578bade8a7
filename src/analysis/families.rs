//! Families of near-duplicate encoders.

use ndarray::ArrayView2;

/// Returns groups of at least two encoders connected by pairs with `cka` (K, K) >= `bound` (single linkage), in the pool's order.
pub fn families(cka: ArrayView2<f64>, bound: f64) -> Vec<Vec<usize>> {
    let k = cka.nrows();
    let mut family: Vec<usize> = (0..k).collect();
    for a in 0..k {
        for b in a + 1..k {
            let (to, from) = (family[a].min(family[b]), family[a].max(family[b]));
            if cka[[a, b]] >= bound {
                family.iter_mut().filter(|family| **family == from).for_each(|family| *family = to);
            }
        }
    }
    let members = |first: usize| (0..k).filter(|&k| family[k] == first).collect::<Vec<_>>();
    (0..k).map(members).filter(|members| members.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_chain_makes_a_family() {
        // Chain 0 – 3 – 1 (0.95, 0.9) although 0 and 1 have 0.2; pair 2 – 4; 5 alone.
        let cka = array![
            [1.0, 0.2, 0.1, 0.95, 0.0, 0.0],
            [0.2, 1.0, 0.0, 0.9, 0.1, 0.3],
            [0.1, 0.0, 1.0, 0.0, 0.92, 0.0],
            [0.95, 0.9, 0.0, 1.0, 0.0, 0.89],
            [0.0, 0.1, 0.92, 0.0, 1.0, 0.0],
            [0.0, 0.3, 0.0, 0.89, 0.0, 1.0],
        ];
        assert_eq!(families(cka.view(), 0.9), [vec![0, 1, 3], vec![2, 4]]);
        assert_eq!(families(cka.view(), 0.91), [vec![0, 3], vec![2, 4]]);
        assert_eq!(families(cka.view(), 0.89), [vec![0, 1, 3, 5], vec![2, 4]]);
        assert!(families(cka.view(), 1.0).is_empty(), "a single encoder is no family");
    }
}
