//! The gate: logits, top n, and the gradients through both.

use crate::{Bench, assert_close, relu, values};
use blendfuse::kernel::step::Step;
use blendfuse::kernels::{embedding_grad, gate_backward, gate_forward, gate_weight_grad};

/// B, K, P, A
const SIZES: [usize; 4] = [18, 7, 40, 30];
const TAU: f32 = 0.7;

#[test]
fn gate_forward_is_a_softmax_over_the_largest() {
    let mut bench = Bench::new(21);
    let [rows, encoders, _, hidden] = SIZES;
    let (parts, top_n) = (2, 3);
    let (partial, partials) = bench.input(parts * rows * hidden);
    let (bias0, weight1, bias1) = (1, 1 + hidden, 1 + hidden + encoders * hidden);
    let (_, packed_values) = bench.input(bias1 + encoders);
    let mut all: Vec<f32> = packed_values.iter().map(|&value| value as f32).collect();
    all[0] = TAU;
    let (packed_params, packed_values) = bench.given(&all);
    let mask: Vec<u32> = (0..rows * encoders).map(|i| u32::from(i % 4 != 1)).collect();
    let mut g = vec![0.0; rows * hidden];
    let mut u = vec![0.0; rows * encoders];
    let mut w = vec![0.0; rows * encoders];
    for b in 0..rows {
        for j in 0..hidden {
            let mut sum = packed_values[bias0 + j];
            for s in 0..parts {
                sum += partials[(s * rows + b) * hidden + j];
            }
            g[b * hidden + j] = relu(sum);
        }
        for k in 0..encoders {
            u[b * encoders + k] = packed_values[bias1 + k];
            for j in 0..hidden {
                u[b * encoders + k] += packed_values[weight1 + k * hidden + j] * g[b * hidden + j];
            }
        }
        let mut kept: Vec<usize> = (b * encoders..(b + 1) * encoders).filter(|&at| mask[at] == 1).collect();
        kept.sort_by(|&i, &j| u[j].total_cmp(&u[i]));
        kept.truncate(top_n as usize);
        let total: f64 = kept.iter().map(|&at| (u[at] / f64::from(TAU)).exp()).sum();
        for at in kept {
            w[at] = (u[at] / f64::from(TAU)).exp() / total;
        }
    }
    let [g_found, u_found, w_found] = [g.len(), u.len(), w.len()].map(|len| bench.output(len));
    let params = gate_forward::Params {
        rows: rows as u32,
        encoders: encoders as u32,
        hidden: hidden as u32,
        parts: parts as u32,
        top_n,
        bias0: bias0 as u32,
        weight1: weight1 as u32,
        bias1: bias1 as u32,
        temperature: 0,
        tau_min: 0.55,
        tau_max: 1.25,
        masked: 1,
    };
    let mask = bench.words(&mask);
    let args = gate_forward::Args {
        partial: &partial,
        packed_params: &packed_params,
        mask: &mask,
        g: &g_found,
        u: &u_found,
        w: &w_found,
    };
    bench.run(gate_forward::call(&bench.engine, params, args), &Step::default());
    assert_close("g", &values(&g_found), &g);
    assert_close("u", &values(&u_found), &u);
    assert_close("w", &values(&w_found), &w);
}

