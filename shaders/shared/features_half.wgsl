// As features.wgsl, of x̂ in f16. Two values to a word, a row begins at a word; the chunk counts words where it begins.
fn row_words() -> u32 { return (chunk.width + 1u) / 2u; }
fn feature_row(b: u32) -> Term { return term(rows[step.first + b] * row_words()); }
fn feature_column(c: u32) -> Term { return half_term(chunk.x, c); }
fn feature(b: Term, c: Term) -> f32 { return unpack_half(x[b.at + c.at], c.second); }

