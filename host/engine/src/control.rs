//! What a running invocation and everyone around it share.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    budget::{Budget, Turn, Usage},
    clock::{SliceClock, thread_cpu},
};

/// The budget of one invocation, its CPU meter and the caller's presence.
///
/// One thread at a time runs the guest; others only read the meter or say that
/// the caller is gone. Handing the guest over synchronises the threads, so the
/// counters need no ordering of their own.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) budget: Budget,
    used_nanos: AtomicU64,
    slice_start_nanos: AtomicU64,
    caller_gone: AtomicBool,
}

impl Control {
    pub(crate) fn new(budget: Budget) -> Self {
        Self { budget, used_nanos: AtomicU64::new(0), slice_start_nanos: AtomicU64::new(0), caller_gone: AtomicBool::new(false) }
    }

    /// Runs one slice of the guest on this thread and charges what it took.
    pub(crate) fn metered<T>(&self, slice: impl FnOnce() -> T) -> T {
        let clock = SliceClock::start();
        self.slice_start_nanos.store(nanos(clock.cpu_at_start()), Ordering::Relaxed);
        let result = slice();
        self.used_nanos.fetch_add(nanos(clock.used()), Ordering::Relaxed);
        result
    }

    /// CPU time of the slices that have ended.
    pub(crate) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.used_nanos.load(Ordering::Relaxed))
    }

    /// The next ticks stop the guest, wherever it is.
    pub(crate) fn caller_gave_up(&self) {
        self.caller_gone.store(true, Ordering::Relaxed);
    }

    /// Decides at a tick; called by the guest's own thread within a slice.
    pub(crate) fn turn(&self) -> Turn {
        let slice_cpu = thread_cpu().saturating_sub(Duration::from_nanos(self.slice_start_nanos.load(Ordering::Relaxed)));
        self.budget.turn(Usage { cpu: self.cpu() + slice_cpu, slice_cpu, now: Instant::now(), caller_gone: self.caller_gone.load(Ordering::Relaxed) })
    }
}

fn nanos(duration: Duration) -> u64 {
    // 2^64 ns are 584 years of CPU time.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
