// A range of columns of one encoder, in a window's list of chunks: src/kernels/shared/chunk.rs.
struct Chunk {
    x: u32,         // first element of the encoder's features
    w: u32,         // first element of its weights
    scaler: u32,  // first element of its columns in `scaler`
    width: u32,     // D_k
    column: u32,    // first column of the chunk
    length: u32,    // columns of the chunk
    part: u32,      // index of its partial sum
    encoder: u32,   // k
}

fn chunk_at(index: u32) -> Chunk {
    let i = index * 8u;
    return Chunk(chunks[i], chunks[i + 1u], chunks[i + 2u], chunks[i + 3u], chunks[i + 4u], chunks[i + 5u], chunks[i + 6u], chunks[i + 7u]);
}

