//! Features on the device: the whole pool (resident), or the current batch only (streamed).

use crate::buffer::Buffer;
use crate::data::{Encoder, Pool};
use crate::engine::Engine;
use crate::model::{Dims, Windows};
use anyhow::Result;
use std::sync::Arc;

/// One window's features and how to standardise them.
pub struct WindowFeatures {
    /// (N, D_k) per encoder, one after the other; N is the batch where features are streamed
    pub x: Buffer<f32>,
    /// (2, D): mean, 1/std
    pub standard: Buffer<f32>,
    /// The window's chunks, 8 words each
    pub chunks: Buffer<u32>,
}

/// Where the kernels find their rows.
pub struct Features {
    pub windows: Vec<WindowFeatures>,
    /// (N, C) soft targets; zeros where there is no label
    pub targets: Buffer<f32>,
    /// Row numbers of an epoch in the order of its batches
    pub rows: Buffer<u32>,
    /// (K, 2): first part, parts
    pub spans: Buffer<u32>,
    /// Host copy where features are streamed
    streamed: Option<Streamed>,
}

struct Streamed {
    encoders: Arc<Vec<Encoder>>,
    targets: Vec<f32>,
    /// Rows that the device buffers hold
    capacity: usize,
    /// The current epoch's rows
    order: Vec<u32>,
}

/// Per-column mean and std of every encoder, over the training rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standard {
    /// (D_k) per encoder
    pub mean: Vec<Vec<f32>>,
    pub std: Vec<Vec<f32>>,
}

impl Standard {
    /// Statistics of the given rows of a pool.
    pub fn of(pool: &Pool, rows: &[usize]) -> Self {
        let (mean, std) = pool
            .encoders
            .iter()
            .map(|encoder| {
                let (mean, std) = crate::data::standardize::columns(encoder.features.view(), rows);
                (mean.to_vec(), std.to_vec())
            })
            .unzip();
        Self { mean, std }
    }
}

impl Features {
    /// Takes the pool's features to the device, encoder by encoder, so that host and device copies never both exist
    /// in full; where they are streamed (`windows` was made for `capacity` < N rows), the host keeps them.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn new(
        engine: &Engine,
        dims: &Dims,
        windows: &Windows,
        encoders: Vec<Encoder>,
        targets: Vec<f32>,
        capacity: usize,
        streamed: bool,
    ) -> Result<Self> {
        let clips = targets.len() / dims.classes;
        let mut list = Vec::new();
        let mut encoders = encoders;
        for (i, window) in windows.list.iter().enumerate() {
            let x = engine.buffer(&format!("features {i}"), capacity * window.columns)?;
            if !streamed {
                for (encoder, k) in encoders.iter_mut().zip(0..dims.encoders()) {
                    if window.encoders.contains(&k) {
                        let first = window.chunks.iter().find(|chunk| chunk.encoder as usize == k);
                        let first = first.expect("every encoder has a chunk").x as usize;
                        let features = std::mem::take(&mut encoder.features);
                        engine.write(&x, first, features.as_slice().expect("pools are in C order"));
                    }
                }
            }
            list.push(WindowFeatures {
                x,
                standard: engine.buffer(&format!("standard {i}"), 2 * window.columns)?,
                chunks: engine.upload(&format!("chunks {i}"), &window.words())?,
            });
        }
        Ok(Self {
            windows: list,
            targets: if streamed {
                engine.buffer("targets", capacity * dims.classes)?
            } else {
                engine.upload("targets", &targets)?
            },
            rows: engine.buffer("rows", if streamed { capacity } else { 4 * clips.max(1) })?,
            spans: engine.upload("spans", &windows.spans)?,
            streamed: streamed.then(|| Streamed { encoders: Arc::new(encoders), targets, capacity, order: Vec::new() }),
        })
    }

    /// Sets how columns are standardised.
    pub fn set_standard(&self, engine: &Engine, windows: &Windows, standard: &Standard) {
        for (window, features) in windows.list.iter().zip(&self.windows) {
            let mean: Vec<f32> = standard.mean[window.encoders.clone()].concat();
            let rstd: Vec<f32> = standard.std[window.encoders.clone()].concat().iter().map(|std| 1.0 / std).collect();
            engine.write(&features.standard, 0, &mean);
            engine.write(&features.standard, window.columns, &rstd);
        }
    }

    /// Sets the rows of the coming steps, batch after batch.
    pub fn set_order(&mut self, engine: &Engine, order: Vec<u32>) {
        match &mut self.streamed {
            None => engine.write(&self.rows, 0, &order),
            Some(streamed) => {
                engine.write(&self.rows, 0, &(0..streamed.capacity as u32).collect::<Vec<_>>());
                streamed.order = order;
            }
        }
    }

    /// Makes the rows `first..first + count` of the order available; returns where a step finds them (`Step::first`).
    pub fn prepare(&self, engine: &Engine, windows: &Windows, classes: usize, first: usize, count: usize) -> u32 {
        let Some(streamed) = &self.streamed else { return first as u32 };
        let rows = &streamed.order[first..first + count];
        let mut targets = Vec::with_capacity(count * classes);
        for &row in rows {
            targets.extend_from_slice(&streamed.targets[row as usize * classes..][..classes]);
        }
        engine.write(&self.targets, 0, &targets);
        let mut batch = Vec::new();
        for (window, features) in windows.list.iter().zip(&self.windows) {
            for chunk in window.chunks.iter().filter(|chunk| chunk.column == 0) {
                let encoder = &streamed.encoders[chunk.encoder as usize].features;
                batch.clear();
                for &row in rows {
                    batch.extend_from_slice(encoder.row(row as usize).to_slice().expect("pools are in C order"));
                }
                engine.write(&features.x, chunk.x as usize, &batch);
            }
        }
        0
    }
}
