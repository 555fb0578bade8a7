//! From a family's view to an encoder's features: noise by reliability, random projection, nonlinearity, scale and offset.

use super::Stream;
use super::encoders::{Kind, Planned};
use super::views::{VIEW, Views, normals};
use rand::{Rng as _, RngExt as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Columns computed at a time, so that their sums stay in registers.
const TILE: usize = 16;
/// Standard deviation of each column's own noise; that of the projected view is about 1.
const COLUMN_NOISE: f32 = 0.3;
/// Standard deviation of the noise that a near-duplicate adds to the original's view.
const DUPLICATE_NOISE: f32 = 0.2;

/// Generates the rows of an encoder.
pub struct Projector<'a> {
    encoder: &'a Planned,
    position: usize,
    seed: u64,
    /// (D_k / TILE rounded up, VIEW, TILE)
    weights: Vec<f32>,
    /// (D_k) each
    scale: Vec<f32>,
    offset: Vec<f32>,
    bend: Bend,
}

#[derive(Clone, Copy)]
enum Bend {
    Straight,
    /// t / (1 + |t| / 2): large values count less.
    Soft,
    /// t, and a quarter of it below zero.
    Leaky,
}

impl<'a> Projector<'a> {
    /// Draws the encoder's columns in order, so that a duplicate of another width shares the first ones.
    pub fn new(encoder: &'a Planned, position: usize, seed: u64) -> Self {
        let mut rng = Stream::Columns.rng(seed, encoder.origin as u64);
        let bend = [Bend::Straight, Bend::Soft, Bend::Leaky][rng.random_range(0..3)];
        // Units of encoders differ by two orders of magnitude, those of the columns of an encoder by a factor of about 2.
        let unit = [0.1, 0.3, 1.0, 3.0, 10.0][rng.random_range(0..5)];
        let width = encoder.width;
        let mut weights = vec![0.0; width.div_ceil(TILE) * VIEW * TILE];
        let (mut scale, mut offset) = (vec![0.0; width], vec![0.0; width]);
        for column in 0..width {
            let (tile, lane) = (column / TILE, column % TILE);
            for (part, weight) in normals::<VIEW>(&mut rng).into_iter().enumerate() {
                weights[(tile * VIEW + part) * TILE + lane] = weight / (VIEW as f32).sqrt();
            }
            scale[column] = unit * rng.random_range(0.7..1.4);
            offset[column] = unit * rng.sample::<f32, _>(StandardNormal);
        }
        Projector { encoder, position, seed, weights, scale, offset, bend }
    }

    /// Fills `out` (D_k) with the features of a clip; independent of the order of clips.
    pub fn row(&self, views: &Views, clip: usize, out: &mut [f32]) {
        let latent = self.latent(views, clip);
        let mut rng = self.row_rng(Stream::Rows, self.position, clip);
        let mut bytes = [0u8; 4 * TILE];
        for (tile, out) in out.chunks_mut(TILE).enumerate() {
            let weights = &self.weights[tile * VIEW * TILE..(tile + 1) * VIEW * TILE];
            let mut sums = [0.0f32; TILE];
            for (value, weights) in latent.iter().zip(weights.chunks_exact(TILE)) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
            rng.fill_bytes(&mut bytes);
            let columns = tile * TILE..tile * TILE + out.len();
            let affine = self.scale[columns.clone()].iter().zip(&self.offset[columns]);
            for (((out, sum), bytes), (scale, offset)) in out.iter_mut().zip(sums).zip(bytes.as_chunks().0).zip(affine)
            {
                *out = scale * (self.bend.apply(sum) + COLUMN_NOISE * cheap_normal(*bytes)) + offset;
            }
        }
    }

    /// √r · view + √(1−r) · noise, r the reliability; a duplicate has the original's noise and a little of its own.
    fn latent(&self, views: &Views, clip: usize) -> [f32; VIEW] {
        let mut rng = self.row_rng(Stream::Noise, self.encoder.origin, clip);
        let mut latent: [f32; VIEW] = normals(&mut rng);
        if let Some((family, reliability)) = self.encoder.sees {
            let view = &views.views[clip][family as usize];
            for (value, view) in latent.iter_mut().zip(view) {
                *value = reliability.sqrt() * view + (1.0 - reliability).sqrt() * *value;
            }
        }
        if let Kind::Duplicate { .. } = self.encoder.kind {
            let own: [f32; VIEW] = normals(&mut self.row_rng(Stream::Noise, self.position, clip));
            latent.iter_mut().zip(own).for_each(|(value, own)| *value += DUPLICATE_NOISE * own);
        }
        latent
    }

    fn row_rng(&self, stream: Stream, encoder: usize, clip: usize) -> ChaCha8Rng {
        stream.rng(self.seed, (encoder as u64) << 32 | clip as u64)
    }
}

impl Bend {
    fn apply(self, value: f32) -> f32 {
        match self {
            Bend::Straight => value,
            Bend::Soft => value / (1.0 + 0.5 * value.abs()),
            Bend::Leaky => value.max(0.25 * value),
        }
    }
}

/// Approximates a standard normal by the sum of four random bytes: fast, since the paper preset needs 825 million of them.
fn cheap_normal(bytes: [u8; 4]) -> f32 {
    let sum: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
    // Four bytes have mean 4 · 127.5 and variance 4 · (256² − 1) / 12.
    (sum - 510) as f32 * (1.0 / 147.800_54)
}
