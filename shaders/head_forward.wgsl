// t = relu(Σ_s partial[s] + q₁),  logits = Q₂ t + q₂, each output from the H hidden values of its own head
//
// partial (S, B, G·H) for G heads side by side  →  t (B, G·H), logits (B, O). Outputs: C per head, the domain head 2.
// One workgroup per row. Twin: src/kernels/head_forward.rs.

struct Params { rows: u32, hidden: u32, heads: u32, classes: u32, outputs: u32, parts: u32, bias0: u32, weight1: u32, bias1: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> packed_params: array<f32>;
@group(0) @binding(4) var<storage, read_write> t: array<f32>;
@group(0) @binding(5) var<storage, read_write> logits: array<f32>;

const LANES = 64u;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let b = group.x;
    let all = p.heads * p.hidden;
    for (var j = lane; j < all; j += LANES) {
        var sum = packed_params[p.bias0 + j];
        for (var s = 0u; s < p.parts; s++) { sum += partial[(s * p.rows + b) * all + j]; }
        t[b * all + j] = relu(sum);
    }
    storageBarrier();
    for (var o = lane; o < p.outputs; o += LANES) {
        let head = min(o / p.classes, p.heads - 1u);
        var sum = packed_params[p.bias1 + o];
        for (var j = 0u; j < p.hidden; j++) {
            sum += packed_params[p.weight1 + o * p.hidden + j] * t[b * all + head * p.hidden + j];
        }
        logits[b * p.outputs + o] = sum;
    }
}
