//! The fusion: weighted embeddings, their product with U, and its gradients.

use crate::{Bench, assert_close, dropout, relu, values};
use blendfuse::kernel::step::Step;
use blendfuse::kernels::{fuse_activate, fuse_forward, fuse_input_grad, fuse_weight_grad, mean_forward};

/// B, K, P, F: parts of 512 begin inside an encoder
const SIZES: [usize; 4] = [17, 5, 150, 130];

#[test]
fn fuse_forward_is_u_times_weighted_embeddings() {
    let mut bench = Bench::new(11);
    let [rows, encoders, width, fused] = SIZES;
    let (inner, part) = (encoders * width, 512);
    let (h, hs) = bench.input(rows * inner);
    let (w, ws) = bench.input(rows * encoders);
    let (weight, us) = bench.input(fused * inner);
    let mut expected = vec![0.0; inner.div_ceil(part) * rows * fused];
    for b in 0..rows {
        for f in 0..fused {
            for m in 0..inner {
                expected[(m / part * rows + b) * fused + f] +=
                    ws[b * encoders + m / width] * hs[b * inner + m] * us[f * inner + m];
            }
        }
    }
    let partial = bench.output(expected.len());
    let params = fuse_forward::Params {
        rows: rows as u32,
        encoders: encoders as u32,
        width: width as u32,
        fused: fused as u32,
        part: part as u32,
    };
    let args = fuse_forward::Args { h: &h, w: &w, weight: &weight, partial: &partial };
    bench.run(fuse_forward::call(&bench.engine, params, args), &Step::default());
    assert_close("partial", &values(&partial), &expected);
}

#[test]
fn fuse_gradients() {
    let mut bench = Bench::new(12);
    let [rows, encoders, width, fused] = SIZES;
    let inner = encoders * width;
    let (h, hs) = bench.input(rows * inner);
    let (w, ws) = bench.input(rows * encoders);
    let (weight, us) = bench.input(fused * inner);
    let (dfuse, ds) = bench.input(rows * fused);
    let mut du = vec![0.0; fused * inner];
    let mut de = vec![0.0; fused];
    let mut dq = vec![0.0; rows * inner];
    for b in 0..rows {
        for f in 0..fused {
            de[f] += ds[b * fused + f];
            for m in 0..inner {
                du[f * inner + m] += ds[b * fused + f] * ws[b * encoders + m / width] * hs[b * inner + m];
                dq[b * inner + m] += ds[b * fused + f] * us[f * inner + m];
            }
        }
    }
    let (dweight, grads) = (bench.output(du.len()), bench.output(4 + fused));
    let params = fuse_weight_grad::Params {
        rows: rows as u32,
        encoders: encoders as u32,
        width: width as u32,
        fused: fused as u32,
        biased: 1,
        bias: 4,
    };
    let args = fuse_weight_grad::Args { dfuse: &dfuse, h: &h, w: &w, dweight: &dweight, grads: &grads };
    bench.run(fuse_weight_grad::call(&bench.engine, params, args), &Step::default());
    assert_close("dU", &values(&dweight), &du);
    assert_close("de", &values(&grads)[4..], &de);
    let dq_found = bench.output(dq.len());
    let params = fuse_input_grad::Params { rows: rows as u32, inner: inner as u32, fused: fused as u32 };
    let args = fuse_input_grad::Args { dfuse: &dfuse, weight: &weight, dq: &dq_found };
    bench.run(fuse_input_grad::call(&bench.engine, params, args), &Step::default());
    assert_close("dq", &values(&dq_found), &dq);
}

#[test]
fn fuse_activate_adds_parts_and_bias() {
    let mut bench = Bench::new(13);
    let (rows, fused, parts, layer) = (7, 90, 3, 1);
    let (partial, partials) = bench.input(parts * rows * fused);
    let (packed_params, packed_values) = bench.input(2 + fused);
    let step = Step { seed_low: 3, number: 5, ..Step::default() }.with_dropout(0.4);
    let mut expected = vec![0.0; rows * fused];
    for b in 0..rows {
        for f in 0..fused {
            let mut sum = packed_values[2 + f];
            for s in 0..parts {
                sum += partials[(s * rows + b) * fused + f];
            }
            expected[b * fused + f] = relu(sum) * dropout(&step, b * fused + f, layer);
        }
    }
    let z = bench.output(rows * fused);
    let params = fuse_activate::Params { rows: rows as u32, fused: fused as u32, parts: parts as u32, bias: 2, layer };
    let args = fuse_activate::Args { partial: &partial, packed_params: &packed_params, z: &z };
    bench.run(fuse_activate::call(&bench.engine, params, args), &step);
    assert_close("z", &values(&z), &expected);
}

#[test]
fn mean_forward_weighs_embeddings() {
    let mut bench = Bench::new(14);
    let [rows, encoders, width, _] = SIZES;
    let (h, hs) = bench.input(rows * encoders * width);
    let (w, ws) = bench.input(rows * encoders);
    let mut expected = vec![0.0; rows * width];
    for b in 0..rows {
        for k in 0..encoders {
            for p in 0..width {
                expected[b * width + p] += ws[b * encoders + k] * hs[(b * encoders + k) * width + p];
            }
        }
    }
    let q = bench.output(rows * width);
    let params = mean_forward::Params { rows: rows as u32, encoders: encoders as u32, width: width as u32 };
    bench.run(mean_forward::call(&bench.engine, params, mean_forward::Args { h: &h, w: &w, q: &q }), &Step::default());
    assert_close("q", &values(&q), &expected);
}
