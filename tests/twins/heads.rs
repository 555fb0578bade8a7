//! Linear layers and the heads.

use crate::{Bench, assert_close, relu, values};
use blendfuse::kernel::step::Step;
use blendfuse::kernels::{head_backward, head_forward, head_input_grad, linear_forward, linear_weight_grad};

/// Which head makes output `o` of 6 + 6 + 2.
fn head(o: usize) -> usize {
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2][o]
}

#[test]
fn linear_forward_is_x_wt_in_parts() {
    let mut bench = Bench::new(1);
    for (rows, inner, outer, part) in [(17, 700, 19, 512), (3, 130, 150, 64)] {
        let (x, xs) = bench.input(rows * inner);
        let (packed_params, packed_values) = bench.input(5 + outer * inner);
        let w = &packed_values[5..];
        let mut expected = vec![0.0; inner.div_ceil(part) * rows * outer];
        for b in 0..rows {
            for o in 0..outer {
                for i in 0..inner {
                    expected[(i / part * rows + b) * outer + o] += xs[b * inner + i] * w[o * inner + i];
                }
            }
        }
        let partial = bench.output(expected.len());
        let params = linear_forward::Params {
            rows: rows as u32,
            inner: inner as u32,
            outer: outer as u32,
            part: part as u32,
            weight: 5,
        };
        let args = linear_forward::Args { x: &x, packed_params: &packed_params, partial: &partial };
        bench.run(linear_forward::call(&bench.engine, params, args), &Step::default());
        assert_close("partial", &values(&partial), &expected);
    }
}

#[test]
fn linear_weight_grad_is_dyt_x() {
    let mut bench = Bench::new(2);
    let (rows, inner, outer) = (21, 300, 70);
    let (dy, dys) = bench.input(rows * outer);
    let (x, xs) = bench.input(rows * inner);
    let mut dw = vec![0.0; outer * inner];
    let mut db = vec![0.0; outer];
    for b in 0..rows {
        for o in 0..outer {
            db[o] += dys[b * outer + o];
            for i in 0..inner {
                dw[o * inner + i] += dys[b * outer + o] * xs[b * inner + i];
            }
        }
    }
    let grads = bench.output(3 + dw.len() + db.len());
    let bias = 3 + dw.len();
    let params = linear_weight_grad::Params {
        rows: rows as u32,
        inner: inner as u32,
        outer: outer as u32,
        weight: 3,
        bias: bias as u32,
    };
    let args = linear_weight_grad::Args { dy: &dy, x: &x, grads: &grads };
    bench.run(linear_weight_grad::call(&bench.engine, params, args), &Step::default());
    assert_close("dW", &values(&grads)[3..bias], &dw);
    assert_close("db", &values(&grads)[bias..], &db);
}

#[test]
fn head_forward_and_backward() {
    let mut bench = Bench::new(3);
    let (rows, hidden, heads, outputs, parts) = (9, 40, 3, 14, 2);
    let all = heads * hidden;
    let (partial, partials) = bench.input(parts * rows * all);
    let (bias0, weight1, bias1) = (1, 1 + all, 1 + all + outputs * hidden);
    let (packed_params, packed_values) = bench.input(bias1 + outputs);
    let (dlogits, dlogit) = bench.input(rows * outputs);
    let mut t = vec![0.0; rows * all];
    let mut logits = vec![0.0; rows * outputs];
    let mut dt = vec![0.0; rows * all];
    for b in 0..rows {
        for j in 0..all {
            let mut sum = packed_values[bias0 + j];
            for s in 0..parts {
                sum += partials[(s * rows + b) * all + j];
            }
            t[b * all + j] = relu(sum);
        }
        for o in 0..outputs {
            logits[b * outputs + o] = packed_values[bias1 + o];
            for j in 0..hidden {
                let at = b * all + head(o) * hidden + j;
                logits[b * outputs + o] += packed_values[weight1 + o * hidden + j] * t[at];
                if t[at] > 0.0 {
                    dt[at] += dlogit[b * outputs + o] * packed_values[weight1 + o * hidden + j];
                }
            }
        }
    }
    let (t_found, logits_found, dt_found) = (bench.output(t.len()), bench.output(logits.len()), bench.output(dt.len()));
    let params = head_forward::Params {
        rows: rows as u32,
        hidden: hidden as u32,
        heads: heads as u32,
        classes: 6,
        outputs: outputs as u32,
        parts: parts as u32,
        bias0: bias0 as u32,
        weight1: weight1 as u32,
        bias1: bias1 as u32,
    };
    let args =
        head_forward::Args { partial: &partial, packed_params: &packed_params, t: &t_found, logits: &logits_found };
    bench.run(head_forward::call(&bench.engine, params, args), &Step::default());
    assert_close("t", &values(&t_found), &t);
    assert_close("logits", &values(&logits_found), &logits);
    let params = head_backward::Params {
        rows: rows as u32,
        hidden: hidden as u32,
        heads: heads as u32,
        classes: 6,
        outputs: outputs as u32,
        weight1: weight1 as u32,
    };
    let args = head_backward::Args { dlogits: &dlogits, t: &t_found, packed_params: &packed_params, dt: &dt_found };
    bench.run(head_backward::call(&bench.engine, params, args), &Step::default());
    assert_close("dt", &values(&dt_found), &dt);
}

#[test]
fn head_input_grad_reverses_the_domain() {
    let mut bench = Bench::new(4);
    let (rows, hidden, domain, fused) = (18, 90, 60, 50);
    let (dt, dts) = bench.input(rows * hidden);
    let (packed_params, packed_values) = bench.input(2 + hidden * fused);
    let (z, zs) = bench.input(rows * fused);
    let step = Step { reversal: 0.3, ..Step::default() }.with_dropout(0.33);
    let mut expected = vec![0.0; rows * fused];
    for b in 0..rows {
        for f in 0..fused {
            for j in 0..hidden {
                let sign = if j < domain { 1.0 } else { -f64::from(step.reversal) };
                expected[b * fused + f] += sign * dts[b * hidden + j] * packed_values[2 + j * fused + f];
            }
            expected[b * fused + f] *= if zs[b * fused + f] > 0.0 { f64::from(step.dropout_scale) } else { 0.0 };
        }
    }
    let dz = bench.output(rows * fused);
    let params = head_input_grad::Params {
        rows: rows as u32,
        hidden: hidden as u32,
        domain: domain as u32,
        fused: fused as u32,
        weight0: 2,
    };
    let args = head_input_grad::Args { dt: &dt, packed_params: &packed_params, z: &z, dz: &dz };
    bench.run(head_input_grad::call(&bench.engine, params, args), &step);
    assert_close("dz", &values(&dz), &expected);
}
