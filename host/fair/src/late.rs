//! The late slices of one tenant: whether its guests take the fast lane by surprise.

use std::{
    sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::warning::{Outlived, Told, Warning, nanos};

/// Late slices that are so far apart have nothing to do with each other.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);
/// So many that did not run at once surprise: a machine may stand still twice in a second.
const SURPRISING: u32 = 3;
/// What a tenant's calls use of the fast lane entitles it to one part in so many of late slices:
/// it pays for them, and I/O waited for a slice at a time.
const PARTS: i64 = 5;
/// As much of that is remembered. A virtual machine that stands still does so
/// many times in a row.
const CREDIT_MAX: Duration = Duration::from_millis(50);

/// What a tenant may still be late. Approximate where several threads tell at once.
#[derive(Debug, Default)]
pub(crate) struct Late {
    latest: Warning,
    /// Nanoseconds; below zero after more than it was entitled to.
    credit: AtomicI64,
    /// What the tenant had used of the fast lane when that was counted.
    used: AtomicU64,
    /// Slices since there was credit.
    beyond: AtomicU32,
}

impl Late {
    /// Counts a slice that has been charged, after which its tenant had used so
    /// many nanoseconds of the fast lane. Says whether it is one too many; then counting
    /// begins anew.
    pub(crate) fn is_one_too_many(&self, slice: &Outlived, used: u64) -> bool {
        let told = self.latest.told(slice, WINDOW);
        if told == Told::Same {
            // What stood still went on together: what it ran on after the other one is its own.
            let own = self.latest.outlasted_by(slice).min(nanos(slice.cpu));
            self.credit.fetch_sub(signed(own), Relaxed);
            return false;
        }
        self.latest.keep(slice);
        let earned = signed(used.saturating_sub(self.used.fetch_max(used, Relaxed))) / PARTS;
        let before = self.credit.load(Relaxed).saturating_add(earned).min(signed(nanos(CREDIT_MAX)));
        let before = if told == Told::First { before.max(0) } else { before };
        let after = before.saturating_sub(signed(nanos(slice.cpu)));
        self.credit.store(after, Relaxed);
        let beyond = match after {
            0.. => 0,
            _ if told == Told::First => 1,
            _ => self.beyond.load(Relaxed) + 1,
        };
        let is_one_too_many = beyond >= SURPRISING;
        self.beyond.store(if is_one_too_many { 0 } else { beyond }, Relaxed);
        if is_one_too_many {
            self.latest.clear();
        }
        is_one_too_many
    }
}

/// 2^63 ns are 292 years.
fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Which of slices of a millisecond that ended at those milliseconds were one
    /// too many, of a tenant that had used `before` and uses `between` other time before each.
    fn told(before: Duration, ends: impl IntoIterator<Item = u32>, between: Duration) -> Vec<u32> {
        let (late, start, mut used) = (Late::default(), Instant::now() + WINDOW, before);
        let mut told = |at: &u32| {
            used += between + MS;
            let ended = start + *at * MS;
            late.is_one_too_many(&Outlived { began: ended - MS, ended, cpu: MS }, nanos(used))
        };
        ends.into_iter().filter(&mut told).collect()
    }

    #[test]
    fn three_with_nothing_between_them_are_one_too_many() {
        let none = Duration::ZERO;
        assert_eq!(told(none, [1, 2, 3, 4, 5, 6], none), [3, 6]);
        assert_eq!(told(none, [1, 500, 1_001], none), [1_001]);
        assert!(told(none, [1, 500, 2_000, 2_500, 4_000], none).is_empty(), "two at a time");
        assert_eq!(told(none, [1, 2, 1_500, 1_501, 1_502], none), [1_502], "what was long ago is forgiven");
    }

    #[test]
    fn those_that_were_late_together_are_one() {
        let none = Duration::ZERO;
        assert!(told(none, [5; 100], none).is_empty(), "a hundred threads stood still at once");
        assert_eq!(told(none, [5, 5, 5, 7, 7, 9], none), [9]);
    }

    #[test]
    fn long_ones_do_not_hide_behind_short_ones() {
        let (late, start, mut used, mut told) = (Late::default(), Instant::now() + WINDOW, 0, 0);
        // One thread runs slices of 50 ms, another one a millisecond within each of them.
        for at in (0..1_000).step_by(50) {
            for (from, long) in [(25, 1), (0, 50)] {
                let began = start + (at + from) * MS;
                let slice = Outlived { began, ended: began + long * MS, cpu: long * MS };
                used += nanos(slice.cpu);
                told += u32::from(late.is_one_too_many(&slice, used));
            }
        }
        assert!(told > 0);
    }

    #[test]
    fn what_was_used_before_and_between_entitles_to_some() {
        let none = Duration::ZERO;
        assert!(told(100 * MS, 1..=20, none).is_empty(), "a fifth of it");
        assert!(told(none, 1..=100, 5 * MS).is_empty(), "a sixth are late");
        assert_eq!(told(none, 1..=4, 3 * MS), [3], "a quarter are");
        // No more than fifty milliseconds are remembered, of however much.
        assert!((53..=70).contains(&told(Duration::from_secs(60), 1..=100, none)[0]));
    }
}
