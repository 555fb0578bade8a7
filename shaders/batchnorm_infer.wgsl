// h = relu(γ (y − mean) / √(variance + ε) + β) with the running statistics,  y = Σ_s partial[s]
//
// partial (S, B, P), spans (K, 2), running (2, M)  →  h (B, M), 0 for missing encoders. One invocation per element.
// Twin: src/kernels/batchnorm_infer.rs.

struct Params { rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32, masked: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> spans: array<u32>;    // (K, 2): first part, parts
@group(0) @binding(4) var<storage, read> packed_params: array<f32>;
@group(0) @binding(5) var<storage, read> running: array<f32>;  // (2, M): mean, variance
@group(0) @binding(6) var<storage, read> mask: array<u32>;     // (B, K) if `masked`
@group(0) @binding(7) var<storage, read_write> h: array<f32>;  // (B, M)

const EPSILON = 1e-5;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channels = p.encoders * p.width;
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.rows * channels { return; }
    let b = i / channels;
    let m = i % channels;
    let k = m / p.width;
    if p.masked != 0u && mask[b * p.encoders + k] == 0u {
        h[i] = 0.0;
        return;
    }
    var y = 0.0;
    for (var s = 0u; s < spans[2u * k + 1u]; s++) {
        y += partial[((spans[2u * k] + s) * p.rows + b) * p.width + m % p.width];
    }
    let xhat = (y - running[m]) / sqrt(running[channels + m] + EPSILON);
    h[i] = relu(packed_params[p.gamma + m] * xhat + packed_params[p.beta + m]);
}
