//! Number types: twins are generic over [`Real`], buffers hold an [`Element`].

use bytemuck::Pod;

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
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
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

/// max(x, 0), but NaN stays NaN: a number that went wrong must reach the loss, where it is seen.
pub fn relu<R: Real>(x: R) -> R {
    if x < R::zero() { R::zero() } else { x }
}
