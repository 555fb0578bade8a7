//! The grouped projection: chunks of encoders of several widths, rows picked out of a pool.

use crate::update::{Adam, STEP};
use crate::{Bench, assert_close, values};
use blendfuse::kernel::buffer::Buffer;
use blendfuse::kernel::step::Step;
use blendfuse::kernels::shared::chunk::Chunk;
use blendfuse::kernels::{project_forward, project_update, project_weight_grad};

/// D_k
const WIDTHS: [usize; 3] = [23, 1, 130];
/// D
const COLUMNS: usize = 154;
/// Columns of a chunk at most
const LONGEST: usize = 60;
/// P, wider than a block of the fused update
const WIDTH: usize = 70;
/// Rows of the pool, and those of the batch, which begins at its third entry
const POOL: usize = 9;
const ROWS: [u32; 8] = [0, 0, 8, 3, 1, 3, 0, 7];
const FIRST: usize = 2;
/// B
const BATCH: usize = ROWS.len() - FIRST;

struct Inputs {
    x: Buffer<f32>,
    rows: Buffer<u32>,
    scaler: Buffer<f32>,
    chunks: Buffer<u32>,
    list: Vec<Chunk>,
    /// x̂ (B, D), all encoders side by side
    normed: Vec<f64>,
}

/// Columns before an encoder's.
fn before(k: usize) -> usize {
    WIDTHS[..k].iter().sum()
}

impl Inputs {
    fn new(bench: &mut Bench) -> Self {
        let (x, xs) = bench.input(POOL * COLUMNS);
        let (scaler, scalers) = bench.input(2 * COLUMNS);
        let (mut list, mut normed) = (Vec::new(), vec![0.0; BATCH * COLUMNS]);
        for k in 0..WIDTHS.len() {
            for b in 0..BATCH {
                for c in 0..WIDTHS[k] {
                    let (column, row) = (before(k) + c, ROWS[FIRST + b] as usize);
                    let value = xs[POOL * before(k) + row * WIDTHS[k] + c];
                    normed[b * COLUMNS + column] = (value - scalers[column]) * scalers[COLUMNS + column];
                }
            }
            for column in (0..WIDTHS[k]).step_by(LONGEST) {
                list.push(Chunk {
                    x: (POOL * before(k)) as u32,
                    w: (WIDTH * before(k)) as u32,
                    scaler: before(k) as u32,
                    width: WIDTHS[k] as u32,
                    column: column as u32,
                    length: LONGEST.min(WIDTHS[k] - column) as u32,
                    part: list.len() as u32,
                    encoder: k as u32,
                });
            }
        }
        let (rows, chunks) = (bench.words(&ROWS), bench.words(bytemuck::cast_slice(&list)));
        Self { x, rows, scaler, chunks, list, normed }
    }

    /// dW (P, D_k) per encoder: dyᵀ x̂
    fn dw(&self, dy: &[f64]) -> Vec<f64> {
        let mut dw = vec![0.0; WIDTH * COLUMNS];
        for k in 0..WIDTHS.len() {
            for p in 0..WIDTH {
                for c in 0..WIDTHS[k] {
                    for b in 0..BATCH {
                        dw[WIDTH * before(k) + p * WIDTHS[k] + c] +=
                            dy[(b * WIDTHS.len() + k) * WIDTH + p] * self.normed[b * COLUMNS + before(k) + c];
                    }
                }
            }
        }
        dw
    }
}

#[test]
fn project_forward_is_x_wt_by_chunks() {
    let mut bench = Bench::new(41);
    let inputs = Inputs::new(&mut bench);
    let (w, ws) = bench.input(WIDTH * COLUMNS);
    let mut expected = vec![0.0; inputs.list.len() * BATCH * WIDTH];
    for (s, chunk) in inputs.list.iter().enumerate() {
        let k = chunk.encoder as usize;
        for b in 0..BATCH {
            for p in 0..WIDTH {
                for c in chunk.span() {
                    expected[(s * BATCH + b) * WIDTH + p] +=
                        inputs.normed[b * COLUMNS + before(k) + c] * ws[WIDTH * before(k) + p * WIDTHS[k] + c];
                }
            }
        }
    }
    let partial = bench.output(expected.len());
    let params = project_forward::Params {
        rows: BATCH as u32,
        width: WIDTH as u32,
        chunks: inputs.list.len() as u32,
        columns: COLUMNS as u32,
        parts: inputs.list.len() as u32,
        features: inputs.x.len as u32,
    };
    let Inputs { x, rows, scaler, chunks, .. } = &inputs;
    let args = project_forward::Args { x, rows, scaler, w: &w, chunks, partial: &partial };
    let step = Step { first: FIRST as u32, ..Step::default() };
    bench.run(project_forward::call(&bench.engine, params, args), &step);
    assert_close("partial", &values(&partial), &expected);
}

#[test]
fn project_weight_grad_is_dyt_x() {
    let mut bench = Bench::new(42);
    let inputs = Inputs::new(&mut bench);
    let (dy, dys) = bench.input(BATCH * WIDTHS.len() * WIDTH);
    let dw = bench.output(WIDTH * COLUMNS);
    let params = project_weight_grad::Params {
        rows: BATCH as u32,
        width: WIDTH as u32,
        encoders: WIDTHS.len() as u32,
        chunks: inputs.list.len() as u32,
        columns: COLUMNS as u32,
        features: inputs.x.len as u32,
        max_chunk_len: LONGEST as u32,
    };
    let Inputs { x, rows, scaler, chunks, .. } = &inputs;
    let args = project_weight_grad::Args { dy: &dy, x, rows, scaler, chunks, dw: &dw };
    let step = Step { first: FIRST as u32, ..Step::default() };
    bench.run(project_weight_grad::call(&bench.engine, params, args), &step);
    assert_close("dW", &values(&dw), &inputs.dw(&dys));
}

#[test]
fn project_update_is_adam_on_that() {
    let mut bench = Bench::new(43);
    let inputs = Inputs::new(&mut bench);
    let (dy, dys) = bench.input(BATCH * WIDTHS.len() * WIDTH);
    for decoupled in [0, 1] {
        let mut adam = Adam::new(&mut bench, WIDTH * COLUMNS, decoupled);
        let params = project_update::Params {
            rows: BATCH as u32,
            width: WIDTH as u32,
            encoders: WIDTHS.len() as u32,
            chunks: inputs.list.len() as u32,
            columns: COLUMNS as u32,
            features: inputs.x.len as u32,
            max_chunk_len: LONGEST as u32,
            decoupled,
            weight_decay: adam.decay,
        };
        let Inputs { x, rows, scaler, chunks, .. } = &inputs;
        let (weight, m, v) = (&adam.weight.0, &adam.m.0, &adam.v.0);
        let args = project_update::Args { dy: &dy, x, rows, scaler, chunks, weight, m, v };
        bench.run(project_update::call(&bench.engine, params, args), &Step { first: FIRST as u32, ..STEP });
        adam.step(&inputs.dw(&dys), None);
        adam.compare();
    }
}
