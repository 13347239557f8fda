//! What an extension was lately like: whether its calls outlive their slices,
//! and how long they take at least. Forgets after a while.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use extensions_fair::{Outlived, Told, Warning};

use crate::budget::SLICE;

/// Two slices outlived within this time, of one call or of two, make a long call.
const WARNED_FOR: Duration = Duration::from_secs(1);
/// What a long call adds; a quick one takes one off. So a mixed extension starts
/// slowly while more than a third of its calls are long.
const LONG_CALL: u32 = 2;
const SCORE_MAX: u32 = 16;
/// For how long each point of the score is remembered: 2 s after one long call,
/// 16 s for an extension that usually runs long.
const REMEMBERED: Duration = Duration::from_secs(1);

/// Written only where calls are long, or lately were: the calls of a quick
/// extension on several threads do not compete for it.
#[derive(Debug)]
pub(crate) struct History {
    loaded: Instant,
    score: AtomicU32,
    warning: Warning,
    /// Milliseconds after `loaded`, plus one; 0 for never.
    long_at: AtomicU64,
    /// CPU time of the quickest call since `quickest_from`, in nanoseconds; 0 for none.
    quickest: AtomicU64,
    quickest_from: AtomicU64,
}

impl History {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        let score = AtomicU32::new(0);
        Self { loaded: Instant::now(), score, warning: Warning::default(), long_at: zero(), quickest: zero(), quickest_from: zero() }
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.loaded).as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// One of a call's first two slices has ended with the guest still running.
    /// Slices that ran at once say no more than one: the machine may have stood
    /// still. One that `is_long` is the guest's doing, and says enough.
    pub(crate) fn outlived(&self, slice: &Outlived, is_long: bool) {
        let told = self.warning.told(slice, WARNED_FOR);
        if is_long || told == Told::Second {
            self.warning.clear();
            self.long_at.store(self.millis(slice.ended), Relaxed);
            self.score.store((self.score() + LONG_CALL).min(SCORE_MAX), Relaxed);
        } else if told == Told::First {
            self.warning.keep(slice);
        }
    }

    /// A call has ended that took so much CPU time in so many slices.
    pub(crate) fn ended(&self, slices: u32, cpu: Duration, now: Instant) {
        let score = self.score();
        let is_quick = slices <= 1 && cpu < SLICE;
        if score == 0 && is_quick {
            return;
        }
        if is_quick {
            self.score.store(score - 1, Relaxed);
        }
        let (at, nanos) = (self.millis(now), u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX));
        if self.is_past(&self.quickest_from, REMEMBERED, at) {
            self.quickest_from.store(at, Relaxed);
            self.quickest.store(nanos, Relaxed);
        } else {
            self.quickest.fetch_min(nanos, Relaxed);
        }
    }

    /// Whether its next call should not begin on an I/O thread.
    pub(crate) fn is_usually_long(&self, now: impl FnOnce() -> Instant) -> bool {
        let score = self.score();
        // Most extensions never were; they read no clock for it.
        score > 0 && !self.is_past(&self.long_at, REMEMBERED * score, self.millis(now()))
    }

    /// What even the quickest of its latest calls took, where calls are lately long.
    pub(crate) fn takes_at_least(&self, now: Instant) -> Duration {
        let is_known = self.is_usually_long(|| now) && !self.is_past(&self.quickest_from, 2 * REMEMBERED, self.millis(now));
        if is_known { Duration::from_nanos(self.quickest.load(Relaxed)) } else { Duration::ZERO }
    }

    fn score(&self) -> u32 {
        self.score.load(Relaxed)
    }

    /// Whether `since` is `length` ago or never was.
    fn is_past(&self, since: &AtomicU64, length: Duration, at: u64) -> bool {
        let since = since.load(Relaxed);
        since == 0 || at.saturating_sub(since) >= millis(length)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    fn slice(ended: Instant) -> Outlived {
        Outlived { began: ended, ended, cpu: MS }
    }

    fn long_call(history: &History, now: Instant) {
        history.outlived(&slice(now), false);
        history.outlived(&slice(now), false);
        history.ended(40, 20 * MS, now);
    }

    #[test]
    fn one_slice_may_be_the_machines_doing_two_are_the_guests() {
        let (history, start) = (History::new(), Instant::now());
        history.outlived(&slice(start), false);
        assert!(!history.is_usually_long(|| start));
        history.outlived(&slice(start + 2 * SECOND), false);
        assert!(!history.is_usually_long(|| start + 2 * SECOND));
        history.outlived(&slice(start + 2 * SECOND + MS), false);
        assert!(history.is_usually_long(|| start + 2 * SECOND + MS));
    }

    #[test]
    fn slices_that_were_late_together_are_one_and_a_long_one_is_enough() {
        let (history, start) = (History::new(), Instant::now());
        let late = Outlived { began: start, ended: start + 10 * MS, cpu: 10 * MS };
        for _ in 0..8 {
            history.outlived(&late, false);
        }
        assert!(!history.is_usually_long(|| start + 10 * MS), "eight threads stood still at once");
        history.outlived(&late, true);
        assert!(history.is_usually_long(|| start + 10 * MS));
    }

    #[test]
    fn it_forgets_and_later_so_when_it_was_long_often() {
        let (history, start) = (History::new(), Instant::now());
        let is_long = |seconds: u32| history.is_usually_long(|| start + seconds * SECOND);
        long_call(&history, start);
        assert!(is_long(1) && !is_long(2));
        (0..20).for_each(|_| long_call(&history, start));
        assert!(is_long(15) && !is_long(16));
    }

    #[test]
    fn quick_calls_take_it_back() {
        let (history, start) = (History::new(), Instant::now());
        long_call(&history, start);
        history.ended(1, MS / 10, start);
        assert!(history.is_usually_long(|| start));
        history.ended(1, MS / 10, start);
        assert!(!history.is_usually_long(|| start));
        // Half long, half quick is long.
        for _ in 0..10 {
            long_call(&history, start);
            history.ended(1, MS / 10, start);
        }
        assert!(history.is_usually_long(|| start));
    }

    #[test]
    fn the_quickest_call_says_what_it_takes() {
        let (history, start) = (History::new(), Instant::now());
        assert_eq!(history.takes_at_least(start), Duration::ZERO);
        long_call(&history, start);
        long_call(&history, start);
        assert_eq!(history.takes_at_least(start), 20 * MS);
        history.ended(10, 4 * MS, start);
        assert_eq!(history.takes_at_least(start), 4 * MS);
        assert_eq!(history.takes_at_least(start + 2 * SECOND), Duration::ZERO, "what was not measured lately is not known");
    }
}
