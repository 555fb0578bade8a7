//! Features on the device: the whole pool (resident), or only the current batch (streamed).

use super::stream::Stream;
use crate::data::Pool;
use crate::engine::Engine;
use crate::kernel::buffer::{AnyBuffer, Buffer};
use crate::model::{Dims, Window, Windows};
use anyhow::Result;
use ndarray::Array2;
use std::sync::Arc;

/// The features of a window and their standardisation.
pub struct WindowFeatures {
    /// (N, D_k) per encoder, one after another, in f32, or standardised in f16 with two values per word; N is the batch if
    /// features are streamed
    pub x: AnyBuffer,
    /// (2, D): mean, 1/std; empty if features are in f16
    pub scaler: Buffer<f32>,
    /// The window's chunks, 8 words each
    pub chunks: Buffer<u32>,
}

/// The rows that kernels access: features, labels, order.
pub struct Features {
    /// Features by window
    pub windows: Vec<WindowFeatures>,
    /// (N, C) soft labels; zeros for rows without a label
    pub labels: Buffer<f32>,
    /// Row numbers of an epoch in the order of its batches
    pub rows: Buffer<u32>,
    /// (K, 2): first partial sum of each encoder, and their number
    pub spans: Buffer<u32>,
    /// (N, K): 1 if the row has the encoder; empty if no row lacks any
    pub present: Buffer<u32>,
    /// The same for the whole pool, on the host
    given: Arc<Vec<u32>>,
    /// The pool, if it stays on the host
    stream: Option<Stream>,
    /// Rows of the current order
    ordered: usize,
}

/// Mean and standard deviation of every column, over the training rows that have the encoder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaler {
    /// (D_k) per encoder
    pub mean: Vec<Vec<f32>>,
    /// (D_k) per encoder, never 0
    pub std: Vec<Vec<f32>>,
}

impl Scaler {
    /// Computes the statistics of the given rows of a pool; mean 0 and std 1 for an encoder that none of them has.
    pub fn of(pool: &Pool, rows: &[usize]) -> Self {
        let (mean, std) = pool
            .encoders
            .iter()
            .enumerate()
            .map(|(k, encoder)| {
                let rows = pool.rows_with(k, rows);
                if rows.is_empty() {
                    let width = encoder.features.ncols();
                    return (vec![0.0; width], vec![1.0; width]);
                }
                let (mean, std) = crate::data::standardize::columns(encoder.features.view(), &rows);
                (mean.to_vec(), std.to_vec())
            })
            .unzip();
        Self { mean, std }
    }
}

