// q = Σ_k w_k h_k: the mean of a row's encoders
//
// h (B, M), w (B, K) of 1/K each  →  q (B, P). One invocation per element. Twin: src/kernels/mean_forward.rs.

struct Params { rows: u32, encoders: u32, width: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> h: array<f32>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read_write> q: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.rows * p.width { return; }
    let b = i / p.width;
    var sum = 0.0;
    for (var k = 0u; k < p.encoders; k++) {
        sum += w[b * p.encoders + k] * h[(b * p.encoders + k) * p.width + i % p.width];
    }
    q[i] = sum;
}
