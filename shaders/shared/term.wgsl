// Contribution of one index of a matrix product, i, j or k, to its elements: computed once, not for every product.
struct Term {
    at: u32,       // part of the element's address
    second: u32,   // part of the address of its fusion weight, or the half of a word
    shift: f32,    // the element is (value − shift) · scale
    scale: f32,
}

fn term(at: u32) -> Term {
    return Term(at, 0u, 0.0, 1.0);
}

