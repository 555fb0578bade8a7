// partial[s] = x̂_k W_kᵀ over chunk s's columns, both in f16: all encoders of a window in one launch
//
// x: x̂ (N, D_k) per encoder, rows at `rows`  w: (P, D_k) per encoder  →  partial (S, B, P)
// Two values per word; rows begin at words. Product: shared/chunk_product.wgsl.
// Twin: src/kernels/project_forward_half.rs.

struct Params { rows: u32, width: u32, chunks: u32, columns: u32, words: u32, parts: u32, features: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read> w: array<u32>;
@group(0) @binding(5) var<storage, read> chunks: array<u32>;  // (chunks, 8)
@group(0) @binding(6) var<storage, read_write> partial: array<f32>;

fn right_column(j: u32) -> Term { return term(p.width * chunk.scaler + j * row_words()); }
fn right_k(k: u32) -> Term { return half_term(0u, k); }
fn right(j: Term, k: Term) -> f32 { return unpack_half(w[j.at + k.at], k.second); }
