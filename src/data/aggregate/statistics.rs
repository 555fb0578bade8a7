//! Frames of a clip (T, d) → seven statistics of every column (7·d), as numpy computes them from float64.

use ndarray::ArrayView2;

/// Number of statistics: mean, standard deviation and five percentiles.
pub const STATISTICS: usize = 2 + PERCENTILES.len();

const PERCENTILES: [f64; 5] = [0.10, 0.25, 0.50, 0.75, 0.90];

/// Writes d means, d population standard deviations, d 10th percentiles and so on to `out` (7·d); T ≥ 1.
pub fn statistics(frames: ArrayView2<f64>, out: &mut [f32]) {
    let (t, d) = frames.dim();
    let mut sorted = Vec::with_capacity(t);
    for (column, values) in frames.columns().into_iter().enumerate() {
        sorted.clear();
        sorted.extend(values);
        let mean = sorted.iter().sum::<f64>() / t as f64;
        let variance = sorted.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / t as f64;
        sorted.sort_unstable_by(f64::total_cmp);
        let percentiles = PERCENTILES.iter().map(|&share| percentile(&sorted, share));
        for (place, value) in [mean, variance.sqrt()].into_iter().chain(percentiles).enumerate() {
            out[place * d + column] = value as f32;
        }
    }
}

/// Percentile as numpy's `linear` method: at share · (T − 1), interpolated between the two nearest values.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = share * last as f64;
    let (low, part) = (place as usize, place.fract());
    let (a, b) = (sorted[low], sorted[(low + 1).min(last)]);
    // Interpolates from the nearer value, as numpy does.
    if part < 0.5 { a + (b - a) * part } else { b - (b - a) * (1.0 - part) }
}
