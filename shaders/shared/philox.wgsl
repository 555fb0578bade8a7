// Philox-4x32-10 (Salmon et al., SC 2011). Twin: src/kernels/shared/philox.rs.
fn mul_high(a: u32, b: u32) -> u32 {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low_high = a_low * b_high;
    let high_low = a_high * b_low;
    let carry = ((a_low * b_low) >> 16u) + (low_high & 0xffffu) + (high_low & 0xffffu);
    return a_high * b_high + (low_high >> 16u) + (high_low >> 16u) + (carry >> 16u);
}

fn philox(start: vec4<u32>, start_key: vec2<u32>) -> vec4<u32> {
    var counter = start;
    var key = start_key;
    for (var i = 0u; i < 10u; i++) {
        let high0 = mul_high(0xD2511F53u, counter.x);
        let low0 = 0xD2511F53u * counter.x;
        let high1 = mul_high(0xCD9E8D57u, counter.z);
        let low1 = 0xCD9E8D57u * counter.z;
        counter = vec4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += vec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

// Random word of an element of a layer
fn philox_word(element: u32, layer: u32) -> u32 {
    let words = philox(vec4(element / 4u, 0u, step.number, layer), vec2(step.seed_low, step.seed_high));
    return words[element % 4u];
}

// Factor of inverted dropout of an element of a layer: 0 or 1 / (1 − rate).
fn dropout(element: u32, layer: u32) -> f32 {
    if step.dropout_threshold == 0u { return 1.0; }
    return select(step.dropout_scale, 0.0, philox_word(element, layer) < step.dropout_threshold);
}

