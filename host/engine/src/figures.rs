//! What the lanes tell operators, in numbers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

pub use extensions_fair::Lane;

use crate::ready::ReadyFigures;

/// Why a call that waited, or should have, never began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// The lane was full.
    Full,
    /// The tenant had as much of the lane as was free for the others.
    TenantFull,
    /// The caller's time was over.
    Deadline,
    /// What was left of it is less than the extension lately needs at least.
    TooLate,
    /// It waited for as long as it may run.
    NoTurn,
    /// The caller left.
    CallerGone,
    /// The host stops.
    Stopping,
}

impl Dropped {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Full, Self::TenantFull, Self::Deadline, Self::TooLate, Self::NoTurn, Self::CallerGone, Self::Stopping];

    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::TenantFull => "tenant_full",
            Self::Deadline => "deadline",
            Self::TooLate => "too_late",
            Self::NoTurn => "no_turn",
            Self::CallerGone => "caller_gone",
            Self::Stopping => "stopping",
        }
    }
}

/// The lanes at one moment; times and counts are since the engine's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Calls that wait on I/O threads for their first slice.
    pub fast_waiting: usize,
    /// Calls that waited there and had their turn.
    pub fast_waited: u64,
    /// The time that they waited.
    pub fast_wait: Duration,
    /// Calls in the slow lane, running or waiting.
    pub slow_calls: usize,
    /// Calls that began there.
    pub slow_begun: u64,
    /// CPU time of the lane's threads of idle class.
    pub slow_idle_cpu: Duration,
    /// CPU time of the thread that keeps its minimum share.
    pub slow_minimum_cpu: Duration,
    /// Tenants that took the fast lane by surprise, each time.
    pub surprises: u64,
    /// Instances made ready ahead.
    pub ready: ReadyFigures,
    dropped: [[u64; Dropped::ALL.len()]; 2],
}

impl Figures {
    /// Calls that never began.
    #[must_use]
    pub const fn dropped(&self, lane: Lane, why: Dropped) -> u64 {
        self.dropped[lane as usize][why as usize]
    }
}

/// Counted by the lanes. An uncontended call touches none of it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    fast_waiting: AtomicUsize,
    fast_waited: AtomicU64,
    fast_wait_nanos: AtomicU64,
    slow_begun: AtomicU64,
    slow_idle_nanos: AtomicU64,
    slow_minimum_nanos: AtomicU64,
    surprises: AtomicU64,
    dropped: [[AtomicU64; Dropped::ALL.len()]; 2],
}

/// A call waits on an I/O thread, until this is dropped.
#[derive(Debug)]
pub(crate) struct FastWait(Arc<Counters>);

impl FastWait {
    pub(crate) fn begin(counters: &Arc<Counters>) -> Self {
        counters.fast_waiting.fetch_add(1, Relaxed);
        Self(Arc::clone(counters))
    }

    /// It has its turn.
    pub(crate) fn over(self, waited: Duration) {
        self.0.fast_waited.fetch_add(1, Relaxed);
        self.0.fast_wait_nanos.fetch_add(nanos(waited), Relaxed);
    }

    /// It never began.
    pub(crate) fn dropped(self, why: Dropped) {
        self.0.dropped(Lane::Fast, why);
    }
}

impl Drop for FastWait {
    fn drop(&mut self) {
        self.0.fast_waiting.fetch_sub(1, Relaxed);
    }
}

impl Counters {
    pub(crate) fn dropped(&self, lane: Lane, why: Dropped) {
        self.dropped[lane as usize][why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn begun_slowly(&self) {
        self.slow_begun.fetch_add(1, Relaxed);
    }

    pub(crate) fn surprised(&self) {
        self.surprises.fetch_add(1, Relaxed);
    }

    pub(crate) fn slow_idle(&self, cpu: Duration) {
        self.slow_idle_nanos.fetch_add(nanos(cpu), Relaxed);
    }

    pub(crate) fn slow_minimum(&self, cpu: Duration) {
        self.slow_minimum_nanos.fetch_add(nanos(cpu), Relaxed);
    }

    /// What the threads of idle class have had so far.
    pub(crate) fn slow_idle_cpu(&self) -> Duration {
        Duration::from_nanos(self.slow_idle_nanos.load(Relaxed))
    }

    pub(crate) fn figures(&self, slow_calls: usize, ready: ReadyFigures) -> Figures {
        Figures {
            fast_waiting: self.fast_waiting.load(Relaxed),
            fast_waited: self.fast_waited.load(Relaxed),
            fast_wait: Duration::from_nanos(self.fast_wait_nanos.load(Relaxed)),
            slow_calls,
            slow_begun: self.slow_begun.load(Relaxed),
            slow_idle_cpu: self.slow_idle_cpu(),
            slow_minimum_cpu: Duration::from_nanos(self.slow_minimum_nanos.load(Relaxed)),
            surprises: self.surprises.load(Relaxed),
            ready,
            dropped: [0, 1].map(|lane: usize| std::array::from_fn(|why| self.dropped[lane][why].load(Relaxed))),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
