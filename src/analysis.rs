//! What trained gates do: which encoders they weigh, how steadily from fold to fold, and whether they keep encoders that
//! say the same (figures 3 to 8 of the paper). From the fusion weights w of clips that a run did not train on; CKA also
//! needs the models and their pool.

mod cholesky;
mod cka;
mod consistent;
mod contributions;
mod distribution;
mod families;
mod feature_cka;
mod files;
mod importance;
mod level;
mod losses;
mod models;
mod other_clips;
mod planted;
mod probe;
mod ranks;
mod removal;
mod ridge;
mod runs;
mod similarity;
mod weights;
mod with_pool;

pub use cka::cka;
pub use contributions::{Agreement, Contribution, Contributions, MEASURES, Parts};
pub use distribution::{Distribution, distributions, representative};
pub use families::families;
pub use feature_cka::feature_cka;
pub use importance::{Importance, ModalityImportance, Pair, by_modality, co_selection, importance, stability};
pub use level::{Judge, Level, Lost, Perturbation};
pub use losses::{RunLosses, losses, permutation};
pub use models::{Models, Rows};
pub use planted::Recovery;
pub use probe::{Probe, probe};
pub use ranks::{mid_ranks, pearson, spearman};
pub use removal::{Order as RemovalOrder, Removal, RunRemoval, counts as removal_counts};
pub use runs::{Run, Runs};
pub use similarity::{Similarity, TrainingWeights, measure};
pub use weights::{RunWeights, WeightKind, Weights};
pub use with_pool::{ContributionOptions, WithPool};

use crate::host::files::read_json;
use crate::model::checkpoint::EncoderInfo;
use anyhow::{Context as _, Result};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// `analysis.json`. Lists over encoders are in the pool's order, as are rows and columns of (K, K).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// What to type to repeat it
    pub command: String,
    /// Clips are those that the runs validated on; else, of a run without validation, those that it was trained on
    pub held_out: bool,
    /// Clips of all runs together: with several seeds, every clip once per seed
    pub clips: usize,
    pub runs: Vec<String>,
    /// Run folders that were left out, since their training has not ended
    pub unfinished: Vec<String>,
    pub encoders: Vec<EncoderInfo>,
    /// What importance, stability and distributions are of
    #[serde(default)]
    pub weight: WeightKind,
    pub importance: Vec<Importance>,
    pub modalities: Vec<ModalityImportance>,
    /// Every pair of runs; none of a single run
    pub stability: Vec<Pair>,
    /// Of chosen encoders
    pub distributions: Vec<Distribution>,
    /// (K, K), see [`co_selection`]
    pub co_selection: Vec<Vec<f64>>,
    /// (K, K), see [`cka`], mean over the runs' models; `None` where no pool was given
    pub cka: Option<Vec<Vec<f64>>>,
    /// Every pair of different encoders
    pub pairs: Vec<EncoderPair>,
    /// Of CKA with co-selection over the pairs whose embeddings vary; `None` without CKA
    pub correlation: Option<Correlation>,
    /// What permutation, masking and linear probes tell; `None` where it was not computed
    #[serde(default)]
    pub contributions: Option<Contributions>,
    /// Against what was planted, where the pool is a synthetic one
    #[serde(default)]
    pub planted: Option<Recovery>,
}

/// Two encoders: how alike what they say is, and how often both are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderPair {
    pub a: String,
    pub b: String,
    pub cka: Option<f64>,
    pub co_selection: f64,
}

/// `None` where one of the two is the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    pub pearson: Option<f64>,
    pub spearman: Option<f64>,
    /// Pairs that count
    pub pairs: usize,
}

impl Analysis {
    /// Puts together what the weights tell; `chosen`: the encoders whose distribution is shown.
    pub fn new(weights: &Weights, chosen: &[usize], cka: Option<&Array2<f64>>) -> Self {
        let importance = importance(weights);
        let co_selection = co_selection(weights);
        let k = weights.encoders.len();
        let pairs: Vec<(usize, usize)> = (0..k).flat_map(|a| (a + 1..k).map(move |b| (a, b))).collect();
        let name = |k: usize| weights.encoders[k].name.clone();
        Self {
            command: crate::host::ui::command(),
            held_out: weights.held_out,
            clips: weights.clips(),
            runs: weights.runs.iter().map(|run| run.name.clone()).collect(),
            unfinished: weights.unfinished.clone(),
            encoders: weights.encoders.clone(),
            weight: weights.kind(),
            modalities: by_modality(&importance),
            importance,
            stability: stability(weights),
            distributions: distributions(weights, chosen),
            pairs: pairs
                .iter()
                .map(|&(a, b)| EncoderPair {
                    a: name(a),
                    b: name(b),
                    cka: cka.map(|cka| cka[[a, b]]),
                    co_selection: co_selection[[a, b]],
                })
                .collect(),
            correlation: cka.map(|cka| Correlation::of(cka, &co_selection, &pairs)),
            co_selection: rows(&co_selection),
            cka: cka.map(rows),
            contributions: None,
            planted: None,
        }
    }

    /// Reads `analysis.json` of a folder that `blendfuse analyze` wrote.
    ///
    /// # Errors
    /// It is missing, not such a file, or its lists do not fit each other.
    pub fn read(dir: &Path) -> Result<Self> {
        let (path, what) = (dir.join("analysis.json"), "what this version's `blendfuse analyze` writes");
        let analysis: Self = read_json(&path, what, "run it again")?;
        analysis.check().with_context(|| format!("{}: not {what}; run it again", path.display()))?;
        Ok(analysis)
    }

    /// Encoders of which some model's embeddings are the same for every clip.
    pub fn dead(&self) -> Vec<&str> {
        let diagonal = self.cka.iter().flat_map(|cka| cka.iter().enumerate().map(|(k, row)| (k, row[k])));
        diagonal.filter(|(_, same)| *same < DEAD).map(|(k, _)| self.encoders[k].name.as_str()).collect()
    }
}

/// A model's CKA of an encoder with itself is 1, or 0 where its embeddings do not vary; the mean over models is below 1
/// by more than rounding where one of them is 0.
const DEAD: f64 = 1.0 - 1e-6;

impl Correlation {
    fn of(cka: &Array2<f64>, co_selection: &Array2<f64>, pairs: &[(usize, usize)]) -> Self {
        let varies = |k: usize| cka[[k, k]] >= DEAD;
        let pairs = pairs.iter().filter(|&&(a, b)| varies(a) && varies(b));
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.map(|&(a, b)| (cka[[a, b]], co_selection[[a, b]])).unzip();
        Self { pearson: pearson(&x, &y), spearman: spearman(&x, &y), pairs: x.len() }
    }
}

fn rows(matrix: &Array2<f64>) -> Vec<Vec<f64>> {
    matrix.axis_iter(Axis(0)).map(|row| row.to_vec()).collect()
}
