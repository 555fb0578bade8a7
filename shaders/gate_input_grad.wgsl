// dnorm = scale · (w_k dq + dg V₁) where h > 0, else 0: all that reaches h, taken before relu and dropout
//
// dq, h (B, M), w (B, K), dg (B, A), V₁ (A, M) within `small`  →  dnorm (B, M). Twin: src/kernels/gate_input_grad.rs.

struct Params { rows: u32, encoders: u32, width: u32, hidden: u32, weight0: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dq: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> dg: array<f32>;
@group(0) @binding(6) var<storage, read> small: array<f32>;
@group(0) @binding(7) var<storage, read_write> dnorm: array<f32>;

const LEFT_BY_K = true;
const RIGHT_BY_K = false;

fn left(i: u32, k: u32) -> f32 {
    if i >= p.rows { return 0.0; }
    return dg[i * p.hidden + k];
}

fn left4(i: u32, k: u32) -> vec4<f32> {
    return vec4(left(i, k), left(i + 1u, k), left(i + 2u, k), left(i + 3u, k));
}

fn right(j: u32, k: u32) -> f32 {
    if j >= p.encoders * p.width { return 0.0; }
    return small[p.weight0 + k * p.encoders * p.width + j];
}

fn right4(j: u32, k: u32) -> vec4<f32> {
    return vec4(right(j, k), right(j + 1u, k), right(j + 2u, k), right(j + 3u, k));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    let inner = p.encoders * p.width;
    let sums = matmul(i0, j0, 0u, p.hidden, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        for (var c = 0u; c < 4u; c++) {
            let b = at.x + r;
            let m = at.y + c;
            if b < p.rows && m < inner {
                let i = b * inner + m;
                let dh = w[b * p.encoders + m / p.width] * dq[i] + sums[r][c];
                dnorm[i] = select(0.0, step.dropout_scale * dh, h[i] > 0.0);
            }
        }
    }
}
