//! Number types: twins are generic over [`Real`], buffers hold an [`Element`].

use bytemuck::Pod;
use gemm_common::Parallelism;

/// f32, or f64 for comparing a twin's gradients with central differences.
pub trait Real:
    num_traits::Float
    + num_traits::NumAssign
    + ndarray::LinalgScalar
    + std::iter::Sum
    + Pod
    + Default
    + std::fmt::Debug
    + Send
    + Sync
{
    /// Converts a constant or a 32-bit parameter to this type.
    fn of(value: f64) -> Self;
    /// The matrix product for the widest vectors of this processor: see `kernels::shared::matmul`.
    fn gemm() -> Gemm<Self>;
}

/// c = α c + β a b, as the `gemm` crates compute it. Arguments: m, n, k; c, its column and row strides, whether it is read;
/// a and its strides; b and its strides; α, β; three flags for conjugates; threads.
pub type Gemm<R> = unsafe fn(
    usize,
    usize,
    usize,
    *mut R,
    isize,
    isize,
    bool,
    *const R,
    isize,
    isize,
    *const R,
    isize,
    isize,
    R,
    R,
    bool,
    bool,
    bool,
    Parallelism,
);

/// Runs `work` compiled for the widest vectors of this processor. A closure must be `#[inline(always)]`: otherwise it is
/// compiled for the narrowest ones.
pub(crate) fn vectorised<T>(work: impl FnOnce() -> T) -> T {
    pulp::Arch::new().dispatch(work)
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }

    fn gemm() -> Gemm<Self> {
        gemm_f32::gemm::f32::get_gemm_fn()
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn gemm() -> Gemm<Self> {
        gemm_f64::gemm::f64::get_gemm_fn()
    }
}

/// An element type of buffers: `f32` (on a CPU engine its [`Real`]) or `u32`.
pub trait Element: Pod + Default + Send + Sync + PartialEq + std::fmt::Debug {
    /// The type of such an element on a CPU engine.
    type Of<R: Real>: Pod + Default + std::fmt::Debug + Send + Sync;
    /// Name of the type in WGSL.
    const WGSL: &'static str;
    /// Converts to the type of a CPU engine.
    fn widen<R: Real>(self) -> Self::Of<R>;
    /// Converts from the type of a CPU engine.
    fn narrow<R: Real>(value: Self::Of<R>) -> Self;
}

impl Element for f32 {
    type Of<R: Real> = R;
    const WGSL: &'static str = "f32";

    fn widen<R: Real>(self) -> R {
        R::of(f64::from(self))
    }

    fn narrow<R: Real>(value: R) -> Self {
        value.to_f32().expect("f32 and f64 convert to f32")
    }
}

impl Element for u32 {
    type Of<R: Real> = u32;
    const WGSL: &'static str = "u32";

    fn widen<R: Real>(self) -> u32 {
        self
    }

    fn narrow<R: Real>(value: u32) -> Self {
        value
    }
}

/// Returns Σ a b over the shorter length, accumulated in 16 interleaved partial sums; the order is fixed.
pub(crate) fn dot<R: Real>(a: &[R], b: &[R]) -> R {
    let mut sums = [R::zero(); 16];
    let (a, b) = (&a[..a.len().min(b.len())], &b[..a.len().min(b.len())]);
    let (whole_a, whole_b) = (a.chunks_exact(16), b.chunks_exact(16));
    let (rest_a, rest_b) = (whole_a.remainder(), whole_b.remainder());
    vectorised(
        #[inline(always)]
        || {
            for (a, b) in whole_a.zip(whole_b) {
                for i in 0..16 {
                    sums[i] += a[i] * b[i];
                }
            }
        },
    );
    rest_a.iter().zip(rest_b).map(|(&a, &b)| a * b).sum::<R>() + sums.into_iter().sum()
}

/// Returns max(x, 0); NaN stays NaN, so that it reaches the loss, where it is detected.
pub(crate) fn relu<R: Real>(x: R) -> R {
    if x < R::zero() { R::zero() } else { x }
}
