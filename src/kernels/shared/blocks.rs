//! Division of matrices into blocks of columns, such that each task of a twin owns its output.

/// Divides the first `rows` rows of a matrix with `columns` columns into blocks of `width` columns; returns the rows of each
/// block.
pub fn column_blocks<R>(matrix: &mut [R], rows: usize, columns: usize, width: usize) -> Vec<Vec<&mut [R]>> {
    let mut blocks: Vec<Vec<_>> = (0..columns.div_ceil(width)).map(|_| Vec::with_capacity(rows)).collect();
    for row in matrix.chunks_exact_mut(columns).take(rows) {
        for (block, part) in blocks.iter_mut().zip(row.chunks_mut(width)) {
            block.push(part);
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::column_blocks;

    #[test]
    fn blocks_are_the_matrix() {
        let mut matrix: Vec<usize> = (0..3 * 5).collect();
        let blocks: Vec<Vec<usize>> =
            column_blocks(&mut matrix, 2, 5, 2).into_iter().map(|rows| rows.concat()).collect();
        assert_eq!(blocks, [vec![0, 1, 5, 6], vec![2, 3, 7, 8], vec![4, 9]]);
    }
}