#[test]
fn gate_backward_and_weight_grad() {
    let mut bench = Bench::new(22);
    let [rows, encoders, width, hidden] = SIZES;
    let tau = f64::from(TAU);
    let (dq, dqs) = bench.input(rows * encoders * width);
    let (h, hs) = bench.input(rows * encoders * width);
    let (_, mut ws) = bench.positive(rows * encoders);
    ws.iter_mut().step_by(3).for_each(|w| *w = 0.0);
    let (w, ws) = bench.given(&ws.iter().map(|&w| w as f32).collect::<Vec<_>>());
    let (g, gs) = bench.input(rows * hidden);
    let (u, us) = bench.input(rows * encoders);
    let (_, packed_values) = bench.input(1 + encoders * hidden);
    let mut all: Vec<f32> = packed_values.iter().map(|&value| value as f32).collect();
    all[0] = TAU;
    let (packed_params, packed_values) = bench.given(&all);
    let v2 = &packed_values[1..];
    let mut du = vec![0.0; rows * encoders];
    let mut dg = vec![0.0; rows * hidden];
    let (mut dv2, mut dc2, mut dtau) = (vec![0.0; encoders * hidden], vec![0.0; encoders], 0.0);
    for b in 0..rows {
        let mut dw = vec![0.0; encoders];
        let mut mean = 0.0;
        for k in 0..encoders {
            for p in 0..width {
                let at = (b * encoders + k) * width + p;
                dw[k] += dqs[at] * hs[at];
            }
            mean += ws[b * encoders + k] * dw[k];
        }
        for k in 0..encoders {
            let d = ws[b * encoders + k] * (dw[k] - mean) / tau;
            du[b * encoders + k] = d;
            dc2[k] += d;
            dtau -= d * us[b * encoders + k] / tau;
            for j in 0..hidden {
                dv2[k * hidden + j] += d * gs[b * hidden + j];
                if gs[b * hidden + j] > 0.0 {
                    dg[b * hidden + j] += d * v2[k * hidden + j];
                }
            }
        }
    }
    let (du_found, dg_found) = (bench.output(du.len()), bench.output(dg.len()));
    let (rows, encoders, width, hidden) = (rows as u32, encoders as u32, width as u32, hidden as u32);
    let (tau_min, tau_max) = (0.55, 1.25);
    let params = gate_backward::Params { rows, encoders, width, hidden, weight1: 1, temperature: 0, tau_min, tau_max };
    let args = gate_backward::Args {
        dq: &dq,
        h: &h,
        w: &w,
        g: &g,
        packed_params: &packed_params,
        du: &du_found,
        dg: &dg_found,
    };
    bench.run(gate_backward::call(&bench.engine, params, args), &Step::default());
    assert_close("du", &values(&du_found), &du);
    assert_close("dg", &values(&dg_found), &dg);
    let bias1 = 1 + encoders * hidden;
    let grads = bench.output((bias1 + encoders) as usize);
    let params =
        gate_weight_grad::Params { rows, encoders, hidden, weight1: 1, bias1, temperature: 0, tau_min, tau_max };
    let args = gate_weight_grad::Args { du: &du_found, u: &u, g: &g, packed_params: &packed_params, grads: &grads };
    bench.run(gate_weight_grad::call(&bench.engine, params, args), &Step::default());
    let grads = values(&grads);
    assert_close("dτ", &grads[..1], &[dtau]);
    assert_close("dV₂", &grads[1..bias1 as usize], &dv2);
    assert_close("dc₂", &grads[bias1 as usize..], &dc2);
}

#[test]
fn gate_input_grad_adds_both_ways_to_h() {
    let mut bench = Bench::new(23);
    let [rows, encoders, width, hidden] = SIZES;
    let inner = encoders * width;
    let step = Step::default().with_dropout(0.33);
    for averaged in [0, 1] {
        let (dq, dqs) = bench.input(rows * if averaged == 1 { width } else { inner });
        let (h, hs) = bench.input(rows * inner);
        let (w, ws) = bench.input(rows * encoders);
        let (dg, dgs) = bench.input(rows * hidden);
        let (packed_params, packed_values) = bench.input(6 + hidden * inner);
        let mut expected = vec![0.0; rows * inner];
        for b in 0..rows {
            for m in 0..inner {
                if hs[b * inner + m] > 0.0 {
                    let dq = if averaged == 1 { dqs[b * width + m % width] } else { dqs[b * inner + m] };
                    let mut dh = ws[b * encoders + m / width] * dq;
                    for j in 0..hidden {
                        dh += dgs[b * hidden + j] * packed_values[6 + j * inner + m];
                    }
                    expected[b * inner + m] = f64::from(step.dropout_scale) * dh;
                }
            }
        }
        let dnorm = bench.output(expected.len());
        let params = embedding_grad::Params {
            rows: rows as u32,
            encoders: encoders as u32,
            width: width as u32,
            hidden: hidden as u32,
            averaged,
            weight0: 6,
        };
        let args =
            embedding_grad::Args { dq: &dq, h: &h, w: &w, dg: &dg, packed_params: &packed_params, dnorm: &dnorm };
        bench.run(embedding_grad::call(&bench.engine, params, args), &step);
        assert_close("dnorm", &values(&dnorm), &expected);
    }
}
