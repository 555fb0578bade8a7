//! What a kernel is: one WGSL file, the parameters and buffers that the host agrees with it on, its launch shape. And what
//! it computes on: typed buffers, number types, the values of a step. It knows no device.

pub mod buffer;
pub mod memory;
pub mod real;
pub mod step;

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

/// What a matrix kernel writes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Puts {
    /// One output
    Values,
    /// Two neighbouring columns, joined in a word: it wants both in one lane
    Words,
}

/// What `kernel!` knows about one `shaders/<name>.wgsl`.
#[derive(Debug)]
pub struct Kernel {
    pub name: &'static str,
    pub source: &'static str,
    /// Files of `shaders/shared/` joined in front of the source
    pub shared: &'static [&'static str],
    pub puts: Puts,
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

/// What a declaration states: its default, or what stands behind it.
#[doc(hidden)]
pub const fn declared<const N: usize>(lengths: [usize; N]) -> usize {
    lengths[N - 1]
}

/// As [`declared`].
#[doc(hidden)]
pub const fn puts<const N: usize>(puts: [Puts; N]) -> Puts {
    puts[N - 1]
}

impl Kernel {
    /// Of a launch that touches that many elements of each buffer.
    #[doc(hidden)]
    pub fn cost(&self, touched: &[usize], flops: usize) -> Cost {
        let crossings = |slot: &Slot| if slot.role == Role::Update { 2 } else { 1 };
        let elements: usize = self.slots.iter().zip(touched).map(|(slot, touched)| crossings(slot) * touched).sum();
        Cost { bytes: 4 * elements as u64, flops: flops as u64 }
    }

    #[doc(hidden)]
    pub fn check_lengths(&self, lengths: &[(usize, usize)]) {
        for (slot, (found, expected)) in self.slots.iter().zip(lengths) {
            assert!(found >= expected, "{}: {} has {found} elements, needs {expected}", self.name, slot.name);
        }
    }
}
