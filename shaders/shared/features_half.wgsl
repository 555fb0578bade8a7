// As features.wgsl, for x̂ in f16. Two values per word; rows begin at words; the chunk's offsets are in words.
fn row_words() -> u32 { return (chunk.width + 1u) / 2u; }
fn feature_row(b: u32) -> Term { return term(rows[step.first + b] * row_words()); }
fn feature_column(c: u32) -> Term { return half_term(chunk.x, c); }
fn feature(b: Term, c: Term) -> f32 { return unpack_half(x[b.at + c.at], c.second); }

