// partial[s] = [w_1 h_1; …; w_K h_K] Uᵀ over part s of the inner sum
//
// h (B, M), w (B, K), U (F, M)  →  partial (S, B, F). Twin: src/kernels/fuse_forward.rs.

struct Params { rows: u32, encoders: u32, width: u32, fused: u32, part: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;  // U
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = true;

var<private> part: u32;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.fused); }

fn left_row(i: u32) -> Term { return Term(i * p.encoders * p.width, i * p.encoders, 0.0, 1.0); }
fn left_k(k: u32) -> Term { return Term(k, k / p.width, 0.0, 1.0); }
fn left(i: Term, k: Term) -> f32 { return w[i.second + k.second] * h[i.at + k.at]; }

fn right_column(j: u32) -> Term { return term(j * p.encoders * p.width); }
fn right_k(k: u32) -> Term { return term(k); }
fn right(j: Term, k: Term) -> f32 { return weight[j.at + k.at]; }

fn put(i: u32, j: u32, sum: f32) {
    partial[(part * p.rows + i) * p.fused + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    part = group.z;
    let k0 = group.z * p.part;
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, k0, min(k0 + p.part, p.encoders * p.width), lane);
}
