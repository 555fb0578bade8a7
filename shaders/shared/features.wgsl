// x̂ (B, D_k) of the chunk's encoder: reads f32 features and standardises them. Columns count from the encoder's first.
fn feature_row(b: u32) -> Term { return term(rows[step.first + b] * chunk.width); }
fn feature_column(c: u32) -> Term {
    let column = chunk.scaler + c;
    return Term(chunk.x + c, 0u, scaler[column], scaler[p.columns + column]);
}
fn feature(b: Term, c: Term) -> f32 { return (x[b.at + c.at] - c.shift) * c.scale; }

