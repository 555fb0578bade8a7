//! Normal tail and Student's quantile for the expanded percentile interval, by classical approximations.

/// Returns P(Z > z) of a standard normal Z for z ≥ 0, with an error below 7.5e-8 (Abramowitz and Stegun 26.2.17).
pub fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let coefficients = [0.319_381_53, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let polynomial = coefficients.iter().rev().fold(0.0, |sum, c| t * (c + sum));
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial
}

/// Returns the quantile of Student's t with `degrees` ≥ 4 from the normal quantile z of the same probability, with an error
/// below 0.04 % (Abramowitz and Stegun 26.7.5).
pub fn student(z: f64, degrees: f64) -> f64 {
    let power = |n| z.powi(n);
    let terms = [
        (power(3) + z) / 4.0,
        (5.0 * power(5) + 16.0 * power(3) + 3.0 * z) / 96.0,
        (3.0 * power(7) + 19.0 * power(5) + 17.0 * power(3) - 15.0 * z) / 384.0,
        (79.0 * power(9) + 776.0 * power(7) + 1482.0 * power(5) - 1920.0 * power(3) - 945.0 * z) / 92160.0,
    ];
    z + terms.iter().rev().fold(0.0, |sum, term| (term + sum) / degrees)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.norm.sf and scipy.stats.t.ppf(0.975, degrees).
    #[test]
    fn tails_and_quantiles_are_scipys() {
        for (z, tail) in [(0.0, 0.5), (1.0, 0.158_655_254), (1.959_964, 0.025), (3.104, 0.000_954_602)] {
            assert!((normal_tail(z) - tail).abs() < 1e-7, "{z}");
        }
        for (degrees, t) in [(4.0, 2.776_445), (10.0, 2.228_139), (46.0, 2.012_896), (2000.0, 1.961_151)] {
            assert!((student(1.959_964, degrees) / t - 1.0).abs() < 4e-4, "{degrees}");
        }
    }
}
