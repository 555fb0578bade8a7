// Adam on U with dU = dfuseᵀ [w_1 h_1; …; w_K h_K], which is never stored,  de = Σ_b dfuse
//
// dfuse (B, F), h (B, M), w (B, K)  →  weight, m, v (F, M), grads at bias (F) if there is one. Twin: src/kernels/fuse_update.rs.

struct Params { rows: u32, encoders: u32, width: u32, fused: u32, biased: u32, bias: u32, decoupled: u32, weight_decay: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dfuse: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read_write> weight: array<f32>;
@group(0) @binding(6) var<storage, read_write> m: array<f32>;
@group(0) @binding(7) var<storage, read_write> v: array<f32>;
@group(0) @binding(8) var<storage, read_write> grads: array<f32>;

const LEFT_BY_K = false;
const RIGHT_BY_K = false;

fn outputs() -> vec2<u32> { return vec2(p.fused, p.encoders * p.width); }

fn left_row(i: u32) -> Term { return term(i); }
fn left_k(b: u32) -> Term { return term(b * p.fused); }
fn left(i: Term, b: Term) -> f32 { return dfuse[i.at + b.at]; }

fn right_column(j: u32) -> Term { return Term(j, j / p.width, 0.0, 1.0); }
fn right_k(b: u32) -> Term { return Term(b * p.encoders * p.width, b * p.encoders, 0.0, 1.0); }
fn right(j: Term, b: Term) -> f32 { return w[j.second + b.second] * h[j.at + b.at]; }

fn put(i: u32, j: u32, sum: f32) {
    let at = i * p.encoders * p.width + j;
    let updated = adam_element(weight[at], sum, m[at], v[at], p.weight_decay, p.decoupled != 0u);
    weight[at] = updated.x;
    m[at] = updated.y;
    v[at] = updated.z;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE_ROWS;
    multiply(i0, group.x * TILE_COLUMNS, 0u, p.rows, lane);
    if group.x != 0u || p.biased == 0u { return; }
    for (var f = i0 + lane; f < min(i0 + TILE_ROWS, p.fused); f += LANES) {
        var sum = 0.0;
        for (var b = 0u; b < p.rows; b++) { sum += dfuse[b * p.fused + f]; }
        grads[p.bias + f] = sum;
    }
}
