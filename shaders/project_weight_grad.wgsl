// dW_k = dy_kᵀ x̂_k: all encoders of a window in one launch
//
// dy (B, M), x (N, D_k) per encoder, rows at `rows`  →  dw (P, D_k) per encoder.
// Product: shared/chunk_grad.wgsl. Twin: src/kernels/project_weight_grad.rs.

struct Params { rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, features: u32, max_chunk_len: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read> scaler: array<f32>;  // (2, D): mean, rstd
@group(0) @binding(6) var<storage, read> chunks: array<u32>;    // (chunks, 8)
@group(0) @binding(7) var<storage, read_write> dw: array<f32>;

fn put(i: u32, j: u32, sum: f32) {
    dw[chunk.w + i * chunk.width + chunk.column + j] = sum;
}
