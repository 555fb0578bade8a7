// dq = dfuse U: gradient with respect to [w_1 h_1; …; w_K h_K]
//
// dfuse (B, F), U (F, M)  →  dq (B, M). Twin: src/kernels/fuse_input_grad.rs.

struct Params { rows: u32, inner: u32, fused: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dfuse: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;  // U
@group(0) @binding(4) var<storage, read_write> dq: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = false;

fn left(i: u32, k: u32) -> f32 {
    if i >= p.rows { return 0.0; }
    return dfuse[i * p.fused + k];
}

fn left4(i: u32, k: u32) -> vec4<f32> {
    return vec4(left(i, k), left(i + 1u, k), left(i + 2u, k), left(i + 3u, k));
}

fn right(j: u32, k: u32) -> f32 {
    if j >= p.inner { return 0.0; }
    return weight[k * p.inner + j];
}

fn right4(j: u32, k: u32) -> vec4<f32> {
    return vec4(right(j, k), right(j + 1u, k), right(j + 2u, k), right(j + 3u, k));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let sums = matmul(i0, j0, 0u, p.fused, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.rows && at.y + c < p.inner { dq[(at.x + r) * p.inner + at.y + c] = sums[r][c]; }
        }
    }
}
