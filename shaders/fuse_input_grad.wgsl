// dq = dfuse U: gradient with respect to [w_1 h_1; …; w_K h_K]
//
// dfuse (B, F), U (F, M)  →  dq (B, M). Twin: src/kernels/fuse_input_grad.rs.

struct Params { rows: u32, inner: u32, fused: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dfuse: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;  // U
@group(0) @binding(4) var<storage, read_write> dq: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = false;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.inner); }

fn left_row(i: u32) -> Term { return term(i * p.fused); }
fn left_k(k: u32) -> Term { return term(k); }
fn left(i: Term, k: Term) -> f32 { return dfuse[i.at + k.at]; }

fn right_column(j: u32) -> Term { return term(j); }
fn right_k(k: u32) -> Term { return term(k * p.inner); }
fn right(j: Term, k: Term) -> f32 { return weight[j.at + k.at]; }

fn put(i: u32, j: u32, sum: f32) {
    dq[i * p.inner + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, 0u, p.fused, lane);
}
