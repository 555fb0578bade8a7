//! Batch norm over the rows that have an encoder.

use crate::{Bench, assert_close, dropout, relu, values};
use blendfuse::kernel::step::Step;
use blendfuse::kernels::{batchnorm_backward, batchnorm_forward, batchnorm_infer};

const ROWS: usize = 7;
const ENCODERS: usize = 3;
/// First part and number of parts of every encoder
const SPANS: [usize; 6] = [0, 2, 2, 1, 3, 3];
const PARTS: usize = 6;
const EPSILON: f64 = 1e-5;

/// All rows have the first encoder, some the second, none the third.
fn has(row: usize, encoder: usize) -> bool {
    [true, row % 3 != 1, false][encoder]
}

fn mask() -> Vec<u32> {
    (0..ROWS * ENCODERS).map(|i| u32::from(has(i / ENCODERS, i % ENCODERS))).collect()
}

/// Σ_s partial[s]
fn sum(partial: &[f64], width: usize, row: usize, channel: usize) -> f64 {
    let (k, p) = (channel / width, channel % width);
    let mut y = 0.0;
    for s in SPANS[2 * k]..SPANS[2 * k] + SPANS[2 * k + 1] {
        y += partial[(s * ROWS + row) * width + p];
    }
    y
}

/// Widths of one task and of two.
#[test]
fn batchnorm_forward_norms_over_the_batch() {
    let mut bench = Bench::new(31);
    let step = Step { seed_low: 3, number: 5, ..Step::default() }.with_dropout(0.4);
    for width in [5, 512] {
        let (channels, layer) = (ENCODERS * width, 1);
        let (partial, partials) = bench.input(PARTS * ROWS * width);
        let (packed_params, packed_values) = bench.input(2 + 2 * channels);
        let (gamma, beta) = (&packed_values[2..], &packed_values[2 + channels..]);
        let (running, mut moved) = bench.positive(2 * channels);
        let mut normed = vec![0.0; ROWS * channels];
        let mut h = vec![0.0; ROWS * channels];
        let mut rstd = vec![0.0; channels];
        for m in 0..channels {
            let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
            for b in 0..ROWS {
                if has(b, m / width) {
                    count += 1.0;
                    mean += sum(&partials, width, b, m);
                }
            }
            if count == 0.0 {
                continue;
            }
            mean /= count;
            for b in 0..ROWS {
                if has(b, m / width) {
                    squares += (sum(&partials, width, b, m) - mean).powi(2);
                }
            }
            rstd[m] = 1.0 / (squares / count + EPSILON).sqrt();
            moved[m] += 0.1 * (mean - moved[m]);
            moved[channels + m] += 0.1 * (squares / (count - 1.0) - moved[channels + m]);
            for b in 0..ROWS {
                if has(b, m / width) {
                    let at = b * channels + m;
                    normed[at] = (sum(&partials, width, b, m) - mean) * rstd[m];
                    h[at] = relu(gamma[m] * normed[at] + beta[m]) * dropout(&step, at, layer);
                }
            }
        }
        let [normed_found, h_found, rstd_found] = [normed.len(), h.len(), channels].map(|len| bench.output(len));
        let params = batchnorm_forward::Params {
            rows: ROWS as u32,
            encoders: ENCODERS as u32,
            width: width as u32,
            parts: PARTS as u32,
            gamma: 2,
            beta: 2 + channels as u32,
            layer,
            masked: 1,
        };
        let args = batchnorm_forward::Args {
            partial: &partial,
            spans: &bench.words(&SPANS.map(|s| s as u32)),
            packed_params: &packed_params,
            mask: &bench.words(&mask()),
            running: &running,
            normed: &normed_found,
            h: &h_found,
            rstd: &rstd_found,
        };
        bench.run(batchnorm_forward::call(&bench.engine, params, args), &step);
        assert_close("x̂", &values(&normed_found), &normed);
        assert_close("h", &values(&h_found), &h);
        assert_close("rstd", &values(&rstd_found), &rstd);
        assert_close("running", &values(&running), &moved);
    }
}

