// dW_k = dy_kᵀ x̂_k over a chunk's columns: the kernel defines `put`, which uses the result, and joins
// features.wgsl or features_half.wgsl for x̂. Workgroup z is a chunk, x a tile of its columns, y a tile of the P outputs.
const LEFT_BY_K = false;
const RIGHT_BY_K = false;

var<private> chunk: Chunk;

fn outputs() -> vec2<u32> { return vec2(p.width, chunk.length); }

fn left_row(i: u32) -> Term { return term(chunk.encoder * p.width + i); }
fn left_k(b: u32) -> Term { return term(b * p.encoders * p.width); }
fn left(i: Term, b: Term) -> f32 { return dy[i.at + b.at]; }

fn right_column(j: u32) -> Term { return feature_column(chunk.column + j); }
fn right_k(b: u32) -> Term { return feature_row(b); }
fn right(j: Term, b: Term) -> f32 { return feature(b, j); }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // One chunk per workgroup: bounds come from a local copy, so that the compiler sees uniform barriers.
    let own = chunk_at(group.z);
    chunk = own;
    let j0 = group.x * TILE_COLUMNS;
    if j0 >= own.length { return; }
    multiply(group.y * TILE_ROWS, j0, 0u, p.rows, lane);
}

