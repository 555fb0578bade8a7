//! The second half of the network alone: from given embeddings to logits and weights.

use super::outputs::Outputs;
use super::{Network, Output};
use crate::step::Step;
use anyhow::Result;
use ndarray::{Array3, Axis, s};

impl Network {
    /// What the network says of embeddings h (N, K, P) such as [`embed`](Self::embed) gives, changed or not.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn infer_from(&mut self, h: &Array3<f32>) -> Result<Output> {
        let n = h.len_of(Axis(0));
        let mut outputs = Outputs::new(&self.model.dims, n);
        let engine = self.model.engine.clone();
        for first in (0..n).step_by(self.capacity) {
            let batch = first..(first + self.capacity).min(n);
            let (model, features) = (&self.model, &self.features);
            let calls = self.from_embeddings.entry(batch.len());
            let calls = calls.or_insert_with(|| model.inference_from_embeddings(features, batch.len()));
            let rows = h.slice(s![batch.clone(), .., ..]);
            engine.write(&model.activations.h, 0, rows.as_slice().expect("embeddings are in C order"));
            engine.run(calls, &Step::default().with_dropout(0.0));
            outputs.read(model, batch)?;
        }
        outputs.finish(&self.model)
    }
}
