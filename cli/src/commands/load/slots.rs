//! Places for calls in flight: what bounds a load's memory.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Slots `0..count`; the one that was free longest is taken first.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) count: usize,
    free: Mutex<VecDeque<usize>>,
    given: Condvar,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        Self { count, free: Mutex::new((0..count).collect()), given: Condvar::new() }
    }

    /// A slot, if one is free.
    pub(super) fn take(&self) -> Option<usize> {
        self.free().pop_front()
    }

    /// A slot, waiting for one until `end` or until `stop` is set, which is looked at this often.
    pub(super) fn take_before(&self, end: Instant, look_every: Duration, stop: &AtomicBool) -> Option<usize> {
        let mut free = self.free();
        loop {
            if let Some(slot) = free.pop_front() {
                return Some(slot);
            }
            if stop.load(Ordering::Relaxed) || Instant::now() >= end {
                return None;
            }
            free = self.given.wait_timeout(free, look_every).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives one back.
    pub(super) fn give(&self, slot: usize) {
        self.free().push_back(slot);
        self.given.notify_one();
    }

    /// Calls that wait for their answers.
    pub(super) fn in_flight(&self) -> usize {
        self.count - self.free().len()
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
