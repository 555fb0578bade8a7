//! Counts the bytes of a device's buffers, current and peak.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter of the bytes of all buffers of a device.
#[derive(Debug, Default)]
pub struct Memory {
    now: AtomicU64,
    peak: AtomicU64,
}

/// Bytes counted until the last clone of a buffer is dropped.
#[derive(Debug)]
pub struct Lease {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Memory {
    /// Bytes of all existing buffers.
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Largest number of bytes since the last `reset_peak`.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Sets the peak to the current number of bytes.
    pub fn reset_peak(&self) {
        self.peak.store(self.now(), Ordering::Relaxed);
    }

    /// Counts a new buffer.
    pub(crate) fn lease(self: &Arc<Self>, bytes: u64) -> Arc<Lease> {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Arc::new(Lease { memory: self.clone(), bytes })
    }
}

impl Lease {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.memory.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_buffers_no_longer_count() {
        let memory = Arc::new(Memory::default());
        let kept = memory.lease(100);
        let shared = memory.lease(30);
        let clone = shared.clone();
        drop(shared);
        assert_eq!((memory.now(), memory.peak()), (130, 130));
        drop(clone);
        assert_eq!((memory.now(), memory.peak()), (100, 130));
        memory.reset_peak();
        drop(kept);
        assert_eq!((memory.now(), memory.peak()), (0, 100));
    }
}
