//! Code shared by several twins; `chunk`, `half`, `matmul` and `philox` correspond to files in `shaders/shared/`.

pub(crate) mod blocks;
pub mod chunk;
pub mod half;
pub(crate) mod matmul;
pub mod philox;
