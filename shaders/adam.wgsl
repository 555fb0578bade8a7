// m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  w ← w − lr m̂ / (√v̂ + ε)   (Kingma & Ba 2015)
//
// Weight decay: g + decay · w (as torch.optim.Adam) or, decoupled, w (1 − lr · decay) before (AdamW). τ has no decay and is
// clamped to its bounds. All (length). One invocation per element. Twin: src/kernels/adam.rs.

struct Params { length: u32, temperature: u32, decoupled: u32, weight_decay: f32, tau_min: f32, tau_max: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> grad: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.length { return; }
    let is_tau = i == p.temperature;
    let decay = select(p.weight_decay, 0.0, is_tau);
    let updated = adam_element(weight[i], grad[i], m[i], v[i], decay, p.decoupled != 0u);
    weight[i] = select(updated.x, clamp(updated.x, p.tau_min, p.tau_max), is_tau);
    m[i] = updated.y;
    v[i] = updated.z;
}
