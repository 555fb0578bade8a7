// dQ₂ = dlogitsᵀ t (each output with t of its own head),  dq₂ = Σ_b dlogits
//
// dlogits (B, O), t (B, G·H)  →  grads at weight1 (O, H) and bias1 (O). One invocation per element; column H is the bias.
// Twin: src/kernels/head_weight_grad.rs.

struct Params { rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, weight1: u32, bias1: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dlogits: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read_write> grads: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.outputs * (p.hidden + 1u) { return; }
    let o = i / (p.hidden + 1u);
    let j = i % (p.hidden + 1u);
    let head = min(o / p.classes, p.heads - 1u);
    var sum = 0.0;
    for (var b = 0u; b < p.rows; b++) {
        let d = dlogits[b * p.outputs + o];
        if j == p.hidden { sum += d; } else { sum += d * t[(b * p.heads + head) * p.hidden + j]; }
    }
    if j == p.hidden { grads[p.bias1 + o] = sum; } else { grads[p.weight1 + o * p.hidden + j] = sum; }
}
