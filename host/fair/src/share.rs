//! One tenant's claim on the CPU of a host.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use extensions_types::Weight;

/// One tenant's weight, and what it used. Shared by all threads.
#[derive(Debug)]
pub struct Share {
    weight: AtomicU32,
    used_nanos: AtomicU64,
}

impl Default for Share {
    fn default() -> Self {
        Self::new(Weight::default())
    }
}

impl Share {
    /// A share that has used nothing.
    #[must_use]
    pub fn new(weight: Weight) -> Self {
        Self { weight: AtomicU32::new(weight.get().into()), used_nanos: AtomicU64::new(0) }
    }

    /// Counts from now on.
    pub fn set_weight(&self, weight: Weight) {
        self.weight.store(weight.get().into(), Relaxed);
    }

    /// Adds thread CPU time that the tenant's calls took.
    pub fn charge(&self, cpu: Duration) {
        // 2^64 ns are 584 years of CPU time.
        self.used_nanos.fetch_add(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// All CPU time so far.
    #[must_use]
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.used_nanos.load(Relaxed))
    }
}
