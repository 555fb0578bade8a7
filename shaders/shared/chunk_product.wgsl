// partial[s] = x̂_k W_kᵀ over chunk s's columns, in f32 or f16: the kernel defines `right`, which reads W, and joins
// features.wgsl or features_half.wgsl for x̂. Workgroup z is a chunk, x a tile of the P outputs, y a tile of rows.
const LEFT_BY_K = true;
const RIGHT_BY_K = true;

var<private> chunk: Chunk;

fn outputs() -> vec2<u32> { return vec2(p.rows, p.width); }

fn left_row(i: u32) -> Term { return feature_row(i); }
fn left_k(k: u32) -> Term { return feature_column(k); }
fn left(i: Term, k: Term) -> f32 { return feature(i, k); }

fn put(i: u32, j: u32, sum: f32) {
    partial[(chunk.part * p.rows + i) * p.width + j] = sum;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // One chunk per workgroup: bounds come from a local copy, so that the compiler sees uniform barriers.
    let own = chunk_at(group.z);
    chunk = own;
    multiply(group.y * TILE_ROWS, group.x * TILE_COLUMNS, own.column, own.column + own.length, lane);
}

