//! Collection of a network's outputs, batch by batch.

use super::preselection::preselection;
use super::{Output, read};
use crate::model::{Dims, Model};
use anyhow::Result;
use ndarray::{Array2, s};
use std::ops::Range;

pub(super) struct Outputs {
    logits: Array2<f32>, // (N, O)
    w: Array2<f32>,      // (N, K)
    u: Array2<f32>,      // (N, K)
    mask: Array2<u32>,   // (N, K)
}

impl Outputs {
    /// Allocates outputs for n rows.
    pub fn new(dims: &Dims, n: usize) -> Self {
        let of_encoders = || Array2::zeros((n, dims.encoders()));
        Self {
            logits: Array2::zeros((n, dims.outputs())),
            w: of_encoders(),
            u: of_encoders(),
            mask: Array2::ones((n, dims.encoders())),
        }
    }

    /// Reads the outputs of a batch from the activations.
    pub fn read(&mut self, model: &Model, batch: Range<usize>) -> Result<()> {
        read(model, &model.activations.logits, self.logits.slice_mut(s![batch.clone(), ..]))?;
        read(model, &model.activations.w, self.w.slice_mut(s![batch.clone(), ..]))?;
        if model.dims.gate {
            read(model, &model.activations.u, self.u.slice_mut(s![batch.clone(), ..]))?;
        }
        if model.dims.masking() {
            let mask = model.engine.read(&model.activations.mask, 0, batch.len() * model.dims.encoders())?;
            self.mask.slice_mut(s![batch, ..]).iter_mut().zip(mask).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }

    /// Returns the outputs of all rows.
    pub fn finish(self, model: &Model) -> Result<Output> {
        let (c, w) = (model.dims.classes, self.w);
        let presence = self.logits.slice(s![.., ..c]).to_owned();
        let salience = if model.dims.dual { self.logits.slice(s![.., c..2 * c]).to_owned() } else { presence.clone() };
        let present = self.mask.mapv(|mask| mask != 0);
        if !model.dims.gate {
            return Ok(Output { presence, salience, a: w.clone(), w, u: None });
        }
        let a = preselection(self.u.view(), present.view(), model.temperature()?);
        let mut u = self.u;
        u.zip_mut_with(&present, |u, &present| *u = if present { *u } else { f32::NEG_INFINITY });
        Ok(Output { presence, salience, w, a, u: Some(u) })
    }
}
