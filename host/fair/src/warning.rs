//! Slices that were late: together, alone, or one after another.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// A slice that ended late, or with the guest still running.
#[derive(Debug, Clone, Copy)]
pub struct Outlived {
    /// When the slice began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// What it was charged.
    pub cpu: Duration,
}

/// What a late slice says beside the one that was kept as a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// No other one was late in a while.
    First,
    /// It began before the other one had ended. The machine may have stood still
    /// for both: a page fault, cold code, a virtual machine that was stopped,
    /// whose threads are charged for that.
    Same,
    /// It came after the other one, and soon.
    Second,
}

/// The latest slice that was late, for as long as a second one would count.
#[derive(Debug)]
pub struct Warning {
    /// When it ended, in nanoseconds after [`START`]; 0 for never.
    at: AtomicU64,
}

impl Default for Warning {
    fn default() -> Self {
        LazyLock::force(&START);
        Self { at: AtomicU64::new(0) }
    }
}

impl Warning {
    /// What `slice` says where two within `window` belong together.
    #[must_use]
    pub fn told(&self, slice: &Outlived, window: Duration) -> Told {
        let at = self.at.load(Relaxed);
        if since_start(slice.began) < at {
            Told::Same
        } else if at == 0 || since_start(slice.ended).saturating_sub(at) > nanos(window) {
            Told::First
        } else {
            Told::Second
        }
    }

    /// For how many nanoseconds `slice` went on after the kept one had ended.
    pub(crate) fn outlasted_by(&self, slice: &Outlived) -> u64 {
        since_start(slice.ended).saturating_sub(self.at.load(Relaxed))
    }

    /// Keeps `slice` as the one that others are told beside.
    pub fn keep(&self, slice: &Outlived) {
        self.at.store(since_start(slice.ended), Relaxed);
    }

    /// Forgets it: the next slice is a first one.
    pub fn clear(&self) {
        self.at.store(0, Relaxed);
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Before every time that warnings and shares are told.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Times as numbers; never 0.
pub(crate) fn since_start(now: Instant) -> u64 {
    nanos(now.saturating_duration_since(*START)) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const WINDOW: Duration = Duration::from_secs(1);

    #[test]
    fn slices_are_told_apart_by_when_they_began() {
        let (warning, start) = (Warning::default(), Instant::now() + WINDOW);
        let slice = |began: Instant| Outlived { began, ended: began + MS, cpu: MS };
        assert_eq!(warning.told(&slice(start), WINDOW), Told::First);
        warning.keep(&slice(start));
        assert_eq!(warning.told(&slice(start), WINDOW), Told::Same);
        assert_eq!(warning.told(&slice(start + MS), WINDOW), Told::Second);
        assert_eq!(warning.told(&slice(start + WINDOW), WINDOW), Told::Second);
        assert_eq!(warning.told(&slice(start + WINDOW + MS), WINDOW), Told::First);
        warning.clear();
        assert_eq!(warning.told(&slice(start + MS), WINDOW), Told::First);
    }
}
