// dγ = Σ_b d x̂,  dβ = Σ_b d,  dy = γ rstd (d − dβ/B − x̂ dγ/B): through the batch statistics
//
// d = dnorm, x̂ (B, M), rstd (M)  →  dy (B, M), grads at gamma, beta (M). If `masked`, B is the number of rows with the
// channel's encoder; in other rows d, x̂ and dy are 0. One invocation per channel m = (k, p).
// Twin: src/kernels/batchnorm_backward.rs.

struct Params { rows: u32, encoders: u32, width: u32, gamma: u32, beta: u32, masked: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dnorm: array<f32>;
@group(0) @binding(3) var<storage, read> normed: array<f32>;  // x̂
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read> packed_params: array<f32>;
@group(0) @binding(6) var<storage, read> mask: array<u32>;    // (B, K) if `masked`
@group(0) @binding(7) var<storage, read_write> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> grads: array<f32>;

// Returns true if row b of the batch has encoder k
fn has(b: u32, k: u32) -> bool {
    if p.masked == 0u { return true; }
    return mask[b * p.encoders + k] != 0u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channels = p.encoders * p.width;
    let m = linear_index(group, groups, lane, 64u);
    if m >= channels { return; }
    let k = m / p.width;
    var present = 0u;
    var dgamma = 0.0;
    var dbeta = 0.0;
    for (var b = 0u; b < p.rows; b++) {
        if !has(b, k) { continue; }
        present++;
        let i = b * channels + m;
        dgamma += dnorm[i] * normed[i];
        dbeta += dnorm[i];
    }
    grads[p.gamma + m] = dgamma;
    grads[p.beta + m] = dbeta;
    let scale = packed_params[p.gamma + m] * rstd[m];
    let count = f32(present);
    for (var b = 0u; b < p.rows; b++) {
        let i = b * channels + m;
        if !has(b, k) {
            dy[i] = 0.0;
            continue;
        }
        dy[i] = scale * (dnorm[i] - dbeta / count - normed[i] * dgamma / count);
    }
}
