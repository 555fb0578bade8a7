//! Analysis of trained models: encoder importance, its stability across folds, and encoder similarity (figures 3 to 8 of the
//! paper). Reads result folders; knows nothing of reports and of the command line.
//!
//! Importance uses the weights of held-out clips; CKA, permutation, masking and probes also need the models and their pool.

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
pub use importance::{Importance, ModalityImportance, RunPair, by_modality, co_selection, importance, stability};
pub use level::{Judge, Level, Lost, Perturbation};
pub use losses::{RunLosses, losses, permutation};
pub use models::{Models, Rows};
pub use planted::Recovery;
pub use probe::{Probe, probe};
pub use ranks::{mid_ranks, pearson, spearman};
pub use removal::{Order as RemovalOrder, Removal, RunRemoval, counts as removal_counts};
pub use runs::{AnalyzedRun, Runs};
pub use similarity::{Similarity, TrainingWeights, measure};
pub use weights::{RunWeights, WeightKind, Weights};
pub use with_pool::{ContributionOptions, WithPool};

use crate::host::files::read_json;
use crate::model::checkpoint::EncoderInfo;
use anyhow::{Context as _, Result};
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Contents of `analysis.json`. Lists over encoders, and rows and columns of (K, K), are in the pool's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Command line that repeats the analysis
    pub command: String,
    /// Whether the clips are validation clips; otherwise they are the training clips of a run without validation
    pub held_out: bool,
    /// Number of clips of all runs; with several seeds, each clip counts once per seed
    pub clips: usize,
    /// Names of the runs
    pub runs: Vec<String>,
    /// Skipped run folders, whose training is unfinished
    pub unfinished: Vec<String>,
    /// K encoders
    pub encoders: Vec<EncoderInfo>,
    /// Weights behind importance, stability and distributions
    #[serde(default)]
    pub weight: WeightKind,
    /// Per encoder
    pub importance: Vec<Importance>,
    /// Per modality
    pub modalities: Vec<ModalityImportance>,
    /// All pairs of runs
    pub stability: Vec<RunPair>,
    /// Weight distributions of chosen encoders
    pub distributions: Vec<Distribution>,
    /// (K, K), see [`co_selection`]
    pub co_selection: Vec<Vec<f64>>,
    /// (K, K), see [`cka`], mean over the runs' models; `None` without a pool
    pub cka: Option<Vec<Vec<f64>>>,
    /// All pairs of different encoders
    pub pairs: Vec<EncoderPair>,
    /// Correlation of CKA and co-selection over pairs whose embeddings vary; `None` without CKA
    pub correlation: Option<Correlation>,
    /// Permutation, masking and linear probes; `None` if not computed
    #[serde(default)]
    pub contributions: Option<Contributions>,
    /// Comparison with the ground truth of a synthetic pool
    #[serde(default)]
    pub planted: Option<Recovery>,
}

/// Similarity and co-selection of two encoders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderPair {
    /// Name of the first encoder
    pub a: String,
    /// Name of the second encoder
    pub b: String,
    /// Linear CKA of their embeddings; `None` without a pool
    pub cka: Option<f64>,
    /// Proportion of clips that keep both
    pub co_selection: f64,
}

/// Correlation coefficients, `None` if one variable is constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Pearson's r
    pub pearson: Option<f64>,
    /// Spearman's ρ
    pub spearman: Option<f64>,
    /// Number of pairs used
    pub pairs: usize,
}

impl Analysis {
    /// Analyzes weights and, if given, CKA (K, K); `chosen` are the indices of encoders whose distribution is included.
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

    /// Reads `analysis.json` in a folder written by `blendfuse analyze`.
    ///
    /// # Errors
    /// A missing or invalid file, or lists of inconsistent lengths.
    pub fn read(dir: &Path) -> Result<Self> {
        let (path, what) = (dir.join("analysis.json"), "the output of this version's `blendfuse analyze`");
        let analysis: Self = read_json(&path, what, "run the analysis again")?;
        analysis.check().with_context(|| format!("{}: not {what}; run the analysis again", path.display()))?;
        Ok(analysis)
    }

    /// Returns the encoders whose embeddings are constant in at least one model.
    pub fn dead(&self) -> Vec<&str> {
        let diagonal = self.cka.iter().flat_map(|cka| cka.iter().enumerate().map(|(k, row)| (k, row[k])));
        diagonal.filter(|(_, same)| *same < DEAD).map(|(k, _)| self.encoders[k].name.as_str()).collect()
    }
}

/// An encoder's CKA with itself is 1, or 0 if its embeddings are constant. A mean over models below this bound means that at
/// least one model has constant embeddings.
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
