// dW = dyᵀ x,  db = Σ_b dy
//
// dy (B, O), x (B, I)  →  grads at weight (O, I) and bias (O). Twin: src/kernels/linear_weight_grad.rs.

struct Params { rows: u32, inner: u32, outer: u32, weight: u32, bias: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> grads: array<f32>;

const LEFT_BY_K = false;
const RIGHT_BY_K = false;

fn outputs() -> vec2<u32> { return vec2(p.outer, p.inner); }

fn left_row(i: u32) -> Term { return term(i); }
fn left_k(b: u32) -> Term { return term(b * p.outer); }
fn left(i: Term, b: Term) -> f32 { return dy[i.at + b.at]; }

fn right_column(j: u32) -> Term { return term(j); }
fn right_k(b: u32) -> Term { return term(b * p.inner); }
fn right(j: Term, b: Term) -> f32 { return x[j.at + b.at]; }

fn put(i: u32, j: u32, sum: f32) {
    grads[p.weight + i * p.inner + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE_ROWS;
    multiply(i0, group.x * TILE_COLUMNS, 0u, p.rows, lane);
    if group.x != 0u { return; }
    for (var o = i0 + lane; o < min(i0 + TILE_ROWS, p.outer); o += LANES) {
        var sum = 0.0;
        for (var b = 0u; b < p.rows; b++) { sum += dy[b * p.outer + o]; }
        grads[p.bias + o] = sum;
    }
}
