// dfuse = scale · Σ_j s_j dt_j Q₁[j] where z > 0, else 0;  s_j = −reversal for the domain head's hidden values, else 1
//
// dt (B, G·H), Q₁ (G·H, F) within `small`, z (B, F)  →  dfuse (B, F), the gradient before relu and dropout.
// z > 0 exactly where relu and dropout let a value through. Twin: src/kernels/head_input_grad.rs.

struct Params { rows: u32, hidden: u32, domain: u32, fused: u32, weight0: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dt: array<f32>;
@group(0) @binding(3) var<storage, read> small: array<f32>;
@group(0) @binding(4) var<storage, read> z: array<f32>;
@group(0) @binding(5) var<storage, read_write> dfuse: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = false;

fn left(i: u32, k: u32) -> f32 {
    if i >= p.rows { return 0.0; }
    return dt[i * p.hidden + k];
}

fn left4(i: u32, k: u32) -> vec4<f32> {
    let sign = select(1.0, -step.reversal, k >= p.domain);
    return sign * vec4(left(i, k), left(i + 1u, k), left(i + 2u, k), left(i + 3u, k));
}

fn right(j: u32, k: u32) -> f32 {
    if j >= p.fused { return 0.0; }
    return small[p.weight0 + k * p.fused + j];
}

fn right4(j: u32, k: u32) -> vec4<f32> {
    return vec4(right(j, k), right(j + 1u, k), right(j + 2u, k), right(j + 3u, k));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let sums = matmul(i0, j0, 0u, p.hidden, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            if at.x + r < p.rows && at.y + c < p.fused {
                let i = (at.x + r) * p.fused + at.y + c;
                dfuse[i] = select(0.0, step.dropout_scale * sums[r][c], z[i] > 0.0);
            }
        }
    }
}