impl Features {
    /// Allocates `rows` rows: all rows of a pool, or those of a batch if they are streamed.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn new(engine: &Engine, dims: &Dims, windows: &Windows, rows: usize) -> Result<Self> {
        let window = |(i, window): (usize, &Window)| {
            let (label, len) = (format!("features {i}"), rows * window.row);
            let scaler = if dims.half { 0 } else { 2 * window.columns };
            Ok(WindowFeatures {
                x: match dims.half {
                    true => AnyBuffer::U32(engine.buffer(&label, len)?),
                    false => AnyBuffer::F32(engine.buffer(&label, len)?),
                },
                scaler: engine.buffer(&format!("scaler {i}"), scaler)?,
                chunks: engine.upload(&format!("chunks {i}"), &window.words())?,
            })
        };
        Ok(Self {
            windows: windows.list.iter().enumerate().map(window).collect::<Result<_>>()?,
            labels: engine.buffer("labels", rows * dims.classes)?,
            // An epoch with adaptation lists every clip and as many target rows.
            rows: engine.buffer("rows", 2 * rows)?,
            spans: engine.upload("spans", &windows.spans)?,
            present: engine.buffer("present", if dims.masked { rows * dims.encoders() } else { 0 })?,
            given: Arc::default(),
            stream: None,
            ordered: 0,
        })
    }

    /// Shares the features with another run, which gets separate buffers for everything that a run writes. `None` for
    /// features in f16, which are standardised for one run.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn share(&self, engine: &Engine) -> Result<Option<Self>> {
        let window = |(i, window): (usize, &WindowFeatures)| {
            let x = match (&window.x, &self.stream) {
                (AnyBuffer::F32(x), None) => x.clone(),
                (AnyBuffer::F32(x), Some(_)) => engine.buffer(&x.label, x.len)?,
                (AnyBuffer::U32(_), _) => return Ok(None),
            };
            let scaler = engine.buffer(&format!("scaler {i}"), window.scaler.len)?;
            Ok(Some(WindowFeatures { x: AnyBuffer::F32(x), scaler, chunks: window.chunks.clone() }))
        };
        let windows: Result<Option<Vec<_>>> = self.windows.iter().enumerate().map(window).collect();
        let Some(windows) = windows? else { return Ok(None) };
        let present = engine.buffer("present", self.present.len)?;
        if self.stream.is_none() {
            engine.write(&present, 0, &self.given);
        }
        Ok(Some(Self {
            windows,
            labels: match self.stream {
                None => self.labels.clone(),
                Some(_) => engine.buffer("labels", self.labels.len)?,
            },
            rows: engine.buffer("rows", self.rows.len)?,
            spans: self.spans.clone(),
            present,
            given: self.given.clone(),
            stream: self.stream.as_ref().map(|stream| stream.share(engine)),
            ordered: 0,
        }))
    }

    /// Writes all features (as returned by [`upload::features`](super::upload::features)) and labels (N, C) to the device, and
    /// frees the host's copy encoder by encoder.
    pub fn fill(&mut self, engine: &Engine, windows: &Windows, encoders: Vec<Array2<u32>>, labels: &[f32]) {
        engine.write(&self.labels, 0, labels);
        for (k, encoder) in encoders.into_iter().enumerate() {
            let (window, chunk) = windows.first_chunk(k);
            let bits = encoder.as_slice().expect("pools are in C order");
            engine.write_bits(&self.windows[window].x, chunk.x as usize, bits);
        }
    }

    /// Keeps all features and labels (N, C) on the host; `prepare` copies batches of at most `capacity` rows to the device.
    pub fn stream(
        &mut self,
        engine: &Engine,
        windows: &Windows,
        encoders: Vec<Array2<u32>>,
        labels: Array2<f32>,
        capacity: usize,
    ) {
        self.stream = Some(Stream::new(engine, windows, encoders, labels, capacity));
    }

    /// Sets the encoders that each row of the pool has (N, K); only for a network made for missing encoders.
    pub fn set_present(&mut self, engine: &Engine, present: &Array2<bool>) {
        self.given = Arc::new(present.iter().map(|&present| u32::from(present)).collect());
        if self.stream.is_none() {
            engine.write(&self.present, 0, &self.given);
        }
    }

    /// The encoders that each row of the pool has (N, K), 1 or 0; empty if no row lacks any.
    pub fn given(&self) -> &[u32] {
        &self.given
    }

    /// Sets the standardisation of f32 features; f16 features are standardised already.
    pub fn set_scaler(&self, engine: &Engine, windows: &Windows, scaler: &Scaler) {
        for (window, features) in windows.list.iter().zip(&self.windows) {
            if features.scaler.len == 0 {
                continue;
            }
            let mean: Vec<f32> = scaler.mean[window.encoders.clone()].concat();
            let rstd: Vec<f32> = scaler.std[window.encoders.clone()].concat().iter().map(|std| 1.0 / std).collect();
            engine.write(&features.scaler, 0, &mean);
            engine.write(&features.scaler, window.columns, &rstd);
        }
    }

    /// Sets the rows of the following steps, batch after batch.
    pub fn set_order(&mut self, engine: &Engine, order: Vec<u32>) {
        self.ordered = order.len();
        match &mut self.stream {
            None => engine.write(&self.rows, 0, &order),
            Some(stream) => {
                engine.write(&self.rows, 0, &(0..stream.capacity() as u32).collect::<Vec<_>>());
                stream.set_order(order);
            }
        }
    }

    /// Makes rows `first..first + count` of the order available to the next steps; returns their index for `Step::first`.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn prepare(&mut self, engine: &Engine, first: usize, count: usize) -> Result<u32> {
        let end = first + count;
        assert!(end <= self.ordered, "rows {first}..{end} exceed the {} rows of the order", self.ordered);
        let Some(stream) = &mut self.stream else { return Ok(first as u32) };
        let labels = AnyBuffer::from(&self.labels);
        let buffers: Vec<_> = self.windows.iter().map(|window| &window.x).chain([&labels]).collect();
        stream.load(engine, &buffers, first, count)?;
        if self.present.len > 0 {
            let k = self.spans.len / 2;
            let rows = stream.order()[first..end].iter().map(|&row| row as usize);
            let batch: Vec<u32> = rows.flat_map(|row| &self.given[row * k..][..k]).copied().collect();
            engine.write(&self.present, 0, &batch);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use crate::check::cases;
    use crate::engine::Engine;
    use crate::model::Mode;
    use std::sync::Arc;

    #[test]
    #[should_panic(expected = "rows 3..9 exceed the 8 rows of the order")]
    fn rows_behind_the_order_are_refused() {
        let engine = Arc::new(Engine::Cpu);
        let (_, mut features) = cases()[0].build(&engine, Mode::Training).expect("it fits");
        features.set_order(&engine, (0..8).collect());
        assert_eq!(features.prepare(&engine, 2, 6).expect("all there"), 2);
        let _ = features.prepare(&engine, 3, 6);
    }
}
