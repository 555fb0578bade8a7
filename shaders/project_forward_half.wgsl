// partial[s] = x̂_k W_kᵀ over chunk s's columns, both in f16: all encoders of a window in one launch
//
// x: x̂ (N, D_k) per encoder, rows picked by `rows`  w: (P, D_k) per encoder  →  partial (S, B, P)
// Two values to a word, a row begins at a word; the chunk counts words where it begins. Twin: src/kernels/project_forward_half.rs.

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

fn row_words() -> u32 {
    return (chunk.width + 1u) / 2u;
}

fn feature(i: u32, k: u32) -> f32 {
    if i >= p.rows { return 0.0; }
    return unpack_half(x[chunk.x + rows[step.first + i] * row_words() + k / 2u], k);
}

fn left4(i: u32, k: u32) -> vec4<f32> {
    return vec4(feature(i, k), feature(i + 1u, k), feature(i + 2u, k), feature(i + 3u, k));
}

fn weight(j: u32, k: u32) -> f32 {
    if j >= p.width { return 0.0; }
    return unpack_half(w[p.width * chunk.standard + j * row_words() + k / 2u], k);
}

fn right4(j: u32, k: u32) -> vec4<f32> {
    return vec4(weight(j, k), weight(j + 1u, k), weight(j + 2u, k), weight(j + 3u, k));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // One chunk per workgroup: bounds come from a local copy, so that barriers are seen to be uniform.
    let own = chunk_at(group.z);
    chunk = own;
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let sums = matmul(i0, j0, own.column, own.column + own.length, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.rows && at.y + c < p.width {
                partial[(chunk.part * p.rows + at.x + r) * p.width + at.y + c] = sums[r][c];
            }
        }
    }
}
