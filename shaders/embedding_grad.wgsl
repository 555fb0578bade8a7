// dnorm = scale · (w_k dq + dg V₁) where h > 0, else 0: the gradient of h before relu and dropout
//
// dq (B, M), or (B, P) of the mean if averaged, h (B, M), w (B, K), dg (B, A), V₁ (A, M) within `packed_params`  →  dnorm (B, M). Twin: src/kernels/embedding_grad.rs.

struct Params { rows: u32, encoders: u32, width: u32, hidden: u32, averaged: u32, weight0: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dq: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> dg: array<f32>;
@group(0) @binding(6) var<storage, read> packed_params: array<f32>;
@group(0) @binding(7) var<storage, read_write> dnorm: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = false;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.encoders * p.width); }

fn left_row(i: u32) -> Term { return term(i * p.hidden); }
fn left_k(k: u32) -> Term { return term(k); }
fn left(i: Term, k: Term) -> f32 { return dg[i.at + k.at]; }

fn right_column(j: u32) -> Term { return term(p.weight0 + j); }
fn right_k(k: u32) -> Term { return term(k * p.encoders * p.width); }
fn right(j: Term, k: Term) -> f32 { return packed_params[j.at + k.at]; }

fn put(i: u32, j: u32, sum: f32) {
    let at = i * p.encoders * p.width + j;
    let q = select(at, i * p.width + j % p.width, p.averaged != 0u);
    let dh = w[i * p.encoders + j / p.width] * dq[q] + sum;
    dnorm[at] = select(0.0, step.dropout_scale * dh, h[at] > 0.0);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, 0u, p.hidden, lane);
}
