// dW_k = dy_kᵀ x̂_k: all encoders of a window in one launch
//
// dy (B, M), x (N, D_k) per encoder, rows picked by `rows`  →  dw (P, D_k) per encoder.
// Workgroup z is a chunk, x a tile of its columns, y a tile of the P outputs. Twin: src/kernels/project_weight_grad.rs.

struct Params { rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, features: u32, longest: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read> standard: array<f32>;  // (2, D): mean, rstd
@group(0) @binding(6) var<storage, read> chunks: array<u32>;    // (chunks, 8)
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;

const LEFT_BY_K = false;
const RIGHT_BY_K = false;

var<private> chunk: Chunk;

fn outputs() -> vec2<u32> { return vec2(p.width, chunk.length); }

fn left_row(i: u32) -> Term { return term(chunk.encoder * p.width + i); }
fn left_k(b: u32) -> Term { return term(b * p.encoders * p.width); }
fn left(i: Term, b: Term) -> f32 { return dy[i.at + b.at]; }

fn right_column(j: u32) -> Term {
    let column = chunk.standard + chunk.column + j;
    return Term(chunk.x + chunk.column + j, 0u, standard[column], standard[p.columns + column]);
}
fn right_k(b: u32) -> Term { return term(rows[step.first + b] * chunk.width); }
fn right(j: Term, b: Term) -> f32 { return (x[j.at + b.at] - j.shift) * j.scale; }

fn put(i: u32, j: u32, sum: f32) {
    dw[chunk.w + i * chunk.width + chunk.column + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // One chunk per workgroup: bounds come from a local copy, so that barriers are seen to be uniform.
    let own = chunk_at(group.z);
    chunk = own;
    let j0 = group.x * TILE_COLUMNS;
    if j0 >= own.length { return; }
    multiply(group.y * TILE_ROWS, j0, 0u, p.rows, lane);
}
