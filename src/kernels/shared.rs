//! What several kernels share, each beside its namesake in `shaders/shared/` where there is one.

pub mod blocks;
pub mod chunk;
pub mod half;
pub mod matmul;
pub mod philox;
