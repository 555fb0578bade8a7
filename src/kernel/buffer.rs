//! Typed arrays in the memory of an engine.

use crate::kernel::memory::Lease;
use crate::kernel::real::{Element, Real};
use std::sync::{Arc, RwLock};

/// An array of `len` elements in the memory of the engine that created it. Clones share the memory.
#[derive(Clone, Debug)]
pub struct Buffer<T: Element> {
    /// Name in messages and GPU debuggers
    pub label: Arc<str>,
    /// Elements
    pub len: usize,
    pub(crate) data: Data<T>,
    /// Counts the bytes until the last clone is dropped
    pub(crate) _lease: Arc<Lease>,
}

#[derive(Clone, Debug)]
pub(crate) enum Data<T: Element> {
    DryRun,
    Gpu(wgpu::Buffer),
    Cpu(Host<T, f32>),
    CpuF64(Host<T, f64>),
}

/// The error of an allocation that failed for lack of memory; the message names the buffer and its bytes.
#[derive(Debug)]
pub struct NoMemory(pub(crate) String);

impl std::fmt::Display for NoMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NoMemory {}

/// Memory of a CPU engine. No code waits for its lock: as in wgpu, no kernel may use a buffer that it writes twice.
pub(crate) type Host<T, R> = Arc<RwLock<Vec<<T as Element>::Of<R>>>>;

/// A [`Real`] that a CPU engine computes in.
pub trait HostReal: Real {
    /// The memory of a buffer; panics for a buffer of another engine.
    #[doc(hidden)]
    fn host<T: Element>(buffer: &Buffer<T>) -> &RwLock<Vec<T::Of<Self>>>;
}

impl HostReal for f32 {
    fn host<T: Element>(buffer: &Buffer<T>) -> &RwLock<Vec<T::Of<f32>>> {
        match &buffer.data {
            Data::Cpu(host) => host,
            _ => panic!("{}: not a buffer of the f32 CPU engine", buffer.label),
        }
    }
}

impl HostReal for f64 {
    fn host<T: Element>(buffer: &Buffer<T>) -> &RwLock<Vec<T::Of<f64>>> {
        match &buffer.data {
            Data::CpuF64(host) => host,
            _ => panic!("{}: not a buffer of the f64 CPU engine", buffer.label),
        }
    }
}

impl<T: Element> Buffer<T> {
    /// The first `len` elements of the same memory under another name, for values that are first written after the last use
    /// of this buffer's.
    pub(crate) fn alias(&self, label: &str, len: usize) -> Self {
        assert!(len <= self.len, "{label}: {len} elements alias {}, which has {}", self.label, self.len);
        Self { label: label.into(), len, ..self.clone() }
    }

    /// Bytes of its memory; an alias counts the whole memory it shares.
    pub(crate) fn bytes(&self) -> u64 {
        self._lease.bytes()
    }

    /// Returns true for clones and aliases of the same memory.
    pub fn shares_memory(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self._lease, &other._lease)
    }

    /// The underlying wgpu buffer; panics for a CPU buffer.
    pub(crate) fn gpu(&self) -> &wgpu::Buffer {
        match &self.data {
            Data::Gpu(raw) => raw,
            _ => panic!("{}: not a GPU buffer", self.label),
        }
    }

    /// Read access for a twin; panics if another argument of the same kernel writes it.
    #[doc(hidden)]
    pub fn borrow<R: HostReal>(&self) -> std::sync::RwLockReadGuard<'_, Vec<T::Of<R>>> {
        R::host(self).try_read().unwrap_or_else(|_| panic!("{} is read and written by one kernel", self.label))
    }

    /// Write access for a twin; panics if another argument of the same kernel uses it.
    #[doc(hidden)]
    pub fn borrow_mut<R: HostReal>(&self) -> std::sync::RwLockWriteGuard<'_, Vec<T::Of<R>>> {
        R::host(self).try_write().unwrap_or_else(|_| panic!("{} is used twice by one kernel", self.label))
    }
}

/// A buffer of either element type, for code that iterates over all arguments of a kernel.
#[derive(Clone, Debug)]
pub enum AnyBuffer {
    /// Floats
    F32(Buffer<f32>),
    /// Words
    U32(Buffer<u32>),
}

impl From<&Buffer<f32>> for AnyBuffer {
    fn from(buffer: &Buffer<f32>) -> Self {
        Self::F32(buffer.clone())
    }
}

impl From<&Buffer<u32>> for AnyBuffer {
    fn from(buffer: &Buffer<u32>) -> Self {
        Self::U32(buffer.clone())
    }
}

impl AnyBuffer {
    /// The buffer of floats; panics for words.
    pub fn f32(&self) -> &Buffer<f32> {
        match self {
            Self::F32(buffer) => buffer,
            Self::U32(buffer) => panic!("{}: holds words", buffer.label),
        }
    }

    /// The buffer of words; panics for floats.
    pub fn u32(&self) -> &Buffer<u32> {
        match self {
            Self::U32(buffer) => buffer,
            Self::F32(buffer) => panic!("{}: holds floats", buffer.label),
        }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(buffer) => buffer.len,
            Self::U32(buffer) => buffer.len,
        }
    }

    /// Returns true for a buffer without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The underlying wgpu buffer; panics for a CPU buffer.
    pub(crate) fn gpu(&self) -> &wgpu::Buffer {
        match self {
            Self::F32(buffer) => buffer.gpu(),
            Self::U32(buffer) => buffer.gpu(),
        }
    }

    /// Name in messages and GPU debuggers.
    pub fn label(&self) -> &str {
        match self {
            Self::F32(buffer) => &buffer.label,
            Self::U32(buffer) => &buffer.label,
        }
    }

    /// Returns true for clones and aliases of the same memory.
    pub fn shares_memory(&self, other: &Self) -> bool {
        let lease = |buffer: &Self| match buffer {
            Self::F32(buffer) => buffer._lease.clone(),
            Self::U32(buffer) => buffer._lease.clone(),
        };
        Arc::ptr_eq(&lease(self), &lease(other))
    }
}

impl Buffer<f32> {
    /// A value of a buffer of the f64 engine, unrounded; panics for another engine's buffer.
    pub fn wide(&self, index: usize) -> f64 {
        self.borrow::<f64>()[index]
    }

    /// Sets a value of a buffer of the f64 engine; panics for another engine's buffer.
    pub fn set_wide(&self, index: usize, value: f64) {
        self.borrow_mut::<f64>()[index] = value;
    }
}
