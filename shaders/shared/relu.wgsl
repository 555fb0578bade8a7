// max(x, 0), but NaN stays NaN: a number that went wrong must reach the loss, where it is seen.
// (WGSL lets a driver assume that there are none; then a broken run may be noticed later.)
fn relu(x: f32) -> f32 {
    return select(x, 0.0, x < 0.0);
}

