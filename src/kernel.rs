//! What a kernel is: a WGSL file with its parameters, buffers and launch grid; the buffers, number types and step values it uses.
//! It may not know devices: how a kernel is compiled and launched is up to `gpu` and `engine`.

pub mod buffer;
pub(crate) mod memory;
pub mod real;
pub mod step;

/// How a kernel accesses a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads it
    Read,
    /// Reads and writes it
    Update,
    /// Writes it without reading: its previous contents do not matter
    Write,
}

/// A buffer of a kernel's declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name of the variable in WGSL and of the field in `Args`
    pub name: &'static str,
    /// WGSL element type: `f32` or `u32`
    pub element: &'static str,
    /// How the kernel accesses it
    pub role: Role,
}

/// What one call of a matrix kernel's `put` hook writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Puts {
    /// One output
    Values,
    /// Two adjacent columns packed into a word: one lane must hold both
    Words,
}

/// The declaration of one `shaders/<name>.wgsl`, made by `kernel!`.
#[derive(Debug)]
pub struct Kernel {
    /// Name of the WGSL file without its extension
    pub name: &'static str,
    /// Text of the WGSL file
    pub source: &'static str,
    /// Texts of files in `shaders/shared/`, prepended to the source
    pub shared: &'static [&'static str],
    /// What a matrix kernel's hook writes
    pub puts: Puts,
    /// Name and WGSL type of every parameter
    pub params: &'static [(&'static str, &'static str)],
    /// Every buffer, in the order of the declaration
    pub slots: &'static [Slot],
}

/// The size of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// Number of invocations, split over x and y if x alone is too short
    Threads(usize),
    /// Outputs (columns, rows) of a matrix kernel, divided by the WGSL's `TILE_COLUMNS` and `TILE_ROWS`, and matrices on z
    Tiles([usize; 3]),
    /// Number of workgroups on x, y and z
    Groups([usize; 3]),
}

/// The least work that a launch needs for its outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cost {
    /// Bytes moved if every input is read once and every output written once
    pub bytes: u64,
    /// Floating-point operations; multiplications, additions, divisions and functions count as one each
    pub flops: u64,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |a, b| Self { bytes: a.bytes + b.bytes, flops: a.flops + b.flops })
    }
}

/// The last of a list: a default, or the value declared after it.
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
    /// The cost of a launch that accesses `touched` elements of each buffer.
    #[doc(hidden)]
    pub fn cost(&self, touched: &[usize], flops: usize) -> Cost {
        let crossings = |slot: &Slot| if slot.role == Role::Update { 2 } else { 1 };
        let elements: usize = self.slots.iter().zip(touched).map(|(slot, touched)| crossings(slot) * touched).sum();
        Cost { bytes: 4 * elements as u64, flops: flops as u64 }
    }

    /// Panics if a buffer is shorter than declared; `lengths`: (found, needed) for each buffer.
    #[doc(hidden)]
    pub fn check_lengths(&self, lengths: &[(usize, usize)]) {
        for (slot, (found, expected)) in self.slots.iter().zip(lengths) {
            assert!(found >= expected, "{}: {} has {found} elements, expected {expected}", self.name, slot.name);
        }
    }
}
