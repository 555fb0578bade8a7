// What one index of a matrix product, i, j or k, decides about its elements: worked out once, not for every product.
struct Term {
    at: u32,       // part of the element's place
    second: u32,   // part of the place of its fusion weight, or which of two values in a word
    shift: f32,    // the element is (value − shift) · scale
    scale: f32,
}

fn term(at: u32) -> Term {
    return Term(at, 0u, 0.0, 1.0);
}

