//! Inference on rows of a pool, batch by batch: logits and fusion weights.

mod from_embeddings;
mod outputs;
mod preselection;

use crate::config;
use crate::data::{self, Clip, Encoder, Pool};
use crate::engine::Call;
use crate::engine::Engine;
use crate::kernel::buffer::{Buffer, NoMemory};
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::matrix;
use crate::model::fit::{Fit, Request};
use crate::model::upload;
use crate::model::{Capacity, Dims, Features, Mode, Model, Scaler};
use anyhow::{Error, Result};
use ndarray::{Array2, Array3, ArrayViewMut2, s};
use outputs::Outputs;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Outputs of the network for N rows.
#[derive(Clone, Debug)]
pub struct Output {
    /// Logits (N, C)
    pub presence: Array2<f32>,
    /// Logits (N, C); the presence logits if there is a single head
    pub salience: Array2<f32>,
    /// Fusion weights (N, K), summing to 1: at most n are above 0
    pub w: Array2<f32>,
    /// The gate's weights before selection (N, K): softmax(u / τ) over all encoders that the row has; w without a gate
    pub a: Array2<f32>,
    /// The gate's logits (N, K), −∞ for missing encoders; `None` without a gate
    pub u: Option<Array2<f32>>,
}

/// The rows of a pool that a network is created for.
pub struct Inputs<'a> {
    /// N clips, with their labels if known
    pub clips: &'a [Clip],
    /// (N, D_k) each; freed one by one after the upload
    pub encoders: Vec<Encoder>,
    /// (N, K), as [`Pool::present`]
    pub present: Option<&'a Array2<bool>>,
}

impl<'a> Inputs<'a> {
    /// All rows of a pool; moves its features out.
    pub fn of(pool: &'a mut Pool) -> Self {
        let encoders = std::mem::take(&mut pool.encoders);
        Self { clips: &pool.clips, encoders, present: pool.present.as_ref() }
    }
}

/// A network with features on its device, ready for batches of at most `capacity` rows.
pub struct Network {
    /// The network
    pub model: Model,
    /// The features
    pub features: Features,
    /// Largest number of rows of a batch
    pub capacity: usize,
    /// Placement of the features
    pub fit: Fit,
    inference: HashMap<usize, Vec<Call>>,
    from_embeddings: HashMap<usize, Vec<Call>>,
}

impl Network {
    /// Uploads features, to be standardised by `scaler` (resident if `config.engine.features` and the device allow, else
    /// streamed), and creates a network of `dims` for batches of at most `capacity` rows.
    ///
    /// # Errors
    /// If memory is insufficient, with a setting that would fit, or a feature exceeds f16.
    pub fn new(
        engine: &Arc<Engine>,
        config: &config::Config,
        dims: Dims,
        inputs: Inputs,
        scaler: &Scaler,
        capacity: usize,
        mode: Mode,
    ) -> Result<Self> {
        let Inputs { clips: labelled, mut encoders, present } = inputs;
        let clips = labelled.len();
        let dims = Dims { masked: present.is_some(), ..dims };
        let request = Request { engine, config, dims: &dims, clips, capacity, mode };
        let place = |fit: &Fit| -> Result<(Model, Features)> {
            let model_capacity = Capacity::of_epoch(&dims, clips, capacity);
            let model = Model::new(engine.clone(), config, dims.clone(), fit.windows.clone(), model_capacity, mode)?;
            let rows = if fit.streamed { capacity } else { clips };
            let features = Features::new(engine, &model.dims, &model.windows, rows)?;
            Ok((model, features))
        };
        let no_memory = |error: Error, fit: &Fit| match error.downcast::<NoMemory>() {
            Ok(cause) => Error::new(cause).context(request.too_little(&fit.plan, None)),
            Err(other) => other,
        };
        let mut fit = request.fit()?;
        let mut placed = place(&fit);
        if placed.as_ref().is_err_and(Error::is::<NoMemory>) && !fit.streamed && request.may_stream() {
            engine.wait()?;
            fit = request.streamed("since the device has no memory for resident ones")?;
            placed = place(&fit);
        }
        let (model, mut features) = placed.map_err(|error| no_memory(error, &fit))?;
        let labels = data::targets(labelled, 0..clips, model.dims.classes);
        if let Some(present) = present {
            data::fill_missing(&mut encoders, present, &scaler.mean);
        }
        let encoders = upload::features(encoders, labelled, scaler, model.dims.half)?;
        if fit.streamed {
            features.stream(engine, &model.windows, encoders, labels, capacity);
        } else {
            features.fill(engine, &model.windows, encoders, labels.as_slice().expect("in C order"));
        }
        features.set_scaler(engine, &model.windows, scaler);
        if let Some(present) = present {
            features.set_present(engine, present);
        }
        Ok(Self { model, features, capacity, fit, inference: HashMap::new(), from_embeddings: HashMap::new() })
    }

    /// Shares its features with other networks of the same sizes; `None` if they cannot be shared (see [`Features::share`]).
    ///
    /// # Errors
    /// If the device has no memory left.
    pub fn placed(&self) -> Result<Option<Placed>> {
        let (model_capacity, mode, fit) = (self.model.capacity, self.model.mode, self.fit.clone());
        Ok(self.features.share(&self.model.engine)?.map(|features| Placed { features, fit, model_capacity, mode }))
    }

    /// Sets the encoders that each clip has (N, K); only for a network made for missing encoders.
    pub fn set_present(&mut self, present: &Array2<bool>) {
        assert!(self.model.dims.masked, "the network was made for clips without missing encoders");
        self.features.set_present(&self.model.engine, present);
    }

