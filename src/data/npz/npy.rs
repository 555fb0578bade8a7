//! Reads a matrix that lies in an `.npy` file of its own.

use super::array::{self, Advice, Array, no_memory, zeros};
use crate::host::input::open_regular;
use anyhow::{Context as _, Result, bail};
use half::f16;
use ndarray::Array2;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

const FRAMES: Advice = Advice {
    content: "float16, float32 or float64",
    rows: "frames",
    resave: "np.save(path, np.asarray(frames, dtype=np.float32))",
};

/// An open file, its header read.
pub struct NpyReader(Array<BufReader<File>>);

impl NpyReader {
    /// Opens a file.
    ///
    /// # Errors
    /// If there is no such file, it is not what `np.save` writes, is pickled, or its size disagrees with its shape.
    pub fn open(path: &Path) -> Result<Self> {
        let what = path.display().to_string();
        let (file, size) = open_regular(path)?;
        Ok(Self(Array::open(what, BufReader::new(file), size, FRAMES)?))
    }

    /// (rows, columns); (0, 0) for an array of no values in one dimension, as `np.save(path, [])` writes it.
    ///
    /// # Errors
    /// If it has not two dimensions.
    pub fn shape(&self) -> Result<(usize, usize)> {
        if self.0.shape == [0] { Ok((0, 0)) } else { self.0.matrix_shape() }
    }

    /// Reads all of it, in either order.
    ///
    /// # Errors
    /// If it is no matrix of float16, float32 or float64, or damaged.
    pub fn matrix(mut self) -> Result<Array2<f64>> {
        let shape = self.shape()?;
        let mut matrix = zeros(shape).with_context(|| no_memory(&self.0.what))?;
        let places: Vec<_> = (0..shape.0).map(Some).collect();
        match (self.0.kind, self.0.item_size) {
            ('f', 2) => self.0.scatter(&places, matrix.view_mut(), f16::to_f64)?,
            ('f', 4) => self.0.scatter(&places, matrix.view_mut(), |x: f32| f64::from(x))?,
            ('f', 8) => self.0.scatter(&places, matrix.view_mut(), |x: f64| x)?,
            _ => bail!(self.0.wrong_type(array::FLOATS)),
        }
        self.0.finish()?;
        Ok(matrix)
    }
}
