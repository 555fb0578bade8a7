// f32 → f16, to nearest, ties to even: src/kernels/shared/half.rs. The rounding of pack2x16float depends on the driver, but runs must be reproducible.
fn half_bits(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let sign = (bits >> 16u) & 0x8000u;
    let magnitude = bits & 0x7fffffffu;
    if magnitude > 0x7f800000u { return sign | 0x7e00u; }   // NaN
    if magnitude >= 0x47800000u { return sign | 0x7c00u; }  // 65536 and above
    if magnitude >= 0x38800000u {                           // 2⁻¹⁴ and above; may round up to infinity
        return sign | ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u) - 0x38000000u) >> 13u);
    }
    let shift = 126u - (magnitude >> 23u);                  // subnormal: units of 2⁻²⁴
    if shift > 24u { return sign; }
    let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
    return sign | ((mantissa + (1u << (shift - 1u)) - 1u + ((mantissa >> shift) & 1u)) >> shift);
}

fn pack_half(a: f32, b: f32) -> u32 {
    return half_bits(a) | (half_bits(b) << 16u);
}
