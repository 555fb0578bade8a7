// dγ = Σ_b d x̂,  dβ = Σ_b d,  dy = γ rstd (d − dβ/B − x̂ dγ/B): through the batch statistics
//
// d = dnorm, x̂ (B, M), rstd (M)  →  dy (B, M), grads at gamma, beta (M). One invocation per channel.
// Twin: src/kernels/batchnorm_backward.rs.

struct Params { rows: u32, channels: u32, gamma: u32, beta: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dnorm: array<f32>;
@group(0) @binding(3) var<storage, read> normed: array<f32>;  // x̂
@group(0) @binding(4) var<storage, read> rstd: array<f32>;
@group(0) @binding(5) var<storage, read> small: array<f32>;
@group(0) @binding(6) var<storage, read_write> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> grads: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let m = linear_index(group, groups, lane, 64u);
    if m >= p.channels { return; }
    var dgamma = 0.0;
    var dbeta = 0.0;
    for (var b = 0u; b < p.rows; b++) {
        let i = b * p.channels + m;
        dgamma += dnorm[i] * normed[i];
        dbeta += dnorm[i];
    }
    grads[p.gamma + m] = dgamma;
    grads[p.beta + m] = dbeta;
    let scale = small[p.gamma + m] * rstd[m];
    let count = f32(p.rows);
    for (var b = 0u; b < p.rows; b++) {
        let i = b * p.channels + m;
        dy[i] = scale * (dnorm[i] - dbeta / count - normed[i] * dgamma / count);
    }
}
