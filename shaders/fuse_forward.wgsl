// partial[s] = [w_1 h_1; …; w_K h_K] Uᵀ over part s of the inner sum
//
// h (B, M), w (B, K), U (F, M)  →  partial (S, B, F). Twin: src/kernels/fuse_forward.rs.

struct Params { rows: u32, encoders: u32, width: u32, fused: u32, part: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;  // U
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = true;

fn input(i: u32, k: u32) -> f32 {
    if i >= p.rows { return 0.0; }
    return w[i * p.encoders + k / p.width] * h[i * p.encoders * p.width + k];
}

fn left4(i: u32, k: u32) -> vec4<f32> {
    return vec4(input(i, k), input(i + 1u, k), input(i + 2u, k), input(i + 3u, k));
}

fn entry(j: u32, k: u32) -> f32 {
    if j >= p.fused { return 0.0; }
    return weight[j * p.encoders * p.width + k];
}

fn right4(j: u32, k: u32) -> vec4<f32> {
    return vec4(entry(j, k), entry(j + 1u, k), entry(j + 2u, k), entry(j + 3u, k));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let k0 = group.z * p.part;
    let sums = matmul(i0, j0, k0, min(k0 + p.part, p.encoders * p.width), lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.rows && at.y + c < p.fused {
                partial[(group.z * p.rows + at.x + r) * p.fused + at.y + c] = sums[r][c];
            }
        }
    }
}
