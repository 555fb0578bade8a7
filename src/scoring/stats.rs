//! Statistics of scores over groups of clips (actors, speakers; single clips without groups): confidence intervals, paired
//! tests and the correction for multiple tests. They work on sums and know neither clips nor metrics.
//!
//! ```text
//! score = f(Σ_g t_g)        t_g (T): sums over the clips of group g, such as hits and clips
//! interval                  f of groups drawn with replacement
//! paired test               f(A) − f(B) with the two systems' t_g swapped in some groups
//! ```

mod bootstrap;
mod holm;
mod permutation;
mod quantile;

pub use bootstrap::{MIN_GROUPS, NoInterval, interval};
pub use holm::holm;
pub use permutation::paired;

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Seed of all resamples, each on a stream of its own, so that the same data give the same results.
const SEED: u64 = 0x5eed;

fn random(resample: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    random.set_stream(resample as u64);
    random
}
