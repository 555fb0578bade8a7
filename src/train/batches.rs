//! The rows of each step of an epoch. They depend on seed and epoch only, so a resumed run sees the same ones.

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// The rows of a run, and how they are drawn.
pub struct Batches {
    /// Labelled rows in metadata order
    pub sources: Vec<u32>,
    /// Unlabelled rows for adaptation; if there are any, each step takes as many as labelled ones
    pub target_rows: Vec<u32>,
    /// Labelled rows per step
    pub size: usize,
    pub shuffle: bool,
    pub seed: u64,
}

/// One epoch's rows.
pub struct Order {
    /// For each step its labelled rows, then its target rows
    pub rows: Vec<u32>,
    /// Number of labelled rows of each step
    pub steps: Vec<usize>,
}

impl Batches {
    /// The rows of an epoch. A last batch of fewer than 2 labelled rows is dropped.
    pub fn epoch(&self, epoch: u32) -> Order {
        let sources = self.permuted(&self.sources, 0, epoch);
        let mut target_rows = Vec::new();
        let mut round = 0;
        let mut order = Order { rows: Vec::new(), steps: Vec::new() };
        for batch in sources.chunks(self.size).filter(|batch| batch.len() >= 2) {
            order.rows.extend(batch);
            order.steps.push(batch.len());
            if !self.target_rows.is_empty() {
                while target_rows.len() < batch.len() {
                    // Target rows go round: few of them are seen several times an epoch.
                    round += 1;
                    target_rows.extend(self.permuted(&self.target_rows, round, epoch));
                }
                order.rows.extend(target_rows.drain(..batch.len()));
            }
        }
        order
    }

    fn permuted(&self, rows: &[u32], round: u64, epoch: u32) -> Vec<u32> {
        let mut rows = rows.to_vec();
        if self.shuffle {
            let mut random = ChaCha8Rng::seed_from_u64(self.seed);
            random.set_stream((u64::from(epoch) << 32) + round);
            rows.shuffle(&mut random);
        }
        rows
    }
}

impl Order {
    /// Offset of the rows of step `index`, with `per_source` rows for each labelled one.
    pub fn first(&self, index: usize, per_source: usize) -> usize {
        self.steps[..index].iter().sum::<usize>() * per_source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches() -> Batches {
        Batches { sources: (0..9).collect(), target_rows: vec![20, 21, 22], size: 4, shuffle: true, seed: 3 }
    }

    #[test]
    fn every_source_once_and_as_many_targets() {
        let order = batches().epoch(2);
        assert_eq!(order.steps, [4, 4]);
        assert_eq!(order.rows.len(), 16);
        assert_eq!(order.first(1, 2), 8);
        let mut sources: Vec<u32> = order.rows.iter().copied().filter(|&row| row < 20).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources.len(), 8, "the ninth row would be a batch of one");
        assert!(order.rows[4..8].iter().all(|&row| row >= 20), "sources first, then target rows");
    }

    #[test]
    fn depends_on_seed_and_epoch_only() {
        assert_eq!(batches().epoch(1).rows, batches().epoch(1).rows);
        assert_ne!(batches().epoch(1).rows, batches().epoch(2).rows);
        assert_ne!(batches().epoch(1).rows, Batches { seed: 4, ..batches() }.epoch(1).rows);
        let plain = Batches { shuffle: false, target_rows: Vec::new(), ..batches() };
        assert_eq!(plain.epoch(5).rows, (0..8).collect::<Vec<_>>());
    }
}
