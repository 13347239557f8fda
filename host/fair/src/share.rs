//! One tenant's claim on the CPU of a host.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use extensions_types::Weight;

use crate::room::{Purpose, Taken};

/// How long a tenant's calls start slowly after one of them took the fast lane
/// by surprise: it began there and outlived its slices.
const SURPRISED_FOR: Duration = Duration::from_secs(1);
/// Surprises that come again soon double it, up to this many times: 16 s.
const SURPRISES_MAX: u32 = 4;
/// An outlived slice among calls that used as many times its CPU time surprises
/// nobody: the tenant pays for it, and I/O waited for a slice.
const RARE: u64 = 20;

/// Where a turn was taken. Each lane shares out its own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// On a thread that does I/O.
    Fast,
    /// On a thread of the slow lane.
    Slow,
}

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

/// One tenant's weight, what it used, and what it was lately like. Shared by all threads.
#[derive(Debug)]
pub struct Share {
    weight: AtomicU32,
    /// CPU time in the fast lane and in the slow one.
    used_nanos: [AtomicU64; 2],
    /// When a first slice was outlived, in nanoseconds after [`START`]; 0 for never.
    warned_at: AtomicU64,
    /// What was used of the fast lane by then.
    used_when_warned: AtomicU64,
    /// The same for the end of a surprise.
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
        LazyLock::force(&START);
        Self {
            weight: AtomicU32::new(weight.get().into()),
            used_nanos: [AtomicU64::new(0), AtomicU64::new(0)],
            warned_at: AtomicU64::new(0),
            used_when_warned: AtomicU64::new(0),
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
    /// with the guest still running. One may be the machine's doing (a page fault,
    /// cold code, a virtual machine that stood still, whose threads are charged for
    /// that), and so may several that ran at once, or one in a while among many
    /// short ones. Two after one another, of whichever call, with little between
    /// them, are a surprise. Says whether this was one.
    pub fn outlived(&self, slice: Outlived) -> bool {
        if !self.is_tenant {
            return false;
        }
        let (at, until) = (since_start(slice.ended), self.surprised_until.load(Relaxed));
        if at < until {
            // Calls that began together surprise together: that is one surprise.
            return false;
        }
        let warned = self.warned_at.load(Relaxed);
        if since_start(slice.began) < warned {
            return false;
        }
        let used = self.fine_used(Lane::Fast);
        let between = used.saturating_sub(self.used_when_warned.load(Relaxed));
        let is_rare = between > nanos(slice.cpu) * RARE;
        if warned == 0 || at.saturating_sub(warned) > nanos(SURPRISED_FOR) || is_rare {
            self.used_when_warned.store(used, Relaxed);
            self.warned_at.store(at, Relaxed);
            return false;
        }
        let before = self.surprises.load(Relaxed);
        // After as long a time again without any, it is a first one.
        let again = until > 0 && at - until < remembered(before);
        let surprises = if again { (before + 1).min(SURPRISES_MAX) } else { 0 };
        self.surprises.store(surprises, Relaxed);
        self.surprised_until.store(at + remembered(surprises), Relaxed);
        self.warned_at.store(0, Relaxed);
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

pub(crate) fn nanos(duration: Duration) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Before every time that shares are told.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Times as numbers; never 0.
fn since_start(now: Instant) -> u64 {
    nanos(now.saturating_duration_since(*START)) + 1
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

    /// A slice of a millisecond that ended then.
    fn slice(ended: Instant) -> Outlived {
        Outlived { began: ended - MS, ended, cpu: MS }
    }

    /// Outlives two slices after one another.
    fn surprise(share: &Share, now: Instant) -> bool {
        let _ = share.outlived(slice(now));
        share.outlived(Outlived { began: now, ..slice(now) })
    }

    #[test]
    fn slices_that_were_late_together_are_one_warning() {
        let (share, start) = (Share::default(), Instant::now() + SECOND);
        for _ in 0..8 {
            assert!(!share.outlived(slice(start)), "eight threads stood still at once");
        }
        assert!(share.outlived(slice(start + SECOND / 2)), "and then another one alone was late");
    }

    #[test]
    fn a_late_slice_among_many_short_ones_is_no_surprise() {
        let (share, start) = (Share::default(), Instant::now() + SECOND);
        for at in 1..9 {
            // An eighth of a second in which calls of 25 µs used half of a core, and a late slice.
            (0..2_500).for_each(|_| share.charge(Lane::Fast, MS / 40));
            share.charge(Lane::Fast, MS);
            assert!(!share.outlived(slice(start + at * SECOND / 8)));
        }
        share.charge(Lane::Fast, MS);
        assert!(share.outlived(slice(start + SECOND + 2 * MS)), "the next one was late as well");
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
    fn one_slice_now_and_then_is_no_surprise() {
        let share = Share::default();
        let start = Instant::now() + SECOND;
        for at in 0..10 {
            assert!(!share.outlived(slice(start + at * 2 * SECOND)));
        }
        assert!(!share.lately_surprised(|| start + 20 * SECOND));
    }

    #[test]
    fn nobody_is_never_remembered() {
        let share = Share::of_nobody();
        assert!(!surprise(&share, Instant::now()));
        assert!(!share.lately_surprised(Instant::now));
    }
}
