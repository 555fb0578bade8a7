// matmul.wgsl for drivers that compute on a CPU, where a gather costs as much as 50 multiplications and barriers are slow.
//
// A workgroup is a single subgroup of size 8 (ensured by src/gpu/tiles.rs) and uses no workgroup memory: each lane holds
// columns of the right side and loads the left elements of its own k for all rows, which are broadcast in the subgroup.
const TILE_ROWS = 32u;
const TILE_COLUMNS = 64u;
const LANES = 8u;
const LANE_COLUMNS = TILE_COLUMNS / LANES;

fn multiply(i0: u32, j0: u32, k0: u32, k1: u32, lane: u32) {
    let last = outputs() - 1u;
    var rows_of: array<Term, TILE_ROWS>;
    for (var r = 0u; r < TILE_ROWS; r++) { rows_of[r] = left_row(min(i0 + r, last.x)); }
    var columns_of: array<Term, LANE_COLUMNS>;
    for (var c = 0u; c < LANE_COLUMNS; c++) { columns_of[c] = right_column(min(j0 + lane + LANES * c, last.y)); }
    var sums: array<array<f32, LANE_COLUMNS>, TILE_ROWS>;
    var a: array<f32, TILE_ROWS>;
    var b: array<f32, LANE_COLUMNS>;
    for (var k = k0; k < k1; k += LANES) {
        let own = left_k(min(k + lane, k1 - 1u));
        for (var r = 0u; r < TILE_ROWS; r++) { a[r] = left(rows_of[r], own); }
        let depth = min(LANES, k1 - k);
        for (var d = 0u; d < depth; d++) {
            let at = right_k(k + d);
            for (var c = 0u; c < LANE_COLUMNS; c++) { b[c] = right(columns_of[c], at); }
            for (var r = 0u; r < TILE_ROWS; r++) {
                let shared_left = subgroupShuffle(a[r], d);
                for (var c = 0u; c < LANE_COLUMNS; c++) { sums[r][c] += shared_left * b[c]; }
            }
        }
    }
    // A loop that moves each row to the front: unrolled, it would be most of the compiled code.
    for (var r = 0u; r < TILE_ROWS; r++) {
        for (var c = 0u; c < LANE_COLUMNS; c++) {
            let j = j0 + lane + LANES * c;
            if i0 + r <= last.x && j <= last.y { put(i0 + r, j, sums[0][c]); }
        }
        for (var s = 0u; s < TILE_ROWS; s++) {
            for (var c = 0u; c < LANE_COLUMNS; c++) { sums[s][c] = sums[min(s + 1u, TILE_ROWS - 1u)][c]; }
        }
    }
}

