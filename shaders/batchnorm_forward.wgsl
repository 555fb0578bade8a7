// h = dropout(relu(γ x̂ + β)),  x̂ = (y − mean_b y) · rstd,  y = Σ_s partial[s];  updates the running statistics
//
// partial (S, B, P), spans (K, 2)  →  x̂, h (B, M), rstd (M), running (2, M). Variance: biased; running: unbiased.
// If `masked`, an encoder's statistics are over the rows that have it, and x̂ and h are 0 in other rows; without such rows
// the running statistics are unchanged. One invocation per channel m = (k, p), over its B rows. Twin: src/kernels/batchnorm_forward.rs.

struct Params { rows: u32, encoders: u32, width: u32, parts: u32, gamma: u32, beta: u32, layer: u32, masked: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read> spans: array<u32>;     // (K, 2): first part, parts
@group(0) @binding(4) var<storage, read> packed_params: array<f32>;
@group(0) @binding(5) var<storage, read> mask: array<u32>;      // (B, K) if `masked`
@group(0) @binding(6) var<storage, read_write> running: array<f32>;  // (2, M): mean, variance
@group(0) @binding(7) var<storage, read_write> normed: array<f32>;   // x̂ (B, M)
@group(0) @binding(8) var<storage, read_write> h: array<f32>;        // (B, M)
@group(0) @binding(9) var<storage, read_write> rstd: array<f32>;     // (M)

const MOMENTUM = 0.1;
const EPSILON = 1e-5;

// Returns true if row b of the batch has encoder k
fn has(b: u32, k: u32) -> bool {
    if p.masked == 0u { return true; }
    return mask[b * p.encoders + k] != 0u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let channels = p.encoders * p.width;
    let m = linear_index(group, groups, lane, 64u);
    if m >= channels { return; }
    let k = m / p.width;
    let column = m % p.width;
    let first = spans[2u * k];
    let last = first + spans[2u * k + 1u];

    var sum = 0.0;
    var present = 0u;
    for (var b = 0u; b < p.rows; b++) {
        if !has(b, k) { continue; }
        present++;
        var y = 0.0;
        for (var s = first; s < last; s++) {
            y += partial[(s * p.rows + b) * p.width + column];
        }
        normed[b * channels + m] = y;
        sum += y;
    }
    var mean = 0.0;
    var r = 0.0;
    if present > 0u {
        let count = f32(present);
        mean = sum / count;
        var squares = 0.0;
        for (var b = 0u; b < p.rows; b++) {
            if !has(b, k) { continue; }
            let d = normed[b * channels + m] - mean;
            squares += d * d;
        }
        r = 1.0 / sqrt(squares / count + EPSILON);
        running[m] += MOMENTUM * (mean - running[m]);
        let variance = squares / (count - 1.0);
        running[channels + m] += MOMENTUM * (variance - running[channels + m]);
    }
    rstd[m] = r;

    let gamma = packed_params[p.gamma + m];
    let beta = packed_params[p.beta + m];
    for (var b = 0u; b < p.rows; b++) {
        let i = b * channels + m;
        if !has(b, k) {
            normed[i] = 0.0;
            h[i] = 0.0;
            continue;
        }
        let xhat = (normed[i] - mean) * r;
        normed[i] = xhat;
        h[i] = relu(gamma * xhat + beta) * dropout(i, p.layer);
    }
}
