// partial[s] = x̂_k W_kᵀ over chunk s's columns, x̂ = (x − mean) · rstd: all encoders of a window in one launch
//
// x: (N, D_k) per encoder, rows at `rows`  w: (P, D_k) per encoder  →  partial (S, B, P)
// Product: shared/chunk_product.wgsl. Twin: src/kernels/project_forward.rs.

struct Params { rows: u32, width: u32, chunks: u32, columns: u32, parts: u32, features: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> scaler: array<f32>;  // (2, D): mean, rstd
@group(0) @binding(5) var<storage, read> w: array<f32>;
@group(0) @binding(6) var<storage, read> chunks: array<u32>;    // (chunks, 8)
@group(0) @binding(7) var<storage, read_write> partial: array<f32>;

fn right_column(j: u32) -> Term { return term(chunk.w + j * chunk.width); }
fn right_k(k: u32) -> Term { return term(k); }
fn right(j: Term, k: Term) -> f32 { return w[j.at + k.at]; }
