//! Number types: twins are generic over [`Real`], buffers hold an [`Element`].

use bytemuck::Pod;
use gemm_common::Parallelism;

/// f32, or f64 where a twin is checked against central differences.
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
    /// A constant or a 32-bit parameter in this type.
    fn of(value: f64) -> Self;
    /// The widest matrix product that this processor has: see `matmul`.
    fn gemm() -> Gemm<Self>;
}

/// m, n, k; c, its strides over columns and rows, whether it is read; a and b likewise; factors of c and a b; conjugates;
/// threads.
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

/// Runs `work` as compiled for the widest vectors that this processor has. A closure must be `#[inline(always)]`: on its
/// own it would be compiled for the narrowest.
pub fn vectorised<T>(work: impl FnOnce() -> T) -> T {
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

/// What crosses to a device: `f32` (an engine's [`Real`] on the CPU) or `u32`.
pub trait Element: Pod + Default + Send + Sync + PartialEq + std::fmt::Debug {
    /// The CPU engine's type for it.
    type Of<R: Real>: Pod + Default + std::fmt::Debug + Send + Sync;
    /// WGSL's name of the type.
    const WGSL: &'static str;
    fn widen<R: Real>(self) -> Self::Of<R>;
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

/// Σ a b, in 16 sums side by side that vectors hold; the order is fixed.
pub fn dot<R: Real>(a: &[R], b: &[R]) -> R {
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

/// max(x, 0), but NaN stays NaN: a number that went wrong must reach the loss, where it is seen.
pub fn relu<R: Real>(x: R) -> R {
    if x < R::zero() { R::zero() } else { x }
}
