// partial[s] = x Wᵀ over part s of the inner sum
//
// x (B, I), W (O, I) within `packed_params`  →  partial (S, B, O). Twin: src/kernels/linear_forward.rs.

struct Params { rows: u32, inner: u32, outer: u32, part: u32, weight: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> packed_params: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = true;

var<private> part: u32;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.outer); }

fn left_row(i: u32) -> Term { return term(i * p.inner); }
fn left_k(k: u32) -> Term { return term(k); }
fn left(i: Term, k: Term) -> f32 { return x[i.at + k.at]; }

fn right_column(j: u32) -> Term { return term(p.weight + j * p.inner); }
fn right_k(k: u32) -> Term { return term(k); }
fn right(j: Term, k: Term) -> f32 { return packed_params[j.at + k.at]; }

fn put(i: u32, j: u32, sum: f32) {
    partial[(part * p.rows + i) * p.outer + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    part = group.z;
    let k0 = group.z * p.part;
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, k0, min(k0 + p.part, p.inner), lane);
}
