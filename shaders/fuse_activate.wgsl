// z = dropout(relu(Σ_s partial[s] + e))
//
// partial (S, B, F), e (F) within `packed_params`  →  z (B, F). One invocation per element. Twin: src/kernels/fuse_activate.rs.

struct Params { rows: u32, fused: u32, parts: u32, bias: u32, layer: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> packed_params: array<f32>;
@group(0) @binding(4) var<storage, read_write> z: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 64u);
    let count = p.rows * p.fused;
    if i >= count { return; }
    var sum = packed_params[p.bias + i % p.fused];
    for (var s = 0u; s < p.parts; s++) { sum += partial[s * count + i]; }
    z[i] = relu(sum) * dropout(i, p.layer);
}
