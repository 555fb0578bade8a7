// max(x, 0); NaN stays NaN, so that it reaches the loss, where it is detected.
// (WGSL allows drivers to assume that no NaN occurs; then it may be detected later.)
fn relu(x: f32) -> f32 {
    return select(x, 0.0, x < 0.0);
}

