//! Detection of a collapsed gate: how many encoders it keeps, and how much its logits depend on the clip.

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// A gate that keeps fewer than this share of n encoders has collapsed.
pub const LEAST_KEPT: f64 = 0.25;

/// A gate whose share of logit variance between clips is smaller has collapsed.
pub const LEAST_BETWEEN_CLIPS: f64 = 0.01;

/// Largest number of rounds of the additive fit: one is exact without missing encoders, a few suffice with them.
const ROUNDS: usize = 50;

/// State of a gate over N clips: the validation clips, or with `--all` the training clips.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateState {
    /// exp(mean over clips of −Σ_k w_k ln w_k): n if the weights of the n selected encoders are equal, 1 if one encoder
    /// has all the weight
    pub encoders_kept: f64,
    /// Share of the variance of the logits u (N, K) that lies between clips, from 0 to 1: Σ (v − mean_clips v)² / Σ v², where
    /// v = u − mean_k u, since softmax ignores the mean of a clip. It is 0 for a gate with the same output for every clip. If
    /// clips miss encoders, both sums run over present encoders, and the means are those of the least-squares fit
    /// u ≈ clip + encoder.
    #[serde(rename = "logit_variance_between_clips")]
    pub between_clips: f64,
    /// Largest possible `encoders_kept` if clips miss encoders: exp(mean over clips of ln min(n, present)). `None` if no clip
    /// misses any: it is n
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_kept: Option<f64>,
}

impl GateState {
    /// Computes the state from weights w (N, K) and logits u (N, K), which are not finite for missing encoders; scaling the
    /// logits by a positive factor (τ) changes nothing. `top_n`: encoders kept for a clip that misses none. `None` for fewer
    /// than 2 encoders or 2 clips.
    pub fn of(w: ArrayView2<f32>, u: ArrayView2<f32>, top_n: usize) -> Option<Self> {
        assert_eq!(w.dim(), u.dim(), "weights and logits of a gate must both be (N, K)");
        let (n, k) = w.dim();
        (n >= 2 && k >= 2).then(|| Self {
            encoders_kept: encoders_kept(w),
            between_clips: between_clips(u),
            most_kept: most_kept(u, top_n),
        })
    }

    /// Describes the collapse of a gate that should keep `top_n` encoders; `None` if it has not collapsed.
    fn findings(&self, top_n: usize) -> Option<String> {
        let Self { encoders_kept, between_clips, most_kept } = *self;
        let mut found = Vec::new();
        if encoders_kept < LEAST_KEPT * most_kept.unwrap_or(top_n as f64) {
            let most = most_kept.map(|most| format!("; missing encoders allow at most {most:.1}"));
            let most = most.unwrap_or_default();
            found.push(format!("it keeps {encoders_kept:.1} of n = {top_n} encoders (less than a quarter{most})"));
        }
        if between_clips < LEAST_BETWEEN_CLIPS {
            let (share, least) = (100.0 * between_clips, 100.0 * LEAST_BETWEEN_CLIPS);
            found.push(format!(
                "{share:.2} % of the variance of its logits lies between clips (less than {least:.0} %): it weights the \
                 encoders of all clips alike"
            ));
        }
        (!found.is_empty()).then(|| found.join("; "))
    }

    /// `14.2 of n = 22, logit variance between clips 31 %`
    pub fn text(&self, top_n: usize) -> String {
        let Self { encoders_kept, between_clips, .. } = self;
        format!("{encoders_kept:.1} of n = {top_n}, logit variance between clips {:.1} %", 100.0 * between_clips)
    }
}

