// partial[s] = x Wᵀ over part s of the inner sum
//
// x (B, I), W (O, I) within `small`  →  partial (S, B, O). Twin: src/kernels/linear_forward.rs.

struct Params { rows: u32, inner: u32, outer: u32, part: u32, weight: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> small: array<f32>;
@group(0) @binding(4) var<storage, read_write> partial: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = true;

fn input(i: u32, k: u32) -> f32 {
    if i >= p.rows { return 0.0; }
    return x[i * p.inner + k];
}

fn left4(i: u32, k: u32) -> vec4<f32> {
    return vec4(input(i, k), input(i + 1u, k), input(i + 2u, k), input(i + 3u, k));
}

fn weight(j: u32, k: u32) -> f32 {
    if j >= p.outer { return 0.0; }
    return small[p.weight + j * p.inner + k];
}

fn right4(j: u32, k: u32) -> vec4<f32> {
    return vec4(weight(j, k), weight(j + 1u, k), weight(j + 2u, k), weight(j + 3u, k));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let k0 = group.z * p.part;
    let sums = matmul(i0, j0, k0, min(k0 + p.part, p.inner), lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.rows && at.y + c < p.outer {
                partial[(group.z * p.rows + at.x + r) * p.outer + at.y + c] = sums[r][c];
            }
        }
    }
}
