// dw_k = Σ_p dq_k h_k for the kept k,  du_k = w_k (dw_k − Σ_j w_j dw_j) / τ,  dg = (V₂ᵀ du) where g > 0, else 0
//
// dq, h (B, M), w (B, K), g (B, A)  →  du (B, K), dg (B, A). One workgroup per row.
// The choice of encoders (w > 0) counts as constant. Twin: src/kernels/gate_backward.rs.

struct Params { rows: u32, encoders: u32, width: u32, hidden: u32, weight1: u32, temperature: u32, tau_min: f32, tau_max: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dq: array<f32>;
@group(0) @binding(3) var<storage, read> h: array<f32>;
@group(0) @binding(4) var<storage, read> w: array<f32>;
@group(0) @binding(5) var<storage, read> g: array<f32>;
@group(0) @binding(6) var<storage, read> packed_params: array<f32>;
@group(0) @binding(7) var<storage, read_write> du: array<f32>;
@group(0) @binding(8) var<storage, read_write> dg: array<f32>;

const LANES = 64u;

var<workgroup> dw: array<f32, 256>;
var<workgroup> dlogits: array<f32, 256>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let b = group.x;
    for (var k = lane; k < p.encoders; k += LANES) {
        var sum = 0.0;
        if w[b * p.encoders + k] != 0.0 {
            let first = (b * p.encoders + k) * p.width;
            for (var i = first; i < first + p.width; i++) { sum += dq[i] * h[i]; }
        }
        dw[k] = sum;
    }
    workgroupBarrier();
    var mean = 0.0;
    for (var k = 0u; k < p.encoders; k++) { mean += w[b * p.encoders + k] * dw[k]; }
    let tau = clamp(packed_params[p.temperature], p.tau_min, p.tau_max);
    for (var k = lane; k < p.encoders; k += LANES) {
        let d = w[b * p.encoders + k] * (dw[k] - mean) / tau;
        dlogits[k] = d;
        du[b * p.encoders + k] = d;
    }
    workgroupBarrier();
    for (var a = lane; a < p.hidden; a += LANES) {
        var sum = 0.0;
        for (var k = 0u; k < p.encoders; k++) { sum += dlogits[k] * packed_params[p.weight1 + k * p.hidden + a]; }
        dg[b * p.hidden + a] = select(0.0, sum, g[b * p.hidden + a] > 0.0);
    }
}