    /// The encoders that the given rows have (N, K).
    pub fn present(&self, rows: &[usize]) -> Array2<bool> {
        let given = self.features.given();
        let k = self.model.dims.encoders();
        Array2::from_shape_fn((rows.len(), k), |(i, k_)| given.is_empty() || given[rows[i] * k + k_] != 0)
    }

    /// Runs inference on the given rows with the running statistics.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn infer(&mut self, rows: &[usize]) -> Result<Output> {
        self.infer_and(rows, |_, _| Ok(()))
    }

    /// Runs inference and also returns the embeddings h (N, K, P).
    ///
    /// # Errors
    /// If the device is lost.
    pub fn embed(&mut self, rows: &[usize]) -> Result<(Array3<f32>, Output)> {
        let (k, p) = (self.model.dims.encoders(), self.model.dims.projection);
        let mut h = Array2::zeros((rows.len(), k * p));
        let output =
            self.infer_and(rows, |model, batch| read(model, &model.activations.h, h.slice_mut(s![batch, ..])))?;
        Ok((h.into_shape_with_order((rows.len(), k, p))?, output))
    }

    /// Runs inference; `also` reads further activations of each batch.
    fn infer_and(
        &mut self,
        rows: &[usize],
        mut also: impl FnMut(&Model, Range<usize>) -> Result<()>,
    ) -> Result<Output> {
        let mut outputs = Outputs::new(&self.model.dims, rows.len());
        self.run(rows, |model, batch| {
            outputs.read(model, batch.clone())?;
            also(model, batch)
        })?;
        outputs.finish(&self.model)
    }

    /// Runs the rows kernel by kernel until `look`, called after each kernel, returns a finding.
    ///
    /// # Errors
    /// If the device is lost.
    pub(crate) fn trace<T>(
        &mut self,
        rows: &[usize],
        look: impl Fn(&Model, &Call, &Step) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut found = None;
        let one_by_one = |model: &Model, calls: &[Call], step: &Step| -> Result<()> {
            for call in calls {
                if found.is_none() {
                    model.engine.run(std::slice::from_ref(call), step);
                    found = look(model, call, step)?;
                }
            }
            Ok(())
        };
        self.run_by(rows, one_by_one, |_, _| Ok(()))?;
        Ok(found)
    }

    /// Runs the rows batch by batch; `read` reads the activations of each batch.
    fn run(&mut self, rows: &[usize], read: impl FnMut(&Model, Range<usize>) -> Result<()>) -> Result<()> {
        let all = |model: &Model, calls: &[Call], step: &Step| -> Result<()> {
            model.engine.run(calls, step);
            Ok(())
        };
        self.run_by(rows, all, read)
    }

    fn run_by(
        &mut self,
        rows: &[usize],
        mut submit: impl FnMut(&Model, &[Call], &Step) -> Result<()>,
        mut read: impl FnMut(&Model, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let engine = self.model.engine.clone();
        self.features.set_order(&engine, rows.iter().map(|&row| row as u32).collect());
        let counts = rows.chunks(self.capacity).map(<[usize]>::len).collect::<Vec<_>>();
        let mut start = if rows.is_empty() { 0 } else { self.features.prepare(&engine, 0, counts[0])? };
        for (i, &count) in counts.iter().enumerate() {
            let first = i * self.capacity;
            let (model, features) = (&self.model, &self.features);
            let calls = self.inference.entry(count).or_insert_with(|| model.inference(features, count));
            submit(model, calls, &Step { first: start, ..Step::default() }.with_dropout(0.0))?;
            // Before waiting for the results, so that the host gathers while the device computes.
            if let Some(&next) = counts.get(i + 1) {
                start = self.features.prepare(&engine, first + count, next)?;
            }
            read(&self.model, first..first + count)?;
        }
        Ok(())
    }
}

/// A pool's features on a device, for several networks.
pub struct Placed {
    features: Features,
    fit: Fit,
    model_capacity: Capacity,
    mode: Mode,
}

impl Placed {
    /// Creates a network on the same features, to be standardised by `scaler`.
    ///
    /// # Errors
    /// If the device has no memory left.
    pub fn network(
        &self,
        engine: &Arc<Engine>,
        config: &config::Config,
        dims: Dims,
        scaler: &Scaler,
    ) -> Result<Network> {
        let (windows, model_capacity) = (&self.fit.windows, self.model_capacity);
        let features = self.features.share(engine)?.expect("shared features can be shared again");
        features.set_scaler(engine, windows, scaler);
        let dims = Dims { masked: features.present.len > 0, ..dims };
        let model = Model::new(engine.clone(), config, dims, windows.clone(), model_capacity, self.mode)?;
        Ok(Network {
            model,
            features,
            capacity: model_capacity.rows,
            fit: self.fit.clone(),
            inference: HashMap::new(),
            from_embeddings: HashMap::new(),
        })
    }
}

/// The first rows of a buffer as a matrix.
fn read(model: &Model, buffer: &Buffer<f32>, mut rows: ArrayViewMut2<f32>) -> Result<()> {
    let (count, columns) = rows.dim();
    rows.assign(&matrix(&model.engine.read(buffer, 0, count * columns)?, count, columns));
    Ok(())
}

impl Output {
    /// Returns true if every logit and weight is finite.
    pub fn is_finite(&self) -> bool {
        [&self.presence, &self.salience, &self.w, &self.a].into_iter().flatten().all(|value| value.is_finite())
    }
}
