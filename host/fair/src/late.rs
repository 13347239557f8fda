//! The late slices of one tenant: whether its guests take the fast lane by surprise.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::warning::{Outlived, Told, Warning, nanos, since_start};

/// Late slices are counted for so long.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);
/// So many that did not run at once surprise: a virtual machine may stand still twice in a second.
const SURPRISING: u32 = 3;
/// And only where they took more than one part in so many of what the tenant's
/// calls used meanwhile: it pays for them, and I/O waited for a slice at a time.
const PARTS: u64 = 5;

/// What was late since a window began. Approximate where several threads tell at once.
#[derive(Debug, Default)]
pub(crate) struct Late {
    latest: Warning,
    /// When the first of them ended, on the clock of [`since_start`]; 0 for never.
    since: AtomicU64,
    number: AtomicU32,
    nanos: AtomicU64,
    /// What the tenant had used before the first of them.
    used_before: AtomicU64,
}

impl Late {
    /// Counts a slice that has been charged, after which its tenant had used so
    /// many nanoseconds in all. Says whether it is one too many; then counting
    /// begins anew.
    pub(crate) fn is_one_too_many(&self, slice: &Outlived, used: u64) -> bool {
        if self.latest.told(slice, WINDOW) == Told::Same {
            return false;
        }
        self.latest.keep(slice);
        let (at, cpu) = (since_start(slice.ended), nanos(slice.cpu));
        if at.saturating_sub(self.since.load(Relaxed)) > nanos(WINDOW) || self.number.load(Relaxed) == 0 {
            self.since.store(at, Relaxed);
            self.number.store(0, Relaxed);
            self.nanos.store(0, Relaxed);
            self.used_before.store(used.saturating_sub(cpu), Relaxed);
        }
        let number = self.number.fetch_add(1, Relaxed) + 1;
        let late = self.nanos.fetch_add(cpu, Relaxed).saturating_add(cpu);
        let used = used.saturating_sub(self.used_before.load(Relaxed));
        let is_one_too_many = number >= SURPRISING && late.saturating_mul(PARTS) > used;
        if is_one_too_many {
            self.number.store(0, Relaxed);
            self.latest.clear();
        }
        is_one_too_many
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A slice of a millisecond that ended so many of them after `start`.
    fn slice(start: Instant, millis: u32) -> Outlived {
        let ended = start + millis * MS;
        Outlived { began: ended - MS, ended, cpu: MS }
    }

    /// Which of slices that ended at those milliseconds, each after so much other CPU time, were one too many.
    fn told(ends: impl IntoIterator<Item = u32>, between: Duration) -> Vec<u32> {
        let (late, start, mut used) = (Late::default(), Instant::now() + WINDOW, 0);
        let mut told = |at: &u32| {
            used += nanos(between + MS);
            late.is_one_too_many(&slice(start, *at), used)
        };
        ends.into_iter().filter(&mut told).collect()
    }

    #[test]
    fn three_in_a_second_are_one_too_many() {
        assert_eq!(told([1, 2, 3, 4, 5, 6], Duration::ZERO), [3, 6]);
        assert_eq!(told([1, 500, 1_001], Duration::ZERO), [1_001]);
        assert!(told([1, 500, 1_002, 1_500, 2_100], Duration::ZERO).is_empty());
    }

    #[test]
    fn those_that_were_late_together_are_one() {
        assert!(told([5; 100], Duration::ZERO).is_empty(), "a hundred threads stood still at once");
        assert_eq!(told([5, 5, 5, 7, 7, 9], Duration::ZERO), [9]);
    }

    #[test]
    fn a_few_among_many_short_slices_are_none() {
        assert!(told((1..=9).map(|at| at * 100), 8 * MS).is_empty());
        assert_eq!(told((1..=3).map(|at| at * 100), 3 * MS), [300]);
    }
}
