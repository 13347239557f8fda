//! One tenant's claim on the CPU of a host.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use extensions_types::Weight;

use crate::{
    late::Late,
    room::{Purpose, Taken},
    warning::{Outlived, nanos, since_start},
};

/// How long a tenant's calls start slowly after one of them took the fast lane
/// by surprise: it began there and outlived its slices.
const SURPRISED_FOR: Duration = Duration::from_secs(1);
/// Surprises that come again soon double it, up to this many times: 16 s.
const SURPRISES_MAX: u32 = 4;

/// Where a turn was taken. Each lane shares out its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// On a thread that does I/O.
    Fast,
    /// On a thread of the slow lane.
    Slow,
}

/// One tenant's weight, what it used, and what it was lately like. Shared by all threads.
#[derive(Debug)]
pub struct Share {
    weight: AtomicU32,
    /// CPU time in the fast lane and in the slow one.
    used_nanos: [AtomicU64; 2],
    late: Late,
    /// On the clock of [`since_start`]; 0 for never.
    surprised_until: AtomicU64,
    surprises: AtomicU32,
    /// What the tenant holds of the [`crate::Room`] of each purpose.
    taken: [Taken; Purpose::NUMBER],
    is_tenant: bool,
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
        Self {
            weight: AtomicU32::new(weight.get().into()),
            used_nanos: [AtomicU64::new(0), AtomicU64::new(0)],
            late: Late::default(),
            surprised_until: AtomicU64::new(0),
            surprises: AtomicU32::new(0),
            taken: Default::default(),
            is_tenant: true,
        }
    }

    /// The share of all calls that no tenant pays for: no bound of one tenant
    /// holds for it and nothing is remembered of it.
    pub(crate) fn of_nobody() -> Self {
        Self { is_tenant: false, ..Self::default() }
    }

    pub(crate) fn is_tenant(&self) -> bool {
        self.is_tenant
    }

    pub(crate) fn taken(&self, purpose: Purpose) -> &Taken {
        &self.taken[purpose as usize]
    }

    /// Counts from now on.
    pub fn set_weight(&self, weight: Weight) {
        self.weight.store(weight.get().into(), Relaxed);
    }

    /// Adds thread CPU time that the tenant's calls took.
    pub fn charge(&self, lane: Lane, cpu: Duration) {
        self.used_nanos[lane as usize].fetch_add(nanos(cpu), Relaxed);
    }

    /// All CPU time so far.
    #[must_use]
    pub fn used(&self) -> Duration {
        self.used_in(Lane::Fast) + self.used_in(Lane::Slow)
    }

    /// CPU time in one lane so far.
    #[must_use]
    pub fn used_in(&self, lane: Lane) -> Duration {
        Duration::from_nanos(self.fine_used(lane))
    }

    pub(crate) fn fine_used(&self, lane: Lane) -> u64 {
        self.used_nanos[lane as usize].load(Relaxed)
    }

    /// What `nanos` of CPU time weigh: less for those who may use more.
    pub(crate) fn weighed(&self, nanos: u64) -> u64 {
        let weight = u64::from(self.weight.load(Relaxed)).max(1);
        // Rounded up, so that no turn is free.
        nanos.saturating_mul(Weight::DEFAULT.get().into()).div_ceil(weight)
    }

    /// A slice of the fast lane's calls of this tenant has been charged, and ended
    /// with the guest still running. A few may be the machine's doing, and so may
    /// several that ran at once, or some among many short ones. More are a
    /// surprise, of whichever calls. Says whether this was one.
    pub fn outlived(&self, slice: &Outlived) -> bool {
        let (at, until) = (since_start(slice.ended), self.surprised_until.load(Relaxed));
        // Calls that began together surprise together: that is one surprise.
        if !self.is_tenant || at < until || !self.late.is_one_too_many(slice, self.fine_used(Lane::Fast)) {
            return false;
        }
        let before = self.surprises.load(Relaxed);
        // After as long a time again without any, it is a first one.
        let again = until > 0 && at - until < remembered(before);
        let surprises = if again { (before + 1).min(SURPRISES_MAX) } else { 0 };
        self.surprises.store(surprises, Relaxed);
        self.surprised_until.store(at + remembered(surprises), Relaxed);
        true
    }

    /// Whether calls of the tenant start in the slow lane. Reads the clock only
    /// where there was ever a surprise.
    pub fn lately_surprised(&self, now: impl FnOnce() -> Instant) -> bool {
        let until = self.surprised_until.load(Relaxed);
        until > 0 && since_start(now()) < until
    }
}

/// Nanoseconds for which a surprise after so many others is remembered.
fn remembered(surprises: u32) -> u64 {
    nanos(SURPRISED_FOR) << surprises
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn lanes_are_charged_apart_and_add_up() {
        let share = Share::default();
        share.charge(Lane::Fast, SECOND);
        share.charge(Lane::Slow, 2 * SECOND);
        assert_eq!((share.used_in(Lane::Fast), share.used_in(Lane::Slow), share.used()), (SECOND, 2 * SECOND, 3 * SECOND));
    }

    #[test]
    fn a_heavier_share_pays_less_for_the_same() {
        let share = |weight| Share::new(Weight::new(weight).unwrap());
        assert_eq!(share(100).weighed(1_000), 1_000);
        assert_eq!(share(200).weighed(1_000), 500);
        assert_eq!(share(1_000).weighed(1), 1, "no turn is free");
        let changed = share(100);
        changed.set_weight(Weight::new(50).unwrap());
        assert_eq!(changed.weighed(1_000), 2_000);
    }

    const MS: Duration = Duration::from_millis(1);

    /// Outlives slices one after another until it surprises, if it does.
    fn surprise(share: &Share, now: Instant) -> bool {
        (0..10).any(|_| {
            share.charge(Lane::Fast, MS);
            share.outlived(&Outlived { began: now, ended: now, cpu: MS })
        })
    }

    #[test]
    fn a_surprise_is_remembered_for_a_while_and_longer_when_it_comes_again() {
        let share = Share::default();
        let start = Instant::now() + SECOND;
        let slow_at = |seconds: u64| share.lately_surprised(|| start + Duration::from_millis(seconds * 1_000));
        assert!(!slow_at(0));
        assert!(surprise(&share, start));
        assert!(slow_at(0) && !slow_at(1));
        // Another while it is remembered is the same one.
        assert!(!surprise(&share, start + SECOND / 2));
        assert!(!slow_at(1));
        assert!(surprise(&share, start + SECOND));
        assert!(slow_at(2) && !slow_at(3));
        assert!(surprise(&share, start + 3 * SECOND));
        assert!(slow_at(6) && !slow_at(7));
        // A long time later, it is a first one again.
        assert!(surprise(&share, start + 100 * SECOND));
        assert!(slow_at(100) && !slow_at(101));
    }

    #[test]
    fn nobody_is_never_remembered() {
        let share = Share::of_nobody();
        assert!(!surprise(&share, Instant::now()));
        assert!(!share.lately_surprised(Instant::now));
    }
}
