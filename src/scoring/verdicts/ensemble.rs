//! The out-of-fold ensemble over seeds: the mean scores of a fold's models on the clips of that fold.

use super::system::{FoldScores, System};
use ndarray::Array2;

impl System {
    /// Averages the scores of all seeds in every fold that all seeds have; the runs have the first seed. `None` for a single
    /// seed.
    pub fn ensemble(&self) -> Option<Self> {
        let seeds = self.seeds();
        let first = *seeds.first().filter(|_| seeds.len() > 1)?;
        let mean = |fold: u32| -> Option<FoldScores> {
            let runs: Vec<&FoldScores> = self.runs.iter().filter(|run| run.fold == fold).collect();
            let complete = runs.len() == seeds.len() && runs.iter().all(|run| run.names == runs[0].names);
            let one = runs.first().filter(|_| complete)?;
            let mut sum = Array2::<f64>::zeros(one.scores.dim());
            runs.iter().for_each(|run| sum += &run.scores.mapv(f64::from));
            let scores = sum.mapv(|sum| (sum / runs.len() as f64) as f32);
            // Thresholds chosen for one model need not suit the mean of several.
            Some(FoldScores { seed: first, scores, chosen: None, ..(*one).clone() })
        };
        let runs: Vec<FoldScores> = self.folds().into_iter().filter_map(mean).collect();
        (!runs.is_empty()).then(|| Self { runs, ..self.clone() })
    }
}
