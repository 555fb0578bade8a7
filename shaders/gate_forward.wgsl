// g = relu(Σ_s partial[s] + c₁),  u = V₂ g + c₂,  w = softmax over the n largest of u / τ, 0 elsewhere
//
// partial (S, B, A)  →  g (B, A), u (B, K), w (B, K). Of equal values the lower index wins. If `masked`, missing encoders
// are excluded and have w = 0; a row without any encoder has w = 0 throughout. One workgroup per row.
// Ranks are by u, whose order is that of softmax(u / τ). Twin: src/kernels/gate_forward.rs.

struct Params { rows: u32, encoders: u32, hidden: u32, parts: u32, top_n: u32, bias0: u32, weight1: u32, bias1: u32, temperature: u32, tau_min: f32, tau_max: f32, masked: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> packed_params: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<u32>;  // (B, K) if `masked`
@group(0) @binding(5) var<storage, read_write> g: array<f32>;
@group(0) @binding(6) var<storage, read_write> u: array<f32>;
@group(0) @binding(7) var<storage, read_write> w: array<f32>;

const LANES = 64u;
const MAX_ENCODERS = 256u;

var<workgroup> logits: array<f32, MAX_ENCODERS>;  // u of this row
var<workgroup> powers: array<f32, MAX_ENCODERS>;  // e^((u − max) / τ) where selected, else 0

// Returns true if row b of the batch has encoder k
fn has(b: u32, k: u32) -> bool {
    if p.masked == 0u { return true; }
    return mask[b * p.encoders + k] != 0u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let b = group.x;
    for (var a = lane; a < p.hidden; a += LANES) {
        var sum = packed_params[p.bias0 + a];
        for (var s = 0u; s < p.parts; s++) {
            sum += partial[(s * p.rows + b) * p.hidden + a];
        }
        g[b * p.hidden + a] = relu(sum);
    }
    storageBarrier();
    for (var k = lane; k < p.encoders; k += LANES) {
        var sum = packed_params[p.bias1 + k];
        for (var a = 0u; a < p.hidden; a++) {
            sum += packed_params[p.weight1 + k * p.hidden + a] * g[b * p.hidden + a];
        }
        logits[k] = sum;
        u[b * p.encoders + k] = sum;
    }
    workgroupBarrier();
    let tau = clamp(packed_params[p.temperature], p.tau_min, p.tau_max);
    for (var k = lane; k < p.encoders; k += LANES) {
        if !has(b, k) {
            powers[k] = 0.0;
            continue;
        }
        let own = logits[k];
        var rank = 0u;
        var highest = own;
        for (var j = 0u; j < p.encoders; j++) {
            if !has(b, j) { continue; }
            let other = logits[j];
            if other > own || (other == own && j < k) { rank++; }
            highest = max(highest, other);
        }
        powers[k] = select(0.0, exp((own - highest) / tau), rank < p.top_n);
    }
    workgroupBarrier();
    var total = 0.0;
    for (var k = 0u; k < p.encoders; k++) { total += powers[k]; }
    for (var k = lane; k < p.encoders; k += LANES) {
        w[b * p.encoders + k] = select(powers[k] / total, 0.0, total == 0.0);
    }
}
