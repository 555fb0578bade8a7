// Adam on the projections with dW_k = dy_kᵀ x̂_k, x̂ in f16: all encoders of a window in one launch
//
// dy (B, M), x: x̂ (N, D_k) per encoder, rows at `rows`  →  weight, m, v (P, D_k) per encoder, and the weights
// in f16, for project_forward_half. Product: shared/chunk_grad.wgsl. Twin: src/kernels/project_update_half.rs.

struct Params {
    rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, words: u32, features: u32, max_chunk_len: u32,
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
@group(0) @binding(9) var<storage, read_write> weights_f16: array<u32>;

// A lane puts adjacent columns consecutively, so that it writes whole words (ensured by src/gpu/tiles.rs).
var<private> even: f32;

fn put(i: u32, j: u32, sum: f32) {
    let column = chunk.column + j;
    let at = chunk.w + i * chunk.width + column;
    let updated = adam_element(weight[at], sum, m[at], v[at], p.weight_decay, p.decoupled != 0u);
    weight[at] = updated.x;
    m[at] = updated.y;
    v[at] = updated.z;
    let word = p.width * chunk.scaler + i * row_words() + column / 2u;
    if (j & 1u) == 1u {
        weights_f16[word] = pack_half(even, updated.x);
    } else if j + 1u == chunk.length {
        weights_f16[word] = pack_half(updated.x, 0.0);
    }
    even = updated.x;
}
