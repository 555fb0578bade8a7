// mask[b, k] = 1 if row b has encoder k in this step, else 0;  w = mask / encoders of the row, overwritten by a gate
//
// present (N, K) at `rows`, if `given`  →  mask, w (B, K). One workgroup.
// Encoder dropout: drops the encoders of a row whose random word is below the threshold, except the one with the highest
// word (of equal words, the lower index). Then drops an encoder in all rows if fewer than `least` rows have it. Twin: src/kernels/encoder_mask.rs.

struct Params { rows: u32, encoders: u32, given: u32, threshold: u32, layer: u32, least: u32, share: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> present: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;
@group(0) @binding(4) var<storage, read_write> mask: array<u32>;
@group(0) @binding(5) var<storage, read_write> w: array<f32>;

const LANES = 256u;

fn has(b: u32, k: u32) -> bool {
    if p.given == 0u { return true; }
    return present[rows[step.first + b] * p.encoders + k] != 0u;
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
    for (var b = lane; b < p.rows; b += LANES) {
        var stays = p.encoders;
        var highest = 0u;
        if p.threshold > 0u {
            for (var k = 0u; k < p.encoders; k++) {
                if has(b, k) {
                    let word = philox_word(b * p.encoders + k, p.layer);
                    if stays == p.encoders || word > highest {
                        stays = k;
                        highest = word;
                    }
                }
            }
        }
        for (var k = 0u; k < p.encoders; k++) {
            var kept = has(b, k);
            if kept && p.threshold > 0u && k != stays {
                kept = philox_word(b * p.encoders + k, p.layer) >= p.threshold;
            }
            mask[b * p.encoders + k] = u32(kept);
        }
    }
    storageBarrier();
    for (var k = lane; k < p.encoders; k += LANES) {
        var count = 0u;
        for (var b = 0u; b < p.rows; b++) { count += mask[b * p.encoders + k]; }
        if count < p.least {
            for (var b = 0u; b < p.rows; b++) { mask[b * p.encoders + k] = 0u; }
        }
    }
    storageBarrier();
    for (var b = lane; b < p.rows; b += LANES) {
        var count = 0u;
        for (var k = 0u; k < p.encoders; k++) { count += mask[b * p.encoders + k]; }
        // As on the host if no encoder is missing: a device's division may round differently.
        let weight = select(1.0 / f32(max(count, 1u)), p.share, count == p.encoders);
        for (var k = 0u; k < p.encoders; k++) { w[b * p.encoders + k] = weight * f32(mask[b * p.encoders + k]); }
    }
}
