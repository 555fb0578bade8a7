//! A kernel bound to its parameters and buffers on an engine, and the macro that declares kernels.

use crate::gpu::tiles::Tiles;
use crate::gpu::{Dispatch, Gpu};
use crate::kernel::buffer::AnyBuffer;
use crate::kernel::step::Step;
use crate::kernel::{Cost, Kernel};

/// A kernel bound to its parameters and buffers, ready to be replayed every step.
pub struct Call {
    /// The kernel
    pub kernel: &'static Kernel,
    /// Its least work with these parameters
    pub cost: Cost,
    /// Its arguments, in the order of `kernel.slots`
    pub buffers: Vec<AnyBuffer>,
    /// The GPU dispatch or the twin
    #[doc(hidden)]
    pub run: Run,
}

impl Call {
    /// Binds the same call with other tiles; panics for a call of a CPU engine.
    pub(super) fn with_tiles(&self, gpu: &Gpu, tiles: &'static Tiles) -> Self {
        let Run::Gpu(dispatch) = &self.run else { panic!("{}: not bound on a GPU", self.kernel.name) };
        let run = Run::Gpu(gpu.rebind(self.kernel, dispatch, tiles, &self.buffers));
        Self { kernel: self.kernel, cost: self.cost, buffers: self.buffers.clone(), run }
    }
}

/// What a call runs. Public, like all hidden items in expansions of `kernel!`, because other crates can use the macro.
#[doc(hidden)]
pub enum Run {
    Gpu(Dispatch),
    Cpu(Box<dyn Fn(&Step) + Send + Sync>),
}

/// Declares a kernel; the module must also define its twin
/// `fn twin<R: Real>(p: Params, step: &Step, b: Slices<R>)`.
///
/// Each buffer declares its minimum number of elements in terms of the parameters (as `usize`), and after `=>` the number
/// that the kernel accesses, if that is smaller. `in bench` names a folder in `shaders/`.
#[macro_export]
macro_rules! kernel {
    (
        $name:ident $(in $folder:ident)? $([$($shared:ident),*])?;
        $(puts $puts:ident;)?
        params $p:ident { $($f:ident : $t:ident),* $(,)? }
        read { $($r:ident : $rt:ident [$rl:expr $(=> $rn:expr)?]),* $(,)? }
        $(update { $($u:ident : $ut:ident [$ul:expr $(=> $un:expr)?]),* $(,)? })?
        write { $($w:ident : $wt:ident [$wl:expr $(=> $wn:expr)?]),* $(,)? }
        flops($flops:expr);
        grid $grid:ident($extent:expr);
    ) => {
        /// Parameters, in the layout of the WGSL struct.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
        #[allow(missing_docs, reason = "the WGSL file defines each parameter")]
        pub struct Params { $(pub $f: $t),* }

        /// Parameters as `usize`, for lengths and loops.
        #[derive(Clone, Copy, Debug)]
        #[allow(dead_code, reason = "not every parameter is a length")]
        struct Sizes { $($f: usize),* }

        impl Params {
            fn sizes(&self) -> Sizes {
                Sizes { $($f: self.$f as usize),* }
            }
        }

        /// Buffers by name.
        #[allow(missing_docs, reason = "the WGSL file defines each buffer")]
        pub struct Args<'a> {
            $(pub $r: &'a $crate::kernel::buffer::Buffer<$rt>,)*
            $($(pub $u: &'a $crate::kernel::buffer::Buffer<$ut>,)*)?
            $(pub $w: &'a $crate::kernel::buffer::Buffer<$wt>,)*
        }

        /// The same buffers as slices, for the twin.
        #[allow(missing_docs, reason = "the WGSL file defines each buffer")]
        pub struct Slices<'a, R: $crate::kernel::real::Real> {
            $(pub $r: &'a [<$rt as $crate::kernel::real::Element>::Of<R>],)*
            $($(pub $u: &'a mut [<$ut as $crate::kernel::real::Element>::Of<R>],)*)?
            $(pub $w: &'a mut [<$wt as $crate::kernel::real::Element>::Of<R>],)*
            #[doc(hidden)]
            pub real: std::marker::PhantomData<R>,
        }

        /// The declaration of the WGSL file.
        pub static KERNEL: $crate::kernel::Kernel = $crate::kernel::Kernel {
            name: stringify!($name),
            source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $(stringify!($folder), "/",)? stringify!($name), ".wgsl")),
            shared: &[$($(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", stringify!($shared), ".wgsl"))),*)?],
            puts: $crate::kernel::puts([$crate::kernel::Puts::Values $(, $crate::kernel::Puts::$puts)?]),
            params: &[$((stringify!($f), <$t as $crate::kernel::real::Element>::WGSL)),*],
            slots: &[
                $($crate::kernel::Slot { name: stringify!($r), element: <$rt as $crate::kernel::real::Element>::WGSL, role: $crate::kernel::Role::Read },)*
                $($($crate::kernel::Slot { name: stringify!($u), element: <$ut as $crate::kernel::real::Element>::WGSL, role: $crate::kernel::Role::Update },)*)?
                $($crate::kernel::Slot { name: stringify!($w), element: <$wt as $crate::kernel::real::Element>::WGSL, role: $crate::kernel::Role::Write },)*
            ],
        };

        /// Binds the kernel to parameters and buffers; replay it with [`Engine::run`](crate::engine::Engine::run).
        pub fn call(engine: &$crate::engine::Engine, params: Params, args: Args<'_>) -> $crate::engine::call::Call {
            let $p = params.sizes();
            let lengths = [
                $((args.$r.len, $rl),)*
                $($((args.$u.len, $ul),)*)?
                $((args.$w.len, $wl),)*
            ];
            KERNEL.check_lengths(&lengths);
            let touched = [
                $($crate::kernel::declared([$rl $(, $rn)?]),)*
                $($($crate::kernel::declared([$ul $(, $un)?]),)*)?
                $($crate::kernel::declared([$wl $(, $wn)?]),)*
            ];
            let cost = KERNEL.cost(&touched, $flops);
            let buffers: Vec<$crate::kernel::buffer::AnyBuffer> =
                vec![$(args.$r.into(),)* $($(args.$u.into(),)*)? $(args.$w.into(),)*];
            let run = match engine {
                $crate::engine::Engine::Gpu(gpu) => {
                    let grid = $crate::kernel::Grid::$grid($extent);
                    $crate::engine::call::Run::Gpu(gpu.bind(&KERNEL, bytemuck::bytes_of(&params), &buffers, grid))
                }
                $crate::engine::Engine::DryRun(_) => panic!("{}: a dry run computes nothing", KERNEL.name),
                $crate::engine::Engine::Cpu => on_cpu::<f32>(params, args),
                $crate::engine::Engine::CpuF64 => on_cpu::<f64>(params, args),
            };
            $crate::engine::call::Call { kernel: &KERNEL, cost, buffers, run }
        }

        fn on_cpu<R: $crate::kernel::buffer::HostReal>(params: Params, args: Args<'_>) -> $crate::engine::call::Run {
            $(let $r = args.$r.clone();)*
            $($(let $u = args.$u.clone();)*)?
            $(let $w = args.$w.clone();)*
            $crate::engine::call::Run::Cpu(Box::new(move |step| {
                twin::<R>(params, step, Slices {
                    $($r: &$r.borrow::<R>(),)*
                    $($($u: &mut $u.borrow_mut::<R>(),)*)?
                    $($w: &mut $w.borrow_mut::<R>(),)*
                    real: std::marker::PhantomData,
                })
            }))
        }
    };
}
