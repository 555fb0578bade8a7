// Adam on the projections with dW_k = dy_kᵀ x̂_k, x̂ in f16: all encoders of a window in one launch
//
// dy (B, M), x: x̂ (N, D_k) per encoder, rows picked by `rows`  →  weight, m, v (P, D_k) per encoder, and the weights
// in f16, as project_forward_half reads them. Workgroup z is a chunk, x a tile of its columns, y a tile of the P outputs. Twin: src/kernels/project_update_half.rs.

struct Params {
    rows: u32, width: u32, encoders: u32, chunks: u32, columns: u32, words: u32, features: u32, longest: u32,
    decoupled: u32, weight_decay: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<u32>;
@group(0) @binding(4) var<storage, read> rows: array<u32>;
@group(0) @binding(5) var<storage, read> chunks: array<u32>;  // (chunks, 8)
@group(0) @binding(6) var<storage, read_write> weight: array<f32>;
@group(0) @binding(7) var<storage, read_write> m: array<f32>;
@group(0) @binding(8) var<storage, read_write> v: array<f32>;
@group(0) @binding(9) var<storage, read_write> halves: array<u32>;

const LEFT_BY_K = false;
const RIGHT_BY_K = false;

var<private> chunk: Chunk;

fn row_words() -> u32 {
    return (chunk.width + 1u) / 2u;
}

fn left(i: u32, b: u32) -> f32 {
    if i >= p.width { return 0.0; }
    return dy[(b * p.encoders + chunk.encoder) * p.width + i];
}

fn left4(i: u32, b: u32) -> vec4<f32> {
    return vec4(left(i, b), left(i + 1u, b), left(i + 2u, b), left(i + 3u, b));
}

fn right(j: u32, b: u32) -> f32 {
    if j >= chunk.length { return 0.0; }
    let d = chunk.column + j;
    return unpack_half(x[chunk.x + rows[step.first + b] * row_words() + d / 2u], d);
}

fn right4(j: u32, b: u32) -> vec4<f32> {
    return vec4(right(j, b), right(j + 1u, b), right(j + 2u, b), right(j + 3u, b));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    // One chunk per workgroup: bounds come from a local copy, so that barriers are seen to be uniform.
    let own = chunk_at(group.z);
    chunk = own;
    let i0 = group.y * TILE;
    let j0 = group.x * TILE;
    if j0 >= own.length { return; }
    let sums = matmul(i0, j0, 0u, p.rows, lane);
    let at = corner(i0, j0, lane);
    for (var r = 0u; r < 4u; r++) {
        // A lane's columns begin at a word, and so do a chunk's.
        for (var c = 0u; c < 4u; c += 2u) {
            if at.x + r < p.width && at.y + c < chunk.length {
                let row = at.x + r;
                let column = chunk.column + at.y + c;
                let first = updated(chunk.w + row * chunk.width + column, sums[r][c]);
                var second = 0.0;
                if at.y + c + 1u < chunk.length {
                    second = updated(chunk.w + row * chunk.width + column + 1u, sums[r][c + 1u]);
                }
                halves[p.width * chunk.standard + row * row_words() + column / 2u] = pack_half(first, second);
            }
        }
    }
}

fn updated(i: u32, grad: f32) -> f32 {
    let element = adam_element(weight[i], grad, m[i], v[i], p.weight_decay, p.decoupled != 0u);
    weight[i] = element.x;
    m[i] = element.y;
    v[i] = element.z;
    return element.x;
}
