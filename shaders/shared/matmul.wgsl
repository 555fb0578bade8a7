// One tile of C[i, j] = Σ_k left(i, k) · right(j, k), k in [k0, k1), its operands shared through workgroup memory.
//
// The kernel defines
//   outputs() -> vec2<u32>                                         rows and columns of C
//   left_row(i), left_k(k), right_column(j), right_k(k) -> Term    the contribution of one index
//   left(i: Term, k: Term), right(j: Term, k: Term) -> f32         the elements
//   put(i, j, sum)                                                 uses an output
//   LEFT_BY_K, RIGHT_BY_K: bool                                    true if neighbours in k are adjacent in memory
// One lane sums an output in the order of k, regardless of the tile: all variants (src/gpu/tiles.rs) are bit-identical.
const TILE_ROWS = 64u;
const TILE_COLUMNS = 64u;
const LANE_ROWS = 4u;     // outputs of a lane, multiples of 4
const LANE_COLUMNS = 4u;
const DEPTH = 16u;

const LANES_I = TILE_ROWS / LANE_ROWS;
const LANES_J = TILE_COLUMNS / LANE_COLUMNS;
const LANES = LANES_I * LANES_J;
const QUADS_I = TILE_ROWS / 4u;
const QUADS_J = TILE_COLUMNS / 4u;
const LANE_QUADS_I = LANE_ROWS / 4u;
const LANE_QUADS_J = LANE_COLUMNS / 4u;
const LOADS_I = QUADS_I * DEPTH / LANES;  // quads that a lane loads per iteration
const LOADS_J = QUADS_J * DEPTH / LANES;
const PITCH_I = QUADS_I + 1u;  // spreads columns over memory banks
const PITCH_J = QUADS_J + 1u;

var<workgroup> left_tile: array<vec4<f32>, DEPTH * PITCH_I>;
var<workgroup> right_tile: array<vec4<f32>, DEPTH * PITCH_J>;

// (k, quad) of a load; adjacent memory goes to adjacent lanes
fn loaded(index: u32, by_k: bool, quads: u32) -> vec2<u32> {
    if by_k { return vec2(index % DEPTH, index / DEPTH); }
    return vec2(index / quads, index % quads);
}

fn multiply(i0: u32, j0: u32, k0: u32, k1: u32, lane: u32) {
    // Beyond the last row or column its elements are loaded again; the results are not put.
    let last = outputs() - 1u;
    var rows_of: array<Term, 4u * LOADS_I>;
    for (var n = 0u; n < LOADS_I; n++) {
        let i = i0 + 4u * loaded(lane + n * LANES, LEFT_BY_K, QUADS_I).y;
        for (var c = 0u; c < 4u; c++) { rows_of[4u * n + c] = left_row(min(i + c, last.x)); }
    }
    var columns_of: array<Term, 4u * LOADS_J>;
    for (var n = 0u; n < LOADS_J; n++) {
        let j = j0 + 4u * loaded(lane + n * LANES, RIGHT_BY_K, QUADS_J).y;
        for (var c = 0u; c < 4u; c++) { columns_of[4u * n + c] = right_column(min(j + c, last.y)); }
    }
    let lane_i = lane / LANES_J;
    let lane_j = lane % LANES_J;
    var sums: array<vec4<f32>, LANE_ROWS * LANE_QUADS_J>;
    var a: array<vec4<f32>, LOADS_I>;
    var b: array<vec4<f32>, LOADS_J>;
    for (var k = k0; k < k1; k += DEPTH) {
        for (var n = 0u; n < LOADS_I; n++) {
            let own = k + loaded(lane + n * LANES, LEFT_BY_K, QUADS_I).x;
            a[n] = vec4(0.0);
            if own < k1 {
                let at = left_k(own);
                let q = 4u * n;
                a[n] = vec4(left(rows_of[q], at), left(rows_of[q + 1u], at), left(rows_of[q + 2u], at), left(rows_of[q + 3u], at));
            }
        }
        for (var n = 0u; n < LOADS_J; n++) {
            let own = k + loaded(lane + n * LANES, RIGHT_BY_K, QUADS_J).x;
            b[n] = vec4(0.0);
            if own < k1 {
                let at = right_k(own);
                let q = 4u * n;
                b[n] = vec4(right(columns_of[q], at), right(columns_of[q + 1u], at), right(columns_of[q + 2u], at), right(columns_of[q + 3u], at));
            }
        }
        workgroupBarrier();
        for (var n = 0u; n < LOADS_I; n++) {
            let place = loaded(lane + n * LANES, LEFT_BY_K, QUADS_I);
            left_tile[place.x * PITCH_I + place.y] = a[n];
        }
        for (var n = 0u; n < LOADS_J; n++) {
            let place = loaded(lane + n * LANES, RIGHT_BY_K, QUADS_J);
            right_tile[place.x * PITCH_J + place.y] = b[n];
        }
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
            for (var s = 0u; s < LANE_QUADS_J; s++) {
                let column = right_tile[d * PITCH_J + lane_j + s * LANES_J];
                for (var r = 0u; r < LANE_QUADS_I; r++) {
                    let row = left_tile[d * PITCH_I + lane_i + r * LANES_I];
                    let at = 4u * r * LANE_QUADS_J + s;
                    sums[at] += row.x * column;
                    sums[at + LANE_QUADS_J] += row.y * column;
                    sums[at + 2u * LANE_QUADS_J] += row.z * column;
                    sums[at + 3u * LANE_QUADS_J] += row.w * column;
                }
            }
        }
    }
    for (var r = 0u; r < LANE_ROWS; r++) {
        let i = i0 + 4u * (lane_i + r / 4u * LANES_I) + r % 4u;
        for (var c = 0u; c < LANE_COLUMNS; c++) {
            let j = j0 + 4u * (lane_j + c / 4u * LANES_J) + c % 4u;
            if i <= last.x && j <= last.y { put(i, j, sums[r * LANE_QUADS_J + c / 4u][c % 4u]); }
        }
    }
}

