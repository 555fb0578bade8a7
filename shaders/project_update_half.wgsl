// Adam on the projections with dW_k = dy_kᵀ x̂_k, x̂ in f16: all encoders of a window in one launch
//
// dy (B, M), x: x̂ (N, D_k) per encoder, rows picked by `rows`  →  weight, m, v (P, D_k) per encoder, and the weights
// in f16, as project_forward_half reads them. Workgroup z is a chunk, x a tile of its columns, y a tile of the P outputs.
// Twin: src/kernels/project_update_half.rs.

struct Params {
    rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, words: u32, features: u32, longest: u32,
    decoupled: u32, weight_decay: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<u32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read> chunks: array<u32>;  // (chunks, 8)
@group(0) @binding(6) var<storage, read_write> weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> m: array<f32>;
@group(0) @binding(8) var<storage, read_write> v: array<f32>;
@group(0) @binding(9) var<storage, read_write> halves: array<u32>;

const LEFT_BY_K = false;
const RIGHT_BY_K = false;

var<private> chunk: Chunk;

// A lane puts neighbouring columns one after the other, so that it writes whole words (src/tiles.rs sees to that).
var<private> even: f32;

fn outputs() -> vec2<u32> { return vec2(p.width, chunk.length); }

fn row_words() -> u32 { return (chunk.width + 1u) / 2u; }

fn left_row(i: u32) -> Term { return term(chunk.encoder * p.width + i); }
fn left_k(b: u32) -> Term { return term(b * p.encoders * p.width); }
fn left(i: Term, b: Term) -> f32 { return dy[i.at + b.at]; }

fn right_column(j: u32) -> Term { return half_term(chunk.x, chunk.column + j); }
fn right_k(b: u32) -> Term { return term(rows[step.first + b] * row_words()); }
fn right(j: Term, b: Term) -> f32 { return unpack_half(x[j.at + b.at], j.second); }

fn put(i: u32, j: u32, sum: f32) {
    let column = chunk.column + j;
    let at = chunk.w + i * chunk.width + column;
    let updated = adam_element(weight[at], sum, m[at], v[at], p.weight_decay, p.decoupled != 0u);
    weight[at] = updated.x;
    m[at] = updated.y;
    v[at] = updated.z;
    let word = p.width * chunk.standard + i * row_words() + column / 2u;
    if (j & 1u) == 1u {
        halves[word] = pack_half(even, updated.x);
    } else if j + 1u == chunk.length {
        halves[word] = pack_half(updated.x, 0.0);
    }
    even = updated.x;
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
