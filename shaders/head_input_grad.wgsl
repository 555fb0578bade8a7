// dz = scale · Σ_j s_j dt_j Q₁[j] where z > 0, else 0;  s_j = −reversal for the domain head's hidden values, else 1
//
// dt (B, G·H), Q₁ (G·H, F) within `packed_params`, z (B, F)  →  dz (B, F), the gradient before relu and dropout.
// z > 0 exactly where relu and dropout pass a value. Twin: src/kernels/head_input_grad.rs.

struct Params { rows: u32, hidden: u32, domain: u32, fused: u32, weight0: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dt: array<f32>;
@group(0) @binding(3) var<storage, read> packed_params: array<f32>;
@group(0) @binding(4) var<storage, read> z: array<f32>;
@group(0) @binding(5) var<storage, read_write> dz: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = false;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.fused); }

fn left_row(i: u32) -> Term { return term(i * p.hidden); }
fn left_k(k: u32) -> Term { return Term(k, 0u, 0.0, select(1.0, -step.reversal, k >= p.domain)); }
fn left(i: Term, k: Term) -> f32 { return k.scale * dt[i.at + k.at]; }

fn right_column(j: u32) -> Term { return term(p.weight0 + j); }
fn right_k(k: u32) -> Term { return term(k * p.fused); }
fn right(j: Term, k: Term) -> f32 { return packed_params[j.at + k.at]; }

fn put(i: u32, j: u32, sum: f32) {
    let at = i * p.fused + j;
    dz[at] = select(0.0, step.dropout_scale * sum, z[at] > 0.0);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, 0u, p.hidden, lane);
}
