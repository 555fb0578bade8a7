// Value i of a row of f16 that holds two to a word: src/packed.rs.
fn unpack_half(word: u32, i: u32) -> f32 {
    let pair = unpack2x16float(word);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}
