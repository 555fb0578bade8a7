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

fn left(i: u32, b: u32) -> f32 {
    if i >= p.outer { return 0.0; }
    return dy[b * p.outer + i];
}

fn left4(i: u32, b: u32) -> vec4<f32> {
    return vec4(left(i, b), left(i + 1u, b), left(i + 2u, b), left(i + 3u, b));
}

fn right(j: u32, b: u32) -> f32 {
    if j >= p.inner { return 0.0; }
    return x[b * p.inner + j];
}

fn right4(j: u32, b: u32) -> vec4<f32> {
    return vec4(right(j, b), right(j + 1u, b), right(j + 2u, b), right(j + 3u, b));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let sums = matmul(i0, j0, 0u, p.rows, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.outer && at.y + c < p.inner {
                grads[p.weight + (at.x + r) * p.inner + at.y + c] = sums[r][c];
            }
        }
    }
    let o = i0 + lane;
    if group.x == 0u && lane < TILE && o < p.outer {
        var sum = 0.0;
        for (var b = 0u; b < p.rows; b++) { sum += dy[b * p.outer + o]; }
        grads[p.bias + o] = sum;
    }
}
