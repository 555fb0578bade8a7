// total = λ_p L_pres + λ_s L_sal + λ_d L_dom, and its gradient with respect to the logits
//
// logits (B, O): presence C, salience C (unless shared_head), domain 2 (if domain_head); labels (N, C) at `rows`
//   →  dlogits (B, O), losses[slot] = (total, presence, salience, domain)
// Soft cross-entropy −Σ y log softmax, mean over the first `sources` rows; BCE: mean over rows and classes;
// domain: cross-entropy, source 0 and target 1, mean over all rows. One workgroup. Twin: src/kernels/loss.rs.

struct Params { rows: u32, sources: u32, classes: u32, outputs: u32, shared_head: u32, bce: u32, labels_len: u32, slots: u32, domain_head: u32, presence: f32, salience: f32, domain: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> logits: array<f32>;
@group(0) @binding(3) var<storage, read> labels: array<f32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;

const LANES = 256u;

var<workgroup> sums: array<vec4<f32>, 256>;

// log Σ exp over `count` logits from `start`
fn log_sum_exp(start: u32, count: u32) -> f32 {
    var highest = logits[start];
    for (var c = 1u; c < count; c++) { highest = max(highest, logits[start + c]); }
    var sum = 0.0;
    for (var c = 0u; c < count; c++) { sum += exp(logits[start + c] - highest); }
    return highest + log(sum);
}

// Soft cross-entropy of a row; adds scale · gradient
fn soft_cross_entropy(start: u32, label_start: u32, scale: f32) -> f32 {
    let norm = log_sum_exp(start, p.classes);
    // 1 up to rounding; the gradient uses it
    var total = 0.0;
    for (var c = 0u; c < p.classes; c++) { total += labels[label_start + c]; }
    var loss = 0.0;
    for (var c = 0u; c < p.classes; c++) {
        let y = labels[label_start + c];
        let log_p = logits[start + c] - norm;
        loss -= y * log_p;
        dlogits[start + c] += scale * (exp(log_p) * total - y);
    }
    return loss;
}

// Binary cross-entropy of a row, mean over classes; adds scale · gradient
fn binary_cross_entropy(start: u32, label_start: u32, scale: f32) -> f32 {
    let count = f32(p.classes);
    var loss = 0.0;
    for (var c = 0u; c < p.classes; c++) {
        let y = labels[label_start + c];
        let x = logits[start + c];
        let decay = exp(-abs(x));
        loss += max(x, 0.0) - x * y + log(1.0 + decay);
        let sigmoid = select(decay, 1.0, x >= 0.0) / (1.0 + decay);
        dlogits[start + c] += scale / count * (sigmoid - y);
    }
    return loss / count;
}

fn domain_cross_entropy(start: u32, label: u32, scale: f32) -> f32 {
    let norm = log_sum_exp(start, 2u);
    for (var c = 0u; c < 2u; c++) {
        dlogits[start + c] += scale * (exp(logits[start + c] - norm) - f32(c == label));
    }
    return norm - logits[start + label];
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    var sum = vec4(0.0);
    let over_sources = 1.0 / f32(p.sources);
    let over_rows = 1.0 / f32(p.rows);
    for (var b = lane; b < p.rows; b += LANES) {
        let start = b * p.outputs;
        for (var o = 0u; o < p.outputs; o++) { dlogits[start + o] = 0.0; }
        if b < p.sources {
            let label_start = rows[step.first + b] * p.classes;
            if p.bce != 0u {
                sum.y += binary_cross_entropy(start, label_start, p.presence * over_sources);
            } else {
                sum.y += soft_cross_entropy(start, label_start, p.presence * over_sources);
            }
            let salience = select(start + p.classes, start, p.shared_head != 0u);
            sum.z += soft_cross_entropy(salience, label_start, p.salience * over_sources);
        }
        if p.domain_head != 0u {
            sum.w += domain_cross_entropy(start + p.outputs - 2u, u32(b >= p.sources), p.domain * over_rows);
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if lane != 0u { return; }
    sum = vec4(0.0);
    for (var i = 0u; i < min(LANES, p.rows); i++) { sum += sums[i]; }
    sum *= vec4(0.0, over_sources, over_sources, over_rows);
    sum.x = p.presence * sum.y + p.salience * sum.z + p.domain * sum.w;
    for (var i = 0u; i < 4u; i++) { losses[4u * step.slot + i] = sum[i]; }
}