#[test]
fn batchnorm_infer_takes_running_statistics() {
    let mut bench = Bench::new(32);
    let width = 12;
    let channels = ENCODERS * width;
    let (partial, partials) = bench.input(PARTS * ROWS * width);
    let (packed_params, packed_values) = bench.input(2 + 2 * channels);
    let (running, statistics) = bench.positive(2 * channels);
    let mut expected = vec![0.0; ROWS * channels];
    for b in 0..ROWS {
        for m in 0..channels {
            if has(b, m / width) {
                let centred = sum(&partials, width, b, m) - statistics[m];
                let normed = centred / (statistics[channels + m] + EPSILON).sqrt();
                expected[b * channels + m] = relu(packed_values[2 + m] * normed + packed_values[2 + channels + m]);
            }
        }
    }
    let h = bench.output(expected.len());
    let params = batchnorm_infer::Params {
        rows: ROWS as u32,
        encoders: ENCODERS as u32,
        width: width as u32,
        parts: PARTS as u32,
        gamma: 2,
        beta: 2 + channels as u32,
        masked: 1,
    };
    let args = batchnorm_infer::Args {
        partial: &partial,
        spans: &bench.words(&SPANS.map(|s| s as u32)),
        packed_params: &packed_params,
        running: &running,
        mask: &bench.words(&mask()),
        h: &h,
    };
    bench.run(batchnorm_infer::call(&bench.engine, params, args), &Step::default());
    assert_close("h", &values(&h), &expected);
}

/// Channels of several tasks.
#[test]
fn batchnorm_backward_goes_through_the_statistics() {
    let mut bench = Bench::new(33);
    let width = 200;
    let channels = ENCODERS * width;
    // Where a row lacks the encoder nothing comes back and x̂ is 0.
    let [(dnorm, ds), (normed, xs)] = [(); 2].map(|()| {
        let (_, mut values) = bench.input(ROWS * channels);
        for i in 0..values.len() {
            values[i] *= f64::from(u8::from(has(i / channels, i % channels / width)));
        }
        bench.given(&values.iter().map(|&value| value as f32).collect::<Vec<_>>())
    });
    let (rstd, rstds) = bench.positive(channels);
    let (packed_params, packed_values) = bench.input(2 + channels);
    let mut dgamma = vec![0.0; channels];
    let mut dbeta = vec![0.0; channels];
    let mut dy = vec![0.0; ROWS * channels];
    for m in 0..channels {
        let mut count = 0.0;
        for b in 0..ROWS {
            count += f64::from(u8::from(has(b, m / width)));
            dgamma[m] += ds[b * channels + m] * xs[b * channels + m];
            dbeta[m] += ds[b * channels + m];
        }
        for b in 0..ROWS {
            if has(b, m / width) {
                let at = b * channels + m;
                dy[at] = packed_values[2 + m] * rstds[m] * (ds[at] - dbeta[m] / count - xs[at] * dgamma[m] / count);
            }
        }
    }
    let (dy_found, grads) = (bench.output(dy.len()), bench.output(2 + 2 * channels));
    let params = batchnorm_backward::Params {
        rows: ROWS as u32,
        encoders: ENCODERS as u32,
        width: width as u32,
        gamma: 2,
        beta: 2 + channels as u32,
        masked: 1,
    };
    let args = batchnorm_backward::Args {
        dnorm: &dnorm,
        normed: &normed,
        rstd: &rstd,
        packed_params: &packed_params,
        mask: &bench.words(&mask()),
        dy: &dy_found,
        grads: &grads,
    };
    bench.run(batchnorm_backward::call(&bench.engine, params, args), &Step::default());
    assert_close("dy", &values(&dy_found), &dy);
    assert_close("dγ", &values(&grads)[2..2 + channels], &dgamma);
    assert_close("dβ", &values(&grads)[2 + channels..], &dbeta);
}
