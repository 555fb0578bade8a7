//! Code shared by several twins; `chunk`, `half`, `matmul` and `philox` correspond to files in `shaders/shared/`.

pub mod blocks;
pub mod chunk;
pub mod half;
pub mod matmul;
pub mod philox;
