//! The second half of the network: from given embeddings to logits and weights.

use super::outputs::Outputs;
use super::{Network, Output};
use crate::kernel::step::Step;
use anyhow::Result;
use ndarray::{Array2, Array3, Axis, s};

impl Network {
    /// Runs inference from embeddings h (N, K, P), as returned by [`embed`](Self::embed) and possibly modified, for rows that
    /// have the encoders in `present` (N, K); all of them, unless the network was made for missing encoders.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn infer_from(&mut self, h: &Array3<f32>, present: &Array2<bool>) -> Result<Output> {
        let n = h.len_of(Axis(0));
        assert!(
            self.model.dims.masking() || present.iter().all(|&has| has),
            "the network was made for rows without missing encoders"
        );
        let mut outputs = Outputs::new(&self.model.dims, n);
        let engine = self.model.engine.clone();
        for first in (0..n).step_by(self.capacity) {
            let batch = first..(first + self.capacity).min(n);
            let (model, features) = (&self.model, &self.features);
            let calls = self.from_embeddings.entry(batch.len());
            let calls = calls.or_insert_with(|| model.inference_from_embeddings(features, batch.len()));
            let mut rows = h.slice(s![batch.clone(), .., ..]).to_owned();
            let present = present.slice(s![batch.clone(), ..]);
            for (mut rows, has) in rows.outer_iter_mut().zip(present.outer_iter()) {
                for (mut h, _) in rows.outer_iter_mut().zip(has).filter(|(_, has)| !**has) {
                    h.fill(0.0);
                }
            }
            engine.write(&model.activations.h, 0, rows.as_slice().expect("embeddings are in C order"));
            model.set_mask(present);
            engine.run(calls, &Step::default().with_dropout(0.0));
            outputs.read(model, batch)?;
        }
        outputs.finish(&self.model)
    }
}
