// One TILE × TILE block of C[i, j] = Σ_k left(i, k) · right(j, k), k in [k0, k1).
//
// The kernel that joins this file defines
//   left4(i, k), right4(j, k) -> vec4<f32>   elements i..i+3 (j..j+3) at k; 0 outside the matrix
//   LEFT_BY_K, RIGHT_BY_K: bool              true where neighbours in k are neighbours in memory
// 16 × 16 invocations hold 4 × 4 outputs each; sums run in the order of k, so they repeat to the bit.
const TILE = 64u;
const DEPTH = 16u;
const QUADS = 16u;  // TILE / 4
const PITCH = 17u;  // QUADS + 1: spreads columns over memory banks

var<workgroup> left_tile: array<vec4<f32>, 272>;   // (DEPTH, PITCH)
var<workgroup> right_tile: array<vec4<f32>, 272>;  // (DEPTH, PITCH)

// (k, quad) that a lane loads, neighbours in memory going to neighbouring lanes
fn loaded(lane: u32, by_k: bool) -> vec2<u32> {
    if by_k { return vec2(lane % DEPTH, lane / DEPTH); }
    return vec2(lane / QUADS, lane % QUADS);
}

fn matmul(i0: u32, j0: u32, k0: u32, k1: u32, lane: u32) -> mat4x4<f32> {
    let from_left = loaded(lane, LEFT_BY_K);
    let from_right = loaded(lane, RIGHT_BY_K);
    let quad_i = lane / QUADS;
    let quad_j = lane % QUADS;
    var sum0 = vec4(0.0);
    var sum1 = vec4(0.0);
    var sum2 = vec4(0.0);
    var sum3 = vec4(0.0);
    for (var k = k0; k < k1; k += DEPTH) {
        var a = vec4(0.0);
        if k + from_left.x < k1 { a = left4(i0 + 4u * from_left.y, k + from_left.x); }
        var b = vec4(0.0);
        if k + from_right.x < k1 { b = right4(j0 + 4u * from_right.y, k + from_right.x); }
        workgroupBarrier();
        left_tile[from_left.x * PITCH + from_left.y] = a;
        right_tile[from_right.x * PITCH + from_right.y] = b;
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
            let row = left_tile[d * PITCH + quad_i];
            let column = right_tile[d * PITCH + quad_j];
            sum0 += row.x * column;
            sum1 += row.y * column;
            sum2 += row.z * column;
            sum3 += row.w * column;
        }
    }
    return mat4x4<f32>(sum0, sum1, sum2, sum3);
}

// Top left output (i, j) of a lane's 4 × 4
fn corner(i0: u32, j0: u32, lane: u32) -> vec2<u32> {
    return vec2(i0 + 4u * (lane / QUADS), j0 + 4u * (lane % QUADS));
}

