//! A kernel: one WGSL file, the parameters and buffers the host agrees with it on, its launch shape, its CPU twin.

pub mod buffer;
pub mod memory;
pub mod real;
pub mod step;

use crate::gpu::Dispatch;
use crate::gpu::tiles::Tiles;
use crate::kernel::buffer::AnyBuffer;
use crate::kernel::step::Step;
use wgpu::naga;

/// What a kernel does with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Read,
    /// Read and written
    Update,
    /// Written only: what it held before does not matter
    Write,
}

/// One buffer of a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub name: &'static str,
    /// WGSL's element type: `f32` or `u32`
    pub element: &'static str,
    pub role: Role,
}

/// What `kernel!` knows about one `shaders/<name>.wgsl`.
#[derive(Debug)]
pub struct Kernel {
    pub name: &'static str,
    pub source: &'static str,
    /// Files of `shaders/shared/` joined in front of the source
    pub shared: &'static [&'static str],
    /// Name and WGSL type of every parameter
    pub params: &'static [(&'static str, &'static str)],
    pub slots: &'static [Slot],
}

/// How much work a launch covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// That many invocations; folded over x and y where one dimension is too short
    Threads(usize),
    /// Outputs (columns, rows) of a matrix kernel, divided by the WGSL's `TILE_COLUMNS` and `TILE_ROWS`, and a count on z
    Tiles([usize; 3]),
    /// That many workgroups
    Groups([usize; 3]),
}

/// The least that one launch must do for its outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Every input read once, every output written once
    pub bytes: u64,
    /// Multiplications, additions, divisions and functions, each one operation
    pub flops: u64,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |a, b| Self { bytes: a.bytes + b.bytes, flops: a.flops + b.flops })
    }
}

/// One kernel with its parameters and buffers, ready to be replayed every step.
pub struct Call {
    pub kernel: &'static Kernel,
    pub cost: Cost,
    /// In the order of `kernel.slots`
    pub buffers: Vec<AnyBuffer>,
    pub(crate) run: Run,
}

pub(crate) enum Run {
    Gpu(Dispatch),
    Cpu(Box<dyn Fn(&Step) + Send + Sync>),
}