/// Returns a warning if gates have collapsed; `runs`: name, state of the gate and n of each run.
pub fn warning<'a>(runs: impl IntoIterator<Item = (&'a str, Option<GateState>, usize)>) -> Option<String> {
    let runs: Vec<_> = runs.into_iter().collect();
    let found = |&(name, gate, top_n): &(&'a str, Option<GateState>, usize)| Some((name, gate?.findings(top_n)?));
    let collapsed: Vec<(&str, String)> = runs.iter().filter_map(found).collect();
    let (name, findings) = collapsed.first()?;
    Some(match runs.len() {
        1 => format!("the gate has collapsed: {findings}"),
        all => format!("the gate has collapsed in {} of {all} runs; {name}: {findings}", collapsed.len()),
    })
}

fn encoders_kept(w: ArrayView2<f32>) -> f64 {
    let terms = w.iter().map(|&w| f64::from(w)).filter(|w| *w > 0.0).map(|w| -w * w.ln());
    (terms.sum::<f64>() / w.nrows() as f64).exp()
}

fn most_kept(u: ArrayView2<f32>, top_n: usize) -> Option<f64> {
    let present = |row: ndarray::ArrayView1<f32>| row.iter().filter(|u| u.is_finite()).count();
    let missing = u.rows().into_iter().any(|row| present(row) < row.len());
    let logs = u.rows().into_iter().map(|row| (present(row).min(top_n).max(1) as f64).ln());
    missing.then(|| (logs.sum::<f64>() / u.nrows() as f64).exp())
}

fn between_clips(u: ArrayView2<f32>) -> f64 {
    let mut v = u.mapv(f64::from);
    subtract_means(&mut v, Axis(0));
    let total = squares(&v);
    if total == 0.0 {
        return 0.0;
    }
    let mut within = total;
    for _ in 0..ROUNDS {
        subtract_means(&mut v, Axis(1));
        subtract_means(&mut v, Axis(0));
        let before = std::mem::replace(&mut within, squares(&v));
        if before - within <= 1e-12 * total {
            break;
        }
    }
    within / total
}

/// Subtracts from each lane along the other axis its mean over finite values.
fn subtract_means(v: &mut Array2<f64>, of: Axis) {
    for mut lane in v.axis_iter_mut(of) {
        let finite = || lane.iter().filter(|value| value.is_finite());
        let mean = finite().sum::<f64>() / finite().count().max(1) as f64;
        lane -= mean;
    }
}

fn squares(v: &Array2<f64>) -> f64 {
    v.iter().filter(|value| value.is_finite()).map(|value| value * value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    /// Entropies ln 2 and 0: exp of their mean is √2.
    #[test]
    fn encoders_kept_is_the_exponential_of_the_mean_entropy() {
        assert!(close(encoders_kept(array![[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]].view()), 2.0_f64.sqrt()));
        assert!(close(encoders_kept(array![[0.25, 0.25, 0.25, 0.25]].view()), 4.0));
    }

    /// v = ±1, the other way round in the second clip: nothing is common to the clips. Then v = ±2 and ±1: means over clips
    /// ±1.5, deviations ±0.5, 4 · 0.25 of 4 + 4 + 1 + 1.
    #[test]
    fn the_share_between_clips_by_hand() {
        assert!(close(between_clips(array![[1.0, -1.0], [-1.0, 1.0]].view()), 1.0));
        assert!(close(between_clips(array![[2.0, -2.0], [11.0, 9.0]].view()), 0.1));
        // A shift of a clip's logits and a factor, as τ is one, change nothing.
        assert!(close(between_clips(array![[70.0, 66.0], [2.0, 0.0]].view()), 0.1));
        assert!(close(between_clips(array![[20.0, -20.0], [110.0, 90.0]].view()), 0.1));
        assert_eq!(between_clips(array![[3.0, 1.0, 2.0], [13.0, 11.0, 12.0]].view()), 0.0);
        assert_eq!(between_clips(array![[0.0, 0.0], [0.0, 0.0]].view()), 0.0);
    }

    /// The same logits for every clip, but for those that a clip misses: nothing lies between clips.
    #[test]
    fn missing_encoders_are_no_difference_between_clips() {
        let gone = f32::NEG_INFINITY;
        let u = array![[3.0, 1.0, 2.0, 0.5], [gone, 1.0, 2.0, 0.5], [3.0, gone, gone, 0.5], [3.0, 1.0, 2.0, gone]];
        assert!(between_clips(u.view()) < 1e-6, "{}", between_clips(u.view()));
    }

    /// Clips with 2 and 8 of 20 encoders can keep 4 in the geometric mean: 4 of n = 18 is no collapse there.
    #[test]
    fn clips_that_miss_encoders_cannot_keep_n() {
        let logit = |present: usize| move |k: usize| if k < present { k as f32 } else { f32::NEG_INFINITY };
        let u = Array2::from_shape_fn((2, 20), |(clip, k)| logit([2, 8][clip])(k));
        let w = Array2::from_shape_fn((2, 20), |(clip, k)| {
            let present = [2, 8][clip];
            if k < present { 1.0 / present as f32 } else { 0.0 }
        });
        let state = GateState::of(w.view(), u.view(), 18).unwrap();
        assert!(close(state.encoders_kept, 4.0) && close(state.most_kept.unwrap(), 4.0), "{state:?}");
        let alone = |encoders_kept| GateState { encoders_kept, between_clips: 0.5, ..state };
        assert_eq!(warning([("a", Some(alone(1.0)), 18)]), None);
        let warned = warning([("a", Some(alone(0.99)), 18)]).unwrap();
        assert!(
            warned.contains("of n = 18 encoders (less than a quarter; missing encoders allow at most 4.0)"),
            "{warned}"
        );
        assert_eq!(
            GateState::of(w.slice(ndarray::s![.., ..2]), u.slice(ndarray::s![.., ..2]), 2).unwrap().most_kept,
            None
        );
    }

    #[test]
    fn warns_below_both_bounds_only() {
        let state = |encoders_kept, between_clips| Some(GateState { encoders_kept, between_clips, most_kept: None });
        let one = |gate, top_n| warning([("seed 0 fold 1", gate, top_n)]);
        assert_eq!(one(state(5.5, 0.01), 22), None);
        let few = one(state(5.49, 0.01), 22).unwrap();
        assert_eq!(few, "the gate has collapsed: it keeps 5.5 of n = 22 encoders (less than a quarter)");
        let alike = one(state(22.0, 0.0099), 22).unwrap();
        assert!(alike.contains("0.99 % of the variance") && !alike.contains("keeps"), "{alike}");
        assert!(one(state(1.0, 0.0), 22).unwrap().contains("; "));
        // One encoder of up to four is a quarter at least.
        assert_eq!(one(state(1.0, 0.5), 4), None);
        assert_eq!(one(None, 22), None);
        let several = warning([("a", state(9.0, 0.5), 22), ("b", None, 22), ("c", state(1.0, 0.5), 22)]).unwrap();
        assert!(several.starts_with("the gate has collapsed in 1 of 3 runs; c: it keeps 1.0 of"), "{several}");
    }

    #[test]
    fn a_gate_without_a_choice_has_no_state() {
        assert_eq!(GateState::of(array![[1.0], [1.0]].view(), array![[0.3], [0.1]].view(), 1), None);
        assert_eq!(GateState::of(array![[0.5, 0.5]].view(), array![[0.3, 0.3]].view(), 2), None);
        assert!(
            GateState::of(array![[0.5, 0.5], [1.0, 0.0]].view(), array![[0.3, 0.3], [1.0, 0.0]].view(), 2).is_some()
        );
    }
}
