// dV₂ = duᵀ g,  dc₂ = Σ_b du,  dτ = −Σ_b Σ_k du_k u_k / τ if τ is within its bounds, else 0
//
// du, u (B, K), g (B, A)  →  grads at weight1 (K, A), bias1 (K), temperature (1). One invocation per element; column A is
// the bias, and the last invocation computes τ's. Twin: src/kernels/gate_weight_grad.rs.

struct Params { rows: u32, encoders: u32, hidden: u32, weight1: u32, bias1: u32, temperature: u32, tau_min: f32, tau_max: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> du: array<f32>;
@group(0) @binding(3) var<storage, read> u: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read> packed_params: array<f32>;
@group(0) @binding(6) var<storage, read_write> grads: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 64u);
    let k = i / (p.hidden + 1u);
    let a = i % (p.hidden + 1u);
    var sum = 0.0;
    if k < p.encoders {
        for (var b = 0u; b < p.rows; b++) {
            let d = du[b * p.encoders + k];
            if a == p.hidden { sum += d; } else { sum += d * g[b * p.hidden + a]; }
        }
        if a == p.hidden { grads[p.bias1 + k] = sum; } else { grads[p.weight1 + k * p.hidden + a] = sum; }
    } else if a == 0u {
        let tau = packed_params[p.temperature];
        for (var j = 0u; j < p.rows * p.encoders; j++) { sum -= du[j] * u[j]; }
        grads[p.temperature] = select(0.0, sum / tau, tau >= p.tau_min && tau <= p.tau_max);
    }
}