/// Declares a kernel; the module must also define its twin
/// `fn twin<R: Real>(p: Params, step: &Step, b: Slices<R>)`.
///
/// Every buffer states the number of elements it must have at least, in terms of the parameters (as `usize`), and behind
/// `=>` how many the kernel touches where those are fewer. `in bench` names a folder in `shaders/`.
#[macro_export]
macro_rules! kernel {
    (
        $name:ident $(in $folder:ident)? $([$($shared:ident),*])?;
        params $p:ident { $($f:ident : $t:ident),* $(,)? }
        read { $($r:ident : $rt:ident [$rl:expr $(=> $rn:expr)?]),* $(,)? }
        $(update { $($u:ident : $ut:ident [$ul:expr $(=> $un:expr)?]),* $(,)? })?
        write { $($w:ident : $wt:ident [$wl:expr $(=> $wn:expr)?]),* $(,)? }
        flops($flops:expr);
        grid $grid:ident($extent:expr);
    ) => {
        #[repr(C)]
        #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
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
        pub struct Args<'a> {
            $(pub $r: &'a $crate::kernel::buffer::Buffer<$rt>,)*
            $($(pub $u: &'a $crate::kernel::buffer::Buffer<$ut>,)*)?
            $(pub $w: &'a $crate::kernel::buffer::Buffer<$wt>,)*
        }

        /// The same buffers as the twin sees them.
        pub struct Slices<'a, R: $crate::kernel::real::Real> {
            $(pub $r: &'a [<$rt as $crate::kernel::real::Element>::Of<R>],)*
            $($(pub $u: &'a mut [<$ut as $crate::kernel::real::Element>::Of<R>],)*)?
            $(pub $w: &'a mut [<$wt as $crate::kernel::real::Element>::Of<R>],)*
            #[doc(hidden)]
            pub real: std::marker::PhantomData<R>,
        }

        pub static KERNEL: $crate::kernel::Kernel = $crate::kernel::Kernel {
            name: stringify!($name),
            source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $(stringify!($folder), "/",)? stringify!($name), ".wgsl")),
            shared: &[$($(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", stringify!($shared), ".wgsl"))),*)?],
            params: &[$((stringify!($f), <$t as $crate::kernel::real::Element>::WGSL)),*],
            slots: &[
                $($crate::kernel::Slot { name: stringify!($r), element: <$rt as $crate::kernel::real::Element>::WGSL, role: $crate::kernel::Role::Read },)*
                $($($crate::kernel::Slot { name: stringify!($u), element: <$ut as $crate::kernel::real::Element>::WGSL, role: $crate::kernel::Role::Update },)*)?
                $($crate::kernel::Slot { name: stringify!($w), element: <$wt as $crate::kernel::real::Element>::WGSL, role: $crate::kernel::Role::Write },)*
            ],
        };

        /// Binds the kernel on the buffers' engine; replay it with [`Engine::run`](crate::engine::Engine::run).
        pub fn call(engine: &$crate::engine::Engine, params: Params, args: Args<'_>) -> $crate::kernel::Call {
            let $p = params.sizes();
            let lengths = [
                $((args.$r.len, $rl),)*
                $($((args.$u.len, $ul),)*)?
                $((args.$w.len, $wl),)*
            ];
            KERNEL.check_lengths(&lengths);
            let touched = [
                $($crate::kernel::last([$rl $(, $rn)?]),)*
                $($($crate::kernel::last([$ul $(, $un)?]),)*)?
                $($crate::kernel::last([$wl $(, $wn)?]),)*
            ];
            let cost = KERNEL.cost(&touched, $flops);
            let buffers: Vec<$crate::kernel::buffer::AnyBuffer> =
                vec![$(args.$r.into(),)* $($(args.$u.into(),)*)? $(args.$w.into(),)*];
            let run = match engine {
                $crate::engine::Engine::Gpu(gpu) => {
                    let grid = $crate::kernel::Grid::$grid($extent);
                    $crate::kernel::Run::Gpu(gpu.bind(&KERNEL, bytemuck::bytes_of(&params), &buffers, grid))
                }
                $crate::engine::Engine::Planned(_) => panic!("{}: a plan computes nothing", KERNEL.name),
                $crate::engine::Engine::Cpu => on_cpu::<f32>(params, args),
                $crate::engine::Engine::Wide => on_cpu::<f64>(params, args),
            };
            $crate::kernel::Call { kernel: &KERNEL, cost, buffers, run }
        }

        fn on_cpu<R: $crate::kernel::buffer::HostReal>(params: Params, args: Args<'_>) -> $crate::kernel::Run {
            $(let $r = args.$r.clone();)*
            $($(let $u = args.$u.clone();)*)?
            $(let $w = args.$w.clone();)*
            $crate::kernel::Run::Cpu(Box::new(move |step| {
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

/// A buffer's length, or what stands behind it.
pub(crate) fn last<const N: usize>(lengths: [usize; N]) -> usize {
    lengths[N - 1]
}

impl Kernel {
    /// The whole WGSL text: what it shares, then its own.
    pub fn text(&self, tiles: &Tiles) -> String {
        self.shared.iter().map(|&shared| tiles.of(shared)).chain([self.source.into()]).collect()
    }

    /// True where [`tiles`](crate::gpu::tiles) make a difference.
    pub fn is_product(&self) -> bool {
        self.shared.iter().any(|shared| Tiles::is_product(shared))
    }

    /// True for tiles that the kernel can take: one that joins neighbouring columns in a word wants them in one lane.
    pub fn takes(&self, tiles: &Tiles) -> bool {
        tiles.puts_neighbours() || !self.source.contains("const PUTS_WORDS = true;")
    }

    /// Parses the text; panics with the compiler's message, since the text is ours.
    pub fn parse(&self, tiles: &Tiles) -> naga::Module {
        let text = self.text(tiles);
        naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|e| panic!("{}", e.emit_to_string_with_path(&text, self.name)))
    }

    /// Of a launch that touches that many elements of each buffer.
    pub(crate) fn cost(&self, touched: &[usize], flops: usize) -> Cost {
        let crossings = |slot: &Slot| if slot.role == Role::Update { 2 } else { 1 };
        let elements: usize = self.slots.iter().zip(touched).map(|(slot, touched)| crossings(slot) * touched).sum();
        Cost { bytes: 4 * elements as u64, flops: flops as u64 }
    }

    pub(crate) fn check_lengths(&self, lengths: &[(usize, usize)]) {
        for (slot, (found, expected)) in self.slots.iter().zip(lengths) {
            assert!(found >= expected, "{}: {} has {found} elements, needs {expected}", self.name, slot.name);
        }
    }
}
