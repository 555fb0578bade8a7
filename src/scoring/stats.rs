//! Statistics of scores over groups of clips (actors, speakers; single clips where there are no groups): intervals, paired
//! tests, and the correction for several of them. Nothing here knows what a clip or a score is.
//!
//! ```text
//! score = f(Σ_g t_g)        t_g (T): sums over the clips of group g, such as hits and clips
//! interval                  f of the groups drawn with replacement
//! paired test               f(A) − f(B) with the two systems' t_g swapped in some groups
//! ```

mod bootstrap;
mod holm;
mod permutation;
mod quantile;

pub use bootstrap::{LEVEL, MIN_GROUPS, NoInterval, RESAMPLES, interval};
pub use holm::holm;
pub use permutation::{EXACT_GROUPS, PERMUTATIONS, PairedTest, paired};

use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// The same data give the same figures: one generator per resample, from this seed.
const SEED: u64 = 0x5eed;

fn random(resample: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    random.set_stream(resample as u64);
    random
}
