//! One bound over all memories and tables of an instance.
//!
//! wasmtime's own limits hold for each memory; a guest with many would get
//! many times its limit.

use wasmtime::ResourceLimiter;

/// A table element is a pointer on the host.
const TABLE_ELEMENT_BYTES: usize = 8;
/// A component of ours is one core instance and a few shims.
const INSTANCES_MAX: usize = 16;
const TABLES_MAX: usize = 8;
const MEMORIES_MAX: usize = 2;

/// Counts an instance's bytes against its limit.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    limit: usize,
    used: usize,
    peak: usize,
    refused: bool,
}

impl MemoryLimiter {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, peak: 0, refused: false }
    }

    /// The largest sum so far, in bytes.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// Whether the guest asked for more than its limit.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// `maximum` is the guest's own declaration: wasmtime refuses what exceeds
    /// it after having asked here, so that it must not be counted.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let used = self.used.saturating_sub(current).saturating_add(desired);
        if used > self.limit {
            self.refused = true;
            return false;
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        self.used = used;
        self.peak = self.peak.max(used);
        true
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        // Counted or not, the guest only learns that it did not get the memory.
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = |elements: usize| elements.saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(self.grow(bytes(current), bytes(desired), maximum.map(bytes)))
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limiter = MemoryLimiter::new(1_000);
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.table_growing(0, 40, None).unwrap(), "320 bytes more");
        assert!(!limiter.memory_growing(0, 100, None).unwrap(), "a second memory beyond the sum");
        assert!(limiter.refused());
        assert!(limiter.memory_growing(600, 680, None).unwrap(), "exactly the limit");
        assert_eq!(limiter.peak(), 1_000);
        assert!(!limiter.memory_growing(680, usize::MAX, None).unwrap());
    }

    #[test]
    fn what_the_guests_own_maximum_forbids_is_not_counted() {
        let mut limiter = MemoryLimiter::new(1_000);
        assert!(limiter.memory_growing(0, 100, Some(200)).unwrap());
        for _ in 0..10 {
            assert!(!limiter.memory_growing(100, 300, Some(200)).unwrap());
            assert!(!limiter.table_growing(0, 30, Some(20)).unwrap());
        }
        assert!(!limiter.refused(), "the limit was never reached");
        assert!(limiter.memory_growing(100, 200, Some(200)).unwrap());
        assert_eq!(limiter.peak(), 200);
    }
}
