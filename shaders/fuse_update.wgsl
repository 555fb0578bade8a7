// Adam on U with dU = dfuseᵀ [w_1 h_1; …; w_K h_K], which is never stored,  de = Σ_b dfuse
//
// dfuse (B, F), h (B, M), w (B, K)  →  weight, m, v (F, M), grads at bias (F). Twin: src/kernels/fuse_update.rs.

struct Params { rows: u32, encoders: u32, width: u32, fused: u32, bias: u32, decoupled: u32, weight_decay: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dfuse: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read_write> weight: array<f32>;
@group(0) @binding(6) var<storage, read_write> m: array<f32>;
@group(0) @binding(7) var<storage, read_write> v: array<f32>;
@group(0) @binding(8) var<storage, read_write> grads: array<f32>;

const LEFT_BY_K = false;
const RIGHT_BY_K = false;

fn left(i: u32, b: u32) -> f32 {
    if i >= p.fused { return 0.0; }
    return dfuse[b * p.fused + i];
}

fn left4(i: u32, b: u32) -> vec4<f32> {
    return vec4(left(i, b), left(i + 1u, b), left(i + 2u, b), left(i + 3u, b));
}

fn right(j: u32, b: u32) -> f32 {
    if j >= p.encoders * p.width { return 0.0; }
    return w[b * p.encoders + j / p.width] * h[b * p.encoders * p.width + j];
}

fn right4(j: u32, b: u32) -> vec4<f32> {
    return vec4(right(j, b), right(j + 1u, b), right(j + 2u, b), right(j + 3u, b));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let inner = p.encoders * p.width;
    let sums = matmul(i0, j0, 0u, p.rows, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.fused && at.y + c < inner {
                let i = (at.x + r) * inner + at.y + c;
                let updated = adam_element(weight[i], sums[r][c], m[i], v[i], p.weight_decay, p.decoupled != 0u);
                weight[i] = updated.x;
                m[i] = updated.y;
                v[i] = updated.z;
            }
        }
    }
    let f = i0 + lane;
    if group.x == 0u && lane < TILE && f < p.fused {
        var sum = 0.0;
        for (var b = 0u; b < p.rows; b++) { sum += dfuse[b * p.fused + f]; }
        grads[p.bias + f] = sum;
    }
}
