// dt = (Q₂ᵀ dlogits) where t > 0, else 0, each hidden value from the outputs of its own head
//
// dlogits (B, O), t (B, G·H)  →  dt (B, G·H). One invocation per element. Twin: src/kernels/head_backward.rs.

struct Params { rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, weight1: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dlogits: array<f32>;
@group(0) @binding(3) var<storage, read> t: array<f32>;
@group(0) @binding(4) var<storage, read> packed_params: array<f32>;
@group(0) @binding(5) var<storage, read_write> dt: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let all = p.heads * p.hidden;
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.rows * all { return; }
    let b = i / all;
    let head = (i % all) / p.hidden;
    let j = (i % all) % p.hidden;
    let last = select(min((head + 1u) * p.classes, p.outputs), p.outputs, head == p.heads - 1u);
    var sum = 0.0;
    for (var o = head * p.classes; o < last; o++) {
        sum += dlogits[b * p.outputs + o] * packed_params[p.weight1 + o * p.hidden + j];
    }
    dt[i] = select(0.0, sum, t[i] > 0.0);
}
