// Value i of a row of f16, two per word: src/kernels/shared/half.rs.
fn unpack_half(word: u32, i: u32) -> f32 {
    let pair = unpack2x16float(word);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}

// Value i of a row that begins at word `first`
fn half_term(first: u32, i: u32) -> Term {
    return Term(first + i / 2u, i & 1u, 0.0, 1.0);
}
