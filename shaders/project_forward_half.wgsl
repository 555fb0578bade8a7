// partial[s] = x̂_k W_kᵀ over chunk s's columns, both in f16: all encoders of a window in one launch
//
// x: x̂ (N, D_k) per encoder, rows picked by `rows`  w: (P, D_k) per encoder  →  partial (S, B, P)
// Two values to a word, a row begins at a word; the chunk counts words where it begins.
// Twin: src/kernels/project_forward_half.rs.

struct Params { rows: u32, width: u32, chunks: u32, columns: u32, words: u32, parts: u32, features: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> w: array<u32>;
@group(0) @binding(5) var<storage, read> chunks: array<u32>;  // (chunks, 8)
@group(0) @binding(6) var<storage, read_write> partial: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = true;

var<private> chunk: Chunk;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.width); }

fn row_words() -> u32 { return (chunk.width + 1u) / 2u; }

fn left_row(i: u32) -> Term { return term(chunk.x + rows[step.first + i] * row_words()); }
fn left_k(k: u32) -> Term { return half_term(0u, k); }
fn left(i: Term, k: Term) -> f32 { return unpack_half(x[i.at + k.at], k.second); }

fn right_column(j: u32) -> Term { return term(p.width * chunk.standard + j * row_words()); }
fn right_k(k: u32) -> Term { return half_term(0u, k); }
fn right(j: Term, k: Term) -> f32 { return unpack_half(w[j.at + k.at], k.second); }

fn put(i: u32, j: u32, sum: f32) {
    partial[(chunk.part * p.rows + i) * p.width + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // One chunk per workgroup: bounds come from a local copy, so that barriers are seen to be uniform.
    let own = chunk_at(group.z);
    chunk = own;
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, own.column, own.column + own.length, lane);
}
