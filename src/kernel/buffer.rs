//! A typed array on one engine.

use crate::kernel::memory::Lease;
use crate::kernel::real::{Element, Real};
use std::sync::{Arc, RwLock};

/// `len` elements on the engine that made it; cloning shares the same memory.
#[derive(Clone, Debug)]
pub struct Buffer<T: Element> {
    pub label: Arc<str>,
    pub len: usize,
    pub(crate) data: Data<T>,
    /// Counts its bytes until the last clone is dropped
    pub(crate) _lease: Arc<Lease>,
}

#[derive(Clone, Debug)]
pub(crate) enum Data<T: Element> {
    DryRun,
    Gpu(wgpu::Buffer),
    Cpu(Host<T, f32>),
    CpuF64(Host<T, f64>),
}

/// Why a buffer could not be made: there is no memory left.
#[derive(Debug)]
pub struct NoMemory(pub String);

impl std::fmt::Display for NoMemory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NoMemory {}

/// Memory of the CPU engine. Locks are never waited for: like wgpu, a kernel may not read what it writes.
pub(crate) type Host<T, R> = Arc<RwLock<Vec<<T as Element>::Of<R>>>>;

/// A `Real` that a CPU engine computes in.
pub trait HostReal: Real {
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
    /// The front of the same memory under another name, for what comes to life after this is dead.
    pub fn alias(&self, label: &str, len: usize) -> Self {
        assert!(len <= self.len, "{label}: {len} elements in the place of {}, which has {}", self.label, self.len);
        Self { label: label.into(), len, ..self.clone() }
    }

    /// Bytes that it takes, an alias as much as what it lies in.
    pub fn bytes(&self) -> u64 {
        self._lease.bytes()
    }

    /// True where both lie in the same memory, as [`Buffer::alias`] makes them.
    pub fn shares_memory(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self._lease, &other._lease)
    }

    /// The wgpu buffer behind it; panics for a CPU buffer.
    pub(crate) fn gpu(&self) -> &wgpu::Buffer {
        match &self.data {
            Data::Gpu(raw) => raw,
            _ => panic!("{}: not a GPU buffer", self.label),
        }
    }

    /// Read access for a twin; panics when another argument of the same kernel writes it.
    #[doc(hidden)]
    pub fn borrow<R: HostReal>(&self) -> std::sync::RwLockReadGuard<'_, Vec<T::Of<R>>> {
        R::host(self).try_read().unwrap_or_else(|_| panic!("{} is read and written by one kernel", self.label))
    }

    /// Write access for a twin; panics when another argument of the same kernel uses it.
    #[doc(hidden)]
    pub fn borrow_mut<R: HostReal>(&self) -> std::sync::RwLockWriteGuard<'_, Vec<T::Of<R>>> {
        R::host(self).try_write().unwrap_or_else(|_| panic!("{} is used twice by one kernel", self.label))
    }
}

/// A buffer of either type, for code that walks over all arguments of a kernel.
#[derive(Clone, Debug)]
pub enum AnyBuffer {
    F32(Buffer<f32>),
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
    /// Panics for a buffer of words.
    pub fn f32(&self) -> &Buffer<f32> {
        match self {
            Self::F32(buffer) => buffer,
            Self::U32(buffer) => panic!("{}: holds words", buffer.label),
        }
    }

    /// Panics for a buffer of floats.
    pub fn u32(&self) -> &Buffer<u32> {
        match self {
            Self::U32(buffer) => buffer,
            Self::F32(buffer) => panic!("{}: holds floats", buffer.label),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Self::F32(buffer) => buffer.len,
            Self::U32(buffer) => buffer.len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The wgpu buffer behind it; panics for a CPU buffer.
    pub(crate) fn gpu(&self) -> &wgpu::Buffer {
        match self {
            Self::F32(buffer) => buffer.gpu(),
            Self::U32(buffer) => buffer.gpu(),
        }
    }

    pub fn label(&self) -> &str {
        match self {
            Self::F32(buffer) => &buffer.label,
            Self::U32(buffer) => &buffer.label,
        }
    }

    /// True where both lie in the same memory, as [`Buffer::alias`] makes them.
    pub fn shares_memory(&self, other: &Self) -> bool {
        let lease = |buffer: &Self| match buffer {
            Self::F32(buffer) => buffer._lease.clone(),
            Self::U32(buffer) => buffer._lease.clone(),
        };
        Arc::ptr_eq(&lease(self), &lease(other))
    }
}

impl Buffer<f32> {
    /// One value of the f64 engine, in full; panics for another engine's buffer.
    pub fn wide(&self, index: usize) -> f64 {
        self.borrow::<f64>()[index]
    }

    /// Sets one value of the f64 engine; panics for another engine's buffer.
    pub fn set_wide(&self, index: usize, value: f64) {
        self.borrow_mut::<f64>()[index] = value;
    }
}
